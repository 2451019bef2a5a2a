//! How a folder is opened.

use std::sync::Arc;

use shingle::vfs::{Entropy, OsEntropy};

use crate::OpenOptions;
use crate::engine::PebbleOptions;
use crate::envelope::WriteOptions;
use crate::ops::SharedObserver;

/// Options of an [`super::Archive`]. The default suits users.
#[derive(Clone, Debug)]
pub struct ArchiveOptions {
    /// How entries are read: file system, clock, profile, memory, limits. The memory is shared by the entries that are open.
    pub reading: OpenOptions,
    /// How syncs are written: ids, memory, durability, digests. Clock and profile are those of `reading`, and syncs
    /// are never replaced; what watches is the telemetry of `reading`.
    pub writing: PebbleOptions,
    /// How entries are packed.
    pub packing: WriteOptions,
    /// Watches what takes long: adding, packing, publishing, cleaning up; its error stops it, as far as nothing was decided.
    /// Default nothing.
    pub observer: SharedObserver,
    /// Names of temporary files.
    pub entropy: Arc<dyn Entropy>,
    /// Most entries that are open at once, beside the current sync; default 8, at least 1. Each takes its share of the
    /// memory and some open files.
    pub open_entries_max: usize,
    /// Whether finished syncs are packed when the folder is closed; default no: directories are read as fast, and packed files
    /// take less room.
    pub pack_on_close: bool,
    /// Whether a cache of what the entries say of themselves is kept in the folder; default yes. Without it opening reads a
    /// little of every entry.
    pub catalog: bool,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self {
            reading: OpenOptions::default(),
            writing: PebbleOptions::default(),
            packing: WriteOptions::default(),
            observer: SharedObserver::default(),
            entropy: Arc::new(OsEntropy),
            open_entries_max: 8,
            pack_on_close: false,
            catalog: true,
        }
    }
}
