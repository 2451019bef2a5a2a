//! A directory that is written, or was left behind by its writer, as a reader sees it: the records that a recovery would
//! find, and indexes that are derived from them, beside the directory and not in it.

use std::path::Path;
use std::sync::Arc;

use shingle::bulk::{Scratch, SortOptions, Sorter};
use shingle::db::Database;
use shingle::vfs::Fs;

use super::kv::Kv;
use super::overlay::{Overlay, Workshop};
use crate::Result;
use crate::budget::{MemoryBudget, Reservation};
use crate::keyspace::Family;

/// The share of the budget that sorts index rows: one in so many.
const SORT_SHARE: u64 = 4;

/// Sorts index rows in memory, and in a scratch folder if there is one.
#[derive(Debug)]
struct Beside {
    scratch: Scratch,
    memory: Reservation,
    may_write: bool,
}

/// The rows of `database`, all indexes derived when they are first asked for: within a share of `budget`, or in the folder
/// `scratch`.
pub(crate) fn rows(
    database: Database,
    fs: &Arc<dyn Fs>,
    scratch: Option<&Path>,
    budget: &MemoryBudget,
) -> Result<Arc<dyn Kv>> {
    let memory = budget.reserve(
        budget.limit() / SORT_SHARE,
        "indexes of a directory that is not sealed",
    )?;
    let beside = Beside {
        // Without a folder nothing gets so large that it would be written.
        scratch: Scratch::new(Arc::clone(fs), scratch.unwrap_or(Path::new(""))),
        memory,
        may_write: scratch.is_some(),
    };
    let rows = Overlay::new(Arc::new(database), [true; 3], Arc::new(beside));
    Ok(Arc::new(rows))
}

impl Workshop for Beside {
    fn sorter(&self) -> Sorter {
        let options = SortOptions {
            memory_bytes: usize::try_from(self.memory.bytes()).unwrap_or(usize::MAX),
            background: false,
            ..SortOptions::default()
        };
        Sorter::new(self.scratch.clone(), options)
    }

    fn bytes_max(&self) -> Option<u64> {
        (!self.may_write).then(|| self.memory.bytes())
    }

    fn derived(&self, _: &[Family]) -> Result<()> {
        Ok(())
    }
}
