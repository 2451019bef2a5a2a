//! The rows of one table, and the indexes that follow from them.

use std::io::Read;
use std::sync::Arc;

use shingle::{Error, ErrorKind, Result};

use super::super::ddl::{Affinity, IndexDef, Predicate, TableDef};
use super::super::record;
use super::super::value::Value;
use super::cell::{CellWriter, write_cell};
use super::key::{self, KeyDecoder};
use super::sorter::Sorter;
use super::tree::{IndexTree, TableTree};
use super::{Def, Writer};

/// Longest record that the format allows.
const RECORD_LEN_MAX: u64 = (1 << 31) - 1;

/// Writes the rows of one table. It must be finished; otherwise the whole writer is of no use.
pub struct TableWriter<'w> {
    writer: &'w mut Writer,
    /// Position of the table in the writer's objects.
    position: usize,
    def: Arc<TableDef>,
    tree: TableTree,
    indexes: Vec<IndexWriter>,
    last_rowid: Option<i64>,
    rows: u64,
    header: Vec<u8>,
    scratch: Vec<u8>,
    cell: Vec<u8>,
}

/// A blob that is read while it is written.
struct Stream<'a> {
    column: usize,
    len: u64,
    from: &'a mut dyn Read,
}

impl<'w> TableWriter<'w> {
    pub(super) fn new(writer: &'w mut Writer, position: usize) -> Result<Self> {
        let object = writer.objects.get(position);
        let def = match object.map(|object| (&object.def, object.root)) {
            Some((Def::Table(def), None)) => Arc::clone(def),
            Some((Def::Table(def), Some(_))) => {
                let message = format!("table was written already table=`{}`", def.name);
                return Err(Error::invalid(message));
            }
            _ => {
                return Err(Error::new(
                    ErrorKind::Internal,
                    "sqlite writer: not a table",
                ));
            }
        };
        let indexes = IndexWriter::all(writer, &def);
        writer.broken = true;
        Ok(Self {
            writer,
            position,
            def,
            tree: TableTree::new(),
            indexes,
            last_rowid: None,
            rows: 0,
            header: Vec::new(),
            scratch: Vec::new(),
            cell: Vec::new(),
        })
    }

