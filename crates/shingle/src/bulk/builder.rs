//! The builder for callers that have rows and want a database.

use std::path::PathBuf;
use std::sync::Arc;

use super::database::{BuiltDatabase, DatabaseWriter};
use super::options::{BulkOptions, InputOrder};
use super::section::{Section, SectionWriter};
use super::sorted::Sorted;
use super::sorter::{Duplicates, SortOptions, Sorter};
use crate::iter::Bounds;
use crate::parallel;
use crate::vfs::Fs;
use crate::{Error, Result};

/// Makes a sealed database of rows that come in any order, or in ascending order.
///
/// ```
/// use std::sync::Arc;
///
/// use shingle::bulk::{BulkBuilder, BulkOptions};
/// use shingle::db::{Database, ReadOptions};
/// use shingle::vfs::MemFs;
///
/// # fn main() -> shingle::Result<()> {
/// let fs = Arc::new(MemFs::new());
/// let mut builder = BulkBuilder::new(fs.clone(), "db", BulkOptions::default())?;
/// builder.add(b"pear", b"green")?;
/// builder.add(b"apple", b"red")?;
/// assert_eq!(builder.finish()?.rows, 2);
///
/// let database = Database::open_sealed(fs, "db", ReadOptions::default())?;
/// assert_eq!(database.get(b"apple")?.as_deref(), Some(&b"red"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BulkBuilder {
    database: DatabaseWriter,
    options: BulkOptions,
    input: Input,
}

#[derive(Debug)]
enum Input {
    Any(Sorter),
    Ascending(Ascending),
}

/// Rows that go straight to their tables.
#[derive(Debug)]
struct Ascending {
    done: Vec<Section>,
    open: Option<SectionWriter>,
    /// Boundaries that were passed.
    passed: usize,
    last_key: Option<Vec<u8>>,
}

impl BulkBuilder {
    /// A database without rows in `dir`, which is created if it does not exist. Temporary files lie
    /// in it too.
    ///
    /// # Errors
    /// `Invalid` for a directory that holds files of a database, and for options out of range; `Io`
    /// from the file system.
    pub fn new(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>, options: BulkOptions) -> Result<Self> {
        if options.duplicates == Duplicates::KeepAll {
            return Err(Error::invalid("a database has one row a key"));
        }
        let database = DatabaseWriter::create(fs, dir, options.clone())?;
        let input = match options.order {
            InputOrder::Any => Input::Any(Sorter::new(
                database.scratch().clone(),
                SortOptions {
                    memory_bytes: options.memory_bytes,
                    background: options.threads > 1,
                    duplicates: options.duplicates,
                    ..SortOptions::default()
                },
            )),
            InputOrder::Ascending => Input::Ascending(Ascending {
                done: Vec::new(),
                open: None,
                passed: 0,
                last_key: None,
            }),
        };
        Ok(Self {
            database,
            options,
            input,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `Invalid` for a row out of order where order was promised; failures of the file system.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match &mut self.input {
            Input::Any(sorter) => sorter.add(key, value),
            Input::Ascending(input) => {
                input.add(key, value, &self.options.sections, &self.database)
            }
        }
    }

    /// Sorts what was added and writes the database.
    ///
    /// # Errors
    /// Failures of the file system; `Corrupt` when what was written reads back differently. Then
    /// nothing is left in the directory but what could not be removed.
    pub fn finish(self) -> Result<BuiltDatabase> {
        let sections = match self.input {
            Input::Any(rows) => {
                let sorted = rows.finish()?;
                let bounds = bounds_of(&self.options.sections);
                write_sections(&self.database, &sorted, bounds, self.options.threads)?
            }
            Input::Ascending(input) => input.finish()?,
        };
        self.database.finish(sections)
    }
}

impl Ascending {
    fn add(
        &mut self,
        key: &[u8],
        value: &[u8],
        boundaries: &[Vec<u8>],
        database: &DatabaseWriter,
    ) -> Result<()> {
        let is_passed = |boundary: &Vec<u8>| boundary.as_slice() <= key;
        let ahead = boundaries.get(self.passed..).unwrap_or_default();
        let passed = ahead
            .iter()
            .take_while(|boundary| is_passed(boundary))
            .count();
        if passed > 0 {
            self.passed += passed;
            self.close()?;
        }
        if self.open.is_none() {
            // Within a section the writer compares; between two of them it cannot.
            if let Some(last) = self.last_key.as_ref().filter(|last| last.as_slice() >= key) {
                return Err(super::section::out_of_order(last, key));
            }
        }
        let open = self.open.get_or_insert_with(|| database.section());
        open.add(key, value)
    }

    fn close(&mut self) -> Result<()> {
        if let Some(open) = self.open.take() {
            let section = open.finish()?;
            self.last_key = section.last_key().map(<[u8]>::to_vec);
            self.done.push(section);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Section>> {
        self.close()?;
        Ok(self.done)
    }
}

/// The ranges between boundaries.
pub(crate) fn bounds_of(boundaries: &[Vec<u8>]) -> Vec<Bounds> {
    let mut lower = None;
    let mut bounds = Vec::new();
    for boundary in boundaries {
        let upper = Some(boundary.clone());
        bounds.push(Bounds { lower, upper });
        lower = Some(boundary.clone());
    }
    bounds.push(Bounds { lower, upper: None });
    bounds
}

/// Writes the rows of each of `ranges` as a section, on up to `threads` threads.
///
/// # Errors
/// The error of the first range that failed.
pub fn write_sections(
    database: &DatabaseWriter,
    sorted: &Sorted,
    ranges: Vec<Bounds>,
    threads: usize,
) -> Result<Vec<Section>> {
    parallel::map(ranges, threads, |bounds| {
        write_section(database.section(), sorted, bounds)
    })
}

/// Writes the rows within `bounds` as a section.
pub(crate) fn write_section(
    mut section: SectionWriter,
    sorted: &Sorted,
    bounds: Bounds,
) -> Result<Section> {
    let mut scan = sorted.scan(bounds);
    while let Some(row) = scan.next()? {
        section.add(row.key, row.value)?;
    }
    section.finish()
}
