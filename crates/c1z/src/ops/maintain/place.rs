//! Where something lies that is written anew: the old one, the new one beside it, and the change of places.

use std::path::{Path, PathBuf};

use shingle::vfs::Fs;

use super::write_again;
use crate::ops::convert::{ConvertOptions, ConvertSummary, FileFormat, LossKind, LossReport};
use crate::{Error, ErrorKind, Result};

/// Longest part of a name that temporary names repeat, bytes.
const NAME_PART_MAX: usize = 200;

/// A file or database directory that is written anew.
pub(super) struct Place<'a> {
    fs: &'a dyn Fs,
    pub(super) path: PathBuf,
    format: FileFormat,
    /// Bytes of the old one.
    pub(super) bytes: u64,
    /// The new one.
    new: PathBuf,
    /// Where an old directory waits until the new one is in its place: a directory cannot be replaced in one step.
    old: PathBuf,
}

impl<'a> Place<'a> {
    /// Looks at what lies at `path`.
    pub(super) fn find(path: &Path, options: &'a ConvertOptions) -> Result<Self> {
        let fs = &*options.fs;
        let path = &target(path)?;
        let format = FileFormat::of_existing(fs, path)?;
        if matches!(format, FileFormat::Folder | FileFormat::Ndjson) {
            let error = Error::invalid("neither a c1z file nor the directory of a database");
            return Err(error.in_file(path));
        }
        let mut random = [0; 8];
        let drawn = options.entropy.fill(&mut random);
        drawn.map_err(|e| Error::io("draw a temporary name", path, e))?;
        let random = u64::from_be_bytes(random);
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::invalid("path has no file name in UTF-8").in_file(path));
        };
        let part = name.get(..name.floor_char_boundary(NAME_PART_MAX));
        let part = part.unwrap_or_default();
        let beside = |what: &str| path.with_file_name(format!(".{part}.{random:016x}.{what}"));
        Ok(Self {
            fs,
            path: path.clone(),
            format,
            bytes: bytes_of(fs, path)?,
            new: beside("new"),
            old: beside("old"),
        })
    }

    /// Writes the new one beside the old one.
    pub(super) fn write(&self, options: &ConvertOptions) -> Result<ConvertSummary> {
        let written = write_again(&self.path, &self.new, self.format, options)
            .and_then(|written| require_all(&written.losses).map(|()| written))
            .map_err(|error| error.in_file(&self.path));
        if written.is_err() {
            // Nothing may be there; what cannot be removed is named as temporary.
            let _ = self.remove(&self.new);
        }
        written
    }

    /// Bytes of the new one.
    pub(super) fn new_bytes(&self) -> Result<u64> {
        bytes_of(self.fs, &self.new)
    }

    /// Puts the new one in the place of the old one. A file changes in one step. A crash while directories change places can leave
    /// the old one under its other name, never none.
    pub(super) fn replace(&self) -> Result<()> {
        let failed = |e| Error::io("put the new one in its place", &self.path, e);
        if self.format == FileFormat::PebbleDir {
            self.fs.rename(&self.path, &self.old).map_err(failed)?;
            if let Err(e) = self.fs.rename(&self.new, &self.path) {
                self.fs.rename(&self.old, &self.path).map_err(failed)?;
                let _ = self.remove(&self.new);
                return Err(failed(e));
            }
            self.sync_folder()?;
            return self.remove(&self.old);
        }
        if let Err(e) = self.fs.rename(&self.new, &self.path) {
            let _ = self.remove(&self.new);
            return Err(failed(e));
        }
        self.sync_folder()
    }

    /// Removes the new one.
    pub(super) fn discard(&self) -> Result<()> {
        self.remove(&self.new)
    }

    fn sync_folder(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let synced = self.fs.sync_dir(folder);
        synced.map_err(|e| Error::io("sync the folder", folder, e))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let removed = if self.format == FileFormat::PebbleDir {
            self.fs.remove_dir_all(path)
        } else {
            self.fs.remove_file(path)
        };
        removed.map_err(|e| Error::io("remove", path, e))
    }
}

/// Refuses a new one that would take the place of what it does not hold.
fn require_all(losses: &LossReport) -> Result<()> {
    let foreign = losses
        .iter()
        .find(|(kind, _)| *kind == LossKind::ForeignRows);
    let Some((_, loss)) = foreign else {
        return Ok(());
    };
    let examples = loss.examples.join("`, `");
    let message = format!("writing anew would lose what no sync holds: `{examples}`");
    Err(Error::new(ErrorKind::FailedPrecondition, message)
        .with_hint("`c1z convert` writes a new file without it, and leaves this one"))
}

/// What a symbolic link leads to: the new one takes the place of that, and the link stays a link.
fn target(path: &Path) -> Result<PathBuf> {
    if !path.is_symlink() {
        return Ok(path.to_owned());
    }
    let target = path.canonicalize();
    target.map_err(|e| Error::io("follow the link", path, e))
}

/// Bytes of a file, or of the files in a directory.
pub(super) fn bytes_of(fs: &dyn Fs, path: &Path) -> Result<u64> {
    let failed = |e| Error::io("look up the size", path, e);
    let found = fs.metadata(path).map_err(failed)?;
    if !found.is_dir {
        return Ok(found.len);
    }
    let mut bytes = 0;
    for name in fs.list(path).map_err(failed)? {
        let file = fs.metadata(&path.join(name)).map_err(failed)?;
        bytes += if file.is_dir { 0 } else { file.len };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_sync_holds_is_not_lost_in_place() {
        let mut losses = LossReport::default();
        losses.add(LossKind::Digests, || "d".to_owned());
        require_all(&losses).unwrap();
        losses.add(LossKind::ForeignRows, || "table notes".to_owned());
        let error = require_all(&losses).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
        assert!(error.to_string().contains("table notes"), "{error}");
    }
}
