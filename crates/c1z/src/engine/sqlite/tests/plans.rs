//! Which index finds the rows of which filter: in the order of the answer, so that a page costs what is on it.

use rusqlite::params_from_iter;

use super::store;
use crate::engine::sqlite::SqliteStore;
use crate::engine::sqlite::queries::{
    entitlements_query, grants_query, principals_query, resources_query,
};
use crate::engine::sqlite::select::Select;
use crate::engine::types::{EntitlementRef, ResourceRef, SyncId};
use crate::engine::{EntitlementFilter, GrantFilter, ResourceFilter};

/// What SQLite says about how it would find the rows of a query, from the start and from behind a row.
fn plans(store: &SqliteStore, query: &Select) -> String {
    let live = store.contract().source();
    let writer = live.lock();
    let mut plans = String::new();
    for behind in [false, true] {
        let text = format!("EXPLAIN QUERY PLAN {}", query.statement(behind));
        let mut statement = writer.connection.prepare(&text).unwrap();
        let values = vec!["x"; statement.parameter_count()];
        let rows = statement
            .query_map(params_from_iter(values), |row| row.get::<_, String>(3))
            .unwrap();
        for row in rows {
            plans.push_str(&row.unwrap());
            plans.push('\n');
        }
    }
    plans
}

fn sync() -> SyncId {
    SyncId::from_stored("x")
}

fn one() -> ResourceRef {
    ResourceRef::new("group", "g")
}

fn check(cases: impl IntoIterator<Item = (Select, &'static str)>) {
    let (store, _folder) = store();
    for (query, index) in cases {
        let plans = plans(&store, &query);
        assert_eq!(plans.matches(index).count(), 2, "{index}\n{plans}");
        assert!(!plans.contains("TEMP B-TREE"), "{index}\n{plans}");
    }
}

#[test]
fn every_filter_of_grants_is_found_by_its_index_in_order() {
    let of = |set: fn(&mut GrantFilter)| {
        let mut filter = GrantFilter::default();
        set(&mut filter);
        grants_query(&sync(), &filter)
    };
    check([
        (of(|_| {}), "v1_grants"),
        (
            of(|filter| filter.entitlement = Some(EntitlementRef::bare("x"))),
            "idx_grants_entitlement_sync_grant_v1 (entitlement_id=? AND sync_id=?",
        ),
        (
            of(|filter| {
                filter.principal = Some(one());
                filter.needs_expansion = Some(true);
            }),
            "idx_grants_principal_id_v1 (principal_resource_type_id=? AND principal_resource_id=?",
        ),
        (
            of(|filter| {
                filter.principal = Some(one());
                filter.entitlement = Some(EntitlementRef::bare("x"));
            }),
            "idx_grants_entitlement_id_principal_id_v1 (entitlement_id=? AND \
             principal_resource_type_id=? AND principal_resource_id=?",
        ),
        (
            of(|filter| {
                filter.entitlement_resource = Some(one());
                filter.principal_resource_type = "x".to_owned();
            }),
            "idx_grants_resource_type_id_resource_id_v1 (resource_type_id=? AND resource_id=?",
        ),
        (
            of(|filter| {
                filter.entitlement_resource_type = "x".to_owned();
                filter.principal_resource_type = "x".to_owned();
            }),
            "idx_grants_resource_type_id_resource_id_v1 (resource_type_id=?",
        ),
        (
            of(|filter| filter.principal_resource_type = "x".to_owned()),
            "idx_grants_principal_id_v1 (principal_resource_type_id=?",
        ),
        (
            of(|filter| filter.needs_expansion = Some(true)),
            "idx_grants_sync_needs_expansion_v1 (sync_id=?",
        ),
        (
            of(|filter| filter.has_expansion = Some(true)),
            "idx_grants_sync_expansion_v1 (sync_id=?",
        ),
        (
            principals_query(&sync(), &EntitlementRef::bare("x")),
            "idx_grants_entitlement_id_principal_id_v1 (entitlement_id=?",
        ),
    ]);
}

#[test]
fn every_filter_of_resources_and_entitlements_is_found_by_its_index_in_order() {
    let resources = |resource_type: &str, parent| {
        let resource_type = resource_type.to_owned();
        let filter = ResourceFilter {
            resource_type,
            parent,
        };
        resources_query(&sync(), &filter)
    };
    let entitlements = |resource, resource_type: &str| {
        let resource_type = resource_type.to_owned();
        let filter = EntitlementFilter {
            resource,
            resource_type,
        };
        entitlements_query(&sync(), &filter)
    };
    check([
        (
            resources("x", None),
            "idx_resources_resource_type_id_v1 (resource_type_id=?",
        ),
        (
            resources("x", Some(one())),
            "idx_resources_external_sync_v1 (parent_resource_type_id=? AND parent_resource_id=?",
        ),
        (
            entitlements(Some(one()), "x"),
            "idx_entitlements_resource_id_v1 (resource_type_id=? AND resource_id=?",
        ),
        (
            entitlements(None, "x"),
            "idx_entitlements_resource_id_v1 (resource_type_id=?",
        ),
    ]);
}
