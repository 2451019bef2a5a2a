//! The slow log: what is in it, how often, and that nothing of a record is.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use c1z::ErrorKind;
use c1z::ops::build::{PackOptions, publish_store};
use c1z::ops::verify::{VerifyOptions, verify};
use c1z::ops::{Observer, Progress, Report, Reporter, SharedObserver, Step};
use shingle::vfs::{Fs, MemFs};

use c1z::engine::types::SyncType;
use c1z::engine::{GrantFilter, PageRequest, PebbleOptions, PebbleStore, Scope};
use c1z::observe::{
    EndedJob, HealthLimits, Job, JobKind, Operation, Shape, SlowCall, SlowLog, SlowOptions,
    SlowSink, Telemetry, TelemetryOptions,
};
use proptest::prelude::*;
use testkit::clock::ManualClock;

use crate::support::{Ticking, grant, resource, watched};

/// Keeps what it gets.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<SlowCall>>, Mutex<Vec<EndedJob>>);

impl SlowSink for Kept {
    fn slow(&self, call: &SlowCall) {
        self.0.lock().unwrap().push(call.clone());
    }

    fn slow_job(&self, job: &EndedJob) {
        self.1.lock().unwrap().push(*job);
    }
}

fn options(threshold: Duration, sink: &Arc<Kept>) -> SlowOptions {
    SlowOptions {
        threshold,
        sink: sink.clone(),
        ..SlowOptions::default()
    }
}

fn call(operation: Operation) -> SlowCall {
    SlowCall {
        operation,
        sync: None,
        filter: Shape::NONE,
        rows: 7,
        duration: Duration::from_secs(6),
        failed: false,
        suppressed: 0,
    }
}

#[test]
fn five_seconds_are_the_threshold() {
    let log = SlowLog::new(SlowOptions::default());
    assert!(!log.is_slow(Duration::from_secs(5)));
    assert!(log.is_slow(Duration::from_millis(5_001)));
}

#[test]
fn one_entry_a_minute_of_each_operation() {
    let sink = Arc::new(Kept::default());
    let log = SlowLog::new(options(Duration::ZERO, &sink));
    for second in 0..180 {
        log.note(call(Operation::PutGrants), Duration::from_secs(second));
    }
    log.note(call(Operation::EndSync), Duration::from_secs(179));
    let kept = sink.0.lock().unwrap();
    let said: Vec<_> = kept
        .iter()
        .map(|call| (call.operation, call.suppressed))
        .collect();
    let puts = Operation::PutGrants;
    assert_eq!(
        said,
        [(puts, 0), (puts, 59), (puts, 59), (Operation::EndSync, 0)]
    );
}

#[test]
fn an_entry_says_what_was_asked_and_not_with_what() {
    let sink = Arc::new(Kept::default());
    let (telemetry, _handle) = watched(TelemetryOptions {
        clock: Arc::new(Ticking::default()),
        slow: Some(options(Duration::ZERO, &sink)),
    });
    let store = PebbleStore::in_memory(PebbleOptions {
        telemetry: Some(telemetry),
        ..PebbleOptions::default()
    });
    let store = store.unwrap();
    let engine = store.engine();
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine
        .put_grants(&[grant("1", "member", "a"), grant("2", "member", "b")])
        .unwrap();
    let filter = GrantFilter {
        entitlement_resource_type: "group".into(),
        has_expansion: Some(false),
        ..GrantFilter::default()
    };
    let scope = Scope::Sync(sync.clone());
    engine
        .list_grants(&scope, &filter, &PageRequest::first(10))
        .unwrap();
    let lines: Vec<String> = sink
        .0
        .lock()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        lines[1..],
        [
            "slow operation=`put_grants` sync=`default` filter=`none` rows=`2` seconds=`0.001` failed=`false` suppressed=`0`".to_owned(),
            format!("slow operation=`list_grants` sync=`{sync}` filter=`entitlement_resource_type+has_expansion` rows=`2` seconds=`0.001` failed=`false` suppressed=`0`"),
        ]
    );
}

#[test]
fn a_clock_that_stands_still_makes_nothing_slow() {
    let sink = Arc::new(Kept::default());
    let clock = Arc::new(ManualClock::at(c1z::engine::types::Timestamp {
        seconds: 1_800_000_000,
        nanos: 0,
    }));
    let (telemetry, _handle) = watched(TelemetryOptions {
        clock,
        slow: Some(options(Duration::ZERO, &sink)),
    });
    let store = PebbleStore::in_memory(PebbleOptions {
        telemetry: Some(telemetry),
        ..PebbleOptions::default()
    });
    store
        .unwrap()
        .engine()
        .start_new_sync(&SyncType::Full, "")
        .unwrap();
    assert!(sink.0.lock().unwrap().is_empty());
}

/// Appears in every text of a record, filter, key and token, and nowhere else.
const MARK: &str = "MARKED";

