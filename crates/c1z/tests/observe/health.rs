//! Health and system statistics, and compaction of live stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use c1z::archive::{Archive, ArchiveOptions};
use c1z::engine::types::SyncType;
use c1z::engine::{GrantFilter, PageRequest, PebbleOptions, PebbleStore, Scope};
use c1z::observe::{HealthLimits, HealthState, Reason, SystemStatistics, TelemetryOptions};
use c1z::ops::{NoObserver, Observer, Progress, Step};
use c1z::{Error, ErrorKind, OpenOptions};
use shingle::live::CompactionPolicy;
use shingle::vfs::{FaultFs, FaultPlan, Fs, ManualClock, MemFs};
use testkit::golden::Case;

use crate::support::{grant, read, watched, workload, write};

#[test]
fn files_directories_and_folders_are_healthy() {
    let limits = HealthLimits::default();
    for file in ["v1.c1z", "v3.indexed_zstd.c1z"] {
        let path = Case::named("realistic").path(file);
        let store = c1z::open(&path).unwrap();
        let health = store.health(&limits);
        assert_eq!(health.state(), HealthState::Healthy, "{file}: {health:?}");
        let statistics = SystemStatistics::from(&store.figures());
        assert_eq!(statistics.size, path.metadata().unwrap().len());
    }
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let store = PebbleStore::create_in(Arc::clone(&fs), "live", PebbleOptions::default()).unwrap();
    write(store.engine());
    assert_eq!(store.health(&limits).state(), HealthState::Healthy);
    let statistics = SystemStatistics::from(&store.figures());
    assert_eq!(statistics.levels[6].bytes, statistics.size);
    let options = ArchiveOptions {
        reading: OpenOptions {
            fs,
            ..OpenOptions::default()
        },
        ..ArchiveOptions::default()
    };
    let archive = Archive::create("syncs", options).unwrap();
    write(archive.engine());
    assert_eq!(archive.health(&limits).state(), HealthState::Healthy);
    let small = HealthLimits {
        size_max: 1,
        ..limits
    };
    for health in [archive.health(&small), store.health(&small)] {
        assert_eq!(health.state(), HealthState::Degraded);
        assert!(matches!(health.reasons(), [Reason::Size { max: 1, .. }]));
    }
}

#[test]
fn a_failed_write_and_a_failed_read_are_unhealthy() {
    let mem: Arc<dyn Fs> = Arc::new(MemFs::new());
    let faults = FaultFs::new(mem, FaultPlan::none());
    let fs: Arc<dyn Fs> = Arc::new(faults.clone());
    let store = PebbleStore::create_in(fs, "live", PebbleOptions::default()).unwrap();
    store.engine().start_new_sync(&SyncType::Full, "").unwrap();
    assert_eq!(
        store.health(&HealthLimits::default()).state(),
        HealthState::Healthy
    );
    faults.arm(FaultPlan::parse("fail write 0..").unwrap());
    store
        .engine()
        .put_grants(&[grant("g", "member", "u")])
        .unwrap_err();
    let health = store.health(&HealthLimits::default());
    assert_eq!(health.state(), HealthState::Unhealthy);
    assert_eq!(health.reasons().first(), Some(&Reason::Poisoned));
}

#[test]
fn many_slow_calls_degrade_and_statistics_tell_the_uptime() {
    let slow = c1z::observe::SlowOptions {
        threshold: Duration::ZERO,
        ..c1z::observe::SlowOptions::default()
    };
    let (telemetry, _handle) = watched(TelemetryOptions {
        clock: Arc::new(crate::support::Ticking::default()),
        slow: Some(slow),
    });
    let limits = HealthLimits::default();
    let opened = workload(&telemetry);
    assert_eq!(telemetry.health(&limits).state(), HealthState::Healthy);
    for _ in 0..40 {
        read(opened.v3.reader(), 4);
    }
    let statistics = telemetry.system_statistics();
    assert!(statistics.slow_operations > Some(100));
    assert!(statistics.uptime > Some(Duration::from_millis(100)));
    assert_eq!(statistics.compactions, 0);
    let health = telemetry.health(&limits);
    assert_eq!(health.state(), HealthState::Degraded);
    let reasons: Vec<_> = health.reasons().iter().map(Reason::as_str).collect();
    assert_eq!(reasons, ["slow_operations"]);
}

/// A store whose grants were written eight times over, in runs that nobody merged.
fn fragmented() -> (Arc<dyn Fs>, PebbleStore) {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let options = PebbleOptions {
        // Times of records have lengths.
        clock: Arc::new(ManualClock::new(Duration::from_hours(500_000))),
        write_buffer_bytes_max: 16 << 10,
        compaction: CompactionPolicy {
            fan_in: 64,
            background: false,
        },
        ..PebbleOptions::default()
    };
    let store = PebbleStore::create_in(Arc::clone(&fs), "live", options).unwrap();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    for round in 0..8 {
        let grants: Vec<_> = (0..400)
            .map(|n| grant(&format!("{round}-{n}"), "member", &format!("u{n}")))
            .collect();
        engine.put_grants(&grants).unwrap();
        let resources: Vec<_> = (0..200)
            .map(|n| crate::support::resource("user", &format!("u{n}")))
            .collect();
        engine.put_resources(&resources).unwrap();
    }
    (fs, store)
}

fn grants_of(store: &PebbleStore) -> Vec<c1z_proto::connector::v2::Grant> {
    let page = PageRequest::first(10_000);
    let grants = store
        .engine()
        .list_grants(&Scope::Default, &GrantFilter::default(), &page);
    grants
        .unwrap()
        .rows
        .into_iter()
        .map(|row| row.grant)
        .collect()
}

/// Gives up before the n-th family.
struct GivesUp(AtomicU64);

impl Observer for GivesUp {
    fn advanced(&self, progress: &Progress) -> c1z::Result<()> {
        assert_eq!(progress.step, Step::Compact);
        if self.0.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Err(Error::new(ErrorKind::Cancelled, "enough"));
        }
        Ok(())
    }
}

#[test]
fn a_live_store_is_compacted_at_any_time_and_answers_as_before() {
    let (_fs, store) = fragmented();
    let before = grants_of(&store);
    assert_eq!(before.len(), 400);
    let done = store.compact(&NoObserver).unwrap();
    println!("{} bytes became {}", done.bytes_before, done.bytes_after);
    assert!(done.bytes_after * 3 < done.bytes_before, "{done:?}");
    assert_eq!(grants_of(&store), before);
    let again = store.compact(&NoObserver).unwrap();
    assert_eq!((again.families, again.bytes_after), (0, again.bytes_before));
    store
        .engine()
        .put_grants(&[grant("x", "member", "x")])
        .unwrap();
    store.engine().end_sync().unwrap();
    assert_eq!(grants_of(&store).len(), 401);
    // Sealed: nothing to give back.
    assert_eq!(store.compact(&NoObserver).unwrap().families, 0);
}

#[test]
fn a_compaction_that_was_stopped_goes_on_where_it_was() {
    let (_fs, whole) = fragmented();
    let total = whole.compact(&NoObserver).unwrap().families;
    assert!(total >= 2, "{total}");
    let (_fs, store) = fragmented();
    let before = grants_of(&store);
    let mut calls = 0;
    // Each attempt gets one family further than the one before.
    let left = loop {
        match store.compact(&GivesUp(AtomicU64::new(calls))) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Cancelled),
            Ok(done) => break done.families,
        }
        assert_eq!(grants_of(&store), before);
        calls += 1;
    };
    assert_eq!(left, 0, "all was done by attempts that were stopped");
    assert_eq!(store.figures().size, whole.figures().size);
}
