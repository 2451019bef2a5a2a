//! What was deleted gives its space back.

use std::path::Path;
use std::sync::Arc;

use c1z::engine::types::SyncType;
use shingle::db::{Database, ReadOptions};
use shingle::vfs::{Fs, MemFs};

use super::DIR;
use super::shared::{grants, store_on};

/// Tombstones, entries and bytes of the tables of the store.
fn tables(fs: &MemFs) -> (u64, u64, u64) {
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let database = Database::open_shared(&shared, DIR, &ReadOptions::default()).unwrap();
    let mut sum = (0, 0, 0);
    for (_, meta) in database.version().tables() {
        let table = database.open_table(meta).unwrap();
        sum.0 += table.properties().deletions;
        sum.1 += table.properties().entries;
        sum.2 += meta.size;
    }
    sum
}

/// Bytes of all files of the store.
fn bytes(fs: &MemFs) -> u64 {
    let names = fs.list(Path::new(DIR)).unwrap().into_iter();
    let len = |name: String| fs.metadata(&Path::new(DIR).join(name)).unwrap().len;
    names.map(len).sum()
}

#[test]
fn a_deleted_sync_leaves_no_tombstones_and_no_bytes() {
    for finished in [false, true] {
        let fs = MemFs::new();
        let store = store_on(&fs);
        let engine = store.engine();
        let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
        for round in 0..8 {
            engine
                .put_grants(&grants(round * 500, round * 500 + 500))
                .unwrap();
        }
        engine.delete_grant("group:g:member:user:u00007").unwrap();
        if finished {
            engine.end_sync().unwrap();
        } else {
            engine.checkpoint_sync("t").unwrap();
        }
        let (before, bytes_before) = (tables(&fs), bytes(&fs));
        assert!(before.1 > 1000, "{before:?}");
        // The current sync is not deleted.
        let store = store.reopen(false).unwrap();
        store.engine().delete_sync_run(&sync).unwrap();
        let (after, bytes_after) = (tables(&fs), bytes(&fs));
        println!(
            "finished={finished}: tombstones, entries, bytes of tables {before:?} -> {after:?}; \
             all files {bytes_before} -> {bytes_after} bytes"
        );
        assert_eq!(after.0, 0, "tombstones");
        assert!(after.1 <= 2, "only the stamps stay");
        assert!(
            after.2 < 2000 && bytes_after < 16_000,
            "{after:?} {bytes_after}"
        );
        let rows = super::rows_in(&store);
        assert!(rows.len() <= 2, "{rows:?}");
    }
}
