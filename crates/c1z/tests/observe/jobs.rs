//! Long operations: what is counted, what an observer hears, and how they are stopped.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use c1z::engine::{PebbleOptions, PebbleStore};
use c1z::observe::{Job, JobKind, TelemetryOptions};
use c1z::ops::build::{PackOptions, publish_store};
use c1z::ops::verify::{VerifyOptions, verify};
use c1z::ops::{Observer, Progress, SharedObserver, Step};
use c1z::{Error, ErrorKind};
use shingle::vfs::{Clock, Fs, ManualClock, MemFs};
use testkit::golden::Case;

use crate::support::{Scraped, Ticking, grant, watched, write};

/// Remembers what it hears; gives up when its clock passes the deadline. A call takes a second.
struct Patience {
    clock: ManualClock,
    deadline: Duration,
    heard: Mutex<Vec<Progress>>,
}

impl Patience {
    fn of(seconds: u64) -> Arc<Self> {
        Arc::new(Self {
            clock: ManualClock::new(Duration::ZERO),
            deadline: Duration::from_secs(seconds),
            heard: Mutex::default(),
        })
    }
}

impl Observer for Patience {
    fn advanced(&self, progress: &Progress) -> c1z::Result<()> {
        self.heard.lock().unwrap().push(*progress);
        if self.clock.monotonic() >= self.deadline {
            return Err(Error::new(ErrorKind::Cancelled, "out of patience"));
        }
        self.clock.advance(Duration::from_secs(1));
        Ok(())
    }
}

/// A clock that stands still, so that nothing is told but what is counted.
fn still() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Duration::from_hours(500_000)))
}

fn options() -> VerifyOptions {
    VerifyOptions {
        clock: still(),
        ..VerifyOptions::default()
    }
}

#[test]
fn a_job_counts_rows_outcomes_and_time() {
    let (telemetry, handle) = watched(TelemetryOptions {
        clock: Arc::new(Ticking::default()),
        slow: None,
    });
    let path = Case::named("basic").path("v3.indexed_zstd.c1z");
    let patience = Patience::of(u64::MAX);
    let job = Job::start(&telemetry, JobKind::Verify).observed_by(patience.clone());
    let job = Arc::new(job);
    let report = job
        .end(verify(&path, &options(), Arc::clone(&job)))
        .unwrap();
    let stopped = Job::start(&telemetry, JobKind::Verify).observed_by(Patience::of(0));
    let stopped = Arc::new(stopped);
    let error = stopped
        .end(verify(&path, &options(), Arc::clone(&stopped)))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let failed = Arc::new(Job::start(&telemetry, JobKind::Verify));
    failed
        .end(verify("nowhere.c1z", &options(), Arc::clone(&failed)))
        .unwrap_err();
    let scraped = Scraped::of(&telemetry, &handle);
    let ended =
        |outcome| scraped.value("c1z_jobs_total", &[("job", "verify"), ("outcome", outcome)]);
    assert_eq!(
        (ended("done"), ended("cancelled"), ended("failed")),
        (1.0, 1.0, 1.0)
    );
    // Entries of tables in the first step; in the second rows, but for the run, which is looked up.
    let rows = report.checked.entries + report.checked.rows - 1;
    assert_eq!(
        scraped.value("c1z_job_rows_total", &[("job", "verify")]),
        rows as f64
    );
    let count = scraped.value("c1z_job_duration_seconds_count", &[("job", "verify")]);
    assert_eq!(count, 3.0);
    let sum = scraped.value("c1z_job_duration_seconds_sum", &[("job", "verify")]);
    assert!((sum - 0.003).abs() < 1e-9, "{sum}");
}

fn sealed(options: PebbleOptions) -> (Arc<dyn Fs>, PebbleStore) {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let store = PebbleStore::create_in(Arc::clone(&fs), "live", options).unwrap();
    (fs, store)
}

#[test]
fn publishing_tells_bytes_and_can_be_stopped() {
    let (fs, store) = sealed(PebbleOptions::default());
    write(store.engine());
    let publish = |patience: &Arc<Patience>| {
        let options = PackOptions {
            fs: Arc::clone(&fs),
            observer: SharedObserver::new(patience.clone()),
            clock: still(),
            ..PackOptions::default()
        };
        publish_store(&store, Path::new("out.c1z"), &options)
    };
    let mut calls = 0;
    loop {
        let patience = Patience::of(calls);
        match publish(&patience) {
            Ok(_) => break,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Cancelled, "{calls}: {error}");
                assert_eq!(error.to_string(), "out of patience");
                let left = fs.list(Path::new("")).unwrap();
                assert_eq!(left, ["live"], "{calls}");
            }
        }
        calls += 1;
    }
    assert!(calls >= 2, "the start and the end of the step, at least");
    fs.remove_file(Path::new("out.c1z")).unwrap();
    let patience = Patience::of(u64::MAX);
    publish(&patience).unwrap();
    let heard = patience.heard.lock().unwrap();
    assert!(heard.iter().all(|progress| progress.step == Step::Pack));
    let last = heard.last().unwrap();
    assert!(last.bytes > 0);
    assert_eq!(Some(last.bytes), last.bytes_total);
    assert_eq!(heard[0].bytes, 0);
}

#[test]
fn the_end_of_a_sync_tells_rows_and_can_be_stopped() {
    let patience = Patience::of(0);
    let (_fs, store) = sealed(PebbleOptions {
        observer: SharedObserver::new(patience.clone()),
        clock: still(),
        ..PebbleOptions::default()
    });
    let engine = store.engine();
    let sync = engine
        .start_new_sync(&c1z::engine::types::SyncType::Full, "")
        .unwrap();
    let grants: Vec<_> = (0..5_000)
        .map(|n| grant(&format!("g{n}"), "member", &format!("u{n}")))
        .collect();
    engine.put_grants(&grants).unwrap();
    let stopped = engine.end_sync().unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Cancelled);
    assert_eq!(engine.current_sync(), Some(sync.clone()));
    assert!(!engine.get_sync(&sync).unwrap().is_finished());
    drop(store);
    // An hour of patience suffices.
    let patience = Patience::of(3_600);
    let (_fs, store) = sealed(PebbleOptions {
        observer: SharedObserver::new(patience.clone()),
        clock: still(),
        ..PebbleOptions::default()
    });
    let engine = store.engine();
    engine
        .start_new_sync(&c1z::engine::types::SyncType::Full, "")
        .unwrap();
    engine.put_grants(&grants).unwrap();
    engine.end_sync().unwrap();
    let heard = patience.heard.lock().unwrap();
    let rows: Vec<_> = heard
        .iter()
        .map(|progress| (progress.step, progress.rows))
        .collect();
    // Before the first row, after 4,096, and all of them.
    assert_eq!(
        rows,
        [
            (Step::Seal, 0),
            (Step::Seal, 4_096),
            (Step::Seal, 5_000),
            (Step::Indexes, 0),
            (Step::Indexes, 4_096)
        ]
    );
}
