//! Indexes: seeks by key prefix, in both directions.

use std::cmp::Ordering;
use std::sync::Arc;

use shingle::{Error, Result};

use super::cursor::{Cursor, Direction};
use super::ddl::IndexDef;
use super::node::{Node, TreeKind};
use super::pager::{Caching, PageNo, Pager};
use super::record::Record;
use super::value::Value;

const STRUCTURE: &str = "sqlite index entry";

/// An index of an open database, all of whose columns are plain columns in ascending binary order.
/// Cheap to clone; keeps the database open.
#[derive(Clone, Debug)]
pub struct Index {
    pager: Arc<Pager>,
    def: Arc<IndexDef>,
    root: PageNo,
    columns: Arc<[usize]>,
}

impl Index {
    pub(super) fn new(
        pager: Arc<Pager>,
        def: Arc<IndexDef>,
        root: PageNo,
        columns: Vec<usize>,
    ) -> Self {
        Self {
            pager,
            def,
            root,
            columns: columns.into(),
        }
    }

    pub(super) fn root(&self) -> PageNo {
        self.root
    }

    /// What the index's statement says.
    pub fn definition(&self) -> &IndexDef {
        &self.def
    }

    /// Positions of the key's columns in the table.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Entries whose key starts with `prefix`, ascending by key and then by rowid. An empty prefix
    /// means all entries; a prefix one longer than the key ends with a rowid.
    ///
    /// # Errors
    /// `Invalid` if the prefix is longer than that.
    ///
    /// # Complexity
    /// O(log n) comparisons and O(depth) page reads to the first entry; no allocation per entry.
    pub fn seek(&self, prefix: &[Value<'_>]) -> Result<IndexRows> {
        self.seek_from(prefix, &[])
    }

    /// As [`Index::seek`], starting at the first entry that is not before `prefix` + `from`: where
    /// a page of a list left off.
    pub fn seek_from(&self, prefix: &[Value<'_>], from: &[Value<'_>]) -> Result<IndexRows> {
        let mut rows = self.rows(prefix, from, Direction::Forward)?;
        let bound: Vec<Value<'_>> = prefix.iter().chain(from).map(Value::as_borrowed).collect();
        rows.seek_past(&bound, Ordering::Less)?;
        Ok(rows)
    }

    /// As [`Index::seek`], descending.
    pub fn seek_back(&self, prefix: &[Value<'_>]) -> Result<IndexRows> {
        let mut rows = self.rows(prefix, &[], Direction::Backward)?;
        if prefix.is_empty() {
            rows.cursor.seek_end(Direction::Backward)?;
        } else {
            rows.seek_past(prefix, Ordering::Equal)?;
            rows.cursor.prev()?;
        }
        Ok(rows)
    }

    /// The rowid of the first row with the given key: the only one in a unique index, unless the
    /// key contains a null.
    ///
    /// # Errors
    /// `Invalid` if `key` does not have one value for each column.
    pub fn get(&self, key: &[Value<'_>]) -> Result<Option<i64>> {
        if key.len() != self.columns.len() {
            return Err(self.bad_length(key.len()));
        }
        let mut rows = self.seek(key)?;
        Ok(rows.next()?.map(IndexEntry::rowid))
    }

    fn rows(
        &self,
        prefix: &[Value<'_>],
        from: &[Value<'_>],
        direction: Direction,
    ) -> Result<IndexRows> {
        let len = prefix.len() + from.len();
        if len > self.columns.len() + 1 {
            return Err(self.bad_length(len));
        }
        Ok(IndexRows {
            cursor: Cursor::new(
                Arc::clone(&self.pager),
                TreeKind::Index,
                self.root,
                Caching::Keep,
            ),
            entry: IndexEntry::empty(&self.pager, self.columns.len()),
            prefix: prefix.iter().cloned().map(Value::into_owned).collect(),
            direction,
            state: State::AtFirst,
        })
    }

    fn bad_length(&self, len: usize) -> Error {
        Error::invalid(format!(
            "key of a wrong length index=`{}` columns=`{}` values=`{len}`",
            self.def.name,
            self.columns.len()
        ))
    }
}

/// One entry of an index: the key's columns and a rowid.
#[derive(Clone, Debug)]
pub struct IndexEntry {
    pager: Arc<Pager>,
    record: Record,
    columns: usize,
    rowid: i64,
}

impl IndexEntry {
    pub(super) fn empty(pager: &Arc<Pager>, columns: usize) -> Self {
        Self {
            pager: Arc::clone(pager),
            record: Record::empty(),
            columns,
            rowid: 0,
        }
    }

    /// Makes this cell `i` of `node`.
    pub(super) fn load(&mut self, node: &Node, i: usize) -> Result<()> {
        // One field more is looked at, so that an entry with too many does not pass.
        self.record.load(&self.pager, node, i, self.columns + 2)?;
        let rowid = self.record.get(&self.pager, self.columns)?;
        match (rowid, self.record.len() == self.columns + 1) {
            (Some(Value::Integer(rowid)), true) => {
                self.rowid = rowid;
                Ok(())
            }
            (rowid, _) => {
                let expected = format!("{} columns and a rowid", self.columns);
                let found = format!("{} fields, rowid {rowid:?}", self.record.len());
                Err(self.corrupt(expected, found))
            }
        }
    }

    /// The row that the entry is of.
    pub fn rowid(&self) -> i64 {
        self.rowid
    }

    /// Column `i` of the key, as the index stores it: there a whole number of a real column is an
    /// integer.
    ///
    /// # Errors
    /// `Invalid` if the key has no such column; `Corrupt` if it continues on overflow pages and
    /// they contradict the format.
    pub fn get(&self, i: usize) -> Result<Value<'_>> {
        if i < self.columns
            && let Some(value) = self.record.get(&self.pager, i)?
        {
            return Ok(value);
        }
        Err(Error::invalid(format!("no such key column column=`{i}`")))
    }

    /// The key's columns and the rowid.
    pub(super) fn values(&self) -> Result<Vec<Value<'_>>> {
        let mut values = Vec::with_capacity(self.columns + 1);
        for i in 0..self.columns {
            values.push(self.get(i)?);
        }
        values.push(Value::Integer(self.rowid));
        Ok(values)
    }

    /// Order of the entry's first fields (the rowid is the last one) against `bound`.
    pub(super) fn compare(&self, bound: &[Value<'_>]) -> Result<Ordering> {
        for (i, value) in bound.iter().enumerate() {
            let order = match self.record.get(&self.pager, i)? {
                Some(field) => field.compare(value),
                None => Ordering::Less,
            };
            if order.is_ne() {
                return Ok(order);
            }
        }
        Ok(Ordering::Equal)
    }

    fn corrupt(&self, expected: impl std::fmt::Display, found: impl std::fmt::Display) -> Error {
        let (page, at) = self.record.place();
        self.pager.corrupt(STRUCTURE, page, at, expected, found)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The cursor is where the first entry should be.
    AtFirst,
    Running,
    Over,
}

/// A walk over the entries of an index that share a key prefix. It ends at the first error.
#[derive(Debug)]
pub struct IndexRows {
    cursor: Cursor,
    entry: IndexEntry,
    prefix: Vec<Value<'static>>,
    direction: Direction,
    state: State,
}

impl IndexRows {
    /// The next entry, or nothing at the end. The entry is valid until the next call.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend its buffer"
    )]
    pub fn next(&mut self) -> Result<Option<&IndexEntry>> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::AtFirst => {}
            State::Running => match self.direction {
                Direction::Forward => self.cursor.next()?,
                Direction::Backward => self.cursor.prev()?,
            },
            State::Over => return Ok(None),
        }
        let Some((node, i)) = self.cursor.entry() else {
            return Ok(None);
        };
        self.entry.load(node, i)?;
        if self.entry.compare(&self.prefix)?.is_ne() {
            return Ok(None);
        }
        self.state = State::Running;
        Ok(Some(&self.entry))
    }

    /// Moves to the first entry whose order against `bound` is after `last`.
    fn seek_past(&mut self, bound: &[Value<'_>], last: Ordering) -> Result<()> {
        let entry = &mut self.entry;
        self.cursor.seek(|node, i| {
            entry.load(node, i)?;
            Ok(entry.compare(bound)? <= last)
        })
    }
}
