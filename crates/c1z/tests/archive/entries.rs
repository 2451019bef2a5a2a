//! Entries: packed and unpacked, added and published, by hand and from the catalog.

use std::path::Path;
use std::sync::Arc;

use c1z::ErrorKind;
use c1z::archive::{Archive, ArchiveOptions, CleanupOptions, Form};
use c1z::engine::Scope;
use c1z::engine::types::SyncType;
use c1z::envelope::Existing;
use shingle::vfs::{CountingFs, Fs, MemFs};
use testkit::golden::Case;

use crate::support::{FOLDER, fill, finished, holders, ids, open, options, path, runs};

#[test]
fn a_packed_sync_is_the_same_and_can_be_written_again() {
    let fs = MemFs::new();
    let archive = open(&fs, 1);
    let engine = archive.engine();
    let id = finished(engine, &SyncType::Full, "a").unwrap();
    let before = engine.get_sync(&id).unwrap();
    assert!(archive.pack(&id).unwrap());
    assert!(!archive.pack(&id).unwrap(), "it is packed");
    let entry = archive.entry(&id).unwrap();
    assert_eq!((entry.number, entry.form), (1, Form::Packed));
    assert_eq!(entry.path, path(&format!("000001-{id}.c1z")));
    assert_eq!(engine.get_sync(&id).unwrap(), before);
    let scope = Scope::Sync(id.clone());
    assert_eq!(holders(engine, &scope), ["a-0", "a-1", "a-2"]);
    // Binding unpacks nothing; writing does.
    engine.set_current_sync(&id).unwrap();
    assert_eq!(archive.entry(&id).unwrap().form, Form::Packed);
    fill(engine, "b", 1).unwrap();
    assert_eq!(archive.entry(&id).unwrap().form, Form::Directory);
    assert_eq!(engine.get_sync(&id).unwrap().stats, None);
    let refused = archive.pack(&id).unwrap_err();
    assert_eq!(
        refused.kind(),
        ErrorKind::FailedPrecondition,
        "it is current"
    );
    engine.end_sync().unwrap();
    assert_eq!(archive.pack_all().unwrap(), 1);
    let names = fs.list(Path::new(FOLDER)).unwrap();
    assert_eq!(names, [format!("000001-{id}.c1z"), "c1z.lock".to_owned()]);
    let after = engine.get_sync(&id).unwrap();
    assert_eq!(after.ended_at, before.ended_at);
    assert_eq!(holders(engine, &scope).len(), 4);
    let unfinished = engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.set_current_sync(&id).unwrap();
    let refused = archive.pack(&unfinished).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SyncNotFinished);
}

#[test]
fn closing_packs_when_asked() {
    let fs = MemFs::new();
    let asked = ArchiveOptions {
        pack_on_close: true,
        ..options(Arc::new(fs.clone()), 1)
    };
    let archive = Archive::create(FOLDER, asked.clone()).unwrap();
    let done = finished(archive.engine(), &SyncType::Full, "a").unwrap();
    let left = archive
        .engine()
        .start_new_sync(&SyncType::Full, "")
        .unwrap();
    archive.close().unwrap();
    let archive = Archive::open(FOLDER, asked).unwrap();
    assert_eq!(archive.entry(&done).unwrap().form, Form::Packed);
    assert_eq!(archive.entry(&left).unwrap().form, Form::Directory);
}

/// A folder of a crash in the middle of packing: the packed form counts.
#[test]
fn of_two_forms_the_packed_one_counts() {
    let fs = MemFs::new();
    let archive = open(&fs, 1);
    let id = finished(archive.engine(), &SyncType::Full, "a").unwrap();
    let output = path(&format!("000001-{id}.c1z"));
    archive.publish(&id, &output, Existing::Keep).unwrap();
    drop(archive);
    let seen = Archive::open_for_reading(FOLDER, options(Arc::new(fs.clone()), 2)).unwrap();
    assert_eq!(seen.entry(&id).unwrap().form, Form::Packed);
    let names = fs.list(Path::new(FOLDER)).unwrap();
    assert!(
        names.contains(&format!("000001-{id}")),
        "a reader removes nothing"
    );
    let archive = open(&fs, 3);
    assert_eq!(archive.entry(&id).unwrap().form, Form::Packed);
    assert_eq!(ids(archive.engine()), std::slice::from_ref(&id));
    let names = fs.list(Path::new(FOLDER)).unwrap();
    assert!(!names.contains(&format!("000001-{id}")), "{names:?}");
}

