//! One table as the version shows it: the part of a virtual table, cut at the bounds of the read,
//! with the sequence number that an ingested table takes (`pebble-ondisk` §2.4).

use std::sync::Arc;

use super::{Bounds, Fragments};
use crate::Result;
use crate::cursor::Cursor;
use crate::key::{SeqNo, Trailer};
use crate::manifest::TableMeta;

/// Opens tables for cursors.
pub(crate) trait Tables: Send + Sync {
    /// Walks the points of one file.
    type Cursor: Cursor;

    /// Opens the file of `table`. What comes back knows nothing of the table's bounds and synthetic
    /// sequence number.
    fn open(&self, table: &TableMeta) -> Result<Opened<Self::Cursor>>;
}

/// An open table file.
pub(crate) struct Opened<C> {
    /// Over its points.
    pub(crate) cursor: C,
    /// Its range tombstones.
    pub(crate) tombstones: Arc<Fragments>,
}

/// A range tombstone over a key: everything older in `[start, end)` is hidden. (The key itself may
/// be `end`, where an inclusive bound of its table cuts the tombstone.)
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cover<'a> {
    pub(crate) start: &'a [u8],
    pub(crate) end: &'a [u8],
    pub(crate) seq: SeqNo,
}

/// Where a limit of a view comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// The table ends before any limit.
    None,
    /// The bounds of the read.
    Read,
    /// The bounds of the virtual table.
    Table,
}

/// A cursor over the visible part of a table. Stands at a point or nowhere.
pub(super) struct View<C> {
    cursor: C,
    table: Arc<TableMeta>,
    bounds: Arc<Bounds>,
    seq: Option<SeqNo>,
    lower: Limit,
    upper: Limit,
    tombstones: Arc<Fragments>,
    hint: usize,
    valid: bool,
}

impl<C: Cursor> View<C> {
    pub(super) fn new(opened: Opened<C>, table: &Arc<TableMeta>, bounds: &Arc<Bounds>) -> Self {
        Self {
            cursor: opened.cursor,
            seq: table.synthetic_seq(),
            lower: lower_limit(table, bounds),
            upper: upper_limit(table, bounds),
            tombstones: opened.tombstones,
            hint: 0,
            valid: false,
            table: Arc::clone(table),
            bounds: Arc::clone(bounds),
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.valid
    }

    pub(super) fn user_key(&self) -> &[u8] {
        self.cursor.user_key()
    }

    pub(super) fn value(&self) -> &[u8] {
        self.cursor.value()
    }

    pub(super) fn trailer(&self) -> Trailer {
        let stored = self.cursor.trailer();
        match self.seq {
            None => stored,
            Some(seq) => stored.with_seq(seq),
        }
    }

    pub(super) fn seek_first(&mut self) -> Result<()> {
        match self.lower {
            Limit::None => self.cursor.seek_first()?,
            Limit::Read => self
                .cursor
                .seek_ge(self.bounds.lower().unwrap_or_default())?,
            Limit::Table => self.cursor.seek_ge(&self.table.smallest.user)?,
        }
        self.check_upper();
        Ok(())
    }

    pub(super) fn seek_last(&mut self) -> Result<()> {
        match self.upper {
            Limit::None => self.cursor.seek_last()?,
            Limit::Read => self
                .cursor
                .seek_lt(self.bounds.upper().unwrap_or_default())?,
            Limit::Table => self.seek_last_of_part()?,
        }
        self.check_lower();
        Ok(())
    }

    pub(super) fn seek_ge(&mut self, key: &[u8]) -> Result<()> {
        if self.is_below(key) {
            return self.seek_first();
        }
        self.cursor.seek_ge(key)?;
        self.check_upper();
        Ok(())
    }

    pub(super) fn seek_lt(&mut self, key: &[u8]) -> Result<()> {
        if self.is_above(key) {
            return self.seek_last();
        }
        self.cursor.seek_lt(key)?;
        self.check_lower();
        Ok(())
    }

    pub(super) fn next(&mut self) -> Result<()> {
        self.cursor.next()?;
        self.check_upper();
        Ok(())
    }

    pub(super) fn prev(&mut self) -> Result<()> {
        self.cursor.prev()?;
        self.check_lower();
        Ok(())
    }

    /// The table's last point may have the key of its largest bound.
    fn seek_last_of_part(&mut self) -> Result<()> {
        let largest = &self.table.largest.user;
        if !self.table.excludes_largest() {
            // Past all versions of the largest key, which are few.
            self.cursor.seek_ge(largest)?;
            while self.cursor.is_valid() && self.cursor.user_key() == &largest[..] {
                self.cursor.next()?;
            }
            return if self.cursor.is_valid() {
                self.cursor.prev()
            } else {
                self.cursor.seek_last()
            };
        }
        self.cursor.seek_lt(largest)
    }

    fn check_upper(&mut self) {
        self.valid = self.cursor.is_valid()
            && match self.upper {
                Limit::None => true,
                _ => !self.is_above(self.cursor.user_key()),
            };
    }

    fn check_lower(&mut self) {
        self.valid = self.cursor.is_valid()
            && match self.lower {
                Limit::None => true,
                _ => !self.is_below(self.cursor.user_key()),
            };
    }

    /// Whether `key` is before the part that the view shows.
    fn is_below(&self, key: &[u8]) -> bool {
        match self.lower {
            Limit::None => false,
            Limit::Read => self.bounds.lower().is_some_and(|lower| key < lower),
            Limit::Table => key < &self.table.smallest.user[..],
        }
    }

    /// Whether `key` is behind the part that the view shows.
    fn is_above(&self, key: &[u8]) -> bool {
        match self.upper {
            Limit::None => false,
            Limit::Read => self.bounds.upper().is_some_and(|upper| key >= upper),
            Limit::Table => !self.table.reaches(key),
        }
    }

    pub(super) fn has_tombstones(&self) -> bool {
        !self.tombstones.is_empty()
    }

    /// The newest range tombstone over `key`, which lies within the bounds of the table; cut at
    /// them.
    pub(super) fn covering(&mut self, key: &[u8]) -> Option<Cover<'_>> {
        let table = &*self.table;
        let fragment = self.tombstones.covering(key, &mut self.hint)?;
        Some(Cover {
            start: fragment.start.as_slice().max(&table.smallest.user),
            end: fragment.end.as_slice().min(&table.largest.user),
            seq: self.seq.unwrap_or(fragment.seq),
        })
    }
}

fn lower_limit(table: &TableMeta, bounds: &Bounds) -> Limit {
    match bounds.lower() {
        Some(lower) if lower > &table.smallest.user[..] => Limit::Read,
        _ if table.is_virtual() => Limit::Table,
        _ => Limit::None,
    }
}

fn upper_limit(table: &TableMeta, bounds: &Bounds) -> Limit {
    match bounds.upper() {
        Some(upper) if table.reaches(upper) => Limit::Read,
        _ if table.is_virtual() => Limit::Table,
        _ => Limit::None,
    }
}