    /// Adds a row: one value for each column. The column that is the rowid under another name is
    /// null or the rowid.
    ///
    /// # Errors
    /// `Invalid` if the rowid is not greater than the last one, or if the values do not fit the
    /// columns: their number, a null that is not allowed, a number in a text column; `Exhausted` if
    /// sorting needs a scratch folder and there is none.
    ///
    /// # Complexity
    /// O(length of the row) and, over all rows, O(n log n) comparisons for each index.
    pub fn push(&mut self, rowid: i64, values: &[Value<'_>]) -> Result<()> {
        self.push_row(rowid, values, None)
    }

    /// As [`TableWriter::push`], with the blob of one column read from `from`, `len` bytes, in
    /// constant memory. In `values` that column is null. It must not be part of an index.
    ///
    /// # Errors
    /// Also `Io` if `from` fails or ends early.
    pub fn push_streamed(
        &mut self,
        rowid: i64,
        values: &[Value<'_>],
        column: usize,
        len: u64,
        from: &mut dyn Read,
    ) -> Result<()> {
        let indexed = self.indexes.iter().any(|index| index.uses(column));
        let taken = values.get(column).is_none_or(|value| !value.is_null());
        if indexed || taken || self.def.rowid_alias == Some(column) {
            return Err(self.bad_row(rowid, "a column that cannot be streamed"));
        }
        self.push_row(rowid, values, Some(Stream { column, len, from }))
    }

    fn push_row(
        &mut self,
        rowid: i64,
        values: &[Value<'_>],
        stream: Option<Stream<'_>>,
    ) -> Result<()> {
        self.check_row(rowid, values, stream.as_ref().map(|stream| stream.column))?;
        self.write_row(rowid, values, stream)?;
        for index in &mut self.indexes {
            index.push(rowid, values, self.def.rowid_alias)?;
        }
        self.last_rowid = Some(rowid);
        self.rows += 1;
        Ok(())
    }

    fn check_row(&self, rowid: i64, values: &[Value<'_>], streamed: Option<usize>) -> Result<()> {
        if self.last_rowid.is_some_and(|last| rowid <= last) {
            return Err(self.bad_row(rowid, "a rowid that does not ascend"));
        }
        if values.len() != self.def.columns.len() {
            return Err(self.bad_row(rowid, "a wrong number of values"));
        }
        for (i, (value, column)) in values.iter().zip(&self.def.columns).enumerate() {
            if self.def.rowid_alias == Some(i) {
                if !value.is_null() && *value != Value::Integer(rowid) {
                    return Err(self.bad_row(rowid, "a column that is not the rowid"));
                }
            } else if value.is_null() && column.not_null && streamed != Some(i) {
                return Err(self.bad_row(rowid, &format!("null in column {}", column.name)));
            } else if matches!(value, Value::Integer(_) | Value::Real(_))
                && column.affinity == Affinity::Text
            {
                return Err(self.bad_row(rowid, &format!("a number in column {}", column.name)));
            }
        }
        Ok(())
    }

    fn bad_row(&self, rowid: i64, what: &str) -> Error {
        Error::invalid(format!("{what} table=`{}` rowid=`{rowid}`", self.def.name))
    }

    fn write_row(
        &mut self,
        rowid: i64,
        values: &[Value<'_>],
        mut stream: Option<Stream<'_>>,
    ) -> Result<()> {
        let alias = self.def.rowid_alias;
        let streamed = stream.as_ref().map(|stream| (stream.column, stream.len));
        let serials = values.iter().enumerate().map(|(i, value)| match streamed {
            Some((column, len)) if column == i => (record::blob_serial(len), len),
            _ if alias == Some(i) => (0, 0),
            _ => record::serial_of(value),
        });
        self.header.clear();
        record::encode_header(serials.clone().map(|(serial, _)| serial), &mut self.header);
        let body_len = serials.fold(0, |sum: u64, (_, len)| sum.saturating_add(len));
        let total = u32::try_from(body_len.saturating_add(self.header.len() as u64))
            .ok()
            .filter(|total| u64::from(*total) <= RECORD_LEN_MAX)
            .ok_or_else(|| self.bad_row(rowid, "a row of more than 2 GiB"))?;

        let sink = &mut self.writer.sink;
        let mut cell = CellWriter::start(&mut self.cell, &self.writer.sizes, total, Some(rowid));
        cell.push(&self.header, sink)?;
        for (i, value) in values.iter().enumerate() {
            if let Some(stream) = stream.as_mut().filter(|stream| stream.column == i) {
                cell.copy(stream.from, stream.len, sink)?;
            } else if alias != Some(i) {
                cell.push_value(value, &mut self.scratch, sink)?;
            }
        }
        cell.finish()?;
        self.tree.push(sink, rowid, &self.cell)
    }

    /// Writes what is left of the table, then its indexes. Returns the number of rows.
    ///
    /// # Errors
    /// `Invalid` if two rows have the same key in a unique index.
    pub fn finish(self) -> Result<u64> {
        self.finish_with(None)
    }

    /// As [`TableWriter::finish`], but rows with the same key in a unique index are no error: the row
    /// ids of all but the first of each key are returned, ascending, and the database is of no use.
    /// The caller learns from one pass which rows to leave out of the next.
    ///
    /// # Errors
    /// `Io` from the file system.
    pub fn finish_reporting(self) -> Result<Vec<i64>> {
        let mut repeated = Vec::new();
        self.finish_with(Some(&mut repeated))?;
        repeated.sort_unstable();
        repeated.dedup();
        Ok(repeated)
    }

    fn finish_with(self, mut repeated: Option<&mut Vec<i64>>) -> Result<u64> {
        let Self {
            writer,
            position,
            tree,
            indexes,
            rows,
            ..
        } = self;
        let root = tree.finish(&mut writer.sink)?;
        if let Some(object) = writer.objects.get_mut(position) {
            object.root = Some(root);
        }
        for index in indexes {
            index.finish(writer, repeated.as_deref_mut())?;
        }
        writer.broken = false;
        writer.useless |= repeated.is_some_and(|rows| !rows.is_empty());
        Ok(rows)
    }
}

/// Gathers the keys of one index, then writes it.
struct IndexWriter {
    position: usize,
    def: Arc<IndexDef>,
    columns: Vec<usize>,
    sorter: Sorter,
    key: Vec<u8>,
}

impl IndexWriter {
    /// Those of a table; they share the memory budget.
    fn all(writer: &Writer, table: &TableDef) -> Vec<Self> {
        let of_table = |def: &IndexDef| def.table.eq_ignore_ascii_case(&table.name);
        let defs: Vec<(usize, Arc<IndexDef>)> = (0..)
            .zip(&writer.objects)
            .filter_map(|(position, object)| match &object.def {
                Def::Index(def) if of_table(def) => Some((position, Arc::clone(def))),
                _ => None,
            })
            .collect();
        let memory_bytes = writer.options.memory_bytes / defs.len().max(1);
        defs.into_iter()
            .map(|(position, def)| Self {
                position,
                columns: def.plain_columns().unwrap_or_default(),
                sorter: Sorter::new(
                    position.to_string(),
                    memory_bytes,
                    writer.options.scratch.clone(),
                ),
                def,
                key: Vec::new(),
            })
            .collect()
    }

    fn uses(&self, column: usize) -> bool {
        let in_condition = match self.def.predicate {
            Predicate::NotNull(i) | Predicate::Equals(i, _) => i == column,
            Predicate::All | Predicate::Other(_) => false,
        };
        in_condition || self.columns.contains(&column)
    }

    fn push(&mut self, rowid: i64, values: &[Value<'_>], alias: Option<usize>) -> Result<()> {
        let is_rowid = Value::Integer(rowid);
        let value = |i: usize| {
            if alias == Some(i) {
                &is_rowid
            } else {
                values.get(i).unwrap_or(&Value::Null)
            }
        };
        let selected = match &self.def.predicate {
            Predicate::NotNull(i) => !value(*i).is_null(),
            Predicate::Equals(i, wanted) => value(*i).compare(wanted).is_eq(),
            Predicate::All | Predicate::Other(_) => true,
        };
        if !selected {
            return Ok(());
        }
        self.key.clear();
        for column in &self.columns {
            key::push_value(value(*column), &mut self.key)?;
        }
        key::push_rowid(rowid, &mut self.key);
        self.sorter.push(&self.key)
    }

    /// Rows that repeat a unique key go into `repeated`; without it they are an error.
    fn finish(self, writer: &mut Writer, mut repeated: Option<&mut Vec<i64>>) -> Result<()> {
        let mut tree = IndexTree::new();
        let mut decoder = KeyDecoder::default();
        let (mut record, mut cell, mut last) = (Vec::new(), Vec::new(), self.key);
        last.clear();
        let mut sorted = self.sorter.finish()?;
        while let Some(key) = sorted.next()? {
            decoder.decode(key, &mut record)?;
            if self.def.unique {
                if key::columns(key) == key::columns(&last) && !decoder.has_null() {
                    match &mut repeated {
                        Some(rows) => rows.push(key::rowid(key)),
                        None => return Err(duplicate(&self.def, key)),
                    }
                }
                last.clear();
                last.extend_from_slice(key);
            }
            write_cell(&mut cell, &writer.sizes, &record, None, &mut writer.sink)?;
            tree.push(&mut writer.sink, &cell)?;
        }
        let root = tree.finish(&mut writer.sink)?;
        if let Some(object) = writer.objects.get_mut(self.position) {
            object.root = Some(root);
        }
        Ok(())
    }
}

fn duplicate(def: &IndexDef, key: &[u8]) -> Error {
    let (index, key) = (&def.name, key::columns(key).escape_ascii());
    Error::invalid(format!("two rows with one key index=`{index}` key=`{key}`"))
}
