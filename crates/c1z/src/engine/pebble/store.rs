//! A v3 sync that is written: the engine over a database, behind a handle.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::batch::Batch;
use shingle::vfs::Fs;

use super::kv::Kv;
use super::legacy;
use super::live::{Ids, Live};
use super::live_kv::{LiveKv, is_index};
use super::memory::MemoryKv;
use super::on_disk::DiskKv;
use super::options::PebbleOptions;
use crate::budget::MemoryBudget;
use crate::engine::contract::Contract;
use crate::engine::source::Source;
use crate::engine::types::SyncId;
use crate::engine::{Identity, StorageEngine};
use crate::keyspace::{Family, KeyRange, MetadataKey, prefix, stamp};
use crate::observe::{Figures, Health, HealthLimits, Observed, Reason, Telemetry, Watch};
use crate::ops::{Observer, Progress, Pulse, Step};
use crate::store::{OpenOptions, PebbleFile};
use crate::sync::stamps::SharedStamps;
use crate::{Error, ErrorKind, Result};

/// A store of one sync in the layout of v3 files: records, indexes and digests are, key by key, what such a file holds.
///
/// Any number of threads may read and write. Reads see whole calls: each page of a list, each stream and each point read
/// is a snapshot. See [`crate::engine::Writer`] and [`crate::engine::Lifecycle`] for what writes promise.
///
/// ```
/// # fn main() -> c1z::Result<()> {
/// use c1z::engine::types::SyncType;
/// use c1z::engine::{PebbleOptions, PebbleStore};
/// use c1z_proto::connector::v2::ResourceType;
///
/// let store = PebbleStore::in_memory(PebbleOptions::default())?;
/// let engine = store.engine();
/// let sync = engine.start_new_sync(&SyncType::Full, "")?;
/// engine.put_resource_types(&[ResourceType { id: "user".into(), ..Default::default() }])?;
/// engine.end_sync()?;
/// assert_eq!(engine.stats(Some(&sync), None)?.resource_types, 1);
/// # Ok(())
/// # }
/// ```
pub struct PebbleStore {
    /// Goes first: it ends what the watch holds of the database.
    observed: Option<(Observed<Arc<Contract<Live>>>, Watch)>,
    /// Goes early too: tells what the store counts where its calls are those of another one.
    _watch: Option<Watch>,
    contract: Arc<Contract<Live>>,
    warnings: Vec<String>,
}

/// What a compaction of a live store did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of tables and logs before.
    pub bytes_before: u64,
    /// Bytes of them after it. Tables that somebody reads still are not counted.
    pub bytes_after: u64,
    /// Kinds of row that were compacted; the others had nothing to give back.
    pub families: u64,
}

/// Takes the key and the value of a row.
pub type EachRow<'a> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 'a;

impl PebbleStore {
    /// What makes a record the same record in such a store.
    pub const IDENTITY: Identity = Identity::Structural;

    /// An empty store in memory, within [`PebbleOptions::memory_bytes_max`].
    ///
    /// # Errors
    /// `ResourceExhausted` when not even an empty store fits.
    pub fn in_memory(options: PebbleOptions) -> Result<Self> {
        let kv = MemoryKv::new(options.memory_bytes_max);
        Self::open(Arc::new(kv), options, false)
    }

