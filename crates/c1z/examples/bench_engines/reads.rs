//! Reads: every list filter, and points.

use c1z::engine::page::collect_pages;
use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{EntitlementFilter, GrantFilter, Reader, ResourceFilter, Scope, StorageEngine};

use crate::made::{Made, grant_id, key_of};
use crate::{Lines, Outcome, ROUNDS, timed};

/// Asks something, and says how many records came.
type Read<'a> = Box<dyn Fn(&dyn StorageEngine) -> Outcome<usize> + 'a>;

pub(crate) fn run(lines: &mut Lines, engines: [&dyn StorageEngine; 2], made: &Made) -> Outcome<()> {
    let mut all = lists(made);
    all.extend(grant_lists(made));
    all.extend(points(made));
    for (name, read) in all {
        let mut best = [f64::MAX; 2];
        let mut counts = [0; 2];
        for _ in 0..ROUNDS {
            for ((engine, best), count) in engines.into_iter().zip(&mut best).zip(&mut counts) {
                let (millis, found) = timed(|| read(engine))?;
                *best = best.min(millis);
                *count = found;
            }
        }
        if counts[0] != counts[1] {
            return Err(format!("answers differ in `{name}`: {counts:?}").into());
        }
        lines.add(&format!("{name} ({})", counts[0]), best);
    }
    Ok(())
}

fn resources(engine: &dyn StorageEngine, filter: &ResourceFilter) -> Outcome<usize> {
    let rows = collect_pages(|page| engine.list_resources(&Scope::Default, filter, page));
    Ok(rows?.len())
}

fn entitlements(engine: &dyn StorageEngine, filter: &EntitlementFilter) -> Outcome<usize> {
    let rows = collect_pages(|page| engine.list_entitlements(&Scope::Default, filter, page));
    Ok(rows?.len())
}

/// All pages, of which one at a time is held.
fn grants(engine: &dyn StorageEngine, filter: &GrantFilter) -> Outcome<usize> {
    let list = |page: &_| engine.list_grants(&Scope::Default, filter, page);
    let mut count = 0;
    for row in c1z::engine::page::rows_of_pages(list) {
        row?;
        count += 1;
    }
    Ok(count)
}

fn lists(made: &Made) -> Vec<(&'static str, Read<'_>)> {
    let groups = made.groups();
    vec![
        (
            "list resources",
            Box::new(|engine| resources(engine, &ResourceFilter::default())),
        ),
        (
            "list resources of a type",
            Box::new(|engine| {
                let filter = ResourceFilter {
                    resource_type: "group".to_owned(),
                    parent: None,
                };
                resources(engine, &filter)
            }),
        ),
        (
            "list resources of a parent, 20 of them",
            Box::new(|engine| {
                let of_parent = |n: usize| ResourceFilter {
                    resource_type: String::new(),
                    parent: Some(Made::org(n)),
                };
                (0..20).try_fold(0, |sum, n| Ok(sum + resources(engine, &of_parent(n))?))
            }),
        ),
        (
            "list entitlements",
            Box::new(|engine| entitlements(engine, &EntitlementFilter::default())),
        ),
        (
            "list entitlements of a type",
            Box::new(|engine| {
                let filter = EntitlementFilter {
                    resource: None,
                    resource_type: "group".to_owned(),
                };
                entitlements(engine, &filter)
            }),
        ),
        (
            "list entitlements of a resource, 1,000 times",
            Box::new(move |engine| {
                let on = |n: usize| EntitlementFilter {
                    resource: Some(Made::group(n * 13 % groups)),
                    resource_type: String::new(),
                };
                (0..1_000).try_fold(0, |sum, n| Ok(sum + entitlements(engine, &on(n))?))
            }),
        ),
    ]
}

fn of_entitlement(n: usize) -> EntitlementRef {
    EntitlementRef {
        id: Made::entitlement(n).id,
        resource: Some(Made::group(n)),
    }
}

