//! Temporary files of a build, in the directory that is being built.
//!
//! Their names end in `.dbtmp`, which means nothing to a database. A file removes itself when it is
//! dropped, however the build ends; what a failing file system keeps is in nobody's way, since names
//! that exist are passed over.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::checksum::FileHash;
use crate::vfs::{Fs, ReadFile, WriteFile};
use crate::{Error, Result};

/// Bytes of a file that are hashed at a time.
const PIECE_LEN: usize = 1 << 20;

/// A directory for temporary files. Clones share the names that were given.
#[derive(Clone, Debug)]
pub struct Scratch {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    next: Arc<AtomicU64>,
}

impl Scratch {
    /// Temporary files in `dir`, which exists.
    pub fn new(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>) -> Self {
        Self {
            fs,
            dir: dir.into(),
            next: Arc::default(),
        }
    }

    /// The file system.
    pub(crate) fn fs(&self) -> &dyn Fs {
        &*self.fs
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn next_path(&self) -> PathBuf {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        self.dir.join(format!("bulk-{n:06}.dbtmp"))
    }

    /// Creates a file.
    pub(crate) fn create(&self) -> Result<(TempFile, Box<dyn WriteFile>)> {
        loop {
            let path = self.next_path();
            match self.fs.create_new(&path) {
                Ok(file) => {
                    let fs = Arc::clone(&self.fs);
                    return Ok((TempFile { fs, path }, file));
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io("create a temporary file", &path, e)),
            }
        }
    }
}

/// A temporary file; removed when dropped.
#[derive(Debug)]
pub(crate) struct TempFile {
    fs: Arc<dyn Fs>,
    path: PathBuf,
}

impl TempFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn open(&self) -> Result<Arc<dyn ReadFile>> {
        self.fs
            .open(&self.path)
            .map_err(|e| Error::io("open", &self.path, e))
    }

    /// Hash of what the file holds.
    pub(crate) fn xxh64(&self) -> Result<u64> {
        let file = self.open()?;
        let mut hash = FileHash::new();
        let mut piece = vec![0; PIECE_LEN];
        let mut offset = 0;
        loop {
            let read = file.read_at(offset, &mut piece);
            let len = read.map_err(|e| Error::io("read", &self.path, e))?;
            if len == 0 {
                return Ok(hash.digest());
            }
            hash.update(piece.get(..len).unwrap_or_default());
            offset += len as u64;
        }
    }

    /// A second name for the file `from`, in `scratch`.
    pub(crate) fn link(scratch: &Scratch, from: &Path) -> Result<Self> {
        loop {
            let path = scratch.next_path();
            match scratch.fs.hard_link(from, &path) {
                Ok(()) => return Ok(Self::adopt(scratch, path)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io("link a table to", &path, e)),
            }
        }
    }

    /// A file that exists and shall be removed if the build fails.
    pub(crate) fn adopt(scratch: &Scratch, path: PathBuf) -> Self {
        let fs = Arc::clone(&scratch.fs);
        Self { fs, path }
    }

    /// Gives the file another name.
    pub(crate) fn rename(&mut self, name: PathBuf) -> Result<()> {
        self.fs
            .rename(&self.path, &name)
            .map_err(|e| Error::io("rename a table to", &name, e))?;
        self.path = name;
        Ok(())
    }

    /// The file stays.
    pub(crate) fn keep(mut self) {
        self.path = PathBuf::new();
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // Nobody can be told, and the next attempt passes the name over.
            let _ = self.fs.remove_file(&self.path);
        }
    }
}
