//! The writer of a MANIFEST.

use std::path::{Path, PathBuf};

use super::{COMPARER, FileName, FileNumber, Level, VersionEdit};
use crate::record::{self, Format};
use crate::version::Version;
use crate::vfs::Fs;
use crate::{Error, Result};

/// Appends edits to a MANIFEST that begins with a snapshot.
#[derive(Debug)]
pub struct Writer {
    log: record::Writer,
    number: FileNumber,
    path: PathBuf,
    record: Vec<u8>,
}

impl Writer {
    /// Creates MANIFEST `number` in `dir` with `version` as its first record, durable but not yet
    /// the current one: that takes [`super::marker::set`], which also makes its name durable.
    ///
    /// # Errors
    /// `Io` from the file system.
    pub fn create(fs: &dyn Fs, dir: &Path, number: FileNumber, version: &Version) -> Result<Self> {
        let path = dir.join(FileName::Manifest(number).to_string());
        let file = fs
            .create(&path)
            .map_err(|e| Error::io("create", &path, e))?;
        let mut writer = Self {
            log: record::Writer::new(file, Format::Legacy, 0),
            number,
            path,
            record: Vec::new(),
        };
        writer.append(&snapshot(version))?;
        writer.sync()?;
        Ok(writer)
    }

    /// The number of the file.
    pub fn number(&self) -> FileNumber {
        self.number
    }

    /// Length of the file in bytes.
    pub fn len(&self) -> u64 {
        self.log.len()
    }

    /// Whether the file has no bytes; never, since it begins with a snapshot.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends an edit, which is one atomic step; takes effect for a reader when durable.
    ///
    /// # Errors
    /// `Io` from the file system; then what the file holds is unknown and all further calls are
    /// `Poisoned`.
    pub fn append(&mut self, edit: &VersionEdit) -> Result<()> {
        self.record.clear();
        edit.encode(&mut self.record)?;
        let result = self.log.append(&self.record);
        result.map(drop).map_err(|e| e.in_file(&self.path))
    }

    /// Makes all appended edits durable.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub fn sync(&mut self) -> Result<()> {
        self.log.sync().map_err(|e| e.in_file(&self.path))
    }
}

/// The edit that makes `version` from nothing.
pub(super) fn snapshot(version: &Version) -> VersionEdit {
    let tables = Level::all().flat_map(|level| {
        let tables = version.level(level).iter();
        tables.map(move |table| (level, (**table).clone()))
    });
    VersionEdit {
        comparer: Some(COMPARER.into()),
        min_unflushed_log: Some(version.min_unflushed_log()).filter(|log| log.0 != 0),
        next_file: Some(version.next_file()),
        last_seq: Some(version.last_seq()),
        added_backings: version
            .backings()
            .iter()
            .map(|(&n, &len)| (n, len))
            .collect(),
        added_tables: tables.collect(),
        ..VersionEdit::default()
    }
}
