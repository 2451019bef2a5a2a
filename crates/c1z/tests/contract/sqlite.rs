//! The engine on SQLite, in a temporary folder.

use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::{Identity, Profile, SqliteOptions, SqliteStore, StorageEngine};
use c1z::v1_tables::Zone;
use tempfile::TempDir;
use testkit::chance::SeededEntropy;
use testkit::clock::ManualClock;

use crate::harness::{Candidate, Store};

pub(crate) struct SqliteCandidate;

struct Folder {
    store: SqliteStore,
    // Removed after the store is closed.
    folder: TempDir,
}

impl Candidate for SqliteCandidate {
    fn name(&self) -> String {
        "sqlite".to_owned()
    }

    fn identity(&self) -> Identity {
        SqliteStore::IDENTITY
    }

    fn open(&self, clock: Arc<ManualClock>, profile: Profile) -> Box<dyn Store> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = SqliteOptions {
            profile,
            clock,
            ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(1)))),
            zone: Zone::named("Europe/Berlin").expect("a zone"),
            // Pages leave the cache.
            cache_bytes: 256 << 10,
            ..SqliteOptions::default()
        };
        let store = SqliteStore::create_in(folder.path(), options).expect("an empty store");
        Box::new(Folder { store, folder })
    }
}

impl Store for Folder {
    fn engine(&self) -> &dyn StorageEngine {
        self.store.engine()
    }

    fn reopen(self: Box<Self>, read_only: bool) -> Box<dyn Store> {
        let Self { store, folder } = *self;
        let store = store.reopen(read_only).expect("a store that was open");
        Box::new(Self { store, folder })
    }
}