fn grant_lists(made: &Made) -> Vec<(&'static str, Read<'_>)> {
    let (groups, users) = (made.groups(), made.users());
    let default = GrantFilter::default;
    let mut lists: Vec<(&'static str, Read<'_>)> = Vec::new();
    let whole = [
        ("list grants", default()),
        (
            "list grants on a resource type",
            GrantFilter {
                entitlement_resource_type: "group".to_owned(),
                ..default()
            },
        ),
        (
            "list grants of a principal type",
            GrantFilter {
                principal_resource_type: "user".to_owned(),
                ..default()
            },
        ),
        (
            "list grants with expansion",
            GrantFilter {
                has_expansion: Some(true),
                ..default()
            },
        ),
        (
            "list grants that need expansion",
            GrantFilter {
                needs_expansion: Some(true),
                ..default()
            },
        ),
    ];
    for (name, filter) in whole {
        lists.push((name, Box::new(move |engine| grants(engine, &filter))));
    }
    let several = |times: usize, filter: fn(usize, usize, usize) -> GrantFilter| -> Read<'_> {
        Box::new(move |engine| {
            (0..times).try_fold(0, |sum, n| {
                Ok(sum + grants(engine, &filter(n, groups, users))?)
            })
        })
    };
    lists.push((
        "list grants of an entitlement, 100 times",
        several(100, |n, groups, _| GrantFilter {
            entitlement: Some(of_entitlement(n * 13 % groups)),
            ..GrantFilter::default()
        }),
    ));
    lists.push((
        "list grants on a resource, 100 times",
        several(100, |n, groups, _| GrantFilter {
            entitlement_resource: Some(Made::group(n * 13 % groups)),
            ..GrantFilter::default()
        }),
    ));
    lists.push((
        "list grants of a principal, 1,000 times",
        several(1_000, |n, _, users| GrantFilter {
            principal: Some(Made::user(n * 37 % users)),
            ..GrantFilter::default()
        }),
    ));
    lists.push((
        "list grants of principal and entitlement, 1,000 times",
        several(1_000, |n, groups, users| GrantFilter {
            principal: Some(Made::user(n * 37 % users)),
            entitlement: Some(of_entitlement(n * 13 % groups)),
            ..GrantFilter::default()
        }),
    ));
    lists.push(("list pending expansion", Box::new(pending)));
    lists.push((
        "list principals of an entitlement, 100 times",
        Box::new(move |engine| {
            (0..100).try_fold(0, |sum, n| {
                let of: EntitlementRef = of_entitlement(n * 13 % groups);
                let rows = collect_pages(|page| {
                    engine.list_principals_for_entitlement(&Scope::Default, &of, page)
                });
                Ok(sum + rows?.len())
            })
        }),
    ));
    lists
}

fn pending(engine: &dyn StorageEngine) -> Outcome<usize> {
    let rows = collect_pages(|page| engine.list_pending_expansion(&Scope::Default, page));
    Ok(rows?.len())
}

/// Asks once for each of the values.
fn each<'a, T: 'a>(
    values: Vec<T>,
    get: impl Fn(&dyn Reader, &T) -> c1z::Result<()> + 'a,
) -> Read<'a> {
    Box::new(move |engine| {
        values.iter().try_for_each(|value| get(engine, value))?;
        Ok(values.len())
    })
}

fn points(made: &Made) -> Vec<(&'static str, Read<'_>)> {
    let (groups, users) = (made.groups(), made.users());
    let spread = || (0..1_000).map(|k| made.grant(made.spread(k)));
    let resources: Vec<ResourceRef> = (0..1_000).map(|k| Made::user(k * 37 % users)).collect();
    let entitlements = (0..1_000).map(|k| Made::entitlement(k % groups).id);
    let entitlements: Vec<_> = entitlements.map(EntitlementRef::bare).collect();
    let ids: Vec<String> = spread().map(|grant| grant_id(&grant)).collect();
    let keys: Vec<_> = spread().map(|grant| key_of(&grant)).collect();
    let batch = ids.clone();
    vec![
        (
            "get a resource, 1,000 times",
            each(resources, |reader, id| {
                reader.get_resource(&Scope::Default, id).map(drop)
            }),
        ),
        (
            "get an entitlement, 1,000 times",
            each(entitlements, |reader, id| {
                reader.get_entitlement(&Scope::Default, id).map(drop)
            }),
        ),
        (
            "get a grant by id, 1,000 times",
            each(ids, |reader, id| {
                reader.get_grant(&Scope::Default, id).map(drop)
            }),
        ),
        (
            "get a grant by structure, 1,000 times",
            each(keys, |reader, key| {
                reader.get_grant_by_key(&Scope::Default, key).map(drop)
            }),
        ),
        (
            "get 1,000 grants by ids, one call",
            Box::new(move |engine| Ok(engine.get_grants_by_ids(&Scope::Default, &batch)?.len())),
        ),
        (
            "statistics",
            Box::new(|engine| {
                let stats = engine.stats(None, None)?;
                Ok(usize::try_from(stats.grants)?)
            }),
        ),
    ]
}
