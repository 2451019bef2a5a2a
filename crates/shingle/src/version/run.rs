//! Runs: tables that do not overlap, in order of key, so that one cursor can walk them as one.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use crate::manifest::TableMeta;

/// Tables in ascending order of key; no two overlap.
pub(crate) type Run = Arc<[Arc<TableMeta>]>;

/// Whether every key of `before` is smaller than every key of `after`.
pub(super) fn precedes(before: &TableMeta, after: &TableMeta) -> bool {
    match before.largest.user.cmp(&after.smallest.user) {
        Ordering::Less => true,
        Ordering::Equal => before.excludes_largest(),
        Ordering::Greater => false,
    }
}

/// Which tables of a run may hold keys in `[lower, upper)`; `None` is unbounded. O(log tables).
pub(crate) fn overlapping(
    tables: &[Arc<TableMeta>],
    lower: Option<&[u8]>,
    upper: Option<&[u8]>,
) -> Range<usize> {
    let start = lower.map_or(0, |lower| tables.partition_point(|t| !t.reaches(lower)));
    let end = upper.map_or(tables.len(), |upper| {
        tables.partition_point(|t| &t.smallest.user[..] < upper)
    });
    start..end.max(start)
}

/// Splits tables that may overlap into as few runs as possible. O(n · log n).
pub(super) fn partition(tables: &[Arc<TableMeta>]) -> Vec<Run> {
    let mut tables = tables.to_vec();
    tables.sort_by(|a, b| a.smallest.cmp(&b.smallest));
    let mut open = BinaryHeap::<Reverse<OpenRun>>::new();
    for table in tables {
        // The run that ends first takes the table if any does.
        let taker = open.peek().filter(|first| first.0.takes(&table));
        let mut run = match taker {
            Some(_) => open.pop().map(|first| first.0).unwrap_or_default(),
            None => OpenRun::default(),
        };
        run.tables.push(table);
        open.push(Reverse(run));
    }
    let runs = open.into_sorted_vec().into_iter();
    runs.map(|run| run.0.tables.into()).collect()
}

/// A run that may still grow, ordered by its end.
#[derive(Default)]
struct OpenRun {
    tables: Vec<Arc<TableMeta>>,
}

impl OpenRun {
    fn takes(&self, table: &TableMeta) -> bool {
        self.tables.last().is_none_or(|last| precedes(last, table))
    }

    /// End of the run; of two with the same key the one that excludes it is first.
    fn end(&self) -> Option<(&[u8], bool)> {
        let last = self.tables.last()?;
        Some((&last.largest.user, !last.excludes_largest()))
    }
}

impl Ord for OpenRun {
    fn cmp(&self, other: &Self) -> Ordering {
        self.end().cmp(&other.end())
    }
}

impl PartialOrd for OpenRun {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for OpenRun {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for OpenRun {}
