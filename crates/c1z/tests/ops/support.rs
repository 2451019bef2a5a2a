//! Golden cases as rows, builders over them, and files read back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use c1z::digest::global_root_key;
use c1z::engine::types::SyncRun;
use c1z::envelope::{EnvelopeFile, Manifest, OpenOptions, WriteOptions};
use c1z::keyspace::{Family, MetadataKey};
use c1z::ops::StoredRecord;
use c1z::ops::build::{BuildOptions, Digests, PackOptions, RunToWrite, SyncBuilder, V3Builder};
use c1z::record::{stats, sync_run};
use shingle::db::{Database, ReadOptions, ScanOptions};
use shingle::iter::Bounds;
use shingle::vfs::{Fs, MemFs};
use testkit::chance::{Chance, SeededEntropy};
use testkit::golden::{Case, Format, PackedFile, packed_files};

pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

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
    let stored = rows.get(Family::SyncRun.header())?;
    let mut run = sync_run::decode(stored).unwrap();
    if let Some(value) = rows.get(&MetadataKey::Stats.to_vec()) {
        run.stats = Some(stats::decode(value).unwrap().1);
    }
    Some((run, stored.clone()))
}

/// Options that make what Go made: digests where it has them.
pub(crate) fn options_for(rows: &Rows) -> BuildOptions {
    BuildOptions {
        digests: if rows.contains_key(&global_root_key()) {
            Digests::Always
        } else {
            Digests::Never
        },
        sync: false,
        ..BuildOptions::default()
    }
}

/// Whether a row is given to the builder as it is: a record, or what is no record and not written
/// by the builder itself.
fn is_other(key: &[u8]) -> bool {
    match Family::of(key) {
        Some(Family::Session) | None => true,
        Some(Family::Metadata) => key == MetadataKey::EntitlementGraph.to_vec(),
        Some(_) => false,
    }
}

/// Puts the rows that are not derived, in the order given.
pub(crate) fn put_all<'a>(
    builder: &mut SyncBuilder,
    rows: impl IntoIterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>,
) -> c1z::Result<()> {
    for (key, value) in rows {
        match StoredRecord::of_row(key, value) {
            Some(record) => builder.put(&record)?,
            None if is_other(key) => builder.put_other(key, value)?,
            None => {}
        }
    }
    Ok(())
}

/// The rows in an order drawn from a seed.
pub(crate) fn shuffled(rows: &Rows, seed: u64) -> Vec<(&Vec<u8>, &Vec<u8>)> {
    let mut chance = Chance::seeded(seed);
    let mut order: Vec<_> = rows.iter().collect();
    for at in (1..order.len()).rev() {
        order.swap(at, chance.below(at + 1));
    }
    order
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

/// All rows of a database, its levels checked.
pub(crate) fn rows_in(fs: Arc<dyn Fs>, dir: &Path) -> Rows {
    let database = Database::open_sealed(fs, dir, ReadOptions::default()).unwrap();
    database.check_levels().unwrap();
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    let mut rows = Rows::new();
    while let Some((key, value)) = scan.next().unwrap() {
        rows.insert(key.to_vec(), value.to_vec());
    }
    rows
}

/// Manifest and rows of a v3 file, its hashes verified.
pub(crate) fn read_v3(fs: &dyn Fs, path: &Path) -> (Manifest, Rows) {
    let file = match EnvelopeFile::open(fs, path, &OpenOptions::default()).unwrap() {
        EnvelopeFile::V3(file) => file,
        EnvelopeFile::V1(_) => panic!("a v1 file"),
    };
    let payload = file.payload().unwrap();
    payload.verify().unwrap();
    (file.manifest().clone(), rows_in(payload, Path::new("")))
}

/// What differs between two sets of rows, for messages.
pub(crate) fn difference(expected: &Rows, found: &Rows) -> Vec<String> {
    let mut different = Vec::new();
    for (key, value) in expected {
        match found.get(key) {
            None => different.push(format!("missing {}", key.escape_ascii())),
            Some(other) if other != value => different.push(format!(
                "{}: expected {} found {}",
                key.escape_ascii(),
                value.escape_ascii(),
                other.escape_ascii()
            )),
            Some(_) => {}
        }
    }
    let extra = found.keys().filter(|key| !expected.contains_key(*key));
    different.extend(extra.map(|key| format!("extra {}", key.escape_ascii())));
    different
}

pub(crate) fn mem() -> (MemFs, Arc<dyn Fs>) {
    let mem = MemFs::new();
    (mem.clone(), Arc::new(mem))
}
