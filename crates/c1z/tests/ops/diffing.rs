//! Comparison of two syncs: what it reports is what sorted maps of all records report, whatever the
//! memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::model::{Model, ModelOptions};
use c1z::engine::types::{SyncId, SyncType, Timestamp};
use c1z::engine::{Identity, Lifecycle as _, Profile};
use c1z::ops::NoObserver;
use c1z::ops::diff::{Change, Compared, DiffOptions, Side, diff};
use c1z::{Error, ErrorKind, MemoryBudget};
use c1z_proto::connector::v2;
use testkit::chance::{Chance, SeededEntropy};
use testkit::clock::ManualClock;
use testkit::generate::{GenerateOptions, Generated, generate};

fn model(identity: Identity) -> Model {
    let start = Timestamp {
        seconds: 1_700_000_000,
        nanos: 0,
    };
    Model::new(ModelOptions {
        identity,
        profile: Profile::Ours,
        clock: Arc::new(ManualClock::at(start)),
        ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(7)))),
        rows_max: 1_000_000,
        one_sync: false,
    })
}

fn write(model: &Model, records: &Generated) -> SyncId {
    let id = model.start_new_sync(&SyncType::Full, "").unwrap();
    records.write_to(model, 50).unwrap();
    model.end_sync().unwrap();
    id
}

/// The same records, some left out, some changed in one field, some new.
fn changed(records: &Generated, seed: u64) -> Generated {
    let mut chance = Chance::seeded(seed);
    let mut next = records.clone();
    next.resource_types.retain(|_| chance.below(8) > 0);
    next.resources.retain(|_| chance.below(8) > 0);
    next.entitlements.retain(|_| chance.below(8) > 0);
    next.grants.retain(|_| chance.below(8) > 0);
    for resource in next.resources.iter_mut().filter(|_| chance.below(5) == 0) {
        resource.display_name.push('!');
    }
    for entitlement in next
        .entitlements
        .iter_mut()
        .filter(|_| chance.below(5) == 0)
    {
        entitlement.slug.push('!');
    }
    for grant in next.grants.iter_mut().filter(|_| chance.below(5) == 0) {
        grant.annotations.push(c1z_proto::google::protobuf::Any {
            type_url: "type.googleapis.com/c1.connector.v2.GrantImmutable".into(),
            ..Default::default()
        });
    }
    let extra = generate(&GenerateOptions {
        odd_ids_percent: 0,
        ..GenerateOptions::small(seed + 1)
    });
    for resource in extra.resources.into_iter().take(9) {
        next.resources.push(v2::Resource {
            id: v2::ResourceId {
                resource: format!("new-{}", resource.id.resource),
                resource_type: resource.id.resource_type.clone(),
                ..Default::default()
            }
            .into(),
            ..resource
        });
    }
    next
}

/// Identity to the encoded record, by the rules of the contract.
type Map = BTreeMap<Vec<String>, Vec<u8>>;

fn map<R: Compared>(side: Side<'_>, identity: Identity) -> Map {
    let rows = R::rows(side).unwrap().map(|record| {
        let record = record.unwrap();
        let parts = record
            .identity(identity)
            .into_iter()
            .map(std::borrow::Cow::into_owned);
        (parts.collect(), c1z_proto::encode_canonical(&record))
    });
    rows.collect()
}

