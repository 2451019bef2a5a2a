//! Converting syncs between formats.
//!
//! ```text
//! v1 file ──────────┐                                ┌──> v1 file      all syncs
//! v3 file ──────────┤            downgrade           ├──> v3 file      one sync
//! pebble directory ─┼─> Source ──────────────> target┼──> directory    one sync
//! folder of these ──┤             upgrade            └──> NDJSON       all syncs
//! NDJSON ───────────┘
//! ```
//!
//! Records pass one at a time in the form that their source stores them in; they are translated only
//! between v1 and v3, otherwise their bytes are kept as they are. What the output cannot hold is
//! counted in a [`LossReport`], and a conversion by which syncs or records would disappear is refused
//! unless [`ConvertOptions::allow_loss`] is set. The output appears whole or not at all.
//!
//! Cost: one pass over the input, and an external sort where the output is sorted and the input is
//! not. Memory is that of [`ConvertOptions::budget`], whatever the number of rows.

mod downgrade;
mod format;
pub(super) mod identities;
mod job;
mod loss;
mod options;
pub(super) mod select;
pub(super) mod source;
mod summary;
mod to_ndjson;
mod to_v1;
mod to_v3;
pub(super) mod upgrade;

use std::path::Path;

pub use format::FileFormat;
pub use loss::{EXAMPLES_MAX, Loss, LossKind, LossReport};
pub use options::{Carry, ConvertOptions, SyncChoice};
pub use summary::{ConvertSummary, SyncSummary};

use crate::{Error, Result};
use job::Job;
use source::Source;

/// Converts what lies at `input`, and puts it at `output`.
///
/// # Errors
/// `NotFound` for a missing input or sync; `AlreadyExists` for an output that is not to be replaced;
/// `FailedPrecondition` for a loss that is not allowed; `InvalidArgument` for a format that cannot be
/// written, and a sync whose id v3 files do not take; `DataLoss` and the like from reading; what the
/// observer returns. Nothing of the output is left then, and what stood there before still does.
///
/// # Complexity
/// O(rows) reads and O(n log n) comparisons for what is sorted.
pub fn convert(
    input: impl AsRef<Path>,
    output: impl AsRef<Path>,
    options: &ConvertOptions,
) -> Result<ConvertSummary> {
    let (input, output) = (input.as_ref(), output.as_ref());
    options.watched(|options| convert_watched(input, output, options))
}

fn convert_watched(
    input: &Path,
    output: &Path,
    options: &ConvertOptions,
) -> Result<ConvertSummary> {
    let from = FileFormat::of_existing(&*options.fs, input)?;
    let to = match options.to {
        Some(to) => to,
        None => FileFormat::of_name(output)?,
    };
    let source =
        source::open(input, from, output, options).map_err(|error| error.in_file(input))?;
    // What is wrong with the syncs is wrong in the input; the output is named where it is written.
    run(&*source, from, to, output, options).map_err(|error| error.in_file(input))
}

/// Writes what `source` gives in another format, or in the same.
pub(super) fn run(
    source: &dyn Source,
    from: FileFormat,
    to: FileFormat,
    output: &Path,
    options: &ConvertOptions,
) -> Result<ConvertSummary> {
    let mut job = Job {
        source,
        output,
        options,
        losses: LossReport::with_examples(options.loss_examples_max),
        file_len: None,
    };
    for table in source.foreign() {
        job.losses
            .add(LossKind::ForeignRows, || format!("table {table}"));
    }
    let syncs = match to {
        FileFormat::V1 => to_v1::file(&mut job)?,
        FileFormat::V3 => to_v3::file(&mut job)?.into_iter().collect(),
        FileFormat::PebbleDir => to_v3::directory(&mut job)?.into_iter().collect(),
        FileFormat::Ndjson => to_ndjson::file(&mut job)?,
        FileFormat::Folder => {
            let message = format!("format is not written format=`{}`", to.as_str());
            return Err(Error::invalid(message).in_file(output));
        }
    };
    Ok(ConvertSummary {
        from,
        to,
        syncs,
        losses: job.losses,
        file_len: job.file_len,
    })
}
