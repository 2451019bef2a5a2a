//! Engines under test, and short ways to make records.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use buffa::{Message, MessageField};
use c1z::OpenOptions;
use c1z::archive::{Archive, ArchiveOptions};
use c1z::engine::ids::Ksuids;
use c1z::engine::model::{Model, ModelOptions};
use c1z::engine::page::collect_pages;
use c1z::engine::types::{EntitlementRef, ResourceRef, SyncId, SyncType, Timestamp};
use c1z::engine::{
    GrantFilter, Identity, PebbleOptions, PebbleStore, Profile, Scope, StorageEngine,
};
use c1z::observe::{Telemetry, TelemetryOptions};
use c1z::{ErrorKind, Result};
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;
use metrics::NoopRecorder;
use shingle::vfs::MemFs;
use testkit::chance::SeededEntropy;
use testkit::clock::ManualClock;

/// A kind of store that can be opened.
pub(crate) trait Candidate {
    /// What it is called in messages.
    fn name(&self) -> String;

    /// What makes a record the same record in it.
    fn identity(&self) -> Identity;

    /// Whether a store holds one sync, as a v3 file does.
    fn one_sync(&self) -> bool {
        false
    }

    /// An empty store that may be written.
    fn open(&self, clock: Arc<ManualClock>, profile: Profile) -> Box<dyn Store>;
}

/// An open store.
pub(crate) trait Store {
    /// The engine.
    fn engine(&self) -> &dyn StorageEngine;

    /// Saves, closes and opens it again.
    fn reopen(self: Box<Self>, read_only: bool) -> Box<dyn Store>;
}

/// All engines that the contract is held against.
pub(crate) fn candidates() -> Vec<Box<dyn Candidate>> {
    let model = |identity, one_sync| Box::new(ModelCandidate { identity, one_sync });
    vec![
        model(Identity::Structural, false),
        model(Identity::External, false),
        model(Identity::Structural, true),
        Box::new(PebbleCandidate { watched: false }),
        Box::new(PebbleCandidate { watched: true }),
        Box::new(DiskCandidate),
        #[cfg(feature = "sqlite")]
        Box::new(crate::sqlite::SqliteCandidate),
        Box::new(ArchiveCandidate),
    ]
}

struct ModelCandidate {
    identity: Identity,
    one_sync: bool,
}

impl Candidate for ModelCandidate {
    fn name(&self) -> String {
        let syncs = if self.one_sync { "one sync" } else { "syncs" };
        format!("model of {syncs} by {:?} identity", self.identity)
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn one_sync(&self) -> bool {
        self.one_sync
    }

    fn open(&self, clock: Arc<ManualClock>, profile: Profile) -> Box<dyn Store> {
        Box::new(Model::new(ModelOptions {
            identity: self.identity,
            profile,
            clock,
            ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(1)))),
            rows_max: 100_000,
            one_sync: self.one_sync,
        }))
    }
}

impl Store for Model {
    fn engine(&self) -> &dyn StorageEngine {
        self
    }

    fn reopen(self: Box<Self>, read_only: bool) -> Box<dyn Store> {
        Box::new(Model::reopen(*self, read_only))
    }
}

/// The Pebble engine over a store in memory, its calls timed and counted or not.
struct PebbleCandidate {
    watched: bool,
}

impl Candidate for PebbleCandidate {
    fn name(&self) -> String {
        let watched = if self.watched { ", watched" } else { "" };
        format!("pebble in memory{watched}")
    }

    fn identity(&self) -> Identity {
        PebbleStore::IDENTITY
    }

    fn one_sync(&self) -> bool {
        true
    }

    fn open(&self, clock: Arc<ManualClock>, profile: Profile) -> Box<dyn Store> {
        let telemetry = || Telemetry::new(TelemetryOptions::default(), &NoopRecorder);
        let store = PebbleStore::in_memory(PebbleOptions {
            telemetry: self.watched.then(telemetry),
            ..pebble_options(clock, profile)
        });
        Box::new(store.expect("an empty store"))
    }
}

fn pebble_options(clock: Arc<ManualClock>, profile: Profile) -> PebbleOptions {
    PebbleOptions {
        profile,
        clock,
        ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(1)))),
        ..PebbleOptions::default()
    }
}

impl Store for PebbleStore {
    fn engine(&self) -> &dyn StorageEngine {
        PebbleStore::engine(self)
    }

    fn reopen(self: Box<Self>, read_only: bool) -> Box<dyn Store> {
        Box::new(PebbleStore::reopen(*self, read_only).expect("a store that was open"))
    }
}

/// The Pebble engine over a live database, on a file system in memory.
struct DiskCandidate;

