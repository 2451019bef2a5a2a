//! Every golden v3 file, taken over, resumed where it is not finished, ended and published.

use std::path::Path;
use std::sync::Arc;

use c1z::ErrorKind;
use c1z::engine::{PebbleOptions, PebbleStore};
use c1z::envelope::{EnvelopeFile, OpenOptions as EnvelopeOptions};
use c1z::keyspace::{Family, MetadataKey};
use c1z::ops::build::{PackOptions, publish_store};
use shingle::vfs::{Fs, MemFs};
use testkit::chance::SeededEntropy;
use testkit::golden::{Format, PackedFile, packed_files};
use testkit::rebuild::{Rows, difference, read_v3, rebuilt};

use super::{DIR, FILE, disk_with, files, open_options, options, rows_in, rows_of, soon_after};

/// The rows that a list says the file holds.
fn listed(file: &PackedFile) -> Rows {
    let which = match file.format {
        Format::OldV3 => "",
        _ => file.kv.unwrap_or_default(),
    };
    rows_of(&file.case, which)
}

/// Options of the store in memory beside the one on disk.
fn in_memory(rows: &Rows) -> PebbleOptions {
    PebbleOptions {
        memory_bytes_max: 64 << 20,
        ..options(soon_after(rows))
    }
}

/// Resumes the sync of a store if it is not finished, and ends it.
fn finish(store: &PebbleStore) -> bool {
    let engine = store.engine();
    let Ok(id) = engine.resume_sync(None, None) else {
        return false;
    };
    assert_eq!(engine.current_sync(), Some(id));
    engine.end_sync().unwrap();
    true
}

fn publish(fs: &MemFs, store: &PebbleStore, output: &str) -> Rows {
    let pack = PackOptions {
        fs: Arc::new(fs.clone()),
        entropy: Arc::new(SeededEntropy::seeded(1)),
        ..PackOptions::default()
    };
    publish_store(store, Path::new(output), &pack).unwrap();
    read_v3(fs, Path::new(output)).unwrap().1
}

fn same(expected: &Rows, found: &Rows, label: &str) {
    let different = difference(expected, found);
    assert_eq!(different, [""; 0], "{label}");
}

fn count(rows: &Rows, family: Family) -> usize {
    let of_family = rows.keys().filter(|key| Family::of(key) == Some(family));
    of_family.count()
}

/// The path in memory, which is compared with ground truth elsewhere, and the one on disk agree at every step; what is
/// sealed follows from its records.
#[test]
fn files_are_taken_over_resumed_and_finished_as_in_memory() {
    let (mut taken, mut finished, mut refused) = (0, Vec::new(), 0);
    for file in packed_files().unwrap() {
        // The encodings differ in the envelope alone: all three of what is not finished, one of the others.
        let is_unfinished = file.case.name.contains("unfinished");
        let is_other_encoding = file.file.starts_with("v3.tar") && !is_unfinished;
        if file.format == Format::V1 || file.case.name == "corrupt" || is_other_encoding {
            continue;
        }
        let label = file.label();
        let rows = listed(&file);
        let options = options(soon_after(&rows));
        let memory = PebbleStore::from_rows(in_memory(&rows), rows.clone());
        let disk = disk_with(&file);
        let before = disk.read(FILE).unwrap();
        let fs: Arc<dyn Fs> = Arc::new(disk.clone());
        let store = PebbleStore::resume_file(FILE, &open_options(&fs), DIR, options.clone());
        let (memory, store) = match (memory, store) {
            (Ok(memory), Ok(store)) => (memory, store),
            (Err(a), Err(b)) => {
                assert_eq!(a.kind(), b.kind(), "{label}: {a} {b}");
                refused += 1;
                continue;
            }
            (a, b) => panic!("{label}: {:?} {:?}", a.err(), b.err()),
        };
        assert_eq!(store.warnings(), memory.warnings(), "{label}");
        same(&rows_in(&memory), &rows_in(&store), &label);
        assert!(!store.engine().is_dirty());
        // Published as it is, without an end or digests.
        same(
            &rows_in(&memory),
            &publish(&disk, &store, "as-it-is.c1z"),
            &label,
        );
        let was_unfinished = finish(&memory);
        assert_eq!(finish(&store), was_unfinished, "{label}");
        let sealed = rows_in(&store);
        same(&rows_in(&memory), &sealed, &label);
        same(&sealed, &publish(&disk, &store, "out.c1z"), &label);
        if was_unfinished {
            same(&rebuilt(&sealed).unwrap(), &sealed, &label);
            let grants = count(&sealed, Family::Grant);
            assert_eq!(count(&sealed, Family::GrantByPrincipal), grants, "{label}");
            finished.push(label.clone());
        }
        drop(store);
        // What is there is there after a power failure, and is not mixed with another file.
        let after: Arc<dyn Fs> = Arc::new(disk.crash_clone());
        let again = PebbleStore::resume_file(FILE, &open_options(&fs), DIR, options.clone());
        assert_eq!(
            again.unwrap_err().kind(),
            ErrorKind::AlreadyExists,
            "{label}"
        );
        let store = PebbleStore::open_in(after, DIR, options).unwrap();
        same(&sealed, &rows_in(&store), &label);
        assert!(
            disk.read(FILE).unwrap() == before,
            "{label}: the input changed"
        );
        taken += 1;
    }
    println!("{taken} files taken over, {refused} refused; resumed and finished: {finished:?}");
    assert!(taken > 40 && refused > 0, "{taken} {refused}");
    for case in [
        "unfinished/v3.tar.c1z",
        "deferred-index-unfinished/v3.indexed_zstd.c1z",
        "many-ssts-unfinished/v3.tar_zstd.c1z",
        "expandable-unfinished/v3.indexed_zstd.c1z",
        "legacy-pebble2-unfinished/v3.pebble2.c1z",
    ] {
        assert!(finished.iter().any(|label| label == case), "{case}");
    }
}

