//! What is particular to this engine: which index finds what, snapshots beside writes, saves beside snapshots.

mod plans;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use buffa::MessageField;
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;
use shingle::vfs::{Fs, OsFs};
use tempfile::TempDir;

use super::{SqliteOptions, SqliteStore};
use crate::engine::page::collect_pages;
use crate::engine::types::SyncType;
use crate::engine::{GrantFilter, PageRequest, Scope};
use crate::envelope::Existing;
use crate::ops::build::PackOptions;
use crate::record::annotation::EXPANDABLE_URL;
use crate::record::message;
use crate::{ErrorKind, OpenOptions};

fn store() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::create_in(folder.path().join("work"), SqliteOptions::default());
    (store.unwrap(), folder)
}

fn resource(of: &str, id: &str) -> v2::Resource {
    v2::Resource {
        id: MessageField::some(v2::ResourceId {
            resource_type: of.to_owned(),
            resource: id.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn grant(number: usize) -> v2::Grant {
    v2::Grant {
        entitlement: MessageField::some(v2::Entitlement {
            id: format!("group:g{}:member", number / 10),
            resource: MessageField::some(resource("group", &format!("g{}", number / 10))),
            ..Default::default()
        }),
        principal: MessageField::some(resource("user", &format!("u{number}"))),
        ..Default::default()
    }
}

fn grants(numbers: std::ops::Range<usize>) -> Vec<v2::Grant> {
    numbers.map(grant).collect()
}

#[test]
fn a_stream_sees_one_state_and_keeps_nobody_waiting() {
    let (store, folder) = store();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&grants(0..3_000)).unwrap();
    let filter = GrantFilter::default();
    let stream = || engine.stream_grants(&Scope::Default, &filter).unwrap();
    let mut before = stream();
    assert!(before.next().is_some());
    engine.put_grants(&grants(3_000..3_010)).unwrap();
    // The log cannot be brought home while the first stream needs it; what is saved is whole all the same.
    let path = folder.path().join("saved.c1z");
    let pack = PackOptions {
        existing: Existing::Replace,
        ..PackOptions::default()
    };
    store.save(&path, &pack).unwrap();
    assert_eq!(stream().count(), 3_010);
    assert_eq!(before.count(), 2_999);
    let read = |path: &std::path::Path| {
        let file = crate::open_with(path, &OpenOptions::default()).unwrap();
        let page = |page: &PageRequest| file.reader().list_grants(&Scope::Default, &filter, page);
        collect_pages(page).unwrap().len()
    };
    assert_eq!(read(&path), 3_010);
    // Without a stream the database itself is packed.
    engine.put_grants(&grants(3_010..3_020)).unwrap();
    store.save(&path, &pack).unwrap();
    assert_eq!(read(&path), 3_020);
    assert!(!engine.is_dirty());
    let left = OsFs.list(&folder.path().join("work")).unwrap();
    assert!(!left.iter().any(|name| name == "copy.db"), "{left:?}");
}

#[test]
fn writes_that_race_the_end_are_counted_or_refused() {
    for _ in 0..5 {
        let (store, _folder) = store();
        let engine = store.engine();
        let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
        let (ended, accepted) = (AtomicBool::new(false), AtomicI64::new(0));
        std::thread::scope(|scope| {
            let writers = [0, 1].map(|writer| {
                let (ended, accepted) = (&ended, &accepted);
                scope.spawn(move || {
                    for call in 0.. {
                        let first = writer * 1_000_000 + call * 20;
                        match engine.put_grants(&grants(first..first + 20)) {
                            Ok(()) => drop(accepted.fetch_add(20, Ordering::SeqCst)),
                            Err(error) => {
                                let kind = error.kind();
                                let refused = [ErrorKind::Sealed, ErrorKind::NoCurrentSync];
                                assert!(refused.contains(&kind), "{}", error.chain());
                                if ended.load(Ordering::SeqCst) {
                                    break;
                                }
                            }
                        }
                    }
                })
            });
            while accepted.load(Ordering::SeqCst) < 400 {
                std::thread::yield_now();
            }
            engine.end_sync().unwrap();
            ended.store(true, Ordering::SeqCst);
            for writer in writers {
                writer.join().unwrap();
            }
        });
        let accepted = accepted.into_inner();
        let recorded = engine.get_sync(&sync).unwrap().stats.unwrap();
        let counted = engine.stats(Some(&sync), None).unwrap();
        assert_eq!((recorded.grants, counted.grants), (accepted, accepted));
    }
}

/// No call clears the flag, so a file has to say that a grant was expanded.
#[test]
fn the_same_expansion_again_leaves_the_flag_of_a_file_alone() {
    let (store, _folder) = store();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    let expandable = |id: &str| {
        let mut grant = grant(1);
        grant.annotations.push(Any {
            type_url: EXPANDABLE_URL.to_owned(),
            value: message::encode(&v2::GrantExpandable {
                entitlement_ids: vec![id.to_owned()],
                ..Default::default()
            }),
            ..Default::default()
        });
        [grant]
    };
    engine.put_grants(&expandable("a")).unwrap();
    let writer = store.contract().source().lock();
    let clear = "UPDATE v1_grants SET needs_expansion = 0";
    assert_eq!(writer.connection.execute(clear, []).unwrap(), 1);
    drop(writer);
    let pending = || {
        let page = engine.list_pending_expansion(&Scope::Default, &PageRequest::default());
        page.unwrap().rows.len()
    };
    for (id, expected) in [("a", 0), ("b", 1), ("b", 1)] {
        engine.put_grants(&expandable(id)).unwrap();
        assert_eq!(pending(), expected, "{id}");
    }
}

#[test]
fn a_folder_is_open_once_and_a_missing_one_is_not_made() {
    let (store, folder) = store();
    let again = SqliteStore::open_in(folder.path().join("work"), SqliteOptions::default());
    assert_eq!(again.unwrap_err().kind(), ErrorKind::Busy);
    drop(store);
    SqliteStore::open_in(folder.path().join("work"), SqliteOptions::default()).unwrap();
    let missing = folder.path().join("missing");
    let error = SqliteStore::open_in(&missing, SqliteOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!missing.exists());
}

/// What was acknowledged survives the end of the process in every mode: here the handle goes without a word.
#[test]
fn an_unfinished_sync_is_resumed_from_its_folder() {
    let (store, folder) = store();
    let engine = store.engine();
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&grants(0..10)).unwrap();
    engine.checkpoint_sync("here").unwrap();
    engine.put_grants(&grants(10..20)).unwrap();
    drop(store);
    let store = SqliteStore::open_in(folder.path().join("work"), SqliteOptions::default());
    let store = store.unwrap();
    let engine = store.engine();
    assert_eq!(engine.resume_sync(None, None).unwrap(), sync);
    assert_eq!(engine.current_sync_step().unwrap(), "here");
    assert_eq!(engine.stats(Some(&sync), None).unwrap().grants, 20);
}

#[test]
fn a_failed_save_leaves_the_file_and_can_be_repeated() {
    let (store, folder) = store();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    let path = folder.path().join("saved.c1z");
    OsFs.create(&path).unwrap().write_all(b"as it was").unwrap();
    let error = store.save(&path, &PackOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(engine.is_dirty());
    assert_eq!(OsFs.metadata(&path).unwrap().len, 9);
    let pack = PackOptions {
        fs: Arc::new(OsFs),
        existing: Existing::Replace,
        ..PackOptions::default()
    };
    let len = store.save(&path, &pack).unwrap();
    assert_eq!(OsFs.metadata(&path).unwrap().len, len);
    assert!(!engine.is_dirty());
}

#[test]
fn files_of_another_kind_and_damaged_ones_are_refused() {
    let golden = |file: &str| {
        format!(
            "{}/../../testdata/golden/{file}",
            env!("CARGO_MANIFEST_DIR")
        )
    };
    for (file, kind) in [
        ("basic/v3.indexed_zstd.c1z", ErrorKind::EngineMismatch),
        ("corrupt/v1-truncated.c1z", ErrorKind::DataLoss),
        ("corrupt/v1-flip.c1z", ErrorKind::DataLoss),
        ("corrupt/v1-not-sqlite.c1z", ErrorKind::DataLoss),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::default();
        let error = SqliteStore::unpack(golden(file), folder.path(), options).unwrap_err();
        assert_eq!(error.kind(), kind, "{file}: {}", error.chain());
    }
}
