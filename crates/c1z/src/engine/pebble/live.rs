//! The one sync of a database that is written while it is read: what all calls of a handle share.
//!
//! Reads take the newest [`View`], an immutable snapshot, and never wait for a write. Writes hold the [`Handle`], so there is
//! one at a time; each publishes a view when it is done, before its call returns. While a sync ends, writes of records are
//! refused (`Sealed`) instead of waiting: a write is either in what is sealed or was never accepted.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};

use shingle::batch::Batch;
use shingle::sync::{AtomicBool, Mutex, MutexGuard};

use super::kv::Kv;
use super::leftovers::Leftovers;
use super::live_kv::LiveKv;
use super::lookup::OpaqueIds;
use super::options::PebbleOptions;
use super::{Shared, sessions, snapshot};
use crate::engine::reader::Metadata;
use crate::engine::source::{Cursor, Source, SyncSnapshot};
use crate::engine::types::{SyncId, SyncRun, Timestamp};
use crate::sync::seals::{Sealing, Seals};
use crate::sync::stamps::SharedStamps;
use crate::{Error, ErrorKind, Result};

/// A database that is written while it is read, and the state of its one handle.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) kv: Arc<dyn LiveKv>,
    pub(super) options: PebbleOptions,
    read_only: bool,
    /// The newest; none once the store is closed.
    view: Mutex<Option<Arc<View>>>,
    handle: Mutex<Handle>,
    seals: Seals,
    dirty: AtomicBool,
}

/// What a write changes besides the rows.
#[derive(Debug, Default)]
pub(super) struct Handle {
    pub(super) stamps: SharedStamps,
    /// What the next change of a record has to drop; none: not known yet.
    leftovers: Option<Leftovers>,
}

/// Everything visible at one moment.
#[derive(Debug)]
pub(super) struct View {
    pub(super) kv: Arc<dyn Kv>,
    pub(super) opaque: Arc<OpaqueIds>,
    sync: OnceLock<Option<Arc<Shared>>>,
}

/// Whether a write changes entitlements, and with them what bare ids mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    Kept,
    Changed,
}

impl View {
    fn new(kv: Arc<dyn Kv>, opaque: Arc<OpaqueIds>) -> Self {
        Self {
            kv,
            opaque,
            sync: OnceLock::new(),
        }
    }

    /// The sync, if the database holds one.
    pub(super) fn sync(&self) -> Result<Option<&Arc<Shared>>> {
        let sync = if let Some(sync) = self.sync.get() {
            sync
        } else {
            // What a user should know was said when the store was opened.
            let found = Shared::open(&self.kv, &self.opaque, &mut Vec::new())?;
            self.sync.get_or_init(|| found.map(Arc::new))
        };
        Ok(sync.as_ref())
    }

    /// The sync that has to be there.
    pub(super) fn require(&self, id: &SyncId) -> Result<&Arc<Shared>> {
        let sync = self.sync()?.filter(|sync| sync.run.id == *id);
        sync.ok_or_else(|| Error::not_found(format!("sync not found: sync_id=`{id}`")))
    }

    /// The run, or nothing.
    pub(super) fn runs(&self) -> Result<Vec<SyncRun>> {
        Ok(self
            .sync()?
            .map(|sync| sync.run.clone())
            .into_iter()
            .collect())
    }
}

impl Live {
    pub(super) fn new(kv: Arc<dyn LiveKv>, options: PebbleOptions, read_only: bool) -> Self {
        let view = View::new(kv.snapshot(), Arc::default());
        Self {
            kv,
            options,
            read_only,
            view: Mutex::new(Some(Arc::new(view))),
            handle: Mutex::default(),
            seals: Seals::default(),
            dirty: AtomicBool::new(false),
        }
    }

    /// Fails on a store that was opened for reading, or closed.
    pub(super) fn writable(&self) -> Result<()> {
        if self.read_only {
            return Err(Error::new(
                ErrorKind::ReadOnly,
                "the store was opened read-only",
            ));
        }
        self.view().map(drop)
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_system_time(self.options.clock.now())
    }

