//! The life of the one sync of a v3 database: what [`crate::sync::lifecycle`] decides, stored and shown.

use shingle::batch::Batch;

use super::leftovers::{delete_range, put_run};
use super::live::{Handle, Ids, Live, View};
use super::live_kv::{is_index, without_indexes};
use super::seal::SyncSeal;
use super::store::check_sync_id;
use crate::engine::contract::Contract;
use crate::engine::types::{SyncId, SyncRun, SyncType, Timestamp, Verification};
use crate::engine::{Lifecycle, Profile};
use crate::keyspace::{Family, KeyRange, MetadataKey, prefix};
use crate::sync::lifecycle::{self, Resume, Start};
use crate::{Error, ErrorKind, Result};

/// How often an id that is taken already is asked for again.
const FRESH_ID_TRIES: usize = 16;

impl Contract<Live> {
    fn start(&self, handle: &mut Handle, of: &SyncType, parent: &str) -> Result<SyncId> {
        let live = self.source();
        live.writable()?;
        let view = live.view()?;
        let runs = view.runs()?;
        match lifecycle::start(&runs, &self.bindings(), of, parent)? {
            Start::Continue(id) => return Ok(id),
            Start::Create => {}
        }
        let replace = live.options.replace || live.options.profile == Profile::GoPebble;
        let replaced = lifecycle::make_room(&runs, replace)?;
        let id = fresh_id(live, &runs)?;
        let at = handle.stamps.next(live.now());
        let mut batch = Batch::new();
        if replaced.is_some() {
            for range in without_indexes(prefix::wiped_by_new_sync()) {
                delete_range(&mut batch, &range)?;
            }
            delete_sidecars(&mut batch, &view)?;
        }
        let run = SyncRun::started(id.clone(), of.clone(), parent.to_owned(), at);
        put_run(&mut batch, view.kv.as_ref(), &run)?;
        live.write(handle, batch, Ids::Changed)?;
        self.bindings().current = Some(id.clone());
        Ok(id)
    }

    /// Changes the run of a sync. One row.
    fn mark(&self, id: &SyncId, change: impl FnOnce(&mut SyncRun) -> Result<()>) -> Result<()> {
        let live = self.source();
        live.writable()?;
        let mut handle = live.lock()?;
        self.change_run(&mut handle, id, change)
    }

    fn change_run(
        &self,
        handle: &mut Handle,
        id: &SyncId,
        change: impl FnOnce(&mut SyncRun) -> Result<()>,
    ) -> Result<()> {
        let live = self.source();
        let view = live.view()?;
        let mut run = view.require(id)?.run.clone();
        change(&mut run)?;
        let mut batch = Batch::new();
        put_run(&mut batch, view.kv.as_ref(), &run)?;
        live.write(handle, batch, Ids::Kept)
    }

    fn current(&self) -> Result<SyncId> {
        lifecycle::current(&self.bindings()).cloned()
    }

    fn now(&self) -> Timestamp {
        self.source().now()
    }
}

impl Lifecycle for Contract<Live> {
    fn start_new_sync(&self, sync_type: &SyncType, parent: &str) -> Result<SyncId> {
        let mut handle = self.source().lock()?;
        self.start(&mut handle, sync_type, parent)
    }

    fn resume_sync(&self, of: Option<&SyncType>, id: Option<&SyncId>) -> Result<SyncId> {
        let _handle = self.source().lock()?;
        let runs = self.source().view()?.runs()?;
        let mut bindings = self.bindings();
        let id = lifecycle::resume(&runs, &bindings, of, id, self.now())?;
        bindings.current = Some(id.clone());
        Ok(id)
    }

    fn start_or_resume_sync(
        &self,
        of: Option<&SyncType>,
        id: Option<&SyncId>,
    ) -> Result<(SyncId, bool)> {
        let mut handle = self.source().lock()?;
        let runs = self.source().view()?.runs()?;
        let bindings = self.bindings().clone();
        match lifecycle::start_or_resume(&runs, &bindings, of, id, self.now())? {
            Resume::Resumed(id) => {
                self.bindings().current = Some(id.clone());
                Ok((id, false))
            }
            Resume::Start(of) => Ok((self.start(&mut handle, &of, "")?, true)),
        }
    }

