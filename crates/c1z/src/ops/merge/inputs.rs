//! What is merged: one input after another is opened, read and closed, so that memory does not grow with
//! their number.

use std::path::Path;

use super::{MergeOptions, MergedInput};
use crate::engine::types::{SyncRun, SyncType, Timestamp};
use crate::ops::RecordKind;
use crate::ops::convert::identities::Identities;
use crate::ops::convert::source::{self, SourceRecord, SourceSync};
use crate::ops::convert::{FileFormat, LossReport};
use crate::ops::observe::{Meter, Step};
use crate::{Error, ErrorKind, Result};

/// What is kept beside the records of one input.
pub(super) struct OfInput<'a> {
    pub(super) losses: &'a mut LossReport,
    /// Where rows may become one record.
    pub(super) identities: Option<Identities>,
}

/// Takes the records of inputs.
type TakeRecord<'t> = dyn FnMut(SourceRecord<'_>, &mut OfInput<'_>) -> Result<()> + 't;

/// The inputs, and what is known of them so far.
pub(super) struct Inputs<'a> {
    paths: &'a [&'a Path],
    formats: Vec<FileFormat>,
    output: &'a Path,
    options: &'a MergeOptions,
    runs: Vec<SyncRun>,
    pub(super) told: Vec<MergedInput>,
    pub(super) losses: LossReport,
}

impl<'a> Inputs<'a> {
    /// Looks at what the inputs are.
    pub(super) fn find(
        paths: &'a [&'a Path],
        output: &'a Path,
        options: &'a MergeOptions,
    ) -> Result<Self> {
        let mut formats = Vec::with_capacity(paths.len());
        for path in paths {
            let format = FileFormat::of_existing(&*options.convert.fs, path)?;
            check_format(format, path, options)?;
            formats.push(format);
        }
        Ok(Self {
            paths,
            formats,
            output,
            options,
            runs: Vec::new(),
            told: Vec::new(),
            losses: LossReport::with_examples(options.convert.loss_examples_max),
        })
    }

    /// The format of the result.
    pub(super) fn format(&self) -> FileFormat {
        let all_v1 = self.formats.iter().all(|format| *format == FileFormat::V1);
        let default = if all_v1 {
            FileFormat::V1
        } else {
            FileFormat::V3
        };
        self.options.to.unwrap_or(default)
    }

    /// Gives all records to `take`, those of the base first.
    pub(super) fn records(&mut self, take: &mut TakeRecord<'_>) -> Result<()> {
        for (path, format) in self.paths.iter().zip(self.formats.clone()) {
            self.read(path, format, take)
                .map_err(|error| error.in_file(path))?;
        }
        self.losses.require(self.options.convert.allow_loss)
    }

    fn read(&mut self, path: &Path, format: FileFormat, take: &mut TakeRecord<'_>) -> Result<()> {
        let convert = &self.options.convert;
        let source = source::open(path, format, self.output, convert)?;
        let syncs = source.syncs();
        let at = sync_of(syncs)?;
        let sync = syncs.get(at).ok_or_else(nothing_to_merge)?;
        // Rows of v1 files may become one record; those of v3 files are one already.
        let folds = format == FileFormat::V1 && self.format() == FileFormat::V3;
        let identities = folds.then(|| Identities::for_output(self.output, convert));
        let mut of_input = OfInput {
            losses: &mut self.losses,
            identities: identities.transpose()?,
        };
        let mut records = 0;
        for kind in RecordKind::ALL {
            if kind == RecordKind::Asset && !self.options.assets {
                continue;
            }
            let mut meter = Meter::start(&*convert.observer, Step::Records(kind), None)?;
            source.records(kind, &[at], &mut |_, record| {
                records += 1;
                meter.row()?;
                take(record, &mut of_input)
            })?;
        }
        if let Some(identities) = of_input.identities {
            identities.report(&mut self.losses)?;
        }
        self.told.push(MergedInput {
            path: path.to_owned(),
            sync: sync.run.id.clone(),
            sync_type: sync.run.sync_type.clone(),
            records,
        });
        self.runs.push(sync.run.clone());
        Ok(())
    }

    /// Records that were read.
    pub(super) fn records_read(&self) -> u64 {
        self.told.iter().map(|input| input.records).sum()
    }

    /// Completes the run of the result by what the inputs, all read, say.
    pub(super) fn complete(&self, run: &mut SyncRun) {
        let has = |wanted: &SyncType| self.runs.iter().any(|run| run.sync_type == *wanted);
        run.sync_type = if has(&SyncType::Full) {
            SyncType::Full
        } else if has(&SyncType::ResourcesOnly) {
            SyncType::ResourcesOnly
        } else {
            SyncType::Partial
        };
        run.ended_at = self.runs.iter().filter_map(|run| run.ended_at).max();
    }
}

/// A run that begins now, whose type and end are still to come.
pub(super) fn begin(options: &MergeOptions) -> Result<SyncRun> {
    let now = Timestamp::from_system_time(options.clock.now());
    let id = options.ids.next(now)?;
    Ok(SyncRun::started(id, SyncType::Full, String::new(), now))
}

fn check_format(format: FileFormat, path: &Path, options: &MergeOptions) -> Result<()> {
    if options.to == Some(FileFormat::V1) && format != FileFormat::V1 {
        let message = "input is not a v1 file, and v1 is asked for";
        return Err(Error::new(ErrorKind::EngineMismatch, message)
            .in_file(path)
            .with_hint("merge into v3, or convert the input first"));
    }
    if format == FileFormat::Folder {
        let error = Error::invalid("a folder of syncs is not one file").in_file(path);
        return Err(error.with_hint("name the files in it that are to be merged"));
    }
    Ok(())
}

/// The latest finished sync that is no half of a diff.
fn sync_of(syncs: &[SourceSync]) -> Result<usize> {
    let can = |sync: &SourceSync| {
        let is_plain = matches!(
            sync.run.sync_type,
            SyncType::Full | SyncType::ResourcesOnly | SyncType::Partial
        );
        is_plain && sync.run.is_finished()
    };
    crate::ops::convert::select::newest(syncs, can).ok_or_else(nothing_to_merge)
}

fn nothing_to_merge() -> Error {
    let message = "no finished sync that can be merged";
    Error::new(ErrorKind::FailedPrecondition, message)
        .with_hint("an unfinished sync and the halves of a diff are not merged")
}
