//! A store on disk beside one in memory: the same rows at every moment; what is deferred stays so until it is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use shingle::batch::Batch;
use shingle::vfs::MemFs;

use super::{Rows, grant, named, options, resource_type, rows};
use crate::ErrorKind;
use crate::engine::pebble::kv::Kv;
use crate::engine::pebble::live_kv::LiveKv;
use crate::engine::pebble::on_disk::DiskKv;
use crate::engine::pebble::{PebbleOptions, PebbleStore};
use crate::engine::types::{ResourceRef, SyncType};
use crate::engine::{GrantFilter, PageRequest, Scope};
use crate::keyspace::{Family, KeyRange, MetadataKey};

const DIR: &str = "sync";

fn small() -> PebbleOptions {
    PebbleOptions {
        memory_bytes_max: 256 << 10,
        ..options()
    }
}

fn on_disk(fs: &MemFs) -> (PebbleStore, Arc<DiskKv>) {
    let kv = DiskKv::create(Arc::new(fs.clone()), DIR, &small()).unwrap();
    let kv = Arc::new(kv);
    let store = PebbleStore::open(kv.clone(), small(), false).unwrap();
    (store, kv)
}

/// All rows of a snapshot, and of each part of it alone.
fn rows_of(kv: &dyn Kv) -> Rows {
    let scan = |range: &KeyRange| {
        let mut rows = Rows::new();
        let mut scan = kv.scan(range).unwrap();
        while let Some((key, value)) = scan.next().unwrap() {
            assert_eq!(kv.get(key).unwrap().as_deref(), Some(value));
            rows.insert(key.to_vec(), value.to_vec());
        }
        rows
    };
    let all = scan(&KeyRange {
        lower: Vec::new(),
        upper: None,
    });
    let families = Family::ALL.into_iter().map(|family| scan(&family.range()));
    assert_eq!(all, families.flatten().collect::<BTreeMap<_, _>>());
    all
}

fn count(rows: &Rows, family: Family) -> usize {
    let of_family = rows.keys().filter(|key| Family::of(key) == Some(family));
    of_family.count()
}

