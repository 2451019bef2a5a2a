//! What writing costs.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a live database since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveMetrics {
    /// Batches accepted.
    pub batches: u64,
    /// Operations accepted.
    pub operations: u64,
    /// Bytes of accepted batches.
    pub batch_bytes: u64,
    /// Bytes of write-ahead logs written.
    pub log_bytes: u64,
    /// Syncs of write-ahead logs.
    pub log_syncs: u64,
    /// Bytes of the logs, written since the opening, that hold what is not on its way to tables now.
    pub log_bytes_now: u64,
    /// Times that memory was written to runs.
    pub spills: u64,
    /// Merges of runs.
    pub merges: u64,
    /// Bytes of runs written, merged ones included.
    pub run_bytes: u64,
    /// Bytes of them that merges wrote.
    pub merged_bytes: u64,
    /// Ranges folded into the last level because somebody asked for it.
    pub compactions: u64,
    /// Seals that took effect.
    pub seals: u64,
    /// Bytes of tables that seals, folds of ranges and families made to be kept wrote.
    pub folded_bytes: u64,
    /// Times that a writer waited for the background thread.
    pub stalls: u64,
    /// Primary rows that a commit read because a derived family is kept.
    pub derived_reads: u64,
    /// Files that could not be removed; the next opening tries again.
    pub removals_failed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) batches: AtomicU64,
    pub(super) operations: AtomicU64,
    pub(super) batch_bytes: AtomicU64,
    pub(super) log_bytes: AtomicU64,
    pub(super) log_syncs: AtomicU64,
    pub(super) log_bytes_now: AtomicU64,
    pub(super) spills: AtomicU64,
    pub(super) merges: AtomicU64,
    pub(super) run_bytes: AtomicU64,
    pub(super) merged_bytes: AtomicU64,
    pub(super) compactions: AtomicU64,
    pub(super) seals: AtomicU64,
    pub(super) folded_bytes: AtomicU64,
    pub(super) stalls: AtomicU64,
    pub(super) derived_reads: AtomicU64,
    pub(super) removals_failed: AtomicU64,
}

/// Adds to a counter.
pub(super) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Metrics {
    pub(super) fn snapshot(&self) -> LiveMetrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LiveMetrics {
            batches: get(&self.batches),
            operations: get(&self.operations),
            batch_bytes: get(&self.batch_bytes),
            log_bytes: get(&self.log_bytes),
            log_syncs: get(&self.log_syncs),
            log_bytes_now: get(&self.log_bytes_now),
            spills: get(&self.spills),
            merges: get(&self.merges),
            run_bytes: get(&self.run_bytes),
            merged_bytes: get(&self.merged_bytes),
            compactions: get(&self.compactions),
            seals: get(&self.seals),
            folded_bytes: get(&self.folded_bytes),
            stalls: get(&self.stalls),
            derived_reads: get(&self.derived_reads),
            removals_failed: get(&self.removals_failed),
        }
    }
}
