//! Reading a directory that somebody writes, or left behind, without writing anything.

use super::*;
use crate::ErrorKind;

/// What a reader of the directory sees, families left out.
fn seen(fs: &MemFs) -> (bool, Rows) {
    let fs: Arc<dyn Fs> = Arc::new(fs.clone());
    let database = Database::open_shared(&fs, "db", &ReadOptions::default()).unwrap();
    let rows = collect(database.scan(Bounds::all(), ScanOptions::default()));
    let families = Letters::new();
    let is_derived = |key: &[u8]| {
        let mut families = families.families().iter();
        families.any(|family| family.bounds.contains(key))
    };
    let plain = rows.into_iter().filter(|(key, _)| !is_derived(key));
    (database.is_unsealed(), plain.collect())
}

fn bytes(fs: &MemFs) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let bytes = fs.read(Path::new("db").join(&name)).unwrap();
        (name, bytes)
    };
    names(fs, "db").into_iter().map(read).collect()
}

#[test]
fn a_reader_sees_what_a_recovery_would_find_and_changes_nothing() {
    let fs = MemFs::new();
    let database = create(&fs, small());
    let mut rows = Rows::new();
    for n in 0..120_u64 {
        let key = format!("p{:03}", n % 70).into_bytes();
        let row = value(1, 2, n);
        database.commit(batch(|b| b.set(&key, &row))).unwrap();
        rows.insert(key, row);
        if n % 10 == 0 {
            let before = bytes(&fs);
            assert_eq!(seen(&fs), (true, rows.clone()), "beside its writer");
            assert_eq!(bytes(&fs), before);
            let error = Database::open_sealed(Arc::new(fs.clone()), "db", ReadOptions::default());
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid);
        }
    }
    database.barrier().unwrap();
    let crashed = fs.crash_clone();
    let before = bytes(&crashed);
    assert_eq!(seen(&crashed), (true, rows.clone()), "after a crash");
    assert_eq!(bytes(&crashed), before);
    database.seal(Batch::new()).unwrap();
    assert_eq!(seen(&fs), (false, rows), "sealed");
}

#[test]
fn what_a_reader_opened_stays_when_its_files_go() {
    let fs = MemFs::new();
    let database = create(&fs, small());
    for n in 0..100_u64 {
        let key = format!("p{n:03}");
        database
            .commit(batch(|b| b.set(key.as_bytes(), &value(0, 0, n))))
            .unwrap();
    }
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let reader = Database::open_shared(&shared, "db", &ReadOptions::default()).unwrap();
    database.compact_range(&Bounds::all()).unwrap();
    database.seal(Batch::new()).unwrap();
    drop(database);
    let rows = collect(reader.scan(Bounds::prefix(b"p"), ScanOptions::default()));
    assert_eq!(rows.len(), 100);
}

#[test]
fn readers_beside_a_busy_writer_see_beginnings() {
    let fs = MemFs::new();
    let options = LiveOptions {
        compaction: CompactionPolicy {
            fan_in: 2,
            background: true,
        },
        ..small()
    };
    let database = create(&fs, options);
    let write = || {
        for n in 0..900_u64 {
            let key = format!("p{n:04}");
            database
                .commit(batch(|b| b.set(key.as_bytes(), &value(0, 0, n))))
                .unwrap();
            if n % 300 == 299 {
                database.seal(Batch::new()).unwrap();
            }
        }
    };
    let (mut opened, mut most) = (0, 0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(write);
        while !writer.is_finished() {
            let (_, rows) = seen(&fs);
            let last = rows.last_key_value().map(|(key, _)| key.clone());
            let expected = rows.len().checked_sub(1).map(|n| format!("p{n:04}"));
            assert_eq!(last, expected.map(String::into_bytes), "no gap");
            assert!(rows.len() >= most, "nothing goes");
            (opened, most) = (opened + 1, rows.len());
        }
    });
    assert_eq!(seen(&fs).1.len(), 900);
    assert!(opened > 0);
}
