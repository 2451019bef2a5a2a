//! Into a v3 file, or the directory of its database: one sync.

use std::path::Path;
use std::sync::Arc;

use super::job::{Job, RecordMeter};
use super::loss::{LossKind, LossReport};
use super::options::{Carry, ConvertOptions};
use super::select;
use super::source::{SourceItem, SourceRecord, SourceSync};
use super::summary::SyncSummary;
use super::upgrade::Upgrade;
use crate::engine::types::{SyncRun, SyncStats, Verification};
use crate::envelope::Existing;
use crate::ksuid::Ksuid;
use crate::ops::build::{
    BuildOptions, BuiltSync, InputOrder, RunToWrite, SameIdentity, SyncBuilder, V3Builder,
    Workspace,
};
use crate::record::token;
use crate::{Error, ErrorKind, Result};

/// Share of the memory that sorts rows, in sixteenths: the rest is for reading, tables under way and
/// compression.
const SORT_SHARE: u64 = 5;

/// Writes a packed file.
pub(super) fn file(job: &mut Job<'_>) -> Result<Option<SyncSummary>> {
    let plan = Plan::make(job)?;
    let pack = job.pack_options();
    let finished = plan.sync.is_some_and(|sync| sync.run.is_finished());
    let mut builder = V3Builder::new(job.output, &plan.build, &pack, finished)?;
    let asset_bytes = plan.fill(job, builder.sync())?;
    let written = plan.run(&mut job.losses);
    let run = written.as_ref().map(|run| plan.to_write(run));
    let (losses, allow) = (&mut job.losses, job.options.allow_loss);
    let summary = builder.finish_checked(run, |built| {
        note_merged(built, losses);
        losses.require(allow)
    })?;
    job.file_len = Some(summary.envelope.file_len);
    Ok(summary_of(summary.sync, asset_bytes))
}

/// Writes the directory of a database.
pub(super) fn directory(job: &mut Job<'_>) -> Result<Option<SyncSummary>> {
    let plan = Plan::make(job)?;
    let (fs, output) = (Arc::clone(&job.options.fs), job.output);
    check_directory(job.options, output)?;
    let workspace = Workspace::beside(Arc::clone(&fs), &*job.options.entropy, output)?;
    let made = workspace.dir().join("db");
    let finished = plan.sync.is_some_and(|sync| sync.run.is_finished());
    let mut builder = SyncBuilder::new(Arc::clone(&fs), &made, &plan.build, finished)?
        .observed_by(Arc::clone(&job.options.observer));
    let asset_bytes = plan.fill(job, &mut builder)?;
    let written = plan.run(&mut job.losses);
    let run = written.as_ref().map(|run| plan.to_write(run));
    let built = builder.finish(run)?;
    note_merged(&built, &mut job.losses);
    job.losses.require(job.options.allow_loss)?;
    if job.options.existing == Existing::Replace && fs.metadata(output).is_ok() {
        fs.remove_dir_all(output)
            .map_err(|e| Error::io("remove the old directory", output, e))?;
    }
    fs.rename(&made, output)
        .map_err(|e| Error::io("put the directory in its place", output, e))?;
    let folder = output.parent().unwrap_or(Path::new(""));
    fs.sync_dir(folder)
        .map_err(|e| Error::io("sync the folder of the directory", output, e))?;
    Ok(summary_of(built, asset_bytes))
}

/// Refuses an output that would have to be replaced and is not to be.
fn check_directory(options: &ConvertOptions, output: &Path) -> Result<()> {
    match options.fs.metadata(output) {
        Ok(found) if !found.is_dir => {
            Err(Error::invalid("output is a file, not a directory").in_file(output))
        }
        Ok(_) if options.existing == Existing::Keep => {
            Err(Error::new(ErrorKind::AlreadyExists, "output exists")
                .in_file(output)
                .with_hint("choose another path, or ask for the directory to be replaced"))
        }
        _ => Ok(()),
    }
}

fn summary_of(built: BuiltSync, asset_bytes: u64) -> Option<SyncSummary> {
    let counts = built.counts;
    built.run.map(|run| SyncSummary {
        run,
        counts,
        asset_bytes,
    })
}

/// Records that the builder joined with others.
fn note_merged(built: &BuiltSync, losses: &mut LossReport) {
    let examples = built
        .merged
        .iter()
        .map(|key| key.escape_ascii().to_string());
    let shown: Vec<String> = examples.collect();
    losses.add_many(LossKind::SameIdentity, built.merged_rows, || {
        shown.join(", ")
    });
}

/// What is converted and how.
struct Plan<'a> {
    sync: Option<&'a SourceSync>,
    position: usize,
    build: BuildOptions,
    carry: Carry,
}

