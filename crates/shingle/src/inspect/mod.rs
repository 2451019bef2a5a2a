//! Typed descriptions of every structure of a database directory, for tools. Nothing is printed and
//! nothing is decided here: whoever wants to see a damaged directory can call these one by one
//! where [`Database::open_sealed`] would refuse the whole.
//!
//! Edits of a MANIFEST come from [`crate::manifest::visit_edits`], batches of a log from
//! [`crate::wal::visit_batches`], settings from [`crate::options_file::OptionsFile`].

use std::path::Path;
use std::sync::Arc;

use crate::batch::Op;
use crate::db::Database;
use crate::key::{Kind, RangeTombstone, SeqNo};
use crate::manifest::marker::Markers;
use crate::manifest::{
    FileName, FileNumber, FormatVersion, Level, TableMeta, VersionEdit, visit_edits,
};
use crate::sst::{Properties, TableFormat};
use crate::vfs::Fs;
use crate::wal::visit_batches;
use crate::{Error, Result};

#[cfg(test)]
mod tests;

/// What the names in a directory say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// The files: what each name stands for, and its length in bytes.
    pub files: Vec<(FileName, u64)>,
    /// The marked format version, if one is marked.
    pub format_version: Option<FormatVersion>,
    /// The marked MANIFEST, if one is marked.
    pub manifest: Option<FileNumber>,
}

/// One edit of a MANIFEST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditEvent {
    /// Where its record begins.
    pub offset: u64,
    /// What it changes.
    pub edit: VersionEdit,
}

/// All edits of a MANIFEST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestEvents {
    /// The edits in order.
    pub edits: Vec<EditEvent>,
    /// Where the end of the file cuts off a record, if it does.
    pub torn_at: Option<u64>,
}

/// One operation of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Where the record of its batch begins.
    pub offset: u64,
    /// Its sequence number; for log data the one that comes next.
    pub seq: SeqNo,
    /// What it does.
    pub kind: Kind,
    /// Its key, or the start of its range; for log data the data, for an ingested table its number.
    pub key: Vec<u8>,
    /// Length of the value in bytes; for a range the length of its end.
    pub value_len: usize,
}

/// One table of a database.
#[derive(Clone, Debug)]
pub struct TableEvent {
    /// Its level.
    pub level: Level,
    /// What the MANIFEST says of it.
    pub meta: Arc<TableMeta>,
    /// Length of its file in bytes.
    pub file_len: u64,
    /// Format of its file.
    pub format: TableFormat,
    /// What its file says of itself.
    pub properties: Properties,
    /// Range tombstones in its file, which a virtual table may show in part.
    pub range_tombstones: Vec<RangeTombstone>,
}

/// Reads the names in `dir`.
///
/// # Errors
/// As [`Markers::find`], [`FormatVersion::parse`]; `Io` from the file system.
pub fn directory(fs: &dyn Fs, dir: &Path) -> Result<Directory> {
    let names = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    let markers = Markers::find(names.iter().map(String::as_str))?;
    let mut files = Vec::new();
    for name in &names {
        let path = dir.join(name);
        let metadata = fs.metadata(&path);
        let metadata = metadata.map_err(|e| Error::io("look up", &path, e))?;
        files.push((FileName::parse(name), metadata.len));
    }
    Ok(Directory {
        files,
        format_version: markers.format_version()?,
        manifest: markers.manifest()?,
    })
}

/// Reads all edits of the MANIFEST at `path` into memory.
///
/// # Errors
/// As [`visit_edits`].
pub fn manifest(fs: &dyn Fs, path: &Path) -> Result<ManifestEvents> {
    let mut edits = Vec::new();
    let torn_at = visit_edits(fs, path, |offset, edit| {
        edits.push(EditEvent { offset, edit });
        Ok(())
    })?;
    Ok(ManifestEvents { edits, torn_at })
}

/// Calls `visit` with every operation of the log at `path`; returns where the log is cut off, if it
/// is. Stops at the first error of `visit`.
///
/// # Errors
/// As [`visit_batches`].
pub fn log(
    fs: &dyn Fs,
    path: &Path,
    number: FileNumber,
    mut visit: impl FnMut(LogEvent) -> Result<()>,
) -> Result<Option<u64>> {
    visit_batches(fs, path, number, |offset, mut batch| {
        while let Some((seq, op)) = batch.next_op()? {
            visit(describe(offset, seq, op))?;
        }
        Ok(())
    })
}

fn describe(offset: u64, seq: SeqNo, op: Op<'_>) -> LogEvent {
    let (kind, key, value_len) = match op {
        Op::Point { kind, key, value } => (kind, key.to_vec(), value.len()),
        Op::DeleteRange { start, end } => (Kind::RangeDelete, start.to_vec(), end.len()),
        Op::Excise { start, end } => (Kind::Excise, start.to_vec(), end.len()),
        Op::RangeKey { kind, start, rest } => (kind, start.to_vec(), rest.len()),
        Op::LogData(data) => (Kind::LogData, data.to_vec(), 0),
        Op::IngestTable(number) => (Kind::IngestTable, number.to_string().into_bytes(), 0),
    };
    LogEvent {
        offset,
        seq,
        kind,
        key,
        value_len,
    }
}

/// Calls `visit` with every table of a database, newest level first. Opens them one by one. Stops
/// at the first error of `visit`.
///
/// # Errors
/// `Corrupt` or `Unsupported` from opening a table.
pub fn tables(database: &Database, mut visit: impl FnMut(TableEvent) -> Result<()>) -> Result<()> {
    for (level, meta) in database.version().tables() {
        let table = database.open_table(meta)?;
        visit(TableEvent {
            level,
            meta: Arc::clone(meta),
            file_len: table.file_len(),
            format: table.format(),
            properties: table.properties().clone(),
            range_tombstones: table.range_tombstones().to_vec(),
        })?;
    }
    Ok(())
}
