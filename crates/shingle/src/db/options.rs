//! How databases are read.

use crate::sst::{CacheMode, TableOptions};

/// Options of a database that is only read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// How tables are read; the block cache and the counters are in it.
    pub table: TableOptions,
    /// The most tables that are kept open between reads. Each holds a file, its index and its range
    /// tombstones. Default 512, at least 1; reads under way keep what they use beyond it.
    pub tables_open_max: usize,
    /// The most memory that writes recovered from logs may take, in bytes. Default 256 MiB.
    pub log_memory_max: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            table: TableOptions::default(),
            tables_open_max: 512,
            log_memory_max: 256 << 20,
        }
    }
}

/// Options of one scan.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScanOptions {
    /// Whether blocks that the scan decodes stay in the block cache. Default false: a long scan
    /// would push out what point reads need.
    pub fill_cache: bool,
}

impl ScanOptions {
    pub(crate) fn cache_mode(self) -> CacheMode {
        if self.fill_cache {
            CacheMode::Fill
        } else {
            CacheMode::Bypass
        }
    }
}
