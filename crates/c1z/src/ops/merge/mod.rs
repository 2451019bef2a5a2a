//! Merging: one sync out of a base and newer syncs, each in a file of its own (`store-contract` §4.6).
//!
//! Of every record the version with the greatest `discovered_at` stays; of equals the one from the later
//! input; one without a time is older than any. What an input does not hold it does not delete. There is one
//! rule and one way to it, whatever the number and the formats of inputs: all records pass one sort, which
//! brings the versions of a record together.
//!
//! | part of the result | where it comes from |
//! |---|---|
//! | id, start | new; the clock |
//! | type | full if an input is, else resources-only if one is, else partial |
//! | end | the latest end of the inputs |
//! | records | the winners with their time and expansion state; assets only if asked for |
//! | digests, statistics | made from the winners |
//! | parent, link, token, session entries, sidecars, marks, supports-diff | none: they told of an input |
//!
//! Expansion is not run again: the file says so by not supporting a diff.

mod inputs;
mod to_v1;
mod to_v3;
pub(super) mod v1_row;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::vfs::{Clock, OsClock};

use super::build::{check_apart, check_output};
use super::convert::{ConvertOptions, FileFormat, LossReport};
use crate::engine::ids::{Ksuids, SyncIds};
use crate::engine::types::{SyncId, SyncRun, SyncStats, SyncType};
use crate::{Error, ErrorKind, Result};
use inputs::Inputs;

/// How syncs are merged.
#[derive(Clone)]
pub struct MergeOptions {
    /// Format of the output; default v1 if all inputs are, else v3.
    pub to: Option<FileFormat>,
    /// Whether assets come along; default no, as in the original implementation.
    pub assets: bool,
    /// Gives the start of the result.
    pub clock: Arc<dyn Clock>,
    /// Gives the id of the result.
    pub ids: Arc<dyn SyncIds>,
    /// Files, memory, threads, losses, and what becomes of an existing output. Choices of syncs and
    /// formats in it do not count.
    pub convert: ConvertOptions,
}

impl Default for MergeOptions {
    fn default() -> Self {
        let convert = ConvertOptions::default();
        Self {
            to: None,
            assets: false,
            clock: Arc::new(OsClock),
            ids: Arc::new(Ksuids::new(Arc::clone(&convert.entropy))),
            convert,
        }
    }
}

impl std::fmt::Debug for MergeOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MergeOptions")
            .field("to", &self.to)
            .field("assets", &self.assets)
            .finish_non_exhaustive()
    }
}

/// An input, and the sync in it that was merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedInput {
    /// The file.
    pub path: PathBuf,
    /// The sync: the latest finished one that is no half of a diff.
    pub sync: SyncId,
    /// Its type.
    pub sync_type: SyncType,
    /// Records of it that were read.
    pub records: u64,
}

/// What merging did.
#[derive(Clone, Debug)]
pub struct MergeSummary {
    /// The run of the result.
    pub run: SyncRun,
    /// Counts of its records.
    pub counts: SyncStats,
    /// The inputs, base first.
    pub inputs: Vec<MergedInput>,
    /// Format of the result.
    pub format: FileFormat,
    /// Records that lost to another version.
    pub replaced: u64,
    /// Bytes of the file.
    pub file_len: u64,
    /// What the result cannot hold of the winners.
    pub losses: LossReport,
}

/// Merges what lies at `inputs`, the base first and newer ones after it, into `output`.
///
/// # Errors
/// `InvalidArgument` for fewer than two inputs, or an output that is one of them; `FailedPrecondition` for an
/// input without a finished sync that can be merged, naming it; `EngineMismatch` if v1 is asked for and an input
/// is not v1; `AlreadyExists`; those of reading and writing. Nothing of the output is left then, and inputs are
/// never changed.
///
/// # Complexity
/// O(n log n) comparisons for n records of all inputs; memory is that of the budget.
pub fn merge<P: AsRef<Path>>(
    inputs: &[P],
    output: impl AsRef<Path>,
    options: &MergeOptions,
) -> Result<MergeSummary> {
    let output = output.as_ref();
    let inputs: Vec<&Path> = inputs.iter().map(AsRef::as_ref).collect();
    if inputs.len() < 2 {
        let error = Error::invalid("not enough files to merge");
        return Err(error.with_hint("name the base first, then at least one newer file"));
    }
    check_apart(inputs.iter().copied(), output)?;
    options.convert.watched(|convert| {
        let options = MergeOptions {
            convert: convert.clone(),
            ..options.clone()
        };
        merge_watched(&inputs, output, &options)
    })
}

fn merge_watched(inputs: &[&Path], output: &Path, options: &MergeOptions) -> Result<MergeSummary> {
    check_output(&*options.convert.fs, output, options.convert.existing)?;
    let inputs = Inputs::find(inputs, output, options)?;
    match inputs.format() {
        FileFormat::V1 => to_v1::write(inputs, output, options),
        FileFormat::V3 => to_v3::write(inputs, output, options),
        other => {
            let message = format!("format is not merged into format=`{}`", other.as_str());
            Err(Error::new(ErrorKind::InvalidArgument, message).in_file(output))
        }
    }
}