    /// A store in memory with the rows of a database, such as those of an unfinished sync that goes on. Indexes are derived
    /// from the primaries, whatever index rows there are; a half-built digest is left out; rows in the layout of July 2026
    /// are re-keyed.
    ///
    /// # Errors
    /// `FormatOlder` and `FormatNewer` for layouts that are not read; `DataLoss` for rows that contradict the layout;
    /// `ResourceExhausted` when they do not fit.
    pub fn from_rows(
        options: PebbleOptions,
        rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<Self> {
        let kv = MemoryKv::holding(rows, options.memory_bytes_max)?;
        let raw = kv.snapshot();
        let kv = MemoryKv::new(options.memory_bytes_max);
        let mut warnings = Vec::new();
        kv.write(current_rows(&raw, options.memory_bytes_max, &mut warnings)?)?;
        drop(raw);
        let store = Self::open(Arc::new(kv), options, false)?;
        Ok(Self { warnings, ..store })
    }

    /// A store in the directory `dir`: a new one, or the one that is there, finished or not. What a crash left is put in
    /// order; an unfinished sync can be resumed ([`crate::engine::Lifecycle::resume_sync`]).
    ///
    /// While a sync is written the directory is no database for others; when it has ended it is the sealed database that a
    /// v3 file holds. Reading grants by principal before the end derives that index from all grants, once.
    ///
    /// # Errors
    /// As [`PebbleStore::open_in`], but for the absence of a database.
    pub fn create_in(
        fs: Arc<dyn Fs>,
        dir: impl Into<PathBuf>,
        options: PebbleOptions,
    ) -> Result<Self> {
        let (fs, options) = watched(fs, options);
        let kv = DiskKv::create(fs, dir, &options)?;
        Self::open(Arc::new(kv), options, false)
    }

    /// The store in the directory `dir`. See [`PebbleStore::create_in`].
    ///
    /// # Errors
    /// `NotFound` if there is none; `Busy` if it is open; `InvalidArgument` for a memory limit that is too low; `DataLoss`
    /// for files and rows that contradict each other; `Unsupported`, `Io`.
    pub fn open_in(
        fs: Arc<dyn Fs>,
        dir: impl Into<PathBuf>,
        options: PebbleOptions,
    ) -> Result<Self> {
        let (fs, options) = watched(fs, options);
        let kv = DiskKv::open(fs, dir, &options)?;
        Self::open(Arc::new(kv), options, false)
    }

    /// A new store in the directory `dir` with the rows of the v3 file at `path`, or of the directory of a database, whoever
    /// wrote it and in whatever state it was left: an unfinished sync can be resumed, a finished one edited. The
    /// input is not written to. Indexes are derived from the records, whatever index rows there are; half-built digests
    /// are left out; rows in the layout of July 2026 are re-keyed. See [`PebbleStore::warnings`].
    ///
    /// Both are on the file system of `open`. A crash leaves in `dir` either all rows or none; then the call may be made
    /// again.
    ///
    /// # Errors
    /// `NotFound`; `AlreadyExists` for a directory that holds a store; `InvalidArgument` for a v1 file; `FormatOlder` and
    /// `FormatNewer` for layouts that are not read; `DataLoss` for damage and for rows that contradict the layout; those
    /// of [`PebbleStore::create_in`].
    ///
    /// # Complexity
    /// O(rows), each read and written once, in the memory of `open` and `options`; an older layout is sorted.
    pub fn resume_file(
        path: impl AsRef<Path>,
        open: &OpenOptions,
        dir: impl Into<PathBuf>,
        options: PebbleOptions,
    ) -> Result<Self> {
        let path = path.as_ref();
        let source = PebbleFile::open(path, open).map_err(|error| error.in_file(path))?;
        let (fs, options) = watched(Arc::clone(&open.fs), options);
        let kv = DiskKv::create(fs, dir, &options)?;
        let taken = kv.take_over(&source.database);
        let warnings = taken.map_err(|error| error.in_file(path))?;
        let store = Self::open(Arc::new(kv), options, false)?;
        Ok(Self { warnings, ..store })
    }

    pub(super) fn open(
        kv: Arc<dyn LiveKv>,
        options: PebbleOptions,
        read_only: bool,
    ) -> Result<Self> {
        Self::open_watched(kv, options, read_only, None)
    }

    /// Opens a store whose figures `watch` tells, if somebody watches it already.
    fn open_watched(
        kv: Arc<dyn LiveKv>,
        options: PebbleOptions,
        read_only: bool,
        watch: Option<Watch>,
    ) -> Result<Self> {
        if !read_only {
            stamp_if_empty(kv.as_ref())?;
        }
        let (profile, clock) = (options.profile, Arc::clone(&options.clock));
        let telemetry = options.telemetry.clone();
        let live = Live::new(Arc::clone(&kv), options, read_only);
        // A damaged run is said here, not by the first call.
        live.view()?.sync()?;
        let contract = Arc::new(Contract::new(Box::new(live), profile, clock));
        let observed = telemetry.map(|telemetry| {
            let watch = watch.unwrap_or_else(|| telemetry.watch(move || kv.figures()));
            (Observed::new(Arc::clone(&contract), &telemetry), watch)
        });
        Ok(Self {
            observed,
            _watch: None,
            contract,
            warnings: Vec::new(),
        })
    }

    /// The same rows behind a new handle: nothing is current or viewed, nothing is unsaved, and the clock is trusted afresh.
    /// O(1).
    ///
    /// # Errors
    /// Those of opening.
    pub fn reopen(self, read_only: bool) -> Result<Self> {
        let live = self.contract.source();
        let (kv, options) = (Arc::clone(&live.kv), live.options.clone());
        let watch = self.observed.map(|(_, watch)| watch);
        Self::open_watched(kv, options, read_only, watch)
    }

    /// Ends the use of the store: makes everything durable, once the write that is running is done, and refuses all later
    /// calls (`Closed`). Streams that are open go on. A second call does nothing. The directory is free for others when the
    /// store is dropped.
    ///
    /// # Errors
    /// `Io`, `Poisoned`; the store stays open then.
    pub fn close(&self) -> Result<()> {
        self.live().close()
    }

    /// Makes everything that was acknowledged survive power failures, once the write that is running is done.
    pub(crate) fn barrier(&self) -> Result<()> {
        self.live().barrier()
    }

    /// The store as a part of a handle whose calls are watched: tells what it counts.
    pub(crate) fn watched_by(self, telemetry: &Arc<Telemetry>) -> Self {
        let kv = Arc::clone(&self.live().kv);
        Self {
            _watch: Some(telemetry.watch(move || kv.figures())),
            ..self
        }
    }

    /// What the store counted since it was opened, and its state. One in memory counts nothing.
    pub fn figures(&self) -> Figures {
        self.live().kv.figures()
    }

    /// Whether the store is well: what it counts, its warnings, whether it can be written to, and whether its list of syncs
    /// and one row of each kind can be read. [`crate::observe::NOT_LOOKED_AT`] says what is not looked at.
    ///
    /// # Complexity
    /// The blocks that hold these rows.
    pub fn health(&self, limits: &HealthLimits) -> Health {
        let mut health = Health::of_figures(&self.figures(), 0, limits).warned(&self.warnings);
        if self.live().kv.check_usable().is_err() {
            health.add(Reason::Poisoned);
        }
        health.probed(&*self.contract)
    }

    /// Gives back the space of what was replaced and deleted, at any time; answers stay. Kind of row by kind of row: what
    /// is done when `observer` stops it stays done, and another call goes on from there. A sealed store has nothing to give
    /// back. A store in memory has no files.
    ///
    /// # Errors
    /// What `observer` returns; `ReadOnly`, `Closed`, `Poisoned`, `Io`.
    ///
    /// # Complexity
    /// O(rows · log runs) of what was written since the last compaction or seal. Writers wait.
    pub fn compact(&self, observer: &dyn Observer) -> Result<Compacted> {
        let live = self.live();
        live.writable()?;
        let _handle = live.lock()?;
        let bytes_before = self.figures().size;
        let families = live.kv.compact(&mut |done, total| {
            observer.advanced(&Progress {
                rows: done,
                rows_total: Some(total),
                ..Progress::of(Step::Compact)
            })
        })?;
        Ok(Compacted {
            bytes_before,
            bytes_after: self.figures().size,
            families,
        })
    }

    /// The store as a part of a handle that stamps what it writes to several.
    pub(crate) fn stamped_by(self, stamps: SharedStamps) -> Result<Self> {
        self.contract.source().lock()?.stamps = stamps;
        Ok(self)
    }

    /// The rows, for a source of many syncs.
    pub(crate) fn source(&self) -> &dyn Source {
        self.contract.source()
    }

    /// What a user should know about the rows that the store began with.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn live(&self) -> &Live {
        self.contract.source()
    }

