//! A folder of syncs as a source of rows: what all calls of a handle share.
//!
//! The runs of all syncs are known when the folder is open; entries are opened when they are read, a bounded number at
//! once. A handle that writes has the folder's lock and changes what it knows with what it does. A handle that reads knows the
//! folder as it was when it was opened, and no lock keeps writers from deleting what it has not opened yet: such a read fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shingle::vfs::{FileLock, Fs};

use super::catalog::Catalog;
use super::intent::{Intent, remove_leftover, sync_folder};
use super::listing::{Entry, Listing};
use super::name::{Form, LOCK, SESSIONS, Stem};
use super::opened::{OpenEntries, Opened};
use super::options::ArchiveOptions;
use super::overlay::OverlayFs;
use super::state::State;
use crate::engine::reader::Metadata;
use crate::engine::source::{Cursor, Source, SyncSnapshot};
use crate::engine::types::{SyncId, SyncRun};
use crate::engine::{PebbleOptions, PebbleStore};
use crate::observe::Figures;
use crate::ops::Pulse;
use crate::sync::stamps::SharedStamps;
use crate::{Error, ErrorKind, MemoryBudget, OpenOptions, Result};

/// Least memory of one open entry.
const ENTRY_BYTES_MIN: u64 = 8 << 20;
/// How often a folder that changes is listed again.
const OPEN_TRIES: usize = 16;
/// What begins a file that says that a directory is written.
const LIVE: &str = "SHINGLE-LIVE";
/// What begins the marker that only whole databases have.
const WHOLE: &str = "marker.format-version.";

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(super) path: PathBuf,
    pub(super) options: ArchiveOptions,
    /// None: opened for reading.
    lock: Option<Box<dyn FileLock>>,
    state: Mutex<State>,
    opened: Mutex<OpenEntries>,
    /// The current sync and its store, once it was written.
    pub(super) writing: Mutex<Option<(SyncId, Arc<PebbleStore>)>>,
    /// Session entries of no sync, once they were looked for.
    strays: Mutex<Option<Opened>>,
    /// Held by whoever changes which syncs there are, or what is said of one.
    handle: Mutex<()>,
    pub(super) stamps: SharedStamps,
    dirty: AtomicBool,
    warnings: Vec<String>,
    /// Whether the catalog is not what it could be.
    pub(super) catalog_is_stale: AtomicBool,
}

