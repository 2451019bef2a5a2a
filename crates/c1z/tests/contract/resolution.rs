//! Which sync a read is about (`store-contract` §2.3, D1).

use std::time::Duration;

use c1z::engine::types::{EntitlementRef, GrantKey, SyncId, SyncType};
use c1z::engine::{
    EntitlementFilter, Fallback, GrantFilter, PageRequest, Profile, ResourceFilter, Scope,
    StorageEngine,
};
use c1z::{ErrorKind, Result};

use crate::harness::{Bench, at, on_all, on_all_as, on_many, on_many_as, refused, resource_type};

const ABANDONED: Duration = Duration::from_hours(8 * 24);

/// The marker type of the sync that lists read.
fn listed(bench: &Bench) -> Vec<String> {
    let page = bench
        .engine()
        .list_resource_types(&Scope::Default, &PageRequest::default());
    page.unwrap().rows.into_iter().map(|row| row.id).collect()
}

/// The sync that a default read resolves to.
fn resolved(bench: &Bench, fallback: Fallback) -> Result<Option<SyncId>> {
    bench.engine().resolve(&Scope::Default, fallback)
}

#[test]
fn explicit_beats_current_beats_view_beats_fallback() {
    on_many(|bench| {
        let a = bench.finished(&SyncType::Full, "a");
        let b = bench.finished(&SyncType::Full, "b");
        let c = bench.finished(&SyncType::Full, "c");
        assert_eq!(listed(bench), ["c"]);
        let engine = bench.engine();
        engine.view_sync(Some(&a)).unwrap();
        assert_eq!(listed(bench), ["a"]);
        engine.set_current_sync(&b).unwrap();
        assert_eq!(listed(bench), ["b"]);
        let page = engine.list_resource_types(&Scope::Sync(c.clone()), &PageRequest::default());
        assert_eq!(page.unwrap().rows[0].id, "c");
        let named = engine
            .resolve(&Scope::Sync(c.clone()), Fallback::Point)
            .unwrap();
        assert_eq!(named, Some(c));
        bench.reopen(false);
        assert_eq!(listed(bench), ["c"], "bindings are never stored");
    });
}

#[test]
fn lists_prefer_a_full_sync_and_points_the_newest() {
    on_many(|bench| {
        let old = bench.start(&SyncType::Full);
        bench.clock.advance(ABANDONED);
        bench.reopen(false);
        let only = |fallback| resolved(bench, fallback).unwrap();
        assert_eq!(
            only(Fallback::List),
            Some(old.clone()),
            "of any age, with us"
        );
        assert_eq!(only(Fallback::Point), Some(old));
        let open = bench.start(&SyncType::Full);
        bench.reopen(false);
        let partial = bench.finished(&SyncType::Partial, "partial");
        let pair = |bench: &Bench| {
            let of = |fallback| resolved(bench, fallback).unwrap().unwrap();
            (of(Fallback::List), of(Fallback::Point))
        };
        assert_eq!(pair(bench), (open, partial));
        let full = bench.finished(&SyncType::Full, "full");
        let newest = bench.finished(&SyncType::Partial, "newest");
        assert_eq!(pair(bench), (full, newest));
    });
}

#[test]
fn the_go_profiles_do_not_see_abandoned_syncs() {
    for profile in [Profile::GoPebble, Profile::GoSqlite] {
        on_all_as(profile, |bench| {
            let open = bench.start(&SyncType::Full);
            bench
                .clock
                .advance(ABANDONED.checked_sub(Duration::from_hours(24)).unwrap());
            bench.reopen(false);
            assert_eq!(resolved(bench, Fallback::List).unwrap(), Some(open));
            bench.clock.advance(Duration::from_nanos(1));
            if profile == Profile::GoSqlite {
                assert_eq!(resolved(bench, Fallback::List).unwrap(), None);
                let point = resolved(bench, Fallback::Point);
                assert_eq!(refused(point), ErrorKind::NotFound);
            } else {
                let list = resolved(bench, Fallback::List);
                assert_eq!(refused(list), ErrorKind::NoCurrentSync);
            }
        });
    }
}

#[test]
fn the_pebble_profile_lists_what_it_points_at() {
    on_many_as(Profile::GoPebble, |bench| {
        bench.finished(&SyncType::Full, "full");
        let partial = bench.finished(&SyncType::Partial, "partial");
        for fallback in [Fallback::List, Fallback::Point] {
            assert_eq!(resolved(bench, fallback).unwrap(), Some(partial.clone()));
        }
    });
}