#[test]
fn files_are_added_whole_or_not_at_all() {
    let fs = MemFs::new();
    for (name, case, file) in [
        ("many.c1z", "multi-sync", "v1.c1z"),
        ("one.c1z", "basic", "v3.indexed_zstd.c1z"),
        ("none.c1z", "no-syncs", "v1.c1z"),
        ("broken.c1z", "multi-sync", "v1.c1z"),
    ] {
        let mut bytes = Case::named(case).bytes(file).unwrap();
        if name == "broken.c1z" {
            bytes.truncate(bytes.len() / 2);
        }
        fs.install(name, bytes).unwrap();
    }
    let archive = open(&fs, 1);
    let first = finished(archive.engine(), &SyncType::Full, "a").unwrap();
    let many = archive.add(Path::new("many.c1z"), false).unwrap();
    assert_eq!((many.syncs.len(), many.losses.len()), (5, 5));
    let one = archive.add(Path::new("one.c1z"), false).unwrap();
    let kinds = ["one.c1z", "none.c1z", "broken.c1z", "absent.c1z"].map(|name| {
        let names = fs.list(Path::new(FOLDER)).unwrap();
        let error = archive.add(Path::new(name), false).unwrap_err();
        assert_eq!(fs.list(Path::new(FOLDER)).unwrap(), names, "{error}");
        error.kind()
    });
    assert_eq!(kinds[..2], [ErrorKind::AlreadyExists, ErrorKind::NotFound]);
    assert_eq!(kinds[3], ErrorKind::NotFound);
    let added = many
        .syncs
        .iter()
        .chain(&one.syncs)
        .map(|run| run.id.clone());
    let all: Vec<_> = std::iter::once(first).chain(added).collect();
    assert_eq!(ids(archive.engine()), all);
    archive.close().unwrap();
    let archive = open(&fs, 2);
    assert_eq!(ids(archive.engine()), all);
    for run in runs(archive.engine()) {
        let rows = holders(archive.engine(), &Scope::Sync(run.id.clone()));
        let counted = archive.engine().stats(Some(&run.id), None).unwrap();
        assert_eq!(i64::try_from(rows.len()).unwrap(), counted.grants);
    }
    assert_eq!(archive.entry(&all[6]).unwrap().number, 7);
}

/// A v1 file that somebody put into the folder is read, and not changed.
#[test]
fn a_v1_file_in_the_folder_is_read_only() {
    let fs = MemFs::new();
    let bytes = Case::named("cleanup").bytes("v1.c1z").unwrap();
    fs.install(path("000007-old.c1z"), bytes.clone()).unwrap();
    let archive = open(&fs, 1);
    let engine = archive.engine();
    let old = ids(engine);
    assert_eq!(old.len(), 2);
    engine.set_current_sync(&old[0]).unwrap();
    let refused = engine
        .put_grants(&[crate::support::grant("x")])
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    let refused = engine.delete_sync_run(&old[1]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::FailedPrecondition);
    let mut new = Vec::new();
    for name in ["a", "b"] {
        new.push(finished(engine, &SyncType::Full, name).unwrap());
    }
    assert_eq!(archive.entry(&new[0]).unwrap().number, 8);
    // Of three full syncs one has to go: it is in the file together with one that stays.
    let keep = |keep| CleanupOptions {
        keep: Some(keep),
        ..CleanupOptions::default()
    };
    let report = archive.cleanup(&keep(3)).unwrap();
    assert_eq!(
        (report.deleted.len(), &report.stuck),
        (0, &old[..1].to_vec())
    );
    assert_eq!(fs.read(path("000007-old.c1z")).unwrap(), bytes);
    let report = archive.cleanup(&keep(2)).unwrap();
    assert_eq!((report.deleted.len(), report.stuck.len()), (2, 0));
    assert_eq!(ids(engine), new);
}

