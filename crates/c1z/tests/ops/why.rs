//! Why somebody holds something. Judge: Go's expander, which made the expanded twin of the same data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use c1z::Store;
use c1z::engine::types::{EntitlementRef, ResourceRef, SyncId};
use c1z::engine::{EntitlementFilter, GrantFilter, ResourceFilter, Scope};
use c1z::ops::why::{Why, WhyOptions, why};
use testkit::golden::Case;

const FILES: [&str; 2] = ["v1.c1z", "v3.indexed_zstd.c1z"];

struct Sync {
    store: Store,
    id: SyncId,
}

impl Sync {
    fn open(case: &str, file: &str) -> Self {
        let path: PathBuf = Case::named(case).path(file);
        let store = c1z::open(path).unwrap();
        let id = store
            .reader()
            .latest_finished_sync(None)
            .unwrap()
            .unwrap()
            .id;
        Self { store, id }
    }

    fn why(&self, principal: &ResourceRef, entitlement: &str) -> Why {
        self.why_within(principal, entitlement, &WhyOptions::default())
    }

    fn why_within(
        &self,
        principal: &ResourceRef,
        entitlement: &str,
        within: &WhyOptions<'_>,
    ) -> Why {
        let scope = Scope::Sync(self.id.clone());
        let entitlement = EntitlementRef::bare(entitlement);
        why(self.store.reader(), &scope, principal, &entitlement, within).unwrap()
    }

    fn principals(&self) -> Vec<ResourceRef> {
        let scope = Scope::Sync(self.id.clone());
        let rows = self
            .store
            .reader()
            .stream_resources(&scope, &ResourceFilter::default());
        rows.unwrap()
            .map(|row| row.unwrap().id)
            .map(|id| ResourceRef::new(id.resource_type.clone(), id.resource.clone()))
            .collect()
    }

    fn entitlements(&self) -> Vec<String> {
        let scope = Scope::Sync(self.id.clone());
        let rows = self
            .store
            .reader()
            .stream_entitlements(&scope, &EntitlementFilter::default());
        rows.unwrap().map(|row| row.unwrap().id).collect()
    }

    /// Sources by entitlement and principal.
    fn held(&self) -> BTreeMap<(String, ResourceRef), BTreeSet<String>> {
        let scope = Scope::Sync(self.id.clone());
        let rows = self
            .store
            .reader()
            .stream_grants(&scope, &GrantFilter::default());
        rows.unwrap()
            .map(|row| row.unwrap().grant)
            .map(|grant| {
                let id = &grant.principal.id;
                let principal = ResourceRef::new(id.resource_type.clone(), id.resource.clone());
                let sources = grant.sources.sources.keys().cloned().collect();
                ((grant.entitlement.id.clone(), principal), sources)
            })
            .collect()
    }
}

#[test]
fn before_expansion_ways_lead_where_expansion_will() {
    for file in FILES {
        let pending = Sync::open("expandable-pending", file);
        let expanded = Sync::open("expandable-expanded", file).held();
        let (mut yes, mut no) = (0, 0);
        for principal in pending.principals() {
            for entitlement in pending.entitlements() {
                let found = pending.why(&principal, &entitlement);
                let key = (entitlement.clone(), principal.clone());
                let expected = expanded.contains_key(&key);
                assert_eq!(
                    found.holds(),
                    expected,
                    "{file}: {principal} {entitlement}: {found:?}"
                );
                yes += usize::from(expected);
                no += usize::from(!expected);
            }
        }
        println!("{file}: {yes} held, {no} not");
        assert_eq!(yes, expanded.len());
        assert!(no > 100);
    }
}

#[test]
fn after_expansion_every_source_that_expansion_noted_is_explained() {
    for file in FILES {
        let pending = Sync::open("expandable-pending", file).held();
        let expanded = Sync::open("expandable-expanded", file);
        let mut paths = 0;
        for ((entitlement, principal), sources) in expanded.held() {
            let found = expanded.why(&principal, &entitlement);
            assert!(!found.is_cut);
            let mut noted = sources.clone();
            noted.remove(&entitlement);
            let through: BTreeSet<String> = found
                .paths
                .iter()
                .filter_map(|path| Some(path.edges.last()?.from.id.clone()))
                .collect();
            // What the source system itself noted leads nowhere, and is told so.
            let key = (entitlement.clone(), principal.clone());
            let foreign = pending.get(&key).cloned().unwrap_or_default();
            let foreign: BTreeSet<_> = foreign.difference(&through).cloned().collect();
            let unexplained: BTreeSet<_> = found.unexplained.iter().cloned().collect();
            noted = noted.difference(&unexplained).cloned().collect();
            assert_eq!(through, noted, "{file}: {principal} {entitlement}");
            assert!(
                unexplained.is_subset(&foreign),
                "{file}: {unexplained:?} {foreign:?}"
            );
            let is_direct = sources.is_empty() || sources.contains(&entitlement);
            let starts_there = found.paths.iter().any(|path| path.edges.is_empty());
            assert_eq!(is_direct, starts_there);
            for path in &found.paths {
                chain(path, &entitlement);
            }
            paths += found.paths.len();
        }
        println!("{file}: {paths} ways");
        assert!(paths > 124);
    }
}

/// Each edge begins where the last one ended, and nothing comes twice.
fn chain(path: &c1z::ops::why::Path, entitlement: &str) {
    let mut at = path.start.id.clone();
    let mut seen = BTreeSet::from([at.clone()]);
    for edge in &path.edges {
        assert_eq!(edge.from.id, at);
        at.clone_from(&edge.to.id);
        assert!(seen.insert(at.clone()));
    }
    assert_eq!(at, entitlement);
}

#[test]
fn too_many_ways_are_cut_and_it_is_said() {
    let expanded = Sync::open("expandable-expanded", FILES[1]);
    let principal = ResourceRef::new("user", "u-1082c8");
    let all = expanded.why(&principal, "app:app-000:access");
    assert!(all.paths.len() > 2 && !all.is_cut);
    let first = WhyOptions {
        paths_max: 1,
        ..WhyOptions::default()
    };
    let first = expanded.why_within(&principal, "app:app-000:access", &first);
    assert_eq!(first.paths.as_slice(), &all.paths[..1]);
    assert!(first.is_cut);
    let short = WhyOptions {
        steps_max: 1,
        ..WhyOptions::default()
    };
    let short = expanded.why_within(&principal, "app:app-000:access", &short);
    assert!(short.is_cut && short.paths.iter().all(|path| path.edges.len() <= 1));
}