/// Locks, whatever happened to whoever had the lock before.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Folder {
    /// Opens a folder for reading.
    pub(crate) fn open_for_reading(path: &Path, options: &ArchiveOptions) -> Result<Self> {
        let mut tries = 0;
        loop {
            match Self::open_listed(path, options.clone(), None) {
                // The writer packed or deleted what was being read; what is there now is listed again.
                Err(error) if error.kind() == ErrorKind::NotFound && tries < OPEN_TRIES => {
                    options.reading.fs.metadata(path).map_err(|_| error)?;
                    tries += 1;
                }
                opened => return opened,
            }
        }
    }

    /// Whether the folder holds anything that belongs to a folder of syncs.
    pub(crate) fn is_one(fs: &dyn Fs, path: &Path) -> Result<bool> {
        Ok(Listing::read(fs, path)?.is_archive)
    }

    /// Opens a folder for writing, and does what was decided and not done.
    pub(super) fn open_for_writing(
        path: &Path,
        options: ArchiveOptions,
        create: bool,
    ) -> Result<Self> {
        let fs = Arc::clone(&options.reading.fs);
        if create {
            make_folder(&*fs, path)?;
        }
        let lock_path = path.join(LOCK);
        let lock = fs.lock(&lock_path).map_err(|e| match e.kind() {
            std::io::ErrorKind::WouldBlock => {
                Error::new(ErrorKind::Busy, "the folder is open for writing elsewhere")
                    .in_file(path)
            }
            _ => Error::io("lock the folder", &lock_path, e),
        })?;
        if let Some(intent) = Intent::read(&*fs, path)? {
            intent.carry_out(&*fs, path)?;
        }
        Self::open_listed(path, options, Some(lock))
    }

    fn open_listed(
        path: &Path,
        options: ArchiveOptions,
        lock: Option<Box<dyn FileLock>>,
    ) -> Result<Self> {
        let options = watched(options);
        let listing = Listing::read(&*options.reading.fs, path)?;
        let mut folder = Self {
            path: path.to_owned(),
            opened: Mutex::new(OpenEntries::new(options.open_entries_max)),
            options,
            lock,
            state: Mutex::default(),
            writing: Mutex::default(),
            strays: Mutex::default(),
            handle: Mutex::default(),
            stamps: SharedStamps::default(),
            dirty: AtomicBool::new(false),
            warnings: Vec::new(),
            catalog_is_stale: AtomicBool::new(false),
        };
        for name in &listing.foreign {
            let warning = format!("`{name}` is no entry of a folder of syncs and is passed over");
            folder.warnings.push(warning);
        }
        let state = folder.load(&listing)?;
        folder.state = Mutex::new(state);
        if folder.lock.is_some() {
            for name in &listing.leftovers {
                remove_leftover(folder.fs(), &path.join(name));
            }
        }
        Ok(folder)
    }

    /// Learns the runs of all entries, from the catalog where it is right.
    fn load(&mut self, listing: &Listing) -> Result<State> {
        let catalog = if self.options.catalog {
            Catalog::read(self.fs(), &self.path)
        } else {
            Catalog::default()
        };
        let mut entries = Vec::with_capacity(listing.entries.len());
        for entry in &listing.entries {
            let known = catalog.get(self.fs(), &self.path, entry)?;
            let runs = if let Some(runs) = known {
                runs
            } else {
                self.catalog_is_stale.store(true, Ordering::Relaxed);
                let read = self.open_entry(entry);
                let read = read.and_then(|open| open.source().sync_runs());
                let hint = "repair the entry, or move it out of the folder";
                read.map_err(|e| e.in_file(entry.path(&self.path)).with_hint(hint))?
            };
            if runs.is_empty() {
                let warning = format!("`{}` holds no sync", entry.now);
                self.warnings.push(warning);
            }
            entries.push((Arc::clone(entry), runs));
        }
        State::new(entries, listing.next_number()).map_err(|error| error.in_file(&self.path))
    }

    pub(super) fn fs(&self) -> &dyn Fs {
        &*self.options.reading.fs
    }

    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Keeps others from changing which syncs there are.
    pub(super) fn lock(&self) -> MutexGuard<'_, ()> {
        locked(&self.handle)
    }

    /// Fails on a folder that was opened for reading.
    pub(super) fn check_writable(&self) -> Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::ReadOnly,
            "the folder was opened read-only",
        ))
    }

    pub(super) fn is_writable(&self) -> bool {
        self.lock.is_some()
    }

    pub(super) fn touch(&self) {
        self.dirty.store(true, Ordering::Release);
        self.catalog_is_stale.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }

    /// The entry of a sync that has to be there.
    pub(super) fn home(&self, id: &SyncId) -> Result<Arc<Entry>> {
        let home = self.state().home(id);
        home.ok_or_else(|| Error::not_found(format!("sync not found: sync_id=`{id}`")))
    }

    /// An entry for reads.
    fn opened(&self, entry: &Arc<Entry>) -> Result<Opened> {
        if let Some((_, store)) = &*locked(&self.writing)
            && self.is_home_of(entry, store)
        {
            return Ok(Opened::Live(Arc::clone(store)));
        }
        let mut open = locked(&self.opened);
        if let Some(found) = open.get(&entry.stem) {
            return Ok(found);
        }
        let found = match self.open_entry(entry) {
            Err(error) if error.kind() == ErrorKind::NotFound && !self.is_writable() => {
                self.open_moved(entry, error)
            }
            found => found,
        };
        let found = found.map_err(|error| error.in_file(entry.path(&self.path)))?;
        open.keep(entry.stem.clone(), found.clone());
        Ok(found)
    }

    /// An entry that the writer packed or unpacked since the folder was listed.
    fn open_moved(&self, entry: &Entry, error: Error) -> Result<Opened> {
        let listing = Listing::read(self.fs(), &self.path)?;
        let mut entries = listing.entries.iter();
        match entries.find(|found| found.stem == entry.stem && found.now != entry.now) {
            Some(moved) => self.open_entry(moved),
            None => Err(error),
        }
    }

    fn is_home_of(&self, entry: &Entry, store: &PebbleStore) -> bool {
        store.dir() == Some(entry.path(&self.path).as_path())
    }

    fn open_entry(&self, entry: &Entry) -> Result<Opened> {
        let path = entry.path(&self.path);
        let is_live =
            || Ok::<_, Error>(entry.form == Form::Directory && is_live(self.fs(), &path)?);
        if !is_live()? {
            match crate::open_with(&path, &self.entry_options()) {
                // Somebody began to write it meanwhile.
                Err(_) if !self.is_writable() && is_live()? => {}
                opened => return Ok(Opened::Sealed(Arc::new(opened?))),
            }
        }
        if self.is_writable() {
            match self.open_live(&path) {
                Err(error) if error.kind() == ErrorKind::Busy => {}
                opened => return Ok(Opened::Live(Arc::new(opened?))),
            }
        }
        self.open_seen(&path)
            .map(|store| Opened::Seen(Arc::new(store)))
    }

    /// A directory that this handle writes.
    fn open_live(&self, path: &Path) -> Result<PebbleStore> {
        let fs = Arc::clone(&self.options.reading.fs);
        let store = PebbleStore::open_in(fs, path, self.writing_options())?;
        let store = self.watched(store);
        store.stamped_by(self.stamps.clone())
    }

    /// A directory that somebody may be writing.
    fn open_seen(&self, path: &Path) -> Result<PebbleStore> {
        let bytes_max = self.entry_bytes();
        let fs = OverlayFs::of_dir(self.fs(), path, bytes_max);
        let fs = fs.map_err(|e| Error::io("look at a sync that is being written", path, e))?;
        let options = PebbleOptions {
            memory_bytes_max: bytes_max,
            ..self.writing_options()
        };
        PebbleStore::open_in(Arc::new(fs), path, options)?.reopen(true)
    }

    fn entry_bytes(&self) -> u64 {
        let shares = self.options.open_entries_max.max(1) as u64 + 1;
        (self.options.reading.budget.limit() / shares).max(ENTRY_BYTES_MIN)
    }

    fn entry_options(&self) -> OpenOptions {
        OpenOptions {
            budget: MemoryBudget::new(self.entry_bytes()),
            ..self.options.reading.clone()
        }
    }

    /// Tells what an entry counts that is written.
    pub(super) fn watched(&self, store: PebbleStore) -> PebbleStore {
        match &self.options.reading.telemetry {
            Some(telemetry) => store.watched_by(telemetry),
            None => store,
        }
    }

    pub(super) fn writing_options(&self) -> PebbleOptions {
        PebbleOptions {
            profile: self.options.reading.profile,
            clock: Arc::clone(&self.options.reading.clock),
            replace: false,
            // Calls are those of the folder; what an entry counts is told by `watched`.
            telemetry: None,
            ..self.options.writing.clone()
        }
    }

    /// The store of an entry, to be written. A packed entry becomes a directory.
    ///
    /// # Errors
    /// `ReadOnly` for v1 files; `Busy` while reads of an earlier state of it go on.
    pub(super) fn writable(&self, entry: &Arc<Entry>) -> Result<Arc<PebbleStore>> {
        self.check_writable()?;
        if let Some((_, store)) = &*locked(&self.writing)
            && self.is_home_of(entry, store)
        {
            return Ok(Arc::clone(store));
        }
        let mut open = locked(&self.opened);
        if let Some(Opened::Live(store)) = open.get(&entry.stem) {
            return Ok(store);
        }
        let entry = match entry.form {
            Form::Directory => Arc::clone(entry),
            Form::Packed => self.unpack(entry)?,
        };
        open.close(&entry.stem);
        let store = Arc::new(self.open_live(&entry.path(&self.path))?);
        open.keep(entry.stem.clone(), Opened::Live(Arc::clone(&store)));
        Ok(store)
    }

    /// Makes what was written to the current sync survive power failures. A barrier of the folder is one of all its databases, and what
    /// is done to another of them survives only with what came before (`store-contract` §0.8).
    pub(super) fn settle(&self) -> Result<()> {
        match &*locked(&self.writing) {
            Some((_, store)) => store.barrier(),
            None => Ok(()),
        }
    }

    /// As [`Folder::settle`] after a write to a database that may not be that of the current sync: no barrier will come to it.
    pub(super) fn settle_other(&self, store: &Arc<PebbleStore>) -> Result<()> {
        let writing = locked(&self.writing);
        match &*writing {
            Some((_, current)) if Arc::ptr_eq(current, store) => return Ok(()),
            Some((_, current)) => current.barrier()?,
            None => {}
        }
        store.barrier()
    }

    /// Forgets what is open of an entry.
    pub(super) fn close_entry(&self, stem: &Stem) {
        locked(&self.opened).close(stem);
    }

    /// Closes everything: the files of entries are what they stay.
    pub(super) fn close_all(&self) {
        *locked(&self.writing) = None;
        *locked(&self.strays) = None;
        locked(&self.opened).clear();
    }

    /// How many entries are open.
    pub(super) fn open_len(&self) -> usize {
        locked(&self.opened).len()
    }

    /// Notes whether a call on a sync failed in a way that leaves open whether it is done.
    pub(super) fn judge<T>(&self, id: &SyncId, done: Result<T>) -> Result<T> {
        let is_open = |error: &Error| matches!(error.kind(), ErrorKind::Io | ErrorKind::Poisoned);
        if done.as_ref().is_err_and(is_open) {
            self.state().unsure.insert(id.clone());
        }
        done
    }

    /// Takes over what is said of a sync after a call about it, also one that failed: it may be done all the same. What cannot
    /// be read now is read before anybody is told of it; the call is done, or not, without that.
    pub(super) fn learn(&self, store: &PebbleStore, id: &SyncId) {
        if let Ok(run) = store.engine().get_sync(id) {
            if self.state().replace_run(run) {
                self.touch();
            }
        } else {
            self.state().unlearnt.insert(id.clone());
        }
    }

    /// Reads what could not be read when it changed.
    fn learn_late(&self) -> Result<()> {
        let late = self.state().unlearnt.clone();
        for id in late {
            let Some(entry) = self.state().home(&id) else {
                self.state().unlearnt.remove(&id);
                continue;
            };
            let runs = self.opened(&entry)?.source().sync_runs()?;
            if let Some(run) = runs.iter().find(|run| run.id == id) {
                self.state().replace_run(run.clone());
            }
        }
        Ok(())
    }

    /// The session entries of syncs that do not exist. `create`: make room for them.
    pub(super) fn strays(&self, create: bool) -> Result<Option<Opened>> {
        let mut strays = locked(&self.strays);
        if let Some(opened) = &*strays {
            return Ok(Some(opened.clone()));
        }
        let path = self.path.join(SESSIONS);
        let is_there = match self.fs().metadata(&path) {
            Ok(found) => found.is_dir,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => false,
            Err(e) => return Err(Error::io("look up the sessions", &path, e)),
        };
        if !is_there && !create {
            return Ok(None);
        }
        let opened = if self.is_writable() {
            let fs = Arc::clone(&self.options.reading.fs);
            let store = PebbleStore::create_in(fs, &path, self.writing_options())?;
            let store = self.watched(store);
            sync_folder(self.fs(), &self.path)?;
            Opened::Live(Arc::new(store))
        } else {
            Opened::Seen(Arc::new(self.open_seen(&path)?))
        };
        *strays = Some(opened.clone());
        Ok(Some(opened))
    }

    /// Where the session entries of a sync are read.
    fn session_source(&self, sync: &SyncId) -> Result<Option<Opened>> {
        let home = self.state().home(sync);
        match home {
            Some(entry) => self.opened(&entry).map(Some),
            None => self.strays(false),
        }
    }

    /// What the folder counted, but for what its open entries say of themselves.
    pub(crate) fn figures(&self, budget: &MemoryBudget) -> Figures {
        let mut figures = Figures::default();
        figures.budget(budget);
        let size = self.size_on_disk().unwrap_or_default();
        let watched = self.options.reading.telemetry.is_some();
        let told = if watched { self.open_bytes() } else { 0 };
        figures.size = size.saturating_sub(told);
        figures
    }

    /// Bytes of the entries that are open and say how large they are.
    fn open_bytes(&self) -> u64 {
        let of_entries = locked(&self.opened).bytes();
        let writing = locked(&self.writing);
        let of_current = writing
            .as_ref()
            .map_or(0, |(_, store)| store.figures().size);
        of_entries + of_current
    }

    /// Bytes of one entry.
    fn entry_len(&self, entry: &Entry) -> Result<u64> {
        Ok(files_of(self.fs(), &self.path, entry)?.values().sum())
    }
}

