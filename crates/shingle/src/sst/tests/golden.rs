//! Every table that Go's Pebble wrote decodes to its entries, and those within the writer's reach are
//! written again byte for byte.

use super::*;
use crate::ErrorKind;
use crate::sst::{BlockKind, Compression};
use crate::testing::{golden_cases, golden_dir, golden_tar};

/// Cases that hold features which are not served, and the feature.
const REFUSED: &[(&str, &str)] = &[
    ("sst-v4-ranges", "range keys"),
    ("sst-v5-ranges", "range keys"),
    ("sst-v7-ranges", "range keys"),
    ("sst-v7-minlz", "MinLZ"),
];

fn cases() -> Vec<String> {
    let mut cases = golden_cases("pebble", "sst-");
    cases.retain(|case| REFUSED.iter().all(|(refused, _)| refused != case));
    assert_eq!(cases.len(), 32);
    cases
}

#[test]
fn tables_decode_to_their_entries() {
    for case in cases() {
        let expected = golden_entries(&case);
        let table = open(golden_table(&case)).unwrap_or_else(|e| panic!("{case}: {e:?}"));
        let found = read(&table).unwrap_or_else(|e| panic!("{case}: {e:?}"));
        assert!(found == expected, "{case}");
        assert!(read_back(&table).unwrap() == expected.points, "{case}");
        let contents = table.verify().unwrap_or_else(|e| panic!("{case}: {e:?}"));
        assert_eq!(contents.points, expected.points.len() as u64, "{case}");
        for point in &expected.points {
            let found = table.get(&point.key, point.trailer.seq(), CacheMode::Fill);
            let (trailer, value) = found.unwrap().unwrap();
            assert!(trailer == point.trailer && *value == *point.value, "{case}");
        }
    }
}

#[test]
fn features_that_are_not_served_are_named() {
    for (case, feature) in REFUSED {
        let found = open(golden_table(case)).and_then(|table| read(&table));
        let e = found.expect_err(case);
        assert_eq!(e.kind(), ErrorKind::Unsupported, "{case}: {e:?}");
        assert!(e.to_string().contains(feature), "{case}: {e}");
        assert_eq!(e.file(), Some(Path::new(PATH)), "{case}");
    }
}

#[test]
fn filters_answer_for_absent_keys() {
    for case in [
        "sst-v4-bloom",
        "sst-v4-two-level-bloom",
        "sst-v5-bloom",
        "sst-v7-bloom",
    ] {
        let options = TableOptions::default();
        let table = open_with(golden_table(case), &options).unwrap();
        for point in golden_entries(case).points {
            assert!(table.may_contain(&point.key), "{case}");
        }
        for i in 0..1000 {
            let key = format!("absent/{i}");
            let found = table.get(key.as_bytes(), SeqNo::MAX, CacheMode::Fill);
            assert!(found.unwrap().is_none(), "{case}");
        }
        let negatives = options.counters.snapshot().filter_negatives;
        assert!(negatives > 940, "{case}: {negatives}");
    }
}

#[test]
fn values_apart_from_their_keys_are_covered() {
    for case in ["sst-v4-value-blocks", "sst-v7-value-blocks"] {
        let table = open(golden_table(case)).unwrap();
        assert!(table.properties().values_in_value_blocks > 50, "{case}");
        let blocks = table.blocks().unwrap();
        let kinds = [BlockKind::Values, BlockKind::ValueIndex];
        assert!(
            kinds
                .iter()
                .all(|kind| blocks.iter().any(|b| b.kind == *kind))
        );
    }
}

#[test]
fn every_block_of_a_table_is_described() {
    for case in cases() {
        let bytes = golden_table(&case);
        let len = bytes.len() as u64;
        let table = open(bytes).unwrap();
        let blocks = table.blocks().unwrap();
        let mut at = 0;
        for block in &blocks {
            assert_eq!(block.handle.offset, at, "{case}: no gaps");
            at += block.handle.len + 5;
        }
        assert!(
            (48..=61).contains(&(len - at)),
            "{case}: the footer follows"
        );
        let data = blocks.iter().filter(|b| b.kind == BlockKind::Data).count();
        assert_eq!(data as u64, table.properties().data_blocks, "{case}");
    }
}

