//! The life of a sync (`store-contract` §2).

use super::Model;
use super::resolve::latest_unfinished;
use super::state::{Records, State};
use super::stats;
use crate::engine::Lifecycle;
use crate::engine::types::{SyncId, SyncRun, SyncStats, SyncType, Verification};
use crate::{Error, ErrorKind, Result};

/// How often an id that is taken already is asked for again.
const FRESH_ID_TRIES: usize = 16;

impl Model {
    fn create(&self, state: &mut State, sync_type: &SyncType, parent: &str) -> Result<SyncId> {
        if !parent.is_empty() && !sync_type.allows_parent() {
            return Err(Error::invalid(format!(
                "a sync of this type has no parent: type=`{sync_type}` parent=`{parent}`"
            )));
        }
        if self.options.one_sync && !state.runs.is_empty() {
            return Err(precondition("the store holds a sync already"));
        }
        let id = self.fresh_id(state)?;
        let at = state.stamp(self.now());
        let run = SyncRun::started(id.clone(), sync_type.clone(), parent.to_owned(), at);
        state.created += 1;
        state.runs.insert(state.created, run);
        state.records.insert(id.clone(), Records::default());
        state.current = Some(id.clone());
        state.dirty = true;
        Ok(id)
    }

    fn fresh_id(&self, state: &State) -> Result<SyncId> {
        for _ in 0..FRESH_ID_TRIES {
            let id = self.options.ids.next(self.now())?;
            if state.run(&id).is_err() {
                return Ok(id);
            }
        }
        Err(Error::new(
            ErrorKind::Internal,
            "the source of sync ids repeats itself",
        ))
    }

    fn start(&self, state: &mut State, sync_type: &SyncType, parent: &str) -> Result<SyncId> {
        self.writable()?;
        if let SyncType::Other(text) = sync_type {
            return Err(Error::invalid(format!("unknown sync type: type=`{text}`")));
        }
        let current = state.current.as_ref().and_then(|id| state.run(id).ok());
        if let Some(run) = current
            && !run.is_finished()
        {
            if run.sync_type == *sync_type {
                return Ok(run.id.clone());
            }
            return Err(precondition(format!(
                "a sync of another type is current: sync_id=`{}` type=`{}`",
                run.id, run.sync_type
            )));
        }
        self.create(state, sync_type, parent)
    }

    /// `store-contract` §2.4, row by row.
    fn resume(
        &self,
        state: &mut State,
        of: Option<&SyncType>,
        id: Option<&SyncId>,
    ) -> Result<SyncId> {
        let id = match (id, state.current.clone()) {
            (Some(id), Some(current)) if *id == current => return Ok(current),
            (Some(_), Some(current)) => {
                return Err(precondition(format!(
                    "another sync is current: sync_id=`{current}`"
                )));
            }
            (Some(id), None) => {
                let run = state.run(id)?;
                of_type(run, of)?;
                if run.is_finished() {
                    return Err(precondition(format!(
                        "the sync is finished: sync_id=`{id}`"
                    )));
                }
                id.clone()
            }
            (None, Some(current)) => {
                let run = state.run(&current)?;
                of_type(run, of)?;
                if run.is_finished() {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        format!("the current sync is finished: sync_id=`{current}`"),
                    ));
                }
                return Ok(current);
            }
            (None, None) => match latest_unfinished(state, of, Some(self.now())) {
                Some(run) => run.id.clone(),
                None => return Err(Error::not_found("no unfinished sync to resume")),
            },
        };
        state.current = Some(id.clone());
        Ok(id)
    }

    /// Changes one field of a run that exists.
    fn mark(&self, id: &SyncId, change: impl FnOnce(&mut SyncRun) -> Result<()>) -> Result<()> {
        self.writable()?;
        let mut state = self.lock();
        change(state.run_mut(id)?)?;
        state.dirty = true;
        Ok(())
    }
}

impl Lifecycle for Model {
    fn start_new_sync(&self, sync_type: &SyncType, parent: &str) -> Result<SyncId> {
        self.start(&mut self.lock(), sync_type, parent)
    }

