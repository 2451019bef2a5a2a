//! A folder of syncs as a store of sequences, on a file system in memory.

use std::path::Path;
use std::sync::Arc;

use c1z::archive::{Archive, ArchiveOptions, CleanupOptions};
use c1z::engine::StorageEngine;
use c1z::engine::tee::HasEngine;
use c1z::engine::types::SyncId;
use c1z::envelope::Existing;
use c1z::ops::build::PackOptions;
use c1z::ops::convert::FileFormat;
use c1z::{ErrorKind, OpenOptions};
use shingle::live::Durability;
use shingle::vfs::{FaultFs, FaultPlan, MemFs};
use testkit::chance::SeededEntropy;
use testkit::clock::ManualClock;

use crate::options::OptionSet;
use crate::stores::{Store, arm, disarm};

/// Where the folder is.
const FOLDER: &str = "syncs";

/// The folder, open.
pub(crate) struct Folder {
    archive: Archive,
    options: ArchiveOptions,
    fs: FaultFs,
}

impl Folder {
    pub(crate) fn new(fs: &MemFs, options: &OptionSet, clock: &Arc<ManualClock>) -> Self {
        let faults = FaultFs::new(Arc::new(fs.clone()), FaultPlan::none());
        let options = ArchiveOptions {
            reading: OpenOptions {
                fs: Arc::new(faults.clone()),
                ..options.open(fs, clock)
            },
            writing: options.on_disk(clock),
            packing: options.pack(fs).write,
            entropy: Arc::new(SeededEntropy::seeded(13)),
            open_entries_max: options.open_entries,
            pack_on_close: options.pack_on_close,
            catalog: options.catalog,
            ..ArchiveOptions::default()
        };
        Self {
            archive: Archive::create(FOLDER, options.clone()).unwrap(),
            options,
            fs: faults,
        }
    }
}

impl HasEngine for Folder {
    fn engine(&self) -> &dyn StorageEngine {
        self.archive.engine()
    }
}

impl Store for Folder {
    fn reopen(self, read_only: bool) -> Self {
        let Self {
            archive,
            options,
            fs,
        } = self;
        if let Err(error) = archive.close() {
            // An entry whose writing failed is packed when it was opened again.
            assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
        }
        let open = if read_only {
            Archive::open_for_reading
        } else {
            Archive::open
        };
        Self {
            archive: open(FOLDER, options.clone()).unwrap(),
            options,
            fs,
        }
    }

    /// All that is finished is packed, and what the folder caches is read anew.
    fn rebuild(self) -> Self {
        let store = self.reopen(false);
        store.archive.pack_all().unwrap();
        store.reopen(false)
    }

    fn isolate(
        &self,
        id: &SyncId,
        path: &Path,
        _: &PackOptions,
    ) -> c1z::Result<Option<FileFormat>> {
        match self.archive.publish(id, path, Existing::Replace) {
            // A folder that was opened for reading publishes what is packed.
            Err(error) if error.kind() == ErrorKind::ReadOnly => Ok(None),
            published => published.map(|()| Some(FileFormat::V3)),
        }
    }

    fn fail_in(&self, operation: u64) -> bool {
        if self.options.writing.durability == Durability::None {
            return false;
        }
        arm(&self.fs, operation);
        true
    }

    fn failed(&self) -> bool {
        disarm(&self.fs)
    }

    fn cleanup(&self, keep: usize) -> c1z::Result<Vec<SyncId>> {
        let options = CleanupOptions {
            keep: Some(keep),
            ..CleanupOptions::default()
        };
        let report = self.archive.cleanup(&options)?;
        assert!(report.stuck.is_empty(), "the folder holds no v1 file");
        Ok(report.deleted.into_iter().map(|gone| gone.id).collect())
    }
}
