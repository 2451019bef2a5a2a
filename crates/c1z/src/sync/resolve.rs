//! Which sync a read is about (`store-contract` §2.3, D1): explicit, else current, else viewed, else a fallback.
//!
//! One resolver for every surface. The fallback is computed from the committed runs on each call; nothing is cached, so
//! nothing goes stale.

use crate::engine::lifecycle::UNFINISHED_MAX_AGE_SECONDS;
use crate::engine::types::{SyncId, SyncRun, SyncType, Timestamp};
use crate::engine::{Fallback, Profile, Scope};
use crate::{Error, ErrorKind, Result};

/// The handle state that takes part in resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bindings {
    /// The sync open for writing.
    pub(crate) current: Option<SyncId>,
    /// The sync that reads are pinned to.
    pub(crate) view: Option<SyncId>,
}

/// Resolves a scope against the store's runs.
///
/// `Ok(None)` means an empty answer, which only [`Fallback::List`] can give.
pub(crate) fn resolve(
    runs: &[SyncRun],
    bindings: &Bindings,
    scope: &Scope,
    fallback: Fallback,
    profile: Profile,
    now: Timestamp,
) -> Result<Option<SyncId>> {
    if let Scope::Sync(id) = scope {
        return require(runs, id).map(|run| Some(run.id.clone()));
    }
    if let Some(bound) = bindings.current.as_ref().or(bindings.view.as_ref()) {
        return Ok(Some(bound.clone()));
    }
    let found = match (profile, fallback) {
        (Profile::Ours, Fallback::List) => latest_finished(runs, Some(&SyncType::Full))
            .or_else(|| latest_unfinished(runs, None, Some(now)))
            .or_else(|| latest_finished(runs, None))
            .or_else(|| latest_unfinished(runs, None, None)),
        (Profile::Ours, Fallback::Point) => {
            latest_finished(runs, None).or_else(|| latest_unfinished(runs, None, None))
        }
        (Profile::GoSqlite, Fallback::List) => latest_finished(runs, Some(&SyncType::Full))
            .or_else(|| latest_unfinished(runs, None, Some(now)))
            .or_else(|| latest_finished(runs, None)),
        (Profile::GoSqlite, Fallback::Point) | (Profile::GoPebble, _) => {
            latest_finished(runs, None).or_else(|| latest_unfinished(runs, None, Some(now)))
        }
    };
    match (found, profile, fallback) {
        (Some(run), ..) => Ok(Some(run.id.clone())),
        (None, Profile::GoPebble, _) => Err(Error::new(
            ErrorKind::NoCurrentSync,
            "the file has no sync that a read without a sync id could mean",
        )),
        (None, _, Fallback::List) => Ok(None),
        (None, _, Fallback::Point) => Err(Error::not_found("the store has no sync to read")
            .with_hint("name a sync; `c1z syncs` lists them")),
    }
}

/// The run with this id, or `NotFound`.
pub(crate) fn require<'a>(runs: &'a [SyncRun], id: &SyncId) -> Result<&'a SyncRun> {
    runs.iter().find(|run| run.id == *id).ok_or_else(|| {
        Error::not_found(format!("sync not found: sync_id=`{id}`"))
            .with_hint("`c1z syncs` lists the syncs of a file")
    })
}

/// The finished run with the greatest end time; tie: greatest id.
pub(crate) fn latest_finished<'a>(
    runs: &'a [SyncRun],
    of: Option<&SyncType>,
) -> Option<&'a SyncRun> {
    finished(runs, of).max_by(|a, b| (a.ended_at, &a.id).cmp(&(b.ended_at, &b.id)))
}

/// The finished run that [`latest_finished`] would give without the one it gives.
pub(crate) fn previous_finished<'a>(
    runs: &'a [SyncRun],
    of: Option<&SyncType>,
) -> Option<&'a SyncRun> {
    let latest = latest_finished(runs, of)?;
    finished(runs, of)
        .filter(|run| run.id != latest.id)
        .max_by(|a, b| (a.ended_at, &a.id).cmp(&(b.ended_at, &b.id)))
}

fn finished<'a>(runs: &'a [SyncRun], of: Option<&SyncType>) -> impl Iterator<Item = &'a SyncRun> {
    runs.iter()
        .filter(move |run| run.is_finished() && of.is_none_or(|of| run.sync_type == *of))
}

