//! One promise a test.

use super::*;
use crate::ErrorKind;
use crate::manifest::Level;

#[test]
fn options_out_of_range_are_refused_by_name() {
    let refused = |name: &str, change: fn(&mut LiveOptions)| {
        let mut options = LiveOptions::default();
        change(&mut options);
        let error = options.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(name), "{error}");
    };
    LiveOptions::default().check().unwrap();
    small().check().unwrap();
    refused("tables_open_max", |o| o.tables_open_max = 0);
    refused("memory_bytes", |o| o.memory_bytes = 1);
    refused("write_buffer_bytes", |o| o.write_buffer_bytes = 65 << 20);
    refused("batch_bytes_max", |o| o.batch_bytes_max = 0);
    refused("fan_in", |o| o.compaction.fan_in = 1);
    refused("filter_bits", |o| o.filter_bits_per_key = 65);
    refused("block_len", |o| o.block_len = 1);
    refused("table_bytes", |o| o.table_bytes = 0);
    refused("out of order", |o| {
        o.sections = vec![b"b".to_vec(), b"a".to_vec()];
    });
}

#[test]
fn a_batch_is_seen_whole_and_a_snapshot_stays_as_it_was() {
    let fs = MemFs::new();
    let database = create(&fs, LiveOptions::default());
    let none = database.snapshot();
    let last = database.commit(batch(|b| {
        b.set(b"a", b"1")?;
        b.set(b"b", b"1")?;
        b.set(b"a", b"2")
    }));
    assert_eq!(last.unwrap(), SeqNo(12));
    let some = database.snapshot();
    database
        .commit(batch(|b| {
            b.delete(b"a")?;
            b.delete_range(b"b", b"c")?;
            b.set(b"c", b"3")
        }))
        .unwrap();
    let all = |snapshot: &LiveSnapshot| {
        collect(
            snapshot
                .scan(Bounds::all(), ScanOptions::default())
                .unwrap(),
        )
        .into_iter()
        .map(|(key, value)| String::from_utf8([key, value].concat()).unwrap())
        .collect::<Vec<_>>()
    };
    assert!(all(&none).is_empty());
    assert_eq!(all(&some), ["a2", "b1"]);
    assert_eq!(all(&database.snapshot()), ["c3"]);
    assert_eq!(some.get(b"a").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(database.get(b"a").unwrap().as_deref(), None);
    // The snapshot outlives tables, files and the database.
    database.flush().unwrap();
    database.compact_range(&Bounds::all()).unwrap();
    database.close().unwrap();
    assert_eq!(all(&some), ["a2", "b1"]);
}

#[test]
fn an_open_database_is_busy_and_a_missing_one_not_found() {
    let fs = MemFs::new();
    let open = || LiveDatabase::open(Arc::new(fs.clone()), "db", small());
    assert!(LiveDatabase::open(Arc::new(fs.clone()), "other", small()).is_err());
    let database = create(&fs, small());
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Busy);
    let clone = database.clone();
    drop(database);
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Busy);
    drop(clone);
    open().unwrap();
}

