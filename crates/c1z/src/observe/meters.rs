//! The handles of all metrics, registered once with a recorder, so that counting looks nothing up.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};

use super::figures::{self, Figures, as_f64};
use super::job::{EndedJob, JobKind, Outcome};
use super::metric::{
    self, ERRORS_TOTAL, JOB_BYTES, JOB_DURATION, JOB_ERRORS, JOB_ROWS, JOBS_TOTAL, LEVEL_BYTES,
    LEVEL_TABLES, Metric, MetricKind, OPEN_STORES, OPERATION_DURATION, OPERATION_ROWS,
    OPERATIONS_TOTAL, SLOW_JOBS, SLOW_OPERATIONS, UPTIME, WRITE_AMPLIFICATION,
};
use super::operation::Operation;
use crate::error::{ERROR_KINDS, ErrorKind};

const METADATA: Metadata<'static> = Metadata::new("c1z", Level::INFO, Some(module_path!()));

/// Handles of every metric.
pub(super) struct Meters {
    operations: Vec<OperationMeters>,
    errors: Vec<(ErrorKind, Counter)>,
    jobs: Vec<JobMeters>,
    job_errors: Vec<(ErrorKind, Counter)>,
    figures: Vec<Handle>,
    levels: Vec<(Gauge, Gauge)>,
    write_amplification: Gauge,
    uptime: Gauge,
    open_stores: Gauge,
}

struct OperationMeters {
    calls: Counter,
    duration: Histogram,
    rows: Counter,
    slow: Counter,
}

struct JobMeters {
    ended: Vec<(Outcome, Counter)>,
    duration: Histogram,
    rows: Counter,
    bytes: Counter,
    slow: Counter,
}

enum Handle {
    Counter(Counter),
    Gauge(Gauge),
}

impl Meters {
    /// Describes and registers everything; counters show 0 from now on.
    pub(super) fn register(recorder: &dyn Recorder) -> Self {
        for metric in metric::metrics() {
            describe(recorder, metric);
        }
        let operation = |operation: &Operation| {
            let labels = [
                ("operation", operation.as_str()),
                ("class", operation.class().as_str()),
            ];
            OperationMeters {
                calls: counter(recorder, &OPERATIONS_TOTAL, &labels),
                duration: histogram(recorder, &OPERATION_DURATION, &labels),
                rows: counter(recorder, &OPERATION_ROWS, &labels),
                slow: counter(recorder, &SLOW_OPERATIONS, &labels),
            }
        };
        let errors = |metric: &Metric| {
            let error = |kind: &ErrorKind| {
                let labels = [("kind", kind.as_str())];
                (*kind, counter(recorder, metric, &labels))
            };
            ERROR_KINDS.iter().map(error).collect()
        };
        let level = |level: usize| {
            let labels = [("level", LEVELS.get(level).copied().unwrap_or_default())];
            let tables = gauge(recorder, &LEVEL_TABLES, &labels);
            (tables, gauge(recorder, &LEVEL_BYTES, &labels))
        };
        Self {
            operations: Operation::ALL.iter().map(operation).collect(),
            errors: errors(&ERRORS_TOTAL),
            job_errors: errors(&JOB_ERRORS),
            jobs: JobKind::ALL
                .iter()
                .map(|kind| JobMeters::register(recorder, *kind))
                .collect(),
            figures: figures::METRICS
                .iter()
                .map(|metric| handle(recorder, metric))
                .collect(),
            levels: (0..LEVELS.len()).map(level).collect(),
            write_amplification: gauge(recorder, &WRITE_AMPLIFICATION, &[]),
            uptime: gauge(recorder, &UPTIME, &[]),
            open_stores: gauge(recorder, &OPEN_STORES, &[]),
        }
    }

    /// A call that ended.
    pub(super) fn call(&self, operation: Operation, took: Duration, rows: u64, is_slow: bool) {
        let Some(meters) = self.operations.get(operation as usize) else {
            return;
        };
        meters.calls.increment(1);
        meters.duration.record(took.as_secs_f64());
        meters.rows.increment(rows);
        if is_slow {
            meters.slow.increment(1);
        }
    }