/// Cases of v7 with a Bloom filter.
const FILTERED: &[&str] = &[
    "sst-v7-bloom",
    "sst-v7-range-del-bloom",
    "sst-v7-last-level",
];

/// The options that a golden v7 table was made with, as far as they concern the writer.
fn options(case: &str) -> Option<WriterOptions> {
    let (compression, block_len, index_block_len) = match case {
        "sst-v7-none" => (Compression::None, 2048, 32_768),
        "sst-v7-snappy" => (Compression::Snappy, 1024, 32_768),
        "sst-v7-two-level" => (Compression::Snappy, 256, 256),
        "sst-v7-bloom" | "sst-v7-one-key" | "sst-v7-empty" | "sst-v7-range-del-only" => {
            (Compression::Snappy, 2048, 32_768)
        }
        "sst-v7-last-level" => (Compression::Snappy, 512, 256),
        "sst-v7-range-del-bloom" => (Compression::Snappy, 512, 32_768),
        "sst-v7-zstd" => (Compression::Zstd(3), 2048, 32_768),
        "sst-v7-big-values" => (Compression::Zstd(3), 4096, 32_768),
        _ => return None,
    };
    Some(WriterOptions {
        block_len,
        index_block_len,
        compression,
        filter_bits_per_key: FILTERED.contains(&case).then_some(10),
        last_level: case == "sst-v7-last-level",
        ..WriterOptions::default()
    })
}

#[track_caller]
fn assert_same_bytes(case: &str, found: &[u8], expected: &[u8]) {
    let differs = found.iter().zip(expected).position(|(a, b)| a != b);
    assert!(
        found == expected,
        "{case}: {} bytes, expected {}, first difference at {differs:?}",
        found.len(),
        expected.len()
    );
}

#[test]
fn tables_of_the_reference_are_written_again_byte_for_byte() {
    let mut written = 0;
    for case in cases() {
        let Some(options) = options(&case) else {
            continue;
        };
        let (found, _) = write(&golden_entries(&case), &options).unwrap();
        let expected = golden_table(&case);
        if options.compression == Compression::Zstd(3) {
            assert_same_blocks(&case, found, expected);
        } else {
            assert_same_bytes(&case, &found, &expected);
        }
        written += 1;
    }
    assert_eq!(written, 11);
}

/// Another zstd encoder compresses to other bytes: what they decode to must be the same.
fn assert_same_blocks(case: &str, found: Vec<u8>, expected: Vec<u8>) {
    let data = |bytes: Vec<u8>| -> Vec<Vec<u8>> {
        let table = open(bytes).unwrap();
        let blocks = table.blocks().unwrap();
        let handles = blocks.iter().filter(|block| block.kind == BlockKind::Data);
        handles
            .map(|block| {
                let stored = table.read_stored(block.handle).unwrap();
                table.open_stored(&stored).unwrap()
            })
            .collect()
    };
    let (found, expected) = (data(found), data(expected));
    assert!(found.len() > 4, "{case}");
    assert!(found == expected, "{case}");
}

/// Tables that flushes, compactions and bulk writers of the SDK made.
#[test]
fn tables_of_the_sdk_are_written_again_byte_for_byte() {
    let mut tables = 0;
    for case in golden_cases("", "") {
        if !golden_dir().join(&case).join("pebble-dir.tar").is_file() {
            continue;
        }
        let fs = golden_tar(&format!("{case}/pebble-dir.tar"));
        let names = fs.list(Path::new("")).unwrap();
        for name in names.iter().filter(|name| name.contains(".sst")) {
            let expected = fs.read(name).unwrap();
            let table = open(expected.clone()).unwrap();
            table.verify().unwrap();
            let entries = read(&table).unwrap();
            // Which level a table was written for shows where it holds tombstones only.
            let written = [false, true].map(|last_level| {
                let options = WriterOptions {
                    last_level,
                    ..WriterOptions::default()
                };
                write(&entries, &options).unwrap().0
            });
            assert!(written.contains(&expected), "{case} {name}");
            tables += 1;
        }
    }
    assert!(tables >= 76, "{tables}");
}
