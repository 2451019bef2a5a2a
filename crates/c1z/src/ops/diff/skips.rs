//! Which tables two v3 files share, so that no row of them has to be compared.
//!
//! What a database shows within the bounds of a table is what the table holds, if no other table and no write in a log
//! reaches into these bounds: then the newest version of each key is in it, and so is every range tombstone over them. The
//! shown rows are the same in two databases if this is so in both, the bounds are the same, and the bytes are.
//!
//! Bytes are the same if the frame indexes record one length and one SHA-256, and if the frames themselves are the same: an
//! index is a claim, and a file from elsewhere could hide a change behind a wrong one. So nothing is skipped where there is
//! no frame index (the tar forms, directories), nor where one content was compressed in two ways. Nothing is decoded.
//!
//! Tables that do not qualify cost time, never an answer: virtual ones, which show a part of a file; those whose sequence
//! numbers differ, since they may be laid over what the blocks say; all, if writes stand in logs.

use std::collections::BTreeMap;

use shingle::db::Database;
use shingle::iter::Bounds;
use shingle::manifest::{FileName, TableMeta};

use crate::Result;
use crate::envelope::Splice;
use crate::store::StoredRows;

/// The parts of `range` that are not known to be the same in both files, in order.
pub(super) fn gaps(
    base: StoredRows<'_>,
    applied: StoredRows<'_>,
    range: Bounds,
) -> Result<Vec<Bounds>> {
    let shared = shared(base, applied, &range)?;
    let mut gaps = Vec::with_capacity(shared.len() + 1);
    let mut rest = range;
    for table in shared {
        gaps.push(Bounds {
            lower: rest.lower,
            upper: Some(table.smallest.user.clone()),
        });
        rest.lower = Some(behind(&table.largest.user));
    }
    gaps.push(rest);
    Ok(gaps)
}

/// The least key behind `key`.
pub(super) fn behind(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// Tables of the base that the applied file has too, and that alone show what is in their bounds; in order.
fn shared<'a>(
    base: StoredRows<'a>,
    applied: StoredRows<'a>,
    range: &Bounds,
) -> Result<Vec<&'a TableMeta>> {
    let (Some(base_file), Some(applied_file)) = (base.envelope, applied.envelope) else {
        return Ok(Vec::new());
    };
    let (base_frames, applied_frames) = (base_file.splices(), applied_file.splices());
    let others = lone_tables(applied.database, range);
    let mut shared = Vec::new();
    for (smallest, table) in lone_tables(base.database, range) {
        let Some(other) = others.get(smallest) else {
            continue;
        };
        if is_alike(table, other) && has_same_frames(table, &base_frames, other, &applied_frames)? {
            shared.push(table);
        }
    }
    Ok(shared)
}

/// The tables in whose bounds no other table and no write in a log lies, by smallest key.
fn lone_tables<'a>(database: &'a Database, range: &Bounds) -> BTreeMap<&'a [u8], &'a TableMeta> {
    if database.unflushed_entries() > 0 {
        return BTreeMap::new();
    }
    let version = database.version();
    let is_lone = |table: &TableMeta| {
        let (smallest, largest) = (&table.smallest.user, behind(&table.largest.user));
        let reaching = version.overlapping(Some(smallest), Some(&largest));
        reaching.take(2).count() == 1
    };
    let tables = version.tables().map(|(_, table)| &**table);
    tables
        .filter(|table| table.overlaps(range.lower(), range.upper()) && is_lone(table))
        .map(|table| (&table.smallest.user[..], table))
        .collect()
}

/// Whether two tables show the same rows if their files have the same bytes.
fn is_alike(a: &TableMeta, b: &TableMeta) -> bool {
    let told = |table: &TableMeta| (table.smallest_seq, table.largest_seq);
    !a.is_virtual()
        && !b.is_virtual()
        && (&a.smallest, &a.largest) == (&b.smallest, &b.largest)
        && told(a) == told(b)
}

fn has_same_frames(
    a: &TableMeta,
    a_frames: &BTreeMap<String, Splice>,
    b: &TableMeta,
    b_frames: &BTreeMap<String, Splice>,
) -> Result<bool> {
    let name = |table: &TableMeta| FileName::Table(table.file()).to_string();
    match (a_frames.get(&name(a)), b_frames.get(&name(b))) {
        (Some(a), Some(b)) => a.is_same(b),
        _ => Ok(false),
    }
}
