//! Builds a database file from rows that come in order of rowid.
//!
//! Tables are written as their rows come; the keys of their indexes are sorted in memory, or in a
//! scratch folder when they exceed the budget, and written after the table. Pages are appended in
//! the order of their numbers and never changed. The first page is the exception: it says where the
//! trees are, so it is known last. [`Writer::finish`] returns it, and the file that was appended to
//! holds the pages from the second on; [`Image`] reads both as one file. (A v1 `.c1z` is compressed
//! from its first page on, and its frame starts with the length: its database has to be complete
//! before the first byte of it can be written.)
//!
//! The output depends on the statements and the rows alone: no clock, no hashing, no trace of the
//! budget. It has pages of 4096 bytes, none of them free, no write-ahead log.

mod cell;
mod key;
mod merge;
mod sink;
mod sorter;
mod table;
#[cfg(test)]
mod tests;
mod tree;

use std::io;
use std::sync::Arc;

use shingle::vfs::{ReadFile, WriteFile};
use shingle::{Error, ErrorKind, Result};

pub use sorter::Scratch;
pub use table::TableWriter;

use super::ddl::{IndexDef, Predicate, TableDef, makes_index, parse_index, parse_table};
use super::header::{self, FileHeader};
use super::node::{PageBuilder, TreeKind};
use super::pager::PageNo;
use super::payload::LocalSizes;
use super::record;
use super::value::Value;
use super::varint;
use cell::write_cell;
use sink::PageSink;

/// Size of every page that is written, in bytes.
const PAGE_LEN: u32 = 4096;
/// The same as a length in memory.
const PAGE_SIZE: usize = PAGE_LEN as usize;

/// Settings of a writer.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Bytes that sorting the indexes of one table may take, all of them together. Default 64 MiB.
    /// Less means more temporary files.
    pub memory_bytes: usize,
    /// Where keys go that do not fit. Without it, too many keys are an error.
    pub scratch: Option<Scratch>,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            scratch: None,
        }
    }
}

/// A table or an index to be written.
#[derive(Debug)]
struct Object {
    sql: String,
    def: Def,
    /// Set once the tree is written.
    root: Option<PageNo>,
}

#[derive(Clone, Debug)]
enum Def {
    Table(Arc<TableDef>),
    Index(Arc<IndexDef>),
}

impl Object {
    /// The table of the given name, if that is what it is.
    fn table(&self, name: &str) -> Option<&TableDef> {
        match &self.def {
            Def::Table(def) if def.name.eq_ignore_ascii_case(name) => Some(def),
            _ => None,
        }
    }

    fn names(&self) -> (&'static str, &str, &str) {
        match &self.def {
            Def::Table(def) => ("table", &def.name, &def.name),
            Def::Index(def) => ("index", &def.name, &def.table),
        }
    }
}

/// Writes one database file.
pub struct Writer {
    sink: PageSink,
    sizes: LocalSizes,
    objects: Vec<Object>,
    options: WriteOptions,
    /// A table was begun and not finished, or a write failed.
    broken: bool,
    /// Rows that repeat a unique key were reported.
    useless: bool,
}

impl Writer {
    /// Starts a database whose schema is made by `statements`: `CREATE TABLE` and `CREATE INDEX`,
    /// an index after its table. Pages from the second on are appended to `body`, which is empty.
    ///
    /// # Errors
    /// `Invalid` for a statement that is not understood, or whose table could not be written: one
    /// without rowid, with generated columns, or with keys that make automatic indexes; an index
    /// with expressions, another order than ascending binary, or a condition that is not known.
    pub fn new(
        body: Box<dyn WriteFile>,
        statements: &[&str],
        options: WriteOptions,
    ) -> Result<Self> {
        Self::with_sink(PageSink::new(body), statements, options)
    }