    /// The engine.
    pub fn engine(&self) -> &dyn StorageEngine {
        match &self.observed {
            Some((observed, _)) => observed,
            None => &*self.contract,
        }
    }

    /// Calls `each` with every row of a snapshot, in the order of keys: what a file of this sync would hold, indexes included,
    /// also while it is not finished. O(rows), in constant memory.
    ///
    /// # Errors
    /// The first of `each`.
    pub fn for_each_row(&self, each: &mut EachRow<'_>) -> Result<()> {
        let mut scan = self.contract.source().view()?.kv.scan(&everything())?;
        while let Some((key, value)) = scan.next()? {
            each(key, value)?;
        }
        Ok(())
    }

    /// The expander's graph of a sync (`store-contract` §1.6): one opaque text, none if there is none.
    ///
    /// # Errors
    /// `NotFound` for an unknown sync.
    pub fn entitlement_graph(&self, sync: &SyncId) -> Result<Option<Vec<u8>>> {
        let view = self.contract.source().view()?;
        view.require(sync)?;
        let found = view.kv.get(&MetadataKey::EntitlementGraph.to_vec())?;
        Ok(found.map(|value| value.to_vec()))
    }

    /// Stores the expander's graph of a sync, or deletes it; also after the end. Any change of grants that is not the
    /// expander's own drops it.
    ///
    /// # Errors
    /// `NotFound` for an unknown sync, `ReadOnly`.
    pub fn set_entitlement_graph(&self, sync: &SyncId, graph: Option<&[u8]>) -> Result<()> {
        let live = self.contract.source();
        live.writable()?;
        let mut handle = live.lock()?;
        let view = live.view()?;
        view.require(sync)?;
        let key = MetadataKey::EntitlementGraph.to_vec();
        let mut batch = Batch::new();
        match graph {
            Some(graph) => batch.set(&key, graph)?,
            None if view.kv.get(&key)?.is_some() => batch.delete(&key)?,
            None => return Ok(()),
        }
        live.write(&mut handle, batch, Ids::Kept)
    }
}

