//! The records of two syncs, sorted together by identity.

use std::path::Path;
use std::sync::Arc;

use shingle::bulk::{Duplicates, Scratch, SortOptions, Sorted, SortedScan, Sorter};
use shingle::iter::Bounds;

use super::form::Form;
use super::{DeltaInput, DeltaOptions};
use crate::engine::types::SyncRun;
use crate::ops::RecordKind;
use crate::ops::build::Workspace;
use crate::ops::convert::identities::Identities;
use crate::ops::convert::source::{self, SourceSync};
use crate::ops::convert::{FileFormat, LossReport};
use crate::ops::observe::{Meter, Step};
use crate::{Error, Result};

/// Share of the memory that sorts records, in sixteenths.
const SORT_SHARE: u64 = 5;
/// The side of a version, before its bytes.
const BASE: u8 = 0;
const APPLIED: u8 = 1;

/// Which records a result holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    /// Those of the applied sync that the base does not have.
    Added,
    /// Those, and those that changed.
    Upserted,
    /// Those of the base that the applied sync does not have.
    Deleted,
}

/// Two syncs, record by record.
pub(super) struct Joined {
    rows: Sorted,
    pub(super) form: Form,
    pub(super) base: SyncRun,
    pub(super) losses: LossReport,
    // Removed after the rows, whose files lie in it.
    workspace: Workspace,
}

/// A record as the two syncs hold it.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Its identity, after the number of its kind.
    pub(super) key: Vec<u8>,
    pub(super) base: Option<Vec<u8>>,
    pub(super) applied: Option<Vec<u8>>,
}

impl Joined {
    pub(super) fn read(
        base: &DeltaInput,
        applied: &DeltaInput,
        output: &Path,
        options: &DeltaOptions,
        check: &dyn Fn(&SyncRun) -> Result<()>,
    ) -> Result<Self> {
        let fs = &*options.convert.fs;
        let formats = [
            FileFormat::of_existing(fs, &base.path)?,
            FileFormat::of_existing(fs, &applied.path)?,
        ];
        let form = Form::of(formats, options)?;
        let workspace = Workspace::for_output(&options.convert.pack_options(), output)?;
        let scratch = Scratch::new(Arc::clone(&options.convert.fs), workspace.dir());
        let mut rows = Sorter::new(scratch, sort_options(options));
        let mut losses = LossReport::with_examples(options.convert.loss_examples_max);
        let [base_format, applied_format] = formats;
        let mut read = |input: &DeltaInput, format, side| {
            let mut reading = Reading {
                form,
                side,
                check,
                options,
                rows: &mut rows,
                losses: &mut losses,
            };
            let read = reading.read(input, format, output);
            read.map_err(|error| error.in_file(&input.path))
        };
        let base = read(base, base_format, BASE)?;
        read(applied, applied_format, APPLIED)?;
        losses.require(options.convert.allow_loss)?;
        Ok(Self {
            rows: rows.finish()?,
            form,
            base,
            losses,
            workspace,
        })
    }

    /// Where more can be sorted.
    pub(super) fn scratch(&self, options: &DeltaOptions) -> Scratch {
        Scratch::new(Arc::clone(&options.convert.fs), self.workspace.dir())
    }

    /// The records of one kind, or of all.
    pub(super) fn scan(&self, kind: Option<RecordKind>) -> JoinedScan {
        let bounds = match kind {
            Some(kind) => Bounds {
                lower: Some(vec![kind as u8]),
                upper: Some(vec![kind as u8 + 1]),
            },
            None => Bounds::all(),
        };
        JoinedScan {
            rows: self.rows.scan(bounds),
            next: None,
        }
    }

    /// The version that a result holds, if it holds one.
    pub(super) fn picked<'v>(
        &self,
        pick: Pick,
        versions: &'v Versions,
    ) -> Result<Option<&'v [u8]>> {
        let (base, applied) = (versions.base.as_deref(), versions.applied.as_deref());
        Ok(match (pick, base, applied) {
            (Pick::Added | Pick::Upserted, None, Some(applied)) => Some(applied),
            (Pick::Deleted, Some(base), None) => Some(base),
            (Pick::Upserted, Some(base), Some(applied)) => {
                let kind = kind_of(&versions.key)?;
                self.form.differ(kind, base, applied)?.then_some(applied)
            }
            _ => None,
        })
    }
}

