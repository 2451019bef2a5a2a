//! Clocks, records, the workload, and what a scrape says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use buffa::MessageField;
use c1z::engine::types::{ResourceRef, SyncType};
use c1z::engine::{
    GrantFilter, PageRequest, PebbleOptions, PebbleStore, Reader, ResourceFilter, Scope,
    StorageEngine,
};
use c1z::observe::{DURATION_BUCKETS, Job, JobKind, Telemetry, TelemetryOptions};
use c1z::ops::build::{PackOptions, publish_store};
use c1z::{ErrorKind, OpenOptions};
use c1z_proto::connector::v2;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use prometheus_parse::{Sample, Scrape, Value};
use shingle::vfs::{Clock, MemFs};
use testkit::golden::Case;

/// A clock that moves one millisecond whenever it is read.
#[derive(Debug, Default)]
pub(crate) struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Telemetry and the exporter that it is registered with.
pub(crate) fn watched(options: TelemetryOptions) -> (Arc<Telemetry>, PrometheusHandle) {
    let builder = PrometheusBuilder::new()
        .set_buckets(&DURATION_BUCKETS)
        .unwrap();
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    (Telemetry::new(options, &recorder), handle)
}

/// What a scrape says, read by a foreign parser.
pub(crate) struct Scraped(pub(crate) Scrape);

impl Scraped {
    pub(crate) fn of(telemetry: &Telemetry, handle: &PrometheusHandle) -> Self {
        telemetry.publish();
        let text = handle.render();
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        Self(Scrape::parse(lines).unwrap())
    }

    fn samples<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        let has = |sample: &Sample| {
            let mut labels = labels.iter();
            labels.all(|(name, value)| sample.labels.get(name) == Some(*value))
        };
        let named = self.0.samples.iter().filter(move |s| s.metric == name);
        named.filter(move |sample| has(sample))
    }

    /// The one value with these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found: Vec<_> = self.samples(name, labels).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
        match found[0].value {
            Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => value,
            ref other => panic!("{name}: {other:?}"),
        }
    }

    /// Labels and counts of the buckets of a histogram, cumulative.
    pub(crate) fn buckets(&self, name: &str, labels: &[(&str, &str)]) -> BTreeMap<String, f64> {
        let found: Vec<_> = self.samples(name, labels).collect();
        let Value::Histogram(buckets) = &found[0].value else {
            panic!("{name}: {found:?}")
        };
        let pairs = buckets.iter().map(|b| (b.less_than.to_string(), b.count));
        pairs.collect()
    }
}

pub(crate) fn resource(of: &str, id: &str) -> v2::Resource {
    v2::Resource {
        id: MessageField::some(v2::ResourceId {
            resource_type: of.into(),
            resource: id.into(),
            ..Default::default()
        }),
        display_name: id.to_uppercase(),
        ..Default::default()
    }
}

pub(crate) fn entitlement(id: &str) -> v2::Entitlement {
    v2::Entitlement {
        id: id.into(),
        resource: MessageField::some(resource("group", "g")),
        ..Default::default()
    }
}

pub(crate) fn grant(id: &str, entitlement_id: &str, user: &str) -> v2::Grant {
    v2::Grant {
        id: id.into(),
        entitlement: MessageField::some(entitlement(entitlement_id)),
        principal: MessageField::some(resource("user", user)),
        ..Default::default()
    }
}

fn resource_type(id: &str) -> v2::ResourceType {
    v2::ResourceType {
        id: id.into(),
        ..Default::default()
    }
}

/// A sync with 2 resource types, 3 resources, 2 entitlements and 5 grants, one of which is deleted; then its end.
pub(crate) fn write(engine: &dyn StorageEngine) {
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    let types = [resource_type("user"), resource_type("group")];
    engine.put_resource_types(&types).unwrap();
    let resources = [
        resource("user", "a"),
        resource("user", "b"),
        resource("group", "g"),
    ];
    engine.put_resources(&resources).unwrap();
    let entitlements = [entitlement("member"), entitlement("owner")];
    engine.put_entitlements(&entitlements).unwrap();
    let grants: Vec<_> = [
        ("1", "member", "a"),
        ("2", "member", "b"),
        ("3", "owner", "a"),
        ("4", "owner", "b"),
        ("5", "owner", "c"),
    ]
    .map(|(id, entitlement, user)| grant(id, entitlement, user))
    .into();
    engine.put_grants(&grants).unwrap();
    engine.put_grants(&[]).unwrap();
    engine.checkpoint_sync("half").unwrap();
    read(engine, 5);
    engine.delete_grant("5").unwrap();
    engine.end_sync().unwrap();
}

/// All grants in pages of two, one that does not exist, and a stream.
pub(crate) fn read(engine: &dyn Reader, grants: usize) {
    let filter = GrantFilter {
        entitlement_resource_type: "group".into(),
        ..GrantFilter::default()
    };
    let mut page = engine
        .list_grants(&Scope::Default, &filter, &PageRequest::first(2))
        .unwrap();
    let mut rows = page.rows.len();
    while let Some(next) = PageRequest::after(2, &page) {
        page = engine.list_grants(&Scope::Default, &filter, &next).unwrap();
        rows += page.rows.len();
    }
    assert_eq!(rows, grants);
    let missing = engine.get_grant(&Scope::Default, "nobody");
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    let stream = engine.stream_grants(&Scope::Default, &filter).unwrap();
    assert_eq!(stream.count(), grants);
}

/// What has to stay for the figures of the workload to be those of open stores.
pub(crate) struct Opened {
    pub(crate) v1: c1z::Store,
    pub(crate) v3: c1z::Store,
}

/// Writes a sync on disk, publishes and verifies it, opens it, and opens a v1 file.
pub(crate) fn workload(telemetry: &Arc<Telemetry>) -> Opened {
    let fs = MemFs::new();
    let shared: Arc<dyn shingle::vfs::Fs> = Arc::new(fs.clone());
    let options = PebbleOptions {
        telemetry: Some(Arc::clone(telemetry)),
        ..PebbleOptions::default()
    };
    let store = PebbleStore::create_in(Arc::clone(&shared), "live", options).unwrap();
    write(store.engine());
    let pack = PackOptions {
        fs: Arc::clone(&shared),
        ..PackOptions::default()
    };
    let job = Job::start(telemetry, JobKind::Publish);
    job.end(publish_store(&store, Path::new("sync.c1z"), &pack))
        .unwrap();
    drop(store);
    let options = OpenOptions {
        fs: shared,
        telemetry: Some(Arc::clone(telemetry)),
        ..OpenOptions::default()
    };
    let v3 = c1z::open_with("sync.c1z", &options).unwrap();
    for _ in 0..2 {
        let id = ResourceRef::new("user", "a");
        v3.reader().get_resource(&Scope::Default, &id).unwrap();
    }
    let options = OpenOptions {
        telemetry: Some(Arc::clone(telemetry)),
        ..OpenOptions::default()
    };
    let v1 = c1z::open_with(Case::named("basic").path("v1.c1z"), &options).unwrap();
    let all = ResourceFilter::default();
    assert!(
        v1.reader()
            .stream_resources(&Scope::Default, &all)
            .unwrap()
            .count()
            > 0
    );
    Opened { v1, v3 }
}
