//! Long operations over whole files.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::telemetry::Telemetry;
use crate::Result;
use crate::error::ErrorKind;
use crate::ops::{NoObserver, Observer, Progress};

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobKind {
    /// A file is written from records.
    Build,
    /// Syncs are converted or copied.
    Convert,
    /// Two syncs are compared.
    Diff,
    /// Records are written for other programs.
    Export,
    /// A store is published as a file.
    Publish,
    /// A damaged file is saved.
    Repair,
    /// A file is checked.
    Verify,
}

impl JobKind {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 7] = [
        Self::Build,
        Self::Convert,
        Self::Diff,
        Self::Export,
        Self::Publish,
        Self::Repair,
        Self::Verify,
    ];

    /// The value of the label `job`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Convert => "convert",
            Self::Diff => "diff",
            Self::Export => "export",
            Self::Publish => "publish",
            Self::Repair => "repair",
            Self::Verify => "verify",
        }
    }
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Failed,
    Cancelled,
}

impl Outcome {
    pub(super) const ALL: [Self; 3] = [Self::Done, Self::Failed, Self::Cancelled];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A long operation that is watched: an observer that counts and passes everything on to another one.
///
/// ```
/// use std::sync::Arc;
/// use c1z::observe::{Job, JobKind, Telemetry, TelemetryOptions};
/// use c1z::ops::verify::{VerifyOptions, verify};
///
/// # fn main() -> c1z::Result<()> {
/// let telemetry = metrics::with_recorder(|recorder| Telemetry::new(TelemetryOptions::default(), recorder));
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/basic/v3.indexed_zstd.c1z");
/// let job = Job::start(&telemetry, JobKind::Verify);
/// let report = job.end(verify(path, &VerifyOptions::default(), &job))?;
/// assert!(report.is_clean());
/// # Ok(())
/// # }
/// ```
pub struct Job {
    telemetry: Arc<Telemetry>,
    kind: JobKind,
    started: Duration,
    /// Rows of the steps before this one, and of this one.
    rows: AtomicU64,
    step_rows: AtomicU64,
    next: Arc<dyn Observer>,
}

impl Job {
    /// A job that begins now.
    pub fn start(telemetry: &Arc<Telemetry>, kind: JobKind) -> Self {
        Self {
            started: telemetry.clock.monotonic(),
            telemetry: Arc::clone(telemetry),
            kind,
            rows: AtomicU64::new(0),
            step_rows: AtomicU64::new(0),
            next: Arc::new(NoObserver),
        }
    }

    /// Passes progress on to `observer`.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.next = observer;
        self
    }

    /// Counts the end of the job, whose `result` this returns.
    pub fn end<T>(&self, result: Result<T>) -> Result<T> {
        let outcome = match result.as_ref().err().map(crate::Error::kind) {
            None => Outcome::Done,
            Some(ErrorKind::Cancelled) => Outcome::Cancelled,
            Some(_) => Outcome::Failed,
        };
        let took = self.telemetry.clock.monotonic();
        let took = took.saturating_sub(self.started);
        let rows = self.rows.swap(0, Ordering::Relaxed) + self.step_rows.swap(0, Ordering::Relaxed);
        self.telemetry.job_ended(self.kind, outcome, took, rows);
        result
    }
}

impl Observer for Job {
    fn advanced(&self, progress: &Progress) -> Result<()> {
        // Steps begin with no rows; within a step the number only grows, but threads may tell it out of order.
        if progress.rows == 0 {
            let before = self.step_rows.swap(0, Ordering::Relaxed);
            self.rows.fetch_add(before, Ordering::Relaxed);
        } else {
            self.step_rows.fetch_max(progress.rows, Ordering::Relaxed);
        }
        self.next.advanced(progress)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({})", self.kind.as_str())
    }
}
