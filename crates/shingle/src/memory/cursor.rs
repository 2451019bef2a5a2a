//! Walking the points of a table in memory.

use std::ops::Range;
use std::sync::Arc;

use super::{Entry, MemTable};
use crate::Result;
use crate::cursor::Cursor;
use crate::key::Trailer;

/// A position among the points of a [`MemTable`] whose keys are in a range.
#[derive(Debug)]
pub struct MemCursor {
    table: Arc<MemTable>,
    range: Range<usize>,
    /// Index of the point; anything outside of the range is no position.
    at: usize,
}

impl MemCursor {
    pub(super) fn new(table: &Arc<MemTable>, range: Range<usize>) -> Self {
        Self {
            table: Arc::clone(table),
            range,
            at: usize::MAX,
        }
    }

    fn entry(&self) -> Option<&Entry> {
        self.table.entries.get(self.at).filter(|_| self.is_valid())
    }
}

impl Cursor for MemCursor {
    fn seek_first(&mut self) -> Result<()> {
        self.at = self.range.start;
        Ok(())
    }

    fn seek_last(&mut self) -> Result<()> {
        self.at = self.range.end.checked_sub(1).unwrap_or(usize::MAX);
        Ok(())
    }

    fn seek_ge(&mut self, key: &[u8]) -> Result<()> {
        self.at = self.table.position(key).max(self.range.start);
        Ok(())
    }

    fn seek_lt(&mut self, key: &[u8]) -> Result<()> {
        let position = self.table.position(key).min(self.range.end);
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
        self.range.contains(&self.at)
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
