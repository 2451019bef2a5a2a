//! Damaged and hostile tables: every cut and every flipped byte is noticed or changes nothing; what
//! passes the checksums and lies is an error, never a panic, a hang, or a large allocation.
//!
//! The mutation tests count their rounds; `C1Z_FUZZ_ROUNDS` multiplies them.

use super::*;
use crate::ErrorKind;
use crate::checksum::masked_crc32c;
use crate::codec::put_uvarint;
use crate::sst::handle::BlockHandle;
use crate::sst::index_block::IndexBlockBuilder;
use crate::sst::properties::{COMPARER, KEY_SCHEMA};
use crate::sst::{BlockKind, Properties, fuzz, kv_block};
use crate::testing::golden_cases;

/// Outcome of reading a table whole.
fn read_whole(bytes: Vec<u8>) -> Result<Entries> {
    let options = TableOptions {
        block_len_max: 8 << 20,
        ..TableOptions::default()
    };
    let table = open_with(bytes, &options)?;
    table.verify()?;
    read(&table)
}

/// Errors that damage may give. A flipped version or codec byte may name something that is not
/// supported; everything else is corruption.
#[track_caller]
fn assert_typed(e: &crate::Error, case: &str) {
    let typed = match e.kind() {
        ErrorKind::Corrupt => e.corruption().is_some(),
        ErrorKind::Unsupported | ErrorKind::Exhausted => true,
        _ => false,
    };
    assert!(typed, "{case}: {e:?}");
    assert_eq!(e.file(), Some(Path::new(PATH)), "{case}: {e:?}");
}

fn small_tables() -> Vec<(String, Vec<u8>)> {
    let ours = write(&random_entries(11, 40), &small()).unwrap().0;
    let mut tables = vec![("ours".to_owned(), ours)];
    for case in [
        "sst-v4-range-del-only",
        "sst-v7-one-key",
        "sst-v7-range-del-bloom",
    ] {
        tables.push((case.to_owned(), golden_table(case)));
    }
    tables
}