/// The files of an entry and their lengths; a packed entry is one file without a name of its own.
pub(super) fn files_of(fs: &dyn Fs, folder: &Path, entry: &Entry) -> Result<BTreeMap<String, u64>> {
    let path = entry.path(folder);
    let look = |path: &Path| {
        let found = fs.metadata(path);
        found.map_err(|e| Error::io("look up an entry", path, e))
    };
    if entry.form == Form::Packed {
        return Ok([(String::new(), look(&path)?.len)].into());
    }
    let names = fs.list(&path);
    let names = names.map_err(|e| Error::io("list an entry", &path, e))?;
    let mut files = BTreeMap::new();
    for name in names {
        let len = look(&path.join(&name))?.len;
        files.insert(name, len);
    }
    Ok(files)
}

/// Options on a file system whose reads and writes tell their observer.
fn watched(options: ArchiveOptions) -> ArchiveOptions {
    let fs = Arc::clone(&options.reading.fs);
    let (fs, observer) = Pulse::of_store(options.observer.clone(), &options.reading.clock, fs);
    let reading = OpenOptions {
        fs,
        ..options.reading
    };
    ArchiveOptions {
        reading,
        observer,
        ..options
    }
}

/// Whether a directory is written and not to be read as it is.
fn is_live(fs: &dyn Fs, dir: &Path) -> Result<bool> {
    let names = fs.list(dir);
    let names = names.map_err(|e| Error::io("list an entry", dir, e))?;
    let is_marked = names.iter().any(|name| name.starts_with(LIVE));
    Ok(is_marked || !names.iter().any(|name| name.starts_with(WHOLE)))
}

