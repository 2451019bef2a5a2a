//! Databases that the reference implementation wrote, read in every way; and what happens to them
//! when bytes, files or the disk fail.

mod builder;
mod golden;
mod levels;
mod model;
mod opening;
mod sharing;

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::testing::{KeyValue, golden_points, golden_tar};
use crate::vfs::{Lottery, MemFs};
use crate::{Error, ErrorKind};

fn open(fs: &MemFs) -> Result<Database> {
    Database::open_sealed(Arc::new(fs.clone()), "", ReadOptions::default())
}

/// A golden database below the level of a sync.
fn golden_db(case: &str) -> MemFs {
    golden_tar(&format!("pebble/{case}/db.tar.gz"))
}

fn golden_rows(case: &str) -> Vec<KeyValue> {
    golden_points(&format!("pebble/{case}/kv.ndjson.gz"))
}

/// All rows within `bounds`, forwards.
fn rows(database: &Database, bounds: Bounds) -> Result<Vec<KeyValue>> {
    let mut scan = database.scan(bounds, ScanOptions::default());
    let mut rows = Vec::new();
    while let Some((key, value)) = scan.next()? {
        rows.push((key.to_vec(), value.to_vec()));
    }
    Ok(rows)
}
