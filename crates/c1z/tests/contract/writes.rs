//! Writes of records (`store-contract` §3).

use std::time::Duration;

use buffa::MessageField;
use c1z::ErrorKind;
use c1z::engine::types::{EntitlementRef, GrantKey, SyncType, Timestamp};
use c1z::engine::{EntitlementFilter, GrantFilter, PageRequest, ResourceFilter, Scope};
use c1z_proto::connector::v2;

use shingle::vfs::Clock as _;

use crate::harness::{
    Bench, at, entitlement, grant, id_of, named, of_entitlement, on_all, on_many, refused,
    resource, resource_type,
};

const SECOND: Duration = Duration::from_secs(1);

fn discovered(bench: &Bench) -> Vec<Option<Timestamp>> {
    let page = bench.engine().list_grants(
        &Scope::Default,
        &GrantFilter::default(),
        &PageRequest::default(),
    );
    page.unwrap()
        .rows
        .iter()
        .map(|row| row.discovered_at)
        .collect()
}

fn name_of(bench: &Bench, id: &str) -> String {
    bench
        .engine()
        .get_resource_type(&Scope::Default, id)
        .unwrap()
        .display_name
}

#[test]
fn nothing_to_write_succeeds_before_any_check() {
    on_all(|bench| {
        let engine = bench.engine();
        engine.put_resource_types(&[]).unwrap();
        engine.put_resources(&[]).unwrap();
        engine.put_entitlements(&[]).unwrap();
        engine.put_grants(&[]).unwrap();
        engine.store_expanded_grants(&[]).unwrap();
        engine.put_resource_types_if_newer(&[]).unwrap();
        engine.put_resources_if_newer(&[]).unwrap();
        engine.put_entitlements_if_newer(&[]).unwrap();
        engine.put_grants_if_newer(&[]).unwrap();
        assert_eq!(engine.delete_grants_by_keys(&[]).unwrap(), 0);
        assert_eq!(engine.delete_grants_by_ids(&[]).unwrap(), 0);
        assert!(!engine.is_dirty());
    });
}

#[test]
fn writing_needs_a_current_sync() {
    on_all(|bench| {
        let engine = bench.engine();
        let on = at("group", "g");
        let of = entitlement(&on, "e");
        let refusals = [
            refused(engine.put_resource_types(&[resource_type("t")])),
            refused(engine.put_resources(&[resource(&on)])),
            refused(engine.put_entitlements(std::slice::from_ref(&of))),
            refused(engine.put_grants(&[grant(&of, &on)])),
            refused(engine.store_expanded_grants(&[grant(&of, &on)])),
            refused(engine.delete_grant("g")),
            refused(engine.delete_resource(&on)),
            refused(engine.delete_entitlement(&EntitlementRef::bare("e"))),
            refused(engine.put_asset("a", "t", &mut b"x".as_slice())),
        ];
        assert!(
            refusals
                .iter()
                .all(|kind| *kind == ErrorKind::NoCurrentSync),
            "{refusals:?}"
        );
    });
}

/// A record without a part of its identity fails its whole call, before anything is visible.
#[test]
fn an_invalid_record_fails_the_whole_call_and_is_named() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let on = at("group", "g");
        let good = entitlement(&on, "e");
        let mut refusals = Vec::new();
        for bad in [at("", "g"), at("group", "")] {
            refusals.push(engine.put_resources(&[resource(&on), resource(&bad)]));
            refusals.push(engine.put_entitlements(&[good.clone(), entitlement(&bad, "e2")]));
            refusals.push(engine.put_grants(&[grant(&good, &on), grant(&good, &bad)]));
            refusals
                .push(engine.put_grants(&[grant(&good, &on), grant(&entitlement(&bad, "e"), &on)]));
            refusals.push(engine.put_resources_if_newer(&[resource(&on), resource(&bad)]));
        }
        refusals.push(engine.put_resource_types(&[resource_type("t"), resource_type("")]));
        refusals.push(engine.put_entitlements(&[good.clone(), entitlement(&on, "")]));
        refusals.push(engine.put_grants(&[grant(&good, &on), grant(&entitlement(&on, ""), &on)]));
        refusals.push(engine.put_grants(&[grant(&good, &on), v2::Grant::default()]));
        refusals.push(engine.store_expanded_grants(&[grant(&good, &on), v2::Grant::default()]));
        for refusal in refusals {
            let error = refusal.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains("index `1`"), "{error}");
        }
        let stats = engine.stats(engine.current_sync().as_ref(), None).unwrap();
        let rows = [
            stats.resource_types,
            stats.resources,
            stats.entitlements,
            stats.grants,
        ];
        assert_eq!(rows, [0; 4]);
    });
}

