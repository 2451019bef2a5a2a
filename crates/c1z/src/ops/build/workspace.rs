//! A temporary folder beside the output.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::vfs::{Entropy, Fs};

use super::PackOptions;
use crate::{Error, Result};

/// Longest part of the output's name that the folder's name repeats, bytes.
const NAME_PART_MAX: usize = 200;

/// A folder `.NAME.RANDOM.build` in the folder of the output; removed with all in it when dropped.
#[derive(Debug)]
pub(crate) struct Workspace {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
}

impl Workspace {
    /// The folder for building `output`: beside it, or where `pack` says.
    pub(crate) fn for_output(pack: &PackOptions, output: &Path) -> Result<Self> {
        let fs = Arc::clone(&pack.fs);
        match (&pack.temporary, output.file_name()) {
            (Some(folder), Some(name)) => Self::beside(fs, &*pack.entropy, &folder.join(name)),
            _ => Self::beside(fs, &*pack.entropy, output),
        }
    }

    /// Creates the folder.
    pub(crate) fn beside(fs: Arc<dyn Fs>, entropy: &dyn Entropy, output: &Path) -> Result<Self> {
        let name = output.file_name().and_then(|name| name.to_str());
        let Some(name) = name else {
            return Err(Error::invalid("output has no file name in UTF-8").in_file(output));
        };
        let mut random = [0; 8];
        entropy
            .fill(&mut random)
            .map_err(|e| Error::io("draw a temporary name", output, e))?;
        let part = name.get(..name.floor_char_boundary(NAME_PART_MAX));
        let random = u64::from_be_bytes(random);
        let part = part.unwrap_or_default();
        let dir = output.with_file_name(format!(".{part}.{random:016x}.build"));
        let made = Self { fs, dir };
        made.fs
            .create_dir_all(&made.dir)
            .map_err(|e| Error::io("create a temporary folder", &made.dir, e))?;
        Ok(made)
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What a failing file system keeps is named as temporary and in nobody's way.
        let _ = self.fs.remove_dir_all(&self.dir);
    }
}
