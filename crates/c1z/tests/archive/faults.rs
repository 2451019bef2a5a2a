//! Every operation on files of a whole life of a folder fails: syncs that start and end, one that is left, packing,
//! unpacking, a link, a deletion, retention, adding a file, closing.
//!
//! After each failure the process ends or the power fails, in turn, and the next opening must find every sync that was
//! acknowledged, finished ones whole, deleted ones gone, and of what retention decides all or nothing. Then the folder must go
//! on working. Sweeps of single kinds of operations are exhaustive; of all kinds every `C1Z_FAULT_STEP`-th index is taken (default 61; 1:
//! all). The sweep ends with the first index that no operation has.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use c1z::archive::{Archive, CleanupOptions};
use c1z::engine::types::{SyncId, SyncType};
use c1z::engine::{Scope, StorageEngine};
use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFs};

use crate::support::{FOLDER, fill, finished, holders, ids, open, options, runs};

/// Grants of each filled sync.
const GRANTS: usize = 3;

/// What is known of a sync.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that was acknowledged, in any combination"
)]
#[derive(Clone, Debug, Default)]
struct Known {
    name: String,
    /// Its start was acknowledged, and no deletion was tried.
    must_be: bool,
    /// Its deletion was acknowledged.
    must_not_be: bool,
    /// All its grants were acknowledged.
    is_filled: bool,
    /// Its end was acknowledged.
    is_finished: bool,
}

/// What is known of a folder.
#[derive(Debug, Default)]
struct Life {
    syncs: BTreeMap<SyncId, Known>,
    /// What retention was to delete, together.
    expired: Vec<SyncId>,
    /// An addition was tried.
    added: bool,
}

impl Life {
    fn whole(&mut self, engine: &dyn StorageEngine, name: &str) -> Option<SyncId> {
        let id = self.start(engine, &SyncType::Full, name)?;
        let known = self.syncs.get_mut(&id)?;
        known.is_filled = fill(engine, name, GRANTS).is_ok();
        if known.is_filled && engine.end_sync().is_ok() {
            known.is_finished = true;
        }
        Some(id)
    }

    /// Ends the sync whose end failed before; whether none is open.
    fn end_again(&mut self, engine: &dyn StorageEngine) -> bool {
        let open = engine.current_sync();
        let open = open.and_then(|id| self.syncs.get_mut(&id));
        match open.filter(|known| !known.is_finished) {
            Some(known) if known.is_filled => {
                known.is_finished = engine.end_sync().is_ok();
                known.is_finished
            }
            open => open.is_none(),
        }
    }

    fn start(&mut self, engine: &dyn StorageEngine, of: &SyncType, name: &str) -> Option<SyncId> {
        if !self.end_again(engine) {
            return None;
        }
        let before = engine.current_sync();
        let Ok(id) = engine.start_new_sync(of, "") else {
            assert_eq!(
                engine.current_sync(),
                before,
                "a failed start binds nothing"
            );
            return None;
        };
        let known = Known {
            name: name.to_owned(),
            must_be: true,
            ..Known::default()
        };
        self.syncs.entry(id.clone()).or_insert(known);
        Some(id)
    }

    /// A deletion is tried.
    fn delete(&mut self, id: &SyncId, delete: impl FnOnce() -> bool) {
        if let Some(known) = self.syncs.get_mut(id) {
            known.must_be = false;
            known.must_not_be = delete();
        }
    }
}

/// A file of a sync that is added.
const FILE: &str = "other.c1z";
const FILE_SYNC: &str = "added";

fn other_file(disk: &MemFs) {
    let fs = MemFs::new();
    let archive = open(&fs, 77);
    let id = finished(archive.engine(), &SyncType::Full, FILE_SYNC).unwrap();
    let output = Path::new(FILE);
    archive
        .publish(&id, output, c1z::envelope::Existing::Keep)
        .unwrap();
    disk.install(FILE, fs.read(FILE).unwrap()).unwrap();
}

/// Lives the life as far as it goes.
fn live(fs: &FaultFs) -> Life {
    let mut life = Life::default();
    let Ok(archive) = Archive::create(FOLDER, options(Arc::new(fs.clone()), 5)) else {
        return life;
    };
    let engine = archive.engine();
    let first = life.whole(engine, "first");
    let left = life.start(engine, &SyncType::Partial, "left");
    if let Some(first) = &first
        && left.is_some()
        && engine.set_current_sync(first).is_err()
    {
        return life;
    }
    let second = life.whole(engine, "second");
    if let Some(first) = &first {
        let _ = archive.pack(first);
    }
    if let Some(second) = &second {
        life.delete(second, || engine.delete_sync_run(second).is_ok());
    }
    life.whole(engine, "third");
    life.added = true;
    if let Ok(report) = archive.add(Path::new(FILE), false) {
        let known = Known {
            name: FILE_SYNC.to_owned(),
            must_be: true,
            is_finished: true,
            ..Known::default()
        };
        life.syncs.insert(report.syncs[0].id.clone(), known);
    }
    if let Some(first) = &first {
        // The packed entry becomes a directory again.
        let _ = engine.set_sync_link(first, "partner");
    }
    life.whole(engine, "fourth");
    let dry = CleanupOptions {
        dry_run: true,
        ..CleanupOptions::default()
    };
    if let Ok(plan) = archive.cleanup(&dry) {
        life.expired = plan.deleted.into_iter().map(|gone| gone.id).collect();
        let done = archive.cleanup(&CleanupOptions::default()).is_ok();
        for id in life.expired.clone() {
            life.delete(&id, || done);
        }
    }
    if life
        .start(engine, &SyncType::ResourcesOnly, "last")
        .is_some()
    {
        let _ = fill(engine, "last", GRANTS);
        let _ = engine.checkpoint_sync("halfway");
    }
    let _ = archive.close();
    life
}

