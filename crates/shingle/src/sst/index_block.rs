//! Columnar index blocks, of both levels (`pebble-ondisk` §3.7).
//!
//! Columns: separators (bytes), block offsets (uint), block lengths without trailer (uint), block
//! properties (bytes). Separator `i` is at least the last key of block `i` and at most the first key
//! of block `i + 1`; a seek takes the first separator that is at least the key.
//!
//! An [`IndexBlock`] is the decoded form that tables of every format share. Decoding checks that
//! separators do not decrease and that the blocks lie in ascending order, apart, inside the file.

use super::column::{BlockFrame, BytesBuilder, ColumnType, Columns, UintBuilder, headers_len};
use super::handle::BlockHandle;
use crate::{Error, Result};

pub(super) const STRUCTURE: &str = "sstable index block";
const COLUMNS: u16 = 4;

/// Separators and handles of consecutive blocks.
#[derive(Debug, Default)]
pub(super) struct IndexBlock {
    separators: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// End of the separator; it starts where the one before ends.
    end: usize,
    handle: BlockHandle,
}

impl IndexBlock {
    /// Decodes a columnar index block whose blocks must lie in the first `limit` bytes of the file.
    pub(super) fn decode(data: &[u8], limit: u64) -> Result<Self> {
        let mut columns = Columns::open(STRUCTURE, data, 0, COLUMNS)?;
        let rows = columns.rows();
        let separators = columns.bytes(rows)?;
        let offsets = columns.uint(rows)?;
        let lengths = columns.uint(rows)?;
        columns.bytes(rows)?;
        columns.finish()?;
        let mut index = Self::default();
        for row in 0..rows {
            let handle = BlockHandle {
                offset: offsets.get(data, row),
                len: lengths.get(data, row),
            };
            index.push(separators.get(data, row), handle, limit)?;
        }
        index.separators.shrink_to_fit();
        index.entries.shrink_to_fit();
        Ok(index)
    }

    /// Appends a block.
    ///
    /// # Errors
    /// `Corrupt` when it does not follow the blocks before.
    pub(super) fn push(&mut self, separator: &[u8], handle: BlockHandle, limit: u64) -> Result<()> {
        handle.end(STRUCTURE, limit)?;
        if let Some(last) = self.entries.last() {
            let end = last.handle.end(STRUCTURE, limit)?;
            if handle.offset < end {
                let expected = format_args!("a block from {end} on");
                return Err(Error::corrupt(STRUCTURE, 0, expected, handle.offset));
            }
            if separator < self.separator(self.entries.len() - 1) {
                return Err(Error::corrupt(
                    STRUCTURE,
                    0,
                    "ascending separators",
                    format_args!("{separator:x?}"),
                ));
            }
        }
        self.separators.extend_from_slice(separator);
        self.entries.push(Entry {
            end: self.separators.len(),
            handle,
        });
        Ok(())
    }

    /// Number of blocks.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of memory.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>()
            + self.separators.capacity()
            + self.entries.capacity() * size_of::<Entry>()
    }

    /// Separator of block `i`.
    pub(super) fn separator(&self, i: usize) -> &[u8] {
        let end = |i: usize| self.entries.get(i).map_or(0, |entry| entry.end);
        let start = i.checked_sub(1).map_or(0, end);
        self.separators.get(start..end(i)).unwrap_or_default()
    }

    /// Separator of the last block; empty when there is none.
    pub(super) fn last_separator(&self) -> &[u8] {
        self.separator(self.entries.len().wrapping_sub(1))
    }

    /// Where block `i` lies.
    pub(super) fn handle(&self, i: usize) -> Option<BlockHandle> {
        self.entries.get(i).map(|entry| entry.handle)
    }

    /// The first block whose separator is at least `key`; the number of blocks when there is none.
    ///
    /// # Complexity
    /// O(log blocks).
    pub(super) fn seek(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.entries.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.separator(middle) < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Collects the rows of an index block.
#[derive(Debug, Default)]
pub(super) struct IndexBlockBuilder {
    separators: BytesBuilder,
    offsets: UintBuilder,
    lengths: UintBuilder,
    properties: BytesBuilder,
}

impl IndexBlockBuilder {
    /// Forgets all rows and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.separators.clear();
        self.offsets.clear();
        self.lengths.clear();
        self.properties.clear();
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.separators.rows()
    }

    /// The last separator; empty when there is none.
    pub(super) fn last_separator(&self) -> &[u8] {
        self.separators.last()
    }

    /// Length of the encoded block with one row more.
    pub(super) fn len_with(&self, separator: &[u8], handle: BlockHandle, props: &[u8]) -> usize {
        let end = headers_len(0, usize::from(COLUMNS));
        let end = self.separators.end_with(end, separator.len());
        let end = self.offsets.end_with(end, handle.offset);
        let end = self.lengths.end_with(end, handle.len);
        self.properties.end_with(end, props.len()) + 1
    }

    /// Appends a row.
    pub(super) fn push(&mut self, separator: &[u8], handle: BlockHandle, props: &[u8]) {
        self.separators.push(separator);
        self.offsets.push(handle.offset);
        self.lengths.push(handle.len);
        self.properties.push(props);
    }

    /// Encodes the block. `next` is the block that was tried and goes into the following partition.
    pub(super) fn encode(&self, next: Option<BlockHandle>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut frame = BlockFrame::begin(&mut out, &[], COLUMNS, self.rows());
        frame.column(&mut out, ColumnType::Bytes);
        self.separators.put(&mut out);
        frame.column(&mut out, ColumnType::Uint);
        self.offsets.put(next.map(|next| next.offset), &mut out);
        frame.column(&mut out, ColumnType::Uint);
        self.lengths.put(next.map(|next| next.len), &mut out);
        frame.column(&mut out, ColumnType::Bytes);
        self.properties.put(&mut out);
        frame.finish(&mut out);
        out
    }
}
