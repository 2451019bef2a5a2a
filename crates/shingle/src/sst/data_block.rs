//! Columnar data blocks: keys, versions and values (`pebble-ondisk` §3.6).
//!
//! The custom header is the length of the longest user key (u32). Columns: user key (prefix bytes),
//! suffix (bytes, always empty: the comparer does not split keys), trailer (uint), key differs from
//! the row before (bool), value (bytes), value is stored elsewhere (bool), obsolete (bool).
//!
//! [`ColumnarBlock::decode`] checks every row once: offsets, key order, trailer order and kinds, the
//! longest key, the prefix-changed bits. Obsolete bits are hints and are not read.

use std::cmp::Ordering;

use super::column::{
    BlockFrame, Bool, BoolBuilder, Bytes, BytesBuilder, ColumnType, Columns, PrefixBytes,
    PrefixBytesBuilder, PrefixSizing, Uint, UintBuilder, headers_len,
};
use super::key_buf::KeyBuf;
use crate::key::{Kind, Trailer};
use crate::{Error, Result};

const STRUCTURE: &str = "sstable data block";
const COLUMNS: u16 = 7;
const CUSTOM_LEN: usize = 4;

/// A decoded data block.
#[derive(Debug)]
pub(super) struct ColumnarBlock {
    data: Vec<u8>,
    rows: usize,
    keys: PrefixBytes,
    trailers: Uint,
    values: Bytes,
    external: Bool,
}

impl ColumnarBlock {
    /// Takes the decompressed bytes of a data block.
    ///
    /// # Errors
    /// `Corrupt` for any contradiction; `Unsupported` for merge operands.
    ///
    /// # Complexity
    /// O(rows), a few ns per row.
    pub(super) fn decode(data: Vec<u8>) -> Result<Self> {
        let mut columns = Columns::open(STRUCTURE, &data, CUSTOM_LEN, COLUMNS)?;
        let rows = columns.rows();
        let keys = columns.prefix_bytes(rows)?;
        let suffixes = columns.bytes(rows)?;
        let trailers = columns.uint(rows)?;
        let changed = columns.bool(rows)?;
        let values = columns.bytes(rows)?;
        let external = columns.bool(rows)?;
        columns.bool(rows)?;
        columns.finish()?;
        let (first, _) = suffixes.range(&data, 0);
        let (_, last) = suffixes.range(&data, rows - 1);
        if first != last {
            let found = format_args!("{} bytes", last - first);
            return Err(Error::corrupt(
                STRUCTURE,
                first as u64,
                "empty suffixes",
                found,
            ));
        }
        let block = Self {
            data,
            rows,
            keys,
            trailers,
            values,
            external,
        };
        RowCheck::new(&block)?.run(&changed)?;
        Ok(block)
    }

    /// Number of rows, at least one.
    #[inline]
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of memory.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.data.capacity()
    }

    /// Sequence number and kind of `row`.
    #[inline]
    pub(super) fn trailer(&self, row: usize) -> Trailer {
        Trailer(self.trailers.get(&self.data, row))
    }

    /// The value of `row`, or the handle of a value that is stored elsewhere.
    #[inline]
    pub(super) fn value(&self, row: usize) -> &[u8] {
        self.values.get(&self.data, row)
    }

    /// Whether the value of `row` is stored elsewhere.
    #[inline]
    pub(super) fn is_external(&self, row: usize) -> bool {
        !self.external.is_all_false() && self.external.get(&self.data, row)
    }

    /// Puts the key of `row` into `key`.
    pub(super) fn load_key(&self, row: usize, key: &mut KeyBuf) {
        let data = self.data.as_slice();
        let tail = self.keys.tail(data, row);
        key.set_prefix(self.keys.block_prefix(data), tail.bundle);
        key.set_suffix(tail.suffix);
    }

    /// Puts the key of `row` into `key`, which holds the key of the row before.
    #[inline]
    pub(super) fn load_next_key(&self, row: usize, key: &mut KeyBuf) {
        if PrefixBytes::is_bundle_start(row) {
            return self.load_key(row, key);
        }
        let suffix = self.keys.suffix(&self.data, row);
        if !suffix.is_empty() {
            key.set_suffix(suffix);
        }
    }

    /// Compares the key of `row` with `key`.
    pub(super) fn cmp_key(&self, row: usize, key: &[u8]) -> Ordering {
        self.keys.cmp_key(&self.data, row, key)
    }

    /// First row with a key of at least `key`; the number of rows when there is none.
    ///
    /// # Complexity
    /// O(log rows).
    pub(super) fn seek_ge(&self, key: &[u8]) -> usize {
        self.keys.seek_ge(&self.data, key)
    }
}

/// Walks the rows of a block once and checks what later access relies on: key order, trailers, the
/// longest key, the prefix-changed bits.
struct RowCheck<'a> {
    block: &'a ColumnarBlock,
    key_len_max: usize,
    block_prefix_len: usize,
    /// The trailer of all rows, already checked, if they have one.
    constant: Option<Trailer>,
    /// Trailer of the row before.
    previous: Trailer,
    /// Prefix length of the current bundle, block prefix included.
    prefix_len: usize,
    /// Suffix of the last distinct key of the bundle.
    suffix: &'a [u8],
}

