//! Into a v1 file, from v1 files: records are the same by external id, and their bytes are not translated.

use std::path::Path;
use std::sync::Arc;

use shingle::bulk::{Duplicates, Scratch, SortOptions, Sorted, Sorter};
use shingle::iter::Bounds;

use super::inputs::{Inputs, begin};
use super::v1_row::{self, StoredRow};
use super::{MergeOptions, MergeSummary};
use crate::engine::types::SyncRun;
use crate::ops::RecordKind;
use crate::ops::build::v1::{V1Builder, V1Options, V1Run};
use crate::ops::build::{Workspace, winners};
use crate::ops::convert::source::SourceRecord;
use crate::ops::convert::{FileFormat, LossKind};
use crate::ops::observe::{Meter, Step};
use crate::{Error, ErrorKind, Result};

/// Shares of the memory, in sixteenths: for the sort of rows, and for those of the indexes.
const SORT_SHARE: u64 = 4;
const INDEX_SHARE: u64 = 3;

pub(super) fn write(
    mut inputs: Inputs<'_>,
    output: &Path,
    options: &MergeOptions,
) -> Result<MergeSummary> {
    let convert = &options.convert;
    let pack = convert.pack_options();
    let workspace = Workspace::for_output(&pack, output)?;
    let v1 = V1Options {
        memory_bytes: options.convert.budget.share(INDEX_SHARE),
        zone: convert.zone.clone(),
        level: convert.level,
    };
    let mut builder = V1Builder::new(output, &v1, &pack)?;
    let scratch = Scratch::new(Arc::clone(&convert.fs), workspace.dir());
    let rows = gather(&mut inputs, scratch, options)?;
    let mut run = begin(options)?;
    inputs.complete(&mut run);
    let mut kept = 0;
    for kind in RecordKind::ALL {
        kept += write_table(&mut builder, kind, &rows, &run, options)?;
    }
    let counts = builder.counts(&run.id);
    let written = builder.finish(&[V1Run {
        rowid: None,
        run: &run,
    }])?;
    Ok(MergeSummary {
        run,
        counts,
        replaced: inputs.records_read().saturating_sub(kept),
        inputs: inputs.told,
        format: FileFormat::V1,
        file_len: written.file_len,
        losses: inputs.losses,
    })
}

/// All rows by kind and external id.
fn gather(inputs: &mut Inputs<'_>, scratch: Scratch, options: &MergeOptions) -> Result<Sorted> {
    let sort = SortOptions {
        memory_bytes: options.convert.budget.share(SORT_SHARE),
        duplicates: Duplicates::KeepAll,
        ..SortOptions::default()
    };
    let mut rows = Sorter::new(scratch, sort);
    let (mut key, mut value) = (Vec::new(), Vec::new());
    inputs.records(&mut |record, of_input| match record {
        SourceRecord::Row(row) => {
            key.clear();
            key.push(number_of(row.kind()));
            key.extend_from_slice(row.external_id.as_bytes());
            value.clear();
            v1_row::encode(row, &mut value)?;
            Ok(rows.add(&key, &value)?)
        }
        SourceRecord::Unnamed(_, error) => {
            of_input.losses.add(LossKind::Record, || error.to_string());
            Ok(())
        }
        SourceRecord::Stored(_) => Err(Error::new(
            ErrorKind::Internal,
            "a v3 record among v1 inputs",
        )),
    })?;
    Ok(rows.finish()?)
}

/// The first byte of the keys of a kind, in the order of [`RecordKind::ALL`].
fn number_of(kind: RecordKind) -> u8 {
    kind as u8
}

/// Writes the winners of one kind; returns how many there are.
fn write_table(
    builder: &mut V1Builder,
    kind: RecordKind,
    rows: &Sorted,
    run: &SyncRun,
    options: &MergeOptions,
) -> Result<u64> {
    let number = number_of(kind);
    let bounds = Bounds {
        lower: Some(vec![number]),
        upper: Some(vec![number + 1]),
    };
    let mut meter = Meter::start(&*options.convert.observer, Step::Sort, None)?;
    let mut table = builder.table(kind)?;
    let mut kept = 0;
    let time_of = |_: &[u8], value: &[u8]| v1_row::time_of(value);
    winners(rows.scan(bounds), &mut meter, time_of, |_, value| {
        kept += 1;
        let row = StoredRow::decode(value)?;
        table.push(&row.row(run.id.as_str())).map(drop)
    })?;
    table.finish()?;
    Ok(kept)
}
