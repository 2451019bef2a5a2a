//! The difference of two syncs as syncs of their own (`store-contract` §4.1, §4.2).
//!
//! | operation | holds | run |
//! |---|---|---|
//! | [`additions`] | records of the applied sync whose identity the base does not have | partial, child of the base |
//! | [`pair`], upserts | of the applied sync: those, and records that changed | partial upserts, child of the base, linked |
//! | [`pair`], deletions | of the base: records whose identity the applied sync does not have | partial deletions, child of the base, linked |
//!
//! Records keep their bytes, time and expansion state. A record has changed if its message or its expansion is not the
//! same (D10); other times or flags alone are no change. The base without the deletions and with the upserts is the applied
//! sync, but for assets, which a pair does not hold.
//!
//! Each result is a file. Records of both syncs are sorted together once, within the budget; results are read off that.

mod chains;
mod closure;
mod form;
mod joined;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::vfs::{Clock, OsClock};

use super::build::{check_apart, check_output, is_same};
use super::convert::{ConvertOptions, FileFormat, LossReport};
use crate::engine::ids::{Ksuids, SyncIds};
use crate::engine::types::{SyncId, SyncRun, SyncStats, SyncType, Timestamp};
use crate::store::OpenOptions;
use crate::{Error, ErrorKind, Result};
use closure::Wanted;
use joined::{Joined, Pick};

/// One of the two syncs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaInput {
    /// The file that holds it.
    pub path: PathBuf,
    /// The sync; none: the latest finished one.
    pub sync: Option<SyncId>,
}

impl DeltaInput {
    /// The latest finished sync of a file.
    pub fn latest(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            sync: None,
        }
    }
}

/// How differences are written.
#[derive(Clone)]
pub struct DeltaOptions {
    /// Format of the output; default v1 if both inputs are, else v3.
    pub to: Option<FileFormat>,
    /// Whether [`additions`] also hold what their records refer to in the applied sync: types, resources and their parents,
    /// entitlements, principals. Default no.
    pub with_referenced: bool,
    /// Gives start and end of the results.
    pub clock: Arc<dyn Clock>,
    /// Gives the ids of the results.
    pub ids: Arc<dyn SyncIds>,
    /// Files, memory, threads and losses, and what becomes of an existing output. Choices of syncs and formats in it do
    /// not count.
    pub convert: ConvertOptions,
}

impl DeltaOptions {
    /// Does `work` with these options on watched files.
    fn watched<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.convert.watched(|convert| {
            work(&Self {
                convert: convert.clone(),
                ..self.clone()
            })
        })
    }
}

impl Default for DeltaOptions {
    fn default() -> Self {
        let convert = ConvertOptions::default();
        Self {
            to: None,
            with_referenced: false,
            clock: Arc::new(OsClock),
            ids: Arc::new(Ksuids::new(Arc::clone(&convert.entropy))),
            convert,
        }
    }
}

impl std::fmt::Debug for DeltaOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeltaOptions")
            .field("to", &self.to)
            .field("with_referenced", &self.with_referenced)
            .finish_non_exhaustive()
    }
}

/// A difference that was written.
#[derive(Clone, Debug)]
pub struct DeltaSummary {
    /// Its run.
    pub run: SyncRun,
    /// Counts of its records.
    pub counts: SyncStats,
    /// Format of the file.
    pub format: FileFormat,
    /// Bytes of the file.
    pub file_len: u64,
    /// What the file cannot hold.
    pub losses: LossReport,
}

/// Writes what the applied sync holds and the base does not.
///
/// # Errors
/// `InvalidArgument` for an output that is an input; `NotFound` for a missing file or sync; `AlreadyExists`; those of reading and writing. Nothing of the output is left then.
///
/// # Complexity
/// O(n log n) comparisons for n records of both syncs, in the memory of the budget. With references: one more pass over grants
/// and entitlements of both syncs and four over resources, whatever chains of parents there are, and five bytes of the
/// budget for every resource of the applied sync, else `ResourceExhausted`.
pub fn additions(
    base: &DeltaInput,
    applied: &DeltaInput,
    output: impl AsRef<Path>,
    options: &DeltaOptions,
) -> Result<DeltaSummary> {
    let output = output.as_ref();
    check_apart([&*base.path, &*applied.path], output)?;
    options.watched(|options| additions_watched(base, applied, output, options))
}

