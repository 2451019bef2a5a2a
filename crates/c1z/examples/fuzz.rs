//! Feeds damaged golden bytes to every decoder for a while: `cargo run --release -p c1z --example fuzz -- SECONDS [SEED]
//! [TARGET]` (`just fuzz SECONDS SEED`). Without a seed the rounds are the same in every run: at most 1,000 a second. Runs on the stable toolchain; what it calls are the same entry points that a coverage-guided
//! fuzzer would.
//!
//! A decoder passes if it neither panics nor breaks the promise that its entry point asserts (what was accepted encodes
//! back, reads end, offsets ascend) nor takes memory without bound. The loop is `testkit::fuzzing`, whose tests plant
//! faults. The seed is printed; an offence prints target, file and round.
#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test tool: it reports on standard output and stops on unexpected data"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use c1z::envelope::{EnvelopeFile, OpenOptions};
use c1z::{MemoryBudget, digest, engine, envelope, keyspace, ops, record, sqlite_file};
use shingle::vfs::{Fs, OsFs, ReadFile};
use shingle::{manifest, sst, wal};
use testkit::fuzzing::{Limit, fuzz};

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
        let rounds = run(target, &inputs, seed, limit, name);
        println!("{name}: {rounds} rounds over {} files", inputs.len());
    }
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

/// Feeds damaged copies of the files to the target; stops the program at the first offence.
fn run(target: fn(&[u8]), inputs: &[&PathBuf], seed: u64, limit: Limit, name: &str) -> u64 {
    let read = |at: usize| match inputs.get(at) {
        Some(path) if DATABASE_TARGETS.contains(&name) => database(path),
        Some(path) => bytes(OsFs.open(path).unwrap().as_ref()),
        None => Vec::new(),
    };
    fuzz(&target, inputs.len(), &read, seed, limit).unwrap_or_else(|found| {
        let file = inputs
            .get(found.input)
            .map(|path| path.display().to_string());
        panic!(
            "{name}: seed {seed} file {}: {found}",
            file.unwrap_or_default()
        )
    })
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

/// The first bytes as one argument, the rest as the other.
fn halves(bytes: &[u8], target: fn(&[u8], &[u8])) {
    let cut = usize::from(bytes.first().copied().unwrap_or(0)).min(bytes.len());
    let (key, value) = bytes.split_at(cut);
    target(key, value);
}