#[test]
fn every_truncation_is_noticed() {
    for (case, bytes) in small_tables() {
        for len in 0..bytes.len() {
            let e = read_whole(bytes[..len].to_vec()).expect_err(&case);
            assert_typed(&e, &format!("{case} cut to {len}"));
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed_or_changes_nothing() {
    for (case, bytes) in small_tables() {
        let expected = read_whole(bytes.clone()).unwrap();
        let mut harmless = 0;
        for at in 0..bytes.len() {
            for bit in [1, 0x10, 0x80] {
                let mut bad = bytes.clone();
                bad[at] ^= bit;
                match read_whole(bad) {
                    Ok(found) => {
                        assert_eq!(found, expected, "{case} byte {at} bit {bit:x}");
                        harmless += 1;
                    }
                    Err(e) => assert_typed(&e, &format!("{case} byte {at} bit {bit:x}")),
                }
            }
        }
        // Footers before v6 have no checksum: one row-oriented version reads like another.
        let tolerated = if case.contains("-v4-") { 2 } else { 0 };
        assert!(harmless <= tolerated, "{case}: {harmless}");
    }
}

/// Decoded blocks of golden tables and ours, by kind, as seeds of mutations.
fn seeds() -> Vec<(BlockKind, bool, Vec<u8>)> {
    let mut seeds = Vec::new();
    let tables = golden_cases("pebble", "sst-").into_iter();
    let tables = tables.map(|case| golden_table(&case));
    let ours = write(&random_entries(3, 60), &small()).unwrap().0;
    for bytes in tables.chain([ours]) {
        let Ok(table) = open(bytes) else { continue };
        let Ok(blocks) = table.blocks() else { continue };
        let columnar = table.format() as u32 >= 5;
        let mut data = 0;
        for block in blocks {
            data += usize::from(block.kind == BlockKind::Data);
            if block.kind == BlockKind::Data && data > 2 {
                continue;
            }
            let stored = table.read_stored(block.handle).unwrap();
            seeds.push((block.kind, columnar, table.open_stored(&stored).unwrap()));
        }
    }
    assert!(seeds.len() > 150, "{}", seeds.len());
    seeds
}

fn rounds(base: u64) -> u64 {
    let factor = std::env::var("C1Z_FUZZ_ROUNDS").ok();
    base * factor.and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Changes a few bytes, or the length.
fn mutate(lottery: &mut Lottery, bytes: &mut Vec<u8>) {
    for _ in 0..=lottery.below(4) {
        let end = bytes.len() as u64;
        let at = usize::try_from(lottery.below(end)).unwrap();
        let from = usize::try_from(lottery.below(end)).unwrap();
        let random = lottery.draw().to_le_bytes()[0];
        let copied = bytes.get(from).copied().unwrap_or_default();
        match (lottery.below(8), bytes.get_mut(at)) {
            (0, _) => bytes.truncate(at),
            (1, _) | (_, None) => bytes.insert(at, random),
            (2, Some(byte)) => *byte = 0xff,
            (3, Some(byte)) => *byte = byte.wrapping_add(1),
            (4, Some(byte)) => *byte = copied,
            (_, Some(byte)) => *byte = random,
        }
    }
}

#[test]
fn mutated_blocks_never_panic() {
    let mut lottery = Lottery::new(0x5eed);
    let seeds = seeds();
    for _ in 0..rounds(40) {
        for (kind, columnar, block) in &seeds {
            let mut bytes = block.clone();
            mutate(&mut lottery, &mut bytes);
            match kind {
                BlockKind::Data if *columnar => fuzz::data_block(&bytes),
                BlockKind::Data => fuzz::row_data_block(&bytes),
                BlockKind::Index | BlockKind::TopIndex => fuzz::index_block(&bytes),
                BlockKind::RangeDeletes => fuzz::range_deletes(&bytes),
                BlockKind::Filter => fuzz::filter(&bytes),
                _ => fuzz::properties(&bytes),
            }
            bytes.push(lottery.draw().to_le_bytes()[0] % 9);
            fuzz::stored_block(&bytes);
        }
    }
}

/// Puts the right checksum behind a block and at the end of a v7 file.
fn fix_checksums(bytes: &mut [u8], block: BlockHandle) {
    let (start, end) = (block.offset, block.offset + block.len + 1);
    let (start, end) = (
        usize::try_from(start).unwrap(),
        usize::try_from(end).unwrap(),
    );
    let crc = masked_crc32c(&[&bytes[start..end]]);
    bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
    let footer = bytes.len() - 61;
    let crc = masked_crc32c(&[&bytes[footer..footer + 45], &bytes[footer + 49..]]);
    bytes[footer + 45..footer + 49].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn tables_that_lie_under_right_checksums_never_panic() {
    let mut lottery = Lottery::new(0x11e5);
    let options = WriterOptions {
        filter_bits_per_key: Some(10),
        ..small()
    };
    let ours = write(&random_entries(17, 60), &options).unwrap().0;
    for bytes in [
        ours,
        golden_table("sst-v7-value-blocks"),
        golden_table("sst-v7-zstd"),
    ] {
        let blocks = open(bytes.clone()).unwrap().blocks().unwrap();
        for round in 0..rounds(40) {
            for block in &blocks {
                let mut bad = bytes.clone();
                let start = usize::try_from(block.handle.offset).unwrap();
                for _ in 0..=lottery.below(3) {
                    let at = start + usize::try_from(lottery.below(block.handle.len + 1)).unwrap();
                    bad[at] = match round % 3 {
                        0 => bad[at].wrapping_add(1),
                        _ => lottery.draw().to_le_bytes()[0],
                    };
                }
                fix_checksums(&mut bad, block.handle);
                fuzz::table(&bad);
            }
            let mut bad = bytes.clone();
            let at = bad.len() - 61 + usize::try_from(lottery.below(61)).unwrap();
            bad[at] = lottery.draw().to_le_bytes()[0];
            fix_checksums(&mut bad, blocks[0].handle);
            fuzz::footer(&bad);
            fuzz::table(&bad);
        }
    }
}

/// Builds tables that no writer makes.
#[derive(Default)]
struct Forge {
    file: Vec<u8>,
}

impl Forge {
    /// Appends `payload` as a block of the given type.
    fn block(&mut self, payload: &[u8], block_type: u8) -> BlockHandle {
        let handle = BlockHandle {
            offset: self.file.len() as u64,
            len: payload.len() as u64,
        };
        self.file.extend_from_slice(payload);
        self.file.push(block_type);
        let crc = masked_crc32c(&[payload, &[block_type]]);
        self.file.extend_from_slice(&crc.to_le_bytes());
        handle
    }

    /// Ends the file with an index of the given entries.
    fn finish(mut self, entries: &[(&[u8], BlockHandle)]) -> Vec<u8> {
        let mut index = IndexBlockBuilder::default();
        for (separator, handle) in entries {
            index.push(separator, *handle, &[]);
        }
        let index = self.block(&index.encode(None), 0);
        let properties = Properties {
            data_blocks: entries.len() as u64,
            comparer: COMPARER.to_owned(),
            key_schema: KEY_SCHEMA.to_owned(),
            ..Properties::default()
        };
        let section = self.block(&properties.encode(), 0);
        let mut value = Vec::new();
        section.put(&mut value);
        let metaindex = self.block(&kv_block::encode(&[("rocksdb.properties", value)]), 0);
        self.file
            .extend_from_slice(&crate::sst::footer::Footer::encode_v7(
                crate::sst::ChecksumKind::Crc32c,
                metaindex,
                index,
                properties.attributes(),
            ));
        self.file
    }
}

/// The data block of a small table, as stored without compression.
fn plain_block(keys: &[&str]) -> Vec<u8> {
    let points = keys.iter().map(|key| Point::new(*key, 0, Kind::Set, "v"));
    let entries = Entries {
        points: points.collect(),
        ranges: Vec::new(),
    };
    let options = WriterOptions {
        compression: crate::sst::Compression::None,
        ..WriterOptions::default()
    };
    let bytes = write(&entries, &options).unwrap().0;
    let table = open(bytes.clone()).unwrap();
    let handle = table.blocks().unwrap()[0].handle;
    bytes[..usize::try_from(handle.len).unwrap()].to_vec()
}

fn first_row(bytes: Vec<u8>) -> Result<bool> {
    let table = open(bytes)?;
    let mut cursor = table.cursor(CacheMode::Fill);
    cursor.seek_first()?;
    Ok(cursor.is_valid())
}

#[test]
fn forged_tables_of_honest_parts_open() {
    let mut forge = Forge::default();
    let block = forge.block(&plain_block(&["a", "b"]), 0);
    assert!(first_row(forge.finish(&[(b"b", block)])).unwrap());
}

#[test]
fn compression_bombs_are_refused_before_memory_is_taken() {
    let snappy = |len: u64| {
        let mut payload = Vec::new();
        put_uvarint(&mut payload, len);
        payload.extend_from_slice(&[0; 100]);
        (payload, 1)
    };
    let zstd = |len: u64| {
        let mut payload = Vec::new();
        put_uvarint(&mut payload, len);
        // One frame of a single segment that declares `len` bytes: one block of a repeated byte.
        payload.extend_from_slice(&[0x28, 0xb5, 0x2f, 0xfd, 0xe0]);
        payload.extend_from_slice(&len.to_le_bytes());
        payload.extend_from_slice(&[3, 0, 16, b'x']);
        (payload, 7)
    };
    let cases = [
        (snappy(10 << 30), ErrorKind::Corrupt),
        (snappy((4 << 30) - 1), ErrorKind::Corrupt),
        (snappy(1 << 20), ErrorKind::Corrupt),
        (zstd(10 << 30), ErrorKind::Exhausted),
        (zstd(u64::MAX), ErrorKind::Exhausted),
        (zstd(1 << 20), ErrorKind::Corrupt),
    ];
    for (i, ((payload, block_type), kind)) in cases.into_iter().enumerate() {
        let mut forge = Forge::default();
        let block = forge.block(&payload, block_type);
        let e = first_row(forge.finish(&[(b"z", block)])).unwrap_err();
        assert_eq!(e.kind(), kind, "case {i}: {e:?}");
    }
}

#[test]
fn index_entries_that_point_elsewhere_are_corrupt() {
    let handle = |offset, len| BlockHandle { offset, len };
    let cases: [&[(&[u8], BlockHandle)]; 7] = [
        // Outside the file, beyond the end of numbers, over the index itself.
        &[(b"b", handle(1 << 40, 10))],
        &[(b"b", handle(u64::MAX - 2, 10))],
        &[(b"b", handle(0, 1 << 40))],
        &[(b"b", handle(0, 800))],
        // Backwards, overlapping, separators backwards.
        &[(b"b", handle(120, 10)), (b"c", handle(0, 10))],
        &[(b"b", handle(0, 50)), (b"c", handle(20, 50))],
        &[(b"c", handle(0, 10)), (b"b", handle(20, 10))],
    ];
    for (i, entries) in cases.into_iter().enumerate() {
        let mut forge = Forge::default();
        forge.block(&plain_block(&["a", "b"]), 0);
        let e = first_row(forge.finish(entries)).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corrupt, "case {i}: {e:?}");
    }
}

#[test]
fn keys_that_contradict_the_index_are_corrupt() {
    let mut forge = Forge::default();
    let first = forge.block(&plain_block(&["a", "m"]), 0);
    let second = forge.block(&plain_block(&["k", "z"]), 0);
    let bytes = forge.finish(&[(b"m", first), (b"z", second)]);
    let table = open(bytes).unwrap();
    let e = read(&table).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt, "{e:?}");
    assert_eq!(e.corruption().unwrap().offset, second.offset);
    let mut forge = Forge::default();
    let block = forge.block(&plain_block(&["a", "m"]), 0);
    let e = first_row(forge.finish(&[(b"b", block)])).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt, "{e:?}");
}

#[test]
fn a_longest_key_that_is_too_short_is_corrupt() {
    let mut block = plain_block(&["a", "long key"]);
    block[0] = 7;
    let mut forge = Forge::default();
    let block = forge.block(&block, 0);
    let e = first_row(forge.finish(&[(b"z", block)])).unwrap_err();
    assert!(e.to_string().contains("at most 7 bytes"), "{e}");
}

#[test]
fn counts_that_contradict_are_found_by_verifying() {
    let mut forge = Forge::default();
    let block = forge.block(&plain_block(&["a", "b"]), 0);
    let table = open(forge.finish(&[(b"b", block)])).unwrap();
    assert_eq!(read(&table).unwrap().points.len(), 2);
    let e = table.verify().unwrap_err();
    assert!(e.to_string().contains("2 entries"), "{e}");
}
