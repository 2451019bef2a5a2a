//! Generated syncs: every engine agrees with itself (`store-contract` §8.1, *pairwise consistency*) and with the records
//! that were written.

use std::collections::{BTreeMap, BTreeSet};

use c1z::engine::page::collect_pages;
use c1z::engine::reader::GrantRow;
use c1z::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, SyncType};
use c1z::engine::{EntitlementFilter, GrantFilter, ResourceFilter, Scope};
use c1z_proto::connector::v2;
use testkit::generate::{GenerateOptions, Generated, generate};

use crate::harness::{Bench, on_all};

const SEEDS: std::ops::Range<u64> = 0..6;

fn ref_of(resource: &v2::Resource) -> ResourceRef {
    let id = resource.id.as_option().unwrap();
    ResourceRef::new(&id.resource_type, &id.resource)
}

fn key_of(grant: &v2::Grant) -> GrantKey {
    let entitlement = grant.entitlement.as_option().unwrap();
    GrantKey {
        entitlement: EntitlementRef {
            id: entitlement.id.clone(),
            resource: entitlement.resource.as_option().map(ref_of),
        },
        principal: ref_of(grant.principal.as_option().unwrap()),
    }
}

fn on_generated(test: impl Fn(&Bench, &Generated, &SyncId)) {
    for seed in SEEDS {
        let made = generate(&GenerateOptions::small(seed));
        on_all(|bench| {
            println!("seed {seed}");
            let sync = bench.start(&SyncType::Full);
            made.write_to(bench.engine(), 1 + usize::try_from(seed).unwrap() * 7)
                .unwrap();
            test(bench, &made, &sync);
        });
    }
}

fn all_grants(bench: &Bench) -> Vec<GrantRow> {
    let filter = GrantFilter::default();
    collect_pages(|page| bench.engine().list_grants(&Scope::Default, &filter, page)).unwrap()
}

#[test]
fn lists_hold_what_was_written_and_points_find_it() {
    on_generated(|bench, made, _| {
        let (engine, scope) = (bench.engine(), Scope::Default);
        let types = collect_pages(|page| engine.list_resource_types(&scope, page)).unwrap();
        assert_eq!(types.len(), made.resource_types.len());
        for row in &types {
            assert_eq!(engine.get_resource_type(&scope, &row.id).unwrap(), *row);
        }
        let everything = ResourceFilter::default();
        let resources =
            collect_pages(|page| engine.list_resources(&scope, &everything, page)).unwrap();
        assert_eq!(resources.len(), made.resources.len());
        let refs: Vec<ResourceRef> = resources.iter().map(ref_of).collect();
        for (row, id) in resources.iter().zip(&refs) {
            assert_eq!(engine.get_resource(&scope, id).unwrap(), *row);
        }
        assert_eq!(
            engine.get_resources_by_ids(&scope, &refs).unwrap(),
            resources
        );
        let everything = EntitlementFilter::default();
        let rows =
            collect_pages(|page| engine.list_entitlements(&scope, &everything, page)).unwrap();
        assert_eq!(rows.len(), made.entitlements.len());
        let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
        for row in &rows {
            let got = engine.get_entitlement(&scope, &EntitlementRef::bare(&row.id));
            assert_eq!(got.unwrap(), *row);
        }
        assert_eq!(engine.get_entitlements_by_ids(&scope, &ids).unwrap(), rows);
        let rows = all_grants(bench);
        assert_eq!(rows.len(), made.grants.len());
        for row in &rows {
            assert_eq!(engine.get_grant(&scope, &row.grant.id).unwrap(), row.grant);
            assert_eq!(
                engine
                    .get_grant_by_key(&scope, &key_of(&row.grant))
                    .unwrap(),
                row.grant
            );
        }
        // Each id once, in the order of the request, missing ones left out.
        let mut asked: Vec<String> = rows.iter().rev().map(|row| row.grant.id.clone()).collect();
        asked.extend(["no such grant".to_owned(), asked[0].clone()]);
        let found = engine.get_grants_by_ids(&scope, &asked).unwrap();
        let expected: Vec<v2::Grant> = rows.into_iter().rev().map(|row| row.grant).collect();
        assert_eq!(found, expected);
    });
}

