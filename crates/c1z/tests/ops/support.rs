//! Golden cases as rows, builders over them, and files read back.

use std::path::Path;
use std::sync::Arc;

use c1z::engine::types::SyncRun;
use c1z::envelope::{Manifest, WriteOptions};
use c1z::ops::build::{BuildOptions, PackOptions, RunToWrite, V3Builder};
use shingle::vfs::{Fs, MemFs};
use testkit::chance::SeededEntropy;
use testkit::golden::{Case, Format, PackedFile, packed_files};
use testkit::rebuild;

pub(crate) use testkit::rebuild::{Rows, difference, options_for, put_all, shuffled};

/// Every distinct set of rows in today's layout that Go wrote.
pub(crate) fn golden_rows() -> Vec<(PackedFile, Rows)> {
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for file in packed_files().unwrap() {
        let (Format::V3, Some(which)) = (file.format, file.kv) else {
            continue;
        };
        let of = (file.case.name.clone(), which);
        if !seen.contains(&of) {
            seen.push(of);
            found.push((file.clone(), rows_of_case(&file.case, which)));
        }
    }
    assert_eq!(found.len(), 53);
    found
}

pub(crate) fn rows_of_case(case: &Case, which: &str) -> Rows {
    let pairs = case.kv(which).unwrap().into_iter();
    pairs.map(|pair| (pair.key, pair.value)).collect()
}

/// The run of a sync with what its stats row says, and its stored record.
pub(crate) fn run_of(rows: &Rows) -> Option<(SyncRun, Vec<u8>)> {
    rebuild::run_of(rows).unwrap()
}

pub(crate) fn pack_options(fs: &Arc<dyn Fs>, threads: usize) -> PackOptions {
    PackOptions {
        fs: Arc::clone(fs),
        entropy: Arc::new(SeededEntropy::seeded(1)),
        write: WriteOptions {
            threads,
            ..WriteOptions::default()
        },
        ..PackOptions::default()
    }
}

/// Builds `out.c1z` from the rows that are not derived.
pub(crate) fn build_file<'a>(
    fs: &Arc<dyn Fs>,
    order: impl IntoIterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>,
    run: Option<&(SyncRun, Vec<u8>)>,
    options: &BuildOptions,
) -> c1z::Result<c1z::ops::build::V3Summary> {
    let finished = run.is_some_and(|(run, _)| run.is_finished());
    let pack = pack_options(fs, options.threads);
    let mut builder = V3Builder::new("out.c1z", options, &pack, finished)?;
    put_all(builder.sync(), order)?;
    builder.finish(run.map(|(run, stored)| RunToWrite {
        run,
        stored: Some(stored),
    }))
}

pub(crate) fn rows_in(fs: Arc<dyn Fs>, dir: &Path) -> Rows {
    rebuild::rows_in(fs, dir).unwrap()
}

/// Manifest and rows of a v3 file, its hashes verified.
pub(crate) fn read_v3(fs: &dyn Fs, path: &Path) -> (Manifest, Rows) {
    rebuild::read_v3(fs, path).unwrap()
}

pub(crate) fn mem() -> (MemFs, Arc<dyn Fs>) {
    let mem = MemFs::new();
    (mem.clone(), Arc::new(mem))
}
