//! Entry points for fuzzing: hostile bytes must give an error or something consistent, never a panic
//! and never more memory than the limits allow.

use std::cmp::Ordering;
use std::sync::Arc;

use super::data::DataBlock;
use super::filter::Filter;
use super::footer::{Footer, TableFormat};
use super::index_block::IndexBlock;
use super::key_buf::KeyBuf;
use super::properties::Properties;
use super::wrapper::{self, ChecksumKind};
use super::{CacheMode, Table, TableOptions, keyspan_block, kv_block, row_block};
use crate::cursor::Cursor;
use crate::key::{self, RangeTombstone};
use crate::vfs::MemFile;

/// The most bytes that a block may decode to here.
const BLOCK_LEN_MAX: usize = 4 << 20;

/// Reads `bytes` as a columnar data block.
///
/// # Panics
/// If the rows of a block that was accepted are not in order or are not found.
pub fn data_block(bytes: &[u8]) {
    if let Ok(block) = DataBlock::decode(bytes.to_vec(), TableFormat::V7) {
        check_rows(&block);
    }
}

/// Reads `bytes` as a row-oriented data block.
///
/// # Panics
/// As [`data_block`].
pub fn row_data_block(bytes: &[u8]) {
    for format in [TableFormat::V1, TableFormat::V4] {
        if let Ok(block) = DataBlock::decode(bytes.to_vec(), format) {
            check_rows(&block);
        }
    }
}

fn check_rows(block: &DataBlock) {
    let (mut walked, mut loaded) = (KeyBuf::default(), KeyBuf::default());
    let mut before: Option<(Vec<u8>, key::Trailer)> = None;
    for row in 0..block.rows() {
        block.load_next_key(row, &mut walked);
        block.load_key(row, &mut loaded);
        let key = loaded.bytes();
        assert_eq!(walked.bytes(), key, "both ways to row {row}");
        let here = (key, block.trailer(row));
        if let Some((key, trailer)) = &before {
            let order = key::compare((key, *trailer), here);
            assert_eq!(order, Ordering::Less, "row {row}");
        }
        assert_eq!(block.cmp_key(row, key), Ordering::Equal);
        let found = block.seek_ge(key);
        assert!(found <= row && block.cmp_key(found, key) == Ordering::Equal);
        if let Some(smaller) = found.checked_sub(1) {
            assert_eq!(block.cmp_key(smaller, key), Ordering::Less);
        }
        assert!(block.value(row).len() <= block.weight());
        before = Some((key.to_vec(), block.trailer(row)));
    }
}

/// Reads `bytes` as an index block, columnar and row-oriented.
///
/// # Panics
/// If the separators of an index that was accepted are not found.
pub fn index_block(bytes: &[u8]) {
    let limit = 1 << 40;
    for index in [
        IndexBlock::decode(bytes, limit),
        row_block::decode_index(bytes, limit),
    ] {
        let Ok(index) = index else { continue };
        for i in 0..index.len() {
            let found = index.seek(index.separator(i));
            assert!(found <= i && index.separator(found) == index.separator(i));
            assert!(index.handle(i).is_some_and(|handle| handle.offset < limit));
        }
    }
}

/// Reads `bytes` as a block of range tombstones, columnar and row-oriented.
///
/// # Panics
/// If fragments that were accepted overlap.
pub fn range_deletes(bytes: &[u8]) {
    for tombstones in [
        keyspan_block::decode(bytes),
        row_block::decode_range_deletes(bytes),
    ] {
        let tombstones = tombstones.unwrap_or_default();
        for pair in tombstones.windows(2) {
            if let [a, b] = pair {
                assert!(follows(a, b), "{a:?} {b:?}");
            }
        }
    }
}

fn follows(a: &RangeTombstone, b: &RangeTombstone) -> bool {
    let same = a.start == b.start && a.end == b.end;
    a.start < a.end
        && if same {
            a.seq > b.seq
        } else {
            a.end <= b.start
        }
}

/// Reads `bytes` as a properties block, columnar and row-oriented.
///
/// # Panics
/// If properties that were accepted do not come back from their own encoding.
pub fn properties(bytes: &[u8]) {
    let mut properties = Properties::default();
    let pairs = kv_block::decode("fuzz", bytes).unwrap_or_default();
    let good = pairs
        .iter()
        .try_for_each(|(name, value)| properties.set(name, value))
        .and_then(|()| {
            row_block::entries("fuzz", bytes, |name, value| properties.set(name, value))
        });
    drop(good);
    let encoded = properties.encode();
    let mut again = Properties::default();
    for (name, value) in kv_block::decode("fuzz", &encoded).unwrap_or_default() {
        assert!(again.set(name, value).is_ok());
    }
    assert_eq!(again.attributes(), properties.attributes());
}

/// Reads the end of `bytes` as a footer.
pub fn footer(bytes: &[u8]) {
    drop(Footer::decode(bytes));
}

/// Reads `bytes` as a filter block.
pub fn filter(bytes: &[u8]) {
    if let Ok(filter) = Filter::decode(bytes.to_vec()) {
        filter.may_contain(bytes);
    }
}

/// Reads `bytes` as a block with its trailer; the checksum is made right first.
///
/// # Panics
/// If a block decodes beyond the limit.
pub fn stored_block(bytes: &[u8]) {
    let mut stored = bytes.to_vec();
    stored.extend_from_slice(&crate::checksum::masked_crc32c(&[bytes]).to_le_bytes());
    let mut block = Vec::new();
    let opened = wrapper::open(&stored, ChecksumKind::Crc32c, BLOCK_LEN_MAX, &mut block);
    assert!(opened.is_err() || block.len() <= BLOCK_LEN_MAX);
}

/// Opens `bytes` as a table and reads it all, both ways.
///
/// # Panics
/// If the two ways do not meet the same entries.
pub fn table(bytes: &[u8]) {
    let options = TableOptions {
        block_len_max: BLOCK_LEN_MAX,
        ..TableOptions::default()
    };
    let file = Arc::new(MemFile::new(bytes));
    let Ok(table) = Table::open(file, "fuzz", &options) else {
        return;
    };
    let table = Arc::new(table);
    drop(table.blocks());
    let Ok(contents) = table.verify() else {
        return;
    };
    let mut cursor = table.cursor(CacheMode::Fill);
    let mut points = 0;
    let mut moved = cursor.seek_last();
    while moved.is_ok() && cursor.is_valid() {
        points += 1;
        moved = cursor.prev();
    }
    assert!(moved.is_err() || points == contents.points);
}
