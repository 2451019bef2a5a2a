//! The engine on SQLite as a store of sequences, in a temporary folder.

use std::path::Path;
use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::tee::HasEngine;
use c1z::engine::{SqliteOptions, SqliteStore, StorageEngine};
use c1z::ops::build::PackOptions;
use c1z::ops::convert::FileFormat;
use c1z::v1_tables::Zone;
use tempfile::TempDir;
use testkit::chance::SeededEntropy;
use testkit::clock::ManualClock;

use crate::options::OptionSet;
use crate::stores::Store;

/// A database in a folder of its own.
pub(crate) struct Sqlite {
    store: SqliteStore,
    options: SqliteOptions,
    // Removed after the store is closed.
    folder: TempDir,
}

impl Sqlite {
    pub(crate) fn new(options: &OptionSet, clock: &Arc<ManualClock>) -> Self {
        let options = SqliteOptions {
            profile: options.profile,
            clock: clock.clone(),
            ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(7)))),
            zone: Zone::utc(),
            durability: options.durability,
            cache_bytes: options.memory_bytes,
            ..SqliteOptions::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create_in(folder.path(), options.clone()).unwrap();
        Self {
            store,
            options,
            folder,
        }
    }
}

impl HasEngine for Sqlite {
    fn engine(&self) -> &dyn StorageEngine {
        self.store.engine()
    }
}

impl Store for Sqlite {
    fn reopen(self, read_only: bool) -> Self {
        Self {
            store: self.store.reopen(read_only).unwrap(),
            ..self
        }
    }

    /// Saved as a v1 file, which is unpacked into another folder.
    fn rebuild(self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = self.folder.path().join("saved.c1z");
        self.store.save(&file, &PackOptions::default()).unwrap();
        let dir = folder.path().join("unpacked");
        Self {
            store: SqliteStore::unpack(&file, &dir, self.options.clone()).unwrap(),
            options: self.options,
            folder,
        }
    }

    fn publish(&self, path: &Path, options: &PackOptions) -> c1z::Result<Option<FileFormat>> {
        self.store.save(path, options)?;
        Ok(Some(FileFormat::V1))
    }
}

/// The text without the times of statistics.
pub(crate) fn without_written_at(text: &str) -> String {
    let mut parts = text.split("written_at: ");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(match part.strip_prefix("Some(") {
            Some(time) => time.split_once(')').map_or("", |(_, rest)| rest),
            None => part.strip_prefix("None").unwrap_or(part),
        });
    }
    kept
}