impl<'a> RowCheck<'a> {
    fn new(block: &'a ColumnarBlock) -> Result<Self> {
        let constant = block.trailers.constant().map(Trailer);
        if let Some(trailer) = constant {
            check_kind(trailer)?;
        }
        let key_len_max = block.data.first_chunk::<CUSTOM_LEN>();
        Ok(Self {
            block,
            key_len_max: key_len_max.map_or(0, |len| u32::from_le_bytes(*len) as usize),
            block_prefix_len: block.keys.block_prefix(&block.data).len(),
            constant,
            previous: Trailer(0),
            prefix_len: 0,
            suffix: &[],
        })
    }

    fn run(mut self, changed: &Bool) -> Result<()> {
        let rows = self.block.rows;
        for word in 0..rows.div_ceil(64) {
            let mut expected = 0;
            for row in word * 64..rows.min(word * 64 + 64) {
                let repeated = self.check_key(row)?;
                self.check_trailer(row, repeated)?;
                expected |= u64::from(!repeated) << (row % 64);
            }
            // The first row may repeat the last key of the block before; its bit is free.
            let found = changed.word(&self.block.data, word) | u64::from(word == 0);
            if found != expected {
                return Err(Error::corrupt(
                    STRUCTURE,
                    0,
                    format_args!("prefix-changed bits {expected:016x}"),
                    format_args!("{found:016x}"),
                ));
            }
        }
        Ok(())
    }

    /// Whether `row` repeats the key before it; an error when it is smaller or too long.
    #[inline]
    fn check_key(&mut self, row: usize) -> Result<bool> {
        let (data, keys) = (self.block.data.as_slice(), &self.block.keys);
        let suffix = keys.suffix(data, row);
        let repeated = if PrefixBytes::is_bundle_start(row) {
            let repeated = row > 0 && self.check_bundle_order(row)?;
            let bundle_prefix = keys.bundle_prefix(data, PrefixBytes::bundle_of(row));
            self.prefix_len = self.block_prefix_len + bundle_prefix.len();
            self.suffix = suffix;
            repeated
        } else if suffix.is_empty() {
            true
        } else if suffix > self.suffix {
            self.suffix = suffix;
            false
        } else {
            return Err(self.out_of_order(row));
        };
        let len = self.prefix_len + self.suffix.len();
        if len > self.key_len_max {
            let expected = format_args!("keys of at most {} bytes", self.key_len_max);
            return Err(Error::corrupt(STRUCTURE, 0, expected, len));
        }
        Ok(repeated)
    }

    /// Whether `row`, the first of a bundle, repeats the key before it.
    fn check_bundle_order(&self, row: usize) -> Result<bool> {
        let (data, keys) = (self.block.data.as_slice(), &self.block.keys);
        let first = keys.bundle_first(data, PrefixBytes::bundle_of(row));
        match keys.tail(data, row - 1).cmp_bytes(first) {
            Ordering::Less => Ok(false),
            Ordering::Equal => Ok(true),
            Ordering::Greater => Err(self.out_of_order(row)),
        }
    }

    #[inline]
    fn check_trailer(&mut self, row: usize, repeated: bool) -> Result<()> {
        let trailer = self.constant.unwrap_or_else(|| self.block.trailer(row));
        if self.constant.is_none() {
            check_kind(trailer)?;
        }
        if repeated && row > 0 && trailer >= self.previous {
            return Err(self.out_of_order(row));
        }
        self.previous = trailer;
        Ok(())
    }

    fn out_of_order(&self, row: usize) -> Error {
        let mut key = KeyBuf::default();
        self.block.load_key(row, &mut key);
        let key = key.bytes().escape_ascii();
        let trailer = self.block.trailer(row);
        let found = format_args!("row {row} key {key}{trailer:?}");
        Error::corrupt(STRUCTURE, 0, "ascending internal keys", found)
    }
}

/// Whether a trailer may stand in a data block.
pub(super) fn check_kind(trailer: Trailer) -> Result<()> {
    match trailer.kind() {
        Some(
            Kind::Set | Kind::Delete | Kind::SingleDelete | Kind::SetWithDelete | Kind::DeleteSized,
        ) => Ok(()),
        Some(Kind::Merge) => Err(Error::unsupported("merge operands")),
        _ => Err(Error::corrupt(
            STRUCTURE,
            0,
            "the kind of a point key",
            format_args!("{trailer:?}"),
        )),
    }
}

/// A row that is about to be added to a [`DataBlockBuilder`], with what comparing it with the row
/// before gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewRow<'a> {
    pub(super) key: &'a [u8],
    pub(super) trailer: Trailer,
    pub(super) value: &'a [u8],
    /// Bytes that the key has in common with the key before, over block boundaries.
    pub(super) shared: usize,
    /// Whether the key equals the key before, over block boundaries.
    pub(super) repeated: bool,
    pub(super) obsolete: bool,
}

