//! The only place that touches files, the clock and randomness.
//!
//! Everything above takes a [`Fs`], so a test can own the whole environment: [`OsFs`] is the real
//! one, [`MemFs`] knows what was synced, [`FaultFs`] fails the k-th operation on demand,
//! [`CountingFs`] counts, and a reader's view of the files inside an envelope is a `Fs` too. Paths
//! are used as given; an implementation that is not backed by the operating system treats them as
//! opaque names split at `/`.

mod count;
mod fault;
mod manual;
mod mem;
mod os;
mod plan;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use count::{CountingFs, IoCounts};
pub use fault::FaultFs;
#[cfg(test)]
pub(crate) use manual::Lottery;
pub use manual::{ManualClock, SeededEntropy};
pub use mem::{MemFile, MemFs};
pub use os::{OsClock, OsEntropy, OsFs};
pub use plan::{FaultPlan, Op};

/// A file opened for positioned reads; shareable between threads.
pub trait ReadFile: Send + Sync + fmt::Debug {
    /// Reads at `offset` until `buf` is full or the file ends; returns the number of bytes read.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` from `offset`, or fails with `UnexpectedEof`.
    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if self.read_at(offset, buf)? == buf.len() {
            return Ok(());
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// A file opened for appending. Bytes are durable after [`WriteFile::sync`]; dropping a file does
/// not sync it.
pub trait WriteFile: Send + fmt::Debug {
    /// Appends all of `data`.
    fn write_all(&mut self, data: &[u8]) -> io::Result<()>;
    /// Makes content and length survive power loss.
    fn sync(&mut self) -> io::Result<()>;
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Length in bytes; 0 for a directory.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// When it was last written, where the file system tells. A hint: two writes of one moment look the same.
    pub modified: Option<SystemTime>,
}

/// Holds a lock until dropped.
pub trait FileLock: Send + Sync + fmt::Debug {}

/// A file system.
pub trait Fs: Send + Sync + fmt::Debug {
    /// Opens an existing file for positioned reads.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>>;
    /// Creates or truncates a file.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Creates a file; `AlreadyExists` if there is one.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;
    /// Names in a directory, sorted bytewise, without `.` and `..`.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// What is at `path`; follows links.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// Replaces `to` by `from` atomically.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives the file `from` the second name `to`, which must not exist.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and all in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and its missing parents.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals of names in `dir` survive power loss.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes an exclusive lock on the file `path`, creating it; `WouldBlock` if another holder has
    /// it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>>;
}

/// Wall time for what is stored, monotonic time for what is measured.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Wall-clock time.
    fn now(&self) -> SystemTime;
    /// Time since an arbitrary fixed point; never goes back.
    fn monotonic(&self) -> Duration;
}

/// A source of random bytes.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `buf` with random bytes.
    fn fill(&self, buf: &mut [u8]) -> io::Result<()>;
}
