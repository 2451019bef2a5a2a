//! The sync of a v3 database, written.

use std::io::Write;
use std::sync::Arc;

use shingle::db::Database;

use super::counts::Counts;
use super::item::{Head, Item, Record};
use super::writer::Writer;
use crate::engine::pebble::{Kv, current_rows};
use crate::keyspace::{Family, KeyRange, MetadataKey};
use crate::ops::build::is_own;
use crate::ops::observe::{Meter, Observer, Step};
use crate::ops::{RecordKind, StoredRecord};
use crate::record::{SessionView, primary_key_into};
use crate::{MemoryBudget, Result};

/// What was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// How many items of each type.
    pub counts: Counts,
    /// What is left out: records of an older layout that have no place in today's, rows of a v1 file
    /// that belong to no sync.
    pub warnings: Vec<String>,
}

/// Writes the sync of a v3 database, in order of keys: the run and its statistics, records, sessions,
/// and rows that are no record. What is made from records (indexes, digests), and stamps and marks of
/// the engine, are left out.
///
/// A database in the layout of mid-2026 is re-keyed in memory, within `budget`.
///
/// # Errors
/// Those of reading the database; `InvalidArgument` for one with records but no sync run; `Io` from
/// `out`; what `observer` returns.
///
/// # Complexity
/// One pass over the records; memory is one record.
pub fn write_database(
    database: &Database,
    budget: &MemoryBudget,
    out: impl Write,
    observer: &dyn Observer,
) -> Result<Written> {
    let mut warnings = Vec::new();
    let kv = current_rows(
        &(Arc::new(database.clone()) as Arc<dyn Kv>),
        budget,
        &mut warnings,
    )?;
    let mut writer = Writer::new(out)?;
    if let Some(run) = kv.get(Family::SyncRun.header())? {
        let stats = kv.get(&MetadataKey::Stats.to_vec())?;
        writer.put(&Item::Sync(Head {
            run: &run,
            stats: stats.as_deref(),
        }))?;
    }
    let mut meter = Meter::start(observer, Step::Rows, None)?;
    let mut derived_key = Vec::new();
    for range in written_ranges() {
        let mut scan = kv.scan(&range)?;
        while let Some((key, value)) = scan.next()? {
            if let Some(item) = item_of(key, value, &mut derived_key) {
                writer.put(&item)?;
            }
            meter.row()?;
        }
    }
    meter.end()?;
    let counts = writer.finish()?;
    Ok(Written { counts, warnings })
}

/// What a row is in a file; none if it is left out.
fn item_of<'a>(key: &'a [u8], value: &'a [u8], derived_key: &mut Vec<u8>) -> Option<Item<'a>> {
    if let Some(row) = StoredRecord::of_row(key, value) {
        derived_key.clear();
        // A record whose key cannot be told from it keeps the one that it has.
        if primary_key_into(row.kind.family(), value, derived_key).is_err() {
            derived_key.clear();
        }
        return Some(Item::Record(Record::of_row(row, derived_key)));
    }
    match Family::of(key) {
        Some(Family::Session) if is_session_of(key, value, derived_key) => {
            Some(Item::Session(value))
        }
        _ if is_own(key) => None,
        _ => Some(Item::Row { key, value }),
    }
}

/// Whether a session row stands where its record says.
fn is_session_of(key: &[u8], value: &[u8], derived_key: &mut Vec<u8>) -> bool {
    derived_key.clear();
    let view = SessionView::parse(value);
    view.is_ok_and(|view| {
        view.key_into(derived_key);
        derived_key == key
    })
}

/// All keys but those of families that are made from records, and the sync run.
fn written_ranges() -> Vec<KeyRange> {
    let mut ranges = Vec::new();
    let mut lower = Vec::new();
    for family in Family::ALL {
        if RecordKind::of(family).is_some() || matches!(family, Family::Session | Family::Metadata)
        {
            continue;
        }
        let skipped = family.range();
        ranges.push(KeyRange {
            lower: std::mem::take(&mut lower),
            upper: Some(skipped.lower),
        });
        lower = skipped.upper.unwrap_or_default();
    }
    ranges.push(KeyRange { lower, upper: None });
    ranges
}
