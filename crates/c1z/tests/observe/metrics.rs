//! Values of metrics, worked out by hand.

use std::sync::Arc;

use c1z::OpenOptions;
use c1z::archive::{Archive, ArchiveOptions};
use c1z::engine::tee::{Tee, TeeOptions};
use c1z::engine::{PebbleOptions, PebbleStore, StorageEngine};
use c1z::observe::{MetricKind, Observed, SlowOptions, TelemetryOptions, metrics};
use prometheus_parse::Value;
use shingle::vfs::MemFs;

use crate::support::{Scraped, Ticking, read, watched, workload, write};

fn ticking(slow: Option<SlowOptions>) -> TelemetryOptions {
    TelemetryOptions {
        clock: Arc::new(Ticking::default()),
        slow,
    }
}

fn operation(name: &'static str) -> [(&'static str, &'static str); 1] {
    [("operation", name)]
}

#[test]
fn every_metric_appears_with_its_type_and_meaning_after_a_workload() {
    let (telemetry, handle) = watched(TelemetryOptions::default());
    let opened = workload(&telemetry);
    let scraped = Scraped::of(&telemetry, &handle);
    for metric in metrics() {
        let samples: Vec<_> = scraped
            .0
            .samples
            .iter()
            .filter(|s| s.metric == metric.name)
            .collect();
        assert!(!samples.is_empty(), "{} is missing", metric.name);
        for sample in samples {
            let fits = match sample.value {
                Value::Counter(_) => metric.kind == MetricKind::Counter,
                Value::Gauge(_) => metric.kind == MetricKind::Gauge,
                Value::Histogram(_) => metric.kind == MetricKind::Histogram,
                _ => false,
            };
            assert!(fits, "{}: {sample:?}", metric.name);
            let mut labels: Vec<_> = sample.labels.keys().map(String::as_str).collect();
            labels.sort_unstable();
            let mut expected = metric.labels.to_vec();
            expected.sort_unstable();
            assert_eq!(labels, expected, "{}", metric.name);
        }
        assert_eq!(
            scraped.0.docs.get(metric.name).map(String::as_str),
            Some(metric.help)
        );
    }
    let known = |name: &str| {
        let base = ["_sum", "_count", "_bucket"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        metrics().any(|metric| metric.name == name || Some(metric.name) == base)
    };
    let strangers: Vec<_> = scraped
        .0
        .samples
        .iter()
        .filter(|s| !known(&s.metric))
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    drop(opened);
}

#[test]
fn calls_are_counted_and_timed() {
    let slow = SlowOptions {
        threshold: std::time::Duration::from_millis(6),
        ..SlowOptions::default()
    };
    let (telemetry, handle) = watched(ticking(Some(slow)));
    let options = PebbleOptions {
        telemetry: Some(Arc::clone(&telemetry)),
        ..PebbleOptions::default()
    };
    let store = PebbleStore::in_memory(options).unwrap();
    write(store.engine());
    read(store.engine(), 4);
    let scraped = Scraped::of(&telemetry, &handle);
    let calls = |name| scraped.value("c1z_operations_total", &operation(name));
    let rows = |name| scraped.value("c1z_operation_rows_total", &operation(name));
    let slow = |name| scraped.value("c1z_slow_operations_total", &operation(name));
    let seconds = |name| scraped.value("c1z_operation_duration_seconds_sum", &operation(name));
    // The second call had no grants.
    assert_eq!((calls("put_grants"), rows("put_grants")), (2.0, 5.0));
    assert_eq!((calls("put_resources"), rows("put_resources")), (1.0, 3.0));
    // Five grants in pages of two, then four.
    assert_eq!((calls("list_grants"), rows("list_grants")), (5.0, 9.0));
    assert_eq!((calls("get_grant"), rows("get_grant")), (2.0, 0.0));
    assert_eq!((calls("delete_grant"), rows("delete_grant")), (1.0, 1.0));
    assert_eq!((calls("stream_grants"), rows("stream_grants")), (2.0, 9.0));
    assert_eq!((calls("end_sync"), calls("checkpoint_sync")), (1.0, 1.0));
    assert_eq!(calls("put_grants_if_newer"), 0.0);
    assert_eq!(
        scraped.value("c1z_errors_total", &[("kind", "not_found")]),
        2.0
    );
    assert_eq!(
        scraped.value("c1z_errors_total", &[("kind", "data_loss")]),
        0.0
    );
    // A millisecond a call; a stream: its opening, each row, and its end.
    assert!((seconds("list_grants") - 0.005).abs() < 1e-9);
    assert!((seconds("stream_grants") - (0.007 + 0.006)).abs() < 1e-9);
    // Only the stream of five rows took longer than six milliseconds.
    assert_eq!((slow("stream_grants"), slow("list_grants")), (1.0, 0.0));
    let buckets = scraped.buckets(
        "c1z_operation_duration_seconds",
        &operation("stream_grants"),
    );
    let of = |bound: &str| buckets.get(bound).copied();
    assert_eq!(
        (of("0.005"), of("0.025"), of("inf")),
        (Some(0.0), Some(2.0), Some(2.0)),
        "{buckets:?}"
    );
}

#[test]
fn figures_of_a_database_are_those_of_its_writes() {
    let (telemetry, handle) = watched(ticking(None));
    let fs: Arc<dyn shingle::vfs::Fs> = Arc::new(MemFs::new());
    let options = PebbleOptions {
        telemetry: Some(Arc::clone(&telemetry)),
        ..PebbleOptions::default()
    };
    let store = PebbleStore::create_in(fs, "live", options).unwrap();
    write(store.engine());
    let scraped = Scraped::of(&telemetry, &handle);
    let value = |name| scraped.value(name, &[]);
    // The stamps of the layout, the start, four puts, the checkpoint, the deletion.
    assert_eq!(value("c1z_write_batches_total"), 8.0);
    // Two stamps, the run, 2 + 3 + 2 + 5 records, the run again, one deleted.
    assert_eq!(value("c1z_write_rows_total"), 2.0 + 1.0 + 12.0 + 1.0 + 1.0);
    // The barrier of the checkpoint; the seal needs no log.
    assert_eq!(value("c1z_wal_syncs_total"), 1.0);
    assert_eq!(value("c1z_seals_total"), 1.0);
    assert_eq!(value("c1z_compactions_total"), 0.0);
    assert_eq!(value("c1z_flushes_total"), 0.0);
    assert_eq!(value("c1z_open_stores"), 1.0);
    assert_eq!(value("c1z_memtable_bytes"), 0.0);
    assert_eq!(value("c1z_wal_size_bytes"), 0.0);
    let written = value("c1z_wal_bytes_total") + value("c1z_folded_bytes_total");
    let amplification = written / value("c1z_write_bytes_total");
    assert!((value("c1z_write_amplification") - amplification).abs() < 1e-9);
    let last = scraped.value("c1z_level_bytes", &[("level", "6")]);
    assert_eq!(value("c1z_database_size_bytes"), last);
    assert!(last > 0.0 && last == value("c1z_folded_bytes_total"));
    assert!(scraped.value("c1z_level_tables", &[("level", "6")]) >= 1.0);
    assert_eq!(scraped.value("c1z_level_tables", &[("level", "0")]), 0.0);
}

#[test]
fn totals_stay_when_stores_close_and_states_go() {
    let (telemetry, handle) = watched(ticking(None));
    let opened = workload(&telemetry);
    let before = Scraped::of(&telemetry, &handle);
    assert_eq!(before.value("c1z_open_stores", &[]), 2.0);
    assert_eq!(
        before.value("c1z_memory_limit_bytes", &[]),
        2.0 * 268_435_456.0
    );
    let size =
        opened.v3.envelope().unwrap().file_len() + opened.v1.reader().size_on_disk().unwrap();
    assert_eq!(before.value("c1z_database_size_bytes", &[]), size as f64);
    // The same record twice: the second read found its block.
    assert!(before.value("c1z_cache_hits_total", &[]) > 0.0);
    assert_eq!(before.value("c1z_seals_total", &[]), 1.0);
    assert_eq!(
        before.value("c1z_jobs_total", &[("job", "publish"), ("outcome", "done")]),
        1.0
    );
    drop(opened);
    let after = Scraped::of(&telemetry, &handle);
    for gauge in [
        "c1z_open_stores",
        "c1z_database_size_bytes",
        "c1z_cache_bytes",
        "c1z_memory_used_bytes",
    ] {
        assert_eq!(after.value(gauge, &[]), 0.0, "{gauge}");
    }
    for metric in
        metrics().filter(|metric| metric.kind == MetricKind::Counter && metric.labels.is_empty())
    {
        let (was, is) = (
            before.value(metric.name, &[]),
            after.value(metric.name, &[]),
        );
        assert!(was <= is, "{}: {was}, then {is}", metric.name);
    }
    assert!(after.value("c1z_page_lookups_total", &[]) > 0.0);
}

#[test]
fn a_new_handle_does_not_count_its_store_twice() {
    let (telemetry, _) = watched(ticking(None));
    let fs: Arc<dyn shingle::vfs::Fs> = Arc::new(MemFs::new());
    let options = PebbleOptions {
        telemetry: Some(Arc::clone(&telemetry)),
        ..PebbleOptions::default()
    };
    let store = PebbleStore::create_in(fs, "live", options).unwrap();
    write(store.engine());
    let before = telemetry.figures();
    let store = store.reopen(true).unwrap();
    assert_eq!(telemetry.figures().write_batches, before.write_batches);
    drop(store);
    assert_eq!(telemetry.figures().write_batches, before.write_batches);
}

#[test]
fn a_folder_of_syncs_is_watched_and_its_entries_count() {
    let (telemetry, handle) = watched(ticking(None));
    let fs: Arc<dyn shingle::vfs::Fs> = Arc::new(MemFs::new());
    let options = ArchiveOptions {
        reading: OpenOptions {
            fs,
            telemetry: Some(Arc::clone(&telemetry)),
            ..OpenOptions::default()
        },
        ..ArchiveOptions::default()
    };
    let archive = Archive::create("syncs", options).unwrap();
    write(archive.engine());
    let scraped = Scraped::of(&telemetry, &handle);
    let calls = |name| scraped.value("c1z_operations_total", &operation(name));
    // Each call once: that of the folder, not that of its entry too.
    assert_eq!((calls("put_grants"), calls("end_sync")), (2.0, 1.0));
    // Five grants in pages of two.
    assert_eq!(calls("list_grants"), 3.0);
    assert_eq!(scraped.value("c1z_seals_total", &[]), 1.0);
    assert!(scraped.value("c1z_wal_bytes_total", &[]) > 0.0);
    let size = archive.engine().size_on_disk().unwrap();
    assert_eq!(
        scraped.value("c1z_database_size_bytes", &[]),
        size as f64,
        "an entry that is open counts once"
    );
    drop(archive);
    let after = Scraped::of(&telemetry, &handle);
    assert_eq!(after.value("c1z_open_stores", &[]), 0.0);
    assert_eq!(after.value("c1z_seals_total", &[]), 1.0);
}

#[test]
fn a_tee_is_watched_as_any_engine() {
    let (telemetry, handle) = watched(ticking(None));
    let tee = Tee::pebble_and_model(PebbleOptions::default(), TeeOptions::default()).unwrap();
    write(&Observed::new(&tee as &dyn StorageEngine, &telemetry));
    let scraped = Scraped::of(&telemetry, &handle);
    let calls = |name| scraped.value("c1z_operations_total", &operation(name));
    assert_eq!((calls("put_grants"), calls("list_grants")), (2.0, 3.0));
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_is_watched_too() {
    let (telemetry, handle) = watched(ticking(None));
    let folder = tempfile::tempdir().unwrap();
    let options = c1z::engine::SqliteOptions {
        telemetry: Some(Arc::clone(&telemetry)),
        ..c1z::engine::SqliteOptions::default()
    };
    let store = c1z::engine::SqliteStore::create_in(folder.path(), options).unwrap();
    write(store.engine());
    let scraped = Scraped::of(&telemetry, &handle);
    let calls = |name| scraped.value("c1z_operations_total", &operation(name));
    assert_eq!((calls("put_grants"), calls("list_grants")), (2.0, 3.0));
    let size = scraped.value("c1z_database_size_bytes", &[]);
    assert_eq!(size, store.engine().size_on_disk().unwrap() as f64);
}

/// The kinds of what the proposal asks for, each with a metric that shows it.
#[test]
fn everything_that_was_asked_for_is_measured() {
    let (telemetry, handle) = watched(TelemetryOptions::default());
    let _opened = workload(&telemetry);
    let scraped = Scraped::of(&telemetry, &handle);
    for name in [
        "c1z_operations_total",
        "c1z_operation_duration_seconds",
        "c1z_write_bytes_total",
        "c1z_operation_rows_total",
        "c1z_compactions_total",
        "c1z_flushes_total",
        "c1z_level_tables",
        "c1z_level_bytes",
        "c1z_write_amplification",
        "c1z_cache_hits_total",
        "c1z_cache_misses_total",
        "c1z_filter_negatives_total",
        "c1z_wal_bytes_total",
        "c1z_wal_size_bytes",
        "c1z_memory_used_bytes",
        "c1z_memory_limit_bytes",
        "c1z_database_size_bytes",
        "c1z_slow_operations_total",
        "c1z_errors_total",
        "c1z_job_errors_total",
    ] {
        let found = scraped.0.samples.iter().any(|s| s.metric == name);
        assert!(found, "{name}");
    }
    let classes: std::collections::BTreeSet<_> = scraped
        .0
        .samples
        .iter()
        .filter_map(|s| s.labels.get("class"))
        .collect();
    assert_eq!(
        classes.into_iter().collect::<Vec<_>>(),
        ["delete", "lifecycle", "read", "scan", "write"]
    );
}