/// The payload of a file as a directory.
fn unpack(fs: &MemFs, dir: &str) {
    let opened = EnvelopeFile::open(fs, Path::new(FILE), &EnvelopeOptions::default());
    let EnvelopeFile::V3(file) = opened.unwrap() else {
        panic!("a v1 file");
    };
    let payload = file.payload().unwrap();
    for name in payload.list(Path::new("")).unwrap() {
        let file = payload.open(Path::new(&name)).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
        file.read_exact_at(0, &mut bytes).unwrap();
        fs.install(Path::new(dir).join(name), bytes).unwrap();
    }
}

/// A directory is opened where it is. What Go left out of an index is derived; the older layout needs another directory,
/// which is made from this one as from a file.
#[test]
fn directories_are_opened_in_place() {
    let mut resumed = Vec::new();
    for file in packed_files().unwrap() {
        let (case, format) = (file.case.name.clone(), file.format);
        if !case.contains("unfinished") || file.file.contains("tar") || format == Format::V1 {
            continue;
        }
        let rows = listed(&file);
        let options = options(soon_after(&rows));
        let disk = disk_with(&file);
        unpack(&disk, "theirs");
        let fs: Arc<dyn Fs> = Arc::new(disk.clone());
        let opened = PebbleStore::open_in(Arc::clone(&fs), "theirs", options.clone());
        let store = if format == Format::OldV3 {
            let error = opened.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.hint().unwrap().contains("resume_file"), "{error}");
            let before = files(&disk, "theirs");
            let store =
                PebbleStore::resume_file("theirs", &open_options(&fs), DIR, options).unwrap();
            assert!(files(&disk, "theirs") == before);
            store
        } else {
            opened.unwrap()
        };
        let memory = PebbleStore::from_rows(in_memory(&rows), rows).unwrap();
        same(&rows_in(&memory), &rows_in(&store), &case);
        assert!(finish(&memory) && finish(&store), "{case}");
        let sealed = rows_in(&store);
        same(&rows_in(&memory), &sealed, &case);
        assert!(!sealed.contains_key(&MetadataKey::GrantIndexPending.to_vec()));
        same(&rebuilt(&sealed).unwrap(), &sealed, &case);
        resumed.push(case);
    }
    println!("{resumed:?}");
    assert_eq!(resumed.len(), 6, "{resumed:?}");
}

/// Rows of an index that do not follow from the records, in a file of others, are not believed.
#[test]
fn index_rows_of_an_unfinished_file_are_not_trusted() {
    let file = packed_files().unwrap().into_iter();
    let file = file
        .into_iter()
        .find(|file| file.label() == "unfinished/v3.tar.c1z");
    let file = file.unwrap();
    let rows = listed(&file);
    let disk = disk_with(&file);
    unpack(&disk, "theirs");
    let stale = [
        Family::ResourceByParent,
        Family::GrantByPrincipal,
        Family::GrantNeedsExpansion,
    ];
    let stale = stale.map(|family| [family.header(), b"\0stale"].concat());
    {
        let options = shingle::live::LiveOptions::default();
        let fs: Arc<dyn Fs> = Arc::new(disk.clone());
        let theirs = shingle::live::LiveDatabase::open(fs, "theirs", options).unwrap();
        let mut batch = shingle::batch::Batch::new();
        for key in &stale {
            batch.set(key, b"").unwrap();
        }
        theirs.commit(batch).unwrap();
        theirs.close().unwrap();
    }
    let at = soon_after(&rows);
    let fs: Arc<dyn Fs> = Arc::new(disk.clone());
    let copied = PebbleStore::resume_file("theirs", &open_options(&fs), DIR, options(at)).unwrap();
    let opened = PebbleStore::open_in(fs, "theirs", options(at)).unwrap();
    for store in [copied, opened] {
        let found = rows_in(&store);
        assert!(stale.iter().all(|key| !found.contains_key(key)));
        assert!(finish(&store));
        let sealed = rows_in(&store);
        same(&rebuilt(&sealed).unwrap(), &sealed, "sealed");
    }
}

#[test]
fn what_is_no_v3_file_is_refused_and_nothing_is_left() {
    let file = packed_files().unwrap().into_iter();
    let file = file.into_iter().find(|file| file.label() == "basic/v1.c1z");
    let disk = disk_with(&file.unwrap());
    let fs: Arc<dyn Fs> = Arc::new(disk.clone());
    let open = open_options(&fs);
    let at = soon_after(&Rows::new());
    let error = PebbleStore::resume_file(FILE, &open, DIR, options(at)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    let error = PebbleStore::resume_file("none.c1z", &open, DIR, options(at)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(disk.list(Path::new(DIR)).is_err(), "no directory was made");
}
