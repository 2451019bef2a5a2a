//! Taking expansion back: a sync as its source system told it (`store-contract` §4.8).
//!
//! Grants that expansion made are left out, and the sources that it noted on others are cleared;
//! everything else keeps its bytes. What was concluded from the grants goes too: the token, statistics,
//! the verification mark, the graph of entitlements. Digests and statistics are made again.
//!
//! The input is not changed: the result is a new file in the same format, with all other syncs as they
//! were. Rolling back what was rolled back changes nothing.

mod rolled_back;

use std::path::Path;

use super::build::check_apart;
use super::convert::source::{self, Source, SourceRecord, SourceSync};
use super::convert::{self, ConvertOptions, ConvertSummary, FileFormat};
use super::observe::Meter;
use super::{RecordKind, Step};
use crate::engine::types::SyncId;
use crate::record::grant::Origin;
use crate::sync::lifecycle::require_finished;
use crate::{Error, ErrorKind, Result};
use rolled_back::{RolledBack, origin};

/// How expansion is taken back.
#[derive(Clone, Debug, Default)]
pub struct RollbackOptions {
    /// The sync; none: the latest finished one.
    pub sync: Option<SyncId>,
    /// Whether grants stay that look like products of expansion but are not marked as such.
    pub keep_suspects: bool,
    /// The token that the sync gets; default none.
    pub token: String,
    /// Files, memory, threads and what becomes of an existing output. Choices of syncs and formats in it do not count.
    pub convert: ConvertOptions,
}

impl RollbackOptions {
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

/// What taking expansion back does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackReport {
    /// The sync.
    pub sync: SyncId,
    /// Grants that expansion made, and that go.
    pub deleted: u64,
    /// Grants that lose the sources that expansion noted on them.
    pub cleared: u64,
    /// Grants that look like products of expansion but carry no `GrantImmutable` annotation.
    pub suspect: u64,
    /// Those of them that stay because [`RollbackOptions::keep_suspects`] says so.
    pub preserved: u64,
}

/// Counts what [`rollback`] would do. Writes nothing.
///
/// # Errors
/// As [`rollback`], but for those of the output.
///
/// # Complexity
/// One pass over the grants.
pub fn count(input: impl AsRef<Path>, options: &RollbackOptions) -> Result<RollbackReport> {
    let input = input.as_ref();
    // Where a v1 file that does not fit the memory is spooled: beside it.
    options.watched(|options| {
        let (source, _) = open(input, input, options)?;
        plan(&*source, options)
            .map(|(_, report)| report)
            .map_err(|error| error.in_file(input))
    })
}

/// Writes what lies at `input` to `output`, in the same format, with expansion of one sync taken back.
///
/// # Errors
/// `NotFound` without the sync; `SyncNotFinished`; `SyncNotExpanded` if no expansion ran;
/// `InvalidArgument` for a format with several files, or an output that is the input; otherwise as [`convert::convert`]. Nothing of the output is left then.
///
/// # Complexity
/// Two passes over the grants, one over everything else.
pub fn rollback(
    input: impl AsRef<Path>,
    output: impl AsRef<Path>,
    options: &RollbackOptions,
) -> Result<(RollbackReport, ConvertSummary)> {
    let (input, output) = (input.as_ref(), output.as_ref());
    check_apart([input], output)?;
    options.watched(|options| rollback_watched(input, output, options))
}

fn rollback_watched(
    input: &Path,
    output: &Path,
    options: &RollbackOptions,
) -> Result<(RollbackReport, ConvertSummary)> {
    let (source, format) = open(input, output, options)?;
    let work = || {
        let (at, report) = plan(&*source, options)?;
        let rolled_back = RolledBack::new(&*source, at, options);
        let convert = ConvertOptions {
            to: Some(format),
            sync: convert::SyncChoice::All,
            finished_only: false,
            carry: convert::Carry::All,
            ..options.convert.clone()
        };
        let summary = convert::run(&rolled_back, format, format, output, &convert)?;
        Ok((report, summary))
    };
    work().map_err(|error: Error| error.in_file(input))
}

fn open(
    input: &Path,
    output: &Path,
    options: &RollbackOptions,
) -> Result<(Box<dyn Source>, FileFormat)> {
    let format = FileFormat::of_existing(&*options.convert.fs, input)?;
    if format == FileFormat::Folder {
        let error = Error::invalid("a folder of syncs is not one file");
        return Err(error
            .with_hint("name the file in it whose expansion is to be taken back")
            .in_file(input));
    }
    let source = source::open(input, format, output, &options.convert)
        .map_err(|error| error.in_file(input))?;
    Ok((source, format))
}

/// The position of the sync, and what is to be done to it.
fn plan(source: &dyn Source, options: &RollbackOptions) -> Result<(usize, RollbackReport)> {
    let syncs = source.syncs();
    let at = match &options.sync {
        Some(id) => source::position(syncs, id)?,
        None => latest_finished(syncs)?,
    };
    let sync = syncs.get(at).ok_or_else(no_finished_sync)?;
    check(sync)?;
    let mut report = RollbackReport {
        sync: sync.run.id.clone(),
        deleted: 0,
        cleared: 0,
        suspect: 0,
        preserved: 0,
    };
    let step = Step::Records(RecordKind::Grant);
    let mut meter = Meter::start(&*options.convert.observer, step, None)?;
    source.records(RecordKind::Grant, &[at], &mut |_, record| {
        meter.row()?;
        let Some(origin) = origin(&record)? else {
            return Ok(());
        };
        match origin {
            Origin::Untouched => {}
            Origin::Direct => report.cleared += 1,
            Origin::Product { is_marked: true } => report.deleted += 1,
            Origin::Product { is_marked: false } => {
                report.suspect += 1;
                if options.keep_suspects {
                    report.preserved += 1;
                } else {
                    report.deleted += 1;
                }
            }
        }
        Ok(())
    })?;
    Ok((at, report))
}

fn check(sync: &SourceSync) -> Result<()> {
    let run = &sync.run;
    require_finished(run)?;
    if !run.supports_diff {
        let message = format!("no expansion ran in the sync sync_id=`{}`", run.id);
        return Err(Error::new(ErrorKind::SyncNotExpanded, message)
            .with_hint("there is nothing to take back"));
    }
    Ok(())
}

fn latest_finished(syncs: &[SourceSync]) -> Result<usize> {
    convert::select::newest(syncs, |sync| sync.run.is_finished()).ok_or_else(no_finished_sync)
}

fn no_finished_sync() -> Error {
    Error::not_found("no finished sync")
}

/// Whether a record is one that carries an origin.
fn is_grant(record: &SourceRecord<'_>) -> bool {
    record.kind() == RecordKind::Grant
}
