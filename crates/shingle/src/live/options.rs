//! How a live database behaves.

use std::sync::Arc;

use super::Deriver;
use crate::bulk::{BulkOptions, check_boundaries};
use crate::sst::{Compression, TableOptions};
use crate::{Error, Result};

/// What an accepted batch survives. In every mode [`super::LiveDatabase::barrier`], a checkpoint, a
/// seal and a close make everything durable that was accepted before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing until the next barrier, which writes what is in memory to tables: no log is kept.
    None,
    /// The end of the process: it is in a log that the system holds.
    #[default]
    PerBatch,
    /// A power failure: the log is synced before the call returns.
    PerOperation,
}

/// When sorted runs are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactionPolicy {
    /// So many runs of about one size become one; default 8, from 2 to 64. More of them write
    /// less and read slower.
    pub fan_in: usize,
    /// Whether runs are written and merged on a thread of their own; default true. Otherwise the
    /// call that fills the write buffer does it.
    pub background: bool,
}

impl Default for CompactionPolicy {
    fn default() -> Self {
        Self {
            fan_in: 8,
            background: true,
        }
    }
}

/// Options of a live database. [`LiveOptions::check`] lists the ranges.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// How tables are read; the block cache is in it.
    pub table: TableOptions,
    /// The most tables kept open between reads; default 512, at least 1.
    pub tables_open_max: usize,
    /// Memory for buffers, sorts and merges, in bytes; default 256 MiB, at least 256 KiB. The block
    /// cache and readers' own blocks come on top. Half of it is for sorting at the seal.
    pub memory_bytes: usize,
    /// Bytes of writes in memory at which a run is written; default 64 MiB, at least 4 KiB, at most
    /// a quarter of the memory, since one buffer fills while another is written.
    pub write_buffer_bytes: usize,
    /// Bytes of the largest batch that is accepted; default 128 MiB, below 4 GiB. A batch larger
    /// than the write buffer is written at once.
    pub batch_bytes_max: usize,
    /// What an accepted batch survives; default the end of the process.
    pub durability: Durability,
    /// When runs are merged.
    pub compaction: CompactionPolicy,
    /// Keys at which tables end in any case, ascending; default none. Rows of different kinds do
    /// not share tables, and what is written to one kind merges with that kind alone.
    pub sections: Vec<Vec<u8>>,
    /// Derives rows from rows; default none. A database must be opened with the deriver it was made
    /// with.
    pub deriver: Option<Arc<dyn Deriver>>,
    /// Bits per key of the Bloom filters of runs; default 10, 0 for none, at most 64. Tables of the
    /// last level have none, as those of the reference implementation.
    pub filter_bits_per_key: u32,
    /// Bytes of a data or index block before compression; default 32 KiB, 64 bytes to 64 MiB.
    pub block_len: usize,
    /// Compression of all tables; default Snappy.
    pub compression: Compression,
    /// Length in bytes of a table of the last level, about; default 16 MiB, at least 1.
    pub table_bytes: u64,
    /// Threads that sort, merge and compress; default the processors of the machine, at most 8.
    pub threads: usize,
    /// Whether every table of the last level is read back before it counts; default true.
    pub verify: bool,
    /// Length in bytes at which a new MANIFEST is begun; default 4 MiB, at least 1.
    pub manifest_bytes_max: u64,
}

impl Default for LiveOptions {
    fn default() -> Self {
        let bulk = BulkOptions::default();
        Self {
            table: TableOptions::default(),
            tables_open_max: 512,
            memory_bytes: 256 << 20,
            write_buffer_bytes: 64 << 20,
            batch_bytes_max: 128 << 20,
            durability: Durability::default(),
            compaction: CompactionPolicy::default(),
            sections: Vec::new(),
            deriver: None,
            filter_bits_per_key: 10,
            block_len: bulk.block_len,
            compression: bulk.compression,
            table_bytes: bulk.table_bytes,
            threads: bulk.threads,
            verify: true,
            manifest_bytes_max: 4 << 20,
        }
    }
}

impl LiveOptions {
    /// Refuses options out of range.
    ///
    /// # Errors
    /// `Invalid`, naming the option.
    pub fn check(&self) -> Result<()> {
        let quarter = self.memory_bytes / 4;
        range("tables_open_max", self.tables_open_max, 1, usize::MAX)?;
        range("memory_bytes", self.memory_bytes, 1 << 18, usize::MAX)?;
        range(
            "write_buffer_bytes",
            self.write_buffer_bytes,
            1 << 12,
            quarter,
        )?;
        range(
            "batch_bytes_max",
            self.batch_bytes_max,
            1,
            u32::MAX as usize,
        )?;
        range("compaction.fan_in", self.compaction.fan_in, 2, 64)?;
        range(
            "filter_bits_per_key",
            self.filter_bits_per_key as usize,
            0,
            64,
        )?;
        range("block_len", self.block_len, 64, 64 << 20)?;
        if self.table_bytes == 0 || self.manifest_bytes_max == 0 {
            return Err(Error::invalid(
                "option out of range option=`table_bytes, manifest_bytes_max` value=`0`",
            ));
        }
        check_boundaries(&self.sections)?;
        self.deriver.as_ref().map_or(Ok(()), |deriver| {
            super::deriver::check_families(deriver.families())
        })
    }

    /// How tables of the last level are written.
    pub(super) fn bulk(&self) -> BulkOptions {
        BulkOptions {
            memory_bytes: self.memory_bytes / 2,
            table_bytes: self.table_bytes,
            sections: self.sections.clone(),
            block_len: self.block_len,
            index_block_len: self.block_len,
            compression: self.compression,
            threads: self.threads,
            verify: self.verify,
            sync: true,
            ..BulkOptions::default()
        }
    }
}

fn range(option: &str, value: usize, min: usize, max: usize) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "option out of range option=`{option}` value=`{value}` min=`{min}` max=`{max}`"
    )))
}
