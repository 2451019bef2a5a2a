//! What reading a database costs.

use std::sync::atomic::{AtomicU64, Ordering};

use super::tables::TableCache;
use crate::iter::RowStats;
use crate::sst::CountersSnapshot;

/// Counters of a database, over all its handles. Scans add theirs when they are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseCounters {
    /// Point reads.
    pub gets: u64,
    /// Scans ended.
    pub scans: u64,
    /// Rows that scans returned.
    pub rows: u64,
    /// Entries that scans looked at, visible or not.
    pub entries: u64,
    /// Range tombstones by which scans passed over entries.
    pub skips: u64,
    /// Tables opened.
    pub tables_opened: u64,
    /// Bytes that the block cache holds now.
    pub cache_bytes: u64,
    /// What reading the tables cost.
    pub table: CountersSnapshot,
}

#[derive(Debug, Default)]
pub(crate) struct ReadCounters {
    gets: AtomicU64,
    scans: AtomicU64,
    rows: AtomicU64,
    entries: AtomicU64,
    skips: AtomicU64,
}

impl ReadCounters {
    pub(crate) fn count_get(&self) {
        self.gets.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_scan(&self, stats: RowStats) {
        self.scans.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(stats.rows, Ordering::Relaxed);
        self.entries.fetch_add(stats.entries, Ordering::Relaxed);
        self.skips.fetch_add(stats.skips, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, tables: &TableCache) -> DatabaseCounters {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DatabaseCounters {
            gets: get(&self.gets),
            scans: get(&self.scans),
            rows: get(&self.rows),
            entries: get(&self.entries),
            skips: get(&self.skips),
            tables_opened: tables.opened(),
            cache_bytes: tables.cache_bytes(),
            table: tables.counters(),
        }
    }
}
