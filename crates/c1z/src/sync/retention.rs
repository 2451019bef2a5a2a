//! Which syncs a cleanup deletes (`store-contract` §2.7): a pure decision over the runs of a store, for every engine that
//! holds many.
//!
//! Nothing unfinished is ever deleted, nor what is current. Of the finished ones the newest full syncs stay, partial ones
//! that ended before the oldest of those began go, and of pair diffs only the last one and its partner stay.

use crate::engine::types::{SyncId, SyncRun, SyncType, Timestamp};

/// Full syncs that stay when nobody says otherwise.
pub const KEEP_DEFAULT: usize = 2;

/// Diff syncs that may exist before any is deleted.
const DIFFS_MAX: usize = 2;

/// Why a sync is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// It is a full sync, and as many newer ones exist as are kept.
    OlderFull,
    /// It is a partial sync that ended before the oldest full sync that counts had started.
    BeforeOldestFull,
    /// It belongs to a pair diff, and a newer one exists.
    OlderDiff,
}

impl Expiry {
    /// A word for it, for documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Expiry::OlderFull => "older_full",
            Expiry::BeforeOldestFull => "before_oldest_full",
            Expiry::OlderDiff => "older_diff",
        }
    }
}

/// A sync that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Which.
    pub id: SyncId,
    /// Why.
    pub why: Expiry,
}

/// What becomes of the syncs of a store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bucket {
    Full,
    Partial,
    Diff,
}

/// The bucket of a type. A type that is not known is kept like a full sync.
fn bucket(of: &SyncType) -> Bucket {
    match of {
        SyncType::Partial | SyncType::ResourcesOnly => Bucket::Partial,
        SyncType::PartialUpserts | SyncType::PartialDeletions => Bucket::Diff,
        SyncType::Full | SyncType::Other(_) => Bucket::Full,
    }
}

/// The syncs to delete, in the order of `runs`, which is that of creation. `keep` full syncs stay, one of them being the
/// current sync if there is one, whatever its type.
///
/// # Complexity
/// O(runs).
pub(crate) fn expired(runs: &[SyncRun], current: Option<&SyncId>, keep: usize) -> Vec<Expired> {
    let finished = || {
        runs.iter()
            .filter(move |run| run.is_finished() && Some(&run.id) != current)
    };
    let of = |wanted: Bucket| finished().filter(move |run| bucket(&run.sync_type) == wanted);
    let limit = keep.saturating_sub(usize::from(current.is_some()));
    let full: Vec<&SyncRun> = of(Bucket::Full).collect();
    let older = full.len().saturating_sub(limit);
    let cutoff = oldest_start(&full, older, current.is_some());
    let diffs: Vec<&SyncRun> = of(Bucket::Diff).collect();
    let last_diff = diffs.last().filter(|_| diffs.len() > DIFFS_MAX);
    let mut full_seen = 0;
    let mut judge = |run: &SyncRun| match bucket(&run.sync_type) {
        Bucket::Full => {
            full_seen += 1;
            (full_seen <= older).then_some(Expiry::OlderFull)
        }
        Bucket::Partial => {
            (cutoff.is_some() && run.ended_at < cutoff).then_some(Expiry::BeforeOldestFull)
        }
        Bucket::Diff => last_diff
            .filter(|last| run.id != last.id && run.id.as_str() != last.linked_id)
            .map(|_| Expiry::OlderDiff),
    };
    let judged = finished().filter_map(|run| {
        let id = run.id.clone();
        judge(run).map(|why| Expired { id, why })
    });
    judged.collect()
}

/// When the sync started before whose start partial ones go, if any full sync goes: the oldest that stays, or, while a sync
/// is current, the newest that goes (D18).
fn oldest_start(full: &[&SyncRun], older: usize, is_current: bool) -> Option<Timestamp> {
    let newest_gone = older.checked_sub(1)?;
    let index = if is_current { newest_gone } else { older };
    full.get(index)?.started_at
}

/// Whether a text is true as the reference reads truth from environment variables.
pub(crate) fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// The number of full syncs to keep that a text says: a positive decimal number, else none.
pub(crate) fn keep_of(text: &str) -> Option<usize> {
    text.parse().ok().filter(|keep| *keep > 0)
}

#[cfg(test)]
mod tests;
