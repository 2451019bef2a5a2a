//! A sync as a list of actions, with checkpoints that say where it goes on.

use std::cmp::Ordering;
use std::sync::Arc;

use c1z::engine::types::{SyncId, Timestamp};
use c1z::engine::{PageRequest, PebbleOptions, PebbleStore};
use c1z::ksuid::Ksuid;
use serde::{Deserialize, Serialize};

use super::Content;
use crate::clock::ManualClock;
use crate::golden::ops::{Op, Step};
use crate::ids::ListedIds;
use crate::replay::{first_unsupported, perform};
use crate::{Error, Result};

/// When the first action is done, seconds since the epoch; each action is a second later than the one before it.
const BEGIN_SECONDS: i64 = 1_750_000_000;

/// What a program does to a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Opening and writing, checkpoints included.
    Writing,
    /// Ending the sync.
    Sealing,
    /// What is written after the end.
    Marking,
    /// Making the file.
    Publishing,
}

/// A sync that can be interrupted anywhere: doing again what was done since the last checkpoint changes nothing in the end.
#[derive(Clone, Debug)]
pub struct Script {
    actions: Vec<Step>,
    /// Index of the action that ends the sync.
    end: usize,
}

/// A checkpoint's token.
#[derive(Debug, Deserialize, Serialize)]
struct Position {
    /// The action to go on with.
    position: usize,
    /// The token that the steps set last.
    token: String,
}

impl Position {
    fn to_token(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::new(error.to_string()))
    }
}

impl Script {
    /// The steps of one sync, which begin with its start, with a checkpoint after every `checkpoint_every` of them.
    pub fn new(steps: Vec<Step>, checkpoint_every: usize) -> Result<Self> {
        if let Some(step) = first_unsupported(&steps) {
            let name = step.op.name();
            return Err(Error::new(format!(
                "line {}: no call does `{name}`",
                step.line
            )));
        }
        let (mut actions, mut end) = (Vec::new(), None);
        let (mut token, mut unsaved) = (String::new(), 0);
        for mut step in steps {
            match (&mut step.op, end) {
                (Op::StartSync { .. }, _) if actions.is_empty() => {}
                (Op::StartSync { .. }, _) | (Op::EndSync, Some(_)) => {
                    return Err(Error::new(format!("line {}: one sync only", step.line)));
                }
                (Op::EndSync, None) => end = Some(actions.len()),
                (Op::Checkpoint(own), None) => {
                    token.clone_from(own);
                    *own = position_after(&actions, &token)?;
                }
                _ => {}
            }
            let line = step.line;
            actions.push(step);
            unsaved += 1;
            if end.is_none() && unsaved >= checkpoint_every {
                unsaved = 0;
                let op = Op::Checkpoint(position_after(&actions, &token)?);
                let may_fail = false;
                actions.push(Step { line, op, may_fail });
            }
        }
        let end = end.ok_or_else(|| Error::new("the sync does not end"))?;
        Ok(Self { actions, end })
    }

    /// What is done, in order.
    pub fn actions(&self) -> &[Step] {
        &self.actions
    }

    /// Index of the action that ends the sync.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The phase that action `index` belongs to.
    pub fn phase(&self, index: usize) -> Phase {
        match index.cmp(&self.end) {
            Ordering::Less => Phase::Writing,
            Ordering::Equal => Phase::Sealing,
            Ordering::Greater => Phase::Marking,
        }
    }

    /// Whether everything before it survives a power failure when action `index` is done.
    pub fn is_barrier(&self, index: usize) -> bool {
        let action = self.actions.get(index);
        action.is_some_and(|step| matches!(step.op, Op::Checkpoint(_) | Op::EndSync))
    }

    /// Options under which every run of the script makes the same rows, and their clock.
    pub fn options(&self) -> Result<(PebbleOptions, Arc<ManualClock>)> {
        let clock = Arc::new(ManualClock::at(time_of(0)));
        let id = SyncId::new(Ksuid::from_bytes([7; 20]).to_string());
        let id = id.map_err(|error| Error::new(error.to_string()))?;
        let options = PebbleOptions {
            clock: Arc::<ManualClock>::clone(&clock),
            ids: Arc::new(ListedIds::new([id])),
            ..PebbleOptions::default()
        };
        Ok((options, clock))
    }

    /// Does one action.
    pub fn perform(
        &self,
        index: usize,
        store: &PebbleStore,
        clock: &ManualClock,
        syncs: &mut Vec<SyncId>,
    ) -> Result<()> {
        let missing = || Error::new(format!("no action {index}"));
        let step = self.actions.get(index).ok_or_else(missing)?;
        clock.set(time_of(index));
        match perform(store.engine(), step, syncs, None) {
            Ok(()) => Ok(()),
            Err(crate::replay::StepCause::Engine(_)) if step.may_fail => Ok(()),
            Err(cause) => Err(Error::new(format!("{cause:?}")).at(step.op.name())),
        }
    }

    /// The action to go on with, as the stored sync says; resumes the sync if it is unfinished.
    pub fn position(&self, store: &PebbleStore) -> Result<(usize, Vec<SyncId>)> {
        let engine = store.engine();
        let said = |error: c1z::Error| Error::new(format!("{error:?}"));
        let runs = engine
            .list_sync_runs(&PageRequest::default())
            .map_err(said)?;
        let Some(run) = runs.rows.into_iter().next() else {
            return Ok((0, Vec::new()));
        };
        if run.is_finished() {
            return Ok((self.end + 1, vec![run.id]));
        }
        engine.resume_sync(None, Some(&run.id)).map_err(said)?;
        let position = if run.token.is_empty() {
            1
        } else {
            let token = serde_json::from_str::<Position>(&run.token);
            token
                .map_err(|error| Error::new(error.to_string()))?
                .position
        };
        Ok((position, vec![run.id]))
    }

    /// What a store holds before the first action and after each.
    pub fn states(&self) -> Result<Vec<Content>> {
        let said = |error: c1z::Error| Error::new(format!("{error:?}"));
        let (options, clock) = self.options()?;
        let store = PebbleStore::in_memory(options).map_err(said)?;
        let mut states = vec![Content::of(&store).map_err(said)?];
        let mut syncs = Vec::new();
        for index in 0..self.actions.len() {
            self.perform(index, &store, &clock, &mut syncs)?;
            states.push(Content::of(&store).map_err(said)?);
        }
        Ok(states)
    }
}

fn position_after(actions: &[Step], token: &str) -> Result<String> {
    let position = Position {
        position: actions.len() + 1,
        token: token.to_owned(),
    };
    position.to_token()
}

fn time_of(index: usize) -> Timestamp {
    let seconds = i64::try_from(index).unwrap_or(i64::MAX);
    Timestamp {
        seconds: BEGIN_SECONDS.saturating_add(seconds),
        nanos: 0,
    }
}
