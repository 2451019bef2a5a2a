//! Statistics (`store-contract` §7, D19).

use c1z::ErrorKind;
use c1z::engine::types::{SyncId, SyncType};

use crate::harness::{
    Bench, at, entitlement, grant, on_all, on_many, refused, resource, resource_type,
};

const TOKEN: &str = r#"{"step_durations_ms":{"list-grants":5},"connector_call_stats":{"list":{"count":3,
    "total_ms":9,"max_ms":4,"errors":1,"timeouts":2}},"session_store_stats":{"get":{"count":1}}}"#;

fn fill(bench: &Bench) {
    let engine = bench.engine();
    let types = ["user", "group", "grants"].map(resource_type);
    engine.put_resource_types(&types).unwrap();
    let group = at("group", "g");
    let users = [at("user", "a"), at("user", "b")];
    let stray = at("uncatalogued", "x");
    engine
        .put_resources(&[&group, &users[0], &users[1], &stray].map(resource))
        .unwrap();
    let of = entitlement(&group, "group:g:member");
    let other = entitlement(&stray, "e");
    engine
        .put_entitlements(&[of.clone(), other.clone()])
        .unwrap();
    engine
        .put_grants(&[
            grant(&of, &users[0]),
            grant(&of, &users[1]),
            grant(&other, &users[0]),
        ])
        .unwrap();
    engine.put_asset("a", "t", &mut b"x".as_slice()).unwrap();
}

#[test]
fn counts_are_those_of_the_rows_while_open_and_at_the_end() {
    on_all(|bench| {
        let id = bench.start(&SyncType::Full);
        fill(bench);
        let engine = bench.engine();
        let open = engine.stats(Some(&id), None).unwrap();
        engine.end_sync().unwrap();
        let recorded = engine.get_sync(&id).unwrap().stats.unwrap();
        let ended = engine.stats(None, None).unwrap();
        assert_eq!(recorded, ended);
        for stats in [open, ended] {
            let totals = [
                stats.resource_types,
                stats.resources,
                stats.entitlements,
                stats.grants,
                stats.assets,
            ];
            assert_eq!(totals, [3, 4, 2, 3, 1]);
            let by = |of: &[(&str, i64)]| of.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect();
            // Catalogued types are there with zero, uncatalogued ones with their rows.
            let resources = by(&[
                ("grants", 0),
                ("group", 1),
                ("uncatalogued", 1),
                ("user", 2),
            ]);
            assert_eq!(stats.resources_by_resource_type, resources);
            // By the type of the entitlement's resource, not of the principal.
            assert_eq!(
                stats.grants_by_resource_type,
                by(&[("group", 2), ("uncatalogued", 1)])
            );
            assert_eq!(
                stats.entitlements_by_resource_type,
                by(&[("group", 1), ("uncatalogued", 1)])
            );
        }
        assert_eq!(engine.grant_stats(Some(&id), None).unwrap()["group"], 2);
        assert_eq!(
            engine.entitlement_stats(Some(&id), None).unwrap()["group"],
            1
        );
    });
}

/// D19.
#[test]
fn reserved_keys_win_in_the_legacy_map() {
    on_all(|bench| {
        let id = bench.start(&SyncType::Full);
        fill(bench);
        let map = bench.engine().stats_map(Some(&id), None).unwrap();
        let expected = [
            ("assets", 1),
            ("entitlements", 2),
            ("grants", 3),
            ("group", 1),
            ("resource_types", 3),
            ("resources", 4),
            ("uncatalogued", 1),
            ("user", 2),
        ];
        assert_eq!(
            map,
            expected.map(|(key, count)| (key.to_owned(), count)).into()
        );
    });
}

#[test]
fn the_sync_is_the_latest_finished_of_the_type_or_the_named_one() {
    on_many(|bench| {
        let engine = bench.engine();
        assert_eq!(refused(engine.stats(None, None)), ErrorKind::NotFound);
        let full = bench.finished(&SyncType::Full, "a");
        let open = bench.start(&SyncType::Partial);
        let engine = bench.engine();
        assert_eq!(
            engine.stats(None, None).unwrap().resource_types,
            1,
            "never the open one"
        );
        let partial = Some(&SyncType::Partial);
        assert_eq!(refused(engine.stats(None, partial)), ErrorKind::NotFound);
        assert_eq!(
            engine.stats(Some(&open), partial).unwrap().resource_types,
            0
        );
        for result in [
            refused(engine.stats(Some(&full), partial)),
            refused(engine.stats_map(Some(&full), partial)),
            refused(engine.grant_stats(Some(&full), partial)),
            refused(engine.entitlement_stats(Some(&full), partial)),
        ] {
            assert_eq!(result, ErrorKind::InvalidArgument);
        }
        let unknown = SyncId::new("unknown").unwrap();
        assert_eq!(
            refused(engine.stats(Some(&unknown), None)),
            ErrorKind::NotFound
        );
    });
}

#[test]
fn the_token_tells_how_the_sync_ran() {
    on_all(|bench| {
        let id = bench.start(&SyncType::Full);
        let engine = bench.engine();
        for malformed in [
            "not json",
            "[1]",
            r#"{"step_durations_ms":{"a":"b"}}"#,
            r#"{"step_durations_ms":3}"#,
        ] {
            engine.checkpoint_sync(malformed).unwrap();
            let stats = engine.stats(Some(&id), None).unwrap();
            assert!(stats.step_durations_ms.is_empty(), "{malformed}");
        }
        engine.checkpoint_sync(TOKEN).unwrap();
        engine.end_sync().unwrap();
        let stats = engine.stats(Some(&id), None).unwrap();
        assert_eq!(stats.step_durations_ms["list-grants"], 5);
        let call = stats.connector_call_stats["list"];
        assert_eq!(
            [
                call.count,
                call.total_ms,
                call.max_ms,
                call.errors,
                call.timeouts
            ],
            [3, 9, 4, 1, 2]
        );
        assert_eq!(stats.session_store_stats["get"].count, 1);
        assert_eq!(stats.ingest_quality, None);
    });
}

/// Statistics never lie after a late change.
#[test]
fn a_change_after_the_end_is_counted() {
    on_all(|bench| {
        let id = bench.start(&SyncType::Full);
        fill(bench);
        let engine = bench.engine();
        engine.end_sync().unwrap();
        engine.set_current_sync(&id).unwrap();
        let ids = bench.grant_ids(&c1z::engine::GrantFilter::default());
        engine.delete_grant(&ids[0]).unwrap();
        assert_eq!(engine.stats(Some(&id), None).unwrap().grants, 2);
        assert_eq!(engine.get_sync(&id).unwrap().stats, None);
        assert_eq!(engine.delete_resource(&at("user", "a")).unwrap(), 1);
        assert_eq!(engine.stats(Some(&id), None).unwrap().resources, 3);
    });
}
