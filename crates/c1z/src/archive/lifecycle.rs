//! The life of the syncs of a folder: what [`crate::sync::lifecycle`] decides, done to entries.
//!
//! A sync starts under a name that nobody reads, and gets its own when its run is stored; it is deleted by losing its
//! name. So a sync is there or not, at every moment. What happens inside a sync is its database's affair.

use std::sync::Arc;

use super::folder::{Folder, locked};
use super::intent::{put_aside, remove_leftover, sync_folder};
use super::listing::Entry;
use super::name::{Form, Stem};
use crate::engine::contract::Contract;
use crate::engine::ids::SyncIds;
use crate::engine::source::Source;
use crate::engine::types::{SyncId, SyncRun, SyncType, Timestamp, Verification};
use crate::engine::{Lifecycle, PebbleOptions, PebbleStore, StorageEngine};
use crate::sync::lifecycle::{self, Resume, Start};
use crate::sync::resolve;
use crate::{Error, ErrorKind, Result};

/// How often an id that is taken already is asked for again.
const FRESH_ID_TRIES: usize = 16;

/// The id that was chosen.
#[derive(Debug)]
struct Chosen(SyncId);

impl SyncIds for Chosen {
    fn next(&self, _: Timestamp) -> Result<SyncId> {
        Ok(self.0.clone())
    }
}

impl Folder {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_system_time(self.options.reading.clock.now())
    }

    fn fresh_id(&self, runs: &[SyncRun]) -> Result<SyncId> {
        for _ in 0..FRESH_ID_TRIES {
            let id = self.options.writing.ids.next(self.now())?;
            if runs.iter().all(|run| run.id != id) {
                return Ok(id);
            }
        }
        Err(Error::new(
            ErrorKind::Internal,
            "the source of sync ids repeats itself",
        ))
    }

    /// Makes the entry of a new sync, and opens it.
    fn create_entry(&self, of: &SyncType, parent: &str, id: &SyncId) -> Result<Arc<PebbleStore>> {
        let number = self.state().next_number;
        let label = id.as_str().to_owned();
        let stem = Stem { number, label };
        let made = self.make_entry(&stem, of, parent, id);
        if made.is_err() {
            self.close_entry(&stem);
            // The failure that is reported is the first; what is left is found by the next writer.
            remove_leftover(self.fs(), &self.path.join(stem.new_name()));
            if let Ok(Some(gone)) = put_aside(self.fs(), &self.path, &stem.name(Form::Directory)) {
                remove_leftover(self.fs(), &gone);
            }
        }
        made
    }

    fn make_entry(
        &self,
        stem: &Stem,
        of: &SyncType,
        parent: &str,
        id: &SyncId,
    ) -> Result<Arc<PebbleStore>> {
        let making = self.path.join(stem.new_name());
        remove_leftover(self.fs(), &making);
        let options = PebbleOptions {
            ids: Arc::new(Chosen(id.clone())),
            ..self.writing_options()
        };
        let fs = Arc::clone(&self.options.reading.fs);
        let store =
            PebbleStore::create_in(fs, &making, options)?.stamped_by(self.stamps.clone())?;
        let store = self.watched(store);
        store.engine().start_new_sync(of, parent)?;
        // A barrier: what gets a name is there after a power failure.
        store.engine().checkpoint_sync("")?;
        drop(store);
        let entry = Arc::new(Entry::new(stem.clone(), Form::Directory));
        let path = entry.path(&self.path);
        self.fs()
            .rename(&making, &path)
            .map_err(|e| Error::io("put an entry in its place", &path, e))?;
        sync_folder(self.fs(), &self.path)?;
        let store = self.writable(&entry)?;
        let run = store.engine().get_sync(id)?;
        store.engine().set_current_sync(id)?;
        self.state().push([(entry, run)]);
        Ok(store)
    }

    /// Deletes an entry.
    pub(super) fn drop_entry(&self, entry: &Entry) -> Result<()> {
        self.close_entry(&entry.stem);
        let gone = put_aside(self.fs(), &self.path, &entry.now)?;
        if let Err(error) = sync_folder(self.fs(), &self.path) {
            if let Some(gone) = gone {
                // Not known to be deleted: the name is given back, or else it is deleted.
                let _ = self.fs().rename(&gone, &entry.path(&self.path));
            }
            return Err(error);
        }
        self.state().remove(|home| home.stem == entry.stem);
        self.touch();
        if let Some(gone) = gone {
            remove_leftover(self.fs(), &gone);
        }
        Ok(())
    }

    /// Changes what is said of a sync.
    fn mark(
        &self,
        id: &SyncId,
        change: impl FnOnce(&dyn StorageEngine) -> Result<()>,
    ) -> Result<()> {
        self.check_writable()?;
        let _handle = self.lock();
        let entry = self.home(id)?;
        let store = self.writable(&entry)?;
        self.judge(id, change(store.engine()))?;
        self.touch();
        self.learn(&store, id);
        self.settle_other(&store)
    }
}

impl Contract<Folder> {
    /// The store of the current sync, which is current in it.
    pub(super) fn current_store(&self) -> Result<(SyncId, Arc<PebbleStore>)> {
        let folder = self.source();
        // Held: between the end of the sync in its store and in the folder nobody makes it current again.
        let bindings = self.bindings();
        let current = lifecycle::current(&bindings)?.clone();
        if let Some((id, store)) = &*locked(&folder.writing)
            && *id == current
        {
            return Ok((current, Arc::clone(store)));
        }
        let entry = folder.home(&current).map_err(|error| {
            Error::new(ErrorKind::Internal, "the current sync is gone").with_source(error)
        })?;
        let store = folder.writable(&entry)?;
        store.engine().set_current_sync(&current)?;
        *locked(&folder.writing) = Some((current.clone(), Arc::clone(&store)));
        Ok((current, store))
    }

