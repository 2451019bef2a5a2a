//! Everything that can be read from a store (`store-contract` §8.1), as text.
//!
//! Rows are compared as multisets, since the order of a list is an engine's own; over pages of several sizes.

use std::fmt::Debug;
use std::io::Read as _;

use c1z::Result;
use c1z::engine::page::collect_pages;
use c1z::engine::reader::GrantRow;
use c1z::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, SyncStats, SyncType};
use c1z::engine::{
    EntitlementFilter, Fallback, GrantFilter, Page, PageRequest, ResourceFilter, Scope,
    StorageEngine,
};
use c1z_proto::connector::v2;

use crate::grammar::outcome;

/// What was asked, and the answer.
pub(crate) type Answers = Vec<(String, String)>;

/// Asks an engine everything; lists are read whole, and once more with pages of `size`.
pub(crate) fn observe(engine: &dyn StorageEngine, size: u32) -> Answers {
    let mut answers = Answers::new();
    let mut add = |about: &str, answer: String| answers.push((about.to_owned(), answer));
    add("dirty", format!("{:?}", engine.is_dirty()));
    add("current", format!("{:?}", engine.current_sync()));
    add("viewed", format!("{:?}", engine.viewed_sync()));
    add("token", outcome(engine.current_sync_step()));
    add("runs", listed(size, |page| engine.list_sync_runs(page)));
    for of in [None, Some(SyncType::Full), Some(SyncType::Partial)] {
        let of = of.as_ref();
        add("latest", outcome(engine.latest_finished_sync(of)));
        add("previous", outcome(engine.previous_finished_sync(of)));
        add("stats of", outcome(stats(engine, None, of)));
        add("map of", outcome(engine.stats_map(None, of)));
    }
    for fallback in [Fallback::List, Fallback::Point] {
        add(
            "resolved",
            outcome(engine.resolve(&Scope::Default, fallback)),
        );
    }
    let runs = pages(0, |page| engine.list_sync_runs(page)).unwrap_or_default();
    let mut scopes = vec![Scope::Default];
    for run in &runs {
        scopes.push(Scope::Sync(run.id.clone()));
        add("stats", outcome(stats(engine, Some(&run.id), None)));
        add("by type", outcome(engine.grant_stats(Some(&run.id), None)));
        add("sources", outcome(engine.grant_sources(&run.id)));
        for prefix in ["", "a", "A", "%"] {
            let entries = engine.session_get_all(&run.id, prefix, "");
            add("sessions", outcome(entries.map(|page| page.rows)));
        }
    }
    for scope in &scopes {
        records(engine, scope, size, &mut answers);
    }
    answers
}

/// Counts, without the time at which they were recorded: what is recounted has none.
fn stats(
    engine: &dyn StorageEngine,
    sync: Option<&SyncId>,
    of: Option<&SyncType>,
) -> Result<SyncStats> {
    let mut stats = engine.stats(sync, of)?;
    stats.written_at = None;
    Ok(stats)
}

