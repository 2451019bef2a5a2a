//! A decoded data block of any table format.

use std::cmp::Ordering;

use super::data_block::ColumnarBlock;
use super::footer::TableFormat;
use super::key_buf::KeyBuf;
use super::row_block::RowBlock;
use crate::Result;
use crate::key::Trailer;

/// Rows of a data block, found in O(1). Every access was checked when the block was decoded.
#[derive(Debug)]
pub(super) enum DataBlock {
    Columnar(ColumnarBlock),
    Row(RowBlock),
}

impl DataBlock {
    /// Decodes the decompressed bytes of a data block of a table in `format`.
    pub(super) fn decode(block: Vec<u8>, format: TableFormat) -> Result<Self> {
        if format.is_columnar() {
            ColumnarBlock::decode(block).map(Self::Columnar)
        } else {
            RowBlock::decode(&block, format).map(Self::Row)
        }
    }

    /// Number of rows; 0 only in row-oriented tables without points.
    #[inline]
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Columnar(block) => block.rows(),
            Self::Row(block) => block.rows(),
        }
    }

    /// Bytes of memory.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Columnar(block) => block.weight(),
            Self::Row(block) => block.weight(),
        }
    }

    /// Sequence number and kind of `row`.
    #[inline]
    pub(super) fn trailer(&self, row: usize) -> Trailer {
        match self {
            Self::Columnar(block) => block.trailer(row),
            Self::Row(block) => block.trailer(row),
        }
    }

    /// Value of `row`, or the handle of a value that is stored elsewhere.
    #[inline]
    pub(super) fn value(&self, row: usize) -> &[u8] {
        match self {
            Self::Columnar(block) => block.value(row),
            Self::Row(block) => block.value(row),
        }
    }

    /// Whether the value of `row` is stored elsewhere.
    #[inline]
    pub(super) fn is_external(&self, row: usize) -> bool {
        match self {
            Self::Columnar(block) => block.is_external(row),
            Self::Row(block) => block.is_external(row),
        }
    }

    /// Puts the key of `row` into `key`.
    pub(super) fn load_key(&self, row: usize, key: &mut KeyBuf) {
        match self {
            Self::Columnar(block) => block.load_key(row, key),
            Self::Row(block) => key.set_prefix(block.key(row), &[]),
        }
    }

    /// Puts the key of `row` into `key`, which holds the key of the row before.
    #[inline]
    pub(super) fn load_next_key(&self, row: usize, key: &mut KeyBuf) {
        match self {
            Self::Columnar(block) => block.load_next_key(row, key),
            Self::Row(block) => key.set_prefix(block.key(row), &[]),
        }
    }

    /// Compares the key of `row` with `key`.
    pub(super) fn cmp_key(&self, row: usize, key: &[u8]) -> Ordering {
        match self {
            Self::Columnar(block) => block.cmp_key(row, key),
            Self::Row(block) => block.key(row).cmp(key),
        }
    }

    /// First row with a key of at least `key`; the number of rows when there is none.
    pub(super) fn seek_ge(&self, key: &[u8]) -> usize {
        match self {
            Self::Columnar(block) => block.seek_ge(key),
            Self::Row(block) => block.seek_ge(key),
        }
    }
}
