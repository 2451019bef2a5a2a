//! The files of a directory as they are at one moment, under a file system that keeps what is written in memory, within a
//! limit.
//!
//! A reader of a sync that is being written opens its database here. Opening puts in order what a crash, or a writer at
//! work, left: it replays logs and writes tables, and none of that may touch files that are somebody else's. Files are
//! opened when the moment is taken, so the reader goes on when the writer removes them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shingle::vfs::{FileLock, Fs, MemFs, Metadata, ReadFile, WriteFile};

/// How often a directory that changes is looked at again.
const TRIES: usize = 64;
/// What logs end with. They only grow, and a database is what the beginning of its last log says.
const LOG: &str = ".log";

/// Open files by name.
type Files = BTreeMap<String, Arc<dyn ReadFile>>;

/// The file system.
#[derive(Debug)]
pub(super) struct OverlayFs {
    dir: PathBuf,
    /// What is seen of the directory; a file that is removed or replaced is not.
    lower: Mutex<Files>,
    upper: MemFs,
    left: Arc<AtomicU64>,
}

impl OverlayFs {
    /// The files of `dir` now; keeps at most `bytes_max` written bytes.
    ///
    /// # Errors
    /// `WouldBlock` if the directory does not stop changing; `NotFound` if it is gone.
    pub(super) fn of_dir(fs: &dyn Fs, dir: &Path, bytes_max: u64) -> io::Result<Self> {
        let lower = freeze(fs, dir)?;
        let upper = MemFs::new();
        upper.create_dir_all(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            lower: Mutex::new(lower),
            upper,
            left: Arc::new(AtomicU64::new(bytes_max)),
        })
    }

    fn lower(&self) -> MutexGuard<'_, Files> {
        self.lower.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of the directory at a path.
    fn below(&self, path: &Path) -> Option<Arc<dyn ReadFile>> {
        let name = path.strip_prefix(&self.dir).ok()?.to_str()?;
        self.lower().get(name).map(Arc::clone)
    }

    /// Hides the file of the directory at a path.
    fn hide(&self, path: &Path) {
        let name = path.strip_prefix(&self.dir).ok().and_then(Path::to_str);
        if let Some(name) = name {
            self.lower().remove(name);
        }
    }

    fn limited(&self, inner: Box<dyn WriteFile>) -> Box<dyn WriteFile> {
        let left = Arc::clone(&self.left);
        Box::new(Limited { inner, left })
    }

    /// Copies a file of the directory, so that it can be renamed or linked.
    fn lift(&self, path: &Path) -> io::Result<()> {
        let Some(file) = self.below(path) else {
            return Ok(());
        };
        if file.len() > self.left.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let len = usize::try_from(file.len()).map_err(|_| io::ErrorKind::StorageFull)?;
        let mut bytes = vec![0; len];
        file.read_exact_at(0, &mut bytes)?;
        self.create(path)?.write_all(&bytes)
    }
}

/// Opens all files of a directory at one moment.
fn freeze(fs: &dyn Fs, dir: &Path) -> io::Result<Files> {
    for _ in 0..TRIES {
        let mut files = Files::new();
        let mut is_whole = true;
        for name in fs.list(dir)? {
            match fs.open(&dir.join(&name)) {
                Ok(file) => drop(files.insert(name, file)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => is_whole = false,
                Err(e) => return Err(e),
            }
        }
        // The same names and lengths afterwards: nothing came between but more of a log.
        if is_whole && is_still(fs, dir, &files)? {
            return Ok(files);
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}

fn is_still(fs: &dyn Fs, dir: &Path, files: &Files) -> io::Result<bool> {
    if !fs.list(dir)?.iter().eq(files.keys()) {
        return Ok(false);
    }
    for (name, file) in files.iter().filter(|(name, _)| !name.ends_with(LOG)) {
        match fs.metadata(&dir.join(name)) {
            Ok(found) if found.len == file.len() => {}
            Ok(_) => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}

/// Appends until the limit.
#[derive(Debug)]
struct Limited {
    inner: Box<dyn WriteFile>,
    left: Arc<AtomicU64>,
}

impl WriteFile for Limited {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        let take = |left: u64| left.checked_sub(data.len() as u64);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        self.inner.write_all(data)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.inner.sync()
    }
}

/// Keeps nobody out: what is locked is memory of this reader.
#[derive(Debug)]
struct NoLock;

impl FileLock for NoLock {}

impl Fs for OverlayFs {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        match self.below(path) {
            Some(file) => Ok(file),
            None => self.upper.open(path),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let file = self.upper.create(path)?;
        self.hide(path);
        Ok(self.limited(file))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        if self.below(path).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(self.limited(self.upper.create_new(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = self.upper.list(dir)?;
        if dir == self.dir {
            names.extend(self.lower().keys().cloned());
            names.sort_unstable();
        }
        Ok(names)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        match self.below(path) {
            Some(file) => Ok(Metadata {
                len: file.len(),
                is_dir: false,
                modified: None,
            }),
            None => self.upper.metadata(path),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.lift(from)?;
        self.upper.rename(from, to)?;
        self.hide(to);
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.below(to).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.lift(from)?;
        self.upper.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        if self.below(path).is_some() {
            self.hide(path);
            return Ok(());
        }
        self.upper.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.upper.remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.upper.create_dir_all(path)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn FileLock>> {
        Ok(Box::new(NoLock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fs: &OverlayFs, name: &str) -> io::Result<Vec<u8>> {
        let file = fs.open(&Path::new("d").join(name))?;
        let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
        file.read_exact_at(0, &mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn the_lower_one_is_seen_and_never_changed() {
        let lower = MemFs::new();
        for name in ["a", "b", "c"] {
            lower.install(format!("d/{name}"), "below").unwrap();
        }
        let dir = Path::new("d");
        let fs = OverlayFs::of_dir(&lower, dir, 100).unwrap();
        fs.create(&dir.join("a"))
            .unwrap()
            .write_all(b"above")
            .unwrap();
        fs.remove_file(&dir.join("b")).unwrap();
        let new = fs.create_new(&dir.join("e"));
        new.unwrap().write_all(b"new").unwrap();
        fs.rename(&dir.join("e"), &dir.join("f")).unwrap();
        fs.rename(&dir.join("c"), &dir.join("g")).unwrap();
        assert_eq!(fs.list(dir).unwrap(), ["a", "f", "g"]);
        let found = ["a", "f", "g"].map(|name| read(&fs, name).unwrap());
        assert_eq!(
            found,
            ["above", "new", "below"].map(|text| text.as_bytes().to_vec())
        );
        assert_eq!(read(&fs, "b").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(lower.list(dir).unwrap(), ["a", "b", "c"]);
        assert_eq!(lower.read("d/a").unwrap(), b"below");
        let mut file = fs.create(&dir.join("h")).unwrap();
        let full = file.write_all(&[0; 200]).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn what_comes_and_goes_later_is_not_seen() {
        let lower = MemFs::new();
        lower.install("d/a", "below").unwrap();
        let dir = Path::new("d");
        let fs = OverlayFs::of_dir(&lower, dir, 100).unwrap();
        lower.remove_file(&dir.join("a")).unwrap();
        lower.install("d/b", "later").unwrap();
        assert_eq!(fs.list(dir).unwrap(), ["a"]);
        assert_eq!(read(&fs, "a").unwrap(), b"below");
        let gone = OverlayFs::of_dir(&lower, Path::new("x"), 100).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}