#[test]
fn the_last_of_one_id_wins_within_a_call_and_over_calls() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let call = |names: &[&str]| -> Vec<v2::ResourceType> {
            let named = |name: &&str| v2::ResourceType {
                display_name: (*name).to_owned(),
                ..resource_type("t")
            };
            names.iter().map(named).collect()
        };
        engine
            .put_resource_types(&call(&["first", "last"]))
            .unwrap();
        assert_eq!(name_of(bench, "t"), "last");
        engine.put_resource_types(&call(&["later"])).unwrap();
        assert_eq!(name_of(bench, "t"), "later");
        let page = engine.list_resource_types(&Scope::Default, &PageRequest::default());
        assert_eq!(page.unwrap().rows.len(), 1);
    });
}

/// D2, D16: a row that is written again moves in every list.
#[test]
fn a_record_written_again_moves_in_every_list() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let (child, old, new) = (at("user", "u"), at("org", "old"), at("org", "new"));
        let children = |parent: &_| {
            let filter = ResourceFilter {
                parent: Some(c1z::engine::types::ResourceRef::clone(parent)),
                ..ResourceFilter::default()
            };
            let page = engine.list_resources(&Scope::Default, &filter, &PageRequest::default());
            page.unwrap().rows.len()
        };
        for parent in [&old, &new] {
            let record = v2::Resource {
                parent_resource_id: MessageField::some(id_of(parent)),
                ..resource(&child)
            };
            engine.put_resources(&[record]).unwrap();
            assert_eq!(children(parent), 1);
        }
        assert_eq!(children(&old), 0);
        engine.put_resources(&[resource(&child)]).unwrap();
        assert_eq!(children(&new), 0);
    });
}

/// D4: a record written again is discovered again; all of a call share one instant.
#[test]
fn discovered_at_is_that_of_the_last_call() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let of = entitlement(&at("group", "g"), "e");
        let grants = [grant(&of, &at("user", "a")), grant(&of, &at("user", "b"))];
        engine.put_grants(&grants).unwrap();
        let first = discovered(bench);
        assert_eq!(first[0], first[1]);
        bench.clock.advance(SECOND);
        engine.put_grants(&grants[..1]).unwrap();
        let second = discovered(bench);
        let now = Timestamp::from_system_time(bench.clock.now());
        assert_eq!(second, [Some(now), first[1]]);
        // Where the clock stands still or steps back, later calls still get later stamps.
        bench.clock.go_back(SECOND * 10);
        engine.put_grants(&grants[1..]).unwrap();
        let third = discovered(bench);
        assert!(third[1] > second[0], "{third:?} {second:?}");
    });
}

