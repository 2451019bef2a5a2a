//! The outcome of a repair.

use std::ops::RangeInclusive;

use crate::engine::types::{SyncId, SyncStats};
use crate::keyspace::Family;
use crate::ops::RecordKind;

/// Something that was not saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The kinds of records that may have stood there; empty when nobody can tell.
    pub kinds: Vec<RecordKind>,
    /// The least key that may be lost; none where nothing bounds it.
    pub from: Option<Vec<u8>>,
    /// The greatest key that may be lost; none where nothing bounds it.
    pub to: Option<Vec<u8>>,
    /// The row ids that may be lost; v1 files only.
    pub rows: Option<RangeInclusive<i64>>,
    /// What happened.
    pub detail: String,
}

impl Loss {
    /// A loss of keys `from..=to`; none if no record can stand there.
    pub(crate) fn of_keys(
        from: Option<&[u8]>,
        to: Option<&[u8]>,
        detail: impl Into<String>,
    ) -> Option<Self> {
        let reaches = |family: Family| {
            let range = family.range();
            let below = to.is_some_and(|to| to < range.lower.as_slice());
            let above = match (&range.upper, from) {
                (Some(upper), Some(from)) => from >= upper.as_slice(),
                _ => false,
            };
            !below && !above
        };
        let kinds: Vec<_> = RecordKind::ALL
            .into_iter()
            .filter(|kind| reaches(kind.family()))
            .collect();
        let is_kept = !kinds.is_empty() || reaches(Family::SyncRun) || reaches(Family::Session);
        is_kept.then(|| Self {
            kinds,
            from: from.map(<[u8]>::to_vec),
            to: to.map(<[u8]>::to_vec),
            rows: None,
            detail: detail.into(),
        })
    }

    /// A loss of unknown extent.
    pub(crate) fn unknown(detail: impl Into<String>) -> Self {
        Self {
            kinds: Vec::new(),
            from: None,
            to: None,
            rows: None,
            detail: detail.into(),
        }
    }
}

/// Where the sync run of the output comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunSource {
    /// Its row.
    Row,
    /// The manifest of the envelope, which has no token, link or verification.
    Manifest,
    /// Only its id was left, in other rows; the start is that in the id, the type is `partial`.
    Id,
}

/// A sync of the output.
#[derive(Clone, Debug, PartialEq)]
pub struct RepairedSync {
    /// Its id.
    pub id: SyncId,
    /// Records written.
    pub saved: SyncStats,
    /// Counts that the input records of it, if they can be read.
    pub recorded: Option<SyncStats>,
}

/// What a repair did.
#[derive(Clone, Debug)]
pub struct RepairReport {
    /// The syncs that were written: of a v3 file one.
    pub syncs: Vec<RepairedSync>,
    /// Records written, of all syncs.
    pub saved: SyncStats,
    /// Counts that the input records of itself, if they can be read for all syncs.
    pub recorded: Option<SyncStats>,
    /// Whether the output holds every record of the input: nothing was damaged, or counts and digest
    /// prove it. Otherwise its sync is written as unfinished.
    pub is_complete: bool,
    /// Where the sync run comes from; of several, where the one does of which the least was left.
    pub run_source: RunSource,
    /// What was lost or may be.
    pub losses: Vec<Loss>,
    /// Records that stood under another key than their fields say and were moved.
    pub moved: u64,
    /// Records that do not decode and were dropped.
    pub dropped: u64,
    /// The first of them, in words.
    pub dropped_examples: Vec<String>,
    /// What the user should know about the output.
    pub warnings: Vec<String>,
    /// Length of the output in bytes.
    pub file_len: u64,
}

/// The counts of `stats` by kind.
pub(crate) fn counts(stats: &SyncStats) -> [(RecordKind, i64); 5] {
    [
        (RecordKind::ResourceType, stats.resource_types),
        (RecordKind::Resource, stats.resources),
        (RecordKind::Entitlement, stats.entitlements),
        (RecordKind::Grant, stats.grants),
        (RecordKind::Asset, stats.assets),
    ]
}

impl RepairReport {
    /// Each kind with the records saved and, where it is known, those recorded.
    pub fn by_kind(&self) -> [(RecordKind, i64, Option<i64>); 5] {
        let recorded = self.recorded.as_ref().map(counts);
        let mut at = 0;
        counts(&self.saved).map(|(kind, saved)| {
            let of_kind = recorded.as_ref().and_then(|counts| counts.get(at));
            at += 1;
            (kind, saved, of_kind.map(|(_, count)| *count))
        })
    }
}
