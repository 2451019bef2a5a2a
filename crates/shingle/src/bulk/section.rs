//! Sorted rows into tables of about one length.
//!
//! Where a table ends is decided by the rows alone: by their own length times the compression that
//! the table before it reached. The length of the file so far would be exact, but which blocks are
//! compressed already depends on the threads.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use super::options::BulkOptions;
use super::run::meta_of;
use super::scratch::{Scratch, TempFile};
use crate::cache::Cache;
use crate::key::{Kind, SeqNo, Trailer};
use crate::manifest::{FileNumber, TableMeta};
use crate::sst::{
    CompressionPool, Properties, Table, TableOptions, TableSummary, TableWriter, WriterOptions,
};
use crate::{Error, ErrorKind, Result};

/// The trailer of every row: the bottommost version.
const TRAILER: Trailer = Trailer::new(SeqNo(0), Kind::Set);
/// Rows are taken to compress to one in so many before a table has told better.
const RATIO_FIRST: u64 = 2;
/// Most that compression is counted on: tables of rows that are all alike still end somewhere.
const RATIO_MAX: u64 = 16;

/// What the sections of one database share.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) scratch: Scratch,
    pub(crate) options: BulkOptions,
    pub(crate) pool: Option<Arc<CompressionPool>>,
}

impl Settings {
    /// Settings for tables in `scratch`.
    ///
    /// # Errors
    /// `Invalid` for options out of range; `Io` when the system gives no threads.
    pub(crate) fn new(scratch: Scratch, options: BulkOptions) -> Result<Self> {
        options.check()?;
        let pool = match options.threads {
            0 | 1 => None,
            threads => Some(Arc::new(CompressionPool::new(threads)?)),
        };
        Ok(Self {
            scratch,
            options,
            pool,
        })
    }

    fn writer_options(&self) -> WriterOptions {
        let options = &self.options;
        WriterOptions {
            block_len: options.block_len,
            index_block_len: options.index_block_len,
            compression: options.compression,
            last_level: true,
            pool: self.pool.clone(),
            verify: options.verify,
            sync: options.sync,
            ..WriterOptions::default()
        }
    }
}

/// Bytes that follow each key in a table, and count as part of it in its properties.
const TRAILER_LEN: u64 = 8;

/// A table that is finished but has no number yet.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) file: TempFile,
    pub(crate) meta: TableMeta,
    /// Bytes of all keys and values; 0 of a table that was taken over and not counted.
    pub(crate) raw_len: u64,
    /// Hash of the file.
    pub(crate) xxh64: u64,
}

/// The tables of one section, in order. They are removed when this goes unless they joined a
/// database.
#[derive(Debug, Default)]
pub struct Section {
    pub(crate) tables: Vec<Finished>,
    rows: u64,
}

impl Section {
    /// A section of one table that exists in `file`, whose rows are not counted.
    ///
    /// # Complexity
    /// Reads the file for its hash.
    pub(crate) fn adopt(file: TempFile, meta: TableMeta) -> Result<Self> {
        let table = Finished {
            xxh64: file.xxh64()?,
            file,
            meta,
            raw_len: 0,
        };
        Ok(Self {
            tables: vec![table],
            rows: 0,
        })
    }

    /// Counts the rows of a table that was taken over from a last level, which holds each key once.
    pub(crate) fn counting(mut self, table: &Properties) -> Self {
        let trailers = table.entries * TRAILER_LEN;
        self.rows += table.entries;
        if let Some(taken) = self.tables.last_mut() {
            taken.raw_len = table.raw_key_len.saturating_sub(trailers) + table.raw_value_len;
        }
        self
    }

    /// Rows in the section.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Key of the last row.
    pub(super) fn last_key(&self) -> Option<&[u8]> {
        Some(&self.tables.last()?.meta.largest.user)
    }
}

/// Writes the tables of one section. Rows come in ascending order of keys.
#[derive(Debug)]
pub struct SectionWriter {
    settings: Arc<Settings>,
    open: Option<Box<Open>>,
    /// Bytes of keys and values at which a table ends.
    raw_len_max: u64,
    section: Section,
}

