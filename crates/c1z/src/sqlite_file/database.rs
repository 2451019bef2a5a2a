//! An open database file.

use std::sync::Arc;

use shingle::vfs::ReadFile;
use shingle::{Error, Result};

use super::catalog::{Definition, ObjectKind, Schema, SchemaObject};
use super::header::FileHeader;
use super::index::Index;
use super::pager::{PageCounters, PageNo, Pager};
use super::table::Table;

/// Settings of a reader.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Bytes that the page cache may hold. Default 4 MiB; at least one page is held. More helps
    /// lookups at random in files that are larger; scans do not use it.
    pub cache_bytes: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 4 << 20,
        }
    }
}

/// A database file that was opened for reading. Cheap to clone; shareable between threads.
///
/// Opening reads the header and the schema; everything else is read when it is asked for.
#[derive(Clone, Debug)]
pub struct Database {
    /// None for a file without a byte, which is a database without a table.
    pager: Option<Arc<Pager>>,
    schema: Arc<Schema>,
}

impl Database {
    /// Opens `file` with default settings.
    ///
    /// # Errors
    /// `Corrupt` if header or schema contradict the format or the file is shorter than its header
    /// says; `Unsupported` for UTF-16 and for versions from the future.
    pub fn open(file: Arc<dyn ReadFile>) -> Result<Self> {
        Self::open_with(file, ReadOptions::default())
    }

    /// Opens `file`.
    pub fn open_with(file: Arc<dyn ReadFile>, options: ReadOptions) -> Result<Self> {
        if file.is_empty() {
            return Ok(Self {
                pager: None,
                schema: Arc::default(),
            });
        }
        let pager = Arc::new(Pager::open(file, options.cache_bytes)?);
        let schema = Arc::new(Schema::read(&pager)?);
        Ok(Self {
            pager: Some(pager),
            schema,
        })
    }

    /// The file header; none if the file has no bytes.
    pub fn header(&self) -> Option<&FileHeader> {
        self.pager.as_deref().map(Pager::header)
    }

    pub(super) fn pager(&self) -> Option<&Arc<Pager>> {
        self.pager.as_ref()
    }

    /// Number of pages.
    pub fn page_count(&self) -> u32 {
        self.pager.as_deref().map_or(0, Pager::page_count)
    }

    /// What reading cost so far, by all clones of this handle.
    pub fn counters(&self) -> PageCounters {
        self.pager
            .as_deref()
            .map_or_else(PageCounters::default, Pager::counters)
    }

    /// Tables, indexes, views and triggers.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The table with the given name, without regard to ASCII case.
    ///
    /// # Errors
    /// `Unsupported` for a table that this reader does not read: a virtual table, one without
    /// rowid, one with generated columns, or one whose statement it does not understand.
    pub fn table(&self, name: &str) -> Result<Option<Table>> {
        let Some((pager, object)) = self.find(ObjectKind::Table, name) else {
            return Ok(None);
        };
        match &object.definition {
            Definition::Table(def) => {
                let root = PageNo(object.root_page);
                Ok(Some(Table::new(Arc::clone(pager), Arc::clone(def), root)))
            }
            Definition::Index(_) => Err(not_read(object, "an index")),
            Definition::Opaque(reason) => Err(not_read(object, reason)),
        }
    }

    /// The index with the given name, without regard to ASCII case.
    ///
    /// # Errors
    /// `Unsupported` for an index with an expression, a descending column or a collation other than
    /// `BINARY`, and for an index of a table that is not read.
    pub fn index(&self, name: &str) -> Result<Option<Index>> {
        let Some((pager, object)) = self.find(ObjectKind::Index, name) else {
            return Ok(None);
        };
        match &object.definition {
            Definition::Index(def) => {
                let columns = def
                    .plain_columns()
                    .ok_or_else(|| not_read(object, "an index in another order"))?;
                let root = PageNo(object.root_page);
                Ok(Some(Index::new(
                    Arc::clone(pager),
                    Arc::clone(def),
                    root,
                    columns,
                )))
            }
            Definition::Table(_) => Err(not_read(object, "a table")),
            Definition::Opaque(reason) => Err(not_read(object, reason)),
        }
    }

    /// Names of the indexes of a table, in the order in which they were created.
    pub fn indexes_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.schema
            .indexes(table)
            .map(|object| object.name.as_str())
    }

    fn find(&self, kind: ObjectKind, name: &str) -> Option<(&Arc<Pager>, &SchemaObject)> {
        self.pager.as_ref().zip(self.schema.find(kind, name))
    }
}

fn not_read(object: &SchemaObject, reason: &str) -> Error {
    Error::unsupported(format_args!(
        "sqlite {}: {reason} name=`{}`",
        object.kind.name(),
        object.name
    ))
}
