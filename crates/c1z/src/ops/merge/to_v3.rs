//! Into a v3 file.

use std::path::Path;

use super::inputs::{Inputs, begin};
use super::{MergeOptions, MergeSummary};
use crate::Result;
use crate::ops::build::{BuildOptions, RunToWrite, SameIdentity, V3Builder};
use crate::ops::convert::source::SourceRecord;
use crate::ops::convert::upgrade::Upgrade;
use crate::ops::convert::{FileFormat, LossKind};

/// Share of the memory that sorts rows, in sixteenths: the rest is for reading, tables under way and
/// compression.
const SORT_SHARE: u64 = 5;

pub(super) fn write(
    mut inputs: Inputs<'_>,
    output: &Path,
    options: &MergeOptions,
) -> Result<MergeSummary> {
    let convert = &options.convert;
    let build = BuildOptions {
        same_identity: SameIdentity::Newest,
        memory_bytes: convert.budget.share(SORT_SHARE),
        threads: convert.threads,
        ..BuildOptions::default()
    };
    let mut builder = V3Builder::new(output, &build, &convert.pack_options(), true)?;
    let mut upgrade = Upgrade::default();
    let rows = builder.sync();
    inputs.records(&mut |record, of_input| match record {
        SourceRecord::Stored(record) => rows.put(&record),
        SourceRecord::Row(row) => {
            let identities = &mut of_input.identities;
            upgrade.record(row, of_input.losses, &mut |record| {
                if let Some(identities) = identities {
                    identities.add(record.key)?;
                }
                rows.put(record)
            })
        }
        SourceRecord::Unnamed(_, error) => {
            of_input.losses.add(LossKind::Record, || error.to_string());
            Ok(())
        }
    })?;
    let mut run = begin(options)?;
    inputs.complete(&mut run);
    let written = RunToWrite {
        run: &run,
        stored: None,
    };
    let summary = builder.finish_checked(Some(written), |_| Ok(()))?;
    Ok(MergeSummary {
        run: summary.sync.run.unwrap_or(run),
        counts: summary.sync.counts,
        inputs: inputs.told,
        format: FileFormat::V3,
        replaced: summary.sync.merged_rows,
        file_len: summary.envelope.file_len,
        losses: inputs.losses,
    })
}
