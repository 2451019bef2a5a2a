//! From memory to runs.

use super::core::{Inner, WriteSide};
use super::log;
use super::metrics::count;
use crate::bulk::{bounds_of, meta_of};
use crate::iter::Bounds;
use crate::key::SeqNo;
use crate::manifest::{FileName, FileNumber, Level, TableMeta, VersionEdit};
use crate::memory::MemTable;
use crate::sst::{TableWriter, WriterOptions};
use crate::{Error, Result};

/// What the last freeze left to write.
#[derive(Debug)]
pub(super) struct Frozen {
    /// The logs that hold it.
    logs: Vec<FileNumber>,
    /// Logs with smaller numbers hold nothing else.
    min_unflushed_log: FileNumber,
    /// Its last sequence number.
    last_seq: SeqNo,
    /// Tables that its logs name.
    joined: Vec<TableMeta>,
}

impl Inner {
    /// Has everything in memory written to runs; waits first for what was frozen before.
    pub(super) fn freeze(&self, write: &mut WriteSide) -> Result<()> {
        self.wait_idle()?;
        let closed = write.log.close();
        self.or_poison(closed)?;
        let mut core = self.core();
        core.frozen = core.active.drain(..).map(|segment| segment.table).collect();
        drop(core);
        self.hand_over(Frozen {
            logs: write.log.take_closed(),
            min_unflushed_log: self.new_file_number(),
            last_seq: SeqNo(write.next_seq.0 - 1),
            joined: std::mem::take(&mut write.joined),
        })
    }

    /// Freezes what is in memory, if anything is, and waits until it is in tables.
    pub(super) fn flush(&self, write: &mut WriteSide) -> Result<()> {
        self.wait_idle()?;
        if self.core().active.is_empty() && write.log.numbers().is_empty() {
            return Ok(());
        }
        self.freeze(write)?;
        self.wait_idle()
    }

    /// Writes a freeze, makes it count, removes its logs, and merges runs if there are many.
    pub(super) fn write_frozen(&self, job: &Frozen) -> Result<()> {
        let _span = tracing::debug_span!("spill").entered();
        let frozen = self.core().frozen.clone();
        let runs = self.write_runs(&MemTable::merge(&frozen))?;
        drop(frozen);
        let added = runs.into_iter().chain(job.joined.iter().cloned());
        let edit = VersionEdit {
            min_unflushed_log: Some(job.min_unflushed_log),
            added_tables: added.map(|run| (Level::L0, run)).collect(),
            ..VersionEdit::default()
        };
        let mut core = self.core();
        self.apply(&mut core, job.last_seq, edit)?;
        core.frozen.clear();
        self.publish(&core);
        drop(core);
        for number in &job.logs {
            self.remove_obsolete(&self.path_of(&log::name(*number)));
        }
        count(&self.metrics.spills, 1);
        self.merge_runs()
    }

    /// Writes a table per section that has writes; durable, names included, when this returns.
    pub(super) fn write_runs(&self, memory: &MemTable) -> Result<Vec<TableMeta>> {
        let mut runs = Vec::new();
        let has_writes = |bounds: &Bounds| {
            let (lower, upper) = (bounds.lower(), bounds.upper());
            let fragments = || memory.fragments().within(lower, upper).next().is_some();
            memory.points(lower, upper).next().is_some() || fragments()
        };
        for bounds in bounds_of(&self.options.sections)
            .into_iter()
            .filter(has_writes)
        {
            let run = self.write_run(|table| add_memory(table, memory, &bounds))?;
            runs.extend(run);
        }
        self.sync_dir()?;
        Ok(runs)
    }

    /// Writes a table of what `fill` adds; `None` if that is nothing.
    pub(super) fn write_run(
        &self,
        fill: impl FnOnce(&mut TableWriter) -> Result<()>,
    ) -> Result<Option<TableMeta>> {
        let number = self.new_file_number();
        let path = self.path_of(&FileName::Table(number));
        let write = || {
            let file = self.fs.create_new(&path);
            let file = file.map_err(|e| Error::io("create", &path, e))?;
            let mut table = TableWriter::new(file, &path, self.run_options())?;
            fill(&mut table)?;
            if table.entries() == 0 {
                return Ok(None);
            }
            let summary = table.finish()?;
            count(&self.metrics.run_bytes, summary.file_len);
            meta_of(&summary, number).map(Some)
        };
        let written = write();
        if !matches!(written, Ok(Some(_))) {
            self.remove_obsolete(&path);
        }
        written
    }

    /// How runs are written: they live for a while, and what reads them back checks checksums.
    fn run_options(&self) -> WriterOptions {
        let options = &self.options;
        WriterOptions {
            block_len: options.block_len,
            index_block_len: options.block_len,
            compression: options.compression,
            filter_bits_per_key: Some(options.filter_bits_per_key).filter(|bits| *bits > 0),
            pool: self.settings.pool.clone(),
            verify: false,
            ..WriterOptions::default()
        }
    }
}

fn add_memory(table: &mut TableWriter, memory: &MemTable, bounds: &Bounds) -> Result<()> {
    for point in memory.points(bounds.lower(), bounds.upper()) {
        table.add(point.key, point.trailer, point.value)?;
    }
    for fragment in memory.fragments().within(bounds.lower(), bounds.upper()) {
        table.add_range_tombstone(&fragment)?;
    }
    Ok(())
}
