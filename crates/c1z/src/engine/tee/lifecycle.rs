//! The life of a sync through a tee.

use std::fmt;
use std::sync::PoisonError;

use super::projection::Side;
use super::report::{Call, Difference};
use super::row::Row;
use super::write::plain;
use super::{HasEngine, Pace, Tee};
use crate::engine::types::{SyncId, SyncType, Verification};
use crate::engine::{Lifecycle, PageRequest, StorageEngine};
use crate::{ErrorKind, Result};

impl<A: HasEngine, B: HasEngine> Tee<A, B> {
    /// A call that may start a sync. Where only one of the engines holds many syncs it is asked last, and not at all if the
    /// other has no room for another one: so the pair holds one sync.
    fn start<T: Row>(
        &self,
        call: &Call<'_>,
        ask: impl Fn(&dyn StorageEngine) -> Result<T>,
    ) -> Result<T> {
        let Some(narrow) = self.options.allowed.one_sync else {
            return self.write(call, Pace::Transition, ask);
        };
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.check_usable()?;
        let operation = self.journal.next_operation();
        self.tick();
        let (primary, shadow) = self.engines();
        let (first, second) = match narrow {
            Side::Left => (primary, shadow),
            Side::Right => (shadow, primary),
        };
        let before = ask(first);
        if has_no_room(first, &before)? {
            return before;
        }
        let after = ask(second);
        let (left, right) = match narrow {
            Side::Left => (before, after),
            Side::Right => (after, before),
        };
        self.judge_write(operation, call, Pace::Transition, left, &right)
    }

    /// What both say of their handle; it cannot fail, so a difference is reported and the primary's answer returned.
    fn handle<T: fmt::Debug>(
        &self,
        name: &'static str,
        ask: impl Fn(&dyn StorageEngine) -> T,
    ) -> T {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let operation = self.journal.next_operation();
        let (primary, shadow) = self.engines();
        let (left, right) = (ask(primary), ask(shadow));
        if let Some(difference) = plain(name, &left, &right) {
            self.note(
                operation,
                &Call {
                    name,
                    arguments: &[],
                },
                difference,
            );
        }
        left
    }

    fn note(&self, operation: u64, call: &Call<'_>, difference: Difference) {
        if let Some(error) = self.journal.report(operation, &call.owned(), difference) {
            tracing::warn!(target: "c1z::tee", "{error}");
        }
    }

    fn transition<T: Row>(
        &self,
        call: &Call<'_>,
        ask: impl Fn(&dyn StorageEngine) -> Result<T>,
    ) -> Result<T> {
        self.write(call, Pace::Transition, ask)
    }
}

/// Whether an engine of one sync refused because it holds one, which is not open: a sync that is stands in the way of
/// another one in any engine.
fn has_no_room<T>(engine: &dyn StorageEngine, answer: &Result<T>) -> Result<bool> {
    let refused = matches!(answer, Err(error) if error.kind() == ErrorKind::FailedPrecondition);
    if !refused {
        return Ok(false);
    }
    let runs = engine.list_sync_runs(&PageRequest::first(1))?;
    let current = engine.current_sync();
    let holds = runs.rows.first();
    Ok(holds.is_some_and(|run| run.is_finished() || current.as_ref() != Some(&run.id)))
}

impl<A: HasEngine, B: HasEngine> Lifecycle for Tee<A, B> {
    fn start_new_sync(&self, sync_type: &SyncType, parent: &str) -> Result<SyncId> {
        let call = Call {
            name: "start_new_sync",
            arguments: &[sync_type, &parent],
        };
        self.start(&call, |engine| engine.start_new_sync(sync_type, parent))
    }

    fn resume_sync(&self, of: Option<&SyncType>, id: Option<&SyncId>) -> Result<SyncId> {
        let call = Call {
            name: "resume_sync",
            arguments: &[&of, &id],
        };
        self.transition(&call, |engine| engine.resume_sync(of, id))
    }

    fn start_or_resume_sync(
        &self,
        of: Option<&SyncType>,
        id: Option<&SyncId>,
    ) -> Result<(SyncId, bool)> {
        let call = Call {
            name: "start_or_resume_sync",
            arguments: &[&of, &id],
        };
        self.start(&call, |engine| engine.start_or_resume_sync(of, id))
    }

    fn set_current_sync(&self, id: &SyncId) -> Result<()> {
        let call = Call {
            name: "set_current_sync",
            arguments: &[id],
        };
        self.transition(&call, |engine| engine.set_current_sync(id))
    }

    fn current_sync(&self) -> Option<SyncId> {
        self.handle("current_sync", |engine| engine.current_sync())
    }

    fn view_sync(&self, id: Option<&SyncId>) -> Result<()> {
        let call = Call {
            name: "view_sync",
            arguments: &[&id],
        };
        self.transition(&call, |engine| engine.view_sync(id))
    }

    fn viewed_sync(&self) -> Option<SyncId> {
        self.handle("viewed_sync", |engine| engine.viewed_sync())
    }

    fn current_sync_step(&self) -> Result<String> {
        let call = Call {
            name: "current_sync_step",
            arguments: &[],
        };
        self.write(&call, Pace::Write, |engine| engine.current_sync_step())
    }

    fn checkpoint_sync(&self, token: &str) -> Result<()> {
        let call = Call {
            name: "checkpoint_sync",
            arguments: &[&token],
        };
        self.write(&call, Pace::Write, |engine| engine.checkpoint_sync(token))
    }

    fn end_sync(&self) -> Result<()> {
        let call = Call {
            name: "end_sync",
            arguments: &[],
        };
        self.transition(&call, |engine| engine.end_sync())
    }

    fn mark_supports_diff(&self, id: &SyncId) -> Result<()> {
        let call = Call {
            name: "mark_supports_diff",
            arguments: &[id],
        };
        self.write(&call, Pace::Write, |engine| engine.mark_supports_diff(id))
    }

    fn set_sync_link(&self, id: &SyncId, linked: &str) -> Result<()> {
        let call = Call {
            name: "set_sync_link",
            arguments: &[id, &linked],
        };
        self.write(&call, Pace::Write, |engine| {
            engine.set_sync_link(id, linked)
        })
    }

    fn mark_verified(&self, id: &SyncId, mark: &Verification) -> Result<()> {
        let call = Call {
            name: "mark_verified",
            arguments: &[id, mark],
        };
        self.write(&call, Pace::Write, |engine| engine.mark_verified(id, mark))
    }

    fn clear_verified(&self, id: &SyncId) -> Result<()> {
        let call = Call {
            name: "clear_verified",
            arguments: &[id],
        };
        self.write(&call, Pace::Write, |engine| engine.clear_verified(id))
    }

    fn delete_sync_run(&self, id: &SyncId) -> Result<()> {
        let call = Call {
            name: "delete_sync_run",
            arguments: &[id],
        };
        self.transition(&call, |engine| engine.delete_sync_run(id))
    }

    fn is_dirty(&self) -> bool {
        self.handle("is_dirty", |engine| engine.is_dirty())
    }
}