/// A step of a sync.
type Step = (&'static str, fn(&PebbleStore));

fn steps() -> Vec<Step> {
    vec![
        ("start", |store| {
            store.engine().start_new_sync(&SyncType::Full, "").unwrap();
        }),
        ("types", |store| {
            let types = [resource_type("user"), resource_type("group")];
            store.engine().put_resource_types(&types).unwrap();
        }),
        ("grants", |store| {
            let grants: Vec<_> = (0..40).map(|n| grant(&n.to_string())).collect();
            store.engine().put_grants(&grants).unwrap();
        }),
        ("again", |store| {
            let grants: Vec<_> = (30..60).map(|n| named(&n.to_string(), "own")).collect();
            store.engine().put_grants(&grants[..1]).unwrap();
            store.engine().put_grants(&grants[5..6]).unwrap();
        }),
        ("delete", |store| {
            store
                .engine()
                .delete_grant("group:g:member:user:7")
                .unwrap();
        }),
        ("end", |store| store.engine().end_sync().unwrap()),
        ("edit", |store| {
            let sync = store.engine().list_sync_runs(&PageRequest::default());
            let sync = sync.unwrap().rows[0].id.clone();
            store.engine().set_current_sync(&sync).unwrap();
            store.engine().put_grants(&[grant("late")]).unwrap();
        }),
        ("end again", |store| store.engine().end_sync().unwrap()),
    ]
}

#[test]
fn every_step_leaves_the_rows_of_a_store_in_memory_and_old_snapshots_stay() {
    // Without reads between the steps, the index is deferred until the seal; with them, until the first read.
    for reads in [false, true] {
        let fs = MemFs::new();
        let (disk, kv) = on_disk(&fs);
        let memory = PebbleStore::in_memory(options()).unwrap();
        let mut snapshots = Vec::new();
        for (name, step) in steps() {
            step(&memory);
            step(&disk);
            let deferred = kv.deferred();
            if !reads && !name.starts_with('e') {
                assert_eq!(deferred, [false, true, false], "{name}");
            }
            let expected = rows(&memory);
            snapshots.push((name, kv.snapshot(), expected));
            if reads {
                assert_eq!(rows(&disk), rows(&memory), "{name}");
            }
        }
        assert_eq!(kv.deferred(), [false; 3]);
        assert_eq!(rows(&disk), rows(&memory));
        for (name, snapshot, expected) in snapshots {
            assert_eq!(rows_of(snapshot.as_ref()), expected, "{name} reads={reads}");
        }
        assert!(count(&rows(&disk), Family::GrantHash) >= 40);
    }
}

#[test]
fn a_list_by_principal_is_whole_before_the_end_and_the_index_is_kept_from_then_on() {
    let fs = MemFs::new();
    let (store, kv) = on_disk(&fs);
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    let of = |user: &str| {
        let filter = GrantFilter {
            principal: Some(ResourceRef::new("user", user)),
            ..GrantFilter::default()
        };
        let page = engine.list_grants(&Scope::Default, &filter, &PageRequest::default());
        page.unwrap().rows.len()
    };
    engine.put_grants(&[grant("a"), grant("b")]).unwrap();
    assert_eq!(kv.deferred(), [false, true, false]);
    assert_eq!((of("a"), of("c")), (1, 0));
    assert_eq!(kv.deferred(), [false; 3]);
    engine.put_grants(&[grant("c")]).unwrap();
    assert_eq!((of("a"), of("c")), (1, 1));
}

#[test]
fn a_crash_keeps_what_was_checkpointed_and_the_sync_is_resumed() {
    let fs = MemFs::new();
    let (store, kv) = on_disk(&fs);
    let engine = store.engine();
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&[grant("a")]).unwrap();
    engine.checkpoint_sync("half").unwrap();
    engine.put_grants(&[grant("b")]).unwrap();
    let crashed = fs.crash_clone();
    drop((store, kv));

    let (store, kv) = on_disk(&crashed);
    let engine = store.engine();
    assert_eq!(engine.resume_sync(None, None).unwrap(), sync);
    assert_eq!(engine.current_sync_step().unwrap(), "half");
    assert_eq!(count(&rows(&store), Family::Grant), 1);
    engine.put_grants(&[grant("b")]).unwrap();
    engine.end_sync().unwrap();
    let finished = rows(&store);
    let crashed = crashed.crash_clone();
    drop((store, kv));

    // Sealed and not published: finished.
    let (store, _) = on_disk(&crashed);
    assert_eq!(rows(&store), finished);
    assert_eq!(count(&finished, Family::GrantByPrincipal), 2);
    let error = store.engine().resume_sync(None, Some(&sync)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
}

#[test]
fn directories_of_nobody_of_others_and_in_use_are_refused() {
    let fs = MemFs::new();
    let open = || PebbleStore::open_in(Arc::new(fs.clone()), DIR, small());
    assert_eq!(open().unwrap_err().kind(), ErrorKind::NotFound);
    let low = PebbleOptions {
        memory_bytes_max: 1000,
        ..options()
    };
    let error = PebbleStore::create_in(Arc::new(fs.clone()), DIR, low).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let (store, kv) = on_disk(&fs);
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Busy);
    drop((store, kv));
    assert!(open().is_ok());
}

#[test]
fn an_index_that_is_marked_as_pending_is_derived_when_the_directory_is_opened() {
    let fs = MemFs::new();
    let (store, kv) = on_disk(&fs);
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&[grant("a"), grant("b")]).unwrap();
    // As Go leaves it when it defers the index and stops; here the index has been read before.
    let before = rows(&store);
    assert_eq!(kv.deferred(), [false; 3]);
    let mut batch = Batch::new();
    for marker in [
        MetadataKey::GrantIndexPending,
        MetadataKey::DigestBuildPending,
    ] {
        batch.set(&marker.to_vec(), b"").unwrap();
    }
    kv.write(batch).unwrap();
    drop((store, kv));
    let (store, kv) = on_disk(&fs);
    assert_eq!(kv.deferred(), [false, true, false], "to be derived");
    assert_eq!(rows(&store), before, "and the markers are gone");
}