    /// A call that failed.
    pub(super) fn error(&self, kind: ErrorKind) {
        add_to(&self.errors, &kind);
    }

    /// A long operation that ended.
    pub(super) fn job(&self, job: &EndedJob, is_slow: bool) {
        let Some(meters) = self.jobs.get(job.kind as usize) else {
            return;
        };
        add_to(&meters.ended, &job.outcome());
        if let Some(kind) = job.error {
            add_to(&self.job_errors, &kind);
        }
        meters.duration.record(job.duration.as_secs_f64());
        meters.rows.increment(job.rows);
        meters.bytes.increment(job.bytes);
        if is_slow {
            meters.slow.increment(1);
        }
    }

    /// The sums over all stores.
    pub(super) fn figures(&self, sum: &Figures, open: usize, uptime: Duration) {
        for (handle, value) in self.figures.iter().zip(sum.values()) {
            match handle {
                Handle::Counter(counter) => counter.absolute(value),
                Handle::Gauge(gauge) => gauge.set(as_f64(value)),
            }
        }
        for ((tables, bytes), level) in self.levels.iter().zip(&sum.levels) {
            tables.set(as_f64(level.tables));
            bytes.set(as_f64(level.bytes));
        }
        self.write_amplification.set(sum.write_amplification());
        self.open_stores.set(as_f64(open as u64));
        self.uptime.set(uptime.as_secs_f64());
    }
}

impl JobMeters {
    fn register(recorder: &dyn Recorder, kind: JobKind) -> Self {
        let job = ("job", kind.as_str());
        let ended = |outcome: Outcome| {
            let labels = [job, ("outcome", outcome.as_str())];
            (outcome, counter(recorder, &JOBS_TOTAL, &labels))
        };
        Self {
            ended: Outcome::ALL.into_iter().map(ended).collect(),
            duration: histogram(recorder, &JOB_DURATION, &[job]),
            rows: counter(recorder, &JOB_ROWS, &[job]),
            bytes: counter(recorder, &JOB_BYTES, &[job]),
            slow: counter(recorder, &SLOW_JOBS, &[job]),
        }
    }
}

/// One more of a kind.
fn add_to<K: PartialEq>(counters: &[(K, Counter)], kind: &K) {
    let found = counters.iter().find(|(own, _)| own == kind);
    if let Some((_, counter)) = found {
        counter.increment(1);
    }
}

const LEVELS: [&str; 7] = ["0", "1", "2", "3", "4", "5", "6"];

fn describe(recorder: &dyn Recorder, metric: &Metric) {
    let describe = match metric.kind {
        MetricKind::Counter => Recorder::describe_counter,
        MetricKind::Gauge => Recorder::describe_gauge,
        MetricKind::Histogram => Recorder::describe_histogram,
    };
    let unit = Some(metric.unit.facade());
    describe(recorder, metric.name.into(), unit, metric.help.into());
}

fn key(metric: &Metric, labels: &[(&'static str, &'static str)]) -> Key {
    let labels = labels
        .iter()
        .map(|(name, value)| Label::from_static_parts(name, value));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}

fn counter(
    recorder: &dyn Recorder,
    metric: &Metric,
    labels: &[(&'static str, &'static str)],
) -> Counter {
    let counter = recorder.register_counter(&key(metric, labels), &METADATA);
    counter.absolute(0);
    counter
}

fn gauge(
    recorder: &dyn Recorder,
    metric: &Metric,
    labels: &[(&'static str, &'static str)],
) -> Gauge {
    recorder.register_gauge(&key(metric, labels), &METADATA)
}

fn histogram(
    recorder: &dyn Recorder,
    metric: &Metric,
    labels: &[(&'static str, &'static str)],
) -> Histogram {
    recorder.register_histogram(&key(metric, labels), &METADATA)
}

fn handle(recorder: &dyn Recorder, metric: &Metric) -> Handle {
    if metric.kind == MetricKind::Gauge {
        Handle::Gauge(gauge(recorder, metric, &[]))
    } else {
        Handle::Counter(counter(recorder, metric, &[]))
    }
}