/// A store of [`DiskCandidate`], which is closed and opened from its files.
struct DiskStore {
    fs: MemFs,
    options: PebbleOptions,
    store: PebbleStore,
}

const DISK_DIR: &str = "sync";

impl Candidate for DiskCandidate {
    fn name(&self) -> String {
        "pebble on disk".to_owned()
    }

    fn identity(&self) -> Identity {
        PebbleStore::IDENTITY
    }

    fn one_sync(&self) -> bool {
        true
    }

    fn open(&self, clock: Arc<ManualClock>, profile: Profile) -> Box<dyn Store> {
        let fs = MemFs::new();
        let options = PebbleOptions {
            // Runs are written and merged.
            memory_bytes_max: 256 << 10,
            ..pebble_options(clock, profile)
        };
        let store = PebbleStore::create_in(Arc::new(fs.clone()), DISK_DIR, options.clone());
        let store = store.expect("an empty store");
        Box::new(DiskStore { fs, options, store })
    }
}

impl Store for DiskStore {
    fn engine(&self) -> &dyn StorageEngine {
        self.store.engine()
    }

    fn reopen(self: Box<Self>, read_only: bool) -> Box<dyn Store> {
        let Self { fs, options, store } = *self;
        drop(store);
        let store = PebbleStore::open_in(Arc::new(fs.clone()), DISK_DIR, options.clone());
        let store = store.and_then(|store| store.reopen(read_only));
        let store = store.expect("a store that was open");
        Box::new(Self { fs, options, store })
    }
}

/// A folder of syncs, on a file system in memory.
struct ArchiveCandidate;

/// A store of [`ArchiveCandidate`], which is closed and opened from its files.
struct ArchiveStore {
    fs: MemFs,
    options: ArchiveOptions,
    archive: Archive,
}

const FOLDER: &str = "syncs";

impl Candidate for ArchiveCandidate {
    fn name(&self) -> String {
        "folder".to_owned()
    }

    fn identity(&self) -> Identity {
        Archive::IDENTITY
    }

    fn open(&self, clock: Arc<ManualClock>, profile: Profile) -> Box<dyn Store> {
        let fs = MemFs::new();
        let options = ArchiveOptions {
            reading: OpenOptions {
                fs: Arc::new(fs.clone()),
                clock: clock.clone(),
                profile,
                ..OpenOptions::default()
            },
            writing: PebbleOptions {
                memory_bytes_max: 256 << 10,
                ..pebble_options(clock, profile)
            },
            // Entries come and go.
            open_entries_max: 2,
            ..ArchiveOptions::default()
        };
        let archive = Archive::create(FOLDER, options.clone()).expect("an empty folder");
        Box::new(ArchiveStore {
            fs,
            options,
            archive,
        })
    }
}

impl Store for ArchiveStore {
    fn engine(&self) -> &dyn StorageEngine {
        self.archive.engine()
    }

    fn reopen(self: Box<Self>, read_only: bool) -> Box<dyn Store> {
        let Self {
            fs,
            options,
            archive,
        } = *self;
        archive.close().expect("a folder that can be closed");
        let open = if read_only {
            Archive::open_for_reading
        } else {
            Archive::open
        };
        let archive = open(Path::new(FOLDER), options.clone()).expect("a folder that was open");
        Box::new(Self {
            fs,
            options,
            archive,
        })
    }
}

/// When the tests' clocks start.
pub(crate) const START: Timestamp = Timestamp {
    seconds: 1_800_000_000,
    nanos: 0,
};

/// An open store, its clock, and what it is.
pub(crate) struct Bench {
    pub identity: Identity,
    pub one_sync: bool,
    pub clock: Arc<ManualClock>,
    store: Option<Box<dyn Store>>,
}

impl Bench {
    fn new(candidate: &dyn Candidate, profile: Profile) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        Self {
            identity: candidate.identity(),
            one_sync: candidate.one_sync(),
            store: Some(candidate.open(clock.clone(), profile)),
            clock,
        }
    }

    pub(crate) fn engine(&self) -> &dyn StorageEngine {
        self.store.as_ref().expect("an open store").engine()
    }

    /// Closes the store and opens it again.
    pub(crate) fn reopen(&mut self, read_only: bool) {
        let store = self.store.take().expect("an open store");
        self.store = Some(store.reopen(read_only));
    }

    /// A second passes; then a sync of the type is started.
    pub(crate) fn start(&self, of: &SyncType) -> SyncId {
        self.clock.advance(Duration::from_secs(1));
        self.engine().start_new_sync(of, "").unwrap()
    }

    /// A sync of the type with one resource type of the given id, finished.
    pub(crate) fn finished(&self, of: &SyncType, marker: &str) -> SyncId {
        let id = self.start(of);
        self.engine()
            .put_resource_types(&[resource_type(marker)])
            .unwrap();
        self.clock.advance(Duration::from_secs(1));
        self.engine().end_sync().unwrap();
        id
    }

    /// All grants that pass a filter in the default scope.
    pub(crate) fn grants(&self, filter: &GrantFilter) -> Vec<v2::Grant> {
        let rows = collect_pages(|page| self.engine().list_grants(&Scope::Default, filter, page));
        rows.unwrap().into_iter().map(|row| row.grant).collect()
    }

    /// Their ids, sorted.
    pub(crate) fn grant_ids(&self, filter: &GrantFilter) -> Vec<String> {
        let mut ids: Vec<String> = self.grants(filter).into_iter().map(|row| row.id).collect();
        ids.sort();
        ids
    }
}

