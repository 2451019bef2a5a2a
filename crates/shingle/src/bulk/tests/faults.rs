//! Every operation of a build fails once, or for good: an error, no database, nothing left behind.
//! A power failure at any moment leaves no database or the whole one.

use super::*;
use crate::manifest::FileName;
use crate::vfs::{FaultFs, FaultPlan};
use crate::{ErrorKind, Result};

fn options(threads: usize) -> BulkOptions {
    BulkOptions {
        memory_bytes: 0,
        table_bytes: 8 << 10,
        block_len: 1 << 10,
        sections: vec![b"group".to_vec()],
        threads,
        ..BulkOptions::default()
    }
}

fn build(fs: &Arc<dyn Fs>, rows: &[(Vec<u8>, Vec<u8>)], threads: usize) -> Result<BuiltDatabase> {
    let mut builder = BulkBuilder::new(Arc::clone(fs), "db", options(threads))?;
    for (key, value) in rows {
        builder.add(key, value)?;
    }
    builder.finish()
}

fn is_marker(name: &str) -> bool {
    matches!(FileName::parse(name), FileName::Marker(_))
}

#[test]
fn whatever_fails_is_reported_and_leaves_nothing() {
    let rows = odd_rows(3, 1200);
    for (threads, pattern, least) in [
        (1, "fail any {}", 60),
        (2, "fail any {}", 60),
        (1, "short write {}", 6),
    ] {
        let mut failed = 0;
        for n in 0.. {
            let mem = MemFs::new();
            let plan = FaultPlan::parse(&pattern.replace("{}", &n.to_string())).unwrap();
            let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
            let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
            let built = build(&fs, &rows, threads);
            if faulty.faults() == 0 {
                built.unwrap();
                break;
            }
            failed += 1;
            let left = mem.list(Path::new("db")).unwrap_or_default();
            match &built {
                // What could not be removed is the fault itself, and no part of the database.
                Ok(built) => {
                    let temporary = left.iter().map(|name| FileName::parse(name));
                    let temporary = temporary.filter(|n| matches!(n, FileName::Temporary(_)));
                    assert!(temporary.count() <= 1, "{left:?}");
                    assert_whole(&mem, built, &rows);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Io, "{pattern} {n}: {error}");
                    assert_eq!(left, Vec::<String>::new(), "{pattern} {n}: {error}");
                }
            }
        }
        assert!(failed >= least, "{failed} operations of {pattern}");
    }
}

/// The database lists all its files and holds all rows.
fn assert_whole(mem: &MemFs, built: &BuiltDatabase, rows: &[(Vec<u8>, Vec<u8>)]) {
    let alone = MemFs::new();
    for (name, len) in &built.files {
        let bytes = mem.read(Path::new("db").join(name)).unwrap();
        assert_eq!(bytes.len() as u64, *len);
        alone.install(Path::new("db").join(name), bytes).unwrap();
    }
    let expected: Rows = rows.iter().cloned().collect();
    let found = rows_of(Arc::new(alone), "db").unwrap();
    assert!(found.into_iter().eq(expected));
}

#[test]
fn a_disk_that_stays_dead_leaves_no_database() {
    let rows = odd_rows(3, 600);
    for n in 0.. {
        let mem = MemFs::new();
        let plan = FaultPlan::parse(&format!("fail any {n}..")).unwrap();
        let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
        let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
        let built = build(&fs, &rows, 1);
        if faulty.faults() == 0 {
            built.unwrap();
            break;
        }
        let left = mem.list(Path::new("db")).unwrap_or_default();
        if built.is_err() && left.iter().any(|name| name.starts_with("marker.manifest")) {
            // The name of the marker may stand: then everything it leads to is there.
            let expected: Rows = rows.iter().cloned().collect();
            let found = rows_of(Arc::new(mem.clone()), "db").unwrap();
            assert!(found.into_iter().eq(expected), "fault {n}");
        }
    }
}

#[test]
fn a_power_failure_leaves_no_database_or_the_whole_one() {
    let rows = odd_rows(3, 600);
    let expected: Rows = rows.iter().cloned().collect();
    let (mut none, mut whole) = (0, 0);
    for n in 0.. {
        let mem = MemFs::new();
        mem.install("db/x", *b"").unwrap();
        let plan = FaultPlan::parse(&format!("fail any {n}..")).unwrap();
        let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
        let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
        let built = build(&fs, &rows, 1);
        for seed in 0..6 {
            let crashed = mem.crash_clone_partial(seed);
            let names = crashed.list(Path::new("db")).unwrap();
            if !names.iter().any(|name| name.starts_with("marker.manifest")) {
                none += 1;
                continue;
            }
            assert!(names.iter().filter(|name| is_marker(name)).count() == 2);
            let found = rows_of(Arc::new(crashed), "db").unwrap();
            assert!(
                found.into_iter().eq(expected.clone()),
                "fault {n} seed {seed}"
            );
            whole += 1;
        }
        if faulty.faults() == 0 {
            built.unwrap();
            break;
        }
    }
    assert!(none > 100 && whole > 0, "{none} without, {whole} whole");
}

/// What was written is read back before it is named: tables, MANIFEST and OPTIONS.
#[test]
fn a_bit_that_flips_on_the_way_to_the_disk_is_seen() {
    let rows = odd_rows(3, 1200);
    for plan in ["flip write", "flip:0 write", "flip:77 write"] {
        let (mut tables, mut small) = (0, 0);
        for n in 0.. {
            // Runs have checksums of their own, which the merge verifies; here is nothing to spill.
            let options = BulkOptions {
                memory_bytes: 64 << 20,
                ..options(1)
            };
            let mem = MemFs::new();
            let plan = FaultPlan::parse(&format!("{plan} {n}")).unwrap();
            let faulty = FaultFs::new(Arc::new(mem.clone()), plan);
            let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
            let mut builder = BulkBuilder::new(fs, "db", options).unwrap();
            for (key, value) in &rows {
                builder.add(key, value).unwrap();
            }
            let built = builder.finish();
            if faulty.faults() == 0 {
                built.unwrap();
                break;
            }
            let error = built.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "write {n}: {error}");
            assert_eq!(
                mem.list(Path::new("db")).unwrap(),
                Vec::<String>::new(),
                "write {n}: {error}"
            );
            let extension = error.file().unwrap().extension();
            if extension.is_some_and(|extension| extension == "dbtmp") {
                tables += 1;
            } else {
                small += 1;
            }
        }
        assert!(
            tables >= 3 && small >= 2,
            "{plan}: {tables} tables, {small} others"
        );
    }
}

#[test]
fn a_flipped_bit_on_the_way_back_is_seen() {
    let rows = odd_rows(3, 1200);
    let mut seen = 0;
    for n in 0.. {
        let plan = FaultPlan::parse(&format!("flip read {n}")).unwrap();
        let faulty = FaultFs::new(Arc::new(MemFs::new()), plan);
        let fs: Arc<dyn Fs> = Arc::new(faulty.clone());
        let built = build(&fs, &rows, 1);
        if faulty.faults() == 0 {
            built.unwrap();
            break;
        }
        match built {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "read {n}: {error}");
                seen += 1;
            }
            // Bytes that were read and not looked at: the tail of a table reaches into its blocks.
            Ok(_) => assert!(rows_of(fs, "db").is_ok()),
        }
    }
    assert!(seen >= 10, "{seen} flips were seen");
}
