//! Live databases: batches in, any number of readers, sealed at the end.
//!
//! ```text
//! batch ──> log ──> segment ──> segments merge in memory ──> runs in L0 ──> seal: last level
//!                   (sorted,    (8 of one tier become one;   (one table a    (one row a key,
//!                    shared)     keys are never copied)       section;        sequence number 0,
//!                                                             8 become one)   derived rows too)
//! ```
//!
//! What is promised:
//!
//! - A batch is accepted whole or not at all; what an accepted one survives is the
//!   [`Durability`]. After a crash the database is a beginning of what was accepted, never with a
//!   gap.
//! - A snapshot is a reference to immutable state: taking one is O(1), reading one takes no lock,
//!   and it holds the files that it needs.
//! - Memory is bounded by [`LiveOptions::memory_bytes`]: writers wait while the background thread
//!   writes what the buffer before held.
//! - A failed write ends writing ([`ErrorKind::Poisoned`]); reads go on,
//!   and reopening finds what was accepted.
//! - While rows are derived by a [`Deriver`], the directory is not one for the reference
//!   implementation: it refuses it and changes nothing. A sealed directory is its own.

mod checkpoint;
mod commit;
mod compact;
mod core;
mod derive;
mod deriver;
mod expand;
mod fold;
mod install;
mod join;
mod log;
mod mark;
mod metrics;
mod open;
mod options;
mod rederive;
mod seal;
mod snapshot;
mod spill;
mod tiers;
mod worker;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::batch::Batch;
use crate::db::{DatabaseCounters, LevelCheck, LevelsReport, Scan, ScanOptions, Value};
use crate::iter::Bounds;
use crate::key::SeqNo;
use crate::manifest::FileName;
use crate::version::Version;
use crate::vfs::{FileLock, Fs};
use crate::{Error, ErrorKind, Result};

pub use deriver::{DerivedOrder, Deriver, Emit, Family};
pub use metrics::LiveMetrics;
pub use options::{CompactionPolicy, Durability, LiveOptions};
pub use seal::{Seal, SealReport};
pub use snapshot::LiveSnapshot;

pub(crate) use mark::is_unsealed;

use self::core::Inner;
use worker::Worker;

/// An open live database. Clones share everything and are cheap; the last one that goes closes the
/// database without a barrier.
///
/// ```
/// use std::sync::Arc;
///
/// use shingle::batch::Batch;
/// use shingle::live::{LiveDatabase, LiveOptions};
/// use shingle::vfs::MemFs;
///
/// # fn main() -> shingle::Result<()> {
/// let fs = Arc::new(MemFs::new());
/// let database = LiveDatabase::create(fs, "db", LiveOptions::default())?;
/// let mut batch = Batch::new();
/// batch.set(b"apple", b"red")?;
/// batch.set(b"pear", b"green")?;
/// database.commit(batch)?;
/// assert_eq!(database.get(b"apple")?.as_deref(), Some(&b"red"[..]));
/// database.seal(Batch::new())?;
/// database.close()
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LiveDatabase {
    inner: Arc<Inner>,
    #[expect(dead_code, reason = "dropping the last one ends the thread")]
    worker: Arc<Worker>,
    #[expect(
        dead_code,
        reason = "dropping the last one releases the lock; it goes last"
    )]
    lock: Arc<dyn FileLock>,
}

impl LiveDatabase {
    /// Opens the database in `dir`, or makes one.
    ///
    /// # Errors
    /// As [`LiveDatabase::open`], but for the absence of a database.
    pub fn create(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>, options: LiveOptions) -> Result<Self> {
        Self::open_locked(fs, dir.into(), options, true)
    }

    /// Opens the database in `dir`: one that was live, or a sealed one, also of the reference
    /// implementation. What a crash left is put in order.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Busy` if it is open; `Invalid` for options out of range and for
    /// a database that needs another deriver; `Unsupported`, `Corrupt` as
    /// [`crate::db::Database::open_sealed`]; failures of the file system.
    ///
    /// # Complexity
    /// O(MANIFEST + logs); opens no table unless logs hold writes.
    pub fn open(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>, options: LiveOptions) -> Result<Self> {
        Self::open_locked(fs, dir.into(), options, false)
    }