/// Makes the folder and its name.
fn make_folder(fs: &dyn Fs, path: &Path) -> Result<()> {
    if fs.metadata(path).is_ok_and(|found| found.is_dir) {
        return Ok(());
    }
    fs.create_dir_all(path)
        .map_err(|e| Error::io("create the folder", path, e))?;
    let parent = path.parent().unwrap_or(Path::new(""));
    fs.sync_dir(parent)
        .map_err(|e| Error::io("sync the folder", parent, e))
}

impl Source for Folder {
    fn metadata(&self) -> Metadata {
        Metadata {
            engine: "pebble",
            format: "",
            payload_encoding: "",
        }
    }

    fn sync_runs(&self) -> Result<Arc<[SyncRun]>> {
        self.learn_late()?;
        Ok(Arc::clone(&self.state().runs))
    }

    fn snapshot(&self, sync: &SyncId) -> Result<Box<dyn SyncSnapshot>> {
        let entry = self.home(sync)?;
        self.opened(&entry)?.source().snapshot(sync)
    }

    fn session_get(&self, sync: &SyncId, key: &str) -> Result<Option<Vec<u8>>> {
        match self.session_source(sync)? {
            Some(opened) => opened.source().session_get(sync, key),
            None => Ok(None),
        }
    }

    fn session_entries(
        &self,
        sync: &SyncId,
        prefix: &str,
        from: &str,
    ) -> Result<Cursor<(String, Vec<u8>)>> {
        match self.session_source(sync)? {
            Some(opened) => opened.source().session_entries(sync, prefix, from),
            None => Ok(Box::new(Nothing)),
        }
    }

    fn size_on_disk(&self) -> Result<u64> {
        let entries = self.state().entries();
        entries.iter().map(|entry| self.entry_len(entry)).sum()
    }
}

/// No rows.
struct Nothing;

impl<T> crate::engine::source::RowCursor<T> for Nothing {
    fn next(&mut self) -> Result<Option<T>> {
        Ok(None)
    }

    fn position(&self) -> &[u8] {
        &[]
    }
}