pub(super) fn sort_options(options: &DeltaOptions) -> SortOptions {
    SortOptions {
        memory_bytes: options.convert.budget.share(SORT_SHARE),
        duplicates: Duplicates::KeepAll,
        ..SortOptions::default()
    }
}

/// The kind in a key.
pub(super) fn kind_of(key: &[u8]) -> Result<RecordKind> {
    let number = key.first().copied();
    let kind = RecordKind::ALL
        .into_iter()
        .find(|kind| Some(*kind as u8) == number);
    kind.ok_or_else(|| {
        Error::new(
            crate::ErrorKind::Internal,
            "a row came torn out of the sort",
        )
    })
}

/// One sync on its way into the sort.
struct Reading<'a> {
    form: Form,
    side: u8,
    /// Refuses a sync before its records are read.
    check: &'a dyn Fn(&SyncRun) -> Result<()>,
    options: &'a DeltaOptions,
    rows: &'a mut Sorter,
    losses: &'a mut LossReport,
}

impl Reading<'_> {
    fn read(&mut self, input: &DeltaInput, format: FileFormat, output: &Path) -> Result<SyncRun> {
        let convert = &self.options.convert;
        let source = source::open(&input.path, format, output, convert)?;
        let syncs = source.syncs();
        let at = match &input.sync {
            Some(id) => source::position(syncs, id)?,
            None => latest(syncs)?,
        };
        let run = syncs.get(at).map(|sync| &sync.run).ok_or_else(no_sync)?;
        (self.check)(run)?;
        // Rows of v1 files may become one record; those of v3 files are one already.
        let folds = format == FileFormat::V1 && self.form == Form::V3;
        let identities = folds.then(|| Identities::for_output(output, convert));
        let mut identities = identities.transpose()?;
        for kind in RecordKind::ALL {
            let mut meter = Meter::start(&*convert.observer, Step::Records(kind), None)?;
            let (form, side, losses) = (self.form, self.side, &mut *self.losses);
            let rows = &mut *self.rows;
            source.records(kind, &[at], &mut |_, record| {
                meter.row()?;
                form.take(&record, losses, &mut |id, bytes| {
                    let key = [&[kind as u8], id].concat();
                    let value = [&[side], bytes].concat();
                    if let Some(identities) = &mut identities {
                        identities.add(&key)?;
                    }
                    Ok(rows.add(&key, &value)?)
                })
            })?;
        }
        if let Some(identities) = identities {
            identities.report(self.losses)?;
        }
        Ok(run.clone())
    }
}

fn latest(syncs: &[SourceSync]) -> Result<usize> {
    let finished = crate::ops::convert::select::newest(syncs, |sync| sync.run.is_finished());
    finished.ok_or_else(no_sync)
}

fn no_sync() -> Error {
    Error::not_found("no finished sync").with_hint("name the sync")
}

/// Versions in order of keys.
pub(super) struct JoinedScan {
    rows: SortedScan,
    /// The first row of the next record.
    next: Option<(Vec<u8>, Vec<u8>)>,
}

impl JoinedScan {
    /// The next record; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Versions>> {
        let mut versions = Versions::default();
        let Some((key, value)) = self.take()? else {
            return Ok(None);
        };
        versions.key = key;
        versions.add(&value);
        while let Some((key, value)) = self.take()? {
            if key != versions.key {
                self.next = Some((key, value));
                break;
            }
            versions.add(&value);
        }
        Ok(Some(versions))
    }

    fn take(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        if let Some(row) = self.next.take() {
            return Ok(Some(row));
        }
        let row = self.rows.next()?;
        Ok(row.map(|row| (row.key.to_vec(), row.value.to_vec())))
    }
}

impl Versions {
    /// Takes a version. The one that was read last comes first and stays.
    fn add(&mut self, value: &[u8]) {
        let Some((side, bytes)) = value.split_first() else {
            return;
        };
        let version = if *side == BASE {
            &mut self.base
        } else {
            &mut self.applied
        };
        version.get_or_insert_with(|| bytes.to_vec());
    }
}
