//! The write-ahead logs of a live database.
//!
//! One log is written at a time; it is closed, durable, before the next one is begun, so that what
//! survives a power failure is always a beginning of what was written. Logs whose writes are in
//! tables are removed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Durability;
use super::metrics::{Metrics, count};
use crate::manifest::{FileName, FileNumber};
use crate::vfs::Fs;
use crate::wal::LogWriter;
use crate::{Error, Result};

/// The logs that hold what is in memory.
#[derive(Debug)]
pub(super) struct Log {
    durability: Durability,
    /// The log that is written; begun by the first batch.
    open: Option<LogWriter>,
    /// Its number, and those of closed logs that are still needed, ascending.
    numbers: Vec<FileNumber>,
    /// Whether batches were appended that were not synced.
    is_dirty: bool,
    metrics: Arc<Metrics>,
}

impl Log {
    pub(super) fn new(durability: Durability, metrics: Arc<Metrics>) -> Self {
        Self {
            durability,
            open: None,
            numbers: Vec::new(),
            is_dirty: false,
            metrics,
        }
    }

    /// Whether batches are logged at all.
    pub(super) fn is_kept(&self) -> bool {
        self.durability != Durability::None
    }

    /// Whether the next batch begins a log.
    pub(super) fn needs_file(&self) -> bool {
        self.is_kept() && self.open.is_none()
    }

    /// Begins log `number`; its name is durable when this returns.
    pub(super) fn begin(&mut self, fs: &dyn Fs, dir: &Path, number: FileNumber) -> Result<()> {
        self.open = Some(LogWriter::create(fs, dir, number)?);
        self.numbers.push(number);
        fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))
    }

    /// Appends the record of a batch, as durable as the mode says.
    pub(super) fn append(&mut self, record: &[u8]) -> Result<()> {
        let Some(log) = &mut self.open else {
            return Ok(());
        };
        let before = log.len();
        log.append_record(record)?;
        let written = log.len() - before;
        count(&self.metrics.log_bytes, written);
        count(&self.metrics.log_bytes_now, written);
        self.is_dirty = true;
        if self.durability == Durability::PerOperation {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes everything appended durable.
    pub(super) fn sync(&mut self) -> Result<()> {
        if let Some(log) = self.open.as_mut().filter(|_| self.is_dirty) {
            log.sync()?;
            count(&self.metrics.log_syncs, 1);
        }
        self.is_dirty = false;
        Ok(())
    }

    /// Closes the log that is written, if one is.
    pub(super) fn close(&mut self) -> Result<()> {
        self.is_dirty = false;
        let Some(log) = self.open.take() else {
            return Ok(());
        };
        log.close()?;
        count(&self.metrics.log_syncs, 1);
        Ok(())
    }

    /// Numbers of the logs that hold what is not in tables, ascending.
    pub(super) fn numbers(&self) -> &[FileNumber] {
        &self.numbers
    }

    /// Takes over logs that were found and replayed.
    pub(super) fn adopt(&mut self, numbers: impl Iterator<Item = FileNumber>) {
        self.numbers.extend(numbers);
    }

    /// Forgets all logs and returns their numbers: their writes are in tables.
    pub(super) fn discard(&mut self) -> Vec<FileNumber> {
        self.open = None;
        self.is_dirty = false;
        self.take_closed()
    }

    /// Forgets the closed logs and returns their numbers: their writes are on their way to tables.
    pub(super) fn take_closed(&mut self) -> Vec<FileNumber> {
        self.metrics.log_bytes_now.store(0, Ordering::Relaxed);
        std::mem::take(&mut self.numbers)
    }
}

/// File name of log `number`.
pub(super) fn name(number: FileNumber) -> FileName {
    FileName::Log { number, segment: 0 }
}
