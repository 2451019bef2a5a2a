//! Databases: opening a sealed directory and reading it (`pebble-ondisk` §1 to §5, §7).
//!
//! [`Database::open_sealed`] reads a directory that nobody writes: a payload of an envelope, a
//! checkpoint, a closed database, or a crash image. It writes nothing and takes no lock, opens
//! tables when a read first needs them, and replays write-ahead logs into memory, so that no write
//! is silently missing. Anything in the directory that the MANIFEST does not name is ignored.
//!
//! Reads are lock-free but for the slots of the table cache; a database is shared between threads
//! by cloning its handle.

mod counters;
mod files;
mod levels;
mod meta;
mod open;
mod options;
mod scan;
mod state;
mod tables;
mod value;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Result;
use crate::iter::Bounds;
use crate::key::SeqNo;
use crate::manifest::{FileNumber, FormatVersion, Level, TableMeta};
use crate::sst::Table;
use crate::version::Version;
use crate::vfs::Fs;
use crate::wal::{IngestedTable, LogSummary};

pub use counters::DatabaseCounters;
pub use files::DirectoryFile;
pub use levels::LevelsReport;
pub use options::{ReadOptions, ScanOptions};
pub use scan::Scan;
pub use value::Value;

pub(crate) use counters::ReadCounters;
pub(crate) use levels::LevelCheck;
pub(crate) use meta::meta_of;
pub(crate) use open::check_files;
pub(crate) use state::State;
pub(crate) use tables::{TableCache, TableOpener};

/// An open database. Clones share everything and are cheap.
#[derive(Clone, Debug)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    format_version: FormatVersion,
    /// Whether it is still written, so that rows of derived families are missing.
    is_unsealed: bool,
    options_file: Option<FileNumber>,
    /// Writes of the logs, in one table, over the version.
    state: State,
    logs: Vec<LogSummary>,
    /// Tables that joined by way of a log: newer than some writes of the memtable.
    ingested: Vec<IngestedTable>,
    next_seq: SeqNo,
    counters: Arc<ReadCounters>,
}

/// The state of a database at one moment. That of a sealed database is always the same.
#[derive(Clone, Debug)]
pub struct Snapshot {
    database: Database,
}

/// How many tables a level has, and how large they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelShape {
    /// Which level.
    pub level: Level,
    /// Number of tables.
    pub tables: usize,
    /// Sum of their recorded sizes in bytes; shares of virtual tables are estimates.
    pub size: u64,
}

impl LevelShape {
    /// The shape of every level of `version`, newest first.
    pub fn of(version: &Version) -> Vec<Self> {
        Level::all()
            .map(|level| {
                let tables = version.level(level);
                Self {
                    level,
                    tables: tables.len(),
                    size: tables.iter().fold(0, |sum, t| sum.saturating_add(t.size)),
                }
            })
            .collect()
    }
}

impl Database {
    /// Opens the database in `dir` for reading.
    ///
    /// # Errors
    /// `NotFound` if no MANIFEST is marked; `Unsupported` for other format versions, for foreign
    /// comparers and mergers, and for live data that needs a feature which this crate lacks;
    /// `Corrupt` for a missing or damaged MANIFEST, for contradictions in it, for a missing file
    /// and for one whose length is not the recorded one; `Exhausted` if the writes in logs exceed
    /// [`ReadOptions::log_memory_max`]; `Invalid` for a directory that is still written.
    ///
    /// # Complexity
    /// O(MANIFEST + logs), and one look at the length of each file. Opens no table.
    pub fn open_sealed(
        fs: Arc<dyn Fs>,
        dir: impl Into<PathBuf>,
        options: ReadOptions,
    ) -> Result<Self> {
        let inner = Arc::new(open::open_sealed(fs, dir.into(), options)?);
        Ok(Self { inner })
    }

    /// As [`Database::open_sealed`], also for a directory that a [`crate::live::LiveDatabase`] writes or
    /// left behind: what a recovery would find at this moment, without writing anything. Of the
    /// families of a [`crate::live::Deriver`] rows are missing or stale then
    /// ([`Database::is_unsealed`]); what follows from the other rows has to be derived.
    ///
    /// # Errors
    /// As [`Database::open_sealed`], but for directories that are written.
    ///
    /// # Complexity
    /// As [`Database::open_sealed`]; opens all tables of a directory that is written, so that they can
    /// be read when their writer has removed them.
    pub fn open_shared(
        fs: &Arc<dyn Fs>,
        dir: impl AsRef<Path>,
        options: &ReadOptions,
    ) -> Result<Self> {
        let inner = Arc::new(open::open_shared(fs, dir.as_ref(), options)?);
        Ok(Self { inner })
    }

