//! Which sync a read is about, in the words of `store-contract` §2.3 and `architecture` §6.

use super::Model;
use super::state::State;
use crate::engine::lifecycle::UNFINISHED_MAX_AGE_SECONDS;
use crate::engine::types::{SyncId, SyncRun, SyncType, Timestamp};
use crate::engine::{Fallback, Profile, Scope};
use crate::{Error, ErrorKind, Result};

/// A step of the search for a sync that nobody named.
enum Step {
    FinishedFull,
    Finished,
    RecentUnfinished,
    Unfinished,
}

impl Model {
    /// The sync that a read is about; none where the answer is empty.
    pub(super) fn resolve_in(
        &self,
        state: &State,
        scope: &Scope,
        fallback: Fallback,
    ) -> Result<Option<SyncId>> {
        if let Scope::Sync(id) = scope {
            return state.run(id).map(|run| Some(run.id.clone()));
        }
        if let Some(bound) = state.current.as_ref().or(state.view.as_ref()) {
            return Ok(Some(bound.clone()));
        }
        for step in steps(self.options.profile, fallback) {
            let found = match step {
                Step::FinishedFull => latest_finished(state, Some(&SyncType::Full)),
                Step::Finished => latest_finished(state, None),
                Step::RecentUnfinished => latest_unfinished(state, None, Some(self.now())),
                Step::Unfinished => latest_unfinished(state, None, None),
            };
            if let Some(run) = found {
                return Ok(Some(run.id.clone()));
            }
        }
        match (self.options.profile, fallback) {
            (Profile::GoPebble, _) => Err(Error::new(
                ErrorKind::NoCurrentSync,
                "the store has no sync that could be meant",
            )),
            (_, Fallback::List) => Ok(None),
            (_, Fallback::Point) => Err(Error::not_found("the store has no sync to read")),
        }
    }

    /// The sync that a read is about, where there must be one.
    pub(super) fn point(&self, state: &State, scope: &Scope) -> Result<SyncId> {
        self.resolve_in(state, scope, Fallback::Point)?
            .ok_or_else(|| Error::not_found("the store has no sync to read"))
    }
}

fn steps(profile: Profile, fallback: Fallback) -> Vec<Step> {
    match (profile, fallback) {
        (Profile::Ours, Fallback::List) => vec![
            Step::FinishedFull,
            Step::RecentUnfinished,
            Step::Finished,
            Step::Unfinished,
        ],
        (Profile::Ours, Fallback::Point) => vec![Step::Finished, Step::Unfinished],
        (Profile::GoSqlite, Fallback::List) => {
            vec![Step::FinishedFull, Step::RecentUnfinished, Step::Finished]
        }
        (Profile::GoSqlite, Fallback::Point) | (Profile::GoPebble, _) => {
            vec![Step::Finished, Step::RecentUnfinished]
        }
    }
}

/// Finished runs of a type, the one that ended last first; ties by greater id.
pub(super) fn finished_newest_first<'a>(
    state: &'a State,
    of: Option<&SyncType>,
) -> Vec<&'a SyncRun> {
    let mut runs: Vec<&SyncRun> = state
        .runs
        .values()
        .filter(|run| run.ended_at.is_some())
        .filter(|run| of.is_none_or(|of| *of == run.sync_type))
        .collect();
    runs.sort_by(|a, b| (b.ended_at, &b.id).cmp(&(a.ended_at, &a.id)));
    runs
}

/// The finished run of a type that ended last.
pub(super) fn latest_finished<'a>(state: &'a State, of: Option<&SyncType>) -> Option<&'a SyncRun> {
    finished_newest_first(state, of).first().copied()
}

/// The unfinished run of a type that started last; with a time, not if it is abandoned by then.
pub(super) fn latest_unfinished<'a>(
    state: &'a State,
    of: Option<&SyncType>,
    now: Option<Timestamp>,
) -> Option<&'a SyncRun> {
    let mut runs: Vec<&SyncRun> = state
        .runs
        .values()
        .filter(|run| run.ended_at.is_none())
        .filter(|run| of.is_none_or(|of| *of == run.sync_type))
        .filter(|run| match (now, run.started_at) {
            (None, _) => true,
            (Some(now), Some(at)) => at.plus_seconds(UNFINISHED_MAX_AGE_SECONDS) >= now,
            (Some(_), None) => false,
        })
        .collect();
    runs.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
    runs.last().copied()
}
