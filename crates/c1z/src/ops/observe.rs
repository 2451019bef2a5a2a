//! Watching an operation while it runs, and stopping it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::RecordKind;
use crate::Result;

/// What an operation is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// A file is decoded so that it can be read; its bytes are what moves.
    Unpack,
    /// Rows are read and handed to the writer.
    Rows,
    /// Records of this kind are read and handed to the writer.
    Records(RecordKind),
    /// Rows that came in no order are sorted and written.
    Sort,
    /// Indexes and digests are written.
    Indexes,
    /// A live database is sealed: indexes, digests and statistics of an ending sync.
    Seal,
    /// The finished database is packed into its envelope; bytes are those of its files.
    Pack,
    /// Files are read to their end and checked; rows are entries of tables.
    Files,
    /// Records and indexes are checked against each other.
    Agreement,
    /// Indexes that disagree with the records are compared with them row by row.
    Compare,
    /// What can be read of a damaged file is gathered.
    Salvage,
    /// A live database is compacted; rows are families of keys.
    Compact,
    /// Entries of a folder are removed; rows are entries.
    Remove,
}

impl Step {
    /// What it is called in a line for people: one word or two, never anything of a record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unpack => "unpacking",
            Self::Rows => "rows",
            Self::Records(kind) => kind.plural(),
            Self::Sort => "sorting",
            Self::Indexes => "indexes",
            Self::Seal => "sealing",
            Self::Pack => "packing",
            Self::Files => "files",
            Self::Agreement => "agreement",
            Self::Compare => "comparing",
            Self::Salvage => "salvage",
            Self::Compact => "compaction",
            Self::Remove => "removing",
        }
    }
}

/// How far an operation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is at.
    pub step: Step,
    /// Rows of this step that are done.
    pub rows: u64,
    /// Rows of this step in all, where known.
    pub rows_total: Option<u64>,
    /// Bytes of this step that are done; 0 where rows are counted alone.
    pub bytes: u64,
    /// Bytes of this step in all, where known.
    pub bytes_total: Option<u64>,
    /// Bytes that the whole operation has read from files and written to them so far. They grow also where no row
    /// passes: while rows are sorted, tables merged, frames packed.
    pub moved: u64,
}

impl Progress {
    /// A step that begins.
    pub fn of(step: Step) -> Self {
        Self {
            step,
            rows: 0,
            rows_total: None,
            bytes: 0,
            bytes_total: None,
            moved: 0,
        }
    }
}

/// Watches an operation.
pub trait Observer: Send + Sync {
    /// Called at the start of each step, every few thousand rows or MiB, and when their number is final; in steps in which
    /// no row passes (sorts, merges, packing) by the files that are read and written, see [`super::Pulse`]: then only
    /// [`Progress::moved`] is new. Calls come one after the other.
    ///
    /// An error, for example [`crate::ErrorKind::Cancelled`], stops the operation and is what it
    /// returns; nothing is left behind then.
    fn advanced(&self, progress: &Progress) -> Result<()>;
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn advanced(&self, _: &Progress) -> Result<()> {
        Ok(())
    }
}

/// An observer among the options of an operation; default none.
#[derive(Clone, Default)]
pub struct SharedObserver(Option<Arc<dyn Observer>>);

impl SharedObserver {
    /// Shares `observer`.
    pub fn new(observer: Arc<dyn Observer>) -> Self {
        Self(Some(observer))
    }

    /// Whether nobody watches.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl<O: Observer + 'static> From<Arc<O>> for SharedObserver {
    fn from(observer: Arc<O>) -> Self {
        Self::new(observer)
    }
}

impl From<Arc<dyn Observer>> for SharedObserver {
    fn from(observer: Arc<dyn Observer>) -> Self {
        Self::new(observer)
    }
}

impl From<&NoObserver> for SharedObserver {
    fn from(_: &NoObserver) -> Self {
        Self(None)
    }
}

impl fmt::Debug for SharedObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedObserver")
    }
}

impl Observer for SharedObserver {
    fn advanced(&self, progress: &Progress) -> Result<()> {
        match &self.0 {
            Some(observer) => observer.advanced(progress),
            None => Ok(()),
        }
    }
}

/// Rows between two calls of an observer.
const INTERVAL: u64 = 4096;

/// Counts the rows of one step over several threads and tells an observer now and then.
pub(crate) struct SharedMeter<'a> {
    observer: &'a dyn Observer,
    step: Step,
    rows: AtomicU64,
}

impl<'a> SharedMeter<'a> {
    /// Begins a step.
    pub(crate) fn start(observer: &'a dyn Observer, step: Step) -> Result<Self> {
        let rows = AtomicU64::new(0);
        let meter = Self {
            observer,
            step,
            rows,
        };
        meter.tell(0)?;
        Ok(meter)
    }

    /// One more row is done; `count` is the caller's own, which starts at 0.
    #[inline]
    pub(crate) fn row(&self, count: &mut u64) -> Result<()> {
        *count += 1;
        if (*count).is_multiple_of(INTERVAL) {
            self.add(INTERVAL)?;
        }
        Ok(())
    }

    /// One caller is done with all of its `count` rows.
    pub(crate) fn end(&self, count: u64) -> Result<()> {
        match count % INTERVAL {
            0 => Ok(()),
            rest => self.add(rest),
        }
    }

    fn add(&self, rows: u64) -> Result<()> {
        let before = self.rows.fetch_add(rows, Ordering::Relaxed);
        self.tell(before + rows)
    }

    fn tell(&self, rows: u64) -> Result<()> {
        self.observer.advanced(&Progress {
            rows,
            ..Progress::of(self.step)
        })
    }
}

/// Counts the rows of one step and tells an observer now and then.
pub(crate) struct Meter<'a> {
    observer: &'a dyn Observer,
    progress: Progress,
    next: u64,
}

impl<'a> Meter<'a> {
    /// Begins a step.
    pub(crate) fn start(
        observer: &'a dyn Observer,
        step: Step,
        rows_total: Option<u64>,
    ) -> Result<Self> {
        let meter = Self {
            observer,
            progress: Progress {
                rows_total,
                ..Progress::of(step)
            },
            next: INTERVAL,
        };
        observer.advanced(&meter.progress)?;
        Ok(meter)
    }

    /// One more row is done.
    pub(crate) fn row(&mut self) -> Result<()> {
        self.progress.rows += 1;
        if self.progress.rows < self.next {
            return Ok(());
        }
        self.next = self.progress.rows + INTERVAL;
        self.observer.advanced(&self.progress)
    }

    /// The step is done.
    pub(crate) fn end(&self) -> Result<()> {
        if self.progress.rows.is_multiple_of(INTERVAL) {
            return Ok(());
        }
        self.observer.advanced(&self.progress)
    }
}
