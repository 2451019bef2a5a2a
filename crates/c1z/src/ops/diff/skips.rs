//! Which tables two v3 files share, so that no row of them has to be compared.
//!
//! Tables whose bounds reach into each other, of whatever levels, are a *cluster*. What a database shows within the bounds of
//! a cluster is what its tables hold, if no write in a log lies over them: nothing else has a version or a range tombstone of
//! these keys, and which version counts is said by sequence numbers. So two databases show the same there if their clusters
//! have the same tables: levels, bounds, sequence numbers and bytes. Most clusters are single tables of the last level.
//!
//! Bytes are the same if the frame indexes record one length and one SHA-256, and if the frames themselves are the same: an
//! index is a claim, and a file from elsewhere could hide a change behind a wrong one. So nothing is skipped where there is
//! no frame index (the tar forms, directories), nor where one content was compressed in two ways. Nothing is decoded.
//!
//! What does not qualify costs time, never an answer. One other table in a cluster, and none of it is skipped.

use std::collections::BTreeMap;

use shingle::db::Database;
use shingle::iter::Bounds;
use shingle::key::{InternalKey, SeqNo};
use shingle::manifest::{FileName, Level, TableMeta};

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
    for cluster in shared {
        gaps.push(Bounds {
            lower: rest.lower,
            upper: Some(cluster.smallest.to_vec()),
        });
        rest.lower = Some(behind(cluster.largest));
    }
    gaps.push(rest);
    Ok(gaps)
}

/// The least key behind `key`.
pub(super) fn behind(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// Tables that reach into each other, and into no other.
struct Cluster<'a> {
    smallest: &'a [u8],
    largest: &'a [u8],
    tables: Vec<(Level, &'a TableMeta)>,
}

/// Clusters of the base that the applied file has too, in order.
fn shared<'a>(
    base: StoredRows<'a>,
    applied: StoredRows<'a>,
    range: &Bounds,
) -> Result<Vec<Cluster<'a>>> {
    let (Some(base_file), Some(applied_file)) = (base.envelope, applied.envelope) else {
        return Ok(Vec::new());
    };
    let frames = [base_file.splices(), applied_file.splices()];
    let others = clusters(applied.database);
    let mut others = others.iter().peekable();
    let mut shared = Vec::new();
    for cluster in clusters(base.database) {
        while others
            .next_if(|other| other.smallest < cluster.smallest)
            .is_some()
        {}
        let Some(other) = others.peek() else { break };
        if cluster.touches(range) && cluster.is_same(other, &frames)? {
            shared.push(cluster);
        }
    }
    Ok(shared)
}

/// All clusters of a database, in order; none if writes stand in logs.
fn clusters(database: &Database) -> Vec<Cluster<'_>> {
    if database.unflushed_entries() > 0 {
        return Vec::new();
    }
    let tables = database.version().tables();
    let mut tables: Vec<_> = tables.map(|(level, table)| (level, &**table)).collect();
    tables.sort_by_key(|(level, table)| (&table.smallest.user, *level, table.largest_seq));
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for (level, table) in tables {
        let (smallest, largest) = (&table.smallest.user[..], &table.largest.user[..]);
        match clusters.last_mut().filter(|last| smallest <= last.largest) {
            Some(last) => {
                last.largest = last.largest.max(largest);
                last.tables.push((level, table));
            }
            None => clusters.push(Cluster {
                smallest,
                largest,
                tables: vec![(level, table)],
            }),
        }
    }
    clusters
}

impl Cluster<'_> {
    fn touches(&self, range: &Bounds) -> bool {
        let is_before = range.lower().is_some_and(|lower| self.largest < lower);
        let is_behind = range.upper().is_some_and(|upper| upper <= self.smallest);
        !is_before && !is_behind
    }

    /// Whether the tables are the same, and so what is shown of them.
    fn is_same(&self, other: &Self, frames: &[BTreeMap<String, Splice>; 2]) -> Result<bool> {
        if self.tables.len() != other.tables.len() {
            return Ok(false);
        }
        let pairs = || self.tables.iter().zip(&other.tables);
        // What is known is compared before bytes are read.
        if !pairs().all(|(a, b)| told(a) == told(b)) {
            return Ok(false);
        }
        let [ours, theirs] = frames;
        for ((_, a), (_, b)) in pairs() {
            let is_same = match (ours.get(&file_of(a)), theirs.get(&file_of(b))) {
                (Some(a), Some(b)) => a.is_same(b)?,
                _ => false,
            };
            if !is_same {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What decides, besides the bytes of its file, what a table shows and what it hides.
fn told<'a>(
    (level, table): &(Level, &'a TableMeta),
) -> (Level, [&'a InternalKey; 2], [SeqNo; 2], bool) {
    (
        *level,
        [&table.smallest, &table.largest],
        [table.smallest_seq, table.largest_seq],
        table.is_virtual(),
    )
}

fn file_of(table: &TableMeta) -> String {
    FileName::Table(table.file()).to_string()
}
