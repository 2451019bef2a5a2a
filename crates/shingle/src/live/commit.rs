//! Accepting batches.

use super::checkpoint::deferred_families;
use super::core::{Inner, WriteSide};
use super::expand;
use super::mark::LiveMark;
use super::metrics::count;
use crate::batch::Batch;
use crate::key::SeqNo;
use crate::manifest::{FileNumber, marker};
use crate::memory::MemTable;
use crate::{Error, Result};

impl Inner {
    /// Accepts a batch: all of it or nothing. Returns the sequence number of its last operation.
    pub(super) fn commit(&self, batch: Batch) -> Result<SeqNo> {
        if batch.len() > self.options.batch_bytes_max {
            let (len, max) = (batch.len(), self.options.batch_bytes_max);
            let message = format!("batch is too large bytes=`{len}` max=`{max}`");
            return Err(Error::invalid(message));
        }
        if batch.is_empty() {
            self.check_usable()?;
            return Ok(SeqNo(self.write().next_seq.0 - 1));
        }
        let operations = u64::from(batch.count());
        let bytes = batch.len() as u64;
        // Sorted before the lock is taken.
        let table = MemTable::from_batch(batch)?;
        self.check_keys(&table)?;
        #[cfg(feature = "schedules")]
        let stale = crate::sync::canary::is_planted().then(|| self.write().next_seq);
        let mut write = self.write();
        #[cfg(feature = "schedules")]
        if let Some(stale) = stale {
            write.next_seq = stale;
        }
        self.check_usable()?;
        self.close_to_others(&mut write)?;
        let last = self.commit_sorted(&mut write, table, operations, true)?;
        count(&self.metrics.batches, 1);
        count(&self.metrics.operations, operations);
        count(&self.metrics.batch_bytes, bytes);
        Ok(last)
    }

    /// Refuses writes of derived rows: they follow from others.
    pub(super) fn check_keys(&self, table: &MemTable) -> Result<()> {
        let families = self.families();
        if families.is_empty() {
            return Ok(());
        }
        for family in families {
            let bounds = &family.bounds;
            if let Some(point) = table.points(bounds.lower(), bounds.upper()).next() {
                let key = point.key.escape_ascii();
                return Err(Error::invalid(format!("key is derived key=`{key}`")));
            }
            if table.fragments().overlaps(bounds.lower(), bounds.upper()) {
                return Err(Error::invalid("range to delete holds derived keys"));
            }
        }
        Ok(())
    }

    /// Accepts the writes of `table`, whose sequence numbers count from 0, with a record in the log
    /// if `logged`.
    pub(super) fn commit_sorted(
        &self,
        write: &mut WriteSide,
        mut table: MemTable,
        operations: u64,
        logged: bool,
    ) -> Result<SeqNo> {
        let base = write.next_seq;
        table.stamp(base);
        let last = SeqNo(base.0 + operations - 1);
        let derived = expand::derived_writes(self, &table)?;
        if logged && write.log.is_kept() {
            let appended = self.append_to_log(write, &table);
            self.or_poison(appended)?;
        }
        write.next_seq = SeqNo(last.0 + 1);
        let mut core = self.core();
        core.push(match derived {
            Some(derived) => MemTable::merge(&[table.into(), derived.into()]),
            None => table,
        });
        self.publish(&core);
        let is_full = core.active_bytes() >= self.options.write_buffer_bytes;
        drop(core);
        // Replayed logs count until all of them are in tables.
        if is_full && logged {
            self.freeze(write)?;
        }
        Ok(last)
    }

    fn append_to_log(&self, write: &mut WriteSide, table: &MemTable) -> Result<()> {
        if write.log.needs_file() {
            let number = self.new_file_number();
            write.log.begin(&*self.fs, &self.dir, number)?;
        }
        write.log.append(table.record())
    }

    /// Before the first write to a sealed database with derived rows: from now on the directory
    /// lacks rows that only this crate can derive.
    pub(super) fn close_to_others(&self, write: &mut WriteSide) -> Result<()> {
        if !write.is_open_to_all || self.deriver().is_none() {
            return Ok(());
        }
        let closed = self
            .mark_live(None)
            .and_then(|()| marker::clear_format_version(&*self.fs, &self.dir));
        self.or_poison(closed)?;
        write.is_open_to_all = false;
        Ok(())
    }

    /// Writes the file that says that the directory is live.
    pub(super) fn mark_live(&self, sealing: Option<FileNumber>) -> Result<()> {
        let mark = LiveMark {
            deferred: deferred_families(&self.core().deferred),
            sealing,
        };
        mark.write(&*self.fs, &self.dir)
    }
}
