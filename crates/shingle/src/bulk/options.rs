//! How databases are built.

use super::Duplicates;
use super::section::out_of_order;
use crate::sst::Compression;
use crate::{Error, Result};

/// In which order rows come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputOrder {
    /// In any; they are sorted.
    #[default]
    Any,
    /// In ascending order of keys, each key once; nothing is sorted and nothing is written twice. A
    /// row out of order is an error.
    Ascending,
}

/// Options of a build. The bytes that are written do not depend on `memory_bytes`, `threads`,
/// `verify` and `sync`.
#[derive(Clone, Debug)]
pub struct BulkOptions {
    /// In which order rows come; default any.
    pub order: InputOrder,
    /// Which row stays when a key comes again; only for [`InputOrder::Any`], and
    /// [`Duplicates::KeepAll`] is refused: a database has one row a key.
    pub duplicates: Duplicates,
    /// Memory for sorting; default 64 MiB. Beside it each table that is being written takes some
    /// blocks, about 1 MiB, and four times the largest row.
    pub memory_bytes: usize,
    /// Length of a table at which the next one begins, about; default 16 MiB. It is a length in the
    /// file: how well rows compress is learned from one table for the next.
    pub table_bytes: u64,
    /// Keys at which a new table begins in any case, ascending: rows of different kinds do not share
    /// tables, and the kinds are sorted and written in parallel. Default none.
    pub sections: Vec<Vec<u8>>,
    /// Bytes of a data block before compression; default 32 KiB.
    pub block_len: usize,
    /// Bytes of an index block before compression; default 32 KiB.
    pub index_block_len: usize,
    /// Compression of blocks; default Snappy.
    pub compression: Compression,
    /// Threads that sort, write and compress; default the processors of the machine, at most 8.
    pub threads: usize,
    /// Whether every table is read back whole and compared with what went in before the build
    /// succeeds; default true.
    pub verify: bool,
    /// Whether the finished directory survives a power loss; default true. Without it a caller that
    /// packs the directory elsewhere saves the syncs.
    pub sync: bool,
}

impl Default for BulkOptions {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            order: InputOrder::default(),
            duplicates: Duplicates::default(),
            memory_bytes: 64 << 20,
            table_bytes: 16 << 20,
            sections: Vec::new(),
            block_len: 32 << 10,
            index_block_len: 32 << 10,
            compression: Compression::Snappy,
            threads: processors.min(8),
            verify: true,
            sync: true,
        }
    }
}

impl BulkOptions {
    /// Refuses options out of range.
    pub(super) fn check(&self) -> Result<()> {
        check_boundaries(&self.sections)?;
        if self.table_bytes == 0 {
            return Err(Error::invalid("length of tables is 0"));
        }
        Ok(())
    }
}

/// Refuses boundaries that do not ascend.
pub(crate) fn check_boundaries(sections: &[Vec<u8>]) -> Result<()> {
    let mut pairs = sections.iter().zip(sections.iter().skip(1));
    match pairs.find(|(a, b)| a >= b) {
        Some((a, b)) => Err(out_of_order(a, b)),
        None => Ok(()),
    }
}