    /// Whether the directory was still written when it was opened.
    pub fn is_unsealed(&self) -> bool {
        self.inner.is_unsealed
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// `Corrupt` for damage in a block that the key leads to, `Unsupported` for a merge operand.
    ///
    /// # Complexity
    /// Per level at most one table, of L0 those whose bounds hold the key; in each a binary search
    /// and one block. Tables that are older than what was found are not asked.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        self.inner.counters.count_get();
        self.inner.state.get(key)
    }

    /// The rows within `bounds`, in both directions. Opens nothing until the first movement.
    pub fn scan(&self, bounds: Bounds, options: ScanOptions) -> Scan {
        let rows = self.inner.state.rows(bounds, options.cache_mode());
        Scan::new(rows, Arc::clone(&self.inner.counters))
    }

    /// The state now. O(1).
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            database: self.clone(),
        }
    }

    /// What reading cost so far, over all handles.
    pub fn counters(&self) -> DatabaseCounters {
        self.inner.counters.snapshot(&self.inner.state.tables)
    }

    /// The format version that the directory declares.
    pub fn format_version(&self) -> FormatVersion {
        self.inner.format_version
    }

    /// The live tables. Those that joined by way of a log are in L0.
    pub fn version(&self) -> &Version {
        &self.inner.state.version
    }

    /// The write-ahead logs that were read, in order.
    pub fn logs(&self) -> &[LogSummary] {
        &self.inner.logs
    }

    /// Entries that stand in logs only, deletes included.
    pub fn unflushed_entries(&self) -> usize {
        let memory = self.inner.state.memory.iter();
        memory
            .map(|table| table.len() + table.tombstones().len())
            .sum()
    }

    /// The sequence number that the next write would get.
    pub fn next_seq(&self) -> SeqNo {
        self.inner.next_seq
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// The tables that may hold keys within `bounds`, newest level first. O(L0 + log of the others
    /// + found).
    pub fn tables_overlapping(&self, bounds: &Bounds) -> Vec<(Level, Arc<TableMeta>)> {
        let version = &self.inner.state.version;
        version
            .overlapping(bounds.lower(), bounds.upper())
            .map(|(level, table)| (level, Arc::clone(table)))
            .collect()
    }

    /// Recorded size in bytes of the tables that may hold keys within `bounds`: an upper estimate,
    /// since a table that sticks out counts whole.
    pub fn approximate_size(&self, bounds: &Bounds) -> u64 {
        let version = &self.inner.state.version;
        version
            .overlapping(bounds.lower(), bounds.upper())
            .fold(0, |sum, (_, table)| sum.saturating_add(table.size))
    }

    /// The shape of every level, newest first.
    pub fn level_shapes(&self) -> Vec<LevelShape> {
        LevelShape::of(&self.inner.state.version)
    }

    /// Every file of the directory, what it is, and whether the database needs it.
    ///
    /// # Errors
    /// `Io` from the file system.
    pub fn files(&self) -> Result<Vec<DirectoryFile>> {
        self.inner.files()
    }

    /// The open file of a table of [`Database::version`].
    ///
    /// # Errors
    /// `Corrupt` or `Unsupported` from opening it, `Internal` for a table of another version.
    pub fn open_table(&self, table: &TableMeta) -> Result<Arc<Table>> {
        Ok(Arc::clone(
            &self.inner.state.tables.get(table.file())?.table,
        ))
    }

    /// Reads everything and checks that the levels keep their promises to each other.
    ///
    /// # Errors
    /// `Corrupt`, with the file, at the first contradiction.
    ///
    /// # Complexity
    /// O(entries · log sources); memory for all range tombstones.
    pub fn check_levels(&self) -> Result<LevelsReport> {
        let inner = &*self.inner;
        let check = LevelCheck {
            state: &inner.state,
            dir: &inner.dir,
            memory_is_newest: inner.ingested.is_empty(),
        };
        check.run()
    }
}

impl Snapshot {
    /// See [`Database::get`].
    ///
    /// # Errors
    /// As [`Database::get`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        self.database.get(key)
    }

    /// See [`Database::scan`].
    pub fn scan(&self, bounds: Bounds, options: ScanOptions) -> Scan {
        self.database.scan(bounds, options)
    }
}
