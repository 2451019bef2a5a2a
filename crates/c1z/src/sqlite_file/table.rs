//! Tables: scans over ranges of rowids in both directions, and lookups.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use shingle::{Error, Result};

use super::cursor::{Cursor, Direction};
use super::ddl::{Affinity, Column, DefaultValue, TableDef};
use super::node::TreeKind;
use super::pager::{Caching, PageNo, Pager};
use super::record::{Record, ValueReader};
use super::value::Value;

const STRUCTURE: &str = "sqlite table row";

/// A table of an open database. Cheap to clone; keeps the database open.
#[derive(Clone, Debug)]
pub struct Table {
    pager: Arc<Pager>,
    def: Arc<TableDef>,
    root: PageNo,
}

impl Table {
    pub(super) fn new(pager: Arc<Pager>, def: Arc<TableDef>, root: PageNo) -> Self {
        Self { pager, def, root }
    }

    pub(super) fn parts(&self) -> (&Arc<Pager>, &Arc<TableDef>) {
        (&self.pager, &self.def)
    }

    /// What the table's statement says.
    pub fn definition(&self) -> &TableDef {
        &self.def
    }

    /// Columns in their order in a row.
    pub fn columns(&self) -> &[Column] {
        &self.def.columns
    }

    /// Position of a column; names are compared without regard to ASCII case.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.def.column(name)
    }

    /// Rows with a rowid in `range`, ascending.
    ///
    /// # Complexity
    /// O(depth) page reads to the first row, then each leaf once; no allocation per row.
    pub fn scan(&self, range: impl RangeBounds<i64>) -> Rows {
        self.rows(range, Direction::Forward)
    }

    /// Rows with a rowid in `range`, descending.
    pub fn scan_back(&self, range: impl RangeBounds<i64>) -> Rows {
        self.rows(range, Direction::Backward)
    }

    fn rows(&self, range: impl RangeBounds<i64>, direction: Direction) -> Rows {
        let mut rows = Rows::all(&self.pager, &self.def, self.root);
        rows.direction = direction;
        match limits(&range) {
            Some((first, last)) => (rows.first, rows.last) = (first, last),
            None => rows.state = State::Over,
        }
        rows
    }

    /// The row with the given rowid.
    ///
    /// # Complexity
    /// O(depth) page reads. For many rows use [`Table::lookup`].
    pub fn row(&self, rowid: i64) -> Result<Option<Row>> {
        let mut lookup = self.lookup();
        let found = lookup.row(rowid)?.is_some();
        Ok(found.then_some(lookup.row))
    }

    /// Looks up many rows with one cursor and one row buffer.
    pub fn lookup(&self) -> Lookup {
        Lookup {
            cursor: cursor(&self.pager, self.root, Caching::Keep),
            row: Row::empty(&self.pager, &self.def),
        }
    }
}

fn cursor(pager: &Arc<Pager>, root: PageNo, caching: Caching) -> Cursor {
    Cursor::new(Arc::clone(pager), TreeKind::Table, root, caching)
}

/// The inclusive limits of a range, or nothing if it is empty.
fn limits(range: &impl RangeBounds<i64>) -> Option<(i64, i64)> {
    let first = match range.start_bound() {
        Bound::Included(first) => *first,
        Bound::Excluded(before) => before.checked_add(1)?,
        Bound::Unbounded => i64::MIN,
    };
    let last = match range.end_bound() {
        Bound::Included(last) => *last,
        Bound::Excluded(after) => after.checked_sub(1)?,
        Bound::Unbounded => i64::MAX,
    };
    (first <= last).then_some((first, last))
}

/// Point lookups in a table.
#[derive(Debug)]
pub struct Lookup {
    cursor: Cursor,
    row: Row,
}

impl Lookup {
    /// The row with the given rowid.
    ///
    /// # Complexity
    /// O(depth) page reads, most of them from the cache; none if the row is on the page of the last
    /// one.
    pub fn row(&mut self, rowid: i64) -> Result<Option<&Row>> {
        self.cursor
            .seek_near(|node, i| Ok(node.rowid(i)?.cmp(&rowid)))?;
        match self.cursor.entry() {
            Some((node, i)) if node.rowid(i)? == rowid => {
                self.row.load(node, i)?;
                Ok(Some(&self.row))
            }
            _ => Ok(None),
        }
    }
}

/// One row. Values are borrowed from it.
#[derive(Clone, Debug)]
pub struct Row {
    pager: Arc<Pager>,
    def: Arc<TableDef>,
    record: Record,
}

impl Row {
    pub(super) fn empty(pager: &Arc<Pager>, def: &Arc<TableDef>) -> Self {
        Self {
            pager: Arc::clone(pager),
            def: Arc::clone(def),
            record: Record::empty(),
        }
    }

    #[inline]
    pub(super) fn load(&mut self, node: &super::node::Node, i: usize) -> Result<()> {
        self.record
            .load(&self.pager, node, i, self.def.columns.len())
    }

    /// The rowid.
    pub fn rowid(&self) -> i64 {
        self.record.rowid()
    }

