//! Opening: what is refused and how it says so, what is ignored, and that nothing is written.

use super::builder::Builder;
use super::*;
use crate::iter::tests::set;
use crate::manifest::FileName;
use crate::vfs::{CountingFs, FaultFs, FaultPlan, Fs};

fn small() -> Builder {
    let mut builder = Builder::new();
    builder.add(0, &[set("b", 20), set("e", 21)]);
    builder.add(6, &[set("a", 10), set("b", 11), set("c", 12)]);
    builder.add(6, &[set("d", 13), set("f", 14)]);
    builder
}

fn remove(fs: &MemFs, name: &str) {
    fs.remove_file(Path::new(name)).unwrap();
}

/// The error of opening a changed copy.
fn refused(change: impl FnOnce(&MemFs)) -> Error {
    let fs = small().finish();
    open(&fs).unwrap();
    change(&fs);
    open(&fs).unwrap_err()
}

#[test]
fn what_is_not_a_database_is_not_found() {
    let error = open(&MemFs::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let missing = Database::open_sealed(Arc::new(MemFs::new()), "no/such", ReadOptions::default());
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    let error = refused(|fs| remove(fs, "marker.manifest.000001.MANIFEST-000001"));
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn missing_and_foreign_files_are_refused_by_name() {
    let format_marker = "marker.format-version.000001.024";
    for (kind, text, change) in [
        (
            ErrorKind::Corrupt,
            "format-version marker",
            Box::new(|fs: &MemFs| remove(fs, format_marker)) as Box<dyn FnOnce(&MemFs)>,
        ),
        (
            ErrorKind::Invalid,
            "still written",
            Box::new(|fs: &MemFs| {
                remove(fs, format_marker);
                fs.install("SHINGLE-LIVE", *b"shingle-live 1\n").unwrap();
            }),
        ),
        (
            ErrorKind::Unsupported,
            "newer format; upgrade this program version=`25`",
            Box::new(|fs: &MemFs| {
                fs.install("marker.format-version.000002.025", *b"")
                    .unwrap();
            }),
        ),
        (
            ErrorKind::Unsupported,
            "older format",
            Box::new(|fs: &MemFs| {
                fs.install("marker.format-version.000002.012", *b"")
                    .unwrap();
            }),
        ),
        (
            ErrorKind::Corrupt,
            "MANIFEST-000001",
            Box::new(|fs: &MemFs| remove(fs, "MANIFEST-000001")),
        ),
        (
            ErrorKind::Corrupt,
            "found=`no file` file=`000011.sst`",
            Box::new(|fs: &MemFs| remove(fs, "000011.sst")),
        ),
        (
            ErrorKind::Corrupt,
            "file=`000011.sst`",
            Box::new(|fs: &MemFs| {
                let mut bytes = fs.read("000011.sst").unwrap();
                bytes.push(0);
                fs.install("000011.sst", bytes).unwrap();
            }),
        ),
        (
            ErrorKind::Unsupported,
            "merger=`sum`",
            Box::new(|fs: &MemFs| {
                fs.install("OPTIONS-000009", *b"[Options]\nmerger=sum")
                    .unwrap();
            }),
        ),
        (
            ErrorKind::Exhausted,
            "OPTIONS-000009",
            Box::new(|fs: &MemFs| fs.install("OPTIONS-000009", vec![b'\n'; 2 << 20]).unwrap()),
        ),
        (
            ErrorKind::Unsupported,
            "remote object catalog",
            Box::new(|fs: &MemFs| fs.install("marker.remote-obj-catalog.1.x", *b"").unwrap()),
        ),
        (
            ErrorKind::Corrupt,
            "marker.nonsense",
            Box::new(|fs: &MemFs| fs.install("marker.nonsense", *b"").unwrap()),
        ),
    ] {
        let error = refused(change);
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn leftovers_and_foreign_names_mean_nothing() {
    let fs = small().finish();
    let expected = rows(&open(&fs).unwrap(), Bounds::all()).unwrap();
    for name in [
        "LOCK",
        "CURRENT",
        "000099.sst",
        "000001.log",
        "MANIFEST-000077",
        "temporary.000005.dbtmp",
        "notes.txt",
        "marker.manifest.000000.MANIFEST-000077",
    ] {
        fs.install(name, *b"nonsense").unwrap();
    }
    remove(&fs, "OPTIONS-000003");
    let database = open(&fs).unwrap();
    assert_eq!(rows(&database, Bounds::all()).unwrap(), expected);
    let live: Vec<_> = database.files().unwrap();
    let live: Vec<_> = live
        .iter()
        .filter(|f| f.live)
        .map(|f| &f.name[..])
        .collect();
    assert_eq!(
        live,
        [
            "000002.log",
            "000010.sst",
            "000011.sst",
            "000012.sst",
            "MANIFEST-000001",
            "marker.format-version.000001.024",
            "marker.manifest.000001.MANIFEST-000001",
        ]
    );
}

#[test]
fn the_inventory_says_what_each_file_is() {
    let database = open(&golden_db("db-manifest-rotated")).unwrap();
    let files = database.files().unwrap();
    let file = |name: &str| files.iter().find(|f| f.name == name).unwrap();
    assert!(!file("MANIFEST-000045").live);
    assert!(file("MANIFEST-000048").live);
    assert!(file("000046.log").live);
    assert!(!file("000037.log").live);
    assert_eq!(file("000031.sst").len, 8152);
    assert_eq!(file("000031.sst").kind, FileName::Table(FileNumber(31)));
    let shapes = database.level_shapes();
    let tables: Vec<_> = shapes.iter().map(|shape| shape.tables).collect();
    assert_eq!(tables, [0, 0, 0, 0, 0, 3, 5]);
    assert_eq!(shapes[5].size, 6446 + 5125 + 4179);
    assert_eq!(
        database.approximate_size(&Bounds::all()),
        database.version().size()
    );
    assert_eq!(database.approximate_size(&Bounds::range([], [])), 0);
}

#[test]
fn reading_writes_nothing_and_locks_nothing() {
    for case in ["db-virtual", "db-wal-flushable-ingest", "db-tombstones"] {
        let plan = "fail create; fail write; fail sync; fail rename; fail link; fail remove; \
                    fail mkdir; fail syncdir; fail lock";
        let plan = FaultPlan::parse(plan).unwrap();
        let fs = FaultFs::new(Arc::new(golden_db(case)), plan);
        let database =
            Database::open_sealed(Arc::new(fs.clone()), "", ReadOptions::default()).unwrap();
        assert_eq!(rows(&database, Bounds::all()).unwrap(), golden_rows(case));
        database.files().unwrap();
        assert_eq!(fs.faults(), 0);
    }
}

#[test]
fn a_read_touches_only_the_tables_that_it_needs() {
    let counting = CountingFs::new(Arc::new(small().finish()));
    let open = || {
        let fs = Arc::new(counting.clone());
        Database::open_sealed(fs, "", ReadOptions::default()).unwrap()
    };
    let database = open();
    // OPTIONS, MANIFEST, log.
    assert_eq!(counting.reset().opens, 3);
    assert_eq!(database.counters().tables_opened, 0);
    assert_eq!(database.get(b"d").unwrap().as_deref(), Some(&b"d@13"[..]));
    assert_eq!(
        database.counters().tables_opened,
        2,
        "L0 spans the key, and one of L6"
    );
    assert_eq!(database.get(b"a").unwrap().as_deref(), Some(&b"a@10"[..]));
    assert_eq!(database.counters().tables_opened, 3);
    assert!(database.get(b"zz").unwrap().is_none());
    assert_eq!(counting.reset().opens, 3);

    let database = open();
    assert_eq!(database.get(b"b").unwrap().as_deref(), Some(&b"b@20"[..]));
    assert_eq!(
        database.counters().tables_opened,
        1,
        "what is older is not asked"
    );
    let database = open();
    let found = rows(&database, Bounds::range("f", "g")).unwrap();
    assert_eq!((found.len(), database.counters().tables_opened), (1, 1));
    let numbers = |bounds: &Bounds| -> Vec<_> {
        let tables = database.tables_overlapping(bounds);
        tables.iter().map(|(_, table)| table.number.0).collect()
    };
    assert_eq!(numbers(&Bounds::range("f", "g")), [12]);
    assert_eq!(numbers(&Bounds::all()), [10, 11, 12]);
    let counters = database.counters();
    assert_eq!((counters.scans, counters.rows, counters.entries), (1, 1, 1));
}

#[test]
fn a_failed_operation_is_an_error_and_never_fewer_rows() {
    let work = |fs: Arc<dyn Fs>| -> Result<Vec<KeyValue>> {
        let database = Database::open_sealed(fs, "", ReadOptions::default())?;
        let found = rows(&database, Bounds::all())?;
        for (key, value) in &found {
            assert_eq!(database.get(key)?.as_deref(), Some(&value[..]));
        }
        Ok(found)
    };
    for case in [
        "db-virtual",
        "db-wal-several",
        "db-l0-overlap",
        "db-wal-flushable-ingest",
    ] {
        let mem = golden_db(case);
        let expected = golden_rows(case);
        for (fault, kinds) in [
            ("fail any", &[ErrorKind::Io][..]),
            ("short read", &[ErrorKind::Io]),
            ("flip read", &[ErrorKind::Corrupt, ErrorKind::Unsupported]),
        ] {
            for index in 0.. {
                let plan = FaultPlan::parse(&format!("{fault} {index}")).unwrap();
                let fs = FaultFs::new(Arc::new(mem.clone()), plan);
                match work(Arc::new(fs.clone())) {
                    Ok(found) if fs.faults() == 0 => {
                        assert_eq!(found, expected);
                        break;
                    }
                    // A flip may hit bytes that nobody looks at, and cuts short the last log.
                    Ok(found) if fault == "flip read" => {
                        let lost = expected.iter().filter(|row| !found.contains(row)).count();
                        assert!(
                            lost == 0 || case.starts_with("db-wal"),
                            "{case} {index}: {lost}"
                        );
                    }
                    Ok(_) => panic!("{case}: {fault} {index} went unseen"),
                    Err(e) => assert!(kinds.contains(&e.kind()), "{case} {fault} {index}: {e:?}"),
                }
            }
        }
    }
}

#[test]
fn few_open_tables_are_enough() {
    let mut builder = Builder::new();
    for table in 0..20_u32 {
        let entries: Vec<_> = (0..5)
            .map(|row| set(&format!("{table:02}/{row}"), 10))
            .collect();
        builder.add(6, &entries);
    }
    let fs = Arc::new(builder.finish());
    let options = ReadOptions {
        tables_open_max: 2,
        ..ReadOptions::default()
    };
    let database = Database::open_sealed(fs, "", options).unwrap();
    let expected = rows(&database, Bounds::all()).unwrap();
    assert_eq!(expected.len(), 100);
    for _ in 0..2 {
        for (key, value) in &expected {
            assert_eq!(database.get(key).unwrap().as_deref(), Some(&value[..]));
        }
    }
    let opened = database.counters().tables_opened;
    assert!(
        (60..70).contains(&opened),
        "each table once a round: {opened}"
    );
}

#[test]
fn a_log_cut_anywhere_never_loses_what_came_before() {
    let fs = golden_db("db-wal-several");
    let log = fs.read("000006.log").unwrap();
    let last_log = fs.read("000007.log").unwrap();
    remove(&fs, "000007.log");
    let mut last = 0;
    for len in (0..log.len()).step_by(211) {
        fs.install("000006.log", &log[..len]).unwrap();
        let database = open(&fs).unwrap();
        let entries = database.unflushed_entries();
        assert!(entries >= last, "{entries} after {last}");
        last = entries;
        rows(&database, Bounds::all()).unwrap();
    }
    fs.install("000006.log", log).unwrap();
    fs.install("000007.log", last_log).unwrap();
    let database = open(&fs).unwrap();
    assert!(database.unflushed_entries() > last);
    assert_eq!(
        rows(&database, Bounds::all()).unwrap(),
        golden_rows("db-wal-several")
    );
}

#[test]
fn every_damaged_byte_of_a_table_is_an_error_or_harmless() {
    let fs = golden_db("db-virtual");
    let expected = golden_rows("db-virtual");
    for name in ["000006.sst", "000012.sst"] {
        let whole = fs.read(name).unwrap();
        let mut errors = 0;
        for offset in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[offset] ^= 0x10;
            fs.install(name, damaged).unwrap();
            match rows(&open(&fs).unwrap(), Bounds::all()) {
                Ok(found) => assert_eq!(found, expected, "byte {offset} of {name}"),
                Err(error) => {
                    assert!(error.to_string().contains(name), "{error}");
                    errors += 1;
                }
            }
        }
        assert!(errors * 10 > whole.len() * 9, "{errors} of {}", whole.len());
        fs.install(name, whole).unwrap();
    }
}