    fn with_sink(sink: PageSink, statements: &[&str], options: WriteOptions) -> Result<Self> {
        let mut objects = Vec::new();
        for sql in statements {
            let def = define(sql, &objects)
                .map_err(|reason| Error::invalid(format!("{reason} statement=`{sql}`")))?;
            objects.push(Object {
                sql: (*sql).to_owned(),
                def,
                root: None,
            });
        }
        Ok(Self {
            sink,
            sizes: LocalSizes::new(PAGE_LEN, u32::MAX),
            objects,
            options,
            broken: false,
            useless: false,
        })
    }

    /// Starts writing the rows of a table. Each table is written at most once; one that never is
    /// has no rows.
    ///
    /// # Errors
    /// `NotFound` if no statement made the table; `Invalid` if it was written; `Poisoned` after a
    /// failed write or an unfinished table.
    pub fn table(&mut self, name: &str) -> Result<TableWriter<'_>> {
        self.check_whole()?;
        let position = self.objects.iter().position(|object| {
            let (kind, own, _) = object.names();
            kind == "table" && own.eq_ignore_ascii_case(name)
        });
        let Some(position) = position else {
            let message = format!("no such table table=`{name}`");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        TableWriter::new(self, position)
    }

    /// Writes the tables that are left and the schema.
    ///
    /// # Errors
    /// `Poisoned` after a failed write or an unfinished table; `Invalid` after rows that repeat a
    /// unique key were reported, and if the schema has more objects than fit (about 400 pages of
    /// statements).
    pub fn finish(mut self) -> Result<Written> {
        self.check_whole()?;
        if self.useless {
            return Err(Error::invalid("sqlite writer: rows repeat a unique key"));
        }
        for position in 0..self.objects.len() {
            let unwritten = self
                .objects
                .get(position)
                .is_some_and(|object| object.root.is_none());
            if unwritten {
                TableWriter::new(&mut self, position)?.finish()?;
            }
        }
        let mut first_page = self.schema_page()?;
        let page_count = self.sink.page_count();
        let header = FileHeader {
            page_size: PAGE_LEN,
            reserved_bytes: 0,
            write_ahead_log: false,
            page_count: Some(page_count),
            freelist_head: 0,
            freelist_count: 0,
            schema_cookie: u32::try_from(self.objects.len()).unwrap_or(u32::MAX),
            largest_root: 0,
            user_version: 0,
            application_id: 0,
        };
        if let Some(slot) = first_page.first_chunk_mut() {
            *slot = header.encode();
        }
        Ok(Written {
            first_page,
            page_count,
            body: self.sink.finish()?,
        })
    }

    fn check_whole(&self) -> Result<()> {
        if self.broken {
            let message = "sqlite writer: an earlier write failed or a table was not finished";
            return Err(Error::new(ErrorKind::Poisoned, message));
        }
        Ok(())
    }

    /// Writes the schema: on the first page alone if it fits, else in leaves below it.
    fn schema_page(&mut self) -> Result<Box<[u8]>> {
        let cells = self.schema_cells()?;
        let mut page = first_page(true);
        if cells.iter().all(|cell| page.push(&[cell])) {
            return Ok(page.finish(0).to_vec().into());
        }
        let mut page = first_page(false);
        let mut leaf = PageBuilder::new(PAGE_SIZE, 0, TreeKind::Table, true);
        for (rowid, cell) in (1_u64..).zip(&cells) {
            if leaf.push(&[cell]) {
                continue;
            }
            let no = self.sink.append(leaf.finish(0))?;
            leaf.clear();
            leaf.push(&[cell]);
            let mut separator = Vec::new();
            varint::encode(rowid - 1, &mut separator);
            if !page.push(&[&no.0.to_be_bytes(), &separator]) {
                return Err(Error::invalid("sqlite writer: too many statements"));
            }
        }
        let last = self.sink.append(leaf.finish(0))?;
        Ok(page.finish(last.0).to_vec().into())
    }

