//! A live database on disk behind the seam.
//!
//! The log and the runs hold records; the indexes are families of the database ([`deriver`]). An index that is deferred costs
//! nothing while records are written. Whoever reads it before the seal pays for it: its rows are derived from all
//! records, once, and from then on each write keeps it true.

pub(super) mod deriver;
mod snapshot;
mod take_over;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::batch::Batch;
use shingle::bulk::{BuiltDatabase, Scratch, SortOptions, Sorted, Sorter};
use shingle::db::{LevelShape, ScanOptions};
use shingle::iter::Bounds;
use shingle::live::{LiveDatabase, LiveOptions, Seal};
use shingle::sst::{BlockCache, TableOptions};
use shingle::vfs::Fs;

use self::deriver::IndexDeriver;
use super::kv::{Kv, bounds_of};
use super::leftovers::delete_range;
use super::live_kv::{LargeRow, LiveKv, SealPass};
use super::options::PebbleOptions;
use super::store::has_rows;
use crate::keyspace::{Family, MetadataKey, prefix, stamp};
use crate::observe::Figures;
use crate::ops::build::sections;
use crate::record::sync_run;
use crate::{Error, ErrorKind, Result};

/// What a batch holds besides the asset in it.
const BATCH_BYTES_MORE: u64 = 64 << 20;
/// The share of the memory that sorts rows of one pass: one in so many.
const SORT_SHARE: usize = 4;

/// A database in a directory.
pub(super) struct DiskKv(Arc<Disk>);

/// What its snapshots share.
struct Disk {
    database: LiveDatabase,
    scratch: Scratch,
    sort_bytes: usize,
}

impl DiskKv {
    /// Makes a database in `dir`, or opens the one that is there.
    pub(super) fn create(
        fs: Arc<dyn Fs>,
        dir: impl Into<PathBuf>,
        options: &PebbleOptions,
    ) -> Result<Self> {
        Self::at(fs, dir.into(), options, LiveDatabase::create)
    }

    /// Opens the database in `dir`.
    pub(super) fn open(
        fs: Arc<dyn Fs>,
        dir: impl Into<PathBuf>,
        options: &PebbleOptions,
    ) -> Result<Self> {
        Self::at(fs, dir.into(), options, LiveDatabase::open)
    }

    fn at(
        fs: Arc<dyn Fs>,
        dir: PathBuf,
        options: &PebbleOptions,
        open: fn(Arc<dyn Fs>, PathBuf, LiveOptions) -> shingle::Result<LiveDatabase>,
    ) -> Result<Self> {
        let live = live_options(options);
        let scratch = Scratch::new(Arc::clone(&fs), &dir);
        let sort_bytes = live.memory_bytes / SORT_SHARE;
        let disk = Disk {
            database: open(fs, dir, live)?,
            scratch,
            sort_bytes,
        };
        Self(Arc::new(disk)).settle()
    }
}

impl DiskKv {
    /// Whether the rows of each index do not exist yet.
    #[cfg(test)]
    pub(super) fn deferred(&self) -> Vec<bool> {
        self.0.database.deferred()
    }

    /// Puts the rows of a database of others in order: what they left incomplete is derived again or dropped.
    fn settle(self) -> Result<Self> {
        let rows = self.snapshot();
        let get = |key: MetadataKey<'_>| rows.get(&key.to_vec());
        let version = get(MetadataKey::KeyspaceVersion)?;
        let id_format = get(MetadataKey::GrantIdFormat)?;
        let has_rows = has_rows(rows.as_ref())?;
        let layout = stamp::layout(version.as_deref(), id_format.as_deref(), has_rows)?;
        if layout != stamp::Layout::Current {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the directory holds the key layout of July 2026, which is not written to",
            )
            .in_file(self.0.database.dir())
            .with_hint(
                "take it over into a new directory: `PebbleStore::resume_file` re-keys it",
            ));
        }
        let is_pending = get(MetadataKey::GrantIndexPending)?.is_some();
        let run = rows.get(Family::SyncRun.header())?;
        let run = run.map(|run| sync_run::decode(&run)).transpose()?;
        // Sealed in the middle of a sync: by a checkpoint, or by others, who may leave rows out of an index.
        let of_others = self.0.database.is_sealed() && run.is_some_and(|run| !run.is_finished());
        if is_pending || of_others {
            self.0.database.rederive()?;
        }
        let mut batch = Batch::new();
        if get(MetadataKey::DigestBuildPending)?.is_some() {
            for range in prefix::digests() {
                delete_range(&mut batch, &range)?;
            }
            batch.delete(&MetadataKey::DigestBuildPending.to_vec())?;
        }
        if is_pending {
            batch.delete(&MetadataKey::GrantIndexPending.to_vec())?;
        }
        if !batch.is_empty() {
            self.write(batch)?;
        }
        drop(rows);
        Ok(self)
    }
}