#[test]
fn a_live_directory_is_marked_and_needs_its_deriver() {
    let fs = MemFs::new();
    drop(create(&fs, small()));
    let has = |name: &str| names(&fs, "db").iter().any(|found| found.starts_with(name));
    assert!(has("SHINGLE-LIVE") && has("marker.manifest") && !has("marker.format-version"));
    let without = LiveOptions {
        deriver: None,
        ..small()
    };
    let error = LiveDatabase::open(Arc::new(fs.clone()), "db", without).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let read = Database::open_sealed(Arc::new(fs.clone()), "db", ReadOptions::default());
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Invalid);

    let database = create(&fs, small());
    database.seal(Batch::new()).unwrap();
    assert!(!has("SHINGLE-LIVE") && has("marker.format-version"));
    // Opening alone changes nothing of that; the first write does.
    drop(database);
    let database = create(&fs, small());
    assert!(has("marker.format-version"));
    database.commit(batch(|b| b.set(b"a", b""))).unwrap();
    assert!(has("SHINGLE-LIVE") && !has("marker.format-version"));
    drop(database);
    fs.remove_file(Path::new("db/SHINGLE-LIVE")).unwrap();
    let error = LiveDatabase::open(Arc::new(fs.clone()), "db", small()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn without_a_deriver_a_live_directory_is_open_to_all() {
    let fs = MemFs::new();
    let options = LiveOptions {
        deriver: None,
        ..small()
    };
    let database = create(&fs, options);
    database.commit(batch(|b| b.set(b"k", b"v"))).unwrap();
    database.close().unwrap();
    let read = Database::open_sealed(Arc::new(fs.clone()), "db", ReadOptions::default()).unwrap();
    assert_eq!(read.get(b"k").unwrap().as_deref(), Some(&b"v"[..]));
}

#[test]
fn derived_keys_are_not_written_by_hand() {
    let database = create(&MemFs::new(), small());
    for bad in [
        batch(|b| b.set(b"w1", b"")),
        batch(|b| b.delete(b"yy")),
        batch(|b| b.delete_range(b"q", b"wz")),
    ] {
        assert_eq!(database.commit(bad).unwrap_err().kind(), ErrorKind::Invalid);
    }
    // What cannot be derived is refused whole, and does no harm.
    let bad = batch(|b| {
        b.set(b"p1", &value(1, 2, 3))?;
        b.set(b"p2", b"")
    });
    assert_eq!(database.commit(bad).unwrap_err().kind(), ErrorKind::Invalid);
    database
        .commit(batch(|b| b.set(b"p1", &value(1, 2, 3))))
        .unwrap();
    assert_eq!(plain_rows(&database).len(), 1);
}

#[test]
fn a_batch_over_the_limit_is_refused_and_one_over_the_buffer_is_written_at_once() {
    let fs = MemFs::new();
    let options = LiveOptions {
        batch_bytes_max: 1 << 14,
        ..small()
    };
    let database = create(&fs, options);
    let large = |len: usize| batch(|b| b.set(b"k", &vec![7; len]));
    let error = database.commit(large(1 << 14)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    database.commit(large(1 << 13)).unwrap();
    assert_eq!(database.metrics().spills, 1);
    assert_eq!(database.get(b"k").unwrap().map(|v| v.len()), Some(1 << 13));
}

#[test]
fn runs_are_merged_by_size_and_stay_few() {
    let fs = MemFs::new();
    let options = LiveOptions {
        deriver: None,
        sections: Vec::new(),
        ..small()
    };
    let database = create(&fs, options);
    for n in 0..2000_u64 {
        let key = format!("p{:05}", n.wrapping_mul(7919) % 5000);
        let written = batch(|b| b.set(key.as_bytes(), &value(0, 0, n)));
        database.commit(written).unwrap();
        let runs = database.version().level(Level::L0).len();
        // Two a tier and one that makes the third.
        assert!(runs <= 12, "{runs} runs after {n}");
    }
    let metrics = database.metrics();
    assert!(metrics.spills > 50, "{metrics:?}");
    assert!(metrics.merges > metrics.spills / 4, "{metrics:?}");
    database.check_levels().unwrap();
}

#[test]
fn flushed_logs_and_merged_runs_leave_the_directory() {
    let fs = MemFs::new();
    let database = create(&fs, small());
    for n in 0..500_u64 {
        let key = format!("p{n:05}");
        database
            .commit(batch(|b| b.set(key.as_bytes(), &value(1, 2, n))))
            .unwrap();
    }
    database.flush().unwrap();
    let tables = database.version().tables().count();
    let count = |end: &str| {
        let names = names(&fs, "db");
        names.iter().filter(|name| name.ends_with(end)).count()
    };
    assert_eq!(count(".sst"), tables);
    assert_eq!(count(".log"), 0);
    let manifests = names(&fs, "db")
        .iter()
        .filter(|n| n.starts_with("MANIFEST"))
        .count();
    assert_eq!(manifests, 1);
    let old = database.snapshot();
    database.seal(Batch::new()).unwrap();
    let sealed = database.version().tables().count();
    assert!(count(".sst") > sealed, "a snapshot holds its files");
    drop(old);
    assert_eq!(count(".sst"), sealed);
    assert_eq!(count(".dbtmp"), 0);
}

#[test]
fn a_seal_shows_derived_rows_and_closing_writes_in_one_step() {
    let fs = MemFs::new();
    let database = create(&fs, small());
    let mut model = Rows::new();
    for n in 0..200_u64 {
        let key = format!("p{:03}", n % 120).into_bytes();
        let row = value(n.to_le_bytes()[0] % 5, n.to_le_bytes()[0] % 7, n);
        database.commit(batch(|b| b.set(&key, &row))).unwrap();
        model.insert(key, row);
    }
    let report = database.seal(batch(|b| b.set(b"done", b"yes"))).unwrap();
    model.insert(b"done".to_vec(), b"yes".to_vec());
    assert_eq!(report.tables_kept, 0);
    assert!(report.tables > 3);
    let version = database.version();
    assert!(
        version
            .tables()
            .all(|(level, t)| level == Level::L6 && t.largest_seq.0 == 0)
    );
    assert_eq!(sealed_rows(&fs, "db"), with_derived(&model));
    assert_eq!(database.deferred(), [false, false, false]);
}

#[test]
fn a_second_seal_rewrites_what_was_touched() {
    let fs = MemFs::new();
    let database = create(&fs, small());
    let mut model = Rows::new();
    let load = batch(|b| {
        for n in 0..400_u64 {
            let (key, row) = (format!("p{n:03}"), value(n.to_le_bytes()[0] % 4, 9, n));
            b.set(key.as_bytes(), &row)?;
            model.insert(key.into_bytes(), row);
        }
        Ok(())
    });
    database.commit(load).unwrap();
    let first = database.seal(Batch::new()).unwrap();
    let row = value(1, 8, 0);
    database.commit(batch(|b| b.set(b"p200", &row))).unwrap();
    model.insert(b"p200".to_vec(), row);
    let second = database.seal(Batch::new()).unwrap();
    assert!(
        second.tables_kept + 8 >= first.tables && first.tables > 16,
        "{first:?} {second:?}"
    );
    assert_eq!(sealed_rows(&fs, "db"), with_derived(&model));
    let third = database.seal(Batch::new()).unwrap();
    assert_eq!(third.tables_kept, second.tables);
}

#[test]
fn a_caller_replaces_ranges_at_the_seal() {
    let fs = MemFs::new();
    let database = create(&fs, small());
    database
        .commit(batch(|b| {
            b.set(b"p1", &value(1, 2, 3))?;
            b.set(b"t-old", b"goes")
        }))
        .unwrap();
    let mut seal = database.begin_seal().unwrap();
    let mut count = 0_u8;
    let mut scan = seal
        .snapshot()
        .scan(Bounds::prefix(b"p"), ScanOptions::default())
        .unwrap();
    while scan.next().unwrap().is_some() {
        count += 1;
    }
    drop(scan);
    let mut digest = seal.section();
    digest.add(b"t-rows", &[count]).unwrap();
    seal.replace(Bounds::prefix(b"t"), digest.finish().unwrap())
        .unwrap();
    let mut family = seal.section();
    family.add(b"w-own", b"").unwrap();
    seal.replace(Bounds::prefix(b"w"), family.finish().unwrap())
        .unwrap();
    let mut outside = seal.section();
    outside.add(b"u", b"").unwrap();
    let outside = outside.finish().unwrap();
    assert!(seal.replace(Bounds::prefix(b"v"), outside).is_err());
    let nothing = seal.section().finish().unwrap();
    assert!(seal.replace(Bounds::prefix(b"t-"), nothing).is_err());
    let nothing = seal.section().finish().unwrap();
    assert!(seal.replace(Bounds::prefix(b"xx"), nothing).is_err());
    seal.finish(Batch::new()).unwrap();
    let found: Vec<_> = sealed_rows(&fs, "db").into_keys().collect();
    let expected: [&[u8]; 4] = [b"p1", b"t-rows", b"w-own", b"y\x02p1"];
    assert_eq!(found, expected);
}

#[test]
fn reading_a_deferred_family_derives_it_and_keeps_it() {
    let database = create(&MemFs::new(), small());
    let before = database.snapshot();
    database
        .commit(batch(|b| {
            b.set(b"p1", &value(2, 7, 0))?;
            b.set(b"p2", &value(4, 7, 0))
        }))
        .unwrap();
    assert_eq!(database.deferred(), [true, true, false]);
    let keys = |prefix: &[u8]| {
        let scan = database
            .scan(Bounds::prefix(prefix), ScanOptions::default())
            .unwrap();
        collect(scan).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(keys(b"y"), [b"y\x07p1", b"y\x07p2"]);
    assert_eq!(database.deferred(), [true, true, false]);
    assert_eq!(keys(b"w"), [b"w\x02p1", b"w\x04p2"]);
    assert_eq!(database.deferred(), [false, true, false]);
    assert!(
        before
            .scan(Bounds::prefix(b"w"), ScanOptions::default())
            .is_err()
    );
    assert!(before.get(b"w\x02p1").is_err());
    assert_eq!(database.get(b"xp1").unwrap().as_deref(), Some(&[7][..]));
    assert_eq!(database.deferred(), [false, false, false]);
    // From now on every write keeps them true.
    database
        .commit(batch(|b| {
            b.set(b"p1", &value(3, 7, 0))?;
            b.delete_range(b"p2", b"p3")?;
            b.set(b"p3", &value(6, 7, 0))?;
            b.set(b"p4", &value(6, 7, 0))?;
            b.delete(b"p4")
        }))
        .unwrap();
    assert_eq!(keys(b"w"), [b"w\x03p1", b"w\x06p3"]);
    assert_eq!(keys(b"x"), [b"xp3"]);
    assert_eq!(keys(b"y"), [b"y\x07p1", b"y\x07p3"]);
}

#[test]
fn an_ingested_table_is_newest_and_refused_where_it_does_not_belong() {
    let fs = MemFs::new();
    let options = LiveOptions {
        deriver: None,
        ..small()
    };
    let database = create(&fs, options);
    database
        .commit(batch(|b| {
            b.set(b"q1", b"old")?;
            b.set(b"q2", b"old")
        }))
        .unwrap();
    let write = |name: &str, keys: &[&[u8]]| {
        let file = fs.create(Path::new(name)).unwrap();
        let mut table =
            crate::sst::TableWriter::new(file, name, crate::sst::WriterOptions::default()).unwrap();
        for key in keys {
            let trailer = crate::key::Trailer::new(SeqNo(0), crate::key::Kind::Set);
            table.add(key, trailer, b"new").unwrap();
        }
        table.finish().unwrap();
    };
    write("one", &[b"q1", b"q3"]);
    write("wide", &[b"a", b"q9"]);
    let paths = [Path::new("one")];
    database.ingest(&paths).unwrap();
    database.commit(batch(|b| b.set(b"q3", b"newer"))).unwrap();
    let expect = [(b"q1", &b"new"[..]), (b"q2", b"old"), (b"q3", b"newer")];
    for (key, value) in expect {
        assert_eq!(database.get(key).unwrap().as_deref(), Some(value));
    }
    assert!(database.ingest(&[Path::new("wide")]).is_err());
    assert!(
        database
            .ingest(&[Path::new("one"), Path::new("one")])
            .is_err()
    );
    assert!(database.ingest(&[Path::new("none")]).is_err());
    database.check_levels().unwrap();
    database.seal(Batch::new()).unwrap();
    assert_eq!(sealed_rows(&fs, "db").len(), 3);
}