/// Runs a test on every engine, with our own profile.
pub(crate) fn on_all(test: impl Fn(&mut Bench)) {
    on_all_as(Profile::Ours, test);
}

/// Runs a test on every engine.
pub(crate) fn on_all_as(profile: Profile, test: impl Fn(&mut Bench)) {
    on(profile, |_| true, test);
}

/// Runs a test on every engine that holds many syncs, with our own profile.
pub(crate) fn on_many(test: impl Fn(&mut Bench)) {
    on_many_as(Profile::Ours, test);
}

/// Runs a test on every engine that holds many syncs.
pub(crate) fn on_many_as(profile: Profile, test: impl Fn(&mut Bench)) {
    on(profile, |candidate| !candidate.one_sync(), test);
}

/// Runs a test on every engine that holds one sync, as a v3 file does.
pub(crate) fn on_one_as(profile: Profile, test: impl Fn(&mut Bench)) {
    on(profile, |candidate| candidate.one_sync(), test);
}

fn on(profile: Profile, which: impl Fn(&dyn Candidate) -> bool, test: impl Fn(&mut Bench)) {
    for candidate in candidates() {
        if which(candidate.as_ref()) {
            println!("engine: {}", candidate.name());
            test(&mut Bench::new(candidate.as_ref(), profile));
        }
    }
}

/// The kind with which a call was refused.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("the call was accepted"),
        Err(error) => error.kind(),
    }
}

pub(crate) fn resource_type(id: &str) -> v2::ResourceType {
    v2::ResourceType {
        id: id.to_owned(),
        display_name: format!("type {id}"),
        ..Default::default()
    }
}

pub(crate) fn id_of(of: &ResourceRef) -> v2::ResourceId {
    v2::ResourceId {
        resource_type: of.resource_type.clone(),
        resource: of.resource.clone(),
        ..Default::default()
    }
}

pub(crate) fn at(of: &str, id: &str) -> ResourceRef {
    ResourceRef::new(of, id)
}

pub(crate) fn resource(of: &ResourceRef) -> v2::Resource {
    v2::Resource {
        id: MessageField::some(id_of(of)),
        ..Default::default()
    }
}

pub(crate) fn entitlement(on: &ResourceRef, id: &str) -> v2::Entitlement {
    v2::Entitlement {
        resource: MessageField::some(resource(on)),
        id: id.to_owned(),
        ..Default::default()
    }
}

/// The grant of an entitlement to a principal, without an id of its own.
pub(crate) fn grant(of: &v2::Entitlement, to: &ResourceRef) -> v2::Grant {
    v2::Grant {
        entitlement: MessageField::some(of.clone()),
        principal: MessageField::some(resource(to)),
        ..Default::default()
    }
}

pub(crate) fn named(mut grant: v2::Grant, id: &str) -> v2::Grant {
    id.clone_into(&mut grant.id);
    grant
}

/// The grant with an annotation to expand these entitlements.
pub(crate) fn expandable(mut grant: v2::Grant, ids: &[&str]) -> v2::Grant {
    let message = v2::GrantExpandable {
        entitlement_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..Default::default()
    };
    grant.annotations.push(Any {
        type_url: "type.googleapis.com/c1.connector.v2.GrantExpandable".to_owned(),
        value: message.encode_to_vec(),
        ..Default::default()
    });
    grant
}

pub(crate) fn is_expandable(annotation: &Any) -> bool {
    annotation
        .type_url
        .ends_with("c1.connector.v2.GrantExpandable")
}

pub(crate) fn of_entitlement(of: &v2::Entitlement) -> GrantFilter {
    let on = of
        .resource
        .as_option()
        .and_then(|on| on.id.as_option())
        .unwrap();
    GrantFilter {
        entitlement: Some(EntitlementRef {
            id: of.id.clone(),
            resource: Some(at(&on.resource_type, &on.resource)),
        }),
        ..GrantFilter::default()
    }
}
