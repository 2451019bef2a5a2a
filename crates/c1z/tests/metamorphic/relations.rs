//! Relations that hold of any sync on any engine (`store-contract` §8.3, m1 and on). Each is tested over several seeds.
//!
//! | relation | test |
//! |---|---|
//! | m1 put x, put y of the same id ≡ put y | [`m1_the_last_put_counts`] |
//! | m2 batches split or permuted change nothing but row meta | [`m2_batches_do_not_matter`] |
//! | m3 put then delete ≡ never | [`m3_what_is_deleted_was_never_there`] |
//! | m4 reopening, rebuilding, saving, converting are identities | [`m4_what_is_saved_is_what_is_read`] |
//! | m5 diff(a, a) = ∅; base with diff(base, b) holds b | [`m5_a_diff_holds_what_is_new`] |
//! | m6 applying a pair diff gives the new sync | [`m6_an_applied_diff_is_the_new_sync`] |
//! | m10 a call that fails is no call | [`m10_a_failed_call_is_no_call`] |
//! | m11 no operation on a sync shows in another | [`m11_syncs_do_not_see_each_other`] |
//! | m12 deriving indexes again changes no answer | [`m12_rebuilt_indexes_change_no_answer`] |
//! | m13 page size and writes elsewhere change no list | [`m13_pages_do_not_depend_on_their_size`] |
//! | m14 to v3 and back twice ≡ once | [`m14_to_v3_and_back_twice_is_once`] |
//!
//! m7 (retention), m8 (merge) and m9 (rollback) are in [`crate::many`].

use std::sync::Arc;

use c1z::MemoryBudget;
use c1z::engine::page::collect_pages;
use c1z::engine::tee::{Allowed, HasEngine};
use c1z::engine::types::{SyncId, SyncType};
use c1z::engine::{
    EntitlementFilter, GrantFilter, Identity, PageRequest, ResourceFilter, Scope, StorageEngine,
};
use c1z::envelope::Existing;
use c1z::ops::NoObserver;
use c1z::ops::convert::{ConvertOptions, FileFormat, convert};
use c1z::ops::diff::{Change, Compared, DiffOptions, Side, diff};
use c1z_proto::connector::v2;
use shingle::vfs::MemFs;
use testkit::chance::Chance;
use testkit::clock::ManualClock;
use testkit::generate::{GenerateOptions, Generated, generate};

use crate::bench::{Bench, Lineup, START, TICK, differences};
use crate::grammar::Step;
use crate::observe::{key_of, observe, ref_of};
use crate::options::OptionSet;
use crate::records::Records;
use crate::stores::{AnyStore, Disk, Memory, model};

/// Seeds of each relation.
const SEEDS: u64 = 4;

/// A store of one sync, and what goes with it.
struct Subject {
    name: &'static str,
    store: Option<Box<dyn AnyStore>>,
    clock: Arc<ManualClock>,
    options: OptionSet,
    /// Where a store on disk is, and saved files.
    fs: MemFs,
}

type Make = fn(&OptionSet, &Arc<ManualClock>, &MemFs) -> Box<dyn AnyStore>;

impl Subject {
    fn engine(&self) -> &dyn StorageEngine {
        self.store.as_ref().unwrap().engine()
    }

    fn start(&self) -> SyncId {
        self.engine().start_new_sync(&SyncType::Full, "").unwrap()
    }

    fn change(&mut self, change: impl FnOnce(Box<dyn AnyStore>) -> Box<dyn AnyStore>) {
        self.store = self.store.take().map(change);
    }

    fn tick(&self) {
        self.clock.advance(TICK);
    }
}