    fn schema_cells(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut cells = Vec::new();
        for (rowid, object) in (1..).zip(&self.objects) {
            let (kind, name, table) = object.names();
            let root = object.root.map_or(0, |root| root.0.into());
            let values = [
                Value::text(kind),
                Value::text(name),
                Value::text(table),
                Value::Integer(root),
                Value::text(&object.sql),
            ];
            let (mut cell, mut record) = (Vec::new(), Vec::new());
            record::encode(&values, &mut record);
            write_cell(&mut cell, &self.sizes, &record, Some(rowid), &mut self.sink)?;
            cells.push(cell);
        }
        Ok(cells)
    }
}

fn first_page(leaf: bool) -> PageBuilder {
    PageBuilder::new(PAGE_SIZE, header::LEN, TreeKind::Table, leaf)
}

/// What a statement makes, if it can be written.
fn define(sql: &str, objects: &[Object]) -> Result<Def, String> {
    if !makes_index(sql) {
        return writable_table(parse_table(sql)?, objects).map(Def::Table);
    }
    let table = |name: &str| objects.iter().find_map(|object| object.table(name));
    writable_index(parse_index(sql, table)?, objects).map(Def::Index)
}

fn writable_table(def: TableDef, objects: &[Object]) -> Result<Arc<TableDef>, String> {
    if def.without_rowid {
        return Err("a table without rowid".to_owned());
    }
    if !def.unique_keys.is_empty() {
        return Err("a table with an automatic index".to_owned());
    }
    if def.columns.iter().any(|column| column.generated) {
        return Err("a table with generated columns".to_owned());
    }
    check_name(&def.name, objects)?;
    Ok(Arc::new(def))
}

fn writable_index(def: IndexDef, objects: &[Object]) -> Result<Arc<IndexDef>, String> {
    if def.plain_columns().is_none() {
        return Err("an index in another order".to_owned());
    }
    if let Predicate::Other(condition) = &def.predicate {
        return Err(format!("an index with the condition {condition}"));
    }
    check_name(&def.name, objects)?;
    Ok(Arc::new(def))
}

fn check_name(name: &str, objects: &[Object]) -> Result<(), String> {
    let is_taken = |object: &Object| object.names().1.eq_ignore_ascii_case(name);
    if objects.iter().any(is_taken) {
        return Err(format!("a second {name}"));
    }
    Ok(())
}

/// A database that was written.
pub struct Written {
    /// The first page: it goes before the others.
    pub first_page: Box<[u8]>,
    /// Number of pages, with the first one.
    pub page_count: u32,
    /// The file that holds the pages from the second on. It was not synced.
    pub body: Box<dyn WriteFile>,
}

impl Written {
    /// Length of the database file in bytes.
    pub fn len_bytes(&self) -> u64 {
        u64::from(self.page_count) * PAGE_SIZE as u64
    }
}

/// The first page and the file with the others, read as one file.
#[derive(Debug)]
pub struct Image {
    first_page: Box<[u8]>,
    body: Arc<dyn ReadFile>,
}

impl Image {
    /// Joins what [`Writer::finish`] returned with its body, opened for reading.
    pub fn new(first_page: Box<[u8]>, body: Arc<dyn ReadFile>) -> Self {
        Self { first_page, body }
    }
}

impl ReadFile for Image {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let first_len = self.first_page.len() as u64;
        let Some(in_body) = offset.checked_sub(first_len) else {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let head = self.first_page.get(start..).unwrap_or_default();
            let (first, rest) = buf.split_at_mut(head.len().min(buf.len()));
            first.copy_from_slice(head.get(..first.len()).unwrap_or_default());
            let first_len = first.len();
            return Ok(first_len + self.body.read_at(0, rest)?);
        };
        self.body.read_at(in_body, buf)
    }

    fn len(&self) -> u64 {
        self.first_page.len() as u64 + self.body.len()
    }
}
