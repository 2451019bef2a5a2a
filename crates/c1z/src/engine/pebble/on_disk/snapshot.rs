//! What a store on disk holds at one moment, deferred indexes included.

use std::sync::Arc;

use shingle::bulk::Sorter;
use shingle::db::ScanOptions;
use shingle::live::LiveSnapshot;

use super::Disk;
use crate::Result;
use crate::engine::pebble::kv::{Kv, KvScan, KvValue, bounds_of};
use crate::engine::pebble::overlay::{Overlay, Workshop};
use crate::keyspace::{Family, KeyRange};

/// The rows of a live database at one moment.
#[derive(Debug)]
struct Stored {
    rows: LiveSnapshot,
    size: u64,
}

/// Everything visible now.
pub(super) fn snapshot(disk: &Arc<Disk>) -> Overlay {
    let rows = disk.database.snapshot();
    let deferred = [0, 1, 2].map(|index| rows.deferred().get(index) == Some(&true));
    let size = disk.database.version().size();
    let workshop: Arc<dyn Workshop> = Arc::clone(disk) as _;
    Overlay::new(Arc::new(Stored { rows, size }), deferred, workshop)
}

impl Kv for Stored {
    fn get(&self, key: &[u8]) -> Result<Option<KvValue>> {
        Ok(self.rows.get(key)?.map(KvValue::Stored))
    }

    fn scan(&self, range: &KeyRange) -> Result<Box<dyn KvScan>> {
        let rows = self.rows.scan(bounds_of(range), ScanOptions::default())?;
        Ok(Box::new(rows))
    }

    fn size_on_disk(&self) -> u64 {
        self.size
    }
}

impl Workshop for Disk {
    fn sorter(&self) -> Sorter {
        self.sorter()
    }

    fn bytes_max(&self) -> Option<u64> {
        None
    }

    /// Makes the database keep those indexes, so that later snapshots hold their rows. Waits for a write or a seal that
    /// is running.
    fn derived(&self, indexes: &[Family]) -> Result<()> {
        for family in indexes {
            self.database.materialise(&bounds_of(&family.range()))?;
        }
        Ok(())
    }
}
