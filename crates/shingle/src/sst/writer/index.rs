//! Gathering the index while data blocks are written (`pebble-ondisk` §3.7).

use super::ALL_OBSOLETE;
use super::options::FlushRule;
use super::output::Output;
use crate::Result;
use crate::sst::handle::BlockHandle;
use crate::sst::index_block::IndexBlockBuilder;

/// Collects separators and handles; completed partitions are kept encoded.
#[derive(Debug)]
pub(super) struct IndexWriter {
    rule: FlushRule,
    block: IndexBlockBuilder,
    block_len: usize,
    /// Whether a data block of the pending partition holds a row that is not obsolete.
    has_current: bool,
    partitions: Vec<Partition>,
    partitions_len: usize,
    blocks: u64,
    rows: u64,
}

#[derive(Debug)]
struct Partition {
    encoded: Vec<u8>,
    separator: Vec<u8>,
    props: &'static [u8],
}

/// What the index came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexTotals {
    pub(super) root: BlockHandle,
    pub(super) blocks: u64,
    /// Bytes of all index blocks before compression.
    pub(super) len: u64,
    /// Lower index blocks of a two-level index, else 0.
    pub(super) partitions: u64,
    pub(super) top_len: u64,
}

impl IndexWriter {
    pub(super) fn new(rule: FlushRule) -> Self {
        Self {
            rule,
            block: IndexBlockBuilder::default(),
            block_len: 0,
            has_current: false,
            partitions: Vec::new(),
            partitions_len: 0,
            blocks: 0,
            rows: 0,
        }
    }

    /// Bytes of index so far.
    pub(super) fn len(&self) -> usize {
        self.partitions_len + self.block_len
    }

    /// Rows of the data blocks so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a data block of `rows` rows.
    pub(super) fn add(&mut self, separator: &[u8], handle: BlockHandle, props: &[u8], rows: u64) {
        let len = self.block.len_with(separator, handle, props);
        if self.rule.is_full(self.block.rows(), self.block_len, len) {
            self.close(Some(handle));
        }
        self.block_len = self.block.len_with(separator, handle, props);
        self.block.push(separator, handle, props);
        self.has_current |= props.is_empty();
        self.blocks += 1;
        self.rows += rows;
    }

    /// Completes the pending partition. `next` is the block that did not fit.
    fn close(&mut self, next: Option<BlockHandle>) {
        let partition = Partition {
            encoded: self.block.encode(next),
            separator: self.block.last_separator().to_vec(),
            props: if self.has_current { &[] } else { ALL_OBSOLETE },
        };
        self.partitions_len += partition.encoded.len() + partition.separator.len();
        self.partitions.push(partition);
        self.block.clear();
        self.block_len = 0;
        self.has_current = false;
    }

    /// Writes the index blocks.
    pub(super) fn finish(&mut self, output: &mut Output) -> Result<IndexTotals> {
        if self.block.rows() > 0 || self.partitions.is_empty() {
            self.close(None);
        }
        let mut totals = IndexTotals {
            root: BlockHandle::default(),
            blocks: self.blocks,
            len: 0,
            partitions: 0,
            top_len: 0,
        };
        for partition in &self.partitions {
            totals.root = output.put(&partition.encoded)?;
            totals.len += partition.encoded.len() as u64;
            self.block
                .push(&partition.separator, totals.root, partition.props);
        }
        if self.partitions.len() > 1 {
            let top = self.block.encode(None);
            totals.root = output.put(&top)?;
            totals.len += top.len() as u64;
            totals.top_len = top.len() as u64;
            totals.partitions = self.partitions.len() as u64;
        }
        Ok(totals)
    }
}
