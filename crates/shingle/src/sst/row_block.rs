//! Row-oriented blocks: everything in v1 to v4, metaindex in v5, properties in v5 and v6
//! (`pebble-ondisk` §3.13). Read only.
//!
//! An entry is uvarint shared ‖ uvarint unshared ‖ uvarint value length ‖ unshared key bytes ‖ value;
//! the key continues the first `shared` bytes of the key before. After the entries stand the
//! positions of the restarts (u32 each, top bit a hint), where `shared` is 0, and their number (u32).

use std::cmp::Ordering;

use super::data_block::check_kind;
use super::footer::TableFormat;
use super::handle::BlockHandle;
use super::index_block::{self, IndexBlock};
use crate::codec::Input;
use crate::key::{self, Kind, RangeTombstone, Trailer};
use crate::{Error, Result};

const DATA: &str = "sstable row data block";
const RANGE_DELETES: &str = "sstable row range-delete block";

/// Bit of the kind that says "obsolete" from v4 on.
const OBSOLETE_BIT: u64 = 0x40;

/// Calls `visit` with key and value of every entry of a block, in order.
pub(super) fn entries<'a>(
    structure: &'static str,
    block: &'a [u8],
    mut visit: impl FnMut(&[u8], &'a [u8]) -> Result<()>,
) -> Result<()> {
    let (body, restarts) = split_restarts(structure, block)?;
    let mut restarts = restarts
        .iter()
        .map(|r| u32::from_le_bytes(*r) & (u32::MAX >> 1));
    let mut restart = restarts.next();
    let mut input = Input::new(structure, body);
    let mut key: Vec<u8> = Vec::new();
    while !input.is_empty() {
        let is_restart = restart.is_some_and(|at| u64::from(at) == input.offset());
        let (shared, unshared, value) = (input.uvarint()?, input.uvarint()?, input.uvarint()?);
        let shared = usize::try_from(shared)
            .ok()
            .filter(|&n| n <= key.len() && !(is_restart && n > 0))
            .ok_or_else(|| input.corrupt("bytes of the key before", shared))?;
        key.truncate(shared);
        key.extend_from_slice(input.take(unshared)?);
        visit(&key, input.take(value)?)?;
        if is_restart {
            restart = restarts.next();
        }
    }
    match restart {
        None => Ok(()),
        Some(0) if body.is_empty() && restarts.next().is_none() => Ok(()),
        Some(at) => Err(input.corrupt("restarts at entries", at)),
    }
}

fn split_restarts<'a>(
    structure: &'static str,
    block: &'a [u8],
) -> Result<(&'a [u8], &'a [[u8; 4]])> {
    let corrupt = |found: u32| {
        let expected = "a row block with restarts";
        Error::corrupt(structure, block.len() as u64, expected, found)
    };
    let (rest, count) = block.split_last_chunk::<4>().ok_or_else(|| corrupt(0))?;
    let count = u32::from_le_bytes(*count);
    let body = (count as usize)
        .checked_mul(4)
        .filter(|&len| len > 0)
        .and_then(|len| rest.len().checked_sub(len))
        .ok_or_else(|| corrupt(count))?;
    let (body, restarts) = rest.split_at(body);
    Ok((body, restarts.as_chunks::<4>().0))
}

/// Splits an internal key into user key and trailer.
fn split_key<'a>(structure: &'static str, key: &'a [u8]) -> Result<(&'a [u8], Trailer)> {
    key.split_last_chunk::<8>()
        .map(|(user, trailer)| (user, Trailer(u64::from_le_bytes(*trailer))))
        .ok_or_else(|| Error::corrupt(structure, 0, "a key of at least 8 bytes", key.len()))
}

/// A decoded row-oriented data block: rows are found in O(1), as in a columnar one.
#[derive(Debug)]
pub(super) struct RowBlock {
    keys: Vec<u8>,
    values: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// Ends of key and value; they start where those of the row before end.
    key_end: usize,
    value_end: usize,
    trailer: Trailer,
    external: bool,
}

impl RowBlock {
    /// Decodes the data block of a table in `format`. A table without points has an empty one.
    pub(super) fn decode(block: &[u8], format: TableFormat) -> Result<Self> {
        let mut this = Self {
            keys: Vec::new(),
            values: Vec::new(),
            rows: Vec::new(),
        };
        entries(DATA, block, |internal, value| {
            let (user, trailer) = split_key(DATA, internal)?;
            this.push(user, trailer, value, format)
        })?;
        Ok(this)
    }