fn all_of(name: &str) -> Vec<String> {
    (0..GRANTS).map(|i| format!("{name}-{i}")).collect()
}

/// Opens what a failure left; everything is as it was acknowledged.
fn check(disk: &MemFs, life: &Life) {
    let seen = Archive::open_for_reading(FOLDER, options(Arc::new(disk.clone()), 8));
    let archive = open(disk, 9);
    let engine = archive.engine();
    let found = runs(engine);
    if let Ok(seen) = seen {
        assert_eq!(
            ids(seen.engine()),
            ids(engine),
            "a reader before the writer"
        );
    }
    for (id, known) in &life.syncs {
        let run = found.iter().find(|run| run.id == *id);
        assert!(run.is_some() || !known.must_be, "lost: {known:?}");
        assert!(run.is_none() || !known.must_not_be, "back: {known:?}");
        if let Some(run) = run {
            assert!(run.is_finished() || !known.is_finished, "open: {known:?}");
        }
    }
    for run in &found {
        let rows = holders(engine, &Scope::Sync(run.id.clone()));
        let known = life.syncs.get(&run.id);
        let name = known.map_or(FILE_SYNC, |known| known.name.as_str());
        if run.is_finished() {
            assert!(known.is_some() || life.added, "unknown: {run:?}");
            assert_eq!(rows, all_of(name), "half there: {run:?}");
            assert_eq!(engine.stats(Some(&run.id), None).unwrap().grants, 3);
        } else {
            // One batch is one call: there or not.
            assert!(rows.is_empty() || rows == all_of(name), "{rows:?}");
            assert!(known.is_some() || rows.is_empty(), "unknown: {run:?}");
        }
    }
    let is_there = |id: &&SyncId| found.iter().any(|run| run.id == **id);
    let left = life.expired.iter().filter(is_there).count();
    assert!(left == 0 || left == life.expired.len(), "half cleaned up");
    let hidden = |name: &String| name.starts_with('.') || name == "c1z.intent";
    let names = disk.list(Path::new(FOLDER)).unwrap();
    assert!(!names.iter().any(hidden), "leftovers: {names:?}");
    go_on(&archive);
    let before = ids(engine);
    archive.close().unwrap();
    let again = Archive::open_for_reading(FOLDER, options(Arc::new(disk.clone()), 10)).unwrap();
    assert_eq!(ids(again.engine()), before);
}

/// Unfinished syncs are finished, and a new one is written.
fn go_on(archive: &Archive) {
    let engine = archive.engine();
    for run in runs(engine).iter().filter(|run| !run.is_finished()) {
        let open = engine.resume_sync(None, Some(&run.id)).unwrap();
        fill(engine, "resumed", 1).unwrap();
        engine.end_sync().unwrap();
        assert!(engine.get_sync(&open).unwrap().is_finished());
    }
    let new = finished(engine, &SyncType::Full, "after").unwrap();
    assert_eq!(holders(engine, &Scope::Sync(new)), all_of("after"));
}

/// Runs the life under `plan`, in which `{k}` is the index, for every `step`-th index; how many indexes there are.
fn sweep(plan: &str, step: u64) -> u64 {
    for k in (0..).step_by(usize::try_from(step).unwrap()) {
        let disk = MemFs::new();
        other_file(&disk);
        let text = plan.replace("{k}", &k.to_string());
        let fs = FaultFs::new(Arc::new(disk.clone()), FaultPlan::parse(&text).unwrap());
        let lived = catch_unwind(AssertUnwindSafe(|| live(&fs)));
        let Ok(life) = lived else {
            panic!("the life failed under `{text}`");
        };
        if fs.faults() == 0 {
            return k;
        }
        for (what, image) in [
            ("a power failure", disk.crash_clone()),
            (
                "a power failure, partly written",
                disk.crash_clone_partial(k),
            ),
            // Last: it changes what the others are made of.
            ("the end of the process", disk.clone()),
        ] {
            let checked = catch_unwind(AssertUnwindSafe(|| check(&image, &life)));
            assert!(checked.is_ok(), "`{text}`, then {what}: {life:#?}");
        }
    }
    unreachable!("the sweep ends")
}

fn step() -> u64 {
    let text = std::env::var("C1Z_FAULT_STEP").ok();
    text.map_or(61, |text| text.parse().unwrap())
}

#[test]
fn a_life_without_faults_ends_as_it_should() {
    let disk = MemFs::new();
    other_file(&disk);
    let fs = FaultFs::new(
        Arc::new(disk.clone()),
        FaultPlan::parse("fail any 1000000").unwrap(),
    );
    let life = live(&fs);
    println!(
        "{} operations, {} syncs",
        fs.operations_total(),
        life.syncs.len()
    );
    assert_eq!(life.expired.len(), 2);
    check(&disk, &life);
}

#[test]
fn names_change_safely() {
    for op in ["rename", "syncdir", "mkdir", "remove", "lock", "list"] {
        let once = sweep(&format!("fail {op} {{k}}"), 1.max(step() / 30));
        println!("fail {op}: {once} operations");
        assert!(once > 5 || op == "lock", "{op}: {once}");
    }
}

#[test]
fn any_operation_fails_once() {
    println!("fail any: {} operations", sweep("fail any {k}", step()));
}

#[test]
fn the_disk_dies() {
    println!("dead from: {} operations", sweep("fail any {k}..", step()));
}
