//! Copies: a clone is one finished sync and nothing else, a snapshot is everything, and each is one
//! instant whatever a writer does.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use c1z::engine::types::{SyncId, SyncType};
use c1z::engine::{GrantFilter, PageRequest, PebbleOptions, PebbleStore, Scope};
use c1z::ops::convert::{ConvertOptions, LossKind, convert};
use c1z::ops::copy::{CloneOptions, clone_store, clone_sync, snapshot, snapshot_store};
use c1z::{ErrorKind, OpenOptions};
use c1z_proto::connector::v2;
use shingle::vfs::{Fs, MemFs, OsFs};
use testkit::golden::{Case, read_file};

use super::support::pack_options;

/// Everything in a file, as lines without the one that counts them.
fn lines(file: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.ndjson");
    convert(file, &path, &ConvertOptions::default()).unwrap();
    let text = String::from_utf8(read_file(&path).unwrap()).unwrap();
    let is_content = |line: &&str| !line.contains("\"type\":\"end\"");
    text.lines().filter(is_content).map(str::to_owned).collect()
}

fn syncs(file: &Path) -> Vec<SyncId> {
    let store = c1z::open(file).unwrap();
    let page = PageRequest::default();
    let runs = store.reader().list_sync_runs(&page).unwrap().rows;
    runs.into_iter().map(|run| run.id).collect()
}

#[test]
fn a_clone_is_that_sync_whole_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let source = Case::named("multi-sync").path("v1.c1z");
    let before = read_file(&source).unwrap();
    let all = syncs(&source);
    assert!(all.len() > 3);
    let (mut cloned, mut refused) = (0, 0);
    for (i, id) in all.iter().enumerate() {
        let out = folder.path().join(format!("{i}.c1z"));
        let options = CloneOptions {
            sync: Some(id.clone()),
            ..CloneOptions::default()
        };
        let run = c1z::open(&source).unwrap().reader().get_sync(id).unwrap();
        let made = clone_sync(&source, &out, &options);
        if !run.is_finished() {
            assert_eq!(made.unwrap_err().kind(), ErrorKind::SyncNotFinished);
            assert!(OsFs.metadata(&out).is_err());
            refused += 1;
            continue;
        }
        let losses = made.unwrap().losses;
        assert!(
            losses.iter().all(|(kind, _)| kind == LossKind::Sync),
            "{losses}"
        );
        assert_eq!(syncs(&out), std::slice::from_ref(id));
        let copy = c1z::open(&out).unwrap().reader().get_sync(id).unwrap();
        assert_eq!(copy, run);
        let of_sync = lines_of(&source, id);
        assert_eq!(lines_of(&out, id), of_sync);
        assert!(!of_sync.is_empty());
        cloned += 1;
    }
    println!("{cloned} cloned, {refused} refused");
    assert!(cloned > 2 && refused > 0);
    assert_eq!(read_file(&source).unwrap(), before);
}

/// What belongs to one sync of a file.
fn lines_of(file: &Path, id: &SyncId) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.ndjson");
    let options = ConvertOptions {
        sync: c1z::ops::convert::SyncChoice::Id(id.clone()),
        allow_loss: true,
        ..ConvertOptions::default()
    };
    convert(file, &path, &options).unwrap();
    let text = String::from_utf8(read_file(&path).unwrap()).unwrap();
    let is_content = |line: &&str| !line.contains("\"type\":\"end\"");
    text.lines().filter(is_content).map(str::to_owned).collect()
}

#[test]
fn the_order_of_refusals_is_that_of_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = Case::named("unfinished").path("v3.indexed_zstd.c1z");
    let there = folder.path().join("there.c1z");
    snapshot(&unfinished, &there, &ConvertOptions::default()).unwrap();
    let absent = SyncId::new("3MUPzRPZYOPwFvwlXORFhkByrjV").unwrap();
    let refuse = |out: &Path, sync: Option<SyncId>| {
        let options = CloneOptions {
            sync,
            ..CloneOptions::default()
        };
        clone_sync(&unfinished, out, &options).unwrap_err().kind()
    };
    let out = folder.path().join("out.c1z");
    assert_eq!(
        refuse(&there, Some(absent.clone())),
        ErrorKind::AlreadyExists
    );
    assert_eq!(refuse(&out, Some(absent)), ErrorKind::NotFound);
    assert_eq!(refuse(&out, None), ErrorKind::NotFound);
    let id = syncs(&unfinished).first().unwrap().clone();
    assert_eq!(refuse(&out, Some(id)), ErrorKind::SyncNotFinished);
    assert!(OsFs.metadata(&out).is_err());
}

