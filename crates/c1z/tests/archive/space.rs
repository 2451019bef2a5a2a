//! What a deletion leaves: inside a database range tombstones until the next seal, in a folder nothing.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use c1z::archive::CleanupOptions;
use c1z::engine::types::SyncType;
use c1z::engine::{PebbleOptions, PebbleStore};
use shingle::batch::Op;
use shingle::db::{Database, ReadOptions};
use shingle::key::Kind;
use shingle::manifest::FileName;
use shingle::vfs::{Fs, MemFs, Op as FsOp};
use shingle::wal::visit_batches;
use testkit::durable::{Bend, BentFs};

use crate::support::{FOLDER, fill, finished, open, options, runs};

const GRANTS: usize = 20_000;

fn bytes(fs: &MemFs, dir: &Path) -> u64 {
    let names = fs.list(dir).unwrap_or_default();
    let len = |name: String| {
        let found = fs.metadata(&dir.join(&name)).unwrap();
        if found.is_dir {
            bytes(fs, &dir.join(&name))
        } else {
            found.len
        }
    };
    names.into_iter().map(len).sum()
}

/// Deletions in the logs of a directory: of ranges and of single rows.
fn tombstones(fs: &MemFs, dir: &Path) -> (u64, u64) {
    let (mut ranges, mut points) = (0, 0);
    for name in fs.list(dir).unwrap() {
        let FileName::Log { number, .. } = FileName::parse(&name) else {
            continue;
        };
        let visited = visit_batches(fs, &dir.join(&name), number, |_, mut batch| {
            while let Some((_, op)) = batch.next_op()? {
                match op {
                    Op::DeleteRange { .. } => ranges += 1,
                    Op::Point { kind, .. } => points += u64::from(kind != Kind::Set),
                    _ => {}
                }
            }
            Ok(())
        });
        visited.unwrap();
    }
    (ranges, points)
}

#[test]
fn deleting_a_sync_in_its_database_leaves_no_tombstone() {
    let fs = MemFs::new();
    let dir = Path::new("db");
    let PebbleOptions { ids, .. } = options(Arc::new(fs.clone()), 1).writing;
    let options = || PebbleOptions {
        ids: ids.clone(),
        ..PebbleOptions::default()
    };
    let store = PebbleStore::create_in(Arc::new(fs.clone()), dir, options()).unwrap();
    let id = store.engine().start_new_sync(&SyncType::Full, "").unwrap();
    fill(store.engine(), "a", GRANTS).unwrap();
    store.engine().end_sync().unwrap();
    drop(store);
    let full = bytes(&fs, dir);
    let store = PebbleStore::open_in(Arc::new(fs.clone()), dir, options()).unwrap();
    store.engine().delete_sync_run(&id).unwrap();
    assert_eq!(runs(store.engine()), []);
    drop(store);
    let (ranges, points) = tombstones(&fs, dir);
    let deleted = bytes(&fs, dir);
    println!(
        "{GRANTS} grants: {full} bytes sealed; deleted: {ranges} range tombstones, {points} point tombstones"
    );
    // The deletion compacts what it deleted.
    assert_eq!((ranges, points), (0, 0));
    assert!(deleted * 20 < full, "{deleted} of {full}");
    // The next sync's seal drops what was deleted, tombstones included.
    let store = PebbleStore::open_in(Arc::new(fs.clone()), dir, options()).unwrap();
    finished(store.engine(), &SyncType::Full, "b").unwrap();
    drop(store);
    let sealed = bytes(&fs, dir);
    println!("{deleted} bytes after the deletion, {sealed} after the next seal");
    assert!(sealed * 20 < full, "{sealed} of {full}");
    let database = Database::open_sealed(Arc::new(fs.clone()), dir, ReadOptions::default());
    let report = database.unwrap().check_levels().unwrap();
    assert_eq!(report.range_tombstones, 0);
}

