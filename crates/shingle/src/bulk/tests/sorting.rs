//! The sort: order of keys, versions of one key, runs, ranges.

use proptest::prelude::*;

use super::super::arena::Arena;
use super::*;
use crate::ErrorKind;

const SMALLEST: usize = 64 << 10;

fn sorter(fs: &Arc<dyn Fs>, memory_bytes: usize, duplicates: Duplicates) -> Sorter {
    let options = SortOptions {
        memory_bytes,
        background: memory_bytes.is_multiple_of(2),
        duplicates,
        ..SortOptions::default()
    };
    Sorter::new(Scratch::new(Arc::clone(fs), "t"), options)
}

fn sort(rows: &[(Vec<u8>, Vec<u8>)], memory_bytes: usize, duplicates: Duplicates) -> Sorted {
    let (_, fs) = mem();
    fs.create_dir_all(Path::new("t")).unwrap();
    let mut sorter = sorter(&fs, memory_bytes, duplicates);
    for (key, value) in rows {
        sorter.add(key, value).unwrap();
    }
    assert_eq!(sorter.rows(), rows.len() as u64);
    sorter.finish().unwrap()
}

fn collect(mut scan: SortedScan) -> Vec<(Vec<u8>, Vec<u8>, bool)> {
    let mut rows = Vec::new();
    while let Some(row) = scan.next().unwrap() {
        rows.push((row.key.to_vec(), row.value.to_vec(), row.is_newest));
    }
    assert_eq!(scan.next().unwrap(), None);
    rows
}

proptest! {
    #[test]
    fn an_arena_sorts_as_a_stable_sort_does(
        keys in prop::collection::vec(
            prop::collection::vec(prop::sample::select(&[0_u8, 0, 0, 1, 255][..]), 0..40),
            0..300,
        ),
    ) {
        let mut arena = Arena::new();
        for key in &keys {
            prop_assert!(arena.push(key, b""));
        }
        arena.sort();
        let mut expected: Vec<_> = keys.iter().enumerate().collect();
        expected.sort_by(|(m, a), (n, b)| a.cmp(b).then(n.cmp(m)));
        let offsets: Vec<usize> = keys
            .iter()
            .scan(0, |offset, key| {
                let start = *offset;
                *offset += key.len();
                Some(start)
            })
            .collect();
        for (at, (n, key)) in expected.into_iter().enumerate() {
            let (found, start, _) = arena.row(at).unwrap();
            prop_assert_eq!(found, &key[..]);
            // Empty keys share their place with the key before.
            prop_assert!(key.is_empty() || start as usize == offsets[n]);
        }
    }
}

#[test]
fn rows_come_out_as_from_a_map_whatever_the_memory() {
    for seed in 0..4 {
        let rows = odd_rows(seed, 20_000);
        let expected: Rows = rows.iter().cloned().collect();
        let expected: Vec<_> = expected.into_iter().map(|(k, v)| (k, v, true)).collect();
        for memory in [0, SMALLEST + 1, 300 << 10, 1 << 20, 64 << 20] {
            let sorted = sort(&rows, memory, Duplicates::KeepLast);
            assert_eq!(sorted.is_in_memory(), memory == 64 << 20, "memory {memory}");
            let found = collect(sorted.scan(Bounds::all()));
            assert!(found == expected, "seed {seed} memory {memory}");
        }
    }
}

#[test]
fn all_versions_stay_when_asked_for_newest_first() {
    let rows = odd_rows(9, 20_000);
    let mut expected: Vec<_> = rows.iter().enumerate().collect();
    expected.sort_by(|(m, (a, _)), (n, (b, _))| a.cmp(b).then(n.cmp(m)));
    for memory in [SMALLEST, SMALLEST + 1, 64 << 20] {
        let found = collect(sort(&rows, memory, Duplicates::KeepAll).scan(Bounds::all()));
        assert_eq!(found.len(), rows.len());
        let mut last: Option<&[u8]> = None;
        for ((key, value, is_newest), (_, row)) in found.iter().zip(&expected) {
            assert!(key == &row.0 && value == &row.1, "memory {memory}");
            assert_eq!(*is_newest, last != Some(key));
            last = Some(key);
        }
    }
}