/// What is said of a store: progress, jobs, health.
fn lines_about(store: &PebbleStore, telemetry: &Arc<Telemetry>) -> Vec<String> {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&lines);
    let say = move |report: &Report| {
        let mut kept = kept.lock().unwrap();
        kept.extend([report.to_string(), format!("{report:?}")]);
    };
    let clock = Arc::new(Ticking::default());
    let reporter = Arc::new(Reporter::new(clock, Duration::ZERO, Box::new(say)));
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let job = Arc::new(Job::start(telemetry, JobKind::Publish).observed_by(reporter.clone()));
    let pack = PackOptions {
        fs: Arc::clone(&fs),
        observer: SharedObserver::new(job.clone()),
        ..PackOptions::default()
    };
    job.end(publish_store(store, Path::new("out.c1z"), &pack))
        .unwrap();
    let verifying = VerifyOptions {
        fs,
        ..VerifyOptions::default()
    };
    verify("out.c1z", &verifying, reporter.clone()).unwrap();
    let tight = HealthLimits {
        size_max: 0,
        slow_max: 0,
        memory_percent_max: 0,
    };
    let mut lines = lines.lock().unwrap().clone();
    let job = reporter.ended();
    lines.extend([job.to_string(), format!("{job:?}")]);
    for health in [store.health(&tight), telemetry.health(&tight)] {
        lines.extend(health.reasons().iter().map(ToString::to_string));
        lines.push(format!("{health:?}"));
    }
    lines
}

#[test]
fn slow_jobs_are_told_with_rows_bytes_and_outcome() {
    let sink = Arc::new(Kept::default());
    let (telemetry, handle) = watched(TelemetryOptions {
        clock: Arc::new(Ticking::default()),
        slow: Some(options(Duration::ZERO, &sink)),
    });
    let job = Job::start(&telemetry, JobKind::Merge);
    for (rows, moved) in [(0, 0), (70, 4_000), (0, 5_000), (30, 6_000)] {
        let progress = Progress {
            rows,
            moved,
            ..Progress::of(Step::Rows)
        };
        job.advanced(&progress).unwrap();
    }
    job.ended(Some(ErrorKind::DataLoss));
    let lines: Vec<_> = sink
        .1
        .lock()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        lines,
        ["slow job=`merge` rows=`100` bytes=`6000` seconds=`0.001` outcome=`failed`"]
    );
    let scraped = crate::support::Scraped::of(&telemetry, &handle);
    let of_job = |name| scraped.value(name, &[("job", "merge")]);
    assert_eq!(of_job("c1z_slow_jobs_total"), 1.0);
    assert_eq!(of_job("c1z_job_moved_bytes_total"), 6000.0);
    assert_eq!(of_job("c1z_job_rows_total"), 100.0);
    assert_eq!(
        scraped.value("c1z_job_errors_total", &[("kind", "data_loss")]),
        1.0
    );
    assert_eq!(
        scraped.value("c1z_jobs_total", &[("job", "merge"), ("outcome", "failed")]),
        1.0
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_of_a_record_is_logged_or_labelled(ids in prop::collection::vec("[a-z:/=`\\n]{0,8}", 1..6)) {
        let sink = Arc::new(Kept::default());
        let (telemetry, handle) = watched(TelemetryOptions {
            clock: Arc::new(Ticking::default()),
            slow: Some(options(Duration::ZERO, &sink)),
        });
        let store = PebbleStore::in_memory(PebbleOptions {
            telemetry: Some(Arc::clone(&telemetry)),
            ..PebbleOptions::default()
        }).unwrap();
        let engine = store.engine();
        let sync = engine.start_new_sync(&SyncType::Full, &format!("{MARK}{}", ids[0])).ok();
        let sync = sync.unwrap_or_else(|| engine.start_new_sync(&SyncType::Full, "").unwrap());
        for id in &ids {
            let id = format!("{MARK}{id}");
            engine.put_resources(&[resource(&id, &id)]).unwrap();
            engine.put_grants(&[grant(&id, &id, &id)]).unwrap();
            engine.put_asset(&id, &id, &mut id.as_bytes()).unwrap();
            engine.session_set(&sync, &id, &id, id.as_bytes()).unwrap();
            engine.checkpoint_sync(&id).unwrap();
            let filter = GrantFilter { principal_resource_type: id.clone(), ..GrantFilter::default() };
            let _page = engine.list_grants(&Scope::Default, &filter, &PageRequest::first(1)).unwrap();
            let bad = PageRequest { token: id.clone(), ..PageRequest::first(1) };
            let _refused = engine.list_grants(&Scope::Default, &filter, &bad).unwrap_err();
            let _missing = engine.get_resource_type(&Scope::Default, &id).unwrap_err();
            let _rows = engine.stream_grants(&Scope::Default, &filter).unwrap().count();
            engine.delete_grant(&id).unwrap();
        }
        engine.end_sync().unwrap();
        let lines = lines_about(&store, &telemetry);
        prop_assert!(lines.len() >= 10, "{:?}", lines);
        for line in lines {
            prop_assert!(!line.contains(MARK), "{}", line);
        }
        for job in sink.1.lock().unwrap().iter() {
            let (line, debug) = (job.to_string(), format!("{job:?}"));
            prop_assert!(!line.contains(MARK) && !debug.contains(MARK), "{}", line);
        }
        telemetry.publish();
        let kept = sink.0.lock().unwrap();
        prop_assert!(kept.len() >= 8);
        for call in kept.iter() {
            prop_assert!(!call.to_string().contains(MARK), "{}", call);
            let debug = format!("{call:?}");
            prop_assert!(!debug.contains(MARK), "{}", debug);
        }
        let text = handle.render();
        prop_assert!(!text.contains(MARK));
        let debug = format!("{telemetry:?}");
        prop_assert!(!debug.contains(MARK));
    }
}