#[test]
fn ties_of_time_go_to_the_greater_id() {
    on_many(|bench| {
        let mut ids = Vec::new();
        for _ in 0..4 {
            // Each handle trusts the clock afresh, so all four start and end at the same two instants.
            bench.reopen(false);
            let engine = bench.engine();
            ids.push(engine.start_new_sync(&SyncType::Full, "").unwrap());
            engine.end_sync().unwrap();
        }
        let engine = bench.engine();
        let ends: Vec<_> = ids
            .iter()
            .map(|id| engine.get_sync(id).unwrap().ended_at)
            .collect();
        assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
        let latest = engine.latest_finished_sync(None).unwrap().unwrap();
        assert_eq!(Some(&latest.id), ids.iter().max());
        assert_eq!(
            resolved(bench, Fallback::List).unwrap().as_ref(),
            ids.iter().max()
        );
        let unfinished: Vec<SyncId> = (0..3)
            .map(|_| {
                bench.reopen(false);
                bench
                    .engine()
                    .start_new_sync(&SyncType::Partial, "")
                    .unwrap()
            })
            .collect();
        bench.reopen(false);
        let resumed = bench.engine().resume_sync(None, None).unwrap();
        assert_eq!(Some(&resumed), unfinished.iter().max());
    });
}

#[test]
fn a_store_without_syncs_lists_nothing_and_finds_nothing() {
    on_all(|bench| {
        assert_eq!(listed(bench), Vec::<String>::new());
        for (name, read) in reads() {
            let result = read(bench.engine(), &Scope::Default);
            match name {
                lists if lists.starts_with("list") && !is_point_list(name) => result.unwrap(),
                _ => assert_eq!(refused(result), ErrorKind::NotFound, "{name}"),
            }
        }
    });
}

#[test]
fn a_named_absent_sync_is_not_found_on_every_surface() {
    on_all(|bench| {
        bench.finished(&SyncType::Full, "a");
        let absent = SyncId::new("absent").unwrap();
        let engine = bench.engine();
        for (name, read) in reads() {
            let kind = refused(read(engine, &Scope::Sync(absent.clone())));
            assert_eq!(kind, ErrorKind::NotFound, "{name}");
        }
        let others = [
            refused(engine.get_sync(&absent)),
            refused(engine.resolve(&Scope::Sync(absent.clone()), Fallback::List)),
            refused(engine.stats(Some(&absent), None)),
            refused(engine.stats_map(Some(&absent), None)),
            refused(engine.grant_stats(Some(&absent), None)),
            refused(engine.entitlement_stats(Some(&absent), None)),
            refused(engine.grant_sources(&absent)),
        ];
        assert!(
            others.iter().all(|kind| *kind == ErrorKind::NotFound),
            "{others:?}"
        );
    });
}

/// Lists that fall back as points do, or that need a sync.
fn is_point_list(name: &str) -> bool {
    ["list_grants_for_entitlements", "list_pending_expansion"].contains(&name)
}

type Read = fn(&dyn StorageEngine, &Scope) -> Result<()>;

/// Every read that takes a scope.
fn reads() -> Vec<(&'static str, Read)> {
    [lists(), points()].concat()
}

/// Every list and stream.
fn lists() -> Vec<(&'static str, Read)> {
    vec![
        ("list_resource_types", |engine, scope| {
            engine
                .list_resource_types(scope, &PageRequest::default())
                .map(drop)
        }),
        ("list_resources", |engine, scope| {
            let filter = ResourceFilter::default();
            engine
                .list_resources(scope, &filter, &PageRequest::default())
                .map(drop)
        }),
        ("list_entitlements", |engine, scope| {
            let filter = EntitlementFilter::default();
            engine
                .list_entitlements(scope, &filter, &PageRequest::default())
                .map(drop)
        }),
        ("list_grants", |engine, scope| {
            let filter = GrantFilter::default();
            engine
                .list_grants(scope, &filter, &PageRequest::default())
                .map(drop)
        }),
        ("list_grants_for_entitlements", |engine, scope| {
            let ids = [EntitlementRef::bare("e")];
            engine
                .list_grants_for_entitlements(scope, &ids, &PageRequest::default())
                .map(drop)
        }),
        ("list_pending_expansion", |engine, scope| {
            engine
                .list_pending_expansion(scope, &PageRequest::default())
                .map(drop)
        }),
        ("list_assets", |engine, scope| {
            engine.list_assets(scope, &PageRequest::default()).map(drop)
        }),
        ("list_principals_for_entitlement", |engine, scope| {
            let of = EntitlementRef::bare("e");
            engine
                .list_principals_for_entitlement(scope, &of, &PageRequest::default())
                .map(drop)
        }),
        ("stream_resources", |engine, scope| {
            engine
                .stream_resources(scope, &ResourceFilter::default())
                .map(drop)
        }),
        ("stream_entitlements", |engine, scope| {
            engine
                .stream_entitlements(scope, &EntitlementFilter::default())
                .map(drop)
        }),
        ("stream_grants", |engine, scope| {
            engine
                .stream_grants(scope, &GrantFilter::default())
                .map(drop)
        }),
    ]
}

