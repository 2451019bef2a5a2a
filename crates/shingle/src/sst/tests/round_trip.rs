//! What goes into a table comes out: whole, both ways, by seeks, for any options and any number of
//! threads.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::*;
use crate::ErrorKind;
use crate::key::InternalKey;
use crate::sst::{Compression, CompressionPool};

/// Options of every kind, by number.
fn options(i: u64) -> WriterOptions {
    WriterOptions {
        block_len: [128, 256, 1000, 4096, 32 << 10][usize::try_from(i % 5).unwrap()],
        index_block_len: [128, 512, 32 << 10][usize::try_from(i % 3).unwrap()],
        block_fill_min: [90, 50, 100][usize::try_from(i % 3).unwrap()],
        compression: [Compression::None, Compression::Snappy, Compression::Zstd(1)]
            [usize::try_from(i / 2 % 3).unwrap()],
        filter_bits_per_key: i.is_multiple_of(4).then_some(10),
        last_level: i.is_multiple_of(2),
        verify: !i.is_multiple_of(7),
        ..WriterOptions::default()
    }
}

#[test]
fn tables_hold_what_was_written() {
    for seed in 0..60 {
        let entries = random_entries(seed, 1 + seed * 7);
        let (bytes, summary) = write(&entries, &options(seed)).unwrap();
        assert_eq!(bytes.len() as u64, summary.file_len, "seed {seed}");
        let table = open(bytes).unwrap();
        assert_eq!(read(&table).unwrap(), entries, "seed {seed}");
        assert_eq!(read_back(&table).unwrap(), entries.points, "seed {seed}");
        summary.check(&table.verify().unwrap()).unwrap();
        assert_eq!(*table.properties(), summary.properties, "seed {seed}");
    }
}

#[test]
fn bounds_cover_points_and_range_tombstones() {
    for seed in 0..40 {
        let entries = random_entries(seed, seed % 20);
        let (_, summary) = write(&entries, &small()).unwrap();
        let points = entries.points.iter();
        let points = points.map(|p| InternalKey::new(p.key.as_slice(), p.trailer));
        let starts = entries.ranges.iter();
        let starts = starts
            .map(|r| InternalKey::new(r.start.as_slice(), Trailer::new(r.seq, Kind::RangeDelete)));
        let ends = entries.ranges.iter();
        let ends = ends.map(|r| {
            InternalKey::new(
                r.end.as_slice(),
                Trailer::new(SeqNo::MAX, Kind::RangeDelete),
            )
        });
        let least = points.clone().chain(starts).min();
        let most = points.chain(ends).max();
        assert_eq!(summary.bounds, least.zip(most), "seed {seed}");
        let seqs = entries.points.iter().map(|p| p.trailer.seq());
        let seqs: Vec<_> = seqs.chain(entries.ranges.iter().map(|r| r.seq)).collect();
        let extremes = seqs.iter().min().zip(seqs.iter().max());
        let extremes = extremes.map(|(a, b)| (*a, *b));
        assert_eq!(summary.contents.seqs, extremes, "seed {seed}");
    }
}

/// Positions by user key: newest version for forward seeks, oldest for backward ones.
fn seek_ge(model: &BTreeMap<Vec<u8>, Vec<Point>>, key: &[u8]) -> Option<Point> {
    let from = (Bound::Included(key.to_vec()), Bound::Unbounded);
    let (_, versions) = model.range(from).next()?;
    versions.first().cloned()
}

fn seek_lt(model: &BTreeMap<Vec<u8>, Vec<Point>>, key: &[u8]) -> Option<Point> {
    let (_, versions) = model.range(..key.to_vec()).next_back()?;
    versions.last().cloned()
}

fn by_key(entries: &Entries) -> BTreeMap<Vec<u8>, Vec<Point>> {
    let mut model: BTreeMap<Vec<u8>, Vec<Point>> = BTreeMap::new();
    for point in &entries.points {
        model
            .entry(point.key.clone())
            .or_default()
            .push(point.clone());
    }
    model
}

/// Keys of the table, keys near them, and keys anywhere.
fn probe(lottery: &mut Lottery, entries: &Entries) -> Vec<u8> {
    let at = usize::try_from(lottery.below(entries.points.len() as u64)).unwrap();
    let mut key = entries.points[at].key.clone();
    match lottery.below(6) {
        0 => return random_key(lottery),
        1 => key.push(0),
        2 => {
            key.pop();
        }
        3 => {
            if let Some(last) = key.last_mut() {
                *last = last.wrapping_add(1);
            }
        }
        _ => {}
    }
    key
}

