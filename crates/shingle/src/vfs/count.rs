//! Counters of what goes through a file system, so that the cost of an operation can be asserted.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{FileLock, Fs, Metadata, ReadFile, WriteFile};

/// A file system that counts and passes everything on. Clones share the counters.
#[derive(Clone, Debug)]
pub struct CountingFs {
    inner: Arc<dyn Fs>,
    counters: Arc<Counters>,
}

/// What went through a [`CountingFs`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoCounts {
    /// Files opened for reading.
    pub opens: u64,
    /// Positioned reads.
    pub reads: u64,
    /// Bytes that positioned reads returned.
    pub read_bytes: u64,
    /// Appends.
    pub writes: u64,
    /// Bytes appended.
    pub write_bytes: u64,
    /// Syncs of files and directories.
    pub syncs: u64,
    /// Calls about names: create, list, metadata, rename, link, remove, make directories, lock.
    pub names: u64,
}

#[derive(Debug, Default)]
struct Counters {
    opens: AtomicU64,
    reads: AtomicU64,
    read_bytes: AtomicU64,
    writes: AtomicU64,
    write_bytes: AtomicU64,
    syncs: AtomicU64,
    names: AtomicU64,
}

fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

impl CountingFs {
    /// Counts what goes to `inner`.
    pub fn new(inner: Arc<dyn Fs>) -> Self {
        Self {
            inner,
            counters: Arc::default(),
        }
    }

    /// The counts since the start or the last [`CountingFs::reset`].
    pub fn counts(&self) -> IoCounts {
        self.collect(|counter| counter.load(Ordering::Relaxed))
    }

    /// Starts again from zero; returns what was counted.
    pub fn reset(&self) -> IoCounts {
        self.collect(|counter| counter.swap(0, Ordering::Relaxed))
    }

    fn collect(&self, get: impl Fn(&AtomicU64) -> u64) -> IoCounts {
        IoCounts {
            opens: get(&self.counters.opens),
            reads: get(&self.counters.reads),
            read_bytes: get(&self.counters.read_bytes),
            writes: get(&self.counters.writes),
            write_bytes: get(&self.counters.write_bytes),
            syncs: get(&self.counters.syncs),
            names: get(&self.counters.names),
        }
    }

    fn name(&self) -> &dyn Fs {
        add(&self.counters.names, 1);
        &*self.inner
    }

    fn writer(&self, inner: Box<dyn WriteFile>) -> Box<dyn WriteFile> {
        Box::new(CountingWriteFile {
            inner,
            counters: Arc::clone(&self.counters),
        })
    }
}

#[derive(Debug)]
struct CountingReadFile {
    inner: Arc<dyn ReadFile>,
    counters: Arc<Counters>,
}

impl ReadFile for CountingReadFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        add(&self.counters.reads, 1);
        let len = self.inner.read_at(offset, buf)?;
        add(&self.counters.read_bytes, len);
        Ok(len)
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }
}

#[derive(Debug)]
struct CountingWriteFile {
    inner: Box<dyn WriteFile>,
    counters: Arc<Counters>,
}

impl WriteFile for CountingWriteFile {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        add(&self.counters.writes, 1);
        self.inner.write_all(data)?;
        add(&self.counters.write_bytes, data.len());
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        add(&self.counters.syncs, 1);
        self.inner.sync()
    }
}

impl Fs for CountingFs {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        add(&self.counters.opens, 1);
        Ok(Arc::new(CountingReadFile {
            inner: self.inner.open(path)?,
            counters: Arc::clone(&self.counters),
        }))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(self.writer(self.name().create(path)?))
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(self.writer(self.name().create_new(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.name().list(dir)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.name().metadata(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.name().rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.name().hard_link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.name().remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.name().remove_dir_all(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.name().create_dir_all(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        add(&self.counters.syncs, 1);
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        self.name().lock(path)
    }
}