fn records(engine: &dyn StorageEngine, scope: &Scope, size: u32, answers: &mut Answers) {
    let mut add = |about: String, answer: String| answers.push((about, answer));
    add(
        "types".to_owned(),
        listed(size, |page| engine.list_resource_types(scope, page)),
    );
    add(
        "assets".to_owned(),
        listed(size, |page| engine.list_assets(scope, page)),
    );
    let mut assets = pages(0, |page| engine.list_assets(scope, page)).unwrap_or_default();
    // The order of a list is the engine's own.
    assets.sort_by(|a, b| a.id.cmp(&b.id));
    for asset in assets {
        let data = engine.get_asset(scope, &asset.id).map(|mut asset| {
            let mut bytes = Vec::new();
            let read = asset.data.read_to_end(&mut bytes);
            (asset.content_type, asset.len, read.is_ok(), bytes)
        });
        add(format!("asset {:?}", asset.id), outcome(data));
    }
    add(
        "pending".to_owned(),
        listed(size, |page| engine.list_pending_expansion(scope, page)),
    );
    let grants = GrantFilter::default();
    let rows = pages(0, |page| engine.list_grants(scope, &grants, page));
    let mut rows = rows.unwrap_or_default();
    // What is asked about next must not depend on the order of the list.
    rows.sort_by_cached_key(|row| format!("{row:?}"));
    for filter in resource_filters() {
        let answer = whole(|page| engine.list_resources(scope, &filter, page));
        add(format!("{filter:?}"), answer);
    }
    for filter in entitlement_filters() {
        let answer = whole(|page| engine.list_entitlements(scope, &filter, page));
        add(format!("{filter:?}"), answer);
    }
    let mut samples = vec![rows.first(), rows.last(), rows.get(rows.len() / 2)];
    samples.dedup();
    for filter in samples
        .iter()
        .copied()
        .flatten()
        .flat_map(|row| grant_filters(&row.grant))
    {
        let answer = whole(|page| engine.list_grants(scope, &filter, page));
        add(format!("{filter:?}"), answer);
    }
    add(
        "grants".to_owned(),
        listed(size, |page| engine.list_grants(scope, &grants, page)),
    );
    for row in rows.iter().take(4) {
        let key = key_of(&row.grant);
        let id = &row.grant.id;
        add(
            format!("grant {id:?}"),
            outcome(engine.get_grant(scope, id)),
        );
        add(
            format!("{key:?}"),
            outcome(engine.get_grant_by_key(scope, &key)),
        );
        let bare = EntitlementRef::bare(&key.entitlement.id);
        add(
            format!("{bare:?}"),
            outcome(engine.get_entitlement(scope, &bare)),
        );
        let principals = listed(size, |page| {
            engine.list_principals_for_entitlement(scope, &key.entitlement, page)
        });
        add(format!("principals of {:?}", key.entitlement), principals);
        let batch = [bare, EntitlementRef::bare("admin"), key.entitlement.clone()];
        let answer = listed(size, |page| {
            engine.list_grants_for_entitlements(scope, &batch, page)
        });
        add(format!("batch {batch:?}"), answer);
        add(
            format!("{:?}", key.principal),
            outcome(engine.get_resource(scope, &key.principal)),
        );
    }
    streams_and_batches(engine, scope, &rows, answers);
}

/// Streams, and what is asked by several ids.
fn streams_and_batches(
    engine: &dyn StorageEngine,
    scope: &Scope,
    grants: &[GrantRow],
    answers: &mut Answers,
) {
    let mut add = |about: &str, answer: String| answers.push((about.to_owned(), answer));
    let streamed = engine.stream_grants(scope, &GrantFilter::default());
    add(
        "stream of grants",
        sorted(streamed.and_then(Iterator::collect)),
    );
    let streamed = engine.stream_entitlements(scope, &EntitlementFilter::default());
    let entitlements: Result<Vec<v2::Entitlement>> = streamed.and_then(Iterator::collect);
    let mut ids: Vec<String> = entitlements
        .iter()
        .flatten()
        .map(|of| of.id.clone())
        .collect();
    ids.sort();
    ids.truncate(5);
    ids.push("nowhere".to_owned());
    add(
        "entitlements by id",
        outcome(engine.get_entitlements_by_ids(scope, &ids)),
    );
    add("stream of entitlements", sorted(entitlements));
    let streamed = engine.stream_resources(scope, &ResourceFilter::default());
    let resources: Result<Vec<v2::Resource>> = streamed.and_then(Iterator::collect);
    let mut refs: Vec<ResourceRef> = resources.iter().flatten().map(ref_of).collect();
    refs.sort();
    refs.truncate(5);
    add(
        "resources by id",
        outcome(engine.get_resources_by_ids(scope, &refs)),
    );
    for resource in &refs {
        add("resource", outcome(engine.get_resource(scope, resource)));
        let children = ResourceFilter {
            parent: Some(resource.clone()),
            ..ResourceFilter::default()
        };
        let children = whole(|page| engine.list_resources(scope, &children, page));
        add("children", children);
    }
    add("stream of resources", sorted(resources));
    let mut ids: Vec<String> = grants.iter().map(|row| row.grant.id.clone()).collect();
    ids.sort();
    ids.truncate(5);
    add(
        "grants by id",
        outcome(engine.get_grants_by_ids(scope, &ids)),
    );
}