#[test]
fn cursors_and_gets_agree_with_a_map() {
    for seed in 0..30 {
        let entries = random_entries(seed, 5 + seed * 10);
        let (bytes, _) = write(&entries, &options(seed)).unwrap();
        let unpinned = TableOptions {
            pinned_index_len_max: usize::try_from(seed % 2).unwrap() << 20,
            ..TableOptions::default()
        };
        let table = open_with(bytes, &unpinned).unwrap();
        let model = by_key(&entries);
        let mut lottery = Lottery::new(seed ^ 0xabcd);
        let mut cursor = table.cursor(CacheMode::Fill);
        for step in 0..400 {
            let key = probe(&mut lottery, &entries);
            let case = format!("seed {seed} step {step} key {}", key.escape_ascii());
            let found = |cursor: &TableCursor| cursor.is_valid().then(|| Point::at(cursor));
            if lottery.below(2) == 0 {
                cursor.seek_ge(&key).unwrap();
                assert_eq!(found(&cursor), seek_ge(&model, &key), "{case}");
            } else {
                cursor.seek_lt(&key).unwrap();
                assert_eq!(found(&cursor), seek_lt(&model, &key), "{case}");
            }
            walk(&mut cursor, &entries, &mut lottery, &case);
            let visible = SeqNo(lottery.below(1200));
            let got = table.get(&key, visible, CacheMode::Fill).unwrap();
            let versions = model.get(&key).into_iter().flatten();
            let expected = versions.clone().find(|p| p.trailer.seq() <= visible);
            let got = got.map(|(trailer, value)| (trailer, value.to_vec()));
            let expected = expected.map(|p| (p.trailer, p.value.clone()));
            assert_eq!(got, expected, "{case}");
        }
    }
}

use crate::sst::TableCursor;

/// Moves a few entries to and fro and compares with the list.
fn walk(cursor: &mut TableCursor, entries: &Entries, lottery: &mut Lottery, case: &str) {
    if !cursor.is_valid() {
        return;
    }
    let here = Point::at(cursor);
    let mut at = entries.points.iter().position(|p| *p == here).unwrap();
    for _ in 0..lottery.below(30) {
        let next = if lottery.below(3) > 0 {
            cursor.next().unwrap();
            Some(at + 1)
        } else {
            cursor.prev().unwrap();
            at.checked_sub(1)
        };
        let expected = next.and_then(|at| entries.points.get(at));
        let found = cursor.is_valid().then(|| Point::at(cursor));
        assert_eq!(found.as_ref(), expected, "{case}");
        match expected {
            Some(_) => at = next.unwrap(),
            None => return,
        }
    }
}

#[test]
fn a_cursor_at_no_entry_refuses_to_move() {
    let (bytes, _) = write(&random_entries(1, 5), &small()).unwrap();
    let mut cursor = open(bytes).unwrap().cursor(CacheMode::Fill);
    assert!(!cursor.is_valid());
    assert_eq!(cursor.next().unwrap_err().kind(), ErrorKind::Invalid);
    cursor.seek_last().unwrap();
    cursor.next().unwrap();
    assert!(!cursor.is_valid());
    assert_eq!(cursor.prev().unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn output_does_not_depend_on_the_number_of_threads() {
    let entries = random_entries(5, 3000);
    for compression in [Compression::Snappy, Compression::Zstd(3)] {
        let mut options = WriterOptions {
            compression,
            block_len: 1024,
            index_block_len: 1024,
            ..WriterOptions::default()
        };
        let (alone, _) = write(&entries, &options).unwrap();
        for threads in [1, 2, 5] {
            options.pool = Some(Arc::new(CompressionPool::new(threads).unwrap()));
            for _ in 0..3 {
                let (bytes, summary) = write(&entries, &options).unwrap();
                assert!(bytes == alone, "{threads} threads");
                assert_eq!(summary.file_len, alone.len() as u64);
            }
        }
    }
}

#[test]
fn large_values_make_blocks_of_their_own_size() {
    let value = vec![7; 3 << 20];
    let mut entries = Entries::default();
    for i in 0..5 {
        entries.points.push(Point::new(
            format!("asset/{i}"),
            0,
            Kind::Set,
            value.clone(),
        ));
        entries
            .points
            .push(Point::new(format!("asset/{i}/name"), 0, Kind::Set, "n"));
    }
    let (bytes, _) = write(&entries, &WriterOptions::default()).unwrap();
    assert!(read(&open(bytes.clone()).unwrap()).unwrap() == entries);
    let limited = TableOptions {
        block_len_max: 1 << 20,
        ..TableOptions::default()
    };
    let e = read(&open_with(bytes, &limited).unwrap()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Exhausted, "{e:?}");
}

#[test]
fn an_empty_table_is_a_table() {
    let (bytes, summary) = write(&Entries::default(), &small()).unwrap();
    assert_eq!(summary.bounds, None);
    let table = open(bytes).unwrap();
    assert_eq!(read(&table).unwrap(), Entries::default());
    let mut cursor = table.cursor(CacheMode::Fill);
    cursor.seek_ge(b"").unwrap();
    assert!(!cursor.is_valid());
    cursor.seek_lt(b"z").unwrap();
    assert!(!cursor.is_valid());
    assert!(
        table
            .get(b"a", SeqNo::MAX, CacheMode::Fill)
            .unwrap()
            .is_none()
    );
}