    fn start(&self, of: &SyncType, parent: &str) -> Result<SyncId> {
        let folder = self.source();
        folder.check_writable()?;
        let runs = folder.sync_runs()?;
        match lifecycle::start(&runs, &self.bindings(), of, parent)? {
            Start::Continue(id) => return Ok(id),
            Start::Create => {}
        }
        let id = folder.fresh_id(&runs)?;
        folder.settle()?;
        let store = folder.create_entry(of, parent, &id)?;
        folder.touch();
        let mut bindings = self.bindings();
        *locked(&folder.writing) = Some((id.clone(), store));
        bindings.current = Some(id.clone());
        Ok(id)
    }

    fn make_current(&self, id: &SyncId) -> Result<()> {
        let mut bindings = self.bindings();
        if bindings.current.as_ref() != Some(id) {
            self.source().settle()?;
            *locked(&self.source().writing) = None;
            bindings.current = Some(id.clone());
        }
        Ok(())
    }
}

impl Lifecycle for Contract<Folder> {
    fn start_new_sync(&self, sync_type: &SyncType, parent: &str) -> Result<SyncId> {
        let _handle = self.source().lock();
        self.start(sync_type, parent)
    }

    fn resume_sync(&self, of: Option<&SyncType>, id: Option<&SyncId>) -> Result<SyncId> {
        let _handle = self.source().lock();
        let runs = self.source().sync_runs()?;
        let bindings = self.bindings().clone();
        let id = lifecycle::resume(&runs, &bindings, of, id, self.source().now())?;
        self.make_current(&id)?;
        Ok(id)
    }

    fn start_or_resume_sync(
        &self,
        of: Option<&SyncType>,
        id: Option<&SyncId>,
    ) -> Result<(SyncId, bool)> {
        let _handle = self.source().lock();
        let runs = self.source().sync_runs()?;
        let bindings = self.bindings().clone();
        match lifecycle::start_or_resume(&runs, &bindings, of, id, self.source().now())? {
            Resume::Resumed(id) => {
                self.make_current(&id)?;
                Ok((id, false))
            }
            Resume::Start(of) => Ok((self.start(&of, "")?, true)),
        }
    }

    fn set_current_sync(&self, id: &SyncId) -> Result<()> {
        let _handle = self.source().lock();
        self.source().home(id)?;
        self.make_current(id)
    }

    fn current_sync(&self) -> Option<SyncId> {
        self.bindings().current.clone()
    }

    fn view_sync(&self, id: Option<&SyncId>) -> Result<()> {
        self.view(id)
    }

    fn viewed_sync(&self) -> Option<SyncId> {
        self.bindings().view.clone()
    }

    fn current_sync_step(&self) -> Result<String> {
        let current = lifecycle::current(&self.bindings())?.clone();
        let runs = self.source().sync_runs()?;
        Ok(resolve::require(&runs, &current)?.token.clone())
    }

    fn checkpoint_sync(&self, token: &str) -> Result<()> {
        let folder = self.source();
        folder.check_writable()?;
        let _handle = folder.lock();
        let (current, store) = self.current_store()?;
        let done = folder.judge(&current, store.engine().checkpoint_sync(token));
        if done.is_ok() {
            folder.touch();
        }
        folder.learn(&store, &current);
        done
    }

    fn end_sync(&self) -> Result<()> {
        let folder = self.source();
        folder.check_writable()?;
        let _handle = folder.lock();
        let (current, store) = self.current_store()?;
        folder.judge(&current, store.engine().end_sync())?;
        let mut bindings = self.bindings();
        bindings.current = None;
        *locked(&folder.writing) = None;
        drop(bindings);
        folder.touch();
        folder.learn(&store, &current);
        Ok(())
    }

    fn mark_supports_diff(&self, id: &SyncId) -> Result<()> {
        self.source()
            .mark(id, |engine| engine.mark_supports_diff(id))
    }

    fn set_sync_link(&self, id: &SyncId, linked: &str) -> Result<()> {
        self.source()
            .mark(id, |engine| engine.set_sync_link(id, linked))
    }

    fn mark_verified(&self, id: &SyncId, mark: &Verification) -> Result<()> {
        self.source().check_writable()?;
        lifecycle::check_mark(mark)?;
        self.source()
            .mark(id, |engine| engine.mark_verified(id, mark))
    }

    fn clear_verified(&self, id: &SyncId) -> Result<()> {
        self.source().mark(id, |engine| engine.clear_verified(id))
    }

    fn delete_sync_run(&self, id: &SyncId) -> Result<()> {
        let folder = self.source();
        folder.check_writable()?;
        let _handle = folder.lock();
        let runs = folder.sync_runs()?;
        if lifecycle::delete(&runs, &self.bindings(), id)?.is_none() {
            return Ok(());
        }
        let entry = folder.home(id)?;
        if folder.state().runs_of(&entry.stem).count() > 1 {
            let message = "a v1 file in the folder holds other syncs too, and is not changed";
            let error = Error::new(ErrorKind::FailedPrecondition, message);
            return Err(error
                .in_file(entry.path(&folder.path))
                .with_hint("add its syncs to the folder one by one: `c1z archive add`"));
        }
        folder.settle()?;
        folder.drop_entry(&entry)
    }

    fn is_dirty(&self) -> bool {
        self.source().is_dirty()
    }
}
