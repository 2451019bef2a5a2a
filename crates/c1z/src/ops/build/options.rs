//! How a sync is built.

pub use shingle::bulk::InputOrder;
use shingle::bulk::{BulkOptions, SortOptions};

use crate::keyspace::Family;

/// What happens to grants with one identity, and to other rows with one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameIdentity {
    /// The row that was put last stays, as when records are written one after another.
    #[default]
    KeepLast,
    /// Grants are folded into one row by the rule of conversions (`store-contract` §4.7); of other
    /// rows the last stays.
    Fold,
    /// The record with the greatest `discovered_at` stays, of equals the one that was put last
    /// (`store-contract` §4.6).
    Newest,
}

/// Whether the hash index and the digest tree are built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digests {
    /// For a finished sync.
    #[default]
    WhenFinished,
    /// Always.
    Always,
    /// Never; readers recompute.
    Never,
}

/// How a sync is built. What is written does not depend on `memory_bytes`, `threads`, `verify` and
/// `sync`.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// In which order records come; default any. [`InputOrder::Ascending`] promises primary rows in
    /// order of keys, each once, and saves sorting them.
    pub order: InputOrder,
    /// What happens to rows with one key; only for [`InputOrder::Any`].
    pub same_identity: SameIdentity,
    /// Whether digests are built; default for a finished sync.
    pub digests: Digests,
    /// Memory for sorting, in bytes; default 80 MiB. Some MiB per thread come on top.
    pub memory_bytes: usize,
    /// Length of a table at which the next one begins, about; default 16 MiB.
    pub table_bytes: u64,
    /// Threads that sort, write and compress; default the processors of the machine, at most 8.
    pub threads: usize,
    /// Whether every table is read back and compared with what went in; default true.
    pub verify: bool,
    /// Whether the finished directory survives a power loss; default true. Packing does without.
    pub sync: bool,
}

impl Default for BuildOptions {
    fn default() -> Self {
        let bulk = BulkOptions::default();
        Self {
            order: InputOrder::default(),
            same_identity: SameIdentity::default(),
            digests: Digests::default(),
            memory_bytes: 80 << 20,
            table_bytes: bulk.table_bytes,
            threads: bulk.threads,
            verify: bulk.verify,
            sync: bulk.sync,
        }
    }
}

impl BuildOptions {
    pub(super) fn bulk(&self) -> BulkOptions {
        BulkOptions {
            memory_bytes: self.memory_bytes,
            table_bytes: self.table_bytes,
            // A table for each family: what is small stays small, and an edit of one family leaves
            // the tables of the others as they are.
            sections: sections(),
            threads: self.threads,
            verify: self.verify,
            sync: self.sync,
            ..BulkOptions::default()
        }
    }

    /// A sort that takes `share` eighths of the memory.
    pub(super) fn sort(&self, share: usize) -> SortOptions {
        SortOptions {
            memory_bytes: self.memory_bytes / 8 * share,
            background: self.threads > 1,
            ..SortOptions::default()
        }
    }
}

/// The first key of each family that is written, ascending.
pub(crate) fn sections() -> Vec<Vec<u8>> {
    let families = Family::ALL
        .into_iter()
        .filter(|family| !family.is_retired());
    families.map(|family| family.header().to_vec()).collect()
}
