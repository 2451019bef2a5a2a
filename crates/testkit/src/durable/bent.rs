//! A file system whose changes pass through a test's hands.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::vfs::{FileLock, Fs, Metadata, Op, ReadFile, WriteFile};

/// What a test does with an operation that changes the disk. Reading operations are not shown.
pub trait Bend: Send + Sync + fmt::Debug {
    /// Does `act`, or something else, and says what the caller is told.
    fn bend(&self, op: Op, path: &Path, act: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()>;
}

/// A file system over another, bent.
#[derive(Clone, Debug)]
pub struct BentFs {
    inner: Arc<dyn Fs>,
    bend: Arc<dyn Bend>,
}

impl BentFs {
    /// Shows the changes of `inner` to `bend`.
    pub fn new(inner: Arc<dyn Fs>, bend: Arc<dyn Bend>) -> Self {
        Self { inner, bend }
    }

    fn created(
        &self,
        path: &Path,
        create: &dyn Fn() -> io::Result<Box<dyn WriteFile>>,
    ) -> io::Result<Box<dyn WriteFile>> {
        let mut made = None;
        self.bend.bend(Op::Create, path, &mut || {
            made = Some(create()?);
            Ok(())
        })?;
        let inner = made.ok_or_else(|| io::Error::other("a creation was left out"))?;
        Ok(Box::new(BentFile {
            inner,
            path: path.to_owned(),
            bend: Arc::clone(&self.bend),
        }))
    }
}

#[derive(Debug)]
struct BentFile {
    inner: Box<dyn WriteFile>,
    path: PathBuf,
    bend: Arc<dyn Bend>,
}

impl WriteFile for BentFile {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        let (bend, inner) = (&self.bend, &mut self.inner);
        bend.bend(Op::Write, &self.path, &mut || inner.write_all(data))
    }

    fn sync(&mut self) -> io::Result<()> {
        let (bend, inner) = (&self.bend, &mut self.inner);
        bend.bend(Op::Sync, &self.path, &mut || inner.sync())
    }
}

impl Fs for BentFs {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.inner.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.created(path, &|| self.inner.create(path))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        self.created(path, &|| self.inner.create_new(path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.inner.metadata(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut act = || self.inner.rename(from, to);
        self.bend.bend(Op::Rename, to, &mut act)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut act = || self.inner.hard_link(from, to);
        self.bend.bend(Op::Link, to, &mut act)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut act = || self.inner.remove_file(path);
        self.bend.bend(Op::Remove, path, &mut act)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut act = || self.inner.remove_dir_all(path);
        self.bend.bend(Op::Remove, path, &mut act)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut act = || self.inner.create_dir_all(path);
        self.bend.bend(Op::MakeDir, path, &mut act)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut act = || self.inner.sync_dir(dir);
        self.bend.bend(Op::SyncDir, dir, &mut act)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        self.inner.lock(path)
    }
}
