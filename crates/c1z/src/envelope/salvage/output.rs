//! Where salvaged files go.

use std::path::{Path, PathBuf};

use shingle::vfs::{Fs, WriteFile};

use crate::{Error, Result};

/// A file taken out of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalvagedFile {
    /// Its name in the folder; that of the payload where names are known.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// Whether it is all there, as far as the envelope can tell.
    pub is_whole: bool,
}

/// A folder that files are written to.
pub(super) struct Folder<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) dir: &'a Path,
    pub(super) files: Vec<SalvagedFile>,
}

impl Folder<'_> {
    /// Starts a file.
    pub(super) fn create(&self, name: &str) -> Result<OpenFile> {
        let path = self.dir.join(name);
        if let Some(parent) = path.parent() {
            let made = self.fs.create_dir_all(parent);
            made.map_err(|e| Error::io("create a temporary folder", parent, e))?;
        }
        let out = self.fs.create(&path);
        let out = out.map_err(|e| Error::io("create a temporary file", &path, e))?;
        Ok(OpenFile {
            name: name.to_owned(),
            path,
            out,
            len: 0,
        })
    }

    /// Ends a file.
    pub(super) fn close(&mut self, file: OpenFile, is_whole: bool) {
        self.files.push(SalvagedFile {
            name: file.name,
            len: file.len,
            is_whole,
        });
    }
}

/// A file under way.
pub(super) struct OpenFile {
    pub(super) name: String,
    path: PathBuf,
    out: Box<dyn WriteFile>,
    pub(super) len: u64,
}

impl OpenFile {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.len += bytes.len() as u64;
        let written = self.out.write_all(bytes);
        written.map_err(|e| Error::io("write a temporary file", &self.path, e))
    }

    /// Fills with zeros up to `len`, so that what follows keeps its place.
    pub(super) fn pad_to(&mut self, len: u64) -> Result<()> {
        let zeros = [0; 4096];
        while self.len < len {
            let n = usize::try_from(len - self.len).unwrap_or(zeros.len());
            self.write(zeros.get(..n).unwrap_or(&zeros))?;
        }
        Ok(())
    }
}