impl fmt::Debug for PebbleStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PebbleStore({:?})", self.contract.source().kv)
    }
}

/// Stamps the layout of a database without rows (`c1z3-keyspace` §3.6). That is no change of the store.
fn stamp_if_empty(kv: &dyn LiveKv) -> Result<()> {
    let rows = kv.snapshot();
    let stamped = rows.get(&MetadataKey::KeyspaceVersion.to_vec())?.is_some();
    if stamped || has_rows(rows.as_ref())? {
        return Ok(());
    }
    let mut batch = Batch::new();
    for key in [MetadataKey::KeyspaceVersion, MetadataKey::GrantIdFormat] {
        batch.set(&key.to_vec(), &stamp::CURRENT)?;
    }
    kv.write(batch)
}

/// Whether there is any row but metadata.
pub(super) fn has_rows(kv: &dyn Kv) -> Result<bool> {
    Ok(kv.scan(&prefix::wiped_by_new_sync())?.next()?.is_some())
}

/// The rows that a store begins with: those of a database in today's layout, without what is derived again or known to be
/// incomplete. Rows of nobody stay.
fn current_rows(raw: &Arc<dyn Kv>, bytes_max: u64, warnings: &mut Vec<String>) -> Result<Batch> {
    let stamp_of = |key: MetadataKey<'_>| raw.get(&key.to_vec());
    let version = stamp_of(MetadataKey::KeyspaceVersion)?;
    let id_format = stamp_of(MetadataKey::GrantIdFormat)?;
    let has_rows = has_rows(raw.as_ref())?;
    let mut batch = Batch::new();
    let kv = match stamp::layout(version.as_deref(), id_format.as_deref(), has_rows)? {
        stamp::Layout::Current => Arc::clone(raw),
        stamp::Layout::ExternalId => {
            batch.set(&MetadataKey::GrantIdFormat.to_vec(), &stamp::CURRENT)?;
            let budget = MemoryBudget::new(bytes_max);
            legacy::rekey(raw.as_ref(), &budget, warnings)?
        }
    };
    let half_built = stamp_of(MetadataKey::DigestBuildPending)?.is_some();
    let is_left_out = |key: &[u8]| {
        let family = Family::of(key);
        family.is_some_and(|family| is_index(family) || (half_built && family.is_derived()))
            || is_pending_marker(key)
    };
    let mut scan = kv.scan(&everything())?;
    while let Some((key, value)) = scan.next()? {
        if !is_left_out(key) {
            batch.set(key, value)?;
        }
    }
    Ok(batch)
}

pub(super) fn everything() -> KeyRange {
    KeyRange {
        lower: Vec::new(),
        upper: None,
    }
}

pub(super) fn is_pending_marker(key: &[u8]) -> bool {
    [
        MetadataKey::GrantIndexPending,
        MetadataKey::DigestBuildPending,
    ]
    .iter()
    .any(|marker| marker.to_vec() == key)
}

/// Refuses ids that no v3 file can hold.
pub(super) fn check_sync_id(id: &SyncId) -> Result<()> {
    crate::ksuid::Ksuid::parse(id.as_str())
        .map(drop)
        .map_err(|error| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("a v3 file cannot hold this sync: sync_id=`{id}`"),
            )
            .with_source(error)
        })
}

/// Options on a file system whose reads and writes tell their observer.
fn watched(fs: Arc<dyn Fs>, options: PebbleOptions) -> (Arc<dyn Fs>, PebbleOptions) {
    let (fs, observer) = Pulse::of_store(options.observer.clone(), &options.clock, fs);
    (
        fs,
        PebbleOptions {
            observer,
            ..options
        },
    )
}