    fn resume_sync(&self, of: Option<&SyncType>, id: Option<&SyncId>) -> Result<SyncId> {
        self.resume(&mut self.lock(), of, id)
    }

    fn start_or_resume_sync(
        &self,
        of: Option<&SyncType>,
        id: Option<&SyncId>,
    ) -> Result<(SyncId, bool)> {
        let mut state = self.lock();
        match self.resume(&mut state, of, id) {
            Ok(id) => Ok((id, false)),
            Err(error) if error.kind() == ErrorKind::NotFound && id.is_none() => {
                let sync_type = of.ok_or_else(|| Error::invalid("a new sync needs a type"))?;
                Ok((self.start(&mut state, sync_type, "")?, true))
            }
            Err(error) => Err(error),
        }
    }

    fn set_current_sync(&self, id: &SyncId) -> Result<()> {
        let mut state = self.lock();
        state.run(id)?;
        state.current = Some(id.clone());
        Ok(())
    }

    fn current_sync(&self) -> Option<SyncId> {
        self.lock().current.clone()
    }

    fn view_sync(&self, id: Option<&SyncId>) -> Result<()> {
        let mut state = self.lock();
        if let Some(id) = id {
            state.run(id)?;
        }
        if state.current.is_some() {
            return Err(precondition("a view cannot be set while a sync is current"));
        }
        state.view = id.cloned();
        Ok(())
    }

    fn viewed_sync(&self) -> Option<SyncId> {
        self.lock().view.clone()
    }

    fn current_sync_step(&self) -> Result<String> {
        let state = self.lock();
        let current = state.current()?;
        Ok(state.run(&current)?.token.clone())
    }

    fn checkpoint_sync(&self, token: &str) -> Result<()> {
        self.writable()?;
        let mut state = self.lock();
        let current = state.current()?;
        token.clone_into(&mut state.run_mut(&current)?.token);
        state.dirty = true;
        Ok(())
    }

    fn end_sync(&self) -> Result<()> {
        self.writable()?;
        let mut state = self.lock();
        let current = state.current()?;
        let at = state.stamp(self.now());
        let counted = stats::count(state.records(&current)?, &state.run(&current)?.token);
        let run = state.run_mut(&current)?;
        let ended_at = *run.ended_at.get_or_insert(at);
        run.stats = Some(SyncStats {
            written_at: Some(ended_at),
            ..counted
        });
        state.current = None;
        state.dirty = true;
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
        self.writable()?;
        if !mark.is_complete() {
            return Err(Error::invalid(
                "a verification mark needs a generation, coverage and a known mode",
            ));
        }
        self.mark(id, |run| {
            if !run.is_finished() {
                return Err(precondition(format!(
                    "the sync is not finished: sync_id=`{}`",
                    run.id
                )));
            }
            run.verification = mark.clone();
            Ok(())
        })
    }

    fn clear_verified(&self, id: &SyncId) -> Result<()> {
        self.mark(id, |run| {
            run.verification = Verification::default();
            Ok(())
        })
    }

    fn delete_sync_run(&self, id: &SyncId) -> Result<()> {
        self.writable()?;
        let mut state = self.lock();
        if state.current.as_ref() == Some(id) {
            return Err(precondition(format!(
                "the current sync cannot be deleted: sync_id=`{id}`"
            )));
        }
        if state.run(id).is_err() {
            return Ok(());
        }
        state.runs.retain(|_, run| run.id != *id);
        state.records.remove(id);
        state.sessions.remove(id);
        state.dirty = true;
        Ok(())
    }

    fn is_dirty(&self) -> bool {
        self.lock().dirty
    }
}

fn of_type(run: &SyncRun, of: Option<&SyncType>) -> Result<()> {
    match of {
        Some(of) if *of != run.sync_type => Err(precondition(format!(
            "the sync has another type: sync_id=`{}` type=`{}` expected=`{of}`",
            run.id, run.sync_type
        ))),
        _ => Ok(()),
    }
}

fn precondition(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::FailedPrecondition, message)
}
