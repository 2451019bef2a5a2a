//! What makes a record the same record, and what a bare id means (`store-contract` §5.6, D2).

use c1z::ErrorKind;
use c1z::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncType};
use c1z::engine::{GrantFilter, Identity, PageRequest, Scope};
use c1z_proto::connector::v2;

use crate::harness::{Bench, at, entitlement, grant, named, of_entitlement, on_all, refused};

fn by_structure(bench: &Bench) -> bool {
    bench.identity == Identity::Structural
}

fn bare(id: &str) -> GrantFilter {
    GrantFilter {
        entitlement: Some(EntitlementRef::bare(id)),
        ..GrantFilter::default()
    }
}

fn list(bench: &Bench, filter: &GrantFilter) -> c1z::Result<usize> {
    let page = bench
        .engine()
        .list_grants(&Scope::Default, filter, &PageRequest::default());
    page.map(|page| page.rows.len())
}

#[test]
fn two_ids_of_one_structure_are_one_row_by_structure_and_two_by_id() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let of = entitlement(&at("group", "g"), "group:g:member");
        let record = grant(&of, &at("user", "u"));
        let pair = [named(record.clone(), "first"), named(record, "second")];
        bench.engine().put_grants(&pair).unwrap();
        let key = GrantKey {
            entitlement: of_entitlement(&of).entitlement.unwrap(),
            principal: at("user", "u"),
        };
        let by_key = bench.engine().get_grant_by_key(&Scope::Default, &key);
        if by_structure(bench) {
            assert_eq!(bench.grant_ids(&GrantFilter::default()), ["second"]);
            assert_eq!(by_key.unwrap().id, "second");
            // A grant with an id of its own is not found by the concatenated one.
            let built = bench
                .engine()
                .get_grant(&Scope::Default, "group:g:member:user:u");
            assert_eq!(refused(built), ErrorKind::NotFound);
            assert_eq!(bench.engine().delete_grants_by_keys(&[key]).unwrap(), 1);
        } else {
            assert_eq!(
                bench.grant_ids(&GrantFilter::default()),
                ["first", "second"]
            );
            assert_eq!(refused(by_key), ErrorKind::Ambiguous);
            assert_eq!(bench.engine().delete_grants_by_keys(&[key]).unwrap(), 2);
        }
    });
}

#[test]
fn one_id_of_two_structures_is_ambiguous_by_structure_and_moves_by_id() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let of = |group: &str| entitlement(&at("group", group), &format!("group:{group}:member"));
        let user = at("user", "u");
        engine
            .put_grants(&[
                named(grant(&of("a"), &user), "one"),
                named(grant(&of("b"), &user), "one"),
            ])
            .unwrap();
        let got = engine.get_grant(&Scope::Default, "one");
        if by_structure(bench) {
            assert_eq!(refused(got), ErrorKind::Ambiguous);
            assert_eq!(refused(engine.delete_grant("one")), ErrorKind::Ambiguous);
            let by_ids = engine.get_grants_by_ids(&Scope::Default, &["one".to_owned()]);
            assert_eq!(refused(by_ids), ErrorKind::Ambiguous);
            assert_eq!(list(bench, &of_entitlement(&of("a"))).unwrap(), 1);
        } else {
            assert_eq!(
                got.unwrap().entitlement.as_option().unwrap().id,
                "group:b:member"
            );
            assert_eq!(list(bench, &of_entitlement(&of("a"))).unwrap(), 0);
            engine.delete_grant("one").unwrap();
            assert_eq!(list(bench, &GrantFilter::default()).unwrap(), 0);
        }
    });
}

/// An id that one grant's structure builds means that grant, whatever others call themselves.
#[test]
fn an_id_built_from_structure_comes_first() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let of = |group: &str| entitlement(&at("group", group), &format!("group:{group}:member"));
        let user = at("user", "u");
        let built = "group:a:member:user:u";
        let posing = named(grant(&of("b"), &user), built);
        bench
            .engine()
            .put_grants(&[grant(&of("a"), &user), posing])
            .unwrap();
        let got = bench.engine().get_grant(&Scope::Default, built).unwrap();
        let expected = match bench.identity {
            Identity::Structural => "group:a:member",
            Identity::External => "group:b:member",
        };
        assert_eq!(got.entitlement.as_option().unwrap().id, expected);
    });
}