fn expected<R: Compared>(
    base: Side<'_>,
    applied: Side<'_>,
    identity: Identity,
) -> Vec<(Change, Vec<u8>)> {
    let (old, new) = (map::<R>(base, identity), map::<R>(applied, identity));
    let mut changes = Vec::new();
    for (id, record) in &new {
        match old.get(id) {
            None => changes.push((Change::Created, record.clone())),
            Some(before) if before != record => changes.push((Change::Modified, record.clone())),
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|(id, _)| !new.contains_key(*id));
    changes.extend(gone.map(|(_, record)| (Change::Deleted, record.clone())));
    changes.sort();
    changes
}

fn found<R: Compared>(
    base: Side<'_>,
    applied: Side<'_>,
    options: &DiffOptions<'_>,
) -> Vec<(Change, Vec<u8>)> {
    let mut changes = Vec::new();
    let mut visit = |change, record: R| {
        changes.push((change, c1z_proto::encode_canonical(&record)));
        Ok::<_, Error>(())
    };
    diff(base, applied, options, &NoObserver, &mut visit).unwrap();
    changes.sort();
    changes
}

fn check<R: Compared>(base: Side<'_>, applied: Side<'_>, options: &DiffOptions<'_>) -> usize {
    let expected = expected::<R>(base, applied, options.identity);
    assert_eq!(found::<R>(base, applied, options), expected);
    for change in Change::ALL {
        let one = DiffOptions {
            changes: &[change],
            ..options.clone()
        };
        let of_one: Vec<_> = expected
            .iter()
            .filter(|(of, _)| *of == change)
            .cloned()
            .collect();
        assert_eq!(found::<R>(base, applied, &one), of_one, "{change:?}");
    }
    // Generated ids are in bijection with structure, so either identity sees the same.
    let other = DiffOptions {
        identity: match options.identity {
            Identity::External => Identity::Structural,
            Identity::Structural => Identity::External,
        },
        ..options.clone()
    };
    assert_eq!(found::<R>(base, applied, &other), expected);
    assert!(found::<R>(base, base, options).is_empty());
    expected.len()
}

#[test]
fn changes_are_those_of_sorted_maps() {
    let mut changes = [0; 4];
    for identity in [Identity::External, Identity::Structural] {
        for seed in 0..5 {
            let model = model(identity);
            let records = generate(&GenerateOptions::small(seed));
            let base = write(&model, &records);
            let applied = write(&model, &changed(&records, seed));
            let side = |sync| Side::new(&model, sync);
            let (base, applied) = (side(&base), side(&applied));
            let options = DiffOptions {
                identity,
                as_v3: false,
                changes: &Change::ALL,
                budget: MemoryBudget::default(),
            };
            changes[0] += check::<v2::ResourceType>(base, applied, &options);
            changes[1] += check::<v2::Resource>(base, applied, &options);
            changes[2] += check::<v2::Entitlement>(base, applied, &options);
            changes[3] += check::<v2::Grant>(base, applied, &options);
        }
    }
    assert!(changes.iter().all(|count| *count > 0), "{changes:?}");
}

/// Two syncs of so many resources; of the second every third is gone, every fifth changed, and some
/// are new.
fn many(model: &Model, count: usize) -> [SyncId; 2] {
    let resource = |i: usize, name: &str| v2::Resource {
        id: v2::ResourceId {
            resource_type: "user".into(),
            resource: i.to_string(),
            ..Default::default()
        }
        .into(),
        display_name: name.to_owned(),
        ..Default::default()
    };
    let base = (0..count).map(|i| resource(i, "a")).collect();
    let kept = (0..count).filter(|i| i % 3 > 0);
    let mut applied: Vec<_> = kept
        .map(|i| resource(i, if i % 5 == 0 { "b" } else { "a" }))
        .collect();
    applied.extend((count..count + count / 10).map(|i| resource(i, "c")));
    [base, applied].map(|resources| {
        let records = Generated {
            resources,
            ..Generated::default()
        };
        write(model, &records)
    })
}

#[test]
fn little_memory_takes_windows_and_changes_nothing() {
    let model = model(Identity::Structural);
    let [base, applied] = many(&model, 9_000);
    let side = |sync| Side::new(&model, sync);
    let with = |bytes| DiffOptions {
        identity: Identity::Structural,
        as_v3: false,
        changes: &Change::ALL,
        budget: MemoryBudget::new(bytes),
    };
    let all = found::<v2::Resource>(side(&base), side(&applied), &with(64 << 20));
    assert_eq!(all.len(), 3_000 + 1_200 + 900);
    // A table of 1,000 entries, of 2,000, and so on: windows of different widths.
    for bytes in [96_000, 400_000, 700_000, 1_000_000] {
        let options = with(bytes);
        let found = found::<v2::Resource>(side(&base), side(&applied), &options);
        assert!(found == all, "{bytes}");
        assert!(options.budget.peak() <= bytes, "{bytes}");
        assert_eq!(options.budget.used(), 0);
    }
}

#[test]
fn windows_scan_no_more_than_they_must() {
    #[derive(Default)]
    struct Rows(std::sync::atomic::AtomicU64);
    impl c1z::ops::Observer for Rows {
        fn advanced(&self, progress: &c1z::ops::Progress) -> c1z::Result<()> {
            self.0
                .fetch_max(progress.rows, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        }
    }
    let model = model(Identity::Structural);
    let [base, applied] = many(&model, 9_000);
    let side = |sync| Side::new(&model, sync);
    let scanned = |bytes| {
        let options = DiffOptions {
            identity: Identity::Structural,
            as_v3: false,
            changes: &[Change::Created],
            budget: MemoryBudget::new(bytes),
        };
        let rows = Rows::default();
        let mut visit = |_, _: v2::Resource| Ok::<_, Error>(());
        diff(side(&base), side(&applied), &options, &rows, &mut visit).unwrap();
        rows.0.into_inner()
    };
    let once = scanned(64 << 20);
    // 2,000 entries hold a quarter of the base and hardly more; 4 to 8 windows.
    let windows = scanned(2 * 2_000 * 96) / once;
    assert!((4..=8).contains(&windows), "{windows} windows");
}

#[test]
fn what_stops_a_comparison_is_its_error() {
    let model = model(Identity::Structural);
    let [base, applied] = many(&model, 50);
    let side = |sync| Side::new(&model, sync);
    let options = DiffOptions {
        identity: Identity::Structural,
        as_v3: false,
        changes: &Change::ALL,
        budget: MemoryBudget::new(95_999),
    };
    let mut visit = |_, _: v2::Resource| Err::<(), _>(Error::invalid("enough"));
    let error = diff(
        side(&base),
        side(&applied),
        &options,
        &NoObserver,
        &mut visit,
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    let options = DiffOptions {
        budget: MemoryBudget::default(),
        ..options
    };
    let error = diff(
        side(&base),
        side(&applied),
        &options,
        &NoObserver,
        &mut visit,
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "enough");
    let absent = SyncId::new("absent").unwrap();
    let error = diff(
        side(&base),
        side(&absent),
        &options,
        &NoObserver,
        &mut visit,
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_change_of_nothing_but_the_expansion_is_a_change() {
    for identity in [Identity::External, Identity::Structural] {
        let model = model(identity);
        let records = generate(&GenerateOptions::small(3));
        let base = write(&model, &records);
        let mut next = records.clone();
        let is_expandable = |any: &c1z_proto::google::protobuf::Any| {
            any.type_url.ends_with("c1.connector.v2.GrantExpandable")
        };
        let plain = next
            .grants
            .iter_mut()
            .find(|grant| !grant.annotations.iter().any(is_expandable));
        let rule = v2::GrantExpandable {
            entitlement_ids: vec!["another".into()],
            ..Default::default()
        };
        plain
            .unwrap()
            .annotations
            .push(c1z_proto::google::protobuf::Any {
                type_url: "type.googleapis.com/c1.connector.v2.GrantExpandable".into(),
                value: c1z_proto::encode_canonical(&rule),
                ..Default::default()
            });
        let applied = write(&model, &next);
        let side = |sync| Side::new(&model, sync);
        let (base, applied) = (side(&base), side(&applied));
        let options = DiffOptions {
            identity,
            as_v3: false,
            changes: &Change::ALL,
            budget: MemoryBudget::default(),
        };
        let changes = found::<v2::Grant>(base, applied, &options);
        let kinds: Vec<_> = changes.iter().map(|(change, _)| *change).collect();
        assert_eq!(kinds, [Change::Modified], "{identity:?}");
        assert_eq!(found::<v2::Resource>(base, applied, &options), []);
    }
}

/// Found by a random history: type and id of a resource are one text to v1 files.
#[test]
fn resources_of_one_external_id_are_one_record_to_v1_files() {
    let resource = |of: &str, id: &str| v2::Resource {
        id: v2::ResourceId {
            resource_type: of.to_owned(),
            resource: id.to_owned(),
            ..Default::default()
        }
        .into(),
        ..Default::default()
    };
    for (identity, expected) in [
        (Identity::External, vec![Change::Modified]),
        (Identity::Structural, vec![Change::Created, Change::Deleted]),
    ] {
        let model = model(identity);
        let syncs = [resource("user", "x:1:"), resource("user:x", "1:")].map(|only| {
            let records = Generated {
                resources: vec![only],
                ..Generated::default()
            };
            write(&model, &records)
        });
        let [base, applied] = syncs.each_ref().map(|sync| Side::new(&model, sync));
        let options = DiffOptions {
            identity,
            as_v3: false,
            changes: &Change::ALL,
            budget: MemoryBudget::default(),
        };
        let changes = found::<v2::Resource>(base, applied, &options);
        let kinds: Vec<_> = changes.iter().map(|(change, _)| *change).collect();
        assert_eq!(kinds, expected, "{identity:?}");
        let now = resource("user:x", "1:");
        let before = now.counterpart(base, identity).unwrap();
        let is_known = identity == Identity::External;
        assert_eq!(before, is_known.then(|| resource("user", "x:1:")));
    }
}