/// §3.4: strictly newer replaces. Within a call the last record of an id stands for it.
#[test]
fn if_newer_replaces_what_is_older() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let call = |name: &str| v2::ResourceType {
            display_name: name.to_owned(),
            ..resource_type("t")
        };
        engine
            .put_resource_types_if_newer(&[call("absent")])
            .unwrap();
        assert_eq!(name_of(bench, "t"), "absent");
        engine
            .put_resource_types_if_newer(&[call("first"), call("last")])
            .unwrap();
        assert_eq!(
            name_of(bench, "t"),
            "last",
            "a later call has a later stamp"
        );
        let on = at("group", "g");
        let of = entitlement(&on, "e");
        engine.put_resources_if_newer(&[resource(&on)]).unwrap();
        engine
            .put_entitlements_if_newer(std::slice::from_ref(&of))
            .unwrap();
        engine.put_grants_if_newer(&[grant(&of, &on)]).unwrap();
        assert_eq!(bench.grant_ids(&GrantFilter::default()), ["e:group:g"]);
    });
}

/// An equal stamp keeps the stored row (bug class 49); one nanosecond more replaces it.
#[test]
fn if_newer_leaves_what_is_as_new() {
    on_all(|bench| {
        let sync = bench.start(&SyncType::Full);
        let of = entitlement(&at("group", "g"), "e");
        let record = named(grant(&of, &at("user", "u")), "grant");
        let records = std::slice::from_ref(&record);
        bench.engine().put_grants(records).unwrap();
        let stored = discovered(bench)[0].unwrap();
        let other = [v2::Grant {
            sources: MessageField::some(v2::GrantSources::default()),
            ..record.clone()
        }];
        for (at, replaced) in [(stored, false), (stored.next_nanosecond(), true)] {
            // A new handle, whose first stamp is what the clock says.
            bench.clock.set(at);
            bench.reopen(false);
            let engine = bench.engine();
            engine.set_current_sync(&sync).unwrap();
            engine.put_grants_if_newer(&other).unwrap();
            assert_eq!(engine.is_dirty(), replaced);
            assert_eq!(
                discovered(bench),
                [Some(if replaced { at } else { stored })]
            );
        }
    });
}

#[test]
fn if_newer_leaves_what_comes_from_the_future() {
    on_all(|bench| {
        let sync = bench.start(&SyncType::Full);
        let of = entitlement(&at("group", "g"), "e");
        let record = named(grant(&of, &at("user", "u")), "grant");
        bench
            .engine()
            .put_resource_types(&[resource_type("t")])
            .unwrap();
        bench
            .engine()
            .put_grants(std::slice::from_ref(&record))
            .unwrap();
        let before = discovered(bench);
        // Another handle, whose clock is set back: the stored rows lie in its future.
        bench.clock.go_back(SECOND * 3_600);
        bench.reopen(false);
        let engine = bench.engine();
        engine.set_current_sync(&sync).unwrap();
        let other = v2::ResourceType {
            display_name: "other".to_owned(),
            ..resource_type("t")
        };
        engine
            .put_resource_types_if_newer(std::slice::from_ref(&other))
            .unwrap();
        engine.put_grants_if_newer(&[record]).unwrap();
        assert_eq!(name_of(bench, "t"), "type t");
        assert_eq!(discovered(bench), before);
        assert!(!engine.is_dirty(), "no record won");
        engine.put_resource_types(&[other]).unwrap();
        assert_eq!(name_of(bench, "t"), "other", "a plain write always wins");
        assert!(engine.is_dirty());
    });
}

/// D24.
#[test]
fn a_grant_without_an_id_is_called_by_its_parts() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let of = entitlement(&at("group", "g"), "group:g:member");
        bench
            .engine()
            .put_grants(&[grant(&of, &at("user", "a:b"))])
            .unwrap();
        let id = "group:g:member:user:a:b";
        assert_eq!(bench.grant_ids(&GrantFilter::default()), [id]);
        assert_eq!(
            bench.engine().get_grant(&Scope::Default, id).unwrap().id,
            id
        );
    });
}

