//! The reader on real files of the Go project and on large files made by the Go SDK: answers, rows, cost.

use std::path::{Path, PathBuf};

use crate::common::{Comparison, open_as};
use crate::fixture;
use c1z::Store;
use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{GrantFilter, PageRequest, Profile, Scope};
use shingle::db::ScanOptions;
use shingle::iter::Bounds;
use testkit::check::{CheckOptions, Deviation, Order};
use testkit::golden::{Dump, kv};

const UPSTREAM_V3: &str = "upstream/sync.36zGvJw3uxU1QMJKU2yPVQ1hBOC.unexpanded.pebble.c1z";

#[test]
fn the_real_v3_file_answers_as_go_does() {
    let path = fixture(UPSTREAM_V3);
    let dump = Dump::load(&with_suffix(&path, ".dump.ndjson.gz")).unwrap();
    let store = open_as(&path, Profile::GoPebble, &dump).unwrap();
    let mut comparison = Comparison::default();
    comparison.add(
        "upstream v3",
        store.reader(),
        &dump,
        Profile::GoPebble,
        Vec::new(),
    );
    comparison.finish();
}

#[test]
fn the_real_v3_file_has_the_rows_that_go_has() {
    let path = fixture(UPSTREAM_V3);
    let pairs = kv::load(&with_suffix(&path, ".kv.ndjson.gz")).unwrap();
    let store = c1z::open(&path).unwrap();
    let mut scan = store
        .database()
        .unwrap()
        .scan(Bounds::all(), ScanOptions::default());
    for pair in &pairs {
        let row = scan.next().unwrap().expect("a row fewer than Go has");
        assert_eq!(row, (pair.key.as_slice(), pair.value.as_slice()));
    }
    assert_eq!(scan.next().unwrap(), None, "a row more than Go has");
    assert_eq!(pairs.len(), 169_162);
}

/// Both syncs are unfinished and old: a Go reader that names no sync shows the rows of all of them, ours with its profile
/// shows none (D1).
const UNFILTERED: Deviation =
    Deviation::new("view", "of sync ``", "0", "no sync is not all syncs (D1)");

/// Two v1 files of the Go project: one of 2026, and one of 2025 with expandable grants in the schema before the expansion
/// columns, whose index by entitlement has principals, not row numbers, next.
#[test]
fn real_v1_files_answer_as_go_does() {
    let mut comparison = Comparison::default();
    for (name, order) in [
        ("sync-in-progress.c1z", Order::Primary),
        ("sync.36zGvJw3uxU1QMJKU2yPVQ1hBOC.unexpanded", Order::Any),
    ] {
        let path = fixture(&format!("upstream/{name}"));
        let dump = Dump::load(&with_suffix(&path, ".dump.ndjson.gz")).unwrap();
        let store = open_as(&path, Profile::GoSqlite, &dump).unwrap();
        assert!(store.warnings().is_empty(), "{:?}", store.warnings());
        let options = CheckOptions {
            order,
            deviations: vec![UNFILTERED],
        };
        let reader = store.reader();
        comparison.add_with(name, reader, &dump, Profile::GoSqlite, &options);
    }
    comparison.finish();
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What a read cost: rows of the database that it visited, and rows it returned.
struct Cost {
    visited: u64,
    returned: u64,
}

fn cost_of(store: &Store, filter: &GrantFilter) -> Cost {
    let before = store.database().unwrap().counters();
    let rows = store
        .reader()
        .stream_grants(&Scope::Default, filter)
        .unwrap();
    let returned = rows.fold(0, |count, row| row.map(|_| count + 1).unwrap());
    let after = store.database().unwrap().counters();
    let visited = after.entries - before.entries + after.gets - before.gets;
    Cost { visited, returned }
}

/// The filters whose cost must not depend on the size of the file.
fn selective_filters() -> Vec<(&'static str, GrantFilter)> {
    let group = ResourceRef::new("group", "g00001");
    let user = ResourceRef::new("user", "u0000001");
    let bare = EntitlementRef::bare("group:g00001:member");
    let entitlement = EntitlementRef {
        resource: Some(group.clone()),
        ..bare.clone()
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
            "principal and entitlement",
            GrantFilter {
                principal: Some(user.clone()),
                entitlement: Some(entitlement),
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
fn filtered_lists_visit_rows_in_proportion_to_what_they_return() {
    for name in ["large/v3-100k.c1z", "large/v3-1m.c1z"] {
        let store = c1z::open(fixture(name)).unwrap();
        let stats = store.reader().stats(None, None).unwrap();
        for (what, filter) in selective_filters() {
            let Cost { visited, returned } = cost_of(&store, &filter);
            println!("{name}: {what}: {visited} visited, {returned} returned");
            let learned = if what.starts_with("first bare") {
                stats.entitlements
            } else {
                0
            };
            // An index row and its primary per grant, and the few lookups that resolve an id.
            let allowed = 2 * returned + 4 + u64::try_from(learned).unwrap();
            assert!(
                visited <= allowed,
                "{name}: {what}: {visited} for {returned}"
            );
        }
    }
}

#[test]
fn a_page_at_depth_costs_what_the_first_page_costs() {
    let store = c1z::open(fixture("large/v3-1m.c1z")).unwrap();
    let reader = store.reader();
    let mut request = PageRequest::first(1_000);
    let mut costs = Vec::new();
    for _ in 0..400 {
        let before = store.database().unwrap().counters();
        let page = reader
            .list_grants(&Scope::Default, &GrantFilter::default(), &request)
            .unwrap();
        let after = store.database().unwrap().counters();
        costs.push(after.entries - before.entries);
        assert_eq!(page.rows.len(), 1_000);
        request.token = page.next_token;
    }
    println!(
        "entries visited by the first page {}, by page 400 {}",
        costs[0], costs[399]
    );
    assert!(costs.iter().all(|cost| *cost <= 1_010), "{costs:?}");
}

#[test]
fn opening_and_statistics_take_few_reads() {
    for name in ["large/v3-100k.c1z", "large/v3-1m.c1z"] {
        let path = fixture(name);
        let store = c1z::open(&path).unwrap();
        let stats = store.reader().stats(None, None).unwrap();
        let counters = store.envelope().unwrap().counters();
        println!("{name}: {} grants, {counters:?}", stats.grants);
        assert!(counters.reads <= 6, "{name}: {counters:?}");
        assert!(stats.grants >= 100_000);
    }
}
