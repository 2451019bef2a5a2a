//! Writes in memory: sorted once, then read only.
//!
//! A [`MemTable`] is an array of entries in the order of internal keys over *chunks*, the bytes of
//! the batches that the entries came with. A table of one batch takes the batch's own bytes; merging
//! tables merges the arrays and shares the chunks, so that keys and values are never copied. Range
//! tombstones stand beside the points. Point reads go through a hash that the first of them builds.

mod builder;
mod cursor;
mod hash;
mod merge;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::iter::Fragments;
use crate::key::{RangeTombstone, Trailer, compare};

pub(crate) use builder::Builder;
pub use cursor::MemCursor;

use hash::KeyHash;

/// Points in the order of internal keys, and range tombstones.
#[derive(Debug, Default)]
pub struct MemTable {
    chunks: Vec<Arc<Vec<u8>>>,
    entries: Vec<Entry>,
    tombstones: Vec<RangeTombstone>,
    /// The range tombstones, cut so that they do not overlap.
    fragments: Arc<Fragments>,
    hash: OnceLock<KeyHash>,
}

/// A point.
#[derive(Clone, Copy, Debug)]
struct Entry {
    trailer: Trailer,
    chunk: u32,
    key_start: u32,
    key_len: u32,
    value_start: u32,
    value_len: u32,
}

impl Entry {
    fn key_range(&self) -> Range<usize> {
        let start = self.key_start as usize;
        start..start + self.key_len as usize
    }

    fn value_range(&self) -> Range<usize> {
        let start = self.value_start as usize;
        start..start + self.value_len as usize
    }
}

/// A point of a [`MemTable`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) trailer: Trailer,
    pub(crate) value: &'a [u8],
}

impl MemTable {
    /// Number of points, deletes included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is neither point nor range tombstone.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.tombstones.is_empty()
    }

    /// Range tombstones as they were written: they may overlap.
    pub fn tombstones(&self) -> &[RangeTombstone] {
        &self.tombstones
    }

    /// The range tombstones in fragments that do not overlap.
    pub(crate) fn fragments(&self) -> &Arc<Fragments> {
        &self.fragments
    }

    /// A cursor over the points with keys in `[lower, upper)`; `None` is unbounded. O(log n).
    pub fn cursor(self: &Arc<Self>, lower: Option<&[u8]>, upper: Option<&[u8]>) -> MemCursor {
        MemCursor::new(self, self.range(lower, upper))
    }

    /// The points with keys in `[lower, upper)`, in order. O(log n) to begin.
    pub(crate) fn points(
        &self,
        lower: Option<&[u8]>,
        upper: Option<&[u8]>,
    ) -> impl Iterator<Item = Point<'_>> {
        let range = self.range(lower, upper);
        let entries = self.entries.get(range).unwrap_or_default();
        entries.iter().map(|entry| Point {
            key: self.key(entry),
            trailer: entry.trailer,
            value: self.value(entry),
        })
    }

    /// The newest point with `key`: its index and trailer. O(1); the first call O(n).
    pub(crate) fn find(&self, key: &[u8]) -> Option<(usize, Trailer)> {
        let hash = self.hash.get_or_init(|| KeyHash::new(self));
        let index = hash.find(self, key)?;
        Some((index, self.entries.get(index)?.trailer))
    }

    /// The value of the point at `index`.
    pub(crate) fn value_at(&self, index: usize) -> &[u8] {
        self.entries
            .get(index)
            .map_or(&[], |entry| self.value(entry))
    }

    fn range(&self, lower: Option<&[u8]>, upper: Option<&[u8]>) -> Range<usize> {
        let start = lower.map_or(0, |lower| self.position(lower));
        let end = upper.map_or(self.len(), |upper| self.position(upper));
        start..end.max(start)
    }

    fn bytes_at(&self, chunk: u32, range: Range<usize>) -> &[u8] {
        let chunk = self.chunks.get(chunk as usize);
        chunk.and_then(|chunk| chunk.get(range)).unwrap_or_default()
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        self.bytes_at(entry.chunk, entry.key_range())
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        self.bytes_at(entry.chunk, entry.value_range())
    }

    fn compare(&self, a: &Entry, b: &Entry) -> Ordering {
        compare((self.key(a), a.trailer), (self.key(b), b.trailer))
    }

    /// Index of the first point with a key `>= key`. O(log n).
    fn position(&self, key: &[u8]) -> usize {
        self.entries.partition_point(|entry| self.key(entry) < key)
    }
}
