//! Rows in memory: bytes one behind another, and an array that says where each row is.
//!
//! Rows are appended and never moved; sorting moves the array alone. An entry carries eight bytes of
//! its key beside its place, so that most comparisons touch no row ([`crate::order`]). Places are
//! offsets of 32 bits: an arena holds at most 4 GiB.

use std::cmp::Ordering;
use std::ops::Range;

use crate::Result;
use crate::order::{self, Keyed};

/// Most bytes of rows in one arena.
pub(super) const ARENA_MAX: usize = u32::MAX as usize;

/// Where a row is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    head: u64,
    start: u32,
    key_len: u32,
    value_len: u32,
}

impl Keyed for Entry {
    fn head(&self) -> u64 {
        self.head
    }

    fn set_head(&mut self, head: u64) {
        self.head = head;
    }

    fn start(&self) -> u32 {
        self.start
    }

    fn key_len(&self) -> u32 {
        self.key_len
    }
}

impl Entry {
    fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize + self.key_len as usize;
        bytes
            .get(start..start + self.value_len as usize)
            .unwrap_or_default()
    }
}

/// Rows that were added, in order of arrival until they are sorted.
#[derive(Debug, Default)]
pub(super) struct Arena {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Whether keys ascended strictly so far: then there is nothing to sort.
    ascending: bool,
}

impl Arena {
    /// An empty arena.
    pub(super) fn new() -> Self {
        Self {
            ascending: true,
            ..Self::default()
        }
    }

    /// Memory that a row takes.
    pub(super) fn cost(key: &[u8], value: &[u8]) -> usize {
        key.len()
            .saturating_add(value.len())
            .saturating_add(size_of::<Entry>())
    }

    /// Memory that the rows take.
    pub(super) fn used(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a row; `false`, and nothing added, if the offsets of the arena do not reach that far.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> bool {
        let start = self.bytes.len();
        let end = start.saturating_add(key.len()).saturating_add(value.len());
        let (Ok(start), Ok(key_len), Ok(value_len), true) = (
            u32::try_from(start),
            u32::try_from(key.len()),
            u32::try_from(value.len()),
            end <= ARENA_MAX,
        ) else {
            return false;
        };
        if self.ascending
            && let Some(last) = self.entries.last()
        {
            self.ascending = last.key(&self.bytes) < key;
        }
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.entries.push(Entry {
            head: 0,
            start,
            key_len,
            value_len,
        });
        true
    }

    /// Sorts by key; of rows with one key the newest comes first.
    pub(super) fn sort(&mut self) {
        if !self.ascending {
            order::sort(&mut self.entries, &self.bytes);
        }
    }

    /// Forgets all rows and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.ascending = true;
    }

    /// The row at `at` and its place of arrival, which grows from row to row.
    pub(super) fn row(&self, at: usize) -> Option<(&[u8], u32, &[u8])> {
        let entry = self.entries.get(at)?;
        Some((
            entry.key(&self.bytes),
            entry.start,
            entry.value(&self.bytes),
        ))
    }

    /// Calls `visit` with every row of the sorted arena; with `newest_only`, only
    /// the first of each key.
    pub(super) fn each(
        &self,
        newest_only: bool,
        mut visit: impl FnMut(&[u8], u32, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut last: Option<&[u8]> = None;
        for entry in &self.entries {
            let key = entry.key(&self.bytes);
            if newest_only && last == Some(key) {
                continue;
            }
            last = Some(key);
            visit(key, entry.start, entry.value(&self.bytes))?;
        }
        Ok(())
    }

    /// Which rows of the sorted arena have keys in `[lower, upper)`. O(log rows).
    pub(super) fn range(&self, lower: Option<&[u8]>, upper: Option<&[u8]>) -> Range<usize> {
        let before = |bound: &[u8]| {
            self.entries
                .partition_point(|entry| entry.key(&self.bytes).cmp(bound) == Ordering::Less)
        };
        let start = lower.map_or(0, before);
        let end = upper.map_or(self.entries.len(), before);
        start..end.max(start)
    }
}