fn live_options(options: &PebbleOptions) -> LiveOptions {
    let memory_bytes = usize::try_from(options.memory_bytes_max).unwrap_or(usize::MAX);
    let batch_bytes_max = options.asset_len_max.saturating_add(BATCH_BYTES_MORE);
    let batch_bytes_max = batch_bytes_max.min(u32::MAX.into());
    let write_buffer_bytes = usize::try_from(options.write_buffer_bytes_max).unwrap_or(usize::MAX);
    LiveOptions {
        memory_bytes,
        write_buffer_bytes: write_buffer_bytes.min(memory_bytes / 4),
        batch_bytes_max: usize::try_from(batch_bytes_max).unwrap_or(usize::MAX),
        durability: options.durability,
        compaction: options.compaction,
        threads: options.threads,
        block_len: options.block_len,
        table: TableOptions {
            cache: Arc::new(BlockCache::new(options.block_cache_bytes)),
            ..TableOptions::default()
        },
        sections: sections(),
        deriver: Some(Arc::new(IndexDeriver::new())),
        ..LiveOptions::default()
    }
}

impl Disk {
    fn sorter(&self) -> Sorter {
        let options = SortOptions {
            memory_bytes: self.sort_bytes,
            ..SortOptions::default()
        };
        Sorter::new(self.scratch.clone(), options)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.database.dir().display())
    }
}

impl fmt::Debug for DiskKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DiskKv").field(&self.0).finish()
    }
}

impl LiveKv for DiskKv {
    fn snapshot(&self) -> Arc<dyn Kv> {
        Arc::new(snapshot::snapshot(&self.0))
    }

    fn write(&self, batch: Batch) -> Result<()> {
        self.0.database.commit(batch)?;
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        Ok(self.0.database.barrier()?)
    }

    fn scratch(&self) -> Option<Scratch> {
        Some(self.0.scratch.clone())
    }

    fn write_large(&self, batch: Batch, row: LargeRow<'_>) -> Result<()> {
        let database = &self.0.database;
        let mut section = database.section();
        section.add_streamed(row.key, row.len, row.value)?;
        Ok(database.join(vec![section.finish()?], batch)?)
    }

    fn reclaim(&self) -> Result<()> {
        Ok(self.0.database.compact_range(&Bounds::all())?)
    }

    fn compact(&self, each: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<u64> {
        let database = &self.0.database;
        // What is in memory is written to runs first, so that each family can tell whether it has any.
        database.flush()?;
        let total = Family::ALL.len() as u64;
        let mut compacted = 0;
        for (family, done) in Family::ALL.into_iter().zip(0..) {
            each(done, total)?;
            let bounds = bounds_of(&family.range());
            if database.is_compacted(&bounds) {
                continue;
            }
            database.compact_range(&bounds)?;
            compacted += 1;
        }
        each(total, total)?;
        Ok(compacted)
    }

    fn check_usable(&self) -> Result<()> {
        Ok(self.0.database.check_usable()?)
    }

    fn seal(&self, pass: &mut dyn SealPass) -> Result<()> {
        let mut seal = self.0.database.begin_seal()?;
        let (sorted, closing) = self.pass_records(&seal, pass)?;
        for range in prefix::digests() {
            let bounds = bounds_of(&range);
            let mut section = seal.section();
            let mut rows = sorted.scan(bounds.clone());
            while let Some(row) = rows.next()? {
                pass.written()?;
                section.add(row.key, row.value)?;
            }
            seal.replace(bounds, section.finish()?)?;
        }
        drop(sorted);
        seal.finish(closing)?;
        Ok(())
    }

    fn checkpoint(&self, _: &Arc<dyn Fs>, dir: &Path) -> Result<BuiltDatabase> {
        Ok(self.0.database.checkpoint_exchange(dir)?)
    }

    fn figures(&self) -> Figures {
        let database = &self.0.database;
        let version = database.version();
        let mut figures = Figures::default();
        figures.database(&database.counters(), &LevelShape::of(&version));
        figures.live(&database.metrics());
        figures.memtable_bytes = database.memory_bytes();
        figures.size = version.size() + figures.log_size;
        figures
    }

    fn dir(&self) -> Option<&Path> {
        Some(self.0.database.dir())
    }
}

impl DiskKv {
    /// Shows the records to the pass; returns the rows that it adds, and its last batch.
    fn pass_records(&self, seal: &Seal<'_>, pass: &mut dyn SealPass) -> Result<(Sorted, Batch)> {
        let records = seal.snapshot();
        let mut sorter = self.0.sorter();
        let mut emit = |key: &[u8], value: &[u8]| match Family::of(key) {
            Some(Family::GrantHash | Family::DigestNode) => Ok(sorter.add(key, value)?),
            _ => Err(Error::new(
                ErrorKind::Internal,
                format!("a seal adds no such row: key=`{}`", key.escape_ascii()),
            )),
        };
        for family in Family::ALL.into_iter().filter(|family| family.is_primary()) {
            let mut rows = records.scan(bounds_of(&family.range()), ScanOptions::default())?;
            while let Some((key, value)) = rows.next()? {
                pass.row(key, value, &mut emit)?;
            }
        }
        let closing = pass.finish(&mut emit)?;
        Ok((sorter.finish()?, closing))
    }
}
