//! Syncs of others go on in a directory: files and databases in whatever state the Go implementation left them.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says what it compared"
)]

mod faults;
mod files;
mod shared;
mod space;

use std::path::Path;
use std::sync::Arc;

use c1z::OpenOptions;
use c1z::engine::types::Timestamp;
use c1z::engine::{PebbleOptions, PebbleStore, Profile};
use c1z::keyspace::Family;
use c1z::record::sync_run;
use shingle::vfs::{Fs, MemFs};
use testkit::clock::ManualClock;
use testkit::golden::{Case, PackedFile};
use testkit::rebuild::Rows;

const FILE: &str = "in.c1z";
const DIR: &str = "store";

/// A file system that holds a golden file.
fn disk_with(file: &PackedFile) -> MemFs {
    let fs = MemFs::new();
    fs.install(FILE, file.case.bytes(file.file).unwrap())
        .unwrap();
    fs
}

fn open_options(fs: &Arc<dyn Fs>) -> OpenOptions {
    OpenOptions {
        fs: Arc::clone(fs),
        ..OpenOptions::default()
    }
}

/// Little memory, so that everything is written and read more than once; the clock stands.
fn options(at: Timestamp) -> PebbleOptions {
    PebbleOptions {
        profile: Profile::GoPebble,
        clock: Arc::new(ManualClock::at(at)),
        memory_bytes_max: 512 << 10,
        ..PebbleOptions::default()
    }
}

fn rows_of(case: &Case, which: &str) -> Rows {
    let pairs = case.kv(which).unwrap().into_iter();
    pairs.map(|pair| (pair.key, pair.value)).collect()
}

fn rows_in(store: &PebbleStore) -> Rows {
    let mut rows = Rows::new();
    let mut each = |key: &[u8], value: &[u8]| {
        rows.insert(key.to_vec(), value.to_vec());
        Ok(())
    };
    store.for_each_row(&mut each).unwrap();
    rows
}

/// The time shortly after the run of some rows began, so that it can be resumed.
fn soon_after(rows: &Rows) -> Timestamp {
    let run = rows.get(Family::SyncRun.header());
    let began = run.and_then(|run| sync_run::decode(run).unwrap().started_at);
    let mut at = began.unwrap_or(Timestamp {
        seconds: 1_700_000_000,
        nanos: 0,
    });
    at.seconds += 3600;
    at
}

/// The bytes of all files of a directory.
fn files(fs: &MemFs, dir: &str) -> Vec<(String, Vec<u8>)> {
    let names = fs.list(Path::new(dir)).unwrap().into_iter();
    let read = |name: String| {
        let bytes = fs.read(Path::new(dir).join(&name)).unwrap();
        (name, bytes)
    };
    names.map(read).collect()
}
