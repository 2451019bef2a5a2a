//! Settings of the writer, and the rule that closes blocks.

use std::sync::Arc;

use super::pool::CompressionPool;
use crate::sst::wrapper::Compression;
use crate::{Error, Result};

/// Lengths that a block may be asked to have.
const BLOCK_LENS: std::ops::RangeInclusive<usize> = 64..=(64 << 20);

/// How tables are written. The defaults are those of Go's SDK.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// Bytes of a data block before compression at which the next begins; default 32 KiB. Larger
    /// blocks compress better and cost more per point read.
    pub block_len: usize,
    /// The same for index blocks; default 32 KiB. An index beyond it gets a second level.
    pub index_block_len: usize,
    /// Percent of the block length below which a block is never closed, however large the next row;
    /// default 90, from 1 to 100.
    pub block_fill_min: u8,
    /// Compression of data, index and properties blocks; default Snappy.
    pub compression: Compression,
    /// Bits per key of a Bloom filter over the user keys; default none, 10 gives about 1 % false
    /// positives.
    pub filter_bits_per_key: Option<u32>,
    /// Whether the table goes to the last level, where point tombstones hide nothing and are marked
    /// obsolete; default false.
    pub last_level: bool,
    /// Threads that compress; default none: the caller's thread does.
    pub pool: Option<Arc<CompressionPool>>,
    /// Whether every compressed block is decompressed again and compared, and a checksum of the
    /// entries is kept for [`TableSummary::check`](super::TableSummary::check); default true.
    pub verify: bool,
    /// Whether finishing makes the file durable; default true.
    pub sync: bool,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            block_len: 32 << 10,
            index_block_len: 32 << 10,
            block_fill_min: 90,
            compression: Compression::Snappy,
            filter_bits_per_key: None,
            last_level: false,
            pool: None,
            verify: true,
            sync: true,
        }
    }
}

impl WriterOptions {
    /// Refuses settings out of range.
    pub(super) fn check(&self) -> Result<()> {
        let Self {
            block_len,
            index_block_len,
            block_fill_min,
            ..
        } = self;
        if BLOCK_LENS.contains(block_len)
            && BLOCK_LENS.contains(index_block_len)
            && (1..=100).contains(block_fill_min)
        {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "table options out of range block_len=`{block_len}` \
             index_block_len=`{index_block_len}` block_fill_min=`{block_fill_min}`"
        )))
    }
}

/// When a block is full.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlushRule {
    /// Below this a block takes any row.
    low: usize,
    target: usize,
}

impl FlushRule {
    pub(super) fn new(target: usize, fill_min: u8) -> Self {
        let low = (target * usize::from(fill_min)).div_ceil(100);
        Self { low, target }
    }

    /// Whether a block of `rows` rows and `before` bytes is closed instead of growing to `after`.
    #[inline]
    pub(super) fn is_full(self, rows: usize, before: usize, after: usize) -> bool {
        rows > 0 && before >= self.low && after > before && after > self.target
    }
}
