//! Time per grant of each way through the record layer, on the grants of a golden file.
//!
//! Run: `cargo bench -p c1z --bench records`. The rows of `testdata/golden/realistic` are repeated, so
//! they stay in cache: figures are those of the code alone, without reading tables. The best of many
//! short rounds is shown, which other work on the machine disturbs least. Numbers are evidence, not a
//! gate; the tests guard equality of the ways.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measuring program reads fixtures and the clock, and prints"
)]

use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use c1z::Result;
use c1z::digest::{DigestBuilder, GrantHasher};
use c1z::keyspace::{Deriver, Family, GrantKey, IndexSet, Key};
use c1z::record::{Expansion, GrantPut, GrantView, grant, message};
use c1z_proto::connector::v2::Grant;
use c1z_proto::storage::v3::GrantRecord;

const ROWS: f64 = 25_000.0;
const ROUNDS: usize = 40;
const GRANTS: usize = 25_000;

type Row = (Vec<u8>, Vec<u8>);

fn main() {
    let rows = grants();
    let bytes: usize = rows.iter().map(|(_, value)| value.len()).sum();
    println!(
        "{} rows, {} bytes a value; ns per grant:",
        rows.len(),
        bytes / rows.len()
    );
    read(&rows);
    write(&rows);
    keys(&rows);
}

/// Rows of grants in key order.
fn grants() -> Vec<Row> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/realistic/kv.ndjson.gz");
    let file = std::fs::read(path).expect("golden file");
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&file[..]);
    decoder.read_to_string(&mut text).expect("gzip");
    let row = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        (hex(&line["key_hex"]), hex(&line["value_hex"]))
    };
    let rows = text.lines().map(row);
    rows.filter(|(key, _)| Family::of(key) == Some(Family::Grant))
        .collect()
}

fn hex(text: &serde_json::Value) -> Vec<u8> {
    let text = text.as_str().expect("text");
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2).expect("digits"), 16);
    (0..text.len())
        .step_by(2)
        .map(|at| byte(at).expect("hex"))
        .collect()
}

/// Calls `work` on rows in several rounds and prints the best time per row.
fn measure(name: &str, rows: &[Row], mut work: impl FnMut(&Row) -> Result<()>) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for row in rows.iter().cycle().take(GRANTS) {
            work(row).expect("golden rows are sound");
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{name:<44} {:>7.0}", best * 1e9 / ROWS);
}

fn read(rows: &[Row]) {
    measure("view: parse", rows, |(_, value)| {
        black_box(GrantView::parse(value)?);
        Ok(())
    });
    let mut out = Vec::new();
    measure("view: parse, message bytes", rows, |(_, value)| {
        out.clear();
        GrantView::parse(value)?.write_v2(Expansion::Attach, &mut out)?;
        black_box(&out);
        Ok(())
    });
    measure("view: parse, message", rows, |(_, value)| {
        black_box(GrantView::parse(value)?.to_message(Expansion::Attach)?);
        Ok(())
    });
    let mut message = Grant::default();
    measure("view: parse, message filled again", rows, |(_, value)| {
        GrantView::parse(value)?.fill_message(Expansion::Attach, &mut message)?;
        black_box(&message);
        Ok(())
    });
    measure("record: decode", rows, |(_, value)| {
        black_box(message::decode::<GrantRecord>("grant record", value)?);
        Ok(())
    });
    measure("record: decode, message", rows, |(_, value)| {
        let record: GrantRecord = message::decode("grant record", value)?;
        black_box(grant::from_record(record, Expansion::Attach));
        Ok(())
    });
}

fn write(rows: &[Row]) {
    let messages: Vec<Grant> = rows
        .iter()
        .map(|(_, value)| GrantView::parse(value)?.to_message(Expansion::Attach))
        .collect::<Result<_>>()
        .expect("golden rows are sound");
    let put = GrantPut::default();
    let mut out = Vec::new();
    let mut next = messages.iter().cycle();
    measure("message: stored bytes", rows, |_| {
        out.clear();
        grant::encode_into(next.next().expect("a grant"), &put, &mut out)?;
        black_box(&out);
        Ok(())
    });
    let mut next = messages.iter().cycle();
    measure("message: record, stored bytes", rows, |_| {
        let record = grant::to_record(next.next().expect("a grant"), &put)?;
        black_box(message::encode(&record));
        Ok(())
    });
    let mut next = messages.iter().cycle();
    measure("message: key", rows, |_| {
        out.clear();
        Key::Grant(grant::identity_of(next.next().expect("a grant"))?).encode_into(&mut out);
        black_box(&out);
        Ok(())
    });
}

fn keys(rows: &[Row]) {
    measure("key: parse whole", rows, |(key, _)| {
        black_box(Key::parse(key)?);
        Ok(())
    });
    measure("key: cut in halves", rows, |(key, _)| {
        black_box(GrantKey::parse(key)?);
        Ok(())
    });
    let mut deriver = Deriver::new(IndexSet::ALL);
    measure("indexes: derive", rows, |(key, value)| {
        deriver.derive(key, value, &mut |row| {
            black_box(row);
            Ok(())
        })
    });
    let mut hashing = GrantHasher::new();
    measure("digest: hash", rows, |(key, value)| {
        black_box(hashing.hash(key, value)?);
        Ok(())
    });
    let (mut hashing, mut builder) = (GrantHasher::new(), DigestBuilder::new());
    let hashed: Vec<_> = rows
        .iter()
        .map(|(key, value)| hashing.hash(key, value))
        .collect::<Result<_>>()
        .expect("golden rows are sound");
    let mut next = hashed.iter().cycle();
    let mut left = rows.len();
    measure("digest: add to nodes", rows, |_| {
        // A builder takes partitions in order, once.
        if left == 0 {
            builder = DigestBuilder::new();
            left = rows.len();
        }
        left -= 1;
        builder.grant(next.next().expect("a grant"), &mut |_, value| {
            black_box(value);
            Ok(())
        })
    });
}
