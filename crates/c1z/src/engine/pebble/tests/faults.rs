//! What fails leaves nothing behind, and can be done again (`store-contract` §2.6, §8.4 bugs 19, 20, 24).

use std::sync::atomic::Ordering;

use super::{Rows, entitlement, grant, grant_ids, resource, resource_type, rows, watched};
use crate::engine::types::{SyncType, Verification};
use crate::engine::{Scope, StorageEngine};
use crate::keyspace::{Family, MetadataKey};
use crate::{ErrorKind, Result};

type Call = fn(&dyn StorageEngine) -> Result<()>;

/// The calls of a whole sync, and an edit after its end.
fn calls() -> Vec<Call> {
    vec![
        |engine| engine.start_new_sync(&SyncType::Full, "").map(drop),
        |engine| engine.put_resource_types(&["user", "group"].map(resource_type)),
        |engine| engine.put_resources(&["a", "b"].map(|id| resource("user", id))),
        |engine| engine.put_entitlements(&[entitlement("group:g:member"), entitlement("other")]),
        |engine| engine.put_grants(&["a", "b", "c"].map(grant)),
        |engine| engine.put_grants_if_newer(&[grant("c"), grant("d")]),
        |engine| engine.store_expanded_grants(&[grant("d"), grant("e")]),
        |engine| engine.put_asset("icon", "image/png", &mut b"png".as_slice()),
        |engine| engine.delete_grant("group:g:member:user:b"),
        |engine| engine.session_set(&engine.current_sync().unwrap(), "p", "k", b"v"),
        |engine| engine.checkpoint_sync("{\"step\":1}"),
        |engine| engine.mark_supports_diff(&engine.current_sync().unwrap()),
        |engine| engine.end_sync(),
        |engine| engine.mark_verified(&latest(engine), &mark()),
        |engine| engine.set_current_sync(&latest(engine)),
        |engine| engine.put_grants(&[grant("f")]),
        |engine| engine.end_sync(),
    ]
}

fn latest(engine: &dyn StorageEngine) -> crate::engine::types::SyncId {
    engine.latest_finished_sync(None).unwrap().unwrap().id
}

fn mark() -> Verification {
    Verification {
        generation: "1".to_owned(),
        coverage: vec!["I1".to_owned()],
        mode: "connector".to_owned(),
    }
}

/// Everything but when it was written: the calls that are done again get later stamps, of the same length.
fn without_times(rows: &Rows) -> Vec<(Vec<u8>, usize)> {
    rows.iter()
        .map(|(key, value)| (key.clone(), value.len()))
        .collect()
}

/// Each operation of the seam fails once; the call that met it is repeated. Nothing of the failed call is seen, and the
/// end is that of an undisturbed run.
#[test]
fn every_single_failure_can_be_repeated() {
    let (clean, _) = watched();
    for call in calls() {
        call(clean.engine()).unwrap();
    }
    let expected = rows(&clean);
    let (mut failing, mut failures) = (1, 0);
    loop {
        let (store, seam) = watched();
        let engine = store.engine();
        seam.fail_in(failing);
        for call in calls() {
            let (before, current) = (rows(&store), engine.current_sync());
            if let Err(error) = call(engine) {
                assert_eq!(error.kind(), ErrorKind::Io, "{error}");
                assert_eq!(engine.current_sync(), current, "failure {failing}");
                let token = engine.current_sync_step().unwrap_or_default();
                let barrier_failed = token == "{\"step\":1}";
                if !barrier_failed {
                    assert_eq!(rows(&store), before, "failure {failing}");
                }
                failures += 1;
                call(engine).unwrap();
            }
        }
        if !seam.failed() {
            break;
        }
        let found = without_times(&rows(&store));
        assert_eq!(found, without_times(&expected), "failure {failing}");
        failing += 1;
    }
    println!("{failures} operations failed once each");
    assert!(failures > 30, "{failures}");
    assert_eq!(failures, failing - 1);
}

#[test]
fn a_failed_end_leaves_the_sync_open_and_unmarked() {
    let (store, seam) = watched();
    let engine = store.engine();
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&["a", "b"].map(grant)).unwrap();
    let before = rows(&store);
    // The operations of a seal: its beginning, the rows, its end.
    for operation in 1..=4 {
        seam.fail_in(operation);
        assert_eq!(engine.end_sync().unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(rows(&store), before);
        assert_eq!(engine.current_sync(), Some(sync.clone()));
    }
    engine.put_grants(&[grant("c")]).unwrap();
    engine.end_sync().unwrap();
    let rows = rows(&store);
    let hashes = rows
        .keys()
        .filter(|key| Family::of(key) == Some(Family::GrantHash));
    assert_eq!(hashes.count(), 3);
    assert!(rows.contains_key(&MetadataKey::Stats.to_vec()));
    assert_eq!(grant_ids(engine).len(), 3);
    assert_eq!(
        engine
            .grants_digest(&Scope::Default)
            .unwrap()
            .unwrap()
            .count,
        3
    );
}

/// `store-contract` §0.8: what a checkpoint, an end and a deletion promise.
#[test]
fn checkpoints_ends_and_deletions_are_barriers() {
    let (store, seam) = watched();
    let engine = store.engine();
    let barriers = || seam.counts.barriers.swap(0, Ordering::Relaxed);
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&[grant("a")]).unwrap();
    assert_eq!(barriers(), 0);
    engine.checkpoint_sync("t").unwrap();
    assert_eq!(barriers(), 1);
    // A seal is a barrier of its own.
    engine.end_sync().unwrap();
    engine.delete_sync_run(&sync).unwrap();
    assert_eq!(barriers(), 1);
    engine.delete_sync_run(&sync).unwrap();
    assert_eq!(barriers(), 0, "nothing was deleted");
}
