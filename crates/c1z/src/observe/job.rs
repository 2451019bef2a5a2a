//! Long operations over whole files.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::telemetry::Telemetry;
use crate::Result;
use crate::error::ErrorKind;
use crate::ops::{NoObserver, Observer, Progress, Step, begins};

macro_rules! job_kinds {
    ($($variant:ident $name:literal $help:literal;)*) => {
        /// What is done to a file, or to a folder of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum JobKind {
            $(#[doc = $help] $variant,)*
        }

        impl JobKind {
            /// Every kind, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value of the label `job`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

job_kinds! {
    Add "add" "Syncs of files become entries of a folder.";
    Build "build" "A file is written from records.";
    Cleanup "cleanup" "A folder loses the syncs that retention does not keep.";
    Compact "compact" "A live database is compacted.";
    Compare "compare" "Two stores are checked to say the same.";
    Convert "convert" "Syncs are converted.";
    Copy "copy" "A sync, or all of a file, is copied.";
    Delete "delete" "A folder loses syncs that were named.";
    Delta "delta" "A difference of two syncs is written as a file.";
    Diff "diff" "Two syncs are compared.";
    Estimate "estimate" "What rewriting would give back is estimated.";
    Export "export" "Records are written for other programs.";
    Merge "merge" "Syncs are merged into one.";
    Optimize "optimize" "A file is written anew in its place.";
    Pack "pack" "Entries of a folder are packed.";
    Publish "publish" "A store is published as a file.";
    Recalculate "recalculate_stats" "Counts of syncs are made again.";
    Repair "repair" "A damaged file is saved.";
    Rollback "rollback_expansion" "Expansion of a sync is taken back.";
    Search "search" "Ways from principals to entitlements are searched.";
    Unpack "unpack" "The database inside a file is taken out.";
    Verify "verify" "A file is checked.";
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
/// let job = Arc::new(Job::start(&telemetry, JobKind::Verify));
/// let report = job.end(verify(path, &VerifyOptions::default(), Arc::clone(&job)))?;
/// assert!(report.is_clean());
/// # Ok(())
/// # }
/// ```
pub struct Job {
    telemetry: Arc<Telemetry>,
    kind: JobKind,
    started: Duration,
    done: Mutex<Done>,
    next: Arc<dyn Observer>,
}

/// What a job has done.
struct Done {
    /// Rows of the steps before this one.
    rows_before: u64,
    /// The step that runs, and the most of its rows that any thread told.
    last: Progress,
}

impl Job {
    /// A job that begins now.
    pub fn start(telemetry: &Arc<Telemetry>, kind: JobKind) -> Self {
        Self {
            started: telemetry.clock.monotonic(),
            telemetry: Arc::clone(telemetry),
            kind,
            done: Mutex::new(Done {
                rows_before: 0,
                last: Progress::of(Step::Rows),
            }),
            next: Arc::new(NoObserver),
        }
    }

    /// Passes progress on to `observer`.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.next = observer;
        self
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the end of the job, whose `result` this returns.
    pub fn end<T>(&self, result: Result<T>) -> Result<T> {
        self.ended(result.as_ref().err().map(crate::Error::kind));
        result
    }

    /// Counts the end of the job, which failed with an error of this kind, or did not.
    pub fn ended(&self, error: Option<ErrorKind>) {
        let took = self.telemetry.clock.monotonic();
        let (rows, bytes) = {
            let done = self.done();
            (done.rows_before + done.last.rows, done.last.moved)
        };
        self.telemetry.job_ended(&EndedJob {
            kind: self.kind,
            error,
            rows,
            bytes,
            duration: took.saturating_sub(self.started),
        });
    }
}

/// A job that ended, as counted. Prints as one line, which says nothing of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedJob {
    /// What was done.
    pub kind: JobKind,
    /// How it failed, if it did.
    pub error: Option<ErrorKind>,
    /// Rows that it passed, each step counted.
    pub rows: u64,
    /// Bytes that it read from files and wrote to them.
    pub bytes: u64,
    /// How long it took.
    pub duration: Duration,
}

impl EndedJob {
    pub(super) fn outcome(&self) -> Outcome {
        match self.error {
            None => Outcome::Done,
            Some(ErrorKind::Cancelled) => Outcome::Cancelled,
            Some(_) => Outcome::Failed,
        }
    }
}

impl fmt::Display for EndedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "slow job=`{}` rows=`{}` bytes=`{}` seconds=`{:.3}` outcome=`{}`",
            self.kind.as_str(),
            self.rows,
            self.bytes,
            self.duration.as_secs_f64(),
            self.outcome().as_str()
        )
    }
}

impl Observer for Job {
    fn advanced(&self, progress: &Progress) -> Result<()> {
        let mut done = self.done();
        let moved = progress.moved.max(done.last.moved);
        let rows = if begins(&done.last, progress) {
            done.rows_before += done.last.rows;
            progress.rows
        } else {
            progress.rows.max(done.last.rows)
        };
        done.last = Progress {
            rows,
            moved,
            ..*progress
        };
        drop(done);
        self.next.advanced(progress)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({})", self.kind.as_str())
    }
}
