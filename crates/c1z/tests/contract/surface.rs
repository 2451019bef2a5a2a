//! Every method of the three traits is called by this suite.

use c1z::engine::types::{EntitlementRef, SyncType};
use c1z::engine::{PageRequest, Scope};

use crate::harness::on_all;

const TRAITS: [&str; 3] = [
    include_str!("../../src/engine/reader.rs"),
    include_str!("../../src/engine/writer.rs"),
    include_str!("../../src/engine/lifecycle.rs"),
];

const TESTS: [&str; 12] = [
    include_str!("assets.rs"),
    include_str!("expansion.rs"),
    include_str!("generated.rs"),
    include_str!("identity.rs"),
    include_str!("lifecycle.rs"),
    include_str!("one_sync.rs"),
    include_str!("paging.rs"),
    include_str!("resolution.rs"),
    include_str!("sessions.rs"),
    include_str!("stats.rs"),
    include_str!("surface.rs"),
    include_str!("writes.rs"),
];

/// Names of the methods that the traits declare.
fn methods() -> Vec<&'static str> {
    let lines = TRAITS.into_iter().flat_map(str::lines);
    let declared = lines.filter_map(|line| line.strip_prefix("    fn "));
    let names = declared.filter_map(|rest| rest.split(['(', '<']).next());
    names.filter(|name| *name != "fmt").collect()
}

#[test]
fn every_method_is_called() {
    let methods = methods();
    assert!(methods.len() > 60, "{methods:?}");
    for method in methods {
        let call = format!(".{method}(");
        assert!(
            TESTS.iter().any(|text| text.contains(&call)),
            "nobody calls {method}"
        );
    }
}

#[test]
fn metadata_and_size_need_no_sync() {
    on_all(|bench| {
        let engine = bench.engine();
        let metadata = engine.metadata();
        assert!(["model", "pebble", "sqlite"].contains(&metadata.engine));
        assert!(["", "v1", "v3"].contains(&metadata.format));
        engine.size_on_disk().unwrap();
        assert!(!format!("{engine:?}").is_empty());
    });
}

/// A digest is there and right, or not built; never *no grants*.
#[test]
fn digests_are_exact_or_absent() {
    on_all(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let of = crate::harness::entitlement(&crate::harness::at("group", "g"), "group:g:member");
        let users = ["a", "b"].map(|id| crate::harness::at("user", id));
        engine.put_entitlements(std::slice::from_ref(&of)).unwrap();
        engine
            .put_grants(&users.map(|user| crate::harness::grant(&of, &user)))
            .unwrap();
        engine.end_sync().unwrap();
        let scope = Scope::Default;
        let id = EntitlementRef::bare(&of.id);
        if let Some(root) = engine.entitlement_digest(&scope, &id).unwrap() {
            assert_eq!(root.node.count, 2);
            let nodes = engine
                .entitlement_digest_nodes(&scope, &id, root.width)
                .unwrap()
                .unwrap();
            assert_eq!(nodes.iter().map(|node| node.count).sum::<u64>(), 2);
        }
        if let Some(all) = engine.grants_digest(&scope).unwrap() {
            assert_eq!(all.count, 2);
        }
        let page = engine.list_assets(&scope, &PageRequest::default()).unwrap();
        assert_eq!(page.rows, []);
    });
}
