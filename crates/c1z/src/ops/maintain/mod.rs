//! Maintenance of files and sealed database directories: rewriting, counting again, and what rewriting
//! would give back (`store-contract` §7, §9 row 8.4).
//!
//! Everything is done by one means: all that the file holds is written once more in the same format, beside
//! the old file, and takes its place in one step. So a failure, a cancellation or a crash leaves the
//! old file as it was, and the next attempt begins anew; rows, ids and times stay, and every index,
//! digest and count is made again.

mod estimate;
mod place;

use std::path::Path;
use std::sync::Arc;

use super::convert::{
    self, Carry, ConvertOptions, ConvertSummary, FileFormat, SyncChoice, SyncSummary,
};
use crate::engine::types::{SyncId, SyncStats};
use crate::engine::{PageRequest, page};
use crate::envelope::Existing;
use crate::store::{OpenOptions, Store};
use crate::sync::lifecycle::require_finished;
use crate::{Error, Result};
use place::Place;

pub use estimate::{Reclaimable, estimate};

/// What rewriting did.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// Bytes of the file, or of all files in the directory, before.
    pub bytes_before: u64,
    /// Bytes of what lies there now.
    pub bytes_after: u64,
    /// Whether the new one took the old one's place. It does not if it is not smaller.
    pub replaced: bool,
    /// What was written.
    pub written: ConvertSummary,
}

/// Statistics of a sync, counted again.
#[derive(Clone, Debug)]
pub struct Recalculated {
    /// The sync.
    pub sync: SyncId,
    /// What was recorded, if anything was.
    pub before: Option<SyncStats>,
    /// What its rows say.
    pub after: SyncStats,
}

impl Recalculated {
    /// Whether a count changed.
    pub fn is_changed(&self) -> bool {
        let counts = |stats: &SyncStats| {
            (
                [
                    stats.resource_types,
                    stats.resources,
                    stats.entitlements,
                    stats.grants,
                    stats.assets,
                ],
                stats.resources_by_resource_type.clone(),
                stats.entitlements_by_resource_type.clone(),
                stats.grants_by_resource_type.clone(),
            )
        };
        self.before.as_ref().map(counts) != Some(counts(&self.after))
    }
}

/// Writes a file or the directory of a sealed database anew, without what deleted and replaced rows, free pages and
/// half-full tables take. The old one stays if the new one is not smaller.
///
/// Choices of syncs and formats in `options` do not count; times of v1 files are kept as they are written.
///
/// # Errors
/// `InvalidArgument` for a folder of files and for NDJSON; `FailedPrecondition` for tables that this build
/// does not know and for rows that belong to no sync, which rewriting would lose; those of [`convert::convert`]. The old one is as it was then.
///
/// # Complexity
/// O(rows), and an external sort where rows are in no order. Disk: the new file beside the old one.
pub fn optimize(path: impl AsRef<Path>, options: &ConvertOptions) -> Result<Rewritten> {
    options.watched(|options| optimize_watched(path.as_ref(), options))
}

fn optimize_watched(path: &Path, options: &ConvertOptions) -> Result<Rewritten> {
    let place = Place::find(path, options)?;
    let written = place.write(options)?;
    let bytes_after = place.new_bytes()?;
    let replaced = bytes_after < place.bytes;
    if replaced {
        place.replace()?;
    } else {
        place.discard()?;
    }
    Ok(Rewritten {
        bytes_before: place.bytes,
        bytes_after: if replaced { bytes_after } else { place.bytes },
        replaced,
        written,
    })
}

/// Counts the rows of finished syncs again and records what was counted: of the one named, else of all.
///
/// The file is written anew if a recorded count is wrong or absent, and stays untouched otherwise.
///
/// # Errors
/// `NotFound` without the sync, or without a finished one; `SyncNotFinished`; otherwise as [`optimize`].
///
/// # Complexity
/// As [`optimize`].
pub fn recalculate_stats(
    path: impl AsRef<Path>,
    sync: Option<&SyncId>,
    options: &ConvertOptions,
) -> Result<Vec<Recalculated>> {
    options.watched(|options| recalculate_watched(path.as_ref(), sync, options))
}

fn recalculate_watched(
    path: &Path,
    sync: Option<&SyncId>,
    options: &ConvertOptions,
) -> Result<Vec<Recalculated>> {
    let place = Place::find(path, options)?;
    let recorded = recorded(&place.path, sync, options)?;
    let written = place.write(options)?;
    let mut all = Vec::new();
    for (sync, before) in recorded {
        let is_it = |written: &&SyncSummary| written.run.id == sync;
        if let Some(now) = written.syncs.iter().find(is_it) {
            let after = now.counts.clone();
            all.push(Recalculated {
                sync,
                before,
                after,
            });
        }
    }
    if all.iter().any(Recalculated::is_changed) {
        place.replace()?;
    } else {
        place.discard()?;
    }
    Ok(all)
}

/// Finished syncs and the statistics recorded in them.
fn recorded(
    path: &Path,
    sync: Option<&SyncId>,
    options: &ConvertOptions,
) -> Result<Vec<(SyncId, Option<SyncStats>)>> {
    let store = open(path, options)?;
    let reader = store.reader();
    if let Some(id) = sync {
        let run = reader.get_sync(id)?;
        require_finished(&run).map_err(|error| error.in_file(path))?;
        return Ok(vec![(run.id, run.stats)]);
    }
    let mut finished = Vec::new();
    let pages = |page: &PageRequest| reader.list_sync_runs(page);
    for run in page::rows_of_pages(pages) {
        let run = run?;
        if run.is_finished() {
            finished.push((run.id, run.stats));
        }
    }
    if finished.is_empty() {
        return Err(Error::not_found("no finished sync").in_file(path));
    }
    Ok(finished)
}

/// Opens what is to be maintained for reading.
fn open(path: &Path, options: &ConvertOptions) -> Result<Store> {
    let opening = OpenOptions {
        fs: Arc::clone(&options.fs),
        budget: options.budget.clone(),
        limits: options.limits,
        variables: options.variables.clone(),
        zone: options.zone.clone(),
        scratch: options.temporary.clone(),
        ..OpenOptions::default()
    };
    crate::store::open_with(path, &opening)
}

/// How everything in a file is written again.
fn same_again(format: FileFormat, options: &ConvertOptions) -> ConvertOptions {
    ConvertOptions {
        to: Some(format),
        sync: SyncChoice::All,
        finished_only: false,
        carry: Carry::All,
        allow_loss: false,
        existing: Existing::Keep,
        ..options.clone()
    }
}

/// Writes it again.
fn write_again(
    input: &Path,
    output: &Path,
    format: FileFormat,
    options: &ConvertOptions,
) -> Result<ConvertSummary> {
    convert::convert(input, output, &same_again(format, options))
}
