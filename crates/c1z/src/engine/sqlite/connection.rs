//! Connections to a database: one that writes, and a pool of those that read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::sql;
use crate::Result;

/// Connections that are kept open for the next snapshot.
const IDLE_MAX: usize = 8;
/// KiB of pages that a connection that reads caches.
const READ_CACHE_KIB: u64 = 2 << 10;
/// Statements that a connection keeps prepared.
const STATEMENTS_MAX: usize = 64;
/// The log is brought home when it has so many pages: 64 MiB. It is written twice in any case; a long log lets pages that
/// change often go home once.
const LOG_PAGES_MAX: u32 = 16_384;

/// Opens a database, creating it if it is not there. Nothing in a file runs: no trigger, no view, no function of its schema.
fn open(path: &Path, cache_kib: u64) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
        // Others hold the database for moments only.
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.pragma_update(None, "cache_size", format!("-{cache_kib}"))?;
        Ok(connection)
    };
    opened().map_err(sql("open the database"))
}

/// The connection that writes.
pub(super) fn writing(path: &Path, cache_bytes: u64, is_synced: bool) -> Result<Connection> {
    let connection = open(path, cache_bytes >> 10)?;
    let set = || {
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)
    };
    set().map_err(sql("set up the database"))?;
    set_synced(&connection, is_synced)?;
    Ok(connection)
}

/// Says whether writes survive a power failure from now on. If not, they survive it once the log is brought home.
pub(super) fn set_synced(connection: &Connection, is_synced: bool) -> Result<()> {
    let level = if is_synced { "full" } else { "normal" };
    let set = connection.pragma_update(None, "synchronous", level);
    set.map_err(sql("set up the database"))
}

/// Connections that read.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::default(),
        }
    }

    /// Begins a snapshot. What it shows is decided by the first statement.
    pub(super) fn begin(self: &Arc<Self>) -> Result<Snap> {
        let idle = self.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open(&self.path, READ_CACHE_KIB)?,
        };
        let began = connection.prepare_cached("BEGIN");
        let began = began.and_then(|mut statement| statement.execute([]));
        began.map_err(sql("begin a snapshot"))?;
        Ok(Snap {
            connection: Mutex::new(Some(connection)),
            readers: Arc::clone(self),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction that reads. Its connection goes back to the pool with it.
#[derive(Debug)]
pub(super) struct Snap {
    /// Taken by drop alone.
    connection: Mutex<Option<Connection>>,
    readers: Arc<Readers>,
}

impl Snap {
    /// Reads by the connection, which one thread has at a time.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match connection.as_ref() {
            Some(connection) => read(connection),
            None => Err(crate::Error::new(
                crate::ErrorKind::Internal,
                "a snapshot without a connection",
            )),
        }
    }
}

impl Drop for Snap {
    fn drop(&mut self) {
        let connection = self
            .connection
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(connection) = connection.take() else {
            return;
        };
        let ended = connection.prepare_cached("ROLLBACK");
        let ended = ended.and_then(|mut statement| statement.execute([]));
        let mut idle = self.readers.lock();
        // One that cannot end its transaction is closed, which ends it.
        if ended.is_ok() && idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }
}
