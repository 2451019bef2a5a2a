//! What lies in a database directory.

use std::collections::BTreeSet;

use super::Inner;
use crate::manifest::FileName;
use crate::manifest::marker::Markers;
use crate::{Error, Result};

/// One file of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryFile {
    /// Its name.
    pub name: String,
    /// What the name stands for.
    pub kind: FileName,
    /// Length in bytes.
    pub len: u64,
    /// Whether reading the database needs it; obsolete and foreign files are not needed.
    pub live: bool,
}

impl Inner {
    pub(super) fn files(&self) -> Result<Vec<DirectoryFile>> {
        let dir = &self.dir;
        let names = self.fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
        let markers = Markers::find(names.iter().map(String::as_str))?;
        let current: BTreeSet<String> = markers.file_names().collect();
        let manifest = markers.manifest()?;
        let mut files = Vec::new();
        for name in names {
            let path = dir.join(&name);
            let metadata = self.fs.metadata(&path);
            let metadata = metadata.map_err(|e| Error::io("look up", &path, e))?;
            let kind = FileName::parse(&name);
            let live = match &kind {
                FileName::Table(number) => self.state.tables.holds(*number),
                FileName::Log { number, .. } => self.logs.iter().any(|log| log.number == *number),
                FileName::Manifest(number) => manifest == Some(*number),
                FileName::Options(number) => self.options_file == Some(*number),
                FileName::Marker(name) => current.contains(name),
                _ => false,
            };
            files.push(DirectoryFile {
                name,
                kind,
                len: metadata.len,
                live,
            });
        }
        Ok(files)
    }
}
