//! Every golden database answers every kind of read as the reference implementation does, or is
//! refused by name.

use super::*;
use crate::testing::{golden_cases, golden_dir};

fn owned((key, value): (&[u8], &[u8])) -> KeyValue {
    (key.to_vec(), value.to_vec())
}

fn check_scans(database: &Database, expected: &[KeyValue]) {
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    for row in expected {
        assert_eq!(scan.next().unwrap().map(owned).as_ref(), Some(row));
        assert_eq!(scan.row().map(owned).as_ref(), Some(row));
    }
    assert!(scan.next().unwrap().is_none());
    assert!(scan.row().is_none());
    for row in expected.iter().rev() {
        assert_eq!(scan.prev().unwrap().map(owned).as_ref(), Some(row));
        assert_eq!(scan.row().map(owned).as_ref(), Some(row));
    }
    assert!(scan.prev().unwrap().is_none());
}

fn check_gets(database: &Database, expected: &[KeyValue]) {
    for (key, value) in expected {
        let found = database.get(key).unwrap();
        assert_eq!(found.as_deref(), Some(&value[..]), "{}", key.escape_ascii());
        for absent in [
            [&key[..], b"\0"].concat(),
            key[..key.len().saturating_sub(1)].to_vec(),
        ] {
            let held = expected.binary_search_by(|(k, _)| k.cmp(&absent)).is_ok();
            assert_eq!(database.get(&absent).unwrap().is_some(), held);
        }
    }
}

/// A key of the database, or one next to it.
fn any_key(expected: &[KeyValue], lottery: &mut Lottery) -> Vec<u8> {
    let index = usize::try_from(lottery.below(expected.len() as u64)).unwrap();
    let mut key = expected
        .get(index)
        .map_or(Vec::new(), |(key, _)| key.clone());
    match lottery.below(4) {
        0 => key.push(0),
        1 => drop(key.pop()),
        2 => {
            if let Some(last) = key.last_mut() {
                *last = last.wrapping_add(1);
            }
        }
        _ => {}
    }
    key
}

fn check_seeks(database: &Database, expected: &[KeyValue], lottery: &mut Lottery) {
    let mut scan = database.scan(Bounds::all(), ScanOptions { fill_cache: true });
    for _ in 0..300 {
        let key = any_key(expected, lottery);
        let at = expected.partition_point(|(k, _)| *k < key);
        scan.seek_ge(&key);
        if lottery.below(2) == 0 {
            for row in expected[at..].iter().take(3) {
                assert_eq!(scan.next().unwrap().map(owned).as_ref(), Some(row));
            }
        } else {
            for row in expected[..at].iter().rev().take(3) {
                assert_eq!(scan.prev().unwrap().map(owned).as_ref(), Some(row));
            }
        }
    }
}

fn check_bounded_scans(database: &Database, expected: &[KeyValue], lottery: &mut Lottery) {
    for _ in 0..100 {
        let mut bound = || (lottery.below(5) > 0).then(|| any_key(expected, lottery));
        let (lower, upper) = (bound(), bound());
        let bounds = Bounds { lower, upper };
        let inside: Vec<_> = expected
            .iter()
            .filter(|(key, _)| bounds.contains(key))
            .cloned()
            .collect();
        let mut scan = database.scan(bounds.clone(), ScanOptions::default());
        scan.unwind();
        let mut backwards = Vec::new();
        while let Some(row) = scan.prev().unwrap() {
            backwards.push(owned(row));
        }
        backwards.reverse();
        assert_eq!(backwards, inside, "{bounds:?}");
        assert_eq!(rows(database, bounds).unwrap(), inside);
    }
}

/// Reads everything in every way.
fn check_reads(database: &Database, expected: &[KeyValue]) {
    let mut lottery = Lottery::new(expected.len() as u64);
    check_scans(database, expected);
    check_gets(database, expected);
    check_seeks(database, expected, &mut lottery);
    check_bounded_scans(database, expected, &mut lottery);
    let report = database.check_levels().unwrap();
    assert!(report.points >= expected.len() as u64);
}

/// Opens and reads all; the first error.
fn failure(fs: &MemFs) -> Error {
    let database = match open(fs) {
        Ok(database) => database,
        Err(error) => return error,
    };
    rows(&database, Bounds::all()).unwrap_err()
}

#[test]
fn every_database_is_read_as_go_reads_it_or_refused_by_name() {
    let mut read = 0;
    for case in golden_cases("pebble", "db-") {
        let fs = golden_db(&case);
        let refused = match &case[..] {
            "db-merge" | "db-wal-only" => Some((ErrorKind::Unsupported, "merge operands")),
            "db-range-keys" => Some((ErrorKind::Unsupported, "range keys")),
            "db-value-separation" => Some((ErrorKind::Unsupported, "values in blob files")),
            "db-comp-minlz" => Some((ErrorKind::Unsupported, "MinLZ")),
            "db-corrupt-manifest" => Some((ErrorKind::Corrupt, "MANIFEST-000001")),
            "db-corrupt-sst" => Some((ErrorKind::Corrupt, "000005.sst")),
            _ => None,
        };
        if let Some((kind, text)) = refused {
            let error = failure(&fs);
            assert_eq!(error.kind(), kind, "{case}: {error:?}");
            assert!(error.to_string().contains(text), "{case}: {error}");
            continue;
        }
        let database = open(&fs).unwrap_or_else(|e| panic!("{case}: {e:?}"));
        let expected = golden_rows(&case);
        check_reads(&database, &expected);
        read += 1;
        eprintln!("{case}: {} rows", expected.len());
    }
    assert!(read >= 25, "{read}");
}

#[test]
fn every_sync_directory_is_read_as_go_reads_it() {
    let mut read = 0;
    for case in golden_cases("", "") {
        let tar = format!("{case}/pebble-dir.tar");
        if !golden_dir().join(&tar).exists() {
            continue;
        }
        let expected = golden_points(&format!("{case}/kv.ndjson.gz"));
        let database = open(&golden_tar(&tar)).unwrap();
        check_reads(&database, &expected);
        read += 1;
    }
    assert!(read >= 30, "{read}");
}