    fn set_current_sync(&self, id: &SyncId) -> Result<()> {
        let _handle = self.source().lock()?;
        self.source().view()?.require(id)?;
        self.bindings().current = Some(id.clone());
        Ok(())
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
        let current = self.current()?;
        let view = self.source().view()?;
        Ok(view.require(&current)?.run.token.clone())
    }

    fn checkpoint_sync(&self, token: &str) -> Result<()> {
        let live = self.source();
        live.writable()?;
        let mut handle = live.lock()?;
        self.change_run(&mut handle, &self.current()?, |run| {
            token.clone_into(&mut run.token);
            Ok(())
        })?;
        live.kv.barrier()
    }

    fn end_sync(&self) -> Result<()> {
        let live = self.source();
        live.writable()?;
        let mut handle = live.lock()?;
        let current = self.current()?;
        let view = live.view()?;
        let run = &view.require(&current)?.run;
        let sealing = live.begin_seal();
        let at = handle.stamps.next(live.now());
        let ended = lifecycle::ended(run, at);
        let mut seal = SyncSeal::new(ended, view.kv.as_ref(), &live.options)?;
        live.kv.seal(&mut seal)?;
        live.publish(&mut handle, Ids::Kept);
        self.bindings().current = None;
        drop(sealing);
        Ok(())
    }

    fn mark_supports_diff(&self, id: &SyncId) -> Result<()> {
        self.mark(id, |run| {
            run.supports_diff = true;
            Ok(())
        })
    }

    fn set_sync_link(&self, id: &SyncId, linked: &str) -> Result<()> {
        self.mark(id, |run| {
            linked.clone_into(&mut run.linked_id);
            Ok(())
        })
    }

    fn mark_verified(&self, id: &SyncId, mark: &Verification) -> Result<()> {
        self.source().writable()?;
        lifecycle::check_mark(mark)?;
        self.mark(id, |run| lifecycle::verify(run, mark))
    }

    fn clear_verified(&self, id: &SyncId) -> Result<()> {
        self.mark(id, |run| {
            run.verification = Verification::default();
            Ok(())
        })
    }

    fn delete_sync_run(&self, id: &SyncId) -> Result<()> {
        let live = self.source();
        live.writable()?;
        let mut handle = live.lock()?;
        let view = live.view()?;
        let runs = view.runs()?;
        if lifecycle::delete(&runs, &self.bindings(), id)?.is_none() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for range in ranges_of_sync(id) {
            delete_range(&mut batch, &range)?;
        }
        delete_sidecars(&mut batch, &view)?;
        live.write(&mut handle, batch, Ids::Changed)?;
        live.kv.barrier()?;
        live.kv.reclaim()?;
        // The view before it holds the files of what is gone.
        live.publish(&mut handle, Ids::Kept);
        Ok(())
    }

    fn is_dirty(&self) -> bool {
        self.source().is_dirty()
    }
}

/// An id that no run of the store has, and that a v3 file can hold.
fn fresh_id(live: &Live, runs: &[SyncRun]) -> Result<SyncId> {
    for _ in 0..FRESH_ID_TRIES {
        let id = live.options.ids.next(live.now())?;
        check_sync_id(&id)?;
        if runs.iter().all(|run| run.id != id) {
            return Ok(id);
        }
    }
    Err(Error::new(
        ErrorKind::Internal,
        "the source of sync ids repeats itself",
    ))
}

/// All that belongs to a sync but its sidecars: every family, of the sessions its own. Indexes go with their primaries.
fn ranges_of_sync(id: &SyncId) -> impl Iterator<Item = KeyRange> {
    let families = Family::ALL.into_iter();
    families.filter_map(|family| match family {
        Family::Metadata => None,
        index if is_index(index) => None,
        Family::Session => Some(prefix::sessions_of(id.as_str().as_bytes(), b"")),
        family => Some(family.range()),
    })
}

/// Deletes what describes the rows of a sync and stands among the stamps, which stay.
fn delete_sidecars(batch: &mut Batch, view: &View) -> Result<()> {
    for sidecar in [
        MetadataKey::Stats,
        MetadataKey::EntitlementGraph,
        MetadataKey::GrantIndexPending,
        MetadataKey::DigestBuildPending,
    ] {
        let key = sidecar.to_vec();
        if view.kv.get(&key)?.is_some() {
            batch.delete(&key)?;
        }
    }
    Ok(())
}
