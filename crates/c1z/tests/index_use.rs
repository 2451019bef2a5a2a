//! Filtered lists read what they return, not what the file holds: rows visited are counted in databases of two sizes, one
//! ten times the other. A type never leaks into one whose name begins with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]

use std::sync::Arc;

use c1z::engine::types::{EntitlementRef, ResourceRef, SyncId, SyncRun, SyncType, Timestamp};
use c1z::engine::{EntitlementFilter, GrantFilter, PageRequest, ResourceFilter, Scope};
use c1z::keyspace::{Deriver, IndexSet, Key, MetadataKey, stamp};
use c1z::record::{GrantPut, entitlement, grant, message, resource, sync_run};
use c1z::{OpenOptions, Store};
use c1z_proto::connector::v2;
use shingle::bulk::{BulkBuilder, BulkOptions};
use shingle::vfs::{Fs, MemFs};

const USERS_PER_GROUP: usize = 10;

fn resource_of(kind: &str, id: &str) -> v2::Resource {
    let id = v2::ResourceId {
        resource_type: kind.into(),
        resource: id.into(),
        ..Default::default()
    };
    v2::Resource {
        id: id.into(),
        ..Default::default()
    }
}

fn entitlement_of(group: &str) -> v2::Entitlement {
    v2::Entitlement {
        id: format!("group:{group}:member"),
        resource: resource_of("group", group).into(),
        ..Default::default()
    }
}

fn grant_of(group: &str, kind: &str, user: &str) -> v2::Grant {
    v2::Grant {
        entitlement: entitlement_of(group).into(),
        principal: resource_of(kind, user).into(),
        ..Default::default()
    }
}

/// Collects rows with their index rows.
struct Rows {
    builder: BulkBuilder,
    deriver: Deriver,
}

impl Rows {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.builder.add(key, value).unwrap();
        let Self { builder, deriver } = self;
        deriver
            .derive(key, value, &mut |index| Ok(builder.add(index, &[])?))
            .unwrap();
    }

    fn group(&mut self, group: &str) {
        let group_resource = resource_of("group", group);
        let mut key = Vec::new();
        resource::key_into("group", group, &mut key).unwrap();
        self.add(
            &key,
            &message::encode(&resource::to_record(&group_resource, None)),
        );
        let of_group = entitlement_of(group);
        let key = Key::Entitlement(entitlement::identity_of(&of_group).unwrap()).to_vec();
        self.add(
            &key,
            &message::encode(&entitlement::to_record(&of_group, None)),
        );
    }

    fn grant(&mut self, group: &str, kind: &str, user: &str) {
        let granted = grant_of(group, kind, user);
        let key = Key::Grant(grant::identity_of(&granted).unwrap()).to_vec();
        let record = grant::to_record(&granted, &GrantPut::default()).unwrap();
        self.add(&key, &message::encode(&record));
    }
}

/// A finished sync of `groups` groups with ten `user` and ten `user2` members each; every group has members of its own but
/// for one user of either type who is in all of the first ten.
fn store(groups: usize) -> Store {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let options = BulkOptions {
        threads: 1,
        block_len: 1 << 10,
        ..BulkOptions::default()
    };
    let builder = BulkBuilder::new(Arc::clone(&fs), "db", options).unwrap();
    let mut rows = Rows {
        builder,
        deriver: Deriver::new(IndexSet::ALL),
    };
    for stamp_key in [MetadataKey::KeyspaceVersion, MetadataKey::GrantIdFormat] {
        rows.add(&stamp_key.to_vec(), &stamp::CURRENT);
    }
    let at = |seconds| Timestamp { seconds, nanos: 0 };
    let id = SyncId::new("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w").unwrap();
    let mut run = SyncRun::started(id, SyncType::Full, String::new(), at(1));
    run.ended_at = Some(at(2));
    rows.add(
        &Key::SyncRun.to_vec(),
        &sync_run::encode_over(&run, None).unwrap(),
    );
    for group in 0..groups {
        let name = format!("g{group:05}");
        rows.group(&name);
        for kind in ["user", "user2"] {
            for user in 0..USERS_PER_GROUP {
                rows.grant(&name, kind, &format!("u{group:05}-{user}"));
            }
            if group < 10 {
                rows.grant(&name, kind, "everywhere");
            }
        }
    }
    rows.builder.finish().unwrap();
    c1z::open_with(
        "db",
        &OpenOptions {
            fs,
            ..OpenOptions::default()
        },
    )
    .unwrap()
}

