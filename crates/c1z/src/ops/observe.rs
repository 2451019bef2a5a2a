//! Watching an operation while it runs, and stopping it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::RecordKind;
use crate::Result;

/// What an operation is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Rows are read and handed to the writer.
    Rows,
    /// Records of this kind are read and handed to the writer.
    Records(RecordKind),
    /// Rows that came in no order are sorted and written.
    Sort,
    /// Indexes and digests are written.
    Indexes,
    /// The finished database is packed into its envelope.
    Pack,
    /// Files are read to their end and checked; rows are entries of tables.
    Files,
    /// Records and indexes are checked against each other.
    Agreement,
    /// Indexes that disagree with the records are compared with them row by row.
    Compare,
    /// What can be read of a damaged file is gathered.
    Salvage,
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
}

/// Watches an operation.
pub trait Observer: Send + Sync {
    /// Called at the start of each step and every few thousand rows. An error, for example
    /// [`crate::ErrorKind::Cancelled`], stops the operation and is what it returns; nothing is left
    /// behind then.
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
            let before = self.rows.fetch_add(INTERVAL, Ordering::Relaxed);
            self.tell(before + INTERVAL)?;
        }
        Ok(())
    }

    fn tell(&self, rows: u64) -> Result<()> {
        self.observer.advanced(&Progress {
            step: self.step,
            rows,
            rows_total: None,
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
                step,
                rows: 0,
                rows_total,
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
}