    fn push(
        &mut self,
        user: &[u8],
        mut trailer: Trailer,
        mut value: &[u8],
        format: TableFormat,
    ) -> Result<()> {
        if format >= TableFormat::V4 {
            trailer.0 &= !OBSOLETE_BIT;
        }
        check_kind(trailer)?;
        let mut external = false;
        if format >= TableFormat::V3 && trailer.kind() == Some(Kind::Set) {
            let (&prefix, rest) = value
                .split_first()
                .ok_or_else(|| Error::corrupt(DATA, 0, "a value prefix byte", "end"))?;
            external = prefix & 0xc0 != 0;
            if !external {
                value = rest;
            }
        }
        if let Some(last) = self.rows.len().checked_sub(1) {
            let before = (self.key(last), self.trailer(last));
            if key::compare(before, (user, trailer)) != Ordering::Less {
                let found = format_args!("key {user:x?} {trailer:?}");
                return Err(Error::corrupt(DATA, 0, "ascending internal keys", found));
            }
        }
        self.keys.extend_from_slice(user);
        self.values.extend_from_slice(value);
        self.rows.push(Row {
            key_end: self.keys.len(),
            value_end: self.values.len(),
            trailer,
            external,
        });
        Ok(())
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of memory.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>()
            + self.keys.capacity()
            + self.values.capacity()
            + self.rows.capacity() * size_of::<Row>()
    }

    fn ends(&self, row: usize) -> (usize, usize) {
        self.rows
            .get(row)
            .map_or((0, 0), |row| (row.key_end, row.value_end))
    }

    fn starts(&self, row: usize) -> (usize, usize) {
        row.checked_sub(1)
            .map_or((0, 0), |before| self.ends(before))
    }

    /// User key of `row`.
    pub(super) fn key(&self, row: usize) -> &[u8] {
        self.keys
            .get(self.starts(row).0..self.ends(row).0)
            .unwrap_or_default()
    }

    /// Value of `row`, or the handle of a value that is stored elsewhere.
    pub(super) fn value(&self, row: usize) -> &[u8] {
        self.values
            .get(self.starts(row).1..self.ends(row).1)
            .unwrap_or_default()
    }

    /// Sequence number and kind of `row`.
    pub(super) fn trailer(&self, row: usize) -> Trailer {
        self.rows.get(row).map_or(Trailer(0), |row| row.trailer)
    }

    /// Whether the value of `row` is stored elsewhere.
    pub(super) fn is_external(&self, row: usize) -> bool {
        self.rows.get(row).is_some_and(|row| row.external)
    }

    /// First row with a key of at least `key`; the number of rows when there is none.
    pub(super) fn seek_ge(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.rows.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle) < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Decodes an index block of either level.
pub(super) fn decode_index(block: &[u8], limit: u64) -> Result<IndexBlock> {
    let mut index = IndexBlock::default();
    entries(index_block::STRUCTURE, block, |internal, value| {
        let (separator, _) = split_key(index_block::STRUCTURE, internal)?;
        // Block properties may follow the handle.
        let handle = BlockHandle::read(&mut Input::new(index_block::STRUCTURE, value))?;
        index.push(separator, handle, limit)
    })?;
    Ok(index)
}

/// Decodes a range-delete block into its fragments, in order of start, newest first.
pub(super) fn decode_range_deletes(block: &[u8]) -> Result<Vec<RangeTombstone>> {
    let mut tombstones: Vec<RangeTombstone> = Vec::new();
    entries(RANGE_DELETES, block, |internal, end| {
        let (start, trailer) = split_key(RANGE_DELETES, internal)?;
        let next = RangeTombstone {
            start: start.to_vec(),
            end: end.to_vec(),
            seq: Trailer(trailer.0 & !OBSOLETE_BIT).seq(),
        };
        let follows = tombstones.last().is_none_or(|last| {
            let same = (&last.start, &last.end) == (&next.start, &next.end);
            if same {
                last.seq > next.seq
            } else {
                last.end <= next.start
            }
        });
        let kind = Trailer(trailer.0 & !OBSOLETE_BIT).kind();
        if !follows || next.start >= next.end || kind != Some(Kind::RangeDelete) {
            let found = format_args!("{next:x?} {trailer:?}");
            return Err(Error::corrupt(
                RANGE_DELETES,
                0,
                "ascending fragments",
                found,
            ));
        }
        tombstones.push(next);
        Ok(())
    })?;
    Ok(tombstones)
}
