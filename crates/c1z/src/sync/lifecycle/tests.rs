//! The tables of `store-contract` §2.2, §2.4 and §2.5, row by row, over many syncs.

use super::*;
use crate::engine::lifecycle::UNFINISHED_MAX_AGE_SECONDS;

const NOW: Timestamp = Timestamp {
    seconds: 2_000_000,
    nanos: 0,
};

fn id(text: &str) -> SyncId {
    SyncId::from_stored(text)
}

fn run(text: &str, of: SyncType, age_seconds: i64, finished: bool) -> SyncRun {
    let start = NOW.plus_seconds(-age_seconds);
    let mut run = SyncRun::started(id(text), of, String::new(), start);
    run.ended_at = finished.then_some(start);
    run
}

fn runs() -> Vec<SyncRun> {
    vec![
        run("done", SyncType::Full, 500, true),
        run("open", SyncType::Full, 400, false),
        run("part", SyncType::Partial, 300, false),
        run(
            "stale",
            SyncType::ResourcesOnly,
            UNFINISHED_MAX_AGE_SECONDS + 1,
            false,
        ),
        run(
            "edge",
            SyncType::PartialUpserts,
            UNFINISHED_MAX_AGE_SECONDS,
            false,
        ),
    ]
}

fn bound(current: &str) -> Bindings {
    Bindings {
        current: (!current.is_empty()).then(|| id(current)),
        view: None,
    }
}

/// What a decision comes down to, as text.
fn text<T: std::fmt::Debug>(decision: Result<T>) -> String {
    match decision {
        Ok(decided) => format!("{decided:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn starting() {
    let continued = |of: &str| text(Ok(Start::Continue(id(of))));
    let unknown = SyncType::Other("fuller".to_owned());
    let any = SyncType::Other(String::new());
    let table = [
        ("", &SyncType::Full, "", "Create".to_owned()),
        ("", &SyncType::Full, "parent", "InvalidArgument".to_owned()),
        (
            "",
            &SyncType::ResourcesOnly,
            "parent",
            "InvalidArgument".to_owned(),
        ),
        ("", &SyncType::Partial, "parent", "Create".to_owned()),
        ("", &SyncType::PartialUpserts, "parent", "Create".to_owned()),
        (
            "",
            &SyncType::PartialDeletions,
            "parent",
            "Create".to_owned(),
        ),
        ("", &unknown, "", "InvalidArgument".to_owned()),
        ("", &any, "", "InvalidArgument".to_owned()),
        ("open", &unknown, "", "InvalidArgument".to_owned()),
        ("open", &SyncType::Full, "", continued("open")),
        ("open", &SyncType::Full, "ignored", continued("open")),
        (
            "open",
            &SyncType::Partial,
            "",
            "FailedPrecondition".to_owned(),
        ),
        (
            "part",
            &SyncType::Full,
            "parent",
            "FailedPrecondition".to_owned(),
        ),
        ("done", &SyncType::Full, "", "Create".to_owned()),
        ("done", &SyncType::Partial, "", "Create".to_owned()),
        ("vanished", &SyncType::Full, "", "Create".to_owned()),
    ];
    for (current, of, parent, expected) in table {
        let found = text(start(&runs(), &bound(current), of, parent));
        assert_eq!(
            found, expected,
            "current {current:?} type {of} parent {parent:?}"
        );
    }
}

#[test]
fn resuming() {
    let full = Some(&SyncType::Full);
    let resumed = |of: &str| text(Ok(id(of)));
    let refused = "FailedPrecondition".to_owned();
    let missing = "NotFound".to_owned();
    let table = [
        ("open", None, Some("open"), resumed("open")),
        (
            "open",
            Some(&SyncType::Partial),
            Some("open"),
            resumed("open"),
        ),
        ("open", None, Some("part"), refused.clone()),
        ("open", None, Some("nope"), refused.clone()),
        ("open", full, None, resumed("open")),
        ("open", None, None, resumed("open")),
        ("open", Some(&SyncType::Partial), None, refused.clone()),
        ("done", None, None, "Internal".to_owned()),
        ("done", Some(&SyncType::Partial), None, refused.clone()),
        ("", None, Some("nope"), missing.clone()),
        ("", full, Some("part"), refused.clone()),
        ("", full, Some("done"), refused.clone()),
        ("", None, Some("stale"), resumed("stale")),
        ("", full, None, resumed("open")),
        ("", None, None, resumed("part")),
        ("", Some(&SyncType::ResourcesOnly), None, missing.clone()),
        ("", Some(&SyncType::PartialUpserts), None, resumed("edge")),
        ("", Some(&SyncType::PartialDeletions), None, missing),
    ];
    for (current, of, named, expected) in table {
        let named = named.map(id);
        let found = text(resume(&runs(), &bound(current), of, named.as_ref(), NOW));
        assert_eq!(
            found, expected,
            "current {current:?} type {of:?} id {named:?}"
        );
    }
}

#[test]
fn starting_or_resuming() {
    let full = Some(&SyncType::Full);
    let resumed = |of: &str| text(Ok(Resume::Resumed(id(of))));
    let table = [
        (full, None, resumed("open")),
        (
            Some(&SyncType::PartialDeletions),
            None,
            text(Ok(Resume::Start(SyncType::PartialDeletions))),
        ),
        (full, Some("nope"), "NotFound".to_owned()),
        (full, Some("done"), "FailedPrecondition".to_owned()),
        (None, None, resumed("part")),
    ];
    for (of, named, expected) in table {
        let named = named.map(id);
        let found = text(start_or_resume(
            &runs(),
            &bound(""),
            of,
            named.as_ref(),
            NOW,
        ));
        assert_eq!(found, expected, "type {of:?} id {named:?}");
    }
    let nothing = start_or_resume(&[], &bound(""), None, None, NOW);
    assert_eq!(nothing.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_store_of_one_sync_has_room_for_one() {
    assert_eq!(make_room(&[], false).unwrap(), None);
    assert_eq!(
        make_room(&runs(), false).unwrap_err().kind(),
        ErrorKind::FailedPrecondition
    );
    assert_eq!(make_room(&runs(), true).unwrap().unwrap().id, id("done"));
}

#[test]
fn an_end_is_kept_and_a_mark_needs_one() {
    let done = run("done", SyncType::Full, 500, true);
    assert_eq!(ended(&done, NOW), done);
    let mut open = run("open", SyncType::Full, 500, false);
    assert_eq!(ended(&open, NOW).ended_at, Some(NOW));
    let refused = verify(&mut open, &Verification::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::FailedPrecondition);
    assert_eq!(
        check_mark(&Verification::default()).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
}
