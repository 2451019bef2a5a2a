//! The one place where everything that is watched comes together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::Recorder;
use shingle::vfs::{Clock, OsClock};

use super::figures::Figures;
use super::health::{Health, HealthLimits, SystemStatistics};
use super::job::EndedJob;
use super::meters::Meters;
use super::operation::Operation;
use super::shape::Shape;
use super::slow::{SlowCall, SlowLog, SlowOptions};
use crate::engine::types::SyncId;
use crate::error::ErrorKind;

/// How a program watches.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// What time it is; default that of the system.
    pub clock: Arc<dyn Clock>,
    /// What is slow and where it is said; default: 5 s, through `tracing`. None: there is no slow log.
    pub slow: Option<SlowOptions>,
}

impl Default for TelemetryOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(OsClock),
            slow: Some(SlowOptions::default()),
        }
    }
}

/// Metrics and slow log of any number of stores. Metrics are sums over all of them: give a process one.
pub struct Telemetry {
    pub(super) clock: Arc<dyn Clock>,
    started: Duration,
    meters: Meters,
    slow: Option<SlowLog>,
    slow_calls: AtomicU64,
    stores: Mutex<Stores>,
}

type Source = Arc<dyn Fn() -> Figures + Send + Sync>;

#[derive(Default)]
struct Stores {
    next: u64,
    open: BTreeMap<u64, Source>,
    /// Totals of stores that are closed.
    closed: Figures,
}

/// A call that ended, as counted.
pub(super) struct Ended<'a> {
    pub(super) operation: Operation,
    pub(super) sync: Option<&'a SyncId>,
    pub(super) filter: Shape,
    pub(super) rows: u64,
    pub(super) duration: Duration,
    pub(super) error: Option<ErrorKind>,
}

impl Telemetry {
    /// Registers every metric with `recorder`; [`metrics::with_recorder`] gives the one that the program installed.
    pub fn new(options: TelemetryOptions, recorder: &dyn Recorder) -> Arc<Self> {
        let telemetry = Self {
            started: options.clock.monotonic(),
            clock: options.clock,
            meters: Meters::register(recorder),
            slow: options.slow.map(SlowLog::new),
            slow_calls: AtomicU64::new(0),
            stores: Mutex::default(),
        };
        telemetry.publish();
        Arc::new(telemetry)
    }

    fn stores(&self) -> MutexGuard<'_, Stores> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what `source` says from now on, until the guard is dropped; its totals stay. The guard has to be dropped
    /// before what `source` holds is to be closed.
    pub fn watch(self: &Arc<Self>, source: impl Fn() -> Figures + Send + Sync + 'static) -> Watch {
        let mut stores = self.stores();
        let number = stores.next;
        stores.next += 1;
        stores.open.insert(number, Arc::new(source));
        Watch {
            telemetry: Arc::clone(self),
            number,
        }
    }

    /// The sums over all stores, closed ones with their totals.
    pub fn figures(&self) -> Figures {
        self.sum().0
    }

    fn sum(&self) -> (Figures, usize) {
        let (mut sum, open) = {
            let stores = self.stores();
            let open: Vec<Source> = stores.open.values().cloned().collect();
            (stores.closed.clone(), open)
        };
        // Asked without the lock: a store may be slow to answer.
        for source in &open {
            sum.add(&source());
        }
        (sum, open.len())
    }

    /// Sets the metrics of stores to what they are now; those of calls are always up to date. To be called before each
    /// scrape. O(stores · tables).
    pub fn publish(&self) {
        let (sum, open) = self.sum();
        self.meters.figures(&sum, open, self.uptime());
    }

    /// Time since measuring began.
    pub fn uptime(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.started)
    }

    /// Whether all stores together are well, by what was counted: nothing is read.
    pub fn health(&self, limits: &HealthLimits) -> Health {
        let slow = self.slow_calls.load(Ordering::Relaxed);
        Health::of_figures(&self.figures(), slow, limits)
    }

    /// What all stores together are made of, and what they did since measuring began.
    pub fn system_statistics(&self) -> SystemStatistics {
        SystemStatistics {
            uptime: Some(self.uptime()),
            slow_operations: Some(self.slow_calls.load(Ordering::Relaxed)),
            ..SystemStatistics::from(&self.figures())
        }
    }

    /// A call ended.
    pub(super) fn ended(&self, call: &Ended<'_>) {
        let slow = self.slow.as_ref();
        let slow = slow.filter(|log| log.is_slow(call.duration));
        self.meters
            .call(call.operation, call.duration, call.rows, slow.is_some());
        if let Some(kind) = call.error {
            self.meters.error(kind);
        }
        if let Some(log) = slow {
            self.slow_calls.fetch_add(1, Ordering::Relaxed);
            let entry = SlowCall {
                operation: call.operation,
                sync: call.sync.cloned(),
                filter: call.filter,
                rows: call.rows,
                duration: call.duration,
                failed: call.error.is_some(),
                suppressed: 0,
            };
            log.note(entry, self.clock.monotonic());
        }
    }

    /// A long operation ended.
    pub(super) fn job_ended(&self, job: &EndedJob) {
        let slow = self.slow.as_ref();
        let slow = slow.filter(|log| log.is_slow(job.duration));
        self.meters.job(job, slow.is_some());
        if let Some(log) = slow {
            log.note_job(job);
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Telemetry({} stores)", self.stores().open.len())
    }
}

/// A store that is watched; dropping it ends that.
#[derive(Debug)]
pub struct Watch {
    telemetry: Arc<Telemetry>,
    number: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let source = self.telemetry.stores().open.remove(&self.number);
        if let Some(source) = source {
            let mut last = source();
            last.close();
            self.telemetry.stores().closed.add(&last);
        }
    }
}