#[test]
fn filters_are_the_list_filtered() {
    on_generated(|bench, made, _| {
        let (engine, scope) = (bench.engine(), Scope::Default);
        let everything = ResourceFilter::default();
        let resources =
            collect_pages(|page| engine.list_resources(&scope, &everything, page)).unwrap();
        let parent_of = |row: &v2::Resource| {
            let parent = row.parent_resource_id.as_option()?;
            Some(ResourceRef::new(&parent.resource_type, &parent.resource))
        };
        for of in &made.resource_types {
            for parent in resources.iter().map(ref_of).map(Some).chain([None]) {
                let filter = ResourceFilter {
                    resource_type: of.id.clone(),
                    parent: parent.clone(),
                };
                let found =
                    collect_pages(|page| engine.list_resources(&scope, &filter, page)).unwrap();
                let passes = |row: &&v2::Resource| {
                    ref_of(row).resource_type == of.id
                        && (parent.is_none() || parent_of(row) == parent)
                };
                let expected: Vec<_> = resources.iter().filter(passes).cloned().collect();
                assert_eq!(found, expected);
            }
        }
        let everything = EntitlementFilter::default();
        let entitlements =
            collect_pages(|page| engine.list_entitlements(&scope, &everything, page)).unwrap();
        for on in resources.iter().map(ref_of) {
            for resource_type in [String::new(), on.resource_type.clone(), "user".to_owned()] {
                let filter = EntitlementFilter {
                    resource: Some(on.clone()),
                    resource_type: resource_type.clone(),
                };
                let found =
                    collect_pages(|page| engine.list_entitlements(&scope, &filter, page)).unwrap();
                let passes = |row: &&v2::Entitlement| {
                    let found = ref_of(row.resource.as_option().unwrap());
                    found == on
                        && (resource_type.is_empty() || found.resource_type == resource_type)
                };
                let expected: Vec<_> = entitlements.iter().filter(passes).cloned().collect();
                assert_eq!(found, expected);
            }
        }
    });
}

/// A condition, and what passes it.
type Condition = (GrantFilter, fn(&GrantRow, &GrantFilter) -> bool);

/// Every condition, met by the sample.
fn conditions(sample: &GrantRow) -> Vec<Condition> {
    let key = key_of(&sample.grant);
    let on = key.entitlement.resource.clone().unwrap();
    let default = GrantFilter::default;
    vec![
        (
            GrantFilter {
                entitlement: Some(key.entitlement.clone()),
                ..default()
            },
            |row, filter| Some(key_of(&row.grant).entitlement) == filter.entitlement,
        ),
        (
            GrantFilter {
                entitlement_resource: Some(on.clone()),
                ..default()
            },
            |row, filter| key_of(&row.grant).entitlement.resource == filter.entitlement_resource,
        ),
        (
            GrantFilter {
                entitlement_resource_type: on.resource_type,
                ..default()
            },
            |row, filter| {
                let on = key_of(&row.grant).entitlement.resource.unwrap();
                on.resource_type == filter.entitlement_resource_type
            },
        ),
        (
            GrantFilter {
                principal: Some(key.principal.clone()),
                ..default()
            },
            |row, filter| Some(key_of(&row.grant).principal) == filter.principal,
        ),
        (
            GrantFilter {
                principal_resource_type: key.principal.resource_type.clone(),
                ..default()
            },
            |row, filter| {
                key_of(&row.grant).principal.resource_type == filter.principal_resource_type
            },
        ),
        (
            GrantFilter {
                principal_resource_types: vec![key.principal.resource_type, "user".to_owned()],
                ..default()
            },
            |row, filter| {
                let of = key_of(&row.grant).principal.resource_type;
                filter.principal_resource_types.contains(&of)
            },
        ),
        (
            GrantFilter {
                needs_expansion: Some(sample.needs_expansion),
                ..default()
            },
            |row, filter| Some(row.needs_expansion) == filter.needs_expansion,
        ),
        (
            GrantFilter {
                has_expansion: Some(sample.expansion.is_some()),
                ..default()
            },
            |row, filter| Some(row.expansion.is_some()) == filter.has_expansion,
        ),
    ]
}