fn additions_watched(
    base: &DeltaInput,
    applied: &DeltaInput,
    output: &Path,
    options: &DeltaOptions,
) -> Result<DeltaSummary> {
    check_output(&*options.convert.fs, output, options.convert.existing)?;
    let joined = Joined::read(base, applied, output, options, &|_| Ok(()))?;
    let mut run = begin(options, SyncType::Partial, &joined)?;
    run.supports_diff = false;
    let wanted = if options.with_referenced {
        Wanted::of(&joined, options)?
    } else {
        Wanted::nothing()
    };
    write::write(&joined, Pick::Added, &wanted, &run, output, options)
}

/// Writes the two halves of the difference: first what is deleted, then what is added or changed.
///
/// A crash between the two leaves deletions whose link names a sync that is nowhere; so does no error: then the deletions are
/// removed again.
///
/// # Errors
/// `FailedPrecondition` if one of the syncs does not support a diff; otherwise as [`additions`]. Nothing of the outputs is left
/// then.
///
/// # Complexity
/// As [`additions`], and one more pass over the sorted records.
pub fn pair(
    base: &DeltaInput,
    applied: &DeltaInput,
    upserts: impl AsRef<Path>,
    deletions: impl AsRef<Path>,
    options: &DeltaOptions,
) -> Result<[DeltaSummary; 2]> {
    let (upserts, deletions) = (upserts.as_ref(), deletions.as_ref());
    if is_same(upserts, deletions) {
        return Err(Error::invalid("both halves have one output").in_file(upserts));
    }
    options.watched(|options| pair_watched(base, applied, upserts, deletions, options))
}

fn pair_watched(
    base: &DeltaInput,
    applied: &DeltaInput,
    upserts: &Path,
    deletions: &Path,
    options: &DeltaOptions,
) -> Result<[DeltaSummary; 2]> {
    for output in [upserts, deletions] {
        check_apart([&*base.path, &*applied.path], output)?;
        check_output(&*options.convert.fs, output, options.convert.existing)?;
    }
    let joined = Joined::read(base, applied, upserts, options, &supports_diff)?;
    let mut gone = begin(options, SyncType::PartialDeletions, &joined)?;
    let mut here = begin(options, SyncType::PartialUpserts, &joined)?;
    // Of two syncs that ended at one time the one with the greater id is the later.
    if here.id < gone.id {
        std::mem::swap(&mut here.id, &mut gone.id);
    }
    here.started_at = gone.started_at;
    here.ended_at = gone.ended_at;
    gone.linked_id = here.id.to_string();
    here.linked_id = gone.id.to_string();
    let nothing = Wanted::nothing();
    let gone = write::write(&joined, Pick::Deleted, &nothing, &gone, deletions, options)?;
    match write::write(&joined, Pick::Upserted, &nothing, &here, upserts, options) {
        Ok(here) => Ok([here, gone]),
        Err(error) => {
            // The half alone would be mistaken for a whole; if it cannot be removed either, its link tells. An error after the
            // other half got its name concerns a power loss only.
            if !is_there(upserts, &here, options) {
                let _ = options.convert.fs.remove_file(deletions);
            }
            Err(error)
        }
    }
}

fn supports_diff(run: &SyncRun) -> Result<()> {
    if run.supports_diff {
        return Ok(());
    }
    let message = format!("sync does not support a diff sync_id=`{}`", run.id);
    Err(Error::new(ErrorKind::FailedPrecondition, message)
        .with_hint("its expansion did not run to the end"))
}

/// Whether the file at `path` is the one that holds `run`.
fn is_there(path: &Path, run: &SyncRun, options: &DeltaOptions) -> bool {
    let opening = OpenOptions {
        fs: Arc::clone(&options.convert.fs),
        ..OpenOptions::default()
    };
    let store = crate::store::open_with(path, &opening);
    store.is_ok_and(|store| store.reader().get_sync(&run.id).is_ok())
}

/// A run that begins and ends now.
fn begin(options: &DeltaOptions, sync_type: SyncType, joined: &Joined) -> Result<SyncRun> {
    let now = Timestamp::from_system_time(options.clock.now());
    let id = options.ids.next(now)?;
    let mut run = SyncRun::started(id, sync_type, joined.base.id.to_string(), now);
    run.ended_at = Some(now);
    run.supports_diff = true;
    Ok(run)
}
