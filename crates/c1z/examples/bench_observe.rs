//! What watching costs: a bulk write and a full list, with metrics or without (`just bench-observe`).
//!
//! ```text
//! bench_observe write|list|calls on|off ROWS
//! ```
//!
//! The work of both runs is the same; count the instructions of each from outside. `calls` is the worst case, point reads
//! of a store in memory, and prints the memory of the process before and after: the exporter keeps the duration of each
//! call until its upkeep.

#![allow(clippy::print_stdout, reason = "a program whose output is its result")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use buffa::MessageField;
use c1z::engine::types::{ResourceRef, SyncType};
use c1z::engine::{GrantFilter, PebbleOptions, PebbleStore, Scope};
use c1z::observe::{DURATION_BUCKETS, Telemetry, TelemetryOptions};
use c1z_proto::connector::v2;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use shingle::vfs::{Clock, Fs, MemFs, OsClock};
use testkit::usage::usage;

/// Grants of a call, as connectors write them.
const BATCH: usize = 1_000;
/// Calls between two upkeeps of the exporter: what some seconds of calls are.
const UPKEEP: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [work, metrics, rows] = &args[..] else {
        return Err("usage: bench_observe write|list|calls on|off ROWS".into());
    };
    let (telemetry, handle) = watched()?;
    let telemetry = (metrics == "on").then_some(telemetry);
    let rows: usize = rows.parse()?;
    match work.as_str() {
        "write" => write(telemetry, rows),
        "list" => list(telemetry, rows),
        "calls" => calls(telemetry, &handle, rows),
        other => Err(format!("no such work: {other}").into()),
    }
}

/// The system's clock, running so many times slower: under an instruction counter everything takes so much longer, and
/// the time of a row decides whether the next one is timed.
#[derive(Debug)]
struct Divided(u32);

impl Clock for Divided {
    fn now(&self) -> SystemTime {
        OsClock.now()
    }

    fn monotonic(&self) -> Duration {
        OsClock.monotonic() / self.0
    }
}

fn watched() -> Result<(Arc<Telemetry>, PrometheusHandle), Box<dyn Error>> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&DURATION_BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    let divisor = std::env::var("C1Z_CLOCK_DIVISOR").unwrap_or_default();
    let options = TelemetryOptions {
        clock: Arc::new(Divided(divisor.parse().unwrap_or(1))),
        ..TelemetryOptions::default()
    };
    Ok((Telemetry::new(options, &recorder), handle))
}

/// A store on a disk in memory with a sync of so many grants, not ended.
fn filled(telemetry: Option<Arc<Telemetry>>, rows: usize) -> Result<PebbleStore, Box<dyn Error>> {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let options = PebbleOptions {
        telemetry,
        threads: 1,
        ..PebbleOptions::default()
    };
    let store = PebbleStore::create_in(fs, "live", options)?;
    store.engine().start_new_sync(&SyncType::Full, "")?;
    for first in (0..rows).step_by(BATCH) {
        let grants: Vec<_> = (first..rows.min(first + BATCH)).map(grant).collect();
        store.engine().put_grants(&grants)?;
    }
    Ok(store)
}

fn write(telemetry: Option<Arc<Telemetry>>, rows: usize) -> Result<(), Box<dyn Error>> {
    let started = OsClock.monotonic();
    let store = filled(telemetry, rows)?;
    store.engine().end_sync()?;
    println!(
        "write {rows} grants: {:?}",
        OsClock.monotonic().saturating_sub(started)
    );
    Ok(())
}

fn list(telemetry: Option<Arc<Telemetry>>, rows: usize) -> Result<(), Box<dyn Error>> {
    let store = filled(telemetry, rows)?;
    store.engine().end_sync()?;
    let started = OsClock.monotonic();
    let mut seen = 0;
    for _ in 0..3 {
        let filter = GrantFilter::default();
        for row in store.engine().stream_grants(&Scope::Default, &filter)? {
            row?;
            seen += 1;
        }
    }
    println!(
        "list {seen} grants: {:?}",
        OsClock.monotonic().saturating_sub(started)
    );
    Ok(())
}

fn calls(
    telemetry: Option<Arc<Telemetry>>,
    handle: &PrometheusHandle,
    count: usize,
) -> Result<(), Box<dyn Error>> {
    let store = filled(telemetry, 1)?;
    let id = ResourceRef::new("user", "nobody");
    let (_, before) = usage();
    let started = OsClock.monotonic();
    for call in 0..count {
        let found = store.engine().get_resource(&Scope::Default, &id);
        if found.is_ok() {
            return Err("nobody is there".into());
        }
        if call % UPKEEP == UPKEEP - 1 && std::env::var_os("C1Z_NO_UPKEEP").is_none() {
            handle.run_upkeep();
        }
    }
    let more = usage().1.saturating_sub(before);
    println!(
        "{count} calls: {:?}, {more} MiB more",
        OsClock.monotonic().saturating_sub(started)
    );
    Ok(())
}

fn resource(of: &str, id: String) -> v2::Resource {
    v2::Resource {
        id: MessageField::some(v2::ResourceId {
            resource_type: of.into(),
            resource: id,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn grant(n: usize) -> v2::Grant {
    v2::Grant {
        id: format!("grant-{n}"),
        entitlement: MessageField::some(v2::Entitlement {
            id: format!("group:{}:member", n % 500),
            resource: MessageField::some(resource("group", format!("{}", n % 500))),
            ..Default::default()
        }),
        principal: MessageField::some(resource("user", format!("user-{n}"))),
        ..Default::default()
    }
}
