//! Replays recorded writes into an engine.

use c1z::engine::StorageEngine;
use c1z::engine::types::{SyncId, SyncType, Verification};
use std::fmt;

use crate::golden::ops::{Op, Step};

/// What a caller does about steps that the contract has no call for: `None` leaves the step unsupported.
pub type Handler<'a> =
    &'a mut dyn FnMut(&dyn StorageEngine, &Step, Option<&SyncId>) -> Option<c1z::Result<()>>;

/// How to replay.
#[derive(Default)]
pub struct ReplayOptions<'a> {
    /// Called before each step, to set clocks; see [`Times`](crate::times::Times).
    pub before: Option<&'a mut dyn FnMut(&Step)>,
    /// Called for steps that the contract has no call for, with the current or else the last sync.
    pub handler: Option<Handler<'a>>,
}

/// What a replay did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Syncs in the order of their start.
    pub syncs: Vec<SyncId>,
    /// Steps done.
    pub steps: usize,
    /// Errors that were tolerated because the step says so: line and error.
    pub tolerated: Vec<(usize, String)>,
}

/// Why a replay stopped.
#[derive(Debug)]
pub struct StepError {
    /// Line of the step.
    pub line: usize,
    /// Name of the step.
    pub step: &'static str,
    /// What happened.
    pub cause: StepCause,
}

/// What happened at a step.
#[derive(Debug)]
pub enum StepCause {
    /// The contract has no call for it, and the caller offered none.
    Unsupported,
    /// The engine failed.
    Engine(c1z::Error),
    /// The step names a sync that was not started, or needs one where there is none.
    NoSuchSync,
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step `{}` at line {}: ", self.step, self.line)?;
        match &self.cause {
            StepCause::Unsupported => f.write_str("not supported"),
            StepCause::Engine(error) => write!(f, "{error:?}"),
            StepCause::NoSuchSync => f.write_str("no such sync"),
        }
    }
}

impl std::error::Error for StepError {}

/// The step that no contract call covers, if there is one.
pub fn first_unsupported(steps: &[Step]) -> Option<&Step> {
    steps.iter().find(|step| {
        matches!(
            step.op,
            Op::Expand
                | Op::Cleanup
                | Op::GenerateDiff { .. }
                | Op::StoreNewExpandedGrants(_)
                | Op::Flush
                | Op::GraphBlob(_)
        )
    })
}

/// Replays all steps. Stops at the first that fails, unless the step says that it may.
pub fn replay(
    engine: &dyn StorageEngine,
    steps: &[Step],
    mut options: ReplayOptions<'_>,
) -> Result<Replayed, StepError> {
    let mut done = Replayed::default();
    for step in steps {
        if let Some(before) = &mut options.before {
            before(step);
        }
        let result = perform(engine, step, &mut done.syncs, options.handler.as_mut());
        match result {
            Ok(()) => {}
            Err(StepCause::Engine(error)) if step.may_fail => {
                done.tolerated.push((step.line, format!("{error:?}")));
            }
            Err(cause) => {
                return Err(StepError {
                    line: step.line,
                    step: step.op.name(),
                    cause,
                });
            }
        }
        done.steps += 1;
    }
    Ok(done)
}

/// Does one step.
pub(crate) fn perform(
    engine: &dyn StorageEngine,
    step: &Step,
    syncs: &mut Vec<SyncId>,
    handler: Option<&mut Handler<'_>>,
) -> Result<(), StepCause> {
    // Session entries and marks are written to the sync at hand, also after its end.
    let at_hand = engine.current_sync().or_else(|| syncs.last().cloned());
    let needed = || at_hand.clone().ok_or(StepCause::NoSuchSync);
    let result = match &step.op {
        Op::StartSync { sync_type, parent } => {
            let parent = match parent {
                Some(number) => sync_number(syncs, *number)?.as_str(),
                None => "",
            };
            let started = engine.start_new_sync(&SyncType::from_stored(sync_type), parent);
            started.map(|id| syncs.push(id))
        }
        Op::PutResourceTypes(records) => engine.put_resource_types(records),
        Op::PutResources(records) => engine.put_resources(records),
        Op::PutEntitlements(records) => engine.put_entitlements(records),
        Op::PutGrants(records) => engine.put_grants(records),
        Op::StoreExpandedGrants(records) => engine.store_expanded_grants(records),
        Op::PutAsset {
            id,
            content_type,
            data,
        } => engine.put_asset(id, content_type, &mut data.as_slice()),
        Op::DeleteGrant(id) => engine.delete_grant(id),
        Op::Checkpoint(token) => engine.checkpoint_sync(token),
        Op::SupportsDiff => engine.mark_supports_diff(&needed()?),
        Op::MarkInvariants {
            generation,
            coverage,
        } => {
            let mark = Verification {
                generation: generation.clone(),
                coverage: coverage.clone(),
                mode: "connector".to_owned(),
            };
            engine.mark_verified(&needed()?, &mark)
        }
        Op::SessionSet { prefix, key, value } => engine.session_set(&needed()?, prefix, key, value),
        Op::SessionDelete { prefix, key } => engine.session_delete(&needed()?, prefix, key),
        Op::EndSync => engine.end_sync(),
        Op::Sleep => Ok(()),
        Op::Expand
        | Op::Cleanup
        | Op::GenerateDiff { .. }
        | Op::StoreNewExpandedGrants(_)
        | Op::Flush
        | Op::GraphBlob(_) => {
            let result = handler.and_then(|handle| handle(engine, step, at_hand.as_ref()));
            result.ok_or(StepCause::Unsupported)?
        }
    };
    result.map_err(StepCause::Engine)
}

/// A sync by its number, from 1.
fn sync_number(syncs: &[SyncId], number: usize) -> Result<&SyncId, StepCause> {
    let index = number.checked_sub(1);
    let found = index.and_then(|index| syncs.get(index));
    found.ok_or(StepCause::NoSuchSync)
}

#[cfg(test)]
mod tests;
