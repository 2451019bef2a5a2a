//! Additions with what they refer to: exactly what a search over maps finds, in both formats, with chains of parents of any
//! length and in circles.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use c1z::engine::types::SyncType;
use c1z::engine::{
    EntitlementFilter, GrantFilter, PageRequest, PebbleOptions, PebbleStore, ResourceFilter, Scope,
};
use c1z::envelope::Existing;
use c1z::ops::build::publish_store;
use c1z::ops::convert::{ConvertOptions, FileFormat, convert};
use c1z::ops::delta::{DeltaInput, DeltaOptions, additions};
use c1z::{ErrorKind, MemoryBudget};
use c1z_proto::connector::v2;
use shingle::vfs::Fs;
use testkit::chance::Chance;

use super::diff_files::open;
use super::support::{mem, pack_options};

/// A sync: resources of random parents, an entitlement on some, grants of some to some. Some that are referred to are
/// not there.
#[derive(Clone, Default)]
struct World {
    types: BTreeSet<String>,
    /// Number, and number of the parent.
    resources: Vec<(usize, Option<usize>)>,
    /// Resources that have an entitlement.
    entitlements: BTreeSet<usize>,
    /// Resource of the entitlement, and principal.
    grants: BTreeSet<(usize, usize)>,
}

fn type_of(number: usize) -> String {
    format!("t{}", number % 3)
}

fn resource(number: usize) -> v2::Resource {
    v2::Resource {
        id: v2::ResourceId {
            resource_type: type_of(number),
            resource: number.to_string(),
            ..Default::default()
        }
        .into(),
        ..Default::default()
    }
}

fn entitlement(on: usize) -> v2::Entitlement {
    v2::Entitlement {
        id: format!("e{on}"),
        resource: resource(on).into(),
        ..Default::default()
    }
}

impl World {
    fn random(chance: &mut Chance, count: usize) -> Self {
        let mut world = World::default();
        for number in 0..count {
            if chance.percent(90) {
                let parent = chance.percent(80).then(|| chance.below(count));
                world.resources.push((number, parent));
            }
            if chance.percent(50) {
                world.entitlements.insert(number);
            }
            if chance.percent(50) {
                world.grants.insert((number, chance.below(count)));
            }
        }
        world.types = (0..3).filter(|_| chance.percent(80)).map(type_of).collect();
        world
    }

    /// This, without some.
    fn earlier(&self, chance: &mut Chance) -> Self {
        let mut base = self.clone();
        base.types.retain(|_| chance.percent(50));
        base.resources.retain(|_| chance.percent(95));
        base.entitlements.retain(|_| chance.percent(95));
        base.grants.retain(|_| chance.percent(85));
        base
    }

    fn write(&self, fs: &Arc<dyn Fs>, path: &str) {
        let store = PebbleStore::in_memory(PebbleOptions::default()).unwrap();
        let engine = store.engine();
        engine.start_new_sync(&SyncType::Full, "").unwrap();
        for id in &self.types {
            let row = v2::ResourceType {
                id: id.clone(),
                ..Default::default()
            };
            engine.put_resource_types(&[row]).unwrap();
        }
        let resources = self.resources.iter().map(|(number, parent)| v2::Resource {
            parent_resource_id: parent
                .and_then(|parent| resource(parent).id.into_option())
                .into(),
            ..resource(*number)
        });
        for rows in resources.collect::<Vec<_>>().chunks(1_000) {
            engine.put_resources(rows).unwrap();
        }
        for on in &self.entitlements {
            engine.put_entitlements(&[entitlement(*on)]).unwrap();
        }
        for (on, to) in &self.grants {
            let row = v2::Grant {
                id: format!("g{on}-{to}"),
                entitlement: entitlement(*on).into(),
                principal: resource(*to).into(),
                ..Default::default()
            };
            engine.put_grants(&[row]).unwrap();
        }
        engine.end_sync().unwrap();
        publish_store(&store, Path::new(path), &pack_options(fs, 1)).unwrap();
    }

    /// What a difference to `base` must hold, by the definition: names of records.
    fn closed(&self, base: &Self) -> BTreeSet<String> {
        let mut wanted = BTreeSet::new();
        let mut left: Vec<String> = self.names().difference(&base.names()).cloned().collect();
        let all = self.names();
        while let Some(name) = left.pop() {
            if all.contains(&name) && wanted.insert(name.clone()) {
                left.extend(self.references(&name));
            }
        }
        wanted
    }

    fn names(&self) -> BTreeSet<String> {
        let types = self.types.iter().map(|id| format!("type {id}"));
        let resources = self
            .resources
            .iter()
            .map(|(number, _)| format!("resource {number}"));
        let entitlements = self
            .entitlements
            .iter()
            .map(|on| format!("entitlement {on}"));
        let grants = self
            .grants
            .iter()
            .map(|(on, to)| format!("grant {on} {to}"));
        types
            .chain(resources)
            .chain(entitlements)
            .chain(grants)
            .collect()
    }