#[test]
fn odd_folders_are_errors_or_warnings() {
    let fs = MemFs::new();
    let archive = open(&fs, 1);
    let id = finished(archive.engine(), &SyncType::Full, "a").unwrap();
    archive.pack(&id).unwrap();
    drop(archive);
    fs.install(path("notes.txt"), "mine").unwrap();
    let archive = open(&fs, 2);
    assert_eq!(archive.warnings().len(), 1);
    assert!(archive.warnings()[0].contains("notes.txt"));
    drop(archive);
    let packed = fs.read(path(&format!("000001-{id}.c1z"))).unwrap();
    fs.install(path("000009-copy.c1z"), packed.clone()).unwrap();
    let twice = Archive::open(FOLDER, options(Arc::new(fs.clone()), 3)).unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::FailedPrecondition);
    fs.install(path("000009-copy.c1z"), &packed[..packed.len() / 2])
        .unwrap();
    let torn = Archive::open(FOLDER, options(Arc::new(fs.clone()), 4)).unwrap_err();
    assert!(torn.to_string().contains("000009-copy.c1z"), "{torn}");
    let absent = Archive::open("absent", options(Arc::new(fs.clone()), 5)).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
}

/// With the catalog a folder is listed without opening entries; without it, or with a wrong one, the same is listed.
#[test]
fn the_catalog_saves_reads_and_changes_nothing() {
    let fs = MemFs::new();
    let archive = open(&fs, 1);
    for name in ["a", "b", "c", "d"] {
        finished(archive.engine(), &SyncType::Full, name).unwrap();
    }
    let all = runs(archive.engine());
    archive.pack(&all[0].id).unwrap();
    archive.close().unwrap();
    let list = |fs: &MemFs| {
        let counting = CountingFs::new(Arc::new(fs.clone()));
        let seen = Archive::open_for_reading(FOLDER, options(Arc::new(counting.clone()), 2));
        (runs(seen.unwrap().engine()), counting.counts().opens)
    };
    let (known, opens) = list(&fs);
    assert_eq!(known, all);
    fs.remove_file(&path("c1z.catalog")).unwrap();
    let (read, opens_without) = list(&fs);
    assert_eq!(read, all);
    println!("files opened: {opens} with the catalog, {opens_without} without");
    assert!(
        opens <= 5 && opens_without > 2 * opens,
        "{opens} {opens_without}"
    );
    // What was learnt of an entry that has changed is not used.
    let archive = open(&fs, 3);
    archive.close().unwrap();
    let stale = fs.read(path("c1z.catalog")).unwrap();
    let archive = open(&fs, 4);
    let engine = archive.engine();
    engine.set_sync_link(&all[0].id, "p").unwrap();
    engine.set_sync_link(&all[1].id, "q").unwrap();
    archive.pack(&all[0].id).unwrap();
    let changed = runs(engine);
    archive.close().unwrap();
    fs.install(path("c1z.catalog"), stale).unwrap();
    assert_eq!(list(&fs).0, changed);
}

#[test]
fn a_bounded_number_of_entries_is_open() {
    let fs = MemFs::new();
    let archive = open(&fs, 1);
    let engine = archive.engine();
    for name in ["a", "b", "c", "d", "e", "f"] {
        finished(engine, &SyncType::Full, name).unwrap();
    }
    for run in runs(engine) {
        assert_eq!(holders(engine, &Scope::Sync(run.id)).len(), 3);
        assert!(archive.open_entries() <= 3, "{}", archive.open_entries());
    }
    // The pages of one sync outlive its closing.
    let all = ids(engine);
    let first = Scope::Sync(all[0].clone());
    let mut rows = engine
        .stream_grants(&first, &c1z::engine::GrantFilter::default())
        .unwrap();
    rows.next().unwrap().unwrap();
    for id in &all[1..] {
        holders(engine, &Scope::Sync(id.clone()));
    }
    assert_eq!(rows.map(Result::unwrap).count(), 2);
}
