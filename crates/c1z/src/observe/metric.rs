//! The catalogue: every metric with its type, unit, labels and meaning. `docs/operations.md` has a row for each; a test
//! holds the two together.

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of values by size: buckets, sum and count.
    Histogram,
}

impl MetricKind {
    /// `counter`, `gauge`, `histogram`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What a metric counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricUnit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// One number divided by another.
    Ratio,
}

impl MetricUnit {
    /// `count`, `bytes`, `seconds`, `ratio`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Ratio => "ratio",
        }
    }

    pub(super) const fn facade(self) -> metrics::Unit {
        match self {
            Self::Count | Self::Ratio => metrics::Unit::Count,
            Self::Bytes => metrics::Unit::Bytes,
            Self::Seconds => metrics::Unit::Seconds,
        }
    }
}

/// A metric as it is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// What it counts in.
    pub unit: MetricUnit,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it means, in one line.
    pub help: &'static str,
}

const OPERATION: &[&str] = &["operation", "class"];

/// Calls of the storage contract.
pub const OPERATIONS_TOTAL: Metric = Metric {
    name: "c1z_operations_total",
    kind: MetricKind::Counter,
    unit: MetricUnit::Count,
    labels: OPERATION,
    help: "Calls of a store that ended, failed ones included",
};

/// How long calls took.
pub const OPERATION_DURATION: Metric = Metric {
    name: "c1z_operation_duration_seconds",
    kind: MetricKind::Histogram,
    unit: MetricUnit::Seconds,
    labels: OPERATION,
    help: "Time that calls of a store took; of streams the time within them",
};

/// Rows of calls.
pub const OPERATION_ROWS: Metric = Metric {
    name: "c1z_operation_rows_total",
    kind: MetricKind::Counter,
    unit: MetricUnit::Count,
    labels: OPERATION,
    help: "Rows that calls of a store returned, took or deleted",
};

/// Calls over the threshold.
pub const SLOW_OPERATIONS: Metric = Metric {
    name: "c1z_slow_operations_total",
    kind: MetricKind::Counter,
    unit: MetricUnit::Count,
    labels: OPERATION,
    help: "Calls of a store that took longer than the threshold of the slow log",
};

/// Calls that failed.
pub const ERRORS_TOTAL: Metric = Metric {
    name: "c1z_errors_total",
    kind: MetricKind::Counter,
    unit: MetricUnit::Count,
    labels: &["kind"],
    help: "Calls of a store that failed, by kind of error",
};

/// Long operations.
pub const JOBS_TOTAL: Metric = Metric {
    name: "c1z_jobs_total",
    kind: MetricKind::Counter,
    unit: MetricUnit::Count,
    labels: &["job", "outcome"],
    help: "Long operations over whole files that ended",
};

/// How long they took.
pub const JOB_DURATION: Metric = Metric {
    name: "c1z_job_duration_seconds",
    kind: MetricKind::Histogram,
    unit: MetricUnit::Seconds,
    labels: &["job"],
    help: "Time that long operations over whole files took",
};

/// Rows that they passed.
pub const JOB_ROWS: Metric = Metric {
    name: "c1z_job_rows_total",
    kind: MetricKind::Counter,
    unit: MetricUnit::Count,
    labels: &["job"],
    help: "Rows that long operations over whole files passed, each step counted",
};

/// Bytes that they moved.
pub const JOB_BYTES: Metric = Metric {
    name: "c1z_job_moved_bytes_total",
    kind: MetricKind::Counter,
    unit: MetricUnit::Bytes,
    labels: &["job"],
    help: "Bytes that long operations over whole files read from files and wrote to them",
};

/// How they failed.
pub const JOB_ERRORS: Metric = Metric {
    name: "c1z_job_errors_total",
    kind: MetricKind::Counter,
    unit: MetricUnit::Count,
    labels: &["kind"],
    help: "Long operations over whole files that failed or were cancelled, by kind of error",
};

/// Those over the threshold.
pub const SLOW_JOBS: Metric = Metric {
    name: "c1z_slow_jobs_total",
    kind: MetricKind::Counter,
    unit: MetricUnit::Count,
    labels: &["job"],
    help: "Long operations over whole files that took longer than the threshold of the slow log",
};

/// Tables of a level.
pub const LEVEL_TABLES: Metric = Metric {
    name: "c1z_level_tables",
    kind: MetricKind::Gauge,
    unit: MetricUnit::Count,
    labels: &["level"],
    help: "Tables in a level of the open databases; level 0 holds runs",
};

/// Bytes of a level.
pub const LEVEL_BYTES: Metric = Metric {
    name: "c1z_level_bytes",
    kind: MetricKind::Gauge,
    unit: MetricUnit::Bytes,
    labels: &["level"],
    help: "Bytes of the tables in a level of the open databases",
};

/// Bytes written for each byte accepted.
pub const WRITE_AMPLIFICATION: Metric = Metric {
    name: "c1z_write_amplification",
    kind: MetricKind::Gauge,
    unit: MetricUnit::Ratio,
    labels: &[],
    help: "Bytes written to logs and tables for each byte of accepted writes",
};

/// How long the telemetry runs.
pub const UPTIME: Metric = Metric {
    name: "c1z_uptime_seconds",
    kind: MetricKind::Gauge,
    unit: MetricUnit::Seconds,
    labels: &[],
    help: "Time since measuring began",
};

/// Stores that are open.
pub const OPEN_STORES: Metric = Metric {
    name: "c1z_open_stores",
    kind: MetricKind::Gauge,
    unit: MetricUnit::Count,
    labels: &[],
    help: "Stores that are open",
};

/// The metrics that are not figures of a store.
const OWN: [Metric; 16] = [
    OPERATIONS_TOTAL,
    OPERATION_DURATION,
    OPERATION_ROWS,
    SLOW_OPERATIONS,
    ERRORS_TOTAL,
    JOBS_TOTAL,
    JOB_DURATION,
    JOB_ROWS,
    JOB_BYTES,
    JOB_ERRORS,
    SLOW_JOBS,
    LEVEL_TABLES,
    LEVEL_BYTES,
    WRITE_AMPLIFICATION,
    UPTIME,
    OPEN_STORES,
];

/// Every metric.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    OWN.iter().chain(super::figures::METRICS)
}

/// Upper bounds of the buckets of durations, in seconds: from a cached point read to the end of a large sync.
pub const DURATION_BUCKETS: [f64; 12] = [
    0.000_01, 0.000_1, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0,
];
