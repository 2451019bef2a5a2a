//! A file system over another one that is not changed: what is written stays in memory, within a limit.
//!
//! A reader of a sync that is being written opens its database here. Opening puts in order what a crash, or a writer at
//! work, left: it replays logs and writes tables, and none of that may touch files that are somebody else's.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shingle::vfs::{FileLock, Fs, MemFs, Metadata, ReadFile, WriteFile};

/// The file system.
#[derive(Debug)]
pub(super) struct OverlayFs {
    lower: Arc<dyn Fs>,
    upper: MemFs,
    /// What was removed of the lower one.
    removed: Mutex<BTreeSet<PathBuf>>,
    left: Arc<AtomicU64>,
}

impl OverlayFs {
    /// Shows `lower`; keeps at most `bytes_max` written bytes.
    pub(super) fn new(lower: Arc<dyn Fs>, bytes_max: u64) -> Self {
        Self {
            lower,
            upper: MemFs::new(),
            removed: Mutex::default(),
            left: Arc::new(AtomicU64::new(bytes_max)),
        }
    }

    fn removed(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the lower file system is asked about a path.
    fn shows_lower(&self, path: &Path) -> bool {
        let removed = self.removed();
        !path.ancestors().any(|path| removed.contains(path))
    }

    fn is_above(&self, path: &Path) -> bool {
        self.upper.metadata(path).is_ok()
    }

    fn writer(&self, path: &Path, is_new: bool) -> io::Result<Box<dyn WriteFile>> {
        if let Some(parent) = path.parent() {
            self.upper.create_dir_all(parent)?;
        }
        let inner = if is_new {
            self.upper.create_new(path)?
        } else {
            self.upper.create(path)?
        };
        let left = Arc::clone(&self.left);
        Ok(Box::new(Limited { inner, left }))
    }

    /// Copies a file of the lower file system, so that it can be renamed or linked.
    fn lift(&self, path: &Path) -> io::Result<()> {
        if self.is_above(path) {
            return Ok(());
        }
        let file = self.open(path)?;
        let len = usize::try_from(file.len()).map_err(|_| io::ErrorKind::StorageFull)?;
        if file.len() > self.left.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut bytes = vec![0; len];
        file.read_exact_at(0, &mut bytes)?;
        self.writer(path, false)?.write_all(&bytes)
    }
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
        match self.upper.open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && self.shows_lower(path) => {
                self.lower.open(path)
            }
            found => found,
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.writer(path, false)
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        if self.metadata(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.writer(path, true)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = BTreeSet::new();
        let above = self.upper.list(dir);
        let is_above = above.is_ok();
        names.extend(above.unwrap_or_default());
        match self.lower.list(dir) {
            Ok(below) => {
                let shown = below
                    .into_iter()
                    .filter(|name| self.shows_lower(&dir.join(name)));
                names.extend(shown);
            }
            Err(_) if is_above => {}
            Err(e) => return Err(e),
        }
        Ok(names.into_iter().collect())
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        match self.upper.metadata(path) {
            Err(_) if self.shows_lower(path) => self.lower.metadata(path),
            found => found,
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.lift(from)?;
        self.upper.rename(from, to)?;
        self.removed().insert(from.to_owned());
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.lift(from)?;
        if let Some(parent) = to.parent() {
            self.upper.create_dir_all(parent)?;
        }
        self.upper.hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.metadata(path)?;
        if self.is_above(path) {
            self.upper.remove_file(path)?;
        }
        self.removed().insert(path.to_owned());
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.metadata(path)?;
        if self.is_above(path) {
            self.upper.remove_dir_all(path)?;
        }
        self.removed().insert(path.to_owned());
        Ok(())
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

    #[test]
    fn the_lower_one_is_seen_and_never_changed() {
        let lower = MemFs::new();
        lower.install("d/a", "below").unwrap();
        lower.install("d/b", "below").unwrap();
        let fs = OverlayFs::new(Arc::new(lower.clone()), 100);
        let path = |name: &str| Path::new("d").join(name);
        fs.create_dir_all(Path::new("d")).unwrap();
        fs.create(&path("a")).unwrap().write_all(b"above").unwrap();
        fs.remove_file(&path("b")).unwrap();
        fs.create_new(&path("c"))
            .unwrap()
            .write_all(b"new")
            .unwrap();
        fs.rename(&path("c"), &path("e")).unwrap();
        assert_eq!(fs.list(Path::new("d")).unwrap(), ["a", "e"]);
        let read = |name: &str| {
            let file = fs.open(&path(name)).unwrap();
            let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
            file.read_exact_at(0, &mut bytes).unwrap();
            bytes
        };
        assert_eq!((read("a"), read("e")), (b"above".to_vec(), b"new".to_vec()));
        assert_eq!(
            fs.open(&path("b")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(lower.list(Path::new("d")).unwrap(), ["a", "b"]);
        assert_eq!(lower.read("d/a").unwrap(), b"below");
        let mut file = fs.create(&path("f")).unwrap();
        assert_eq!(
            file.write_all(&[0; 200]).unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
    }
}
