//! A database that is written while it is read: what all calls of a handle share.
//!
//! Reads begin a snapshot on a connection of their own. Writes hold the [`Writer`], so there is one at a time. While a sync
//! ends, writes of records are refused (`Sealed`) instead of waiting.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use shingle::live::Durability;
use shingle::vfs::{FileLock, Fs as _, OsFs};

use super::connection::{self, Readers};
use super::fault::sql;
use super::options::SqliteOptions;
use super::{runs, schema, sessions, snapshot};
use crate::engine::reader::Metadata;
use crate::engine::source::{Cursor, Source, SyncSnapshot};
use crate::engine::types::{SyncId, SyncRun, Timestamp};
use crate::sync::resolve;
use crate::sync::seals::{Sealing, Seals};
use crate::sync::stamps::Stamps;
use crate::{Error, ErrorKind, Result};

/// Name of the database in its folder.
const DATABASE: &str = "sync.db";
/// Name of the file that says that a folder is in use.
const LOCK: &str = "LOCK";

/// A database and the state of its one handle.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) dir: PathBuf,
    pub(super) options: SqliteOptions,
    pub(super) readers: Arc<Readers>,
    read_only: bool,
    writer: Mutex<Writer>,
    runs: Mutex<Arc<[SyncRun]>>,
    seals: Seals,
    dirty: AtomicBool,
    /// Held while the handle lives.
    _lock: Box<dyn FileLock>,
}

/// What a write has for itself.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) stamps: Stamps,
}

/// What a write survives when it returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Survives {
    /// What the options say.
    AsSet,
    /// A power failure: a barrier.
    PowerFailure,
}

impl Live {
    /// Opens the database in a folder, which exists; makes it if it is not there.
    pub(super) fn open(dir: &Path, options: SqliteOptions, read_only: bool) -> Result<Self> {
        let lock = lock(&dir.join(LOCK))?;
        let path = database_in(dir);
        let is_synced = is_synced(&options);
        let connection = connection::writing(&path, options.cache_bytes, is_synced)?;
        schema::complete(&connection)?;
        let runs = runs::load(&connection, &options.zone)?;
        Ok(Self {
            dir: dir.to_owned(),
            readers: Arc::new(Readers::new(&path)),
            options,
            read_only,
            writer: Mutex::new(Writer {
                connection,
                stamps: Stamps::default(),
            }),
            runs: Mutex::new(runs.into()),
            seals: Seals::default(),
            dirty: AtomicBool::new(false),
            _lock: lock,
        })
    }

    /// Fails on a store that was opened for reading.
    pub(super) fn writable(&self) -> Result<()> {
        if self.read_only {
            return Err(Error::new(
                ErrorKind::ReadOnly,
                "the store was opened read-only",
            ));
        }
        Ok(())
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_system_time(self.options.clock.now())
    }

    /// The runs that are committed.
    pub(super) fn runs(&self) -> Arc<[SyncRun]> {
        Arc::clone(&self.runs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The run that has to be there.
    pub(super) fn require(&self, id: &SyncId) -> Result<SyncRun> {
        resolve::require(&self.runs(), id).cloned()
    }

    /// Waits for the write that is running, and keeps others out.
    pub(super) fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Live::lock`] for a write of records, which does not wait for the end of a sync. The flag tells whether one ended
    /// meanwhile.
    pub(super) fn lock_for_records(&self) -> Result<(MutexGuard<'_, Writer>, bool)> {
        self.seals.lock_for_records(|| Ok(self.lock()))
    }

    /// Refuses writes of records until the guard is dropped.
    pub(super) fn begin_seal(&self) -> Sealing<'_> {
        self.seals.begin()
    }

    /// Writes in one transaction; nothing of it is left when `work` fails.
    pub(super) fn transaction<T>(
        &self,
        writer: &Writer,
        survives: Survives,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let connection = &writer.connection;
        if survives == Survives::PowerFailure {
            connection::set_synced(connection, true)?;
        }
        let run = |statement: &str| connection.prepare_cached(statement)?.execute([]).map(drop);
        run("BEGIN IMMEDIATE").map_err(sql("begin a write"))?;
        let done = work(connection)
            .and_then(|done| run("COMMIT").map(|()| done).map_err(sql("commit a write")));
        if done.is_err() && !connection.is_autocommit() {
            // What failed first is what is reported; a transaction that cannot be rolled back ends with its connection.
            let _ = run("ROLLBACK");
        }
        if survives == Survives::PowerFailure {
            connection::set_synced(connection, is_synced(&self.options))?;
        }
        done
    }

    /// Shows that sync runs were changed.
    pub(super) fn runs_changed(&self, writer: &Writer) -> Result<()> {
        let found = runs::load(&writer.connection, &self.options.zone)?;
        *self.runs.lock().unwrap_or_else(PoisonError::into_inner) = found.into();
        self.changed();
        Ok(())
    }

    /// Remembers that there is something to save.
    pub(super) fn changed(&self) {
        self.dirty.store(true, Ordering::Release);
    }

    /// Remembers that all was saved.
    pub(super) fn saved(&self) {
        self.dirty.store(false, Ordering::Release);
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }

    /// The file of the database.
    pub(super) fn database(&self) -> PathBuf {
        database_in(&self.dir)
    }
}

/// Whether every write is synced.
fn is_synced(options: &SqliteOptions) -> bool {
    options.durability == Durability::PerOperation
}

/// The file of the database in a folder.
pub(super) fn database_in(dir: &Path) -> PathBuf {
    dir.join(DATABASE)
}

/// Takes a folder for this handle.
fn lock(path: &Path) -> Result<Box<dyn FileLock>> {
    OsFs.lock(path).map_err(|e| match e.kind() {
        io::ErrorKind::WouldBlock => {
            Error::new(ErrorKind::Busy, "the database is open already").in_file(path)
        }
        _ => Error::io("lock the database", path, e),
    })
}

impl Source for Live {
    fn metadata(&self) -> Metadata {
        Metadata {
            engine: "sqlite",
            format: "",
            payload_encoding: "",
        }
    }

    fn sync_runs(&self) -> Result<Arc<[SyncRun]>> {
        Ok(self.runs())
    }

    fn snapshot(&self, sync: &SyncId) -> Result<Box<dyn SyncSnapshot>> {
        let snap = snapshot::Snapshot::begin(self, sync)?;
        Ok(Box::new(snap))
    }

    fn session_get(&self, sync: &SyncId, key: &str) -> Result<Option<Vec<u8>>> {
        sessions::get(&self.readers, sync, key)
    }

    fn session_entries(
        &self,
        sync: &SyncId,
        prefix: &str,
        from: &str,
    ) -> Result<Cursor<(String, Vec<u8>)>> {
        sessions::entries(&self.readers, sync, prefix, from)
    }

    fn size_on_disk(&self) -> Result<u64> {
        let path = self.database();
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        let len = |path: &Path| OsFs.metadata(path).map_or(0, |found| found.len);
        Ok(len(&path) + len(Path::new(&log)))
    }
}
