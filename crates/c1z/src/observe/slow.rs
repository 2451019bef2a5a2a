//! The log of slow calls.
//!
//! An entry says which operation, on which sync, with which filters by name, how many rows, how long. It never says what was
//! in a record, a filter or a key. Of each operation at most one entry in [`SlowOptions::interval`] is written; it says how
//! many were left out since the one before.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::job::EndedJob;
use super::operation::Operation;
use super::shape::Shape;
use crate::engine::types::SyncId;

/// What is slow, and where it is said.
#[derive(Clone, Debug)]
pub struct SlowOptions {
    /// Calls that take longer are slow; default 5 s. 0 logs every call that takes any time.
    pub threshold: Duration,
    /// Least time between two entries of one operation; default one minute.
    pub interval: Duration,
    /// Where entries go; default [`TraceSink`].
    pub sink: Arc<dyn SlowSink>,
}

impl Default for SlowOptions {
    fn default() -> Self {
        Self {
            threshold: Duration::from_secs(5),
            interval: Duration::from_mins(1),
            sink: Arc::new(TraceSink),
        }
    }
}

/// A slow call. Prints as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowCall {
    /// What was called.
    pub operation: Operation,
    /// The sync that was named; none: the call left the choice to the store.
    pub sync: Option<SyncId>,
    /// Which filters were set.
    pub filter: Shape,
    /// Rows returned, written or deleted.
    pub rows: u64,
    /// How long it took.
    pub duration: Duration,
    /// Whether it failed.
    pub failed: bool,
    /// Entries of this operation that were left out since the one before.
    pub suppressed: u64,
}

impl fmt::Display for SlowCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sync = self.sync.as_ref().map_or("default", SyncId::as_str);
        write!(
            f,
            "slow operation=`{}` sync=`{}` filter=`{}` rows=`{}` seconds=`{:.3}` failed=`{}` suppressed=`{}`",
            self.operation.as_str(),
            sync.escape_debug(),
            self.filter,
            self.rows,
            self.duration.as_secs_f64(),
            self.failed,
            self.suppressed
        )
    }
}

/// Takes entries of the slow log. Called in the thread of the slow call: be quick.
pub trait SlowSink: Send + Sync + fmt::Debug {
    /// Takes one.
    fn slow(&self, call: &SlowCall);

    /// Takes a job over whole files that took longer than the threshold; every one is told.
    fn slow_job(&self, job: &EndedJob);
}

/// Sends entries on as warnings of `tracing`, with the target `c1z::slow`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceSink;

impl SlowSink for TraceSink {
    fn slow(&self, call: &SlowCall) {
        tracing::warn!(
            target: "c1z::slow",
            operation = call.operation.as_str(),
            sync = call.sync.as_ref().map_or("default", SyncId::as_str),
            filter = %call.filter,
            rows = call.rows,
            seconds = call.duration.as_secs_f64(),
            failed = call.failed,
            suppressed = call.suppressed,
            "slow operation"
        );
    }

    fn slow_job(&self, job: &EndedJob) {
        tracing::warn!(
            target: "c1z::slow",
            job = job.kind.as_str(),
            rows = job.rows,
            bytes = job.bytes,
            seconds = job.duration.as_secs_f64(),
            outcome = job.outcome().as_str(),
            "slow job"
        );
    }
}

/// Decides which calls are slow and which of them are said.
#[derive(Debug)]
pub struct SlowLog {
    options: SlowOptions,
    /// Per operation: when the last entry was written, and how many were left out since.
    written: Mutex<Vec<(Option<Duration>, u64)>>,
}

impl SlowLog {
    /// A log that has written nothing yet.
    pub fn new(options: SlowOptions) -> Self {
        Self {
            options,
            written: Mutex::new(vec![(None, 0); Operation::ALL.len()]),
        }
    }

    /// Whether a call of this length is slow.
    pub fn is_slow(&self, duration: Duration) -> bool {
        duration > self.options.threshold
    }

    /// Writes an entry for a slow job.
    pub fn note_job(&self, job: &EndedJob) {
        self.options.sink.slow_job(job);
    }

    /// Writes an entry for a slow call that ended at `now`, unless it is too soon after the last one.
    pub fn note(&self, mut call: SlowCall, now: Duration) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((last, suppressed)) = written.get_mut(call.operation as usize) else {
            return;
        };
        let is_soon = last.is_some_and(|last| now.saturating_sub(last) < self.options.interval);
        if is_soon {
            *suppressed += 1;
            return;
        }
        *last = Some(now);
        call.suppressed = std::mem::take(suppressed);
        drop(written);
        self.options.sink.slow(&call);
    }
}
