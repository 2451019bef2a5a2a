//! Watching stores: metrics, a log of slow calls, long operations.
//!
//! Nothing is watched unless a program asks for it. It makes one [`Telemetry`], which registers the metrics with a recorder
//! of the `metrics` facade, and hands it to what it opens ([`crate::OpenOptions::telemetry`],
//! [`crate::engine::PebbleOptions::telemetry`]) or wraps around an engine of its own ([`Observed`]). Without one a store
//! has no wrapper: its own plain counters, which it keeps anyway, are all that runs.
//!
//! | part | what it does |
//! |---|---|
//! | [`Observed`] | times and counts each call of a store, opens a `tracing` span around it |
//! | [`Figures`] | what a store counts by itself; summed over all open stores by [`Telemetry::publish`] |
//! | [`SlowLog`] | says which calls took long: operation, sync, names of filters, rows, time; never contents |
//! | [`Job`] | long operations over whole files, as an [`crate::ops::Observer`] |
//! | [`Health`], [`SystemStatistics`] | whether a store is well, and what it is made of; cheap |
//!
//! Names and meanings of all metrics: [`metrics()`], and `docs/operations.md`.
//!
//! ```
//! use c1z::observe::{Telemetry, TelemetryOptions};
//!
//! # fn main() -> c1z::Result<()> {
//! // The recorder that the program installed, for example that of `metrics-exporter-prometheus`.
//! let telemetry = metrics::with_recorder(|recorder| Telemetry::new(TelemetryOptions::default(), recorder));
//! let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/basic/v3.indexed_zstd.c1z");
//! let options = c1z::OpenOptions { telemetry: Some(telemetry.clone()), ..c1z::OpenOptions::default() };
//! let store = c1z::open_with(path, &options)?;
//! assert!(store.reader().latest_finished_sync(None)?.is_some());
//! // Before each scrape.
//! telemetry.publish();
//! assert!(telemetry.figures().scans > 0);
//! # Ok(())
//! # }
//! ```

mod figures;
mod health;
mod job;
mod meters;
mod metric;
mod observed;
mod operation;
mod shape;
mod slow;
mod telemetry;

#[cfg(test)]
mod tests;

pub use figures::{Figures, LevelFigures};
pub use health::{Health, HealthLimits, HealthState, NOT_LOOKED_AT, Reason, SystemStatistics};
pub use job::{EndedJob, Job, JobKind};
pub use metric::{
    DURATION_BUCKETS, ERRORS_TOTAL, JOB_BYTES, JOB_DURATION, JOB_ERRORS, JOB_ROWS, JOBS_TOTAL,
    LEVEL_BYTES, LEVEL_TABLES, Metric, MetricKind, MetricUnit, OPEN_STORES, OPERATION_DURATION,
    OPERATION_ROWS, OPERATIONS_TOTAL, SLOW_JOBS, SLOW_OPERATIONS, UPTIME, WRITE_AMPLIFICATION,
    metrics,
};
pub use observed::Observed;
pub use operation::{Class, Operation};
pub use shape::Shape;
pub use slow::{SlowCall, SlowLog, SlowOptions, SlowSink, TraceSink};
pub use telemetry::{Telemetry, TelemetryOptions, Watch};