    /// Columns of the row's table.
    pub fn columns(&self) -> &[Column] {
        &self.def.columns
    }

    /// Whether the row continues on overflow pages.
    pub fn spills(&self) -> bool {
        self.record.spills()
    }

    /// The value of column `i`; the column's default if the row is older than the column.
    ///
    /// # Errors
    /// `Invalid` if there is no such column; `Unsupported` if the default is an expression;
    /// `Corrupt` if the value continues on overflow pages and they contradict the format.
    ///
    /// # Complexity
    /// O(1) and no copy; a value that reaches overflow pages is copied. Reading such columns in
    /// ascending order follows the pages once.
    #[inline]
    pub fn get(&self, i: usize) -> Result<Value<'_>> {
        let Some(column) = self.def.columns.get(i) else {
            let message = format!("no such column table=`{}` column=`{i}`", self.def.name);
            return Err(Error::invalid(message));
        };
        if self.def.rowid_alias == Some(i) {
            return Ok(Value::Integer(self.rowid()));
        }
        match self.record.get(&self.pager, i)? {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a real column stores whole numbers as integers where that is exact"
            )]
            Some(Value::Integer(value)) if column.affinity == Affinity::Real => {
                Ok(Value::Real(value as f64))
            }
            Some(value) => Ok(value),
            None => default(column),
        }
    }

    /// Length in bytes of column `i`, if it is a text or a blob. Reads nothing.
    pub fn bytes_len(&self, i: usize) -> Option<u32> {
        self.record.bytes_len(i)
    }

    /// Streams the text or blob of column `i` in constant memory; `None` for any other value.
    pub fn stream(&self, i: usize) -> Option<ValueReader<'_>> {
        self.record.stream(&self.pager, i)
    }

    /// Where the row's payload is in the file, bytes.
    pub fn offset(&self) -> u64 {
        let (page, at) = self.place();
        let page_size = self.pager.header().page_size;
        page.offset(page_size).saturating_add(at as u64)
    }

    /// Where the row is: its page, and the offset of its payload on it.
    pub(super) fn place(&self) -> (PageNo, usize) {
        self.record.place()
    }
}

fn default(column: &Column) -> Result<Value<'_>> {
    match &column.default {
        DefaultValue::Value(value) => Ok(value.as_borrowed()),
        DefaultValue::Expression(text) => Err(Error::unsupported(format_args!(
            "default expression column=`{}` expression=`{text}`",
            column.name
        ))),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Running,
    Over,
}

/// A scan of a table. It ends at the end of its range, or at the first error.
#[derive(Debug)]
pub struct Rows {
    cursor: Cursor,
    row: Row,
    first: i64,
    last: i64,
    direction: Direction,
    state: State,
}

impl Rows {
    pub(super) fn all(pager: &Arc<Pager>, def: &Arc<TableDef>, root: PageNo) -> Self {
        Self {
            cursor: cursor(pager, root, Caching::Pass),
            row: Row::empty(pager, def),
            first: i64::MIN,
            last: i64::MAX,
            direction: Direction::Forward,
            state: State::Start,
        }
    }

    /// The next row, or nothing at the end. The row is valid until the next call.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend its buffer"
    )]
    #[inline]
    pub fn next(&mut self) -> Result<Option<&Row>> {
        let before = std::mem::replace(&mut self.state, State::Over);
        match before {
            State::Start => self.start()?,
            State::Running => match self.direction {
                Direction::Forward => self.cursor.next()?,
                Direction::Backward => self.cursor.prev()?,
            },
            State::Over => return Ok(None),
        }
        let Some((node, i)) = self.cursor.entry() else {
            return Ok(None);
        };
        let rowid = node.rowid(i)?;
        if before == State::Running {
            self.check_order(rowid)?;
        }
        if rowid < self.first || rowid > self.last {
            return Ok(None);
        }
        let (node, i) = (node.clone(), i);
        self.row.load(&node, i)?;
        self.state = State::Running;
        Ok(Some(&self.row))
    }

    fn start(&mut self) -> Result<()> {
        match self.direction {
            Direction::Forward if self.first == i64::MIN => {
                self.cursor.seek_end(Direction::Forward)
            }
            Direction::Forward => {
                let first = self.first;
                self.cursor.seek(|node, i| Ok(node.rowid(i)? < first))
            }
            Direction::Backward => {
                let last = self.last;
                self.cursor.seek(|node, i| Ok(node.rowid(i)? <= last))?;
                self.cursor.prev()
            }
        }
    }

    /// Rowids must move on: this also ends a walk in a circle.
    fn check_order(&self, rowid: i64) -> Result<()> {
        let previous = self.row.rowid();
        let moves_on = match self.direction {
            Direction::Forward => rowid > previous,
            Direction::Backward => rowid < previous,
        };
        if moves_on {
            return Ok(());
        }
        let (page, at) = self.row.place();
        let expected = format!("the rowid after {previous} in its order");
        Err(self.row.pager.corrupt(STRUCTURE, page, at, expected, rowid))
    }
}
