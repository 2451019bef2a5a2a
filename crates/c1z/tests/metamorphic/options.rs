//! Option sets: how stores are written, packed and opened, drawn at random.

use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::{PebbleOptions, Profile};
use c1z::envelope::{Existing, PayloadEncoding};
use c1z::ops::build::PackOptions;
use c1z::{MemoryBudget, OpenOptions};
use shingle::live::{CompactionPolicy, Durability};
use shingle::vfs::MemFs;
use testkit::chance::{Chance, SeededEntropy};
use testkit::clock::ManualClock;

/// What of a run's options is drawn.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct OptionSet {
    pub(crate) profile: Profile,
    pub(crate) durability: Durability,
    /// Bytes of the buffers of a store on disk.
    pub(crate) memory_bytes: u64,
    digests: bool,
    encoding: PayloadEncoding,
    level: i32,
    threads: usize,
    /// Bytes of a reader's caches and frames.
    read_bytes: u64,
    /// Bytes at which a store on disk writes a run.
    write_buffer_bytes: u64,
    /// When it merges runs, and on which thread.
    fan_in: usize,
    background: bool,
    /// Bytes of the blocks of its tables, and of those that it keeps decoded.
    block_len: usize,
    block_cache_bytes: usize,
    /// Entries of a folder that are open at once.
    pub(crate) open_entries: usize,
    pub(crate) pack_on_close: bool,
    pub(crate) catalog: bool,
}

impl OptionSet {
    /// The default, as users have it.
    pub(crate) fn plain() -> Self {
        Self {
            profile: Profile::Ours,
            durability: Durability::default(),
            memory_bytes: 256 << 10,
            digests: true,
            encoding: PayloadEncoding::IndexedZstd,
            level: 1,
            threads: 1,
            read_bytes: MemoryBudget::DEFAULT_BYTES,
            write_buffer_bytes: 64 << 20,
            fan_in: 8,
            background: true,
            block_len: 32 << 10,
            block_cache_bytes: 8 << 20,
            open_entries: 8,
            pack_on_close: false,
            catalog: true,
        }
    }

    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let durabilities = [
            Durability::None,
            Durability::PerBatch,
            Durability::PerOperation,
        ];
        let encodings = [
            PayloadEncoding::IndexedZstd,
            PayloadEncoding::TarZstd,
            PayloadEncoding::Tar,
        ];
        Self {
            profile: if chance.percent(20) {
                Profile::GoSqlite
            } else {
                Profile::Ours
            },
            durability: *chance.pick(&durabilities).unwrap_or(&Durability::None),
            memory_bytes: *chance
                .pick(&[256 << 10, 300 << 10, 1 << 20, 64 << 20])
                .unwrap_or(&0),
            digests: chance.percent(70),
            encoding: *chance.pick(&encodings).unwrap_or(&PayloadEncoding::Tar),
            level: *chance.pick(&[1, 3]).unwrap_or(&1),
            threads: 1 + chance.below(4),
            read_bytes: *chance.pick(&[16 << 20, 64 << 20, 256 << 20]).unwrap_or(&0),
            write_buffer_bytes: *chance.pick(&[4 << 10, 16 << 10, 64 << 20]).unwrap_or(&0),
            fan_in: *chance.pick(&[2, 3, 8]).unwrap_or(&2),
            background: chance.percent(50),
            open_entries: *chance.pick(&[1, 2, 8]).unwrap_or(&1),
            pack_on_close: chance.percent(30),
            catalog: chance.percent(70),
            block_len: *chance.pick(&[64, 512, 32 << 10]).unwrap_or(&64),
            block_cache_bytes: *chance.pick(&[0, 4 << 10, 8 << 20]).unwrap_or(&0),
        }
    }

    /// Of a store in memory, which holds everything in its memory.
    pub(crate) fn in_memory(&self, clock: &Arc<ManualClock>) -> PebbleOptions {
        PebbleOptions {
            memory_bytes_max: 64 << 20,
            ..self.on_disk(clock)
        }
    }

    pub(crate) fn on_disk(&self, clock: &Arc<ManualClock>) -> PebbleOptions {
        PebbleOptions {
            profile: self.profile,
            clock: clock.clone(),
            ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(7)))),
            digests: self.digests,
            durability: self.durability,
            memory_bytes_max: self.memory_bytes,
            write_buffer_bytes_max: self.write_buffer_bytes,
            compaction: CompactionPolicy {
                fan_in: self.fan_in,
                background: self.background,
            },
            threads: self.threads,
            block_len: self.block_len,
            block_cache_bytes: self.block_cache_bytes,
            ..PebbleOptions::default()
        }
    }

    /// Bytes of an operation over files: what its threads need at least.
    pub(crate) fn job_bytes(&self) -> u64 {
        self.read_bytes.max(64 << 20)
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    pub(crate) fn pack(&self, fs: &MemFs) -> PackOptions {
        let mut options = PackOptions {
            fs: Arc::new(fs.clone()),
            entropy: Arc::new(SeededEntropy::seeded(11)),
            existing: Existing::Replace,
            ..PackOptions::default()
        };
        options.write.encoding = self.encoding;
        options.write.level = self.level;
        options.write.threads = self.threads;
        options
    }

    pub(crate) fn open(&self, fs: &MemFs, clock: &Arc<ManualClock>) -> OpenOptions {
        OpenOptions {
            fs: Arc::new(fs.clone()),
            clock: clock.clone(),
            profile: self.profile,
            budget: MemoryBudget::new(self.read_bytes),
            zone: c1z::v1_tables::Zone::utc(),
            ..OpenOptions::default()
        }
    }
}
