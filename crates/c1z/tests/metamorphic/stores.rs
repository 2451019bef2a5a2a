//! Stores that sequences run on: each owns an engine and can be closed, opened, made anew of its rows, and saved.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::model::{Model, ModelOptions};
use c1z::engine::tee::{HasEngine, Tee};
use c1z::engine::types::SyncId;
use c1z::engine::{Identity, PebbleOptions, PebbleStore, StorageEngine};
use c1z::keyspace::{Deriver, Family, IndexSet};
use c1z::ops::build::{PackOptions, publish_store};
use c1z::ops::convert::FileFormat;
use shingle::live::Durability;
use shingle::vfs::{FaultFs, FaultPlan, MemFs};
use testkit::chance::SeededEntropy;
use testkit::clock::ManualClock;

use crate::options::OptionSet;
use crate::retention;

/// An owned store.
pub(crate) trait Store: HasEngine + Sized + 'static {
    /// Closes and opens it.
    fn reopen(self, read_only: bool) -> Self;

    /// A store of the same rows, whose indexes are derived again.
    fn rebuild(self) -> Self {
        self.reopen(false)
    }

    /// Saves it as a file of the format that it is of; none: it cannot be saved.
    fn publish(&self, _: &Path, _: &PackOptions) -> c1z::Result<Option<FileFormat>> {
        Ok(None)
    }

    /// Saves a file that holds at least this sync; none: it cannot be saved.
    fn isolate(
        &self,
        _: &SyncId,
        path: &Path,
        options: &PackOptions,
    ) -> c1z::Result<Option<FileFormat>> {
        self.publish(path, options)
    }

    /// Deletes what retention does not keep, and says what that was.
    fn cleanup(&self, keep: usize) -> c1z::Result<Vec<SyncId>> {
        retention::by_hand(HasEngine::engine(self), keep)
    }

    /// Lets the n-th file operation from now on fail, counted from 0, and no other; no: it has none that could.
    fn fail_in(&self, _: u64) -> bool {
        false
    }

    /// Whether one did. None does from now on.
    fn failed(&self) -> bool {
        false
    }

    /// What is wrong with it, as far as the store itself can tell.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// [`Store`] as an object.
pub(crate) trait AnyStore {
    fn engine(&self) -> &dyn StorageEngine;
    fn reopen(self: Box<Self>, read_only: bool) -> Box<dyn AnyStore>;
    fn rebuild(self: Box<Self>) -> Box<dyn AnyStore>;
    fn publish(&self, path: &Path, options: &PackOptions) -> c1z::Result<Option<FileFormat>>;
    fn isolate(
        &self,
        id: &SyncId,
        path: &Path,
        options: &PackOptions,
    ) -> c1z::Result<Option<FileFormat>>;
    fn cleanup(&self, keep: usize) -> c1z::Result<Vec<SyncId>>;
    fn fail_in(&self, operation: u64) -> bool;
    fn failed(&self) -> bool;
    fn check(&self) -> Result<(), String>;
}

impl<S: Store> AnyStore for S {
    fn engine(&self) -> &dyn StorageEngine {
        HasEngine::engine(self)
    }

    fn reopen(self: Box<Self>, read_only: bool) -> Box<dyn AnyStore> {
        Box::new(Store::reopen(*self, read_only))
    }

    fn rebuild(self: Box<Self>) -> Box<dyn AnyStore> {
        Box::new(Store::rebuild(*self))
    }

    fn publish(&self, path: &Path, options: &PackOptions) -> c1z::Result<Option<FileFormat>> {
        Store::publish(self, path, options)
    }

    fn isolate(
        &self,
        id: &SyncId,
        path: &Path,
        options: &PackOptions,
    ) -> c1z::Result<Option<FileFormat>> {
        Store::isolate(self, id, path, options)
    }

    fn cleanup(&self, keep: usize) -> c1z::Result<Vec<SyncId>> {
        Store::cleanup(self, keep)
    }

    fn fail_in(&self, operation: u64) -> bool {
        Store::fail_in(self, operation)
    }

    fn failed(&self) -> bool {
        Store::failed(self)
    }

    fn check(&self) -> Result<(), String> {
        Store::check(self)
    }
}

/// The model, as a store of one sync or of many.
pub(crate) fn model(
    identity: Identity,
    one_sync: bool,
    options: &OptionSet,
    clock: &Arc<ManualClock>,
) -> Model {
    Model::new(ModelOptions {
        identity,
        profile: options.profile,
        clock: clock.clone(),
        ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(7)))),
        rows_max: 100_000,
        one_sync,
    })
}

impl Store for Model {
    fn reopen(self, read_only: bool) -> Self {
        Model::reopen(self, read_only)
    }
}

/// The Pebble engine in memory.
pub(crate) struct Memory {
    store: PebbleStore,
    options: PebbleOptions,
}

impl Memory {
    pub(crate) fn new(options: &OptionSet, clock: &Arc<ManualClock>) -> Self {
        let options = options.in_memory(clock);
        Self {
            store: PebbleStore::in_memory(options.clone()).unwrap(),
            options,
        }
    }
}

