//! Sorted string tables in Pebble's formats: a reader of v1 to v7, a writer of v7
//! (`pebble-ondisk` §3, §6 to §8).
//!
//! A table is a file of blocks: data blocks, an index of one or two levels, a filter, range
//! tombstones, properties, a metaindex that names the latter, and a footer. [`Table`] opens one with
//! as few reads as it can, [`TableCursor`] walks it both ways, [`TableWriter`] makes one that Go's
//! Pebble reads as its own and that depends on its input and options alone.
//!
//! Reader and writer of one structure stand in one file: `wrapper`, `column`, `data_block`,
//! `index_block`, `keyspan_block`, `kv_block`, `properties`, `footer`. `row_block` and the older
//! footers are read only.
//!
//! The reader trusts nothing: checksums come first, lengths are bounded before memory is taken, and
//! every row of a block is checked when the block is decoded, so that later access cannot fail.
//! Deliberately refused, with a typed error that names it: merge operands, range keys, blob values,
//! `MinLZ` blocks, other comparers, mergers and key schemas. Bounds, synthetic sequence numbers and
//! visibility are the business of the layers above.

mod column;
mod counters;
mod data;
mod data_block;
mod filter;
mod footer;
#[doc(hidden)]
pub mod fuzz;
mod handle;
mod index_block;
mod key_buf;
mod keyspan_block;
mod kv_block;
mod properties;
mod row_block;
mod table;
mod wrapper;
mod writer;

#[cfg(test)]
mod tests;

pub use counters::{Counters, CountersSnapshot};
pub use footer::TableFormat;
pub use handle::BlockHandle;
pub use properties::Properties;
pub use table::{
    BlockCache, BlockInfo, BlockKind, CacheMode, Contents, EntrySink, Recovered, Survey, Table,
    TableCursor, TableOptions, Unreadable, Value, recover,
};
pub use wrapper::{ChecksumKind, Codec, Compression};
pub use writer::{CompressionPool, TableSummary, TableWriter, WriterOptions};
