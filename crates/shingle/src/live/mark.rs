//! `SHINGLE-LIVE`: the file that says that a directory is written and not to be read as it is.
//!
//! While a database has a deriver and is not sealed, its log and runs lack derived rows. Then the
//! directory has this file and no format-version marker, so that the reference implementation
//! refuses it. Lines of text:
//!
//! | line | meaning |
//! |---|---|
//! | `shingle-live 1` | first; the version of this file |
//! | `deferred N` | family N is deferred; its rows do not exist |
//! | `sealing N` | if the MANIFEST says that logs below N are flushed, the seal took effect |

use std::path::{Path, PathBuf};

use crate::manifest::FileNumber;
use crate::vfs::Fs;
use crate::{Error, Result};

/// Name of the file.
pub(crate) const NAME: &str = "SHINGLE-LIVE";
const TEMPORARY: &str = "SHINGLE-LIVE.dbtmp";
const HEAD: &str = "shingle-live 1";
const STRUCTURE: &str = "SHINGLE-LIVE";
/// Most bytes that the file may have.
const LEN_MAX: u64 = 1 << 16;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LiveMark {
    /// Deferred families, ascending.
    pub(super) deferred: Vec<usize>,
    pub(super) sealing: Option<FileNumber>,
}

impl LiveMark {
    /// Whether a MANIFEST that flushed the logs below `flushed` is that of a seal that took effect.
    pub(super) fn is_sealed(&self, flushed: FileNumber) -> bool {
        self.sealing.is_some_and(|sealing| flushed >= sealing)
    }

    /// Reads the file of `dir`, if there is one. If `is_needed`, what was to become the file will do:
    /// a rename that tears removes the file that it replaces.
    pub(super) fn read(fs: &dyn Fs, dir: &Path, is_needed: bool) -> Result<Option<Self>> {
        let found = Self::read_file(fs, &dir.join(NAME))?;
        if found.is_some() || !is_needed {
            return Ok(found);
        }
        Self::read_file(fs, &dir.join(TEMPORARY))
    }

    fn read_file(fs: &dyn Fs, path: &Path) -> Result<Option<Self>> {
        let file = match fs.open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("open", path, e)),
        };
        if file.len() > LEN_MAX {
            return Err(Error::corrupt(STRUCTURE, 0, "a short file", file.len()).in_file(path));
        }
        let mut bytes = vec![0; usize::try_from(file.len()).unwrap_or_default()];
        file.read_exact_at(0, &mut bytes)
            .map_err(|e| Error::io("read", path, e))?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text).map(Some).map_err(|e| e.in_file(path))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err(Error::corrupt(STRUCTURE, 0, HEAD, "another first line"));
        }
        let mut mark = Self::default();
        for line in lines {
            let word = line
                .split_once(' ')
                .and_then(|(word, n)| Some((word, n.parse().ok()?)));
            match word {
                Some(("deferred", n)) => {
                    mark.deferred.push(usize::try_from(n).unwrap_or(usize::MAX));
                }
                Some(("sealing", n)) => mark.sealing = Some(FileNumber(n)),
                _ => return Err(Error::corrupt(STRUCTURE, 0, "a known line", line)),
            }
        }
        Ok(mark)
    }

    fn render(&self) -> String {
        let deferred = self
            .deferred
            .iter()
            .map(|family| format!("deferred {family}"));
        let sealing = self.sealing.iter().map(|log| format!("sealing {}", log.0));
        let lines: Vec<_> = deferred.chain(sealing).collect();
        [&[HEAD.to_owned()], &lines[..], &[String::new()]]
            .concat()
            .join("\n")
    }

    /// Replaces the file of `dir`; durable when this returns.
    pub(super) fn write(&self, fs: &dyn Fs, dir: &Path) -> Result<()> {
        let (path, temporary) = (dir.join(NAME), dir.join(TEMPORARY));
        let write = || -> std::io::Result<()> {
            let mut file = fs.create(&temporary)?;
            file.write_all(self.render().as_bytes())?;
            file.sync()?;
            drop(file);
            fs.rename(&temporary, &path)?;
            fs.sync_dir(dir)
        };
        write().map_err(|e| Error::io("write", &path, e))
    }
}

/// Removes the file of `dir` if there is one; durable when this returns.
pub(super) fn remove(fs: &dyn Fs, dir: &Path) -> Result<()> {
    let path: PathBuf = dir.join(NAME);
    match fs.remove_file(&path) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io("remove", &path, e)),
    }
    fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))
}

/// Whether the directory `dir`, whose MANIFEST flushed the logs below `flushed` and which lacks a
/// format-version marker, is still written: rows of its families are missing.
///
/// # Errors
/// `Corrupt` if it lacks this file too.
pub(crate) fn is_unsealed(fs: &dyn Fs, dir: &Path, flushed: FileNumber) -> Result<bool> {
    let Some(mark) = LiveMark::read(fs, dir, true)? else {
        let expected = "a format-version marker";
        let error = Error::corrupt("database directory", 0, expected, "a MANIFEST alone");
        return Err(error.in_file(dir));
    };
    Ok(!mark.is_sealed(flushed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::MemFs;

    #[test]
    fn what_is_written_is_read() {
        let fs = MemFs::new();
        let dir = Path::new("");
        assert_eq!(LiveMark::read(&fs, dir, true).unwrap(), None);
        for mark in [
            LiveMark::default(),
            LiveMark {
                deferred: vec![0, 3],
                sealing: Some(FileNumber(17)),
            },
        ] {
            mark.write(&fs, dir).unwrap();
            assert_eq!(
                LiveMark::read(&fs.crash_clone(), dir, true).unwrap(),
                Some(mark)
            );
        }
        remove(&fs, dir).unwrap();
        remove(&fs, dir).unwrap();
        assert_eq!(LiveMark::read(&fs.crash_clone(), dir, true).unwrap(), None);
    }

    #[test]
    fn damage_is_named() {
        for text in [
            "",
            "shingle-live 2\n",
            "shingle-live 1\nnonsense 3\n",
            "shingle-live 1\ndeferred x\n",
        ] {
            let fs = MemFs::new();
            fs.install(NAME, text).unwrap();
            let error = LiveMark::read(&fs, Path::new(""), true).unwrap_err();
            assert_eq!(error.file(), Some(Path::new(NAME)), "{error}");
        }
    }
}