    fn newest(&self) -> MutexGuard<'_, Option<Arc<View>>> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is visible now.
    pub(super) fn view(&self) -> Result<Arc<View>> {
        self.newest().clone().ok_or_else(closed)
    }

    /// Waits for the write that is running, and keeps others out.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, Handle>> {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        self.view()?;
        Ok(handle)
    }

    /// Makes everything durable that was acknowledged.
    pub(super) fn barrier(&self) -> Result<()> {
        let handle = self.lock()?;
        self.kv.barrier()?;
        drop(handle);
        Ok(())
    }

    /// Makes everything durable, waits for the write that is running, and refuses all calls from then on. What fails
    /// leaves the store open.
    pub(super) fn close(&self) -> Result<()> {
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if self.newest().is_some() && !self.read_only {
            self.kv.barrier()?;
        }
        *self.newest() = None;
        drop(handle);
        Ok(())
    }

    /// As [`Live::lock`] for a write of records, which does not wait for the end of a sync. The flag tells whether a seal
    /// came between.
    pub(super) fn lock_for_records(&self) -> Result<(MutexGuard<'_, Handle>, bool)> {
        self.seals.lock_for_records(|| self.lock())
    }

    /// Refuses writes of records until the guard is dropped.
    pub(super) fn begin_seal(&self) -> Sealing<'_> {
        self.seals.begin()
    }

    /// Writes a batch and shows it.
    pub(super) fn write(&self, handle: &mut Handle, batch: Batch, ids: Ids) -> Result<()> {
        self.kv.write(batch)?;
        self.publish(handle, ids);
        Ok(())
    }

    /// Shows what was written. The next change of a record looks again for what it has to drop.
    pub(super) fn publish(&self, handle: &mut Handle, ids: Ids) {
        handle.leftovers = None;
        let mut view = self.newest();
        let opaque = match (ids, &*view) {
            (Ids::Kept, Some(view)) => Arc::clone(&view.opaque),
            _ => Arc::default(),
        };
        *view = Some(Arc::new(View::new(self.kv.snapshot(), opaque)));
        self.dirty.store(true, Ordering::Release);
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }
}

impl Handle {
    /// What a change of a record has to drop, as found in `view`, the newest.
    pub(super) fn leftovers(&mut self, view: &View, run: &SyncRun) -> Result<Leftovers> {
        if let Some(known) = &self.leftovers {
            return Ok(known.clone());
        }
        let found = Leftovers::find(view.kv.as_ref(), run)?;
        self.leftovers = Some(found.clone());
        Ok(found)
    }

    /// Remembers what is left to drop after a write of records.
    pub(super) fn set_leftovers(&mut self, left: Leftovers) {
        self.leftovers = Some(left);
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the store is closed")
}

impl Source for Live {
    fn metadata(&self) -> Metadata {
        Metadata {
            engine: "pebble",
            format: "",
            payload_encoding: "",
        }
    }

    fn sync_runs(&self) -> Result<Arc<[SyncRun]>> {
        Ok(self.view()?.runs()?.into())
    }

    fn snapshot(&self, sync: &SyncId) -> Result<Box<dyn SyncSnapshot>> {
        let view = self.view()?;
        Ok(Box::new(snapshot::Snapshot(Arc::clone(
            view.require(sync)?,
        ))))
    }

    fn session_get(&self, sync: &SyncId, key: &str) -> Result<Option<Vec<u8>>> {
        sessions::get(self.view()?.kv.as_ref(), sync, key)
    }

    fn session_entries(
        &self,
        sync: &SyncId,
        prefix: &str,
        from: &str,
    ) -> Result<Cursor<(String, Vec<u8>)>> {
        Ok(sessions::entries(&self.view()?.kv, sync, prefix, from))
    }

    fn size_on_disk(&self) -> Result<u64> {
        Ok(self.view()?.kv.size_on_disk())
    }
}
