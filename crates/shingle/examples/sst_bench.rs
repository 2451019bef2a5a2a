//! Measures writing and reading of tables, in memory: `cargo run --release --example sst_bench`.
//!
//! Rows look like grants: keys of about 80 bytes with long shared prefixes, values of about 220. Times
//! are CPU time of the measuring thread where the system tells it, so that a busy machine disturbs
//! little; with a pool of threads, wall time. Read ratios, not seconds.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program, not part of the product"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shingle::cursor::Cursor;
use shingle::key::{Kind, SeqNo, Trailer};
use shingle::sst::{
    CacheMode, Compression, CompressionPool, Table, TableOptions, TableWriter, WriterOptions,
};
use shingle::vfs::{Fs, MemFile, MemFs};

const ROWS: u64 = 400_000;
const ROUNDS: usize = 5;

/// CPU time of this thread, or wall time.
fn now(start: Instant) -> Duration {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// The median time of a few rounds.
fn measure<T>(mut work: impl FnMut() -> T) -> (Duration, T) {
    let start = Instant::now();
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..ROUNDS {
        let before = now(start);
        last = Some(work());
        times.push(now(start).saturating_sub(before));
    }
    times.sort();
    (*times.get(ROUNDS / 2).unwrap(), last.unwrap())
}

/// A generator of numbers from a seed.
struct Numbers(u64);

impl Numbers {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 29)
    }
}

fn rows() -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut numbers = Numbers(1);
    (0..ROWS)
        .map(|i| {
            let (group, user) = (i / 200, i % 200 * 37);
            let key = format!(
                "\x03\x04grant\x00app:github\x00group:{group:08}:member\x00user\x00u-{user:012}-{:08x}",
                numbers.draw() >> 32
            );
            let value = format!(
                "\n\x24group:{group:08}:member:user:{user:08}\x12\x10{:016x}\x1a\x40sources\
                 {{direct=true,via=github,entitlement=member,resource=group}}\x22\x08{:08x}\
                 discovered_at=2026-11-24T08:00:00.{:09}Z etag={:016x}",
                numbers.draw(),
                numbers.draw() >> 40,
                numbers.draw() % 1_000_000_000,
                numbers.draw(),
            );
            (key.into_bytes(), value.into_bytes())
        })
        .collect()
}

fn write(rows: &[(Vec<u8>, Vec<u8>)], options: &WriterOptions) -> Vec<u8> {
    let fs = MemFs::new();
    let path = Path::new("bench.sst");
    let mut writer = TableWriter::new(fs.create(path).unwrap(), path, options.clone()).unwrap();
    let trailer = Trailer::new(SeqNo(0), Kind::Set);
    for (key, value) in rows {
        writer.add(key, trailer, value).unwrap();
    }
    writer.finish().unwrap();
    fs.read(path).unwrap()
}

fn report(what: &str, time: Duration, rows: u64, raw_len: u64) {
    let seconds = time.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (rows, megabytes) = (rows as f64, raw_len as f64 / 1e6);
    println!(
        "{what:44} {:8.1} ns/row {:7.2} M rows/s {:8.0} MB/s raw",
        seconds * 1e9 / rows,
        rows / seconds / 1e6,
        megabytes / seconds
    );
}

fn main() {
    let rows = rows();
    let raw_len: u64 = rows.iter().map(|(k, v)| (k.len() + v.len()) as u64).sum();
    println!("{ROWS} rows, {raw_len} bytes, {} a row", raw_len / ROWS);
    let settings = [
        ("none", Compression::None),
        ("snappy", Compression::Snappy),
        ("zstd1", Compression::Zstd(1)),
    ];
    for (name, compression) in settings {
        for verify in [false, true] {
            let options = WriterOptions {
                compression,
                verify,
                ..WriterOptions::default()
            };
            let (time, _) = measure(|| write(&rows, &options));
            report(
                &format!("write {name} verify={verify}"),
                time,
                ROWS,
                raw_len,
            );
        }
    }
    let pool = Arc::new(CompressionPool::new(2).unwrap());
    let options = WriterOptions {
        pool: Some(pool),
        ..WriterOptions::default()
    };
    let (time, _) = measure(|| write(&rows, &options));
    report(
        "write snappy verify=true, caller beside pool",
        time,
        ROWS,
        raw_len,
    );
    for (name, compression) in settings {
        let options = WriterOptions {
            compression,
            ..WriterOptions::default()
        };
        read(name, &rows, raw_len, write(&rows, &options));
    }
}

fn read(name: &str, rows: &[(Vec<u8>, Vec<u8>)], raw_len: u64, bytes: Vec<u8>) {
    let options = TableOptions {
        cache: Arc::new(shingle::cache::Cache::new(1 << 30)),
        ..TableOptions::default()
    };
    println!("table {name}: {} bytes", bytes.len());
    let file = Arc::new(MemFile::new(bytes));
    let table = Arc::new(Table::open(file, "bench.sst", &options).unwrap());
    let scan = |mode| {
        let mut cursor = table.cursor(mode);
        cursor.seek_first().unwrap();
        let mut sum = 0;
        while cursor.is_valid() {
            let len = cursor.user_key().len() + cursor.value().len();
            sum += len as u64 + cursor.trailer().0;
            cursor.next().unwrap();
        }
        sum
    };
    let (time, _) = measure(|| black_box(scan(CacheMode::Bypass)));
    report(&format!("scan {name}, no cache"), time, ROWS, raw_len);
    let (time, _) = measure(|| {
        let mut cursor = table.cursor(CacheMode::Bypass);
        cursor.seek_last().unwrap();
        let mut count = 0;
        while cursor.is_valid() {
            count += cursor.value().len();
            cursor.prev().unwrap();
        }
        black_box(count)
    });
    report(
        &format!("scan {name} backwards, no cache"),
        time,
        ROWS,
        raw_len,
    );
    scan(CacheMode::Fill);
    let (time, _) = measure(|| black_box(scan(CacheMode::Bypass)));
    report(&format!("scan {name}, all cached"), time, ROWS, raw_len);
    let probes: Vec<_> = rows.iter().step_by(17).collect();
    let (time, ()) = measure(|| {
        for (key, value) in &probes {
            let found = table.get(key, SeqNo::MAX, CacheMode::Fill).unwrap();
            assert_eq!(found.unwrap().1.len(), value.len());
        }
    });
    report(
        &format!("get {name}, all cached"),
        time,
        probes.len() as u64,
        0,
    );
}
