//! A v3 database made again from its records: what is given to the product's builder, and what is compared afterwards.
//!
//! Indexes, digests, statistics, stamps and the manifest follow from the records, so a database that the Go
//! implementation sealed must come out row by row. Nothing here derives a row itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use c1z::digest::global_root_key;
use c1z::engine::types::SyncRun;
use c1z::envelope::{EnvelopeFile, Manifest, OpenOptions};
use c1z::keyspace::{Family, MetadataKey};
use c1z::ops::StoredRecord;
use c1z::ops::build::{BuildOptions, Digests, RunToWrite, SyncBuilder};
use c1z::record::{stats, sync_run};
use c1z::{Error, Result};
use shingle::db::{Database, ReadOptions, ScanOptions};
use shingle::iter::Bounds;
use shingle::vfs::{Fs, MemFs};

use crate::chance::Chance;

/// All rows of a database.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// The run of a sync with what its statistics row says, and its stored record; none without a sync.
pub fn run_of(rows: &Rows) -> Result<Option<(SyncRun, Vec<u8>)>> {
    let Some(stored) = rows.get(Family::SyncRun.header()) else {
        return Ok(None);
    };
    let mut run = sync_run::decode(stored)?;
    if let Some(value) = rows.get(&MetadataKey::Stats.to_vec()) {
        run.stats = Some(stats::decode(value)?.1);
    }
    Ok(Some((run, stored.clone())))
}

/// Options that make what is there: digests where there are some.
pub fn options_for(rows: &Rows) -> BuildOptions {
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

/// Whether a row is given to the builder as it is although it is no record.
fn is_other(key: &[u8]) -> bool {
    match Family::of(key) {
        Some(Family::Session) | None => true,
        Some(Family::Metadata) => key == MetadataKey::EntitlementGraph.to_vec(),
        Some(_) => false,
    }
}

/// Puts the rows that are not derived, in the order given.
pub fn put_all<'a>(
    builder: &mut SyncBuilder,
    rows: impl IntoIterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>,
) -> Result<()> {
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
pub fn shuffled(rows: &Rows, seed: u64) -> Vec<(&Vec<u8>, &Vec<u8>)> {
    let mut chance = Chance::seeded(seed);
    let mut order: Vec<_> = rows.iter().collect();
    for at in (1..order.len()).rev() {
        order.swap(at, chance.below(at + 1));
    }
    order
}

/// What a builder makes of the records of `rows`, in memory.
pub fn rebuilt(rows: &Rows) -> Result<Rows> {
    let run = run_of(rows)?;
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let finished = run.as_ref().is_some_and(|(run, _)| run.is_finished());
    let mut builder = SyncBuilder::new(Arc::clone(&fs), "db", &options_for(rows), finished)?;
    put_all(&mut builder, rows)?;
    let run = run.as_ref().map(|(run, stored)| RunToWrite {
        run,
        stored: Some(stored),
    });
    builder.finish(run)?;
    rows_in(fs, Path::new("db"))
}

/// All rows of a database, its levels checked.
pub fn rows_in(fs: Arc<dyn Fs>, dir: &Path) -> Result<Rows> {
    let database = Database::open_sealed(fs, dir, ReadOptions::default())?;
    database.check_levels()?;
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    let mut rows = Rows::new();
    while let Some((key, value)) = scan.next()? {
        rows.insert(key.to_vec(), value.to_vec());
    }
    Ok(rows)
}

/// Manifest and rows of a v3 file, its hashes verified.
pub fn read_v3(fs: &dyn Fs, path: &Path) -> Result<(Manifest, Rows)> {
    let EnvelopeFile::V3(file) = EnvelopeFile::open(fs, path, &OpenOptions::default())? else {
        return Err(Error::invalid("a v1 file").in_file(path));
    };
    let payload = file.payload()?;
    payload.verify()?;
    Ok((file.manifest().clone(), rows_in(payload, Path::new(""))?))
}

/// What differs between two sets of rows, a line each.
pub fn difference(expected: &Rows, found: &Rows) -> Vec<String> {
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
