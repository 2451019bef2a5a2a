//! Recovered writes in memory: built once, then read only.

use std::mem::size_of;
use std::ops::Range;
use std::sync::Arc;

use super::exhausted;
use crate::Result;
use crate::cursor::Cursor;
use crate::key::{Kind, RangeTombstone, SeqNo, Trailer, compare};

/// Points in the order of internal keys, and range tombstones.
#[derive(Debug, Default)]
pub struct MemTable {
    /// Keys and values, back to back.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    tombstones: Vec<RangeTombstone>,
}

/// A point: its key ends where its value begins.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    key_len: u32,
    value_len: u32,
    trailer: Trailer,
}

impl Entry {
    fn key_range(&self) -> Range<usize> {
        self.start..self.start + self.key_len as usize
    }

    fn value_range(&self) -> Range<usize> {
        let end = self.key_range().end;
        end..end + self.value_len as usize
    }
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

    /// A cursor over the points with keys in `[lower, upper)`; `None` is unbounded. O(log n).
    pub fn cursor(self: &Arc<Self>, lower: Option<&[u8]>, upper: Option<&[u8]>) -> MemCursor {
        let start = lower.map_or(0, |lower| self.position(lower));
        let end = upper.map_or(self.len(), |upper| self.position(upper));
        MemCursor {
            table: Arc::clone(self),
            start,
            end: end.max(start),
            at: usize::MAX,
        }
    }

    /// The newest point with `key`: its index and trailer. O(log n).
    pub(crate) fn find(&self, key: &[u8]) -> Option<(usize, Trailer)> {
        let index = self.position(key);
        let entry = self.entries.get(index)?;
        (self.key(entry) == key).then_some((index, entry.trailer))
    }

    /// The value of the point at `index`.
    pub(crate) fn value_at(&self, index: usize) -> &[u8] {
        self.entries
            .get(index)
            .map_or(&[], |entry| self.value(entry))
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        self.bytes.get(entry.key_range()).unwrap_or_default()
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        self.bytes.get(entry.value_range()).unwrap_or_default()
    }

    /// Index of the first point with a key `>= key`. O(log n).
    fn position(&self, key: &[u8]) -> usize {
        self.entries.partition_point(|entry| self.key(entry) < key)
    }
}

/// Collects writes for a [`MemTable`].
#[derive(Debug)]
pub(crate) struct Builder {
    table: MemTable,
    memory: usize,
    memory_max: usize,
}

impl Builder {
    /// Refuses writes beyond `memory_max` bytes.
    pub(crate) fn new(memory_max: usize) -> Self {
        Self {
            table: MemTable::default(),
            memory: 0,
            memory_max,
        }
    }

    fn spend(&mut self, len: usize) -> Result<()> {
        self.memory = self.memory.saturating_add(len);
        if self.memory > self.memory_max {
            return Err(exhausted(self.memory_max));
        }
        Ok(())
    }

    /// Adds a point.
    pub(crate) fn add_point(
        &mut self,
        seq: SeqNo,
        kind: Kind,
        key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        self.spend(key.len() + value.len() + size_of::<Entry>())?;
        let start = self.table.bytes.len();
        self.table.bytes.extend_from_slice(key);
        self.table.bytes.extend_from_slice(value);
        self.table.entries.push(Entry {
            start,
            key_len: u32::try_from(key.len()).unwrap_or(u32::MAX),
            value_len: u32::try_from(value.len()).unwrap_or(u32::MAX),
            trailer: Trailer::new(seq, kind),
        });
        Ok(())
    }

    /// Adds a range tombstone; one that does not ascend hides nothing and is dropped, as in Go.
    pub(crate) fn add_range(&mut self, seq: SeqNo, start: &[u8], end: &[u8]) -> Result<()> {
        if start >= end {
            return Ok(());
        }
        self.spend(start.len() + end.len() + size_of::<RangeTombstone>())?;
        self.table.tombstones.push(RangeTombstone {
            start: start.to_vec(),
            end: end.to_vec(),
            seq,
        });
        Ok(())
    }

    /// Sorts what was added. O(n · log n).
    pub(crate) fn finish(self) -> MemTable {
        let mut table = self.table;
        let mut entries = std::mem::take(&mut table.entries);
        entries.sort_by(|a, b| compare((table.key(a), a.trailer), (table.key(b), b.trailer)));
        table.entries = entries;
        table
    }
}

/// A position among the points of a [`MemTable`] whose keys are in a range.
#[derive(Debug)]
pub struct MemCursor {
    table: Arc<MemTable>,
    start: usize,
    end: usize,
    /// Index of the point; anything outside of `start..end` is no position.
    at: usize,
}

impl MemCursor {
    fn entry(&self) -> Option<&Entry> {
        self.table.entries.get(self.at).filter(|_| self.is_valid())
    }
}

impl Cursor for MemCursor {
    fn seek_first(&mut self) -> Result<()> {
        self.at = self.start;
        Ok(())
    }

    fn seek_last(&mut self) -> Result<()> {
        self.at = self.end.checked_sub(1).unwrap_or(usize::MAX);
        Ok(())
    }

    fn seek_ge(&mut self, key: &[u8]) -> Result<()> {
        self.at = self.table.position(key).max(self.start);
        Ok(())
    }

    fn seek_lt(&mut self, key: &[u8]) -> Result<()> {
        let position = self.table.position(key).min(self.end);
        self.at = position.checked_sub(1).unwrap_or(usize::MAX);
        Ok(())
    }

    fn next(&mut self) -> Result<()> {
        self.at = self.at.saturating_add(1);
        Ok(())
    }

    fn prev(&mut self) -> Result<()> {
        self.at = self.at.checked_sub(1).unwrap_or(usize::MAX);
        Ok(())
    }

    fn is_valid(&self) -> bool {
        (self.start..self.end).contains(&self.at)
    }

    fn user_key(&self) -> &[u8] {
        self.entry().map_or(&[], |entry| self.table.key(entry))
    }

    fn trailer(&self) -> Trailer {
        self.entry().map_or(Trailer(0), |entry| entry.trailer)
    }

    fn value(&self) -> &[u8] {
        self.entry().map_or(&[], |entry| self.table.value(entry))
    }
}