    fn open_locked(
        fs: Arc<dyn Fs>,
        dir: PathBuf,
        options: LiveOptions,
        create: bool,
    ) -> Result<Self> {
        options.check()?;
        if create {
            let made = fs.create_dir_all(&dir);
            made.map_err(|e| Error::io("create the directory", &dir, e))?;
        }
        let path = dir.join(FileName::Lock.to_string());
        let lock = fs.lock(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::WouldBlock => {
                Error::new(ErrorKind::Busy, "the database is open elsewhere").in_file(&dir)
            }
            _ => Error::io("lock", &path, e),
        })?;
        let inner = Arc::new(open::open(fs, dir, options, create)?);
        let worker = Arc::new(Worker::start(&inner)?);
        Ok(Self {
            inner,
            worker,
            lock: lock.into(),
        })
    }

    fn inner(&self) -> &Inner {
        &self.inner
    }

    /// Accepts a batch and returns the sequence number of its last operation. Sorting happens before
    /// any lock is taken.
    ///
    /// # Errors
    /// `Invalid` for a batch over [`LiveOptions::batch_bytes_max`] and for derived keys; errors of
    /// the deriver; `Poisoned` after a failed write. A batch that was refused is invisible; one
    /// whose log record failed may be found by the next opening.
    ///
    /// # Complexity
    /// O(n · log n) for n operations, and a share of writing what fills the buffer. Waits while the
    /// buffer before is still being written. For kept families, a read per primary row, and for a
    /// range that is deleted, a read of all primary rows in it.
    pub fn commit(&self, batch: Batch) -> Result<SeqNo> {
        self.inner.commit(batch)
    }

    /// Makes everything accepted so far survive a power failure.
    ///
    /// # Errors
    /// `Io`; then nothing is written any more.
    ///
    /// # Complexity
    /// A sync of the log; without a log, writing what is in memory to tables.
    pub fn barrier(&self) -> Result<()> {
        let mut write = self.inner.write();
        self.inner.check_usable()?;
        if !write.log.is_kept() {
            return self.inner.flush(&mut write);
        }
        self.inner.or_poison(write.log.sync())
    }

    /// Writes what is in memory to tables and merges runs as the policy says.
    ///
    /// # Errors
    /// As [`LiveDatabase::barrier`].
    pub fn flush(&self) -> Result<()> {
        let mut write = self.inner.write();
        self.inner.check_usable()?;
        self.inner.flush(&mut write)
    }

    /// A barrier, and the end of this handle.
    ///
    /// # Errors
    /// As [`LiveDatabase::barrier`]. A database that is `Poisoned` is closed all the same.
    pub fn close(self) -> Result<()> {
        self.barrier()
    }

    /// The value of `key` now. A key of a deferred family makes it kept first
    /// ([`LiveDatabase::materialise`]).
    ///
    /// # Errors
    /// As [`crate::db::Database::get`].
    ///
    /// # Complexity
    /// A hash lookup per segment, of which there are O(log batches), then as
    /// [`crate::db::Database::get`]; the filters of runs make most that lack the key cost nothing.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        let view = self.inner.view();
        if view.deferred.contains(&true)
            && let Some(family) = deriver::family_of(self.inner.families(), key)
            && view.deferred.get(family) == Some(&true)
        {
            let mut end = key.to_vec();
            end.push(0);
            self.materialise(&Bounds::range(key, end))?;
        }
        self.snapshot().get(key)
    }

    /// The rows within `bounds` now, in both directions; writes that follow do not show. Bounds that
    /// meet a deferred family make it kept first.
    ///
    /// # Errors
    /// Those of [`LiveDatabase::materialise`].
    pub fn scan(&self, bounds: Bounds, options: ScanOptions) -> Result<Scan> {
        if self.inner.view().deferred.contains(&true) {
            self.materialise(&bounds)?;
        }
        self.snapshot().scan(bounds, options)
    }

    /// The state now. O(1).
    pub fn snapshot(&self) -> LiveSnapshot {
        LiveSnapshot::new(&self.inner, self.inner.view())
    }

    /// The tables now.
    pub fn version(&self) -> Arc<Version> {
        Arc::clone(&self.inner.view().state.version)
    }

    /// Which families are deferred, in the order of [`Deriver::families`].
    pub fn deferred(&self) -> Vec<bool> {
        self.inner.view().deferred.to_vec()
    }

    /// What reading cost so far.
    pub fn counters(&self) -> DatabaseCounters {
        self.inner
            .counters
            .snapshot(&self.inner.view().state.tables)
    }

    /// What writing cost so far.
    pub fn metrics(&self) -> LiveMetrics {
        self.inner.metrics.snapshot()
    }

    /// Whether writes are still accepted. O(1).
    ///
    /// # Errors
    /// `Poisoned` after a failed write.
    pub fn check_usable(&self) -> Result<()> {
        self.inner.check_usable()
    }

    /// Bytes of accepted writes that are in memory, on their way to tables or not.
    pub fn memory_bytes(&self) -> u64 {
        self.inner.core().memory_bytes() as u64
    }

    /// Whether the directory is one that the reference implementation may open: it was sealed, and
    /// nothing was written since, or it has no derived rows.
    pub fn is_sealed(&self) -> bool {
        self.inner.write().is_open_to_all
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Reads everything and checks that memory and levels keep their promises to each other.
    ///
    /// # Errors
    /// `Corrupt`, with the file, at the first contradiction.
    pub fn check_levels(&self) -> Result<LevelsReport> {
        let check = LevelCheck {
            state: &self.inner.view().state,
            dir: &self.inner.dir,
            memory_is_newest: true,
        };
        check.run()
    }
}