    fn references(&self, name: &str) -> Vec<String> {
        let words: Vec<_> = name.split(' ').collect();
        let number = |at: usize| words[at].parse::<usize>().unwrap();
        let on = |number: usize| {
            [
                format!("resource {number}"),
                format!("type {}", type_of(number)),
            ]
        };
        match words[0] {
            "grant" => {
                let mut found = vec![format!("entitlement {}", words[1])];
                found.extend(on(number(2)));
                found
            }
            "entitlement" => on(number(1)).to_vec(),
            "resource" => {
                let mut found = on(number(1)).to_vec();
                let held = self.resources.iter().find(|(held, _)| *held == number(1));
                if let Some((_, Some(parent))) = held {
                    found.extend(on(*parent));
                }
                found
            }
            _ => Vec::new(),
        }
    }
}

/// Names of the records in a file.
fn names_in(fs: &Arc<dyn Fs>, path: &Path) -> BTreeSet<String> {
    let store = open(fs, path);
    let reader = store.reader();
    let run = reader
        .list_sync_runs(&PageRequest::default())
        .unwrap()
        .rows
        .remove(0);
    let scope = Scope::Sync(run.id);
    let mut names = BTreeSet::new();
    let types = reader
        .list_resource_types(&scope, &PageRequest::default())
        .unwrap();
    names.extend(types.rows.iter().map(|row| format!("type {}", row.id)));
    for row in reader
        .stream_resources(&scope, &ResourceFilter::default())
        .unwrap()
    {
        names.insert(format!("resource {}", row.unwrap().id.resource));
    }
    for row in reader
        .stream_entitlements(&scope, &EntitlementFilter::default())
        .unwrap()
    {
        names.insert(format!("entitlement {}", row.unwrap().resource.id.resource));
    }
    for row in reader
        .stream_grants(&scope, &GrantFilter::default())
        .unwrap()
    {
        let grant = row.unwrap().grant;
        let on = &grant.entitlement.resource.id.resource;
        names.insert(format!("grant {on} {}", grant.principal.id.resource));
    }
    names
}

fn options(fs: &Arc<dyn Fs>, memory: u64) -> DeltaOptions {
    DeltaOptions {
        with_referenced: true,
        convert: ConvertOptions {
            fs: Arc::clone(fs),
            threads: 1,
            existing: Existing::Replace,
            budget: MemoryBudget::new(memory),
            ..ConvertOptions::default()
        },
        ..DeltaOptions::default()
    }
}

fn as_v1(fs: &Arc<dyn Fs>, path: &str) -> PathBuf {
    let output = PathBuf::from(format!("{path}.v1"));
    let converting = ConvertOptions {
        to: Some(FileFormat::V1),
        ..options(fs, 32 << 20).convert
    };
    convert(path, &output, &converting).unwrap();
    output
}

#[test]
fn additions_hold_what_they_refer_to_and_no_more() {
    let mut beyond = 0;
    for seed in 0..30 {
        let mut chance = Chance::seeded(seed);
        let (_, fs) = mem();
        let count = 3 + chance.below(40);
        let applied = World::random(&mut chance, count);
        let base = applied.earlier(&mut chance);
        base.write(&fs, "base");
        applied.write(&fs, "applied");
        let expected = applied.closed(&base);
        beyond += expected.len() - applied.names().difference(&base.names()).count();
        let [v1_base, v1_applied] = ["base", "applied"].map(|path| as_v1(&fs, path));
        for [base, applied] in [["base".into(), "applied".into()], [v1_base, v1_applied]] {
            let [base, applied] = [base, applied].map(DeltaInput::latest);
            additions(&base, &applied, "out", &options(&fs, 32 << 20)).unwrap();
            assert_eq!(
                names_in(&fs, Path::new("out")),
                expected,
                "seed {seed} {base:?}"
            );
        }
    }
    assert!(beyond > 100, "{beyond}");
}

#[test]
fn a_chain_of_parents_is_followed_to_its_end_in_a_few_passes() {
    let count = 3_000;
    let (_, fs) = mem();
    let mut world = World {
        resources: (0..count).map(|i| (i, Some((i + 1) % count))).collect(),
        ..World::default()
    };
    world.write(&fs, "base");
    world.grants.insert((7, 11));
    world.write(&fs, "applied");
    let [base, applied] = ["base", "applied"].map(DeltaInput::latest);
    let summary = additions(&base, &applied, "out", &options(&fs, 16 << 20)).unwrap();
    assert_eq!(summary.counts.resources, 3_000);
    assert_eq!(summary.counts.grants, 1);
    // The table of parents is part of the budget.
    let small = options(&fs, 16 << 20);
    let _all = small
        .convert
        .budget
        .reserve((16 << 20) - 14_999, "a test")
        .unwrap();
    let error = additions(&base, &applied, "out", &small).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
}