/// The table that is being written.
#[derive(Debug)]
struct Open {
    file: TempFile,
    table: TableWriter,
    raw_len: u64,
}

impl SectionWriter {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let raw_len_max = settings.options.table_bytes.saturating_mul(RATIO_FIRST);
        Self {
            settings,
            open: None,
            raw_len_max,
            section: Section::default(),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `Invalid` when its key does not come after that of the row before; failures of the file
    /// system; `Corrupt` when a finished table does not hold what went in.
    ///
    /// # Complexity
    /// O(key + value), and the encoding of blocks and tables that became full.
    #[inline]
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let open = self.table_for(key)?;
        open.table.add(key, TRAILER, value)?;
        open.raw_len += (key.len() + value.len()) as u64;
        self.section.rows += 1;
        Ok(())
    }

    /// Adds a row whose value is the next `len` bytes of `value`, without holding them.
    ///
    /// # Errors
    /// As [`SectionWriter::add`]; `Io` when `value` fails or ends early.
    ///
    /// # Complexity
    /// As [`SectionWriter::add`], in constant memory.
    pub fn add_streamed(&mut self, key: &[u8], len: usize, value: &mut dyn Read) -> Result<()> {
        let open = self.table_for(key)?;
        open.table.add_streamed(key, TRAILER, len, value)?;
        open.raw_len += (key.len() + len) as u64;
        self.section.rows += 1;
        Ok(())
    }

    /// The table that the row `key` belongs to.
    #[inline]
    fn table_for(&mut self, key: &[u8]) -> Result<&mut Open> {
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.raw_len >= self.raw_len_max)
        {
            self.close()?;
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.begin(key)?,
        };
        Ok(self.open.insert(open))
    }

    /// Begins a table whose first key is `key`.
    fn begin(&self, key: &[u8]) -> Result<Box<Open>> {
        if let Some(last) = self.section.last_key().filter(|last| *last >= key) {
            return Err(out_of_order(last, key));
        }
        let (file, sink) = self.settings.scratch.create()?;
        let table = TableWriter::new(sink, file.path(), self.settings.writer_options())?;
        Ok(Box::new(Open {
            file,
            table,
            raw_len: 0,
        }))
    }

    /// Ends the table that is open.
    fn close(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let summary = open.table.finish()?;
        if self.settings.options.verify {
            verify(&open.file, &summary)?;
        }
        let ratio = |len: u64| len.saturating_mul(open.raw_len) / summary.file_len.max(1);
        let table_bytes = self.settings.options.table_bytes;
        self.raw_len_max =
            ratio(table_bytes).clamp(table_bytes, table_bytes.saturating_mul(RATIO_MAX));
        self.section.tables.push(Finished {
            file: open.file,
            meta: meta_of(&summary, FileNumber(0))?,
            raw_len: open.raw_len,
            xxh64: summary.file_xxh64,
        });
        Ok(())
    }

    /// Ends the section.
    ///
    /// # Errors
    /// As [`SectionWriter::add`].
    pub fn finish(mut self) -> Result<Section> {
        self.close()?;
        Ok(self.section)
    }
}

pub(crate) fn out_of_order(before: &[u8], after: &[u8]) -> Error {
    Error::invalid(format!(
        "rows are out of order key=`{}` last_key=`{}`",
        after.escape_ascii(),
        before.escape_ascii()
    ))
}

/// Reads a finished table back and compares it with what went in.
fn verify(file: &TempFile, summary: &TableSummary) -> Result<()> {
    let opened = file.open()?;
    if opened.len() != summary.file_len {
        return Err(Error::new(
            ErrorKind::Internal,
            format!(
                "table has another length than was written expected=`{}` found=`{}`",
                summary.file_len,
                opened.len()
            ),
        )
        .in_file(file.path()));
    }
    let options = TableOptions {
        cache: Arc::new(Cache::new(0)),
        ..TableOptions::default()
    };
    let path = PathBuf::from(file.path());
    let table = Arc::new(Table::open(opened, path, &options)?);
    let found = table.verify().map_err(|e| e.in_file(file.path()))?;
    summary.check(&found).map_err(|e| e.in_file(file.path()))
}