impl<'a> Plan<'a> {
    fn make(job: &mut Job<'a>) -> Result<Self> {
        let source = job.source;
        let position = select::one(source.syncs(), job.options, &mut job.losses)?;
        job.losses.require(job.options.allow_loss)?;
        let sync = position.and_then(|at| source.syncs().get(at));
        if let Some(sync) = sync {
            Ksuid::parse(sync.run.id.as_str())?;
        }
        let build = BuildOptions {
            order: sync.map_or(InputOrder::Any, |sync| sync.order),
            same_identity: SameIdentity::Fold,
            memory_bytes: job.options.budget.share(SORT_SHARE),
            threads: job.options.threads,
            ..BuildOptions::default()
        };
        let carry = job.options.carry;
        let position = position.unwrap_or_default();
        Ok(Self {
            sync,
            position,
            build,
            carry,
        })
    }

    /// Whether the sync leaves behind what the original implementation leaves behind.
    fn leaves(&self) -> bool {
        // A sync that was a v3 one before is copied whole there, too.
        self.carry == Carry::AsGo && self.sync.is_some_and(|sync| sync.stored.is_none())
    }

    /// Puts what the sync consists of; returns the bytes of its assets.
    fn fill(&self, job: &mut Job<'_>, builder: &mut SyncBuilder) -> Result<u64> {
        let Some(sync) = self.sync else {
            return Ok(0);
        };
        let (source, losses) = (job.source, &mut job.losses);
        let mut progress = RecordMeter::new(&*job.options.observer);
        let mut upgrade = Upgrade::default();
        let mut asset_bytes = 0;
        let skip_sessions = self.leaves() && sync.run.is_finished();
        let orphans = source.visit(self.position, &mut |item| {
            progress.item(&item)?;
            asset_bytes += item.asset_len()?;
            match item {
                SourceItem::Record(SourceRecord::Stored(record)) => builder.put(&record),
                SourceItem::Record(SourceRecord::Row(row)) => {
                    upgrade.record(row, losses, &mut |record| builder.put(record))
                }
                SourceItem::Record(SourceRecord::Unnamed(_, error)) => {
                    losses.add(LossKind::Record, || error.to_string());
                    Ok(())
                }
                SourceItem::Session(entry) if skip_sessions => {
                    losses.add(LossKind::Session, || entry.key.escape_debug().to_string());
                    Ok(())
                }
                SourceItem::Session(entry) => builder.put_session(entry),
                SourceItem::Row(key, value) => builder.put_other(key, value),
            }
        })?;
        progress.end()?;
        losses.add_many(LossKind::ForeignRows, orphans, || {
            "rows without a sync".to_owned()
        });
        Ok(asset_bytes)
    }

    /// The run to write.
    fn run(&self, losses: &mut LossReport) -> Option<SyncRun> {
        let sync = self.sync?;
        let mut run = sync.run.clone();
        if sync.stored.is_some() {
            return Some(run);
        }
        if self.leaves() {
            leave_behind(&mut run, losses);
        }
        if run.is_finished() {
            run.stats = Some(figures(&run));
        }
        Some(run)
    }

    fn to_write<'r>(&'r self, run: &'r SyncRun) -> RunToWrite<'r> {
        RunToWrite {
            run,
            stored: self.sync.and_then(|sync| sync.stored.as_deref()),
        }
    }
}

/// Takes out of a run what the original implementation does not convert.
fn leave_behind(run: &mut SyncRun, losses: &mut LossReport) {
    let id = run.id.to_string();
    if !run.is_finished() {
        if run.verification != Verification::default() {
            losses.add(LossKind::Verification, || id);
            run.verification = Verification::default();
        }
        return;
    }
    if !run.token.is_empty() {
        losses.add(LossKind::Token, || id.clone());
        run.token.clear();
    }
    if run.stats.take().is_some_and(|stats| has_figures(&stats)) {
        losses.add(LossKind::Statistics, || id);
    }
}

fn has_figures(stats: &SyncStats) -> bool {
    !stats.step_durations_ms.is_empty()
        || !stats.connector_call_stats.is_empty()
        || !stats.session_store_stats.is_empty()
}

/// The figures of the syncer: those that were recorded, else those in the token.
fn figures(run: &SyncRun) -> SyncStats {
    let mut lifted = SyncStats::default();
    token::lift_into(&run.token, &mut lifted);
    match &run.stats {
        Some(recorded) if has_figures(recorded) => SyncStats {
            ingest_quality: lifted.ingest_quality,
            ..recorded.clone()
        },
        _ => lifted,
    }
}
