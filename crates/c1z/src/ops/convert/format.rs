//! Which format a path has, or is to get.

use std::path::Path;

use shingle::vfs::Fs;

use crate::envelope::{self, MAGIC_LEN};
use crate::{Error, Result};

/// The forms that syncs are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileFormat {
    /// A `.c1z` file of the first format: a SQLite database, any number of syncs.
    V1,
    /// A `.c1z` file of today's format: one sync.
    V3,
    /// Lines of JSON.
    Ndjson,
    /// The directory of the database that a v3 file holds.
    PebbleDir,
    /// A folder whose entries are v3 files and database directories. Read only.
    Folder,
}

impl FileFormat {
    /// The name by which users choose it.
    pub const fn as_str(self) -> &'static str {
        match self {
            FileFormat::V1 => "v1",
            FileFormat::V3 => "v3",
            FileFormat::Ndjson => "ndjson",
            FileFormat::PebbleDir => "pebble-dir",
            FileFormat::Folder => "folder",
        }
    }

    /// The format that a name says an output is to have: v3 for `.c1z`, NDJSON for `.ndjson` and
    /// `.jsonl`.
    ///
    /// # Errors
    /// `InvalidArgument` for another name.
    pub fn of_name(path: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("c1z") => Ok(FileFormat::V3),
            Some("ndjson" | "jsonl") => Ok(FileFormat::Ndjson),
            _ => Err(Error::invalid("name of the output says no format")
                .in_file(path)
                .with_hint("name it .c1z or .ndjson, or say the format (--to)")),
        }
    }

    /// The format of what is at `path`.
    ///
    /// # Errors
    /// `NotFound` for a missing or empty file; `InvalidArgument` for a file of another kind; `Io`.
    pub fn of_existing(fs: &dyn Fs, path: &Path) -> Result<Self> {
        let found = fs
            .metadata(path)
            .map_err(|e| Error::io("look up the input", path, e))?;
        if found.is_dir {
            let names = fs
                .list(path)
                .map_err(|e| Error::io("list the folder", path, e))?;
            let is_database = names
                .iter()
                .any(|name| name.starts_with("marker.manifest."));
            return Ok(if is_database {
                FileFormat::PebbleDir
            } else {
                FileFormat::Folder
            });
        }
        let file = fs.open(path).map_err(|e| Error::io("open", path, e))?;
        let mut start = [0; MAGIC_LEN];
        let len = file
            .read_at(0, &mut start)
            .map_err(|e| Error::io("read", path, e))?;
        let start = start.get(..len).unwrap_or_default();
        match envelope::identify(start) {
            Ok(Some(envelope::Format::V1)) => Ok(FileFormat::V1),
            Ok(Some(envelope::Format::V3)) => Ok(FileFormat::V3),
            Ok(None) => Err(Error::not_found("file is empty").in_file(path)),
            Err(_) if start.first() == Some(&b'{') => Ok(FileFormat::Ndjson),
            Err(error) => Err(error.in_file(path)),
        }
    }
}
