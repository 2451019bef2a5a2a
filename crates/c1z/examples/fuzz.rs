//! Feeds damaged golden bytes to every decoder for a while: `cargo run --release -p c1z --example fuzz -- SECONDS [SEED]
//! [TARGET]` (`just fuzz SECONDS SEED`). Without a seed the rounds are the same in every run: at most 1,000 a second. Runs on the stable toolchain; what it calls are the same entry points that a coverage-guided
//! fuzzer would.
//!
//! A decoder passes if it neither panics nor breaks the promise that its entry point asserts (what was accepted encodes
//! back, reads end, offsets ascend). The seed is printed; a panic prints target, seed file and round on top.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test tool: it reports on standard output and stops on unexpected data"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use c1z::envelope::{EnvelopeFile, OpenOptions};
use c1z::{MemoryBudget, digest, engine, envelope, keyspace, ops, record, sqlite_file};
use shingle::vfs::{Clock, Fs, OsClock, OsFs, ReadFile};
use shingle::{manifest, sst, wal};

/// Files larger than this make slow rounds and find nothing more.
const INPUT_LEN_MAX: u64 = 96 << 10;

type Target = (&'static str, &'static [&'static str], fn(&[u8]));

/// Name, endings of the golden files that seed it, entry point.
const TARGETS: [Target; 30] = [
    ("envelope-header", &[".c1z"], envelope::fuzz::header),
    ("envelope-index", &[".c1z"], envelope::fuzz::index),
    ("envelope-seek-table", &[".c1z"], envelope::fuzz::seek_table),
    ("envelope-tar", &["pebble-dir.tar"], envelope::fuzz::tar),
    ("envelope-v1-stream", &["v1.c1z"], envelope::fuzz::v1_stream),
    ("envelope-file", &[".c1z"], envelope::fuzz::file),
    ("keyspace-key", &[".sst"], keyspace::fuzz::key),
    ("keyspace-derive", &[".sst"], |bytes| {
        halves(bytes, keyspace::fuzz::derive);
    }),
    ("keyspace-bare-id", &[".sst"], |bytes| {
        keyspace::fuzz::bare_id(&String::from_utf8_lossy(bytes));
    }),
    ("record-value", &[".sst"], |bytes| {
        for family in keyspace::Family::ALL {
            record::fuzz::value(family, bytes);
        }
    }),
    ("record-token", &["manifest.json"], |bytes| {
        record::fuzz::token(&String::from_utf8_lossy(bytes));
    }),
    ("digest-row", &[".sst"], |bytes| {
        halves(bytes, digest::fuzz::row);
    }),
    ("sqlite-read", &["v1.c1z"], |bytes| {
        drop(sqlite_file::fuzz::read(bytes));
    }),
    ("sqlite-check", &["v1.c1z"], |bytes| {
        drop(sqlite_file::fuzz::check(bytes));
    }),
    ("v1-database", &["v1.c1z"], engine::fuzz::v1_database),
    (
        "sqlite-statement",
        &["manifest.json"],
        sqlite_file::fuzz::statement,
    ),
    ("manifest-file", &["pebble-dir.tar"], manifest::fuzz::file),
    ("manifest-edit", &["pebble-dir.tar"], manifest::fuzz::edit),
    ("wal-log", &["pebble-dir.tar"], wal::fuzz::log),
    ("wal-batch", &["pebble-dir.tar"], wal::fuzz::batch),
    ("sst-table", &[".sst"], sst::fuzz::table),
    ("sst-data-block", &[".sst"], sst::fuzz::data_block),
    ("sst-row-block", &[".sst"], sst::fuzz::row_data_block),
    ("sst-index-block", &[".sst"], sst::fuzz::index_block),
    ("sst-range-deletes", &[".sst"], sst::fuzz::range_deletes),
    ("sst-properties", &[".sst"], sst::fuzz::properties),
    (
        "proto-bytes",
        &[".sst", "v3.tar.c1z"],
        c1z_proto::fuzz::bytes,
    ),
    ("ndjson-file", &["manifest.json"], |bytes| {
        ops::ndjson::fuzz::file(bytes);
    }),
    ("ndjson-edited", &[".sst"], |bytes| {
        ops::ndjson::fuzz::edited(bytes);
    }),
    ("proto-text", &["manifest.json"], c1z_proto::fuzz::text),
];

/// Targets that damage the database inside a v1 file, not the stream it is packed in.
const DATABASE_TARGETS: [&str; 3] = ["sqlite-read", "sqlite-check", "v1-database"];

fn main() {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().and_then(|text| text.parse().ok()).unwrap_or(10);
    let seed: Option<u64> = args.next().and_then(|text| text.parse().ok());
    let only = args.next();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let mut files = Vec::new();
    collect(&golden, &mut files);
    files.sort();
    let limit = Limit {
        time: Duration::from_secs(seconds),
        rounds: if seed.is_none() {
            seconds * 1_000
        } else {
            u64::MAX
        },
    };
    let seed = seed.unwrap_or(1).max(1);
    println!("seed {seed}, {seconds} s a target");
    for (name, endings, target) in TARGETS {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let inputs: Vec<_> = files
            .iter()
            .filter(|file| endings.iter().any(|ending| ends_with(file, ending)))
            .collect();
        assert!(!inputs.is_empty(), "{name}: no golden file seeds it");
        let rounds = fuzz(target, &inputs, seed, limit, name);
        println!("{name}: {rounds} rounds over {} files", inputs.len());
    }
}

/// When a target had enough.
#[derive(Clone, Copy)]
struct Limit {
    time: Duration,
    rounds: u64,
}

fn ends_with(file: &Path, ending: &str) -> bool {
    file.to_string_lossy().ends_with(ending)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for name in OsFs.list(folder).unwrap() {
        let path = folder.join(name);
        match OsFs.metadata(&path).unwrap() {
            found if found.is_dir => collect(&path, files),
            found if found.len <= INPUT_LEN_MAX => files.push(path),
            _ => {}
        }
    }
}

fn fuzz(target: fn(&[u8]), inputs: &[&PathBuf], seed: u64, limit: Limit, name: &str) -> u64 {
    let mut chance = Chance(seed);
    let start = OsClock.monotonic();
    let mut rounds = 0;
    while rounds < limit.rounds && OsClock.monotonic().saturating_sub(start) < limit.time {
        let Some(path) = inputs.get(chance.below(inputs.len())) else {
            continue;
        };
        let whole = if DATABASE_TARGETS.contains(&name) {
            database(path)
        } else {
            bytes(OsFs.open(path).unwrap().as_ref())
        };
        for _ in 0..200 {
            let input = damage(&whole, &mut chance);
            let outcome = std::panic::catch_unwind(|| target(&input));
            assert!(
                outcome.is_ok(),
                "{name}: seed {seed} round {rounds} file {}",
                path.display()
            );
            rounds += 1;
        }
    }
    rounds
}

fn bytes(file: &dyn ReadFile) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

/// The database that a v1 file holds.
fn database(path: &Path) -> Vec<u8> {
    match EnvelopeFile::open(&OsFs, path, &OpenOptions::default()).unwrap() {
        EnvelopeFile::V1(file) => bytes(&file.decode_to_memory(&MemoryBudget::default()).unwrap()),
        EnvelopeFile::V3(_) => Vec::new(),
    }
}

/// A piece of the file, or all of it, with some bytes changed.
fn damage(whole: &[u8], chance: &mut Chance) -> Vec<u8> {
    let from = if chance.below(3) == 0 {
        chance.below(whole.len())
    } else {
        0
    };
    let len = if chance.below(3) == 0 {
        chance.below(4_096)
    } else {
        usize::MAX
    };
    let mut input: Vec<u8> = whole.iter().skip(from).take(len).copied().collect();
    for _ in 0..chance.below(8) {
        let at = chance.below(input.len());
        let value = chance.next();
        if let Some(byte) = input.get_mut(at) {
            *byte = match value % 4 {
                0 => 0xff,
                1 => 0,
                2 => *byte ^ (1 << (value >> 8 & 7)),
                _ => value.to_le_bytes()[7],
            };
        }
    }
    input
}

/// The first bytes as one argument, the rest as the other.
fn halves(bytes: &[u8], target: fn(&[u8], &[u8])) {
    let cut = usize::from(bytes.first().copied().unwrap_or(0)).min(bytes.len());
    let (key, value) = bytes.split_at(cut);
    target(key, value);
}

/// A xorshift generator: the same numbers for the same seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap();
        usize::try_from(self.next() % bound).unwrap()
    }
}