/// Collects the rows of a data block.
#[derive(Debug, Default)]
pub(super) struct DataBlockBuilder {
    keys: PrefixBytesBuilder,
    trailers: UintBuilder,
    changed: BoolBuilder,
    values: BytesBuilder,
    obsolete: BoolBuilder,
    key_len_max: usize,
}

/// What trying a row gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    /// Exact length of the encoded block with the row.
    pub(super) len: usize,
    keys: PrefixSizing,
}

impl DataBlockBuilder {
    /// Forgets all rows and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.trailers.clear();
        self.changed.clear();
        self.values.clear();
        self.obsolete.clear();
        self.key_len_max = 0;
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.keys.rows()
    }

    /// The last key; empty when there is none.
    #[inline]
    pub(super) fn last_key(&self) -> &[u8] {
        self.keys.last()
    }

    /// Trailer of the last row.
    pub(super) fn last_trailer(&self) -> Option<Trailer> {
        self.trailers.last().map(Trailer)
    }

    /// Whether every row is obsolete.
    pub(super) fn is_all_obsolete(&self) -> bool {
        self.obsolete.ones() == self.rows()
    }

    /// Sizes of the block with `row` added.
    ///
    /// # Complexity
    /// O(1).
    #[inline]
    pub(super) fn try_row(&self, row: &NewRow<'_>) -> Trial {
        let keys = self.keys.sizing().with(row.key.len(), row.shared);
        let end = keys.end(headers_len(CUSTOM_LEN, usize::from(COLUMNS)));
        let end = end + 1;
        let end = self.trailers.end_with(end, row.trailer.0);
        let end = self.changed.end_with(end, true, true);
        let end = self.values.end_with(end, row.value.len());
        let end = end + 1;
        let end = self.obsolete.end_with(end, row.obsolete, false);
        Trial { len: end + 1, keys }
    }

    /// Adds `row`, for which `trial` was made.
    #[inline]
    pub(super) fn push(&mut self, row: &NewRow<'_>, trial: Trial) {
        self.keys.push(row.key, row.repeated, trial.keys);
        self.trailers.push(row.trailer.0);
        self.changed.push(!row.repeated);
        self.values.push(row.value);
        self.obsolete.push(row.obsolete);
        self.key_len_max = self.key_len_max.max(row.key.len());
    }

    /// Adds `row`, the only one of its block, whose value of `len` bytes is not here. It hides
    /// nothing and is not hidden, so that no column behind the values is aligned.
    pub(super) fn push_apart(&mut self, row: &NewRow<'_>, trial: Trial, len: usize) {
        debug_assert!(
            self.rows() == 0 && !row.repeated && !row.obsolete,
            "one row, alone"
        );
        self.keys.push(row.key, row.repeated, trial.keys);
        self.trailers.push(row.trailer.0);
        self.changed.push(!row.repeated);
        self.values.push_apart(len);
        self.obsolete.push(row.obsolete);
        self.key_len_max = self.key_len_max.max(row.key.len());
    }

    /// Encodes a block of one row whose value, of `len` bytes, is not here: what comes before it and
    /// what comes behind it.
    pub(super) fn encode_apart(&mut self, len: usize) -> (Vec<u8>, Vec<u8>) {
        let mut head = Vec::new();
        let end = self.put(None, len, &mut head);
        let tail = head.split_off(end);
        (head, tail)
    }

    /// Encodes the block into `out`, replacing what it held. `next` is the row that was tried and
    /// goes into the following block: as in Go's writer it counts in the longest key and may lower
    /// the base of the trailers.
    pub(super) fn encode(&mut self, next: Option<&NewRow<'_>>, out: &mut Vec<u8>) {
        self.put(next, 0, out);
    }

    /// Encodes all but the last `apart` bytes of the values; returns where those belong.
    fn put(&mut self, next: Option<&NewRow<'_>>, apart: usize, out: &mut Vec<u8>) -> usize {
        let rows = self.rows();
        let key_len_max = self
            .key_len_max
            .max(next.map_or(0, |next| next.key.len()))
            .try_into()
            .unwrap_or(u32::MAX);
        out.clear();
        let mut frame = BlockFrame::begin(out, &u32::to_le_bytes(key_len_max), COLUMNS, rows);
        frame.column(out, ColumnType::PrefixBytes);
        self.keys.put(out);
        frame.column(out, ColumnType::Bytes);
        // `rows + 1` offsets, all zero.
        out.push(0);
        frame.column(out, ColumnType::Uint);
        self.trailers.put(next.map(|next| next.trailer.0), out);
        frame.column(out, ColumnType::Bool);
        self.changed.put(true, out);
        frame.column(out, ColumnType::Bytes);
        self.values.put(out);
        let values_end = out.len();
        frame.leave_out(apart);
        frame.column(out, ColumnType::Bool);
        // No value is stored elsewhere.
        out.push(1);
        frame.column(out, ColumnType::Bool);
        self.obsolete.put(false, out);
        frame.finish(out);
        values_end
    }
}
