//! One result, as a file.

use std::path::Path;

use super::closure::Wanted;
use super::form::{Form, stored};
use super::joined::{Joined, Pick, kind_of};
use super::{DeltaOptions, DeltaSummary};
use crate::Result;
use crate::engine::types::SyncRun;
use crate::ops::RecordKind;
use crate::ops::build::v1::{V1Builder, V1Options, V1Run};
use crate::ops::build::{BuildOptions, InputOrder, RunToWrite, V3Builder};
use crate::ops::merge::v1_row::StoredRow;
use crate::ops::observe::{Meter, Step};

/// Share of the memory for indexes of the output, in sixteenths.
const INDEX_SHARE: u64 = 3;

/// Takes key and bytes of a record.
type Take<'t> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 't;

pub(super) fn write(
    joined: &Joined,
    pick: Pick,
    wanted: &Wanted,
    run: &SyncRun,
    output: &Path,
    options: &DeltaOptions,
) -> Result<DeltaSummary> {
    let result = Picked {
        joined,
        pick,
        wanted,
        options,
    };
    match joined.form {
        Form::V1 => to_v1(&result, run, output),
        Form::V3 => to_v3(&result, run, output),
    }
}

/// The records of a result.
struct Picked<'a> {
    joined: &'a Joined,
    pick: Pick,
    wanted: &'a Wanted,
    options: &'a DeltaOptions,
}

impl Picked<'_> {
    /// Whether records of this kind are in the result at all: a pair holds no assets.
    fn holds(&self, kind: RecordKind) -> bool {
        kind != RecordKind::Asset || self.pick == Pick::Added
    }

    /// Gives those of one kind, or all, to `take`, in order of keys.
    fn records(&self, kind: Option<RecordKind>, take: &mut Take<'_>) -> Result<()> {
        let observer = &*self.options.convert.observer;
        let mut meter = Meter::start(observer, Step::Sort, None)?;
        let mut held = self.wanted.scan();
        let mut scan = self.joined.scan(kind);
        while let Some(versions) = scan.next()? {
            meter.row()?;
            if !self.holds(kind_of(&versions.key)?) {
                continue;
            }
            let is_wanted = held.holds(&versions.key)?;
            let picked = match self.joined.picked(self.pick, &versions)? {
                None if is_wanted => versions.applied.as_deref(),
                picked => picked,
            };
            if let Some(bytes) = picked {
                take(&versions.key, bytes)?;
            }
        }
        Ok(())
    }
}

fn to_v3(result: &Picked<'_>, run: &SyncRun, output: &Path) -> Result<DeltaSummary> {
    let convert = &result.options.convert;
    let build = BuildOptions {
        order: InputOrder::Ascending,
        memory_bytes: convert.budget.share(INDEX_SHARE),
        threads: convert.threads,
        ..BuildOptions::default()
    };
    let mut builder = V3Builder::new(output, &build, &convert.pack_options(), true)?;
    let rows = builder.sync();
    result.records(None, &mut |key, value| {
        let kind = kind_of(key)?;
        rows.put(&stored(kind, key.get(1..).unwrap_or_default(), value))
    })?;
    let written = RunToWrite { run, stored: None };
    let summary = builder.finish_checked(Some(written), |_| Ok(()))?;
    Ok(DeltaSummary {
        run: summary.sync.run.unwrap_or_else(|| run.clone()),
        counts: summary.sync.counts,
        format: result.joined.form.format(),
        file_len: summary.envelope.file_len,
        losses: result.joined.losses.clone(),
    })
}

fn to_v1(result: &Picked<'_>, run: &SyncRun, output: &Path) -> Result<DeltaSummary> {
    let convert = &result.options.convert;
    let v1 = V1Options {
        memory_bytes: convert.budget.share(INDEX_SHARE),
        zone: convert.zone.clone(),
        level: convert.level,
    };
    let mut builder = V1Builder::new(output, &v1, &convert.pack_options())?;
    for kind in RecordKind::ALL {
        let mut table = builder.table(kind)?;
        result.records(Some(kind), &mut |_, value| {
            let row = StoredRow::decode(value)?;
            table.push(&row.row(run.id.as_str())).map(drop)
        })?;
        table.finish()?;
    }
    let counts = builder.counts(&run.id);
    let written = builder.finish(&[V1Run { rowid: None, run }])?;
    Ok(DeltaSummary {
        run: run.clone(),
        counts,
        format: result.joined.form.format(),
        file_len: written.file_len,
        losses: result.joined.losses.clone(),
    })
}
