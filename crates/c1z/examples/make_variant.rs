//! Makes files for measuring comparisons and merges out of a v3 file:
//!
//! ```text
//! make_variant change FILE OUT PERMILLE    the sync, with so many of a thousand grants changed
//! make_variant part FILE OUT PERMILLE SEED those grants alone, changed and newer, as a partial sync
//! ```
#![expect(clippy::print_stdout, reason = "says what it wrote")]

use c1z::engine::ids::{Ksuids, SyncIds as _};
use c1z::engine::types::{SyncType, Timestamp};
use c1z::ops::build::{BuildOptions, InputOrder, PackOptions, RunToWrite, V3Builder};
use c1z::ops::{RecordKind, StoredRecord};
use c1z::record::{message, timestamp};
use c1z_proto::google::protobuf::Any;
use c1z_proto::storage::v3::GrantRecord;
use shingle::db::ScanOptions;
use shingle::iter::Bounds;
use std::sync::Arc;
use testkit::chance::SeededEntropy;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["change", file, out, permille] => make(file, out, permille.parse()?, None),
        ["part", file, out, permille, seed] => {
            make(file, out, permille.parse()?, Some(seed.parse()?))
        }
        _ => {
            Err("usage: make_variant change FILE OUT PERMILLE | part FILE OUT PERMILLE SEED".into())
        }
    }
}

fn make(file: &str, out: &str, permille: u64, part: Option<u64>) -> Outcome<()> {
    let store = c1z::open(file)?;
    let database = store.database().ok_or("not a v3 file")?;
    let mut run = store
        .reader()
        .latest_finished_sync(None)?
        .ok_or("no finished sync")?;
    run.id = Ksuids::new(Arc::new(SeededEntropy::seeded(
        permille + 1_000 * part.unwrap_or(0),
    )))
    .next(run.started_at.unwrap_or_default())?;
    run.stats = None;
    if part.is_some() {
        run.sync_type = SyncType::Partial;
    }
    let newer = run
        .ended_at
        .map(|at| at.plus_seconds(1 + i64::try_from(part.unwrap_or(0)).unwrap_or_default()));
    let build = BuildOptions {
        order: InputOrder::Ascending,
        ..BuildOptions::default()
    };
    let mut builder = V3Builder::new(out, &build, &PackOptions::default(), true)?;
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    let (mut kept, mut changed) = (0_u64, 0_u64);
    while let Some((key, value)) = scan.next()? {
        let Some(record) = StoredRecord::of_row(key, value) else {
            continue;
        };
        let is_chosen = record.kind == RecordKind::Grant
            && scattered(kept + changed + 1_000_003 * part.unwrap_or(0)) % 1_000 < permille;
        if is_chosen {
            let value = changed_grant(value, newer)?;
            builder.sync().put(&StoredRecord {
                value: &value,
                ..record
            })?;
            changed += 1;
        } else if part.is_none() {
            builder.sync().put(&record)?;
            kept += 1;
        } else {
            kept += 1;
        }
    }
    builder.finish(Some(RunToWrite {
        run: &run,
        stored: None,
    }))?;
    println!("{out}: {changed} changed of {}", kept + changed);
    Ok(())
}

fn changed_grant(value: &[u8], newer: Option<Timestamp>) -> Outcome<Vec<u8>> {
    let mut grant: GrantRecord = message::decode("grant record", value)?;
    grant.annotations.push(Any {
        type_url: "type.googleapis.com/c1.connector.v2.GrantImmutable".to_owned(),
        ..Default::default()
    });
    if let Some(newer) = newer {
        grant.discovered_at = timestamp::to_field(Some(newer));
    }
    Ok(message::encode(&grant))
}

/// A number that looks like chance.
fn scattered(number: u64) -> u64 {
    let mixed = (number ^ number >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
}
