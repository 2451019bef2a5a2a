//! The writer of a write-ahead log.

use std::path::{Path, PathBuf};

use super::log_name;
use crate::batch::Batch;
use crate::manifest::FileNumber;
use crate::record::{Format, Writer};
use crate::vfs::Fs;
use crate::{Error, Result};

/// Appends batches to a log. After a failed call what the file holds is unknown, and every further
/// one is `Poisoned`.
#[derive(Debug)]
pub struct LogWriter {
    log: Writer,
    path: PathBuf,
}

impl LogWriter {
    /// Creates log `number` in `dir`. Its name is durable only after a sync of the directory.
    ///
    /// # Errors
    /// `Io` from the file system, also if there is such a file: a log is never overwritten.
    pub fn create(fs: &dyn Fs, dir: &Path, number: FileNumber) -> Result<Self> {
        let path = dir.join(log_name(number));
        let file = fs
            .create_new(&path)
            .map_err(|e| Error::io("create", &path, e))?;
        let log = Writer::new(file, Format::WalSync, number.0);
        Ok(Self { log, path })
    }

    /// Appends a batch, whose sequence number is larger than that of the one before.
    ///
    /// # Errors
    /// `Io` or `Poisoned`.
    pub fn append(&mut self, batch: &Batch) -> Result<()> {
        self.append_record(batch.as_bytes())
    }

    /// Appends the record of a batch.
    pub(crate) fn append_record(&mut self, record: &[u8]) -> Result<()> {
        let result = self.log.append(record);
        result.map(drop).map_err(|e| e.in_file(&self.path))
    }

    /// Makes all appended batches durable.
    ///
    /// # Errors
    /// `Io` or `Poisoned`.
    pub fn sync(&mut self) -> Result<()> {
        self.log.sync().map_err(|e| e.in_file(&self.path))
    }

    /// Ends the log so that a reader knows it is whole, and makes it durable.
    ///
    /// # Errors
    /// `Io` or `Poisoned`.
    pub fn close(self) -> Result<()> {
        self.log.close().map_err(|e| e.in_file(&self.path))
    }

    /// Length of the file in bytes.
    pub fn len(&self) -> u64 {
        self.log.len()
    }

    /// Whether nothing was appended yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