/// Both conditions in one filter.
fn both(a: &GrantFilter, b: &GrantFilter) -> GrantFilter {
    let text = |a: &String, b: &String| if a.is_empty() { b.clone() } else { a.clone() };
    GrantFilter {
        entitlement: a.entitlement.clone().or_else(|| b.entitlement.clone()),
        entitlement_resource: a
            .entitlement_resource
            .clone()
            .or_else(|| b.entitlement_resource.clone()),
        entitlement_resource_type: text(&a.entitlement_resource_type, &b.entitlement_resource_type),
        principal: a.principal.clone().or_else(|| b.principal.clone()),
        principal_resource_type: text(&a.principal_resource_type, &b.principal_resource_type),
        principal_resource_types: [
            a.principal_resource_types.clone(),
            b.principal_resource_types.clone(),
        ]
        .concat(),
        needs_expansion: a.needs_expansion.or(b.needs_expansion),
        has_expansion: a.has_expansion.or(b.has_expansion),
    }
}

/// Every condition on grants together with every other.
#[test]
fn grant_filters_intersect() {
    on_generated(|bench, _, _| {
        let engine = bench.engine();
        let rows = all_grants(bench);
        let mut matched = 0;
        for (index, sample) in rows.iter().enumerate().step_by(19) {
            let other = &rows[(index * 7 + 3) % rows.len()];
            for (i, (a, passes_a)) in conditions(sample).iter().enumerate() {
                for (j, (b, passes_b)) in conditions(other).iter().enumerate() {
                    if i == j {
                        continue;
                    }
                    let filter = both(a, b);
                    let found =
                        collect_pages(|page| engine.list_grants(&Scope::Default, &filter, page));
                    let passes = |row: &&GrantRow| passes_a(row, a) && passes_b(row, b);
                    let expected: Vec<_> = rows.iter().filter(passes).cloned().collect();
                    matched += expected.len();
                    let mut found = found.unwrap();
                    found.sort_by(|a, b| a.grant.id.cmp(&b.grant.id));
                    let mut expected = expected;
                    expected.sort_by(|a, b| a.grant.id.cmp(&b.grant.id));
                    assert_eq!(found, expected, "{filter:?}");
                    let stream = engine.stream_grants(&Scope::Default, &filter).unwrap();
                    let mut streamed: Vec<GrantRow> = stream.collect::<Result<_, _>>().unwrap();
                    streamed.sort_by(|a, b| a.grant.id.cmp(&b.grant.id));
                    assert_eq!(streamed, expected);
                }
            }
        }
        assert!(matched > 50, "the conditions match something: {matched}");
    });
}

#[test]
fn derived_lists_agree_with_the_list_of_grants() {
    on_generated(|bench, made, sync| {
        let (engine, scope) = (bench.engine(), Scope::Default);
        let rows = all_grants(bench);
        let mut pending: Vec<String> = rows
            .iter()
            .filter(|row| row.needs_expansion)
            .map(|row| row.grant.id.clone())
            .collect();
        pending.sort();
        let listed = collect_pages(|page| engine.list_pending_expansion(&scope, page)).unwrap();
        let mut listed: Vec<String> = listed.into_iter().map(|row| row.grant_id).collect();
        listed.sort();
        assert_eq!(listed, pending);
        let sources: BTreeMap<_, _> = rows
            .iter()
            .filter_map(|row| Some((row.grant.id.clone(), row.grant.sources.as_option()?.clone())))
            .collect();
        assert_eq!(engine.grant_sources(sync).unwrap(), sources);
        let mut batched = Vec::new();
        for of in &made.entitlements {
            let id = EntitlementRef::bare(&of.id);
            let filter = GrantFilter {
                entitlement: Some(id.clone()),
                ..GrantFilter::default()
            };
            let grants = collect_pages(|page| engine.list_grants(&scope, &filter, page)).unwrap();
            let principals: BTreeSet<_> = grants
                .iter()
                .map(|row| key_of(&row.grant).principal)
                .collect();
            let listed =
                collect_pages(|page| engine.list_principals_for_entitlement(&scope, &id, page));
            assert_eq!(listed.unwrap(), principals.into_iter().collect::<Vec<_>>());
            batched.extend(grants.into_iter().map(|row| row.grant));
        }
        let ids = made.entitlements.iter().map(|of| &of.id);
        let ids: Vec<EntitlementRef> = ids.map(EntitlementRef::bare).collect();
        let batch = collect_pages(|page| engine.list_grants_for_entitlements(&scope, &ids, page));
        assert_eq!(batch.unwrap(), batched);
        let stats = engine.stats(Some(sync), None).unwrap();
        assert_eq!(stats.grants, i64::try_from(rows.len()).unwrap());
        assert_eq!(
            stats.grants_by_resource_type.values().sum::<i64>(),
            stats.grants
        );
        let assets = collect_pages(|page| engine.list_assets(&scope, page)).unwrap();
        assert_eq!(assets.len(), made.assets.len());
        assert_eq!(stats.assets, i64::try_from(assets.len()).unwrap());
    });
}