#[test]
fn references_need_not_exist() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let of = entitlement(&at("no-type", "no-resource"), "no-type:no-resource:e");
        engine.put_entitlements(std::slice::from_ref(&of)).unwrap();
        engine
            .put_grants(&[grant(&of, &at("no-type", "nobody"))])
            .unwrap();
        assert_eq!(bench.grant_ids(&of_entitlement(&of)).len(), 1);
    });
}

/// One id in two syncs, and in two kinds, names unrelated records.
#[test]
fn syncs_and_kinds_are_independent() {
    on_many(|bench| {
        let old = bench.finished(&SyncType::Full, "same");
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let changed = v2::ResourceType {
            display_name: "changed".to_owned(),
            ..resource_type("same")
        };
        engine.put_resource_types(&[changed]).unwrap();
        engine
            .put_resources(&[resource(&at("same", "same"))])
            .unwrap();
        engine
            .put_entitlements(&[entitlement(&at("same", "same"), "same")])
            .unwrap();
        engine.put_asset("same", "t", &mut b"x".as_slice()).unwrap();
        assert_eq!(name_of(bench, "same"), "changed");
        let kept = engine.get_resource_type(&Scope::Sync(old), "same").unwrap();
        assert_eq!(kept.display_name, "type same");
    });
}

#[test]
fn deleting_removes_one_row_from_every_list() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let on = at("group", "g");
        let of = entitlement(&on, "group:g:member");
        let (alice, bob) = (at("user", "alice"), at("user", "bob"));
        engine
            .put_resources(&[resource(&on), resource(&alice)])
            .unwrap();
        engine.put_entitlements(std::slice::from_ref(&of)).unwrap();
        engine
            .put_grants(&[grant(&of, &alice), named(grant(&of, &bob), "bob's")])
            .unwrap();
        assert_eq!(refused(engine.delete_grant("")), ErrorKind::InvalidArgument);
        engine.delete_grant("no such grant").unwrap();
        engine.delete_grant("bob's").unwrap();
        let of_bob = GrantFilter {
            principal: Some(bob.clone()),
            ..GrantFilter::default()
        };
        assert_eq!(bench.grant_ids(&of_bob), Vec::<String>::new());
        let key = |to: &c1z::engine::types::ResourceRef| GrantKey {
            entitlement: of_entitlement(&of).entitlement.unwrap(),
            principal: to.clone(),
        };
        let deleted = engine.delete_grants_by_keys(&[key(&bob), key(&alice), key(&alice)]);
        assert_eq!(deleted.unwrap(), 1);
        assert_eq!(bench.grants(&GrantFilter::default()), []);
        // Nothing else goes with a resource or an entitlement.
        engine.put_grants(&[grant(&of, &alice)]).unwrap();
        assert_eq!(engine.delete_resource(&on).unwrap(), 1);
        assert_eq!(engine.delete_resource(&on).unwrap(), 0);
        assert_eq!(
            engine
                .delete_entitlement(&EntitlementRef::bare(&of.id))
                .unwrap(),
            1
        );
        assert_eq!(
            engine
                .delete_entitlement(&EntitlementRef::bare(&of.id))
                .unwrap(),
            0
        );
        let left = engine.list_entitlements(
            &Scope::Default,
            &EntitlementFilter::default(),
            &PageRequest::default(),
        );
        assert_eq!(left.unwrap().rows, []);
        assert_eq!(bench.grants(&GrantFilter::default()).len(), 1);
        let half = engine.delete_resource(&at("group", ""));
        assert_eq!(refused(half), ErrorKind::InvalidArgument);
        let empty = engine.delete_entitlement(&EntitlementRef::bare(""));
        assert_eq!(refused(empty), ErrorKind::InvalidArgument);
        let half = engine.delete_grants_by_keys(&[key(&at("user", ""))]);
        assert_eq!(refused(half), ErrorKind::InvalidArgument);
    });
}

