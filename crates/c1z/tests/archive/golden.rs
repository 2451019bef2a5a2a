//! The recorded writes of several syncs, replayed into a folder, compared with the SQLite file that Go made of them: the
//! runs, and all answers about every sync, as v3 files give them.
//!
//! `cleanup` runs retention in the end. Go's dump tells only of what stayed, so the syncs that go have ids of our own.

use std::sync::Arc;
use std::time::Duration;

use c1z::archive::{Archive, ArchiveOptions, CleanupOptions};
use c1z::engine::page::collect_pages;
use c1z::engine::types::{SyncId, SyncRun};
use c1z::engine::{PebbleOptions, Profile, Reader, Scope};
use c1z::ksuid::Ksuid;
use c1z::v1_tables::Zone;
use c1z::{OpenOptions, Store};
use shingle::vfs::MemFs;
use testkit::clock::ManualClock;
use testkit::golden::ops::Op;
use testkit::golden::{Case, Dump};
use testkit::ids::ListedIds;
use testkit::replay::{ReplayOptions, replay};

use crate::answers::{answers, subjects};
use crate::support::{FOLDER, options, runs};

/// A folder that holds what the case's writes put into it, and how many syncs retention deleted.
fn replayed(case: &Case, dump: &Dump) -> (Archive, usize) {
    let steps = case.ops().unwrap();
    let is_start = |op: &Op| matches!(op, Op::StartSync { .. });
    let started = steps.iter().filter(|step| is_start(&step.op)).count();
    let kept: Vec<_> = dump.sync_runs().collect();
    // Retention deletes the oldest.
    let gone = started - kept.len();
    let id = |number: usize| Ksuid::new(1_700_000_000 + number as u64, [7; 16]).unwrap();
    let ids = (0..gone).map(|number| SyncId::from_stored(id(number).to_string()));
    let ids = ids.chain(kept.iter().map(|run| SyncId::from_stored(&run.id)));
    let clock = Arc::new(ManualClock::at(kept[0].started_at.plus_seconds(-3_600)));
    let plain = options(Arc::new(MemFs::new()), 1);
    let options = ArchiveOptions {
        reading: OpenOptions {
            clock: clock.clone(),
            profile: Profile::GoSqlite,
            ..plain.reading
        },
        writing: PebbleOptions {
            ids: Arc::new(ListedIds::new(ids.collect::<Vec<_>>())),
            ..plain.writing
        },
        ..plain
    };
    let archive = Archive::create(FOLDER, options.clone()).unwrap();
    let mut number = 0;
    let mut before = |step: &testkit::golden::ops::Step| {
        let run = |number: usize| {
            number
                .checked_sub(gone + 1)
                .and_then(|index| kept.get(index))
        };
        clock.advance(Duration::from_nanos(1));
        match &step.op {
            Op::StartSync { .. } => {
                number += 1;
                if let Some(run) = run(number) {
                    clock.set(run.started_at);
                }
            }
            Op::EndSync => {
                if let Some(at) = run(number).and_then(|run| run.ended_at) {
                    clock.set(at);
                }
            }
            Op::Sleep => clock.advance(Duration::from_secs(1)),
            _ => {}
        }
    };
    let mut deleted = 0;
    let done = replay(
        archive.engine(),
        &steps,
        ReplayOptions {
            before: Some(&mut before),
            handler: Some(&mut |_, step, _| {
                matches!(step.op, Op::Cleanup).then(|| {
                    let report = archive.cleanup(&CleanupOptions::default())?;
                    deleted += report.deleted.len();
                    Ok(())
                })
            }),
        },
    );
    assert_eq!(done.unwrap().steps, steps.len());
    clock.set(dump.read_at());
    archive.close().unwrap();
    (Archive::open_for_reading(FOLDER, options).unwrap(), deleted)
}

/// Without what v1 has no place for, and zeros, which Go leaves out.
fn comparable(mut run: SyncRun) -> SyncRun {
    if let Some(stats) = &mut run.stats {
        (stats.written_at, stats.ingest_quality) = (None, None);
        for counts in [
            &mut stats.resources_by_resource_type,
            &mut stats.grants_by_resource_type,
            &mut stats.entitlements_by_resource_type,
        ] {
            counts.retain(|_, count| *count != 0);
        }
    }
    run
}

fn of_go(case: &Case, dump: &Dump) -> Store {
    let options = OpenOptions {
        zone: Zone::utc(),
        profile: Profile::GoSqlite,
        clock: Arc::new(ManualClock::at(dump.read_at())),
        ..OpenOptions::default()
    };
    c1z::open_with(case.path("v1.c1z"), &options).unwrap()
}

fn compare(name: &str) -> (usize, usize, usize) {
    let case = Case::named(name);
    let dump = case.dump("v1").unwrap();
    let (archive, deleted) = replayed(&case, &dump);
    let (ours, go) = (archive.engine(), of_go(&case, &dump));
    let found: Vec<_> = runs(ours).into_iter().map(comparable).collect();
    let wanted: Vec<_> = runs(go.reader()).into_iter().map(comparable).collect();
    assert_eq!(found, wanted);
    let mut questions = 0;
    for run in &wanted {
        let scope = Scope::Sync(run.id.clone());
        let about = subjects(ours, &scope).with(subjects(go.reader(), &scope));
        let (found, wanted) = (
            answers(ours, &scope, &about),
            answers(go.reader(), &scope, &about),
        );
        questions += wanted.len();
        for (question, answer) in &wanted {
            assert_eq!(found[question], *answer, "{name} {}: {question}", run.id);
        }
    }
    // Which sync is read without a name.
    for fallback in [c1z::engine::Fallback::List, c1z::engine::Fallback::Point] {
        let of = |reader: &dyn Reader| reader.resolve(&Scope::Default, fallback).unwrap();
        assert_eq!(of(ours), of(go.reader()), "{fallback:?}");
    }
    let types = |reader: &dyn Reader| {
        let rows = collect_pages(|page| reader.list_resource_types(&Scope::Default, page));
        rows.unwrap().len()
    };
    assert_eq!(types(ours), types(go.reader()));
    (wanted.len(), deleted, questions)
}

#[test]
fn several_syncs_are_what_go_made_of_them() {
    let (syncs, deleted, questions) = compare("multi-sync");
    println!("multi-sync: {syncs} syncs, {questions} answers");
    assert_eq!((syncs, deleted), (5, 0));
    assert!(questions > 500, "{questions}");
}

#[test]
fn retention_leaves_what_go_left() {
    let (syncs, deleted, questions) = compare("cleanup");
    println!("cleanup: {deleted} deleted, {syncs} stay, {questions} answers");
    assert_eq!((syncs, deleted), (2, 4));
    assert!(questions > 100, "{questions}");
}
