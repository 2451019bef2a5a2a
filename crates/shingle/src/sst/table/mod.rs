//! An open table: what opening it found, point reads, and cursors.

mod blocks;
mod cursor;
mod index;
mod inspect;
mod open;
mod point;
mod readahead;
mod survey;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::counters::Counters;
use super::data::DataBlock;
use super::filter::Filter;
use super::footer::{Footer, TableFormat};
use super::index_block::IndexBlock;
use super::properties::Properties;
use crate::cache::Cache;
use crate::key::RangeTombstone;
use crate::vfs::ReadFile;

pub use cursor::TableCursor;
pub use inspect::{BlockInfo, BlockKind, Contents};
pub use point::Value;
pub use survey::{EntrySink, Recovered, Survey, Unreadable, recover};

use index::Index;
use values::ValueIndex;

/// The cache of decoded blocks that tables share.
pub type BlockCache = Cache<Cached>;

/// A decoded block in a [`BlockCache`].
#[derive(Clone, Debug)]
pub struct Cached(CachedBlock);

#[derive(Clone, Debug)]
enum CachedBlock {
    Data(Arc<DataBlock>),
    Index(Arc<IndexBlock>),
    Raw(Arc<Vec<u8>>),
}

/// Whether blocks that a read decodes are kept in the block cache. Cached blocks are always used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// They are kept: point reads, short ranges.
    #[default]
    Fill,
    /// They are not: scans, which would push out what point reads need.
    Bypass,
}

/// How tables are read.
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// Keeps decoded blocks; default: 8 MiB of its own.
    pub cache: Arc<BlockCache>,
    /// Counts what reading costs.
    pub counters: Arc<Counters>,
    /// The most bytes that one block may decode to; a block is as large as the largest value at
    /// least. Default 256 MiB. A block beyond it is `Exhausted`.
    pub block_len_max: usize,
    /// The most bytes that a scan reads ahead of its position. Default 256 KiB.
    pub readahead_len_max: usize,
    /// Bytes read from the end of the file when a table is opened: footer, metaindex, properties and
    /// usually the index lie there. Default 64 KiB.
    pub tail_len: usize,
    /// A two-level index of at most this many stored bytes is read when the table is opened and kept
    /// with it, so that scans never leave their way to fetch a part of it. Default 1 MiB.
    pub pinned_index_len_max: usize,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            cache: Arc::new(Cache::new(8 << 20)),
            counters: Arc::default(),
            block_len_max: 256 << 20,
            readahead_len_max: 256 << 10,
            tail_len: 64 << 10,
            pinned_index_len_max: 1 << 20,
        }
    }
}

/// An open table. Shared between threads behind an [`Arc`]; reading needs no lock.
#[derive(Debug)]
pub struct Table {
    file: Arc<dyn ReadFile>,
    path: PathBuf,
    options: TableOptions,
    /// Owner of the table's blocks in the cache.
    owner: u64,
    footer: Footer,
    properties: Properties,
    index: Index,
    filter: Option<Filter>,
    range_tombstones: Vec<RangeTombstone>,
    value_index: Option<ValueIndex>,
    /// Blocks by kind, data and index blocks excepted.
    sections: Vec<open::Section>,
    /// End of all blocks: where the footer begins.
    blocks_end: u64,
    /// End of the data blocks, or a bound of it.
    data_end: u64,
}

impl Table {
    /// Where the table lies, as given when it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file in bytes.
    pub fn file_len(&self) -> u64 {
        self.file.len()
    }

    /// The table's format.
    pub fn format(&self) -> TableFormat {
        self.footer.format
    }

    /// What the table says about itself.
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// Fragments of range tombstones in order of start, newest first where they are the same.
    pub fn range_tombstones(&self) -> &[RangeTombstone] {
        &self.range_tombstones
    }
}