impl HasEngine for Memory {
    fn engine(&self) -> &dyn StorageEngine {
        self.store.engine()
    }
}

impl Store for Memory {
    fn reopen(self, read_only: bool) -> Self {
        Self {
            store: self.store.reopen(read_only).unwrap(),
            options: self.options,
        }
    }

    fn rebuild(self) -> Self {
        let rows = rows_of(&self.store);
        let store = PebbleStore::from_rows(self.options.clone(), rows).unwrap();
        Self {
            store,
            options: self.options,
        }
    }

    fn publish(&self, path: &Path, options: &PackOptions) -> c1z::Result<Option<FileFormat>> {
        publish_store(&self.store, path, options)?;
        Ok(Some(FileFormat::V3))
    }

    fn check(&self) -> Result<(), String> {
        indexes_are_true(&self.store)
    }
}

/// The Pebble engine over a live database, on a file system in memory.
pub(crate) struct Disk {
    fs: FaultFs,
    options: PebbleOptions,
    store: PebbleStore,
}

const DIR: &str = "sync";

impl Disk {
    pub(crate) fn new(fs: &MemFs, options: &OptionSet, clock: &Arc<ManualClock>) -> Self {
        let options = options.on_disk(clock);
        let fs = FaultFs::new(Arc::new(fs.clone()), FaultPlan::none());
        let store = PebbleStore::create_in(Arc::new(fs.clone()), DIR, options.clone()).unwrap();
        Self { fs, options, store }
    }
}

impl HasEngine for Disk {
    fn engine(&self) -> &dyn StorageEngine {
        self.store.engine()
    }
}

impl Store for Disk {
    fn reopen(self, read_only: bool) -> Self {
        let Self { fs, options, store } = self;
        if options.durability == Durability::None {
            // What was written since the last barrier lives as long as the database is open.
            let store = store.reopen(read_only).unwrap();
            return Self { fs, options, store };
        }
        drop(store);
        let store = PebbleStore::open_in(Arc::new(fs.clone()), DIR, options.clone());
        let store = store.and_then(|store| store.reopen(read_only)).unwrap();
        Self { fs, options, store }
    }

    fn fail_in(&self, operation: u64) -> bool {
        if self.options.durability == Durability::None {
            // After a failure it would have to be opened again, without what it had in memory.
            return false;
        }
        arm(&self.fs, operation);
        true
    }

    fn failed(&self) -> bool {
        disarm(&self.fs)
    }

    fn publish(&self, path: &Path, options: &PackOptions) -> c1z::Result<Option<FileFormat>> {
        publish_store(&self.store, path, options)?;
        Ok(Some(FileFormat::V3))
    }
}

/// Lets one file operation fail.
pub(crate) fn arm(fs: &FaultFs, operation: u64) {
    fs.arm(FaultPlan::parse(&format!("fail any {operation}")).unwrap());
}

/// Whether it did.
pub(crate) fn disarm(fs: &FaultFs) -> bool {
    let failed = fs.faults() > 0;
    fs.arm(FaultPlan::none());
    failed
}

impl<A: Store, B: Store> Store for Tee<A, B> {
    fn reopen(self, read_only: bool) -> Self {
        let (primary, shadow, options) = self.into_parts();
        Tee::new(primary.reopen(read_only), shadow.reopen(read_only), options)
    }

    fn rebuild(self) -> Self {
        let (primary, shadow, options) = self.into_parts();
        Tee::new(primary.rebuild(), shadow.rebuild(), options)
    }

    fn publish(&self, path: &Path, options: &PackOptions) -> c1z::Result<Option<FileFormat>> {
        self.primary().publish(path, options)
    }

    fn check(&self) -> Result<(), String> {
        match self.reports().first() {
            Some(report) => Err(report.to_string()),
            None => self.primary().check(),
        }
    }
}

fn rows_of(store: &PebbleStore) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut rows = BTreeMap::new();
    let mut each = |key: &[u8], value: &[u8]| {
        rows.insert(key.to_vec(), value.to_vec());
        Ok(())
    };
    store.for_each_row(&mut each).unwrap();
    rows
}

/// The index rows of a Pebble store are those of its primaries.
fn indexes_are_true(store: &PebbleStore) -> Result<(), String> {
    let rows = rows_of(store);
    let mut expected = Vec::new();
    let mut deriver = Deriver::new(IndexSet::ALL);
    for (key, value) in &rows {
        let mut emit = |row: &[u8]| {
            expected.push(row.to_vec());
            Ok(())
        };
        deriver.derive(key, value, &mut emit).unwrap();
    }
    expected.sort();
    let is_index = |key: &&Vec<u8>| {
        matches!(
            Family::of(key),
            Some(Family::ResourceByParent | Family::GrantByPrincipal | Family::GrantNeedsExpansion)
        )
    };
    let found: Vec<_> = rows.keys().filter(is_index).cloned().collect();
    if expected != found {
        return Err(format!("index rows: {expected:?}\n found: {found:?}"));
    }
    Ok(())
}