/// Ids that have to be looked for, ids that are built from structure, unknown ones and repeated ones, in one call.
#[test]
fn several_grants_are_deleted_by_id_all_or_none() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let of = entitlement(&at("group", "g"), "group:g:member");
        let opaque = entitlement(&at("group", "g"), "opaque");
        let users: Vec<_> = (0..4).map(|n| at("user", &n.to_string())).collect();
        engine
            .put_entitlements(&[of.clone(), opaque.clone()])
            .unwrap();
        let grants = [
            grant(&of, &users[0]),
            named(grant(&of, &users[1]), "custom"),
            grant(&opaque, &users[2]),
            named(grant(&opaque, &users[3]), "kept"),
        ];
        engine.put_grants(&grants).unwrap();
        let ids = [
            "group:g:member:user:0",
            "custom",
            "nobody",
            "custom",
            "opaque:user:2",
        ];
        let mut ids: Vec<String> = ids.map(str::to_owned).into();
        ids.push(String::new());
        let refusal = engine.delete_grants_by_ids(&ids).unwrap_err();
        assert_eq!(refusal.kind(), ErrorKind::InvalidArgument);
        assert!(refusal.to_string().contains("index `5`"), "{refusal}");
        assert_eq!(bench.grants(&GrantFilter::default()).len(), 4);
        ids.pop();
        assert_eq!(engine.delete_grants_by_ids(&ids).unwrap(), 3);
        assert_eq!(bench.grant_ids(&GrantFilter::default()), ["kept"]);
        assert_eq!(engine.delete_grants_by_ids(&ids).unwrap(), 0);
    });
}

/// D23.
#[test]
fn empty_and_half_empty_references_are_mistakes() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let (engine, page, scope) = (bench.engine(), PageRequest::default(), Scope::Default);
        let of = |id: &str| GrantFilter {
            entitlement: Some(EntitlementRef::bare(id)),
            ..GrantFilter::default()
        };
        let mut refusals = vec![
            refused(engine.list_grants(&scope, &of(""), &page)),
            refused(engine.stream_grants(&scope, &of(""))),
            refused(engine.get_resource_type(&scope, "")),
            refused(engine.get_entitlement(&scope, &EntitlementRef::bare(""))),
            refused(engine.get_grant(&scope, "")),
            refused(engine.get_asset(&scope, "")),
            refused(engine.entitlement_digest(&scope, &EntitlementRef::bare(""))),
            refused(engine.entitlement_digest_nodes(&scope, &EntitlementRef::bare(""), 0)),
            refused(engine.list_principals_for_entitlement(
                &scope,
                &EntitlementRef::bare(""),
                &page,
            )),
        ];
        for half in [at("t", ""), at("", "r")] {
            let parent = ResourceFilter {
                parent: Some(half.clone()),
                ..ResourceFilter::default()
            };
            let on = EntitlementFilter {
                resource: Some(half.clone()),
                ..EntitlementFilter::default()
            };
            let on_resource = GrantFilter {
                entitlement_resource: Some(half.clone()),
                ..GrantFilter::default()
            };
            let to = GrantFilter {
                principal: Some(half.clone()),
                ..GrantFilter::default()
            };
            let narrowed = EntitlementRef {
                id: "e".to_owned(),
                resource: Some(half.clone()),
            };
            let key = GrantKey {
                entitlement: EntitlementRef::bare("e"),
                principal: half.clone(),
            };
            refusals.extend([
                refused(engine.list_resources(&scope, &parent, &page)),
                refused(engine.list_entitlements(&scope, &on, &page)),
                refused(engine.list_grants(&scope, &on_resource, &page)),
                refused(engine.list_grants(&scope, &to, &page)),
                refused(engine.get_resource(&scope, &half)),
                refused(engine.get_entitlement(&scope, &narrowed)),
                refused(engine.get_grant_by_key(&scope, &key)),
            ]);
        }
        assert!(
            refusals
                .iter()
                .all(|kind| *kind == ErrorKind::InvalidArgument),
            "{refusals:?}"
        );
    });
}