/// All rows of a list, read with pages of a size; 0: the default.
fn pages<T>(size: u32, list: impl Fn(&PageRequest) -> Result<Page<T>>) -> Result<Vec<T>> {
    collect_pages(|page| {
        list(&PageRequest {
            size,
            token: page.token.clone(),
        })
    })
}

/// What an answer begins with when it depends on the size of its pages.
pub(crate) const PAGES_DIFFER: &str = "pages differ:";

/// All rows of a list, the same whatever the page size, in an order of their own.
fn listed<T: Debug + PartialEq>(
    size: u32,
    list: impl Fn(&PageRequest) -> Result<Page<T>>,
) -> String {
    let whole = pages(0, &list);
    let paged = pages(size, &list);
    let same = match (&whole, &paged) {
        (Ok(whole), Ok(paged)) => whole == paged,
        (Err(whole), Err(paged)) => whole.kind() == paged.kind(),
        _ => false,
    };
    if same {
        sorted(whole)
    } else {
        format!("{PAGES_DIFFER} {whole:?} pages of {size}: {paged:?}")
    }
}

/// All rows of a list, in an order of their own.
fn whole<T: Debug>(list: impl Fn(&PageRequest) -> Result<Page<T>>) -> String {
    sorted(pages(0, list))
}

fn sorted<T: Debug>(rows: Result<Vec<T>>) -> String {
    outcome(rows.map(|rows| {
        let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        rows
    }))
}

pub(crate) fn ref_of(resource: &v2::Resource) -> ResourceRef {
    let id = resource.id.as_option().cloned().unwrap_or_default();
    ResourceRef::new(id.resource_type, id.resource)
}

pub(crate) fn key_of(grant: &v2::Grant) -> GrantKey {
    let entitlement = grant.entitlement.as_option().cloned().unwrap_or_default();
    let principal = grant.principal.as_option().cloned().unwrap_or_default();
    GrantKey {
        entitlement: EntitlementRef {
            resource: entitlement.resource.as_option().map(ref_of),
            id: entitlement.id,
        },
        principal: ref_of(&principal),
    }
}

fn refs() -> [ResourceRef; 3] {
    [("a", "a"), ("a:b", ":"), ("user", "b")].map(|(of, id)| ResourceRef::new(of, id))
}

fn resource_filters() -> Vec<ResourceFilter> {
    let mut filters = vec![ResourceFilter::default()];
    for of in refs() {
        filters.push(ResourceFilter {
            resource_type: of.resource_type.clone(),
            parent: None,
        });
        for resource_type in ["", "a"] {
            filters.push(ResourceFilter {
                resource_type: resource_type.to_owned(),
                parent: Some(of.clone()),
            });
        }
    }
    filters
}

fn entitlement_filters() -> Vec<EntitlementFilter> {
    let mut filters = vec![EntitlementFilter::default()];
    for of in refs() {
        filters.push(EntitlementFilter {
            resource: None,
            resource_type: of.resource_type.clone(),
        });
        filters.push(EntitlementFilter {
            resource: Some(of),
            resource_type: String::new(),
        });
    }
    filters
}

/// Filters that a grant passes, alone and together.
fn grant_filters(grant: &v2::Grant) -> Vec<GrantFilter> {
    let key = key_of(grant);
    let default = GrantFilter::default;
    let on = key.entitlement.resource.clone();
    let of_principal = GrantFilter {
        principal: Some(key.principal.clone()),
        ..default()
    };
    vec![
        GrantFilter {
            entitlement: Some(EntitlementRef::bare(&key.entitlement.id)),
            ..default()
        },
        GrantFilter {
            entitlement: Some(key.entitlement),
            ..of_principal.clone()
        },
        GrantFilter {
            entitlement_resource: on.clone(),
            ..of_principal.clone()
        },
        GrantFilter {
            entitlement_resource_type: on.unwrap_or_default().resource_type,
            ..default()
        },
        GrantFilter {
            principal_resource_types: vec![key.principal.resource_type.clone(), "a".to_owned()],
            needs_expansion: Some(true),
            ..default()
        },
        GrantFilter {
            principal_resource_type: key.principal.resource_type,
            has_expansion: Some(false),
            ..default()
        },
        of_principal,
        GrantFilter {
            needs_expansion: Some(true),
            ..default()
        },
    ]
}