/// Looks at the logs whenever a table is about to be made: before it, what a deletion wrote is still there.
#[derive(Debug)]
struct Lookout {
    disk: MemFs,
    most: Mutex<(u64, u64)>,
}

impl Bend for Lookout {
    fn bend(
        &self,
        op: FsOp,
        path: &Path,
        act: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        if op == FsOp::Create && path.extension().is_some_and(|of| of == "sst") {
            let seen = tombstones(&self.disk, path.parent().unwrap());
            let mut most = self.most.lock().unwrap();
            *most = (*most).max(seen);
        }
        act()
    }
}

/// The tombstones that a deletion writes before it compacts what it deleted.
fn tombstones_of_a_deletion(grants: usize) -> (u64, u64) {
    let fs = MemFs::new();
    let dir = Path::new("db");
    let lookout = Arc::new(Lookout {
        disk: fs.clone(),
        most: Mutex::default(),
    });
    let bent: Arc<dyn Fs> = Arc::new(BentFs::new(
        Arc::new(fs.clone()),
        Arc::<Lookout>::clone(&lookout),
    ));
    let writing = options(Arc::new(fs.clone()), 1).writing;
    let store = PebbleStore::create_in(bent, dir, writing).unwrap();
    let id = store.engine().start_new_sync(&SyncType::Full, "").unwrap();
    fill(store.engine(), "a", grants).unwrap();
    store.engine().end_sync().unwrap();
    *lookout.most.lock().unwrap() = (0, 0);
    store.engine().delete_sync_run(&id).unwrap();
    drop(store);
    assert_eq!(tombstones(&fs, dir), (0, 0));
    *lookout.most.lock().unwrap()
}

#[test]
fn a_deletion_writes_as_many_tombstones_whatever_the_sync_holds() {
    let few = tombstones_of_a_deletion(10);
    let many = tombstones_of_a_deletion(5_000);
    println!("{} range tombstones, {} point tombstones", many.0, many.1);
    assert_eq!(few, many);
    assert!(few.0 > 0 && few.0 + few.1 <= 24, "{few:?}");
}

#[test]
fn retention_in_a_folder_gives_all_bytes_back() {
    let fs = MemFs::new();
    let archive = open(&fs, 1);
    let engine = archive.engine();
    for name in ["a", "b", "c", "d"] {
        engine.start_new_sync(&SyncType::Full, "").unwrap();
        fill(engine, name, 2_000).unwrap();
        engine.end_sync().unwrap();
    }
    let before = bytes(&fs, Path::new(FOLDER));
    assert_eq!(engine.size_on_disk().unwrap(), before);
    let report = archive.cleanup(&CleanupOptions::default()).unwrap();
    let after = bytes(&fs, Path::new(FOLDER));
    println!(
        "{} of 4 syncs deleted: {before} bytes before, {after} after, {} reported, no tombstones",
        report.deleted.len(),
        report.bytes
    );
    assert_eq!(report.deleted.len(), 2);
    assert_eq!(before - after, report.bytes);
    assert!(after * 2 <= before + 1_000);
}

#[test]
fn a_cleanup_that_deletes_nothing_leaves_the_folder_clean() {
    let fs = MemFs::new();
    let archive = open(&fs, 3);
    finished(archive.engine(), &SyncType::Full, "a").unwrap();
    drop(archive);
    let archive = open(&fs, 4);
    let deleted = archive.cleanup(&CleanupOptions::default()).unwrap().deleted;
    assert_eq!((deleted, archive.engine().is_dirty()), (Vec::new(), false));
    for name in ["b", "c"] {
        finished(archive.engine(), &SyncType::Full, name).unwrap();
    }
    drop(archive);
    let archive = open(&fs, 5);
    let deleted = archive.cleanup(&CleanupOptions::default()).unwrap().deleted;
    assert_eq!((deleted.len(), archive.engine().is_dirty()), (1, true));
}