/// Resources, entitlements and grants.
type Content = (Vec<v2::Resource>, Vec<v2::Entitlement>, Vec<GrantRow>);

/// What a sync holds, without the times of writing.
fn content(bench: &Bench, sync: &SyncId) -> Content {
    let (engine, scope) = (bench.engine(), Scope::Sync(sync.clone()));
    let everything = ResourceFilter::default();
    let resources = collect_pages(|page| engine.list_resources(&scope, &everything, page));
    let everything = EntitlementFilter::default();
    let entitlements = collect_pages(|page| engine.list_entitlements(&scope, &everything, page));
    let everything = GrantFilter::default();
    let grants = collect_pages(|page| engine.list_grants(&scope, &everything, page)).unwrap();
    let untimed = grants.into_iter().map(|row| GrantRow {
        discovered_at: None,
        ..row
    });
    (resources.unwrap(), entitlements.unwrap(), untimed.collect())
}

/// Metamorphic relations m1, m2, m3, m10, m11 of `store-contract` §8.3: written at once, one by one, twice, or written,
/// taken back, refused and written again, a sync holds the same; and no sync feels what happens to another.
#[test]
fn repeated_split_and_undone_writes_are_the_writes() {
    type Way = fn(&Bench, &Generated);
    let ways: [Way; 4] = [
        |bench, made| made.write_to(bench.engine(), 1_000).unwrap(),
        |bench, made| made.write_to(bench.engine(), 1).unwrap(),
        |bench, made| {
            made.write_to(bench.engine(), 3).unwrap();
            made.write_to(bench.engine(), 7).unwrap();
        },
        |bench, made| {
            let engine = bench.engine();
            made.write_to(engine, 9).unwrap();
            for row in all_grants(bench) {
                engine.delete_grant(&row.grant.id).unwrap();
            }
            let mut half_good = made.grants.clone();
            half_good.push(v2::Grant::default());
            engine.put_grants(&half_good).unwrap_err();
            assert_eq!(all_grants(bench), [], "a failed call is no call");
            engine.put_grants(&made.grants).unwrap();
        },
    ];
    for seed in SEEDS {
        let made = generate(&GenerateOptions::small(seed));
        on_all(|bench| {
            println!("seed {seed}");
            let mut found = Vec::new();
            for way in ways {
                let sync = bench.start(&SyncType::Full);
                way(bench, &made);
                bench.engine().end_sync().unwrap();
                found.push((content(bench, &sync), sync.clone()));
                if bench.one_sync {
                    bench.engine().delete_sync_run(&sync).unwrap();
                }
            }
            let first = found[0].0.clone();
            assert_eq!(first.2.len(), made.grants.len());
            for (of_way, _) in &found {
                assert_eq!(*of_way, first);
            }
            if !bench.one_sync {
                bench.engine().delete_sync_run(&found[0].1).unwrap();
                bench.reopen(true);
                assert_eq!(content(bench, &found[3].1), first);
            }
        });
    }
}