/// The unfinished run with the greatest start time (tie: greatest id); with `now`, only those not abandoned by then.
pub(crate) fn latest_unfinished<'a>(
    runs: &'a [SyncRun],
    of: Option<&SyncType>,
    now: Option<Timestamp>,
) -> Option<&'a SyncRun> {
    let oldest = now.map(|now| now.plus_seconds(-UNFINISHED_MAX_AGE_SECONDS));
    runs.iter()
        .filter(|run| !run.is_finished() && of.is_none_or(|of| run.sync_type == *of))
        .filter(|run| oldest.is_none_or(|oldest| run.started_at.is_some_and(|at| at >= oldest)))
        .max_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, sync_type: SyncType, start: i64, end: Option<i64>) -> SyncRun {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        let mut run =
            SyncRun::started(SyncId::from_stored(id), sync_type, String::new(), at(start));
        run.ended_at = end.map(at);
        run
    }

    fn resolved(runs: &[SyncRun], scope: &Scope, fallback: Fallback, profile: Profile) -> String {
        let now = Timestamp {
            seconds: 1_000_000,
            nanos: 0,
        };
        match resolve(runs, &Bindings::default(), scope, fallback, profile, now) {
            Ok(Some(id)) => id.to_string(),
            Ok(None) => "empty".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        }
    }

    #[test]
    fn lists_prefer_full_points_prefer_newest() {
        let runs = [
            run("a", SyncType::Full, 900_000, Some(900_001)),
            run("b", SyncType::Partial, 900_100, Some(900_101)),
            run("c", SyncType::Full, 900_200, None),
        ];
        assert_eq!(
            resolved(&runs, &Scope::Default, Fallback::List, Profile::Ours),
            "a"
        );
        assert_eq!(
            resolved(&runs, &Scope::Default, Fallback::Point, Profile::Ours),
            "b"
        );
        assert_eq!(
            resolved(&runs[1..], &Scope::Default, Fallback::List, Profile::Ours),
            "c"
        );
        assert_eq!(
            resolved(&runs[1..2], &Scope::Default, Fallback::List, Profile::Ours),
            "b"
        );
    }

    #[test]
    fn an_abandoned_sync_is_seen_by_ours_only() {
        let runs = [run("old", SyncType::Full, 1_000, None)];
        assert_eq!(
            resolved(&runs, &Scope::Default, Fallback::List, Profile::Ours),
            "old"
        );
        assert_eq!(
            resolved(&runs, &Scope::Default, Fallback::List, Profile::GoSqlite),
            "empty"
        );
        assert_eq!(
            resolved(&runs, &Scope::Default, Fallback::List, Profile::GoPebble),
            "NoCurrentSync"
        );
    }

    #[test]
    fn exactly_seven_days_is_not_abandoned() {
        let edge = 1_000_000 - UNFINISHED_MAX_AGE_SECONDS;
        let at_edge = [run("x", SyncType::Full, edge, None)];
        let past_edge = [run("x", SyncType::Full, edge - 1, None)];
        assert_eq!(
            resolved(&at_edge, &Scope::Default, Fallback::List, Profile::GoSqlite),
            "x"
        );
        assert_eq!(
            resolved(
                &past_edge,
                &Scope::Default,
                Fallback::List,
                Profile::GoSqlite
            ),
            "empty"
        );
    }

    #[test]
    fn a_named_absent_sync_is_not_found_everywhere() {
        let runs = [run("a", SyncType::Full, 1, Some(2))];
        let scope = Scope::Sync(SyncId::from_stored("nope"));
        for fallback in [Fallback::List, Fallback::Point] {
            assert_eq!(resolved(&runs, &scope, fallback, Profile::Ours), "NotFound");
        }
    }

    #[test]
    fn current_beats_view_beats_fallback() {
        let runs = [
            run("a", SyncType::Full, 1, Some(2)),
            run("b", SyncType::Full, 3, None),
        ];
        let view = Some(SyncId::from_stored("a"));
        let current = Some(SyncId::from_stored("b"));
        let now = Timestamp {
            seconds: 10,
            nanos: 0,
        };
        let pick = |bindings: &Bindings| {
            resolve(
                &runs,
                bindings,
                &Scope::Default,
                Fallback::List,
                Profile::Ours,
                now,
            )
            .unwrap()
        };
        assert_eq!(
            pick(&Bindings {
                current: None,
                view: view.clone()
            }),
            view
        );
        assert_eq!(
            pick(&Bindings {
                current: current.clone(),
                view
            }),
            current
        );
    }

    #[test]
    fn ties_break_on_the_greater_id() {
        let runs = [
            run("a", SyncType::Full, 1, Some(9)),
            run("b", SyncType::Full, 2, Some(9)),
            run("c", SyncType::Full, 3, Some(8)),
        ];
        assert_eq!(latest_finished(&runs, None).unwrap().id.as_str(), "b");
        assert_eq!(previous_finished(&runs, None).unwrap().id.as_str(), "a");
    }
}
