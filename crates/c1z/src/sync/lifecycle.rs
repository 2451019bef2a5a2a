//! The life of a sync: which calls are legal in which state, and what they lead to (`store-contract` §2).
//!
//! ```text
//!                start                end                    mark_verified
//!   absent ------------> open ---------------> finished <--------------------> verified
//!      ^                 ^  |                    |   ^      clear, or a write
//!      | delete   resume |  | handle closes      |   | end (the end time stays, D9)
//!      |                 |  v                    v   |
//!      +--------------- suspended             re-bound (by set_current; writes drop what was derived, D14)
//! ```
//!
//! Pure decisions over the committed runs and the bindings of a handle. An engine asks, then stores what it was told in
//! one atomic write, then changes its bindings; so a refused or failed call changes nothing.

use super::resolve::{Bindings, latest_unfinished, require};
use crate::engine::types::{SyncId, SyncRun, SyncType, Timestamp, Verification};
use crate::{Error, ErrorKind, Result};

/// What starting a sync comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The open sync of the type goes on; nothing is written.
    Continue(SyncId),
    /// A new run is made and becomes current.
    Create,
}

/// What resuming or starting comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// This sync becomes current; nothing is written.
    Resumed(SyncId),
    /// A sync of the type is to be started.
    Start(SyncType),
}

/// Starting a sync (§2.2). An open sync of the same type is given back, whatever `parent` says.
///
/// # Errors
/// `InvalidArgument` for an unknown type, and for a parent where the type allows none; `FailedPrecondition` while a sync
/// of another type is open.
pub(crate) fn start(
    runs: &[SyncRun],
    bindings: &Bindings,
    sync_type: &SyncType,
    parent: &str,
) -> Result<Start> {
    if let SyncType::Other(text) = sync_type {
        return Err(Error::invalid(format!("unknown sync type: type=`{text}`")));
    }
    if let Some(open) = current_run(runs, bindings).filter(|run| !run.is_finished()) {
        if open.sync_type == *sync_type {
            return Ok(Start::Continue(open.id.clone()));
        }
        return Err(precondition(format!(
            "a sync of another type is current: sync_id=`{}` type=`{}`",
            open.id, open.sync_type
        )));
    }
    if !parent.is_empty() && !sync_type.allows_parent() {
        return Err(Error::invalid(format!(
            "a sync of this type has no parent: type=`{sync_type}` parent=`{parent}`"
        )));
    }
    Ok(Start::Create)
}

/// Starting a sync in a store that can hold one: the sync that has to go for it, if there is one (`architecture` §2.2).
///
/// # Errors
/// `FailedPrecondition` when there is one and it must not be replaced.
pub(crate) fn make_room(runs: &[SyncRun], may_replace: bool) -> Result<Option<&SyncRun>> {
    match runs.first() {
        Some(run) if !may_replace => Err(precondition(format!(
            "a v3 file holds one sync, and this one holds another: sync_id=`{}`",
            run.id
        ))
        .with_hint("write to another file, resume the sync, or ask for it to be replaced")),
        first => Ok(first),
    }
}

/// Resuming a sync (§2.4, D21).
///
/// # Errors
/// `NotFound` for an unknown id, or when nothing can be resumed; `FailedPrecondition` when another sync is current, the
/// type is another, or the sync is finished; `Internal` when the current sync is finished and none was named.
pub(crate) fn resume(
    runs: &[SyncRun],
    bindings: &Bindings,
    of: Option<&SyncType>,
    id: Option<&SyncId>,
    now: Timestamp,
) -> Result<SyncId> {
    match (id, &bindings.current) {
        (Some(id), Some(current)) if id == current => Ok(current.clone()),
        (Some(_), Some(current)) => Err(precondition(format!(
            "another sync is current: sync_id=`{current}`"
        ))),
        (Some(id), None) => {
            let run = require(runs, id)?;
            check_type(run, of)?;
            if run.is_finished() {
                return Err(
                    precondition(format!("the sync is finished: sync_id=`{id}`"))
                        .with_hint("make it current to write to it again"),
                );
            }
            Ok(id.clone())
        }
        (None, Some(current)) => {
            let run = require(runs, current)?;
            check_type(run, of)?;
            if run.is_finished() {
                return Err(Error::new(
                    ErrorKind::Internal,
                    format!("the current sync is finished: sync_id=`{current}`"),
                ));
            }
            Ok(current.clone())
        }
        (None, None) => match latest_unfinished(runs, of, Some(now)) {
            Some(run) => Ok(run.id.clone()),
            None => Err(Error::not_found("no unfinished sync to resume")),
        },
    }
}