/// Every point read.
fn points() -> Vec<(&'static str, Read)> {
    fn key() -> GrantKey {
        GrantKey {
            entitlement: EntitlementRef::bare("e"),
            principal: at("t", "r"),
        }
    }
    vec![
        ("get_resource_type", |engine, scope| {
            engine.get_resource_type(scope, "t").map(drop)
        }),
        ("get_resource", |engine, scope| {
            engine.get_resource(scope, &at("t", "r")).map(drop)
        }),
        ("get_entitlement", |engine, scope| {
            engine
                .get_entitlement(scope, &EntitlementRef::bare("e"))
                .map(drop)
        }),
        ("get_grant", |engine, scope| {
            engine.get_grant(scope, "g").map(drop)
        }),
        ("get_grant_by_key", |engine, scope| {
            engine.get_grant_by_key(scope, &key()).map(drop)
        }),
        ("get_resources_by_ids", |engine, scope| {
            engine
                .get_resources_by_ids(scope, &[at("t", "r")])
                .map(drop)
        }),
        ("get_entitlements_by_ids", |engine, scope| {
            engine
                .get_entitlements_by_ids(scope, &["e".to_owned()])
                .map(drop)
        }),
        ("get_grants_by_ids", |engine, scope| {
            engine.get_grants_by_ids(scope, &["g".to_owned()]).map(drop)
        }),
        ("get_asset", |engine, scope| {
            engine.get_asset(scope, "a").map(drop)
        }),
        ("entitlement_digest", |engine, scope| {
            engine
                .entitlement_digest(scope, &EntitlementRef::bare("e"))
                .map(drop)
        }),
        ("entitlement_digest_nodes", |engine, scope| {
            engine
                .entitlement_digest_nodes(scope, &EntitlementRef::bare("e"), 0)
                .map(drop)
        }),
        ("grants_digest", |engine, scope| {
            engine.grants_digest(scope).map(drop)
        }),
    ]
}

#[test]
fn a_failed_write_leaves_resolution_alone() {
    on_all(|bench| {
        bench.finished(&SyncType::Full, "a");
        let nothing = bench.engine().put_resource_types(&[resource_type("b")]);
        assert_eq!(refused(nothing), ErrorKind::NoCurrentSync);
        assert_eq!(listed(bench), ["a"]);
    });
}

#[test]
fn the_fallback_follows_every_deletion_and_every_end() {
    on_many(|bench| {
        let [a, b] = ["a", "b"].map(|marker| bench.finished(&SyncType::Full, marker));
        let c = bench.finished(&SyncType::Full, "c");
        for (gone, left) in [(&c, "b"), (&b, "a")] {
            let before = listed(bench);
            assert_ne!(before, [left], "something was read before");
            bench.engine().delete_sync_run(gone).unwrap();
            assert_eq!(listed(bench), [left]);
            let point = resolved(bench, Fallback::Point).unwrap();
            assert_ne!(point.as_ref(), Some(gone));
        }
        bench.finished(&SyncType::Full, "d");
        assert_eq!(listed(bench), ["d"]);
        bench.engine().delete_sync_run(&a).unwrap();
        assert_eq!(listed(bench), ["d"]);
    });
}

#[test]
fn a_point_read_finds_the_same_sync_after_reopening() {
    on_many(|bench| {
        bench.finished(&SyncType::Full, "full");
        bench.finished(&SyncType::Partial, "partial");
        bench.start(&SyncType::Full);
        bench.reopen(false);
        let all = |bench: &Bench| {
            let of = |fallback| resolved(bench, fallback).unwrap();
            let point = |id| {
                bench
                    .engine()
                    .get_resource_type(&Scope::Default, id)
                    .is_ok()
            };
            let found = (point("full"), point("partial"));
            (
                of(Fallback::List),
                of(Fallback::Point),
                found,
                listed(bench),
            )
        };
        let before = all(bench);
        for read_only in [false, true] {
            bench.reopen(read_only);
            assert_eq!(all(bench), before, "read only: {read_only}");
        }
    });
}
