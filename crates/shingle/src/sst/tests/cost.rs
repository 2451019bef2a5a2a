//! What reading costs, in reads and blocks: opening, point reads, scans, the cache.

use super::*;
use crate::cache::Cache;
use crate::sst::{BlockCache, Counters};

/// A table of 64 blocks or more of incompressible rows.
fn sample(index_block_len: usize) -> (Vec<u8>, Entries) {
    let mut lottery = Lottery::new(3);
    let mut entries = Entries::default();
    for i in 0..5000 {
        let mut value = vec![0; 400];
        for byte in &mut value {
            *byte = lottery.draw().to_le_bytes()[0];
        }
        let key = format!("grant/{i:08}");
        entries.points.push(Point::new(key, 0, Kind::Set, value));
    }
    let options = WriterOptions {
        index_block_len,
        ..WriterOptions::default()
    };
    let (bytes, summary) = write(&entries, &options).unwrap();
    assert!(summary.properties.data_blocks >= 60);
    (bytes, entries)
}

fn options() -> TableOptions {
    TableOptions {
        cache: Arc::new(Cache::new(64 << 20)),
        counters: Arc::default(),
        ..TableOptions::default()
    }
}

#[test]
fn opening_takes_one_read_of_the_tail() {
    for index_block_len in [256, 32 << 10] {
        let (bytes, _) = sample(index_block_len);
        let options = options();
        open_with(bytes, &options).unwrap();
        let counted = options.counters.snapshot();
        assert_eq!(counted.file_reads, 1);
        assert_eq!(counted.file_bytes, 64 << 10);
        assert_eq!(counted.data_blocks, 0);
    }
}

#[test]
fn an_index_before_the_tail_takes_one_read_more() {
    for index_block_len in [256, 32 << 10] {
        let (bytes, entries) = sample(index_block_len);
        let options = TableOptions {
            tail_len: 1000,
            ..options()
        };
        let table = open_with(bytes, &options).unwrap();
        // Two levels: the top block, then the partitions before it.
        let reads = options.counters.snapshot().file_reads;
        assert!(reads <= 3, "{reads}");
        assert!(read(&table).unwrap() == entries);
    }
}

#[test]
fn a_point_read_takes_one_block_and_then_none() {
    let (bytes, entries) = sample(256);
    let options = options();
    let table = open_with(bytes, &options).unwrap();
    let opened = options.counters.snapshot();
    let key = &entries.points[1234].key;
    for round in 0..3 {
        assert!(
            table
                .get(key, SeqNo::MAX, CacheMode::Fill)
                .unwrap()
                .is_some()
        );
        let counted = options.counters.snapshot();
        assert_eq!(counted.data_blocks, 1, "round {round}");
        assert_eq!(counted.file_reads, opened.file_reads + 1, "round {round}");
        assert_eq!(counted.cache_hits, round);
    }
    assert!(
        table
            .get(b"zzz", SeqNo::MAX, CacheMode::Fill)
            .unwrap()
            .is_none()
    );
    assert_eq!(options.counters.snapshot().data_blocks, 1);
}

fn scan(table: &Arc<Table>, mode: CacheMode) -> usize {
    let mut cursor = table.cursor(mode);
    let mut rows = 0;
    cursor.seek_first().unwrap();
    while cursor.is_valid() {
        rows += 1;
        cursor.next().unwrap();
    }
    rows
}

#[test]
fn a_scan_reads_every_byte_once_in_few_reads_and_leaves_the_cache_alone() {
    let (bytes, entries) = sample(256);
    let len = bytes.len() as u64;
    let options = options();
    let table = open_with(bytes, &options).unwrap();
    let opened = options.counters.snapshot();
    assert_eq!(scan(&table, CacheMode::Bypass), entries.points.len());
    let counted = options.counters.snapshot();
    assert_eq!(counted.data_blocks, table.properties().data_blocks);
    let bytes = counted.file_bytes - opened.file_bytes;
    assert!(bytes <= len, "{bytes} of {len}");
    let reads = counted.file_reads - opened.file_reads;
    assert!(reads <= 4 + len / (256 << 10), "{reads}");
    assert_eq!(options.cache.stats().entries, 0);

    // A scan that fills the cache is served from it the next time.
    scan(&table, CacheMode::Fill);
    let filled = options.counters.snapshot();
    scan(&table, CacheMode::Bypass);
    assert_eq!(options.counters.snapshot().file_reads, filled.file_reads);
}

#[test]
fn a_backward_scan_reads_ahead_too() {
    let (bytes, entries) = sample(32 << 10);
    let len = bytes.len() as u64;
    let options = options();
    let table = open_with(bytes, &options).unwrap();
    let opened = options.counters.snapshot();
    assert_eq!(read_back(&table).unwrap().len(), entries.points.len());
    let counted = options.counters.snapshot();
    assert!(counted.file_bytes - opened.file_bytes <= len);
    assert!(counted.file_reads - opened.file_reads <= 4 + len / (256 << 10));
}

#[test]
fn tables_do_not_meet_in_a_shared_cache() {
    let options = options();
    let tables: Vec<_> = (0..3)
        .map(|i| {
            let point = Point::new("key", i, Kind::Set, format!("value {i}"));
            let entries = Entries {
                points: vec![point],
                ranges: Vec::new(),
            };
            let (bytes, _) = write(&entries, &small()).unwrap();
            open_with(bytes, &options).unwrap()
        })
        .collect();
    for _ in 0..2 {
        for (i, table) in tables.iter().enumerate() {
            let (_, value) = table
                .get(b"key", SeqNo::MAX, CacheMode::Fill)
                .unwrap()
                .unwrap();
            assert_eq!(value.as_ref(), format!("value {i}").as_bytes());
        }
    }
    assert_eq!(options.cache.stats().hits, 3);
}

#[test]
fn an_index_too_large_to_keep_goes_through_the_cache() {
    let (bytes, entries) = sample(256);
    let cache: Arc<BlockCache> = Arc::new(Cache::new(1 << 20));
    let options = TableOptions {
        cache,
        counters: Arc::<Counters>::default(),
        tail_len: 1000,
        pinned_index_len_max: 0,
        ..TableOptions::default()
    };
    let table = open_with(bytes, &options).unwrap();
    assert!(read(&table).unwrap() == entries);
    assert!(read_back(&table).unwrap() == entries.points);
    table.verify().unwrap();
    assert!(options.counters.snapshot().index_blocks > 5);
}