/// Resuming, or else starting (§2.5). A sync that was named and is absent is not replaced by a new one (D12).
///
/// # Errors
/// Those of [`resume`]; `InvalidArgument` when a sync would have to be started and no type was given.
pub(crate) fn start_or_resume(
    runs: &[SyncRun],
    bindings: &Bindings,
    of: Option<&SyncType>,
    id: Option<&SyncId>,
    now: Timestamp,
) -> Result<Resume> {
    match resume(runs, bindings, of, id, now) {
        Err(error) if error.kind() == ErrorKind::NotFound && id.is_none() => match of {
            Some(of) => Ok(Resume::Start(of.clone())),
            None => Err(Error::invalid("a sync cannot be started without a type")),
        },
        resumed => resumed.map(Resume::Resumed),
    }
}

/// The sync that is open for writing.
///
/// # Errors
/// `NoCurrentSync`.
pub(crate) fn current(bindings: &Bindings) -> Result<&SyncId> {
    bindings.current.as_ref().ok_or_else(|| {
        Error::new(ErrorKind::NoCurrentSync, "no sync is open for writing")
            .with_hint("start, resume or set one first")
    })
}

/// Pins reads to a sync, or unpins them (D15).
///
/// # Errors
/// `NotFound` for an unknown id; `FailedPrecondition` while a sync is current.
pub(crate) fn view(runs: &[SyncRun], bindings: &mut Bindings, id: Option<&SyncId>) -> Result<()> {
    if let Some(id) = id {
        require(runs, id)?;
    }
    if bindings.current.is_some() {
        return Err(precondition("a view cannot be set while a sync is current"));
    }
    bindings.view = id.cloned();
    Ok(())
}

/// Deleting a run: the run to delete, none if it is not there.
///
/// # Errors
/// `FailedPrecondition` for the current one.
pub(crate) fn delete<'a>(
    runs: &'a [SyncRun],
    bindings: &Bindings,
    id: &SyncId,
) -> Result<Option<&'a SyncRun>> {
    if bindings.current.as_ref() == Some(id) {
        return Err(precondition(format!(
            "the current sync cannot be deleted: sync_id=`{id}`"
        )));
    }
    Ok(runs.iter().find(|run| run.id == *id))
}

/// The run as it stands when it has ended `at` (D9): a run that was finished before keeps its end.
pub(crate) fn ended(run: &SyncRun, at: Timestamp) -> SyncRun {
    SyncRun {
        ended_at: run.ended_at.or(Some(at)),
        ..run.clone()
    }
}

/// Refuses a sync that does not have its end yet, where a job needs a whole one.
///
/// # Errors
/// `SyncNotFinished`.
pub(crate) fn require_finished(run: &SyncRun) -> Result<()> {
    if run.is_finished() {
        return Ok(());
    }
    let message = format!("sync is not finished sync_id=`{}`", run.id);
    Err(Error::new(ErrorKind::SyncNotFinished, message))
}

/// Marks a run as verified (§2.6).
///
/// # Errors
/// `FailedPrecondition` while it is not finished.
pub(crate) fn verify(run: &mut SyncRun, mark: &Verification) -> Result<()> {
    if !run.is_finished() {
        return Err(precondition(format!(
            "the sync is not finished: sync_id=`{}`",
            run.id
        )));
    }
    run.verification = mark.clone();
    Ok(())
}

/// Refuses a mark that would not count.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn check_mark(mark: &Verification) -> Result<()> {
    if mark.is_complete() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "a verification mark needs a generation, coverage and a known mode: generation=`{}` mode=`{}`",
        mark.generation, mark.mode
    )))
}

fn current_run<'a>(runs: &'a [SyncRun], bindings: &Bindings) -> Option<&'a SyncRun> {
    let current = bindings.current.as_ref()?;
    runs.iter().find(|run| run.id == *current)
}

fn check_type(run: &SyncRun, of: Option<&SyncType>) -> Result<()> {
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

#[cfg(test)]
mod tests;