/// An empty store of each kind, with options drawn from a seed.
fn subjects(seed: u64) -> Vec<Subject> {
    let options = OptionSet::draw(&mut Chance::seeded(seed));
    let kinds: [(&'static str, Make); 3] = [
        ("model", |options, clock, _| {
            Box::new(model(Identity::Structural, true, options, clock))
        }),
        ("pebble in memory", |options, clock, _| {
            Box::new(Memory::new(options, clock))
        }),
        ("pebble on disk", |options, clock, fs| {
            Box::new(Disk::new(fs, options, clock))
        }),
    ];
    let subject = |(name, make): (&'static str, Make)| {
        let clock = Arc::new(ManualClock::at(START));
        let fs = MemFs::new();
        Subject {
            name,
            store: Some(make(&options, &clock, &fs)),
            clock,
            options: options.clone(),
            fs,
        }
    };
    kinds.map(subject).into()
}

/// Runs a test on two fresh stores of each kind, for each seed.
fn on_pairs(test: impl Fn(u64, &mut Subject, &mut Subject)) {
    let mut runs = 0;
    for seed in 0..SEEDS {
        for (mut left, mut right) in subjects(seed).into_iter().zip(subjects(seed)) {
            test(seed, &mut left, &mut right);
            runs += 1;
        }
    }
    println!("{runs} runs over {SEEDS} seeds");
}

fn records(seed: u64) -> Generated {
    generate(&GenerateOptions::small(seed))
}

/// The same ids with other contents.
fn changed(mut records: Generated) -> Generated {
    for record in &mut records.resource_types {
        record.display_name.push_str(" changed");
    }
    for (at, record) in records.resources.iter_mut().enumerate() {
        record.description.push_str(" changed");
        if at % 3 == 0 {
            record.parent_resource_id = None.into();
        }
    }
    for record in &mut records.entitlements {
        record.slug.push_str(" changed");
    }
    for (at, record) in records.grants.iter_mut().enumerate() {
        if at % 2 == 0 {
            record.annotations.clear();
        }
        record.sources = None.into();
    }
    records
}

/// All records of the sync without the times at which they were written.
fn contents(engine: &dyn StorageEngine) -> Vec<String> {
    let scope = &Scope::Default;
    let mut rows = Vec::new();
    let types = collect_pages(|page| engine.list_resource_types(scope, page));
    rows.extend(types.unwrap().iter().map(|row| format!("{row:?}")));
    let all = ResourceFilter::default();
    let resources = collect_pages(|page| engine.list_resources(scope, &all, page)).unwrap();
    rows.extend(resources.iter().map(|row| format!("{row:?}")));
    for parent in resources.iter().take(8).map(ref_of) {
        let filter = ResourceFilter {
            parent: Some(parent.clone()),
            ..ResourceFilter::default()
        };
        let children = collect_pages(|page| engine.list_resources(scope, &filter, page));
        rows.extend(
            children
                .unwrap()
                .iter()
                .map(|row| format!("{parent}: {row:?}")),
        );
    }
    let all = EntitlementFilter::default();
    let entitlements = collect_pages(|page| engine.list_entitlements(scope, &all, page));
    rows.extend(entitlements.unwrap().iter().map(|row| format!("{row:?}")));
    let all = GrantFilter::default();
    for row in collect_pages(|page| engine.list_grants(scope, &all, page)).unwrap() {
        let expansion = (&row.expansion, row.needs_expansion);
        rows.push(format!("{:?} {expansion:?}", row.grant));
    }
    let pending = collect_pages(|page| engine.list_pending_expansion(scope, page));
    rows.extend(pending.unwrap().iter().map(|row| format!("{row:?}")));
    let assets = collect_pages(|page| engine.list_assets(scope, page));
    rows.extend(assets.unwrap().iter().map(|row| format!("{row:?}")));
    rows.sort();
    rows
}

#[test]
fn m1_the_last_put_counts() {
    on_pairs(|seed, twice, once| {
        let (first, second) = (records(seed), changed(records(seed)));
        twice.start();
        first.write_to(twice.engine(), 17).unwrap();
        twice.tick();
        second.write_to(twice.engine(), 23).unwrap();
        once.start();
        second.write_to(once.engine(), 1_000).unwrap();
        assert_eq!(contents(twice.engine()), contents(once.engine()), "{seed}");
    });
}

#[test]
fn m2_batches_do_not_matter() {
    on_pairs(|seed, split, whole| {
        let records = records(seed);
        whole.start();
        records.write_to(whole.engine(), 10_000).unwrap();
        let mut permuted = records.clone();
        permuted.resources.reverse();
        permuted.entitlements.reverse();
        permuted.grants.reverse();
        split.start();
        for batch in [1, 3] {
            permuted.write_to(split.engine(), batch).unwrap();
            split.tick();
        }
        assert_eq!(contents(split.engine()), contents(whole.engine()), "{seed}");
    });
}

#[test]
fn m3_what_is_deleted_was_never_there() {
    on_pairs(|seed, deleted, never| {
        let records = records(seed);
        let (kept, gone): (Vec<_>, Vec<_>) = records
            .grants
            .iter()
            .cloned()
            .enumerate()
            .partition(|(at, _)| at % 3 == 0);
        let grants = |of: Vec<(usize, v2::Grant)>| of.into_iter().map(|(_, grant)| grant).collect();
        let (kept, gone): (Vec<v2::Grant>, Vec<v2::Grant>) = (grants(kept), grants(gone));
        let part = |grants| Generated {
            grants,
            resources: records.resources.iter().skip(4).cloned().collect(),
            entitlements: records.entitlements.iter().skip(4).cloned().collect(),
            ..records.clone()
        };
        never.start();
        part(kept).write_to(never.engine(), 50).unwrap();
        deleted.start();
        records.write_to(deleted.engine(), 50).unwrap();
        deleted.tick();
        let engine = deleted.engine();
        let (by_key, by_id) = gone.split_at(gone.len() / 2);
        let keys: Vec<_> = by_key.iter().map(key_of).collect();
        assert_eq!(
            engine.delete_grants_by_keys(&keys).unwrap(),
            keys.len() as u64
        );
        for grant in by_id {
            if grant.id.is_empty() {
                engine.delete_grants_by_keys(&[key_of(grant)]).unwrap();
            } else {
                engine.delete_grant(&grant.id).unwrap();
            }
        }
        for resource in records.resources.iter().take(4) {
            assert_eq!(engine.delete_resource(&ref_of(resource)).unwrap(), 1);
        }
        for entitlement in records.entitlements.iter().take(4) {
            let of = c1z::engine::types::EntitlementRef {
                id: entitlement.id.clone(),
                resource: entitlement.resource.as_option().map(ref_of),
            };
            assert_eq!(engine.delete_entitlement(&of).unwrap(), 1);
        }
        assert_eq!(
            contents(deleted.engine()),
            contents(never.engine()),
            "{seed}"
        );
    });
}

/// A file system with a store's sync as a v3 file; none if the store cannot be saved.
fn published(subject: &Subject) -> Option<MemFs> {
    let fs = subject.fs.clone();
    let store = subject.store.as_ref().unwrap();
    let pack = subject.options.pack(&fs);
    let done = store.publish("v3.c1z".as_ref(), &pack).unwrap();
    done.is_some().then_some(fs)
}

fn to(fs: &MemFs, from: &str, output: &str, format: FileFormat) {
    let options = ConvertOptions {
        fs: Arc::new(fs.clone()),
        to: Some(format),
        existing: Existing::Replace,
        ..ConvertOptions::default()
    };
    convert(from, output, &options).unwrap();
}

#[test]
fn m4_what_is_saved_is_what_is_read() {
    on_pairs(|seed, subject, _| {
        let sync = subject.start();
        records(seed).write_to(subject.engine(), 30).unwrap();
        subject.engine().checkpoint_sync("halfway").unwrap();
        if seed % 2 == 0 {
            subject.tick();
            subject.engine().end_sync().unwrap();
        } else {
            subject.change(|store| store.reopen(false));
        }
        let before = observe(subject.engine(), 3);
        if let Some(fs) = published(subject) {
            to(&fs, "v3.c1z", "v1.c1z", FileFormat::V1);
            to(&fs, "v1.c1z", "back.c1z", FileFormat::V3);
            let files = [
                ("v3.c1z", Allowed::ALIKE),
                ("v1.c1z", Allowed::V3_AND_V1),
                ("back.c1z", Allowed::ALIKE),
            ];
            for (file, allowed) in files {
                let open = subject.options.open(&fs, &subject.clock);
                let saved = c1z::open_with(file, &open).unwrap();
                let found = differences(subject.engine(), saved.reader(), allowed, &sync);
                assert_eq!(
                    found.unwrap(),
                    Vec::<String>::new(),
                    "{seed} {file} {}",
                    subject.name
                );
            }
        }
        subject.change(|store| store.reopen(true));
        let mut after = observe(subject.engine(), 3);
        let clean = observe_clean(before);
        after.retain(|(about, _)| about != "dirty");
        assert_eq!(after, clean, "{seed} {}", subject.name);
    });
}

/// Without the flag that saving and opening clear.
fn observe_clean(mut answers: Vec<(String, String)>) -> Vec<(String, String)> {
    answers.retain(|(about, _)| about != "dirty");
    answers
}

/// Two syncs in two stores of one kind: the second is the first with changes.
fn base_and_applied(seed: u64, base: &Subject, applied: &Subject) -> [SyncId; 2] {
    let ids = [base.start(), applied.start()];
    let all = records(seed);
    let old = Generated {
        grants: all.grants.iter().skip(20).cloned().collect(),
        resources: all.resources.iter().skip(5).cloned().collect(),
        ..all.clone()
    };
    let mut new = changed(all.clone());
    new.grants.truncate(all.grants.len().saturating_sub(15));
    new.entitlements.truncate(10);
    old.write_to(base.engine(), 100).unwrap();
    new.write_to(applied.engine(), 100).unwrap();
    ids
}

fn changes<R: Compared>(
    base: (&Subject, &SyncId),
    applied: (&Subject, &SyncId),
) -> Vec<(Change, R)> {
    let options = DiffOptions {
        identity: Identity::Structural,
        as_v3: false,
        changes: &Change::ALL,
        budget: MemoryBudget::new(1 << 20),
    };
    let [base, applied] = [base, applied].map(|(subject, sync)| Side::new(subject.engine(), sync));
    let mut found = Vec::new();
    let mut visit = |change, record| -> c1z::Result<()> {
        found.push((change, record));
        Ok(())
    };
    diff(base, applied, &options, &NoObserver, &mut visit).unwrap();
    found
}

/// The records of one kind of change.
fn those<R: Clone>(changes: &[(Change, R)], wanted: &[Change]) -> Vec<R> {
    let wanted = changes.iter().filter(|(change, _)| wanted.contains(change));
    wanted.map(|(_, record)| record.clone()).collect()
}

#[test]
fn m5_a_diff_holds_what_is_new() {
    on_pairs(|seed, base, applied| {
        let [old, new] = base_and_applied(seed, base, applied);
        let same = changes::<v2::Grant>((base, &old), (base, &old));
        assert!(same.is_empty(), "{seed}");
        let grants = changes::<v2::Grant>((base, &old), (applied, &new));
        base.engine()
            .put_grants(&those(&grants, &[Change::Created]))
            .unwrap();
        let resources = changes::<v2::Resource>((base, &old), (applied, &new));
        base.engine()
            .put_resources(&those(&resources, &[Change::Created]))
            .unwrap();
        let left = changes::<v2::Grant>((base, &old), (applied, &new));
        assert!(those(&left, &[Change::Created]).is_empty(), "{seed}");
        let left = changes::<v2::Resource>((base, &old), (applied, &new));
        assert!(those(&left, &[Change::Created]).is_empty(), "{seed}");
    });
}

#[test]
fn m6_an_applied_diff_is_the_new_sync() {
    const UPSERTS: [Change; 2] = [Change::Created, Change::Modified];
    on_pairs(|seed, base, applied| {
        let [old, new] = base_and_applied(seed, base, applied);
        let (from, to) = ((&*base, &old), (&*applied, &new));
        let types = changes::<v2::ResourceType>(from, to);
        let resources = changes::<v2::Resource>(from, to);
        let entitlements = changes::<v2::Entitlement>(from, to);
        let grants = changes::<v2::Grant>(from, to);
        assert!(!those(&grants, &[Change::Deleted]).is_empty());
        base.tick();
        let engine = base.engine();
        engine.put_resource_types(&those(&types, &UPSERTS)).unwrap();
        engine.put_resources(&those(&resources, &UPSERTS)).unwrap();
        engine
            .put_entitlements(&those(&entitlements, &UPSERTS))
            .unwrap();
        engine.put_grants(&those(&grants, &UPSERTS)).unwrap();
        let gone: Vec<_> = those(&grants, &[Change::Deleted])
            .iter()
            .map(key_of)
            .collect();
        engine.delete_grants_by_keys(&gone).unwrap();
        for resource in those(&resources, &[Change::Deleted]) {
            engine.delete_resource(&ref_of(&resource)).unwrap();
        }
        for of in those(&entitlements, &[Change::Deleted]) {
            let of = c1z::engine::types::EntitlementRef {
                resource: of.resource.as_option().map(ref_of),
                id: of.id,
            };
            engine.delete_entitlement(&of).unwrap();
        }
        let without_flags = |engine| {
            let mut rows = contents(engine);
            // The profile without GrantExpandable in lists applies grants without it.
            rows.retain(|row| !row.starts_with("PendingExpansion"));
            rows
        };
        if base.options.profile == c1z::engine::Profile::Ours {
            assert_eq!(
                without_flags(base.engine()),
                without_flags(applied.engine()),
                "{seed}"
            );
        }
    });
}

#[test]
fn m10_a_failed_call_is_no_call() {
    let (mut failed, mut steps) = (0, 0);
    for seed in 0..12 {
        let mut chance = Chance::seeded(seed);
        let drawn = Records::new(seed, true);
        let mut bench = Bench::new(Lineup::Engines, seed);
        for _ in 0..25 {
            let is_writing = bench.engine().current_sync().is_some();
            let step = Step::draw(&mut chance, &drawn, is_writing);
            let before = observe(bench.engine(), 7);
            steps += 1;
            if !bench.take(&step).unwrap() {
                failed += 1;
                let after = observe(bench.engine(), 7);
                assert_eq!(before, after, "{seed}: {step:?}");
                bench.take(&Step::Compare(7)).unwrap();
            }
        }
    }
    println!("{failed} of {steps} calls failed");
    assert!(failed > 30);
}

#[test]
fn m11_syncs_do_not_see_each_other() {
    let mut steps = 0;
    for seed in 0..SEEDS {
        let options = OptionSet::draw(&mut Chance::seeded(seed));
        let clock = Arc::new(ManualClock::at(START));
        for identity in [Identity::Structural, Identity::External] {
            let store = model(identity, false, &options, &clock);
            let engine = HasEngine::engine(&store);
            let kept = engine.start_new_sync(&SyncType::Full, "").unwrap();
            records(seed).write_to(engine, 40).unwrap();
            engine.end_sync().unwrap();
            let scope = Scope::Sync(kept.clone());
            let all = GrantFilter::default();
            let grants = || collect_pages(|page| engine.list_grants(&scope, &all, page)).unwrap();
            let (before, run) = (grants(), engine.get_sync(&kept).unwrap());
            clock.advance(TICK);
            engine.start_new_sync(&SyncType::Partial, "").unwrap();
            let mut chance = Chance::seeded(seed);
            let drawn = Records::new(seed, true);
            for _ in 0..60 {
                let step = Step::draw(&mut chance, &drawn, true);
                let held = crate::grammar::held(engine);
                let others: Vec<_> = held.into_iter().filter(|id| *id != kept).collect();
                // Only calls that name a sync could name the kept one, and here none can.
                if !matches!(step, Step::Resume(..) | Step::StartOrResume(..)) {
                    let _ = step.call(engine, &others);
                }
                steps += 1;
            }
            assert_eq!(grants(), before, "{seed}");
            assert_eq!(engine.get_sync(&kept).unwrap(), run, "{seed}");
        }
    }
    println!("{steps} calls on other syncs");
}

#[test]
fn m12_rebuilt_indexes_change_no_answer() {
    on_pairs(|seed, subject, _| {
        subject.start();
        records(seed).write_to(subject.engine(), 30).unwrap();
        changed(records(seed))
            .write_to(subject.engine(), 11)
            .unwrap();
        if seed % 2 == 0 {
            subject.engine().end_sync().unwrap();
        }
        subject.change(|store| store.reopen(false));
        let before = observe(subject.engine(), 2);
        subject.change(AnyStore::rebuild);
        assert_eq!(
            observe(subject.engine(), 2),
            before,
            "{seed} {}",
            subject.name
        );
    });
}

#[test]
fn m13_pages_do_not_depend_on_their_size() {
    on_pairs(|seed, subject, _| {
        subject.start();
        let records = records(seed);
        records.write_to(subject.engine(), 30).unwrap();
        let engine = subject.engine();
        let Some(grant) = records.grants.first() else {
            return;
        };
        let key = key_of(grant);
        let filters = [
            GrantFilter {
                entitlement: Some(key.entitlement.clone()),
                ..GrantFilter::default()
            },
            GrantFilter {
                principal: Some(key.principal.clone()),
                ..GrantFilter::default()
            },
            GrantFilter::default(),
        ];
        for filter in filters {
            let whole = collect_pages(|page| engine.list_grants(&Scope::Default, &filter, page));
            let whole = whole.unwrap();
            let n = u32::try_from(whole.len()).unwrap();
            for size in [1, 2, 3, 7, n.max(2) - 1, n.max(1), n + 1, 0, 10_001] {
                let mut rows = Vec::new();
                let mut request = Some(PageRequest::first(size));
                while let Some(page) = request {
                    let page = engine.list_grants(&Scope::Default, &filter, &page).unwrap();
                    rows.extend(page.rows.iter().cloned());
                    request = PageRequest::after(size, &page);
                    // A write that has nothing to do with grants.
                    engine.put_resource_types(&records.resource_types).unwrap();
                }
                assert_eq!(rows, whole, "{seed} {size}");
            }
        }
    });
}

#[test]
fn m14_to_v3_and_back_twice_is_once() {
    on_pairs(|seed, subject, _| {
        let sync = subject.start();
        records(seed).write_to(subject.engine(), 30).unwrap();
        subject.engine().end_sync().unwrap();
        let Some(fs) = published(subject) else { return };
        to(&fs, "v3.c1z", "once.v1.c1z", FileFormat::V1);
        to(&fs, "once.v1.c1z", "once.v3.c1z", FileFormat::V3);
        to(&fs, "once.v3.c1z", "twice.v1.c1z", FileFormat::V1);
        to(&fs, "twice.v1.c1z", "twice.v3.c1z", FileFormat::V3);
        let open =
            |file: &str| c1z::open_with(file, &subject.options.open(&fs, &subject.clock)).unwrap();
        let pairs = [
            ("once.v1.c1z", "twice.v1.c1z", Allowed::ALIKE_V1),
            ("once.v3.c1z", "twice.v3.c1z", Allowed::ALIKE),
        ];
        for (once, twice, allowed) in pairs {
            let [once, twice] = [once, twice].map(open);
            let found = differences(once.reader(), twice.reader(), allowed, &sync).unwrap();
            assert_eq!(found, Vec::<String>::new(), "{seed}");
        }
    });
}
