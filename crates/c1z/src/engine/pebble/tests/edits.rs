//! What was derived goes with the first change of a record (D14; `store-contract` §1.6, *graph sidecar*; §8.4 bugs 57, 58).

use super::{entitlement, grant, resource_type, rows, watched};
use crate::engine::types::{SyncId, SyncType, Verification};
use crate::engine::{Scope, StorageEngine};
use crate::keyspace::{Family, MetadataKey};
use crate::{ErrorKind, Result};

fn mark() -> Verification {
    Verification {
        generation: "1".to_owned(),
        coverage: vec!["I1".to_owned()],
        mode: "connector".to_owned(),
    }
}

/// Which derived rows a store holds: statistics, digests, hash index, graph, verification.
fn derived(store: &super::PebbleStore, sync: &SyncId) -> [bool; 5] {
    let rows = rows(store);
    let family = |wanted| rows.keys().any(|key| Family::of(key) == Some(wanted));
    [
        rows.contains_key(&MetadataKey::Stats.to_vec()),
        family(Family::DigestNode),
        family(Family::GrantHash),
        rows.contains_key(&MetadataKey::EntitlementGraph.to_vec()),
        store
            .engine()
            .get_sync(sync)
            .unwrap()
            .verification
            .is_complete(),
    ]
}

type Call = fn(&dyn StorageEngine) -> Result<()>;

#[test]
fn any_change_of_a_finished_sync_drops_all_of_it_and_no_change_none() {
    let changes: [Call; 6] = [
        |engine| engine.put_resource_types(&[resource_type("t")]),
        |engine| engine.put_grants(&[grant("a")]),
        |engine| engine.store_expanded_grants(&[grant("b")]),
        |engine| engine.delete_grant("group:g:member:user:a"),
        |engine| engine.put_entitlements_if_newer(&[entitlement("e")]),
        |engine| engine.put_asset("a", "t", &mut b"x".as_slice()),
    ];
    let harmless: [Call; 6] = [
        |_| Ok(()),
        |engine| engine.delete_grant("no such grant"),
        |engine| engine.put_asset("a", "t", &mut b"".as_slice()),
        |engine| engine.checkpoint_sync("t"),
        |engine| engine.session_set(&engine.current_sync().unwrap(), "", "k", b""),
        |engine| engine.mark_supports_diff(&engine.current_sync().unwrap()),
    ];
    let calls = changes.map(|call| (call, false)).into_iter();
    for (number, (call, is_kept)) in calls.chain(harmless.map(|call| (call, true))).enumerate() {
        let (store, seam) = watched();
        let engine = store.engine();
        let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
        engine
            .put_entitlements(&[entitlement("group:g:member")])
            .unwrap();
        engine.put_grants(&[grant("a"), grant("z")]).unwrap();
        engine.end_sync().unwrap();
        store.set_entitlement_graph(&sync, Some(b"{}")).unwrap();
        engine.mark_verified(&sync, &mark()).unwrap();
        assert_eq!(derived(&store, &sync), [true; 5]);
        engine.set_current_sync(&sync).unwrap();
        seam.counts
            .writes
            .store(0, std::sync::atomic::Ordering::Relaxed);
        call(engine).unwrap();
        assert_eq!(derived(&store, &sync), [is_kept; 5], "call {number}");
        let writes = seam
            .counts
            .writes
            .load(std::sync::atomic::Ordering::Relaxed);
        assert!(writes <= 1, "in one step with the change: {writes}");
        // What is read now is counted, and the digests count as not built.
        let stats = engine.stats(Some(&sync), None).unwrap();
        let listed = super::grant_ids(engine).len();
        assert_eq!(stats.grants, i64::try_from(listed).unwrap());
        assert_eq!(
            engine.grants_digest(&Scope::Default).unwrap().is_some(),
            is_kept
        );
        engine.end_sync().unwrap();
        assert_eq!(derived(&store, &sync), [true, true, true, is_kept, is_kept]);
    }
}

/// In a sync that is open, the expander's graph outlives what the expander writes, and what is no grant.
#[test]
fn the_graph_of_an_open_sync_goes_with_grants_that_are_not_the_expanders() {
    let (store, _) = watched();
    let engine = store.engine();
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    let has_graph = || store.entitlement_graph(&sync).unwrap().is_some();
    store.set_entitlement_graph(&sync, Some(b"graph")).unwrap();
    engine.store_expanded_grants(&[grant("a")]).unwrap();
    engine.put_resource_types(&[resource_type("t")]).unwrap();
    assert!(has_graph());
    engine.put_grants(&[grant("b")]).unwrap();
    assert!(!has_graph());
    store.set_entitlement_graph(&sync, Some(b"graph")).unwrap();
    engine.delete_grant("group:g:member:user:b").unwrap();
    assert!(!has_graph());
    store.set_entitlement_graph(&sync, Some(b"graph")).unwrap();
    engine.end_sync().unwrap();
    assert_eq!(store.entitlement_graph(&sync).unwrap().unwrap(), b"graph");
    store.set_entitlement_graph(&sync, None).unwrap();
    assert!(!has_graph());
    let unknown = SyncId::from_stored("unknown");
    let missing = store.set_entitlement_graph(&unknown, Some(b"graph"));
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(
        store.entitlement_graph(&unknown).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

/// A database that a crash left with half-built digests: they are neither used nor kept.
#[test]
fn half_built_digests_and_pending_markers_are_gone_when_the_sync_goes_on() {
    let (store, _) = watched();
    let engine = store.engine();
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&[grant("a")]).unwrap();
    engine.end_sync().unwrap();
    let mut left = rows(&store);
    for marker in [
        MetadataKey::DigestBuildPending,
        MetadataKey::GrantIndexPending,
    ] {
        left.insert(marker.to_vec(), Vec::new());
    }
    left.retain(|key, _| Family::of(key) != Some(Family::GrantByPrincipal));
    let store = super::PebbleStore::from_rows(super::options(), left).unwrap();
    let engine = store.engine();
    assert_eq!(engine.grants_digest(&Scope::Default).unwrap(), None);
    assert_eq!(derived(&store, &sync), [true, false, false, false, false]);
    let of_user = crate::engine::GrantFilter {
        principal: Some(crate::engine::types::ResourceRef::new("user", "a")),
        ..Default::default()
    };
    let page = crate::engine::PageRequest::default();
    let found = engine
        .list_grants(&Scope::Default, &of_user, &page)
        .unwrap();
    assert_eq!(found.rows.len(), 1);
}

/// Rows of nobody and unknown sidecars survive a sync and its deletion.
#[test]
fn rows_of_others_stay() {
    let mut foreign = super::Rows::new();
    for key in [&b"\x03\xffsomebody"[..], b"zz", b"\x00"] {
        foreign.insert(key.to_vec(), b"else".to_vec());
    }
    let store = super::PebbleStore::from_rows(super::options(), foreign.clone()).unwrap();
    let engine = store.engine();
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&[grant("a")]).unwrap();
    engine.end_sync().unwrap();
    engine.delete_sync_run(&sync).unwrap();
    for stamp in [MetadataKey::KeyspaceVersion, MetadataKey::GrantIdFormat] {
        foreign.insert(stamp.to_vec(), crate::keyspace::stamp::CURRENT.to_vec());
    }
    assert_eq!(rows(&store), foreign);
}
