//! What is generated is what was promised: repeatable, odd, and free of collisions unless asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::model::{Model, ModelOptions};
use c1z::engine::reader::Reader as _;
use c1z::engine::types::SyncType;
use c1z::engine::{Identity, Lifecycle as _, Profile};

use super::*;
use crate::chance::SeededEntropy;
use crate::clock::ManualClock;

fn stats_of(made: &Generated, identity: Identity, batch: usize) -> c1z::engine::types::SyncStats {
    let now = c1z::engine::types::Timestamp {
        seconds: 1_800_000_000,
        nanos: 0,
    };
    let model = Model::new(ModelOptions {
        identity,
        profile: Profile::Ours,
        clock: Arc::new(ManualClock::at(now)),
        ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(1)))),
        rows_max: 100_000,
        one_sync: false,
    });
    let sync = model.start_new_sync(&SyncType::Full, "").unwrap();
    made.write_to(&model, batch).unwrap();
    model.stats(Some(&sync), None).unwrap()
}

fn counts(made: &Generated) -> [usize; 5] {
    [
        made.resource_types.len(),
        made.resources.len(),
        made.entitlements.len(),
        made.grants.len(),
        made.assets.len(),
    ]
}

#[test]
fn a_seed_makes_the_same_sync_always() {
    let options = GenerateOptions::small(3);
    assert_eq!(generate(&options), generate(&options));
    assert_ne!(generate(&options), generate(&GenerateOptions::small(4)));
}

#[test]
fn without_collisions_every_record_is_a_row_by_structure_and_by_id() {
    for seed in 0..40 {
        let made = generate(&GenerateOptions::small(seed));
        let by_structure = stats_of(&made, Identity::Structural, 7);
        assert_eq!(
            by_structure,
            stats_of(&made, Identity::External, 1_000),
            "seed {seed}"
        );
        let rows = [
            by_structure.resource_types,
            by_structure.resources,
            by_structure.entitlements,
            by_structure.grants,
            by_structure.assets,
        ];
        let made = counts(&made).map(|count| i64::try_from(count).unwrap());
        assert_eq!(rows, made, "seed {seed}");
    }
}

#[test]
fn with_collisions_identities_disagree() {
    let mut disagreed = 0;
    for seed in 0..20 {
        let made = generate(&GenerateOptions {
            collisions: true,
            odd_ids_percent: 90,
            ..GenerateOptions::small(seed)
        });
        let by_structure = stats_of(&made, Identity::Structural, 7);
        let by_id = stats_of(&made, Identity::External, 7);
        disagreed += i32::from(by_structure.grants != by_id.grants);
    }
    assert!(disagreed > 5, "{disagreed} of 20");
}

#[test]
fn everything_that_a_record_can_have_is_made() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..10 {
        let made = generate(&GenerateOptions::small(seed));
        for resource in &made.resources {
            let id = resource.id.as_option().unwrap();
            *seen.entry("parent").or_default() += usize::from(resource.parent_resource_id.is_set());
            *seen.entry("icon").or_default() += usize::from(resource.icon.is_set());
            *seen.entry("nul").or_default() += usize::from(id.resource.contains('\0'));
        }
        for grant in &made.grants {
            let expandable = |any: &Any| any.type_url.ends_with("GrantExpandable");
            *seen.entry("sources").or_default() += usize::from(grant.sources.is_set());
            *seen.entry("no id").or_default() += usize::from(grant.id.is_empty());
            *seen.entry("own id").or_default() += usize::from(grant.id.contains("grant-"));
            *seen.entry("expandable").or_default() +=
                usize::from(grant.annotations.iter().any(expandable));
        }
        for of in &made.entitlements {
            *seen.entry("free id").or_default() += usize::from(of.id.starts_with("free-"));
        }
    }
    println!("{seen:?}");
    assert_eq!(seen.len(), 8);
    assert!(seen.values().all(|count| *count > 5), "{seen:?}");
}
