//! Tables that join, by the hand of a caller or by way of a log, and families that nobody vouches for.

use super::*;
use crate::key::{Kind, SeqNo, Trailer};
use crate::manifest::{FileName, FileNumber, marker};
use crate::sst::{TableWriter, WriterOptions};
use crate::vfs::Fs as _;
use crate::wal::LogWriter;
use crate::{ErrorKind, batch::Op};

/// A section of the rows.
fn section(database: &LiveDatabase, rows: &[(&[u8], &[u8])]) -> crate::bulk::Section {
    let mut section = database.section();
    for (key, value) in rows {
        section.add(key, value).unwrap();
    }
    section.finish().unwrap()
}

#[test]
fn tables_and_writes_join_in_one_step() {
    let fs = MemFs::new();
    let database = create(&fs, small());
    let first = batch(|b| {
        b.set(b"m1", b"old")?;
        b.set(b"m2", b"old")?;
        b.set(b"p1", &value(2, 2, 1))
    });
    database.commit(first).unwrap();
    let before = database.snapshot();
    let rows = section(&database, &[(b"m1", b"table"), (b"m3", b"table")]);
    let writes = batch(|b| {
        b.set(b"m3", b"write")?;
        b.delete(b"m2")?;
        b.set(b"p2", &value(4, 3, 1))
    });
    database.join(vec![rows], writes).unwrap();
    assert_eq!(before.get(b"m1").unwrap().as_deref(), Some(&b"old"[..]));
    let expected = [
        (b"m1".to_vec(), b"table".to_vec()),
        (b"m3".to_vec(), b"table".to_vec()),
        (b"p1".to_vec(), value(2, 2, 1)),
        (b"p2".to_vec(), value(4, 3, 1)),
    ];
    let expected = Rows::from(expected);
    assert_eq!(plain_rows(&database), expected);
    database.check_levels().unwrap();
    // Durable without a word, kept family and all.
    let database = create(&fs.crash_clone(), small());
    assert_eq!(plain_rows(&database), expected);
    assert_eq!(model::check(&database), expected);

    let refused = |rows: crate::bulk::Section, batch: Batch| {
        let error = database.join(vec![rows], batch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    };
    refused(section(&database, &[(b"p9", b"xx")]), Batch::new());
    refused(section(&database, &[(b"w9", b"xx")]), Batch::new());
    refused(
        section(&database, &[(b"m", b""), (b"q", b"")]),
        Batch::new(),
    );
    let derived = batch(|b| b.set(b"w", b"by hand"));
    refused(section(&database, &[(b"m9", b"xx")]), derived);
    assert_eq!(plain_rows(&database), expected);
    let left = names(&fs, "db")
        .into_iter()
        .filter(|name| name.ends_with("dbtmp"));
    assert_eq!(left.count(), 0);
}

/// Primary rows, and rows of all families that do not follow from them, in a database of somebody else.
fn foreign(fs: &MemFs) -> Rows {
    let options = LiveOptions {
        deriver: None,
        ..small()
    };
    let database = create(fs, options);
    let mut rows = Rows::new();
    for n in 0..40_u8 {
        let key = format!("p{n:02}").into_bytes();
        rows.insert(key, value(n % 4, n % 3, 7));
    }
    let all = batch(|b| {
        for (key, value) in &rows {
            b.set(key, value)?;
        }
        b.set(b"w\x09p77", b"stale")?;
        b.set(b"xp77", b"stale")?;
        b.set(b"y\x09p77", b"stale")
    });
    database.commit(all).unwrap();
    database.flush().unwrap();
    database.close().unwrap();
    rows
}

#[test]
fn families_of_others_are_derived_again() {
    let fs = MemFs::new();
    let rows = foreign(&fs);
    let database = create(&fs, small());
    assert!(database.is_sealed());
    assert_eq!(database.deferred(), [false; 3], "taken for complete");
    assert!(database.get(b"y\x09p77").unwrap().is_some());
    database.rederive().unwrap();
    assert!(!database.is_sealed());
    assert_eq!(database.deferred(), [true, true, false]);
    assert!(database.get(b"y\x09p77").unwrap().is_none());
    assert_eq!(model::check(&database), rows);
    drop(database);
    let database = create(&fs.crash_clone(), small());
    assert_eq!(database.deferred(), [true, true, false]);
    database.seal(Batch::new()).unwrap();
    assert_eq!(
        collect(
            database
                .scan(Bounds::all(), ScanOptions::default())
                .unwrap()
        ),
        with_derived(&rows)
    );
}

#[test]
fn a_seal_that_derives_a_family_derives_the_kept_ones_too() {
    let fs = MemFs::new();
    let rows = foreign(&fs);
    // The last family is said to be kept, and is not true.
    let mark = mark::LiveMark {
        deferred: vec![0, 1],
        sealing: None,
    };
    mark.write(&fs, Path::new("db")).unwrap();
    marker::clear_format_version(&fs, Path::new("db")).unwrap();
    let database = create(&fs, small());
    assert_eq!(database.deferred(), [true, true, false]);
    assert!(database.get(b"y\x09p77").unwrap().is_some());
    database.checkpoint_exchange(Path::new("exchange")).unwrap();
    assert_eq!(sealed_rows(&fs, "exchange"), with_derived(&rows));
    database.seal(Batch::new()).unwrap();
    assert_eq!(sealed_rows(&fs, "db"), with_derived(&rows));
}

#[test]
fn tables_that_a_log_names_join_between_the_writes_around_them() {
    let fs = MemFs::new();
    let options = LiveOptions {
        deriver: None,
        ..small()
    };
    let database = create(&fs, options);
    let first = batch(|b| {
        b.set(b"p1", &value(0, 0, 1))?;
        b.set(b"p2", &value(0, 0, 1))
    });
    database.commit(first).unwrap();
    database.close().unwrap();
    let dir = Path::new("db");
    let path = dir.join(FileName::Table(FileNumber(90)).to_string());
    let options = WriterOptions::default();
    let mut table = TableWriter::new(fs.create(&path).unwrap(), &path, options).unwrap();
    for key in [b"p2", b"p3"] {
        let trailer = Trailer::new(SeqNo(0), Kind::Set);
        table.add(key, trailer, &value(1, 1, 2)).unwrap();
    }
    table.finish().unwrap();
    let mut log = LogWriter::create(&fs, dir, FileNumber(91)).unwrap();
    let mut joined = batch(|b| b.push_op(Op::IngestTable(FileNumber(90))));
    joined.set_first_seq(SeqNo(50));
    log.append_record(joined.as_bytes()).unwrap();
    let mut last = batch(|b| b.set(b"p3", &value(2, 2, 3)));
    last.set_first_seq(SeqNo(51));
    log.append_record(last.as_bytes()).unwrap();
    log.close().unwrap();
    fs.sync_dir(dir).unwrap();

    let expected = Rows::from([
        (b"p1".to_vec(), value(0, 0, 1)),
        (b"p2".to_vec(), value(1, 1, 2)),
        (b"p3".to_vec(), value(2, 2, 3)),
    ]);
    // Beside the deriver, and without one; a crash afterwards finds the same.
    for deriver in [small().deriver, None] {
        let fs = fs.crash_clone();
        let options = LiveOptions {
            deriver: deriver.clone(),
            ..small()
        };
        let database = create(&fs, options.clone());
        assert_eq!(plain_rows(&database), expected);
        drop(database);
        let database = create(&fs.crash_clone(), options);
        assert_eq!(plain_rows(&database), expected);
        database.check_levels().unwrap();
        database.seal(Batch::new()).unwrap();
        database.check_levels().unwrap();
        if deriver.is_some() {
            assert_eq!(model::check(&database), expected);
        }
    }
}