#[test]
fn session_entries_stay_behind_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["v1.c1z", "v3.indexed_zstd.c1z"] {
        let source = Case::named("sessions-finished").path(file);
        let entries = |file: &Path| {
            let store = c1z::open(file).unwrap();
            let id = syncs(file).first().unwrap().clone();
            store
                .reader()
                .session_get_all(&id, "", "")
                .unwrap()
                .rows
                .len()
        };
        let (with, without) = (folder.path().join("with"), folder.path().join("without"));
        let (with, without) = (with.with_extension(file), without.with_extension(file));
        clone_sync(&source, &with, &CloneOptions::default()).unwrap();
        let options = CloneOptions {
            leave_sessions: true,
            ..CloneOptions::default()
        };
        clone_sync(&source, &without, &options).unwrap();
        println!("{file}: {} entries", entries(&source));
        assert_eq!(entries(&with), entries(&source));
        assert_eq!(entries(&without), 0);
    }
}

#[test]
fn a_snapshot_is_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("multi-sync", "v1.c1z"),
        ("unfinished", "v3.indexed_zstd.c1z"),
        ("tokens-finished", "v3.tar.c1z"),
    ];
    for (case, file) in cases {
        let source = Case::named(case).path(file);
        let out = folder.path().join(format!("{case}.c1z"));
        let len = snapshot(&source, &out, &ConvertOptions::default()).unwrap();
        let bytes = read_file(&source).unwrap();
        assert_eq!(len, bytes.len() as u64);
        assert_eq!(read_file(&out).unwrap(), bytes);
        let again = snapshot(&source, &out, &ConvertOptions::default());
        assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
    // A directory becomes a file with the same content.
    let source = Case::named("unfinished").path("v3.indexed_zstd.c1z");
    let dir = folder.path().join("dir");
    let to_dir = ConvertOptions {
        to: Some(c1z::ops::convert::FileFormat::PebbleDir),
        ..ConvertOptions::default()
    };
    convert(&source, &dir, &to_dir).unwrap();
    let out = folder.path().join("from-dir.c1z");
    snapshot(&dir, &out, &ConvertOptions::default()).unwrap();
    assert_eq!(lines(&out), lines(&source));
}

const BATCH: usize = 7;

fn batch(number: usize) -> Vec<v2::Grant> {
    let resource = |kind: &str, id: String| v2::Resource {
        id: v2::ResourceId {
            resource_type: kind.to_owned(),
            resource: id,
            ..Default::default()
        }
        .into(),
        ..Default::default()
    };
    (0..BATCH)
        .map(|i| v2::Grant {
            entitlement: v2::Entitlement {
                id: "group:g:member".to_owned(),
                resource: resource("group", "g".to_owned()).into(),
                ..Default::default()
            }
            .into(),
            principal: resource("user", format!("{number}-{i}")).into(),
            ..Default::default()
        })
        .collect()
}

#[test]
fn copies_under_a_writer_hold_whole_calls_and_all_before_the_last() {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let on_disk =
        PebbleStore::create_in(Arc::clone(&fs), Path::new("live"), PebbleOptions::default());
    let stores = [PebbleStore::in_memory(PebbleOptions::default()), on_disk];
    for (i, store) in stores.into_iter().enumerate() {
        let store = store.unwrap();
        let id = store.engine().start_new_sync(&SyncType::Full, "").unwrap();
        let stop = AtomicBool::new(false);
        let pack = pack_options(&fs, 1);
        let mut seen = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0.. {
                    store.engine().put_grants(&batch(number)).unwrap();
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
            for copy in 0..6 {
                let out = format!("{i}-{copy}.c1z");
                snapshot_store(&store, Path::new(&out), &pack).unwrap();
                seen.push(out);
            }
            let refused = clone_store(&store, Path::new("never.c1z"), &pack).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::SyncNotFinished);
            stop.store(true, Ordering::Relaxed);
        });
        let counts: Vec<usize> = seen
            .iter()
            .map(|out| whole_batches(&fs, out, &id))
            .collect();
        println!("batches in snapshots: {counts:?}");
        assert!(
            counts.is_sorted() && counts.last() > counts.first(),
            "{counts:?}"
        );
        assert!(fs.metadata(Path::new("never.c1z")).is_err());
        store.engine().end_sync().unwrap();
        let out = format!("{i}-clone.c1z");
        clone_store(&store, Path::new(&out), &pack).unwrap();
        assert!(whole_batches(&fs, &out, &id) >= *counts.last().unwrap());
        let again = clone_store(&store, Path::new(&out), &pack).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    }
}

/// How many batches a file holds; each must be whole, and none before the last may be missing.
fn whole_batches(fs: &Arc<dyn Fs>, file: &str, id: &SyncId) -> usize {
    let options = OpenOptions {
        fs: Arc::clone(fs),
        ..OpenOptions::default()
    };
    let store = c1z::open_with(Path::new(file), &options).unwrap();
    let scope = Scope::Sync(id.clone());
    let rows = store
        .reader()
        .stream_grants(&scope, &GrantFilter::default());
    let held: BTreeSet<String> = rows
        .unwrap()
        .map(|row| row.unwrap().grant.principal.id.resource.clone())
        .collect();
    assert_eq!(held.len() % BATCH, 0, "{file}: {} grants", held.len());
    let batches = held.len() / BATCH;
    for number in 0..batches {
        for i in 0..BATCH {
            assert!(
                held.contains(&format!("{number}-{i}")),
                "{file}: batch {number}"
            );
        }
    }
    batches
}