#[test]
fn one_entitlement_id_on_two_resources() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let (a, b) = (at("group", "a"), at("group", "b"));
        let both = [entitlement(&a, "shared"), entitlement(&b, "shared")];
        engine.put_entitlements(&both).unwrap();
        engine
            .put_grants(&[
                grant(&both[0], &at("user", "u")),
                grant(&both[1], &at("user", "v")),
            ])
            .unwrap();
        let got = engine.get_entitlement(&Scope::Default, &EntitlementRef::bare("shared"));
        let narrowed = |on: &ResourceRef| {
            let id = EntitlementRef {
                id: "shared".to_owned(),
                resource: Some(on.clone()),
            };
            engine.get_entitlement(&Scope::Default, &id)
        };
        let ids = ["shared".to_owned()];
        let batch = |of: &[EntitlementRef]| {
            engine.list_grants_for_entitlements(&Scope::Default, of, &PageRequest::default())
        };
        let on_both = [&a, &b].map(|on| EntitlementRef {
            id: "shared".to_owned(),
            resource: Some(on.clone()),
        });
        assert_eq!(batch(&on_both).unwrap().rows.len(), 2);
        let first = batch(&on_both[..1]).unwrap().rows;
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].id, "shared:user:u");
        let half = EntitlementRef {
            id: "shared".to_owned(),
            resource: Some(at("group", "")),
        };
        assert_eq!(refused(batch(&[half])), ErrorKind::InvalidArgument);
        let after_another = [on_both[0].clone(), EntitlementRef::bare("shared")];
        let first_page = PageRequest::first(1);
        let ahead =
            engine.list_grants_for_entitlements(&Scope::Default, &after_another, &first_page);
        let batch = batch(&[EntitlementRef::bare("shared")]);
        // A resource narrows the grants whatever the identity.
        assert_eq!(
            bench.grant_ids(&of_entitlement(&both[0])),
            ["shared:user:u"]
        );
        narrowed(&b).unwrap();
        if by_structure(bench) {
            assert_eq!(refused(got), ErrorKind::Ambiguous);
            narrowed(&a).unwrap();
            assert_eq!(refused(list(bench, &bare("shared"))), ErrorKind::Ambiguous);
            assert_eq!(refused(batch), ErrorKind::Ambiguous);
            // Not only when its turn comes.
            assert_eq!(refused(ahead), ErrorKind::Ambiguous);
            assert_eq!(
                refused(engine.get_entitlements_by_ids(&Scope::Default, &ids)),
                ErrorKind::Ambiguous
            );
            let deleted = engine.delete_entitlement(&EntitlementRef::bare("shared"));
            assert_eq!(refused(deleted), ErrorKind::Ambiguous);
        } else {
            got.unwrap();
            assert_eq!(refused(narrowed(&a)), ErrorKind::NotFound);
            assert_eq!(list(bench, &bare("shared")).unwrap(), 2);
            assert_eq!(batch.unwrap().rows.len(), 2);
            assert_eq!(ahead.unwrap().rows.len(), 1);
        }
    });
}

#[test]
fn an_unknown_entitlement_has_no_grants() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        assert_eq!(list(bench, &bare("unknown")).unwrap(), 0);
        let unknown = ["unknown", ""].map(EntitlementRef::bare);
        let batch =
            engine.list_grants_for_entitlements(&Scope::Default, &unknown, &PageRequest::default());
        assert_eq!(batch.unwrap().rows, []);
        // Grants of an entitlement that is not stored are found by its id, if that begins with its resource.
        let of = entitlement(&at("group", "g"), "group:g:member");
        engine.put_grants(&[grant(&of, &at("user", "u"))]).unwrap();
        assert_eq!(list(bench, &bare("group:g:member")).unwrap(), 1);
        assert_eq!(
            engine
                .get_grant(&Scope::Default, "group:g:member:user:u")
                .unwrap()
                .id,
            "group:g:member:user:u"
        );
        let missing =
            engine.get_entitlement(&Scope::Default, &EntitlementRef::bare("group:g:member"));
        assert_eq!(refused(missing), ErrorKind::NotFound);
    });
}

/// Colons may stand anywhere: two structures can build one id.
#[test]
fn ids_are_compared_never_parsed() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let (one, two) = (at("a", "b:c"), at("a:b", "c"));
        let id = "a:b:c:member";
        engine.put_entitlements(&[entitlement(&one, id)]).unwrap();
        engine
            .put_grants(&[grant(&entitlement(&one, id), &at("user", "u"))])
            .unwrap();
        engine
            .put_grants(&[named(
                grant(&entitlement(&two, id), &at("user", "u")),
                "other",
            )])
            .unwrap();
        // Stored on one resource only: the bare id means that one.
        let expected: &[&str] = match bench.identity {
            Identity::Structural => &["a:b:c:member:user:u"],
            Identity::External => &["a:b:c:member:user:u", "other"],
        };
        assert_eq!(bench.grant_ids(&bare(id)), expected);
        let longer = at("a", "b:c2");
        engine
            .put_resources(&[
                crate::harness::resource(&one),
                crate::harness::resource(&longer),
            ])
            .unwrap();
        let of = GrantFilter {
            entitlement_resource: Some(longer),
            ..GrantFilter::default()
        };
        assert_eq!(list(bench, &of).unwrap(), 0);
    });
}

#[test]
fn similar_ids_are_different_ids() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let ids = testkit::generate::odd_ids();
        let records: Vec<v2::Resource> = ids
            .iter()
            .map(|id| crate::harness::resource(&at("user", id)))
            .collect();
        engine.put_resources(&records).unwrap();
        for id in &ids {
            let got = engine
                .get_resource(&Scope::Default, &at("user", id))
                .unwrap();
            assert_eq!(got.id.as_option().unwrap().resource, *id);
        }
        let stats = engine.stats(engine.current_sync().as_ref(), None).unwrap();
        assert_eq!(stats.resources, i64::try_from(ids.len()).unwrap());
    });
}