/// Rows visited and rows returned.
fn cost<T>(store: &Store, read: impl FnOnce() -> Vec<T>) -> (u64, u64) {
    let before = store.database().unwrap().counters();
    let returned = read().len() as u64;
    let after = store.database().unwrap().counters();
    (
        after.entries - before.entries + after.gets - before.gets,
        returned,
    )
}

fn grants(store: &Store, filter: &GrantFilter) -> Vec<v2::Grant> {
    let rows = store
        .reader()
        .stream_grants(&Scope::Default, filter)
        .unwrap();
    rows.map(|row| row.unwrap().grant).collect()
}

fn filters() -> Vec<(&'static str, GrantFilter)> {
    let group = ResourceRef::new("group", "g00003");
    let user = ResourceRef::new("user", "everywhere");
    let entitlement = EntitlementRef {
        id: "group:g00003:member".into(),
        resource: Some(group.clone()),
    };
    let default = GrantFilter::default;
    vec![
        (
            "entitlement",
            GrantFilter {
                entitlement: Some(entitlement.clone()),
                ..default()
            },
        ),
        (
            "resource",
            GrantFilter {
                entitlement_resource: Some(group.clone()),
                ..default()
            },
        ),
        (
            "principal",
            GrantFilter {
                principal: Some(user.clone()),
                ..default()
            },
        ),
        (
            "entitlement and principal",
            GrantFilter {
                entitlement: Some(entitlement),
                principal: Some(user.clone()),
                ..default()
            },
        ),
        (
            "principal and resource",
            GrantFilter {
                principal: Some(user),
                entitlement_resource: Some(group),
                ..default()
            },
        ),
    ]
}

#[test]
fn a_filtered_grant_list_costs_what_it_returns_whatever_the_size() {
    let (small, large) = (store(100), store(1_000));
    for (what, filter) in filters() {
        let (visited, returned) = cost(&small, || grants(&small, &filter));
        let (visited_large, returned_large) = cost(&large, || grants(&large, &filter));
        println!("{what}: {visited} visited for {returned}; ten times the data: {visited_large}");
        assert_eq!(returned, returned_large, "{what}");
        assert!(returned > 0, "{what}");
        assert!(
            visited <= 2 * returned + 4,
            "{what}: {visited} for {returned}"
        );
        assert!(
            visited_large * 2 <= visited * 3,
            "{what}: {visited_large} against {visited}"
        );
    }
}

#[test]
fn filtered_resource_and_entitlement_lists_cost_what_they_return() {
    let large = store(1_000);
    let reader = large.reader();
    let on = EntitlementFilter {
        resource: Some(ResourceRef::new("group", "g00500")),
        ..EntitlementFilter::default()
    };
    let (visited, returned) = cost(&large, || {
        reader
            .list_entitlements(&Scope::Default, &on, &PageRequest::default())
            .unwrap()
            .rows
    });
    assert_eq!(returned, 1);
    assert!(visited <= 3, "{visited}");
    let of = ResourceFilter {
        resource_type: "group".into(),
        parent: None,
    };
    let page = PageRequest::first(10);
    let (visited, returned) = cost(&large, || {
        reader
            .list_resources(&Scope::Default, &of, &page)
            .unwrap()
            .rows
    });
    assert_eq!(returned, 10);
    assert!(visited <= 12, "{visited}");
}

#[test]
fn a_type_does_not_leak_into_a_longer_one() {
    let store = store(20);
    for kind in ["user", "user2"] {
        let filter = GrantFilter {
            principal_resource_type: kind.into(),
            ..GrantFilter::default()
        };
        let found = grants(&store, &filter);
        assert_eq!(found.len(), 20 * USERS_PER_GROUP + 10, "{kind}");
        assert!(
            found
                .iter()
                .all(|grant| grant.principal.id.resource_type == kind),
            "{kind}"
        );
    }
    let prefix = GrantFilter {
        principal_resource_type: "use".into(),
        ..GrantFilter::default()
    };
    assert!(grants(&store, &prefix).is_empty());
}

#[test]
fn a_page_at_depth_costs_what_the_first_page_costs() {
    let store = store(1_000);
    let filter = GrantFilter::default();
    let mut request = PageRequest::first(100);
    let mut costs = Vec::new();
    while costs.len() < 190 {
        let before = store.database().unwrap().counters().entries;
        let page = store
            .reader()
            .list_grants(&Scope::Default, &filter, &request)
            .unwrap();
        costs.push(store.database().unwrap().counters().entries - before);
        request.token = page.next_token;
    }
    assert!(costs.iter().all(|cost| *cost <= 102), "{costs:?}");
}
