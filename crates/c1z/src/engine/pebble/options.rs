//! How a v3 sync is written.

use std::sync::Arc;

use shingle::live::{CompactionPolicy, Durability, LiveOptions};
use shingle::vfs::{Clock, OsClock, OsEntropy};

use crate::engine::ids::{Ksuids, SyncIds};
use crate::engine::writer::ASSET_LEN_MAX;
use crate::engine::{CancelFlag, Profile};
use crate::observe::Telemetry;
use crate::ops::SharedObserver;

/// Options of a [`super::PebbleStore`]. The default suits users.
#[derive(Clone, Debug)]
pub struct PebbleOptions {
    /// Whose answers and bytes to give where the Go engines disagree; default our own.
    pub profile: Profile,
    /// What time it is; default that of the system.
    pub clock: Arc<dyn Clock>,
    /// Ids of new syncs, which have to be KSUIDs; default random ones.
    pub ids: Arc<dyn SyncIds>,
    /// Whether starting a sync deletes the one that the store holds; default no, it is refused. With
    /// [`Profile::GoPebble`] always.
    pub replace: bool,
    /// Whether the end of a sync builds the hash index and the digests; default yes.
    pub digests: bool,
    /// Largest asset in bytes; default [`ASSET_LEN_MAX`], from 0 to that. A store on disk takes one of more than 1 MiB in
    /// pieces; a store in memory holds it twice while it is put. Whoever reads it holds it once.
    pub asset_len_max: u64,
    /// Makes calls give up; default never raised.
    pub cancel: CancelFlag,
    /// What a write to a store on disk survives when its call returns; default the end of the process. Checkpoints and ends
    /// of syncs survive power failures, whatever this says.
    pub durability: Durability,
    /// Most bytes of keys and values that a store in memory holds, and of the buffers, sorts and merges of a store on disk;
    /// default 256 MiB. On disk at least 256 KiB.
    pub memory_bytes_max: u64,
    /// Watches a store on disk: ends of syncs, [`crate::ops::Step::Seal`], row by row, where its error leaves the sync open;
    /// everything else that takes long by the bytes that move ([`crate::ops::Pulse`]), where it is not asked. Default nothing.
    pub observer: SharedObserver,
    /// What watches the store; default nothing ([`crate::observe`]).
    pub telemetry: Option<Arc<Telemetry>>,
    /// Most bytes of writes that a store on disk holds in memory before it writes them to tables; default 64 MiB. A quarter
    /// of the memory at most is used, whatever this says; at least 4 KiB.
    pub write_buffer_bytes_max: u64,
    /// When a store on disk merges what it wrote, and whether on a thread of its own.
    pub compaction: CompactionPolicy,
    /// Threads that sort, merge and compress for a store on disk; default the processors of the machine, at most 8. What is
    /// written does not depend on it.
    pub threads: usize,
    /// Bytes of a block of the tables of a store on disk, before compression; default 32 KiB, as in the original; from 64
    /// bytes to 64 MiB. Smaller ones make reads of single rows cheaper and tables larger. It shows in the bytes of tables,
    /// not in what they say.
    pub block_len: usize,
    /// Bytes of decoded blocks that a store on disk keeps for reads; default 8 MiB. They come on top of the memory.
    pub block_cache_bytes: usize,
}

/// Default of [`PebbleOptions::block_cache_bytes`].
const BLOCK_CACHE_BYTES: usize = 8 << 20;

/// Default of [`PebbleOptions::write_buffer_bytes_max`].
const WRITE_BUFFER_BYTES: u64 = 64 << 20;

impl Default for PebbleOptions {
    fn default() -> Self {
        let live = LiveOptions::default();
        Self {
            profile: Profile::default(),
            clock: Arc::new(OsClock),
            ids: Arc::new(Ksuids::new(Arc::new(OsEntropy))),
            replace: false,
            digests: true,
            asset_len_max: ASSET_LEN_MAX,
            cancel: CancelFlag::new(),
            durability: Durability::default(),
            memory_bytes_max: crate::MemoryBudget::DEFAULT_BYTES,
            observer: SharedObserver::default(),
            telemetry: None,
            write_buffer_bytes_max: WRITE_BUFFER_BYTES,
            compaction: CompactionPolicy::default(),
            threads: live.threads,
            block_len: live.block_len,
            block_cache_bytes: BLOCK_CACHE_BYTES,
        }
    }
}