#[test]
fn parts_of_the_rows_can_be_walked_alone() {
    let rows = odd_rows(4, 3000);
    let whole: Rows = rows.iter().cloned().collect();
    let cuts: Vec<_> = whole.keys().step_by(701).cloned().collect();
    for memory in [SMALLEST, 64 << 20] {
        let sorted = sort(&rows, memory, Duplicates::KeepLast);
        let mut found = Vec::new();
        let mut lower = None;
        for upper in cuts.iter().cloned().map(Some).chain([None]) {
            let bounds = Bounds {
                lower: lower.take(),
                upper: upper.clone(),
            };
            found.extend(collect(sorted.scan(bounds)));
            lower = upper;
        }
        assert!(found.into_iter().map(|(k, v, _)| (k, v)).eq(whole.clone()));
    }
    let sorted = sort(&[], SMALLEST, Duplicates::KeepLast);
    assert_eq!(collect(sorted.scan(Bounds::all())), []);
}

#[test]
fn draining_hands_over_in_order_and_starts_anew() {
    let (mem, fs) = mem();
    fs.create_dir_all(Path::new("t")).unwrap();
    for duplicates in [Duplicates::KeepLast, Duplicates::KeepAll] {
        let mut rows = sorter(&fs, SMALLEST, duplicates);
        for count in [0, 10, 4000, 50] {
            let added = odd_rows(count, usize::try_from(count).unwrap());
            let mut expected = Vec::new();
            let mut drained = Vec::new();
            for (key, value) in &added {
                rows.add(key, value).unwrap();
            }
            for row in collect(sort(&added, 64 << 20, duplicates).scan(Bounds::all())) {
                expected.push((row.0, row.1));
            }
            let emit = |key: &[u8], value: &[u8]| {
                drained.push((key.to_vec(), value.to_vec()));
                Ok(())
            };
            rows.drain(emit).unwrap();
            assert!(drained == expected, "{count} {duplicates:?}");
            assert_eq!((rows.rows(), files(&mem, "t").len()), (0, 0));
        }
    }
}

#[test]
fn rows_larger_than_the_memory_pass() {
    let (mem, fs) = mem();
    fs.create_dir_all(Path::new("t")).unwrap();
    let mut rows = sorter(&fs, SMALLEST, Duplicates::KeepLast);
    let large = vec![7; 1 << 20];
    for key in [b"c", b"a", b"b"] {
        rows.add(key, &large).unwrap();
        rows.add(&[key[0], 1], b"small").unwrap();
    }
    let sorted = rows.finish().unwrap();
    let found = collect(sorted.scan(Bounds::all()));
    assert_eq!(found.len(), 6);
    assert!(found.iter().step_by(2).all(|(_, value, _)| *value == large));
    drop(sorted);
    assert_eq!(files(&mem, "t").len(), 0);
}

#[test]
fn runs_go_with_whoever_holds_them_last() {
    let (mem, fs) = mem();
    fs.create_dir_all(Path::new("t")).unwrap();
    for background in [0, 1] {
        let mut dropped = sorter(&fs, SMALLEST + background, Duplicates::KeepLast);
        for (key, value) in odd_rows(1, 5000) {
            dropped.add(&key, &value).unwrap();
        }
        drop(dropped);
        assert_eq!(files(&mem, "t").len(), 0, "background {background}");
    }
    let mut held = sorter(&fs, SMALLEST, Duplicates::KeepLast);
    for (key, value) in odd_rows(1, 5000) {
        held.add(&key, &value).unwrap();
    }
    let sorted = held.finish().unwrap();
    let scan = sorted.scan(Bounds::all());
    drop(sorted);
    let left = files(&mem, "t").len();
    assert!(
        (2..=4).contains(&left),
        "{left} runs, at most as many as are merged at once"
    );
    drop(scan);
    assert_eq!(files(&mem, "t").len(), 0);
}

#[test]
fn a_damaged_run_is_an_error() {
    let (mem, fs) = mem();
    fs.create_dir_all(Path::new("t")).unwrap();
    let mut rows = sorter(&fs, SMALLEST, Duplicates::KeepLast);
    for (key, value) in odd_rows(1, 5000) {
        rows.add(&key, &value).unwrap();
    }
    let sorted = rows.finish().unwrap();
    let (name, mut bytes) = files(&mem, "t").pop_last().unwrap();
    bytes[100] ^= 1;
    mem.install(Path::new("t").join(name), bytes).unwrap();
    let mut scan = sorted.scan(Bounds::all());
    let error = loop {
        match scan.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the damage was not seen"),
            Err(e) => break e,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}
