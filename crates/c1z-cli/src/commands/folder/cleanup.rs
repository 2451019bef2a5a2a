//! `c1z cleanup`.

use std::io::Write;

use c1z::archive::{Archive, CleanupOptions, CleanupReport};
use serde_json::json;

use super::super::refuse_csv;
use crate::args::{CleanupArgs, Format, Global};
use crate::failure::{Failure, note, warn};
use crate::output::{data, stdout};

pub(crate) fn run(global: &Global, args: &CleanupArgs) -> Result<(), Failure> {
    refuse_csv(global, "a cleanup")?;
    let cleaned = clean(global, args).map_err(|failure| failure.in_file(&args.folder))?;
    for id in &cleaned.stuck {
        warn(format_args!(
            "sync `{id}` stays: it is in a v1 file with syncs that are kept"
        ));
    }
    if cleaned.skipped {
        note("nothing is deleted: BATON_SKIP_CLEANUP is set");
    }
    match global.format {
        Format::Console => print(args, &cleaned),
        Format::Json | Format::Ndjson | Format::Csv => document(args, &cleaned),
    }
}

fn clean(global: &Global, args: &CleanupArgs) -> Result<CleanupReport, Failure> {
    let from_variables = CleanupOptions::from_lookup(|name| std::env::var(name).ok());
    let keep = args.keep.and_then(|keep| usize::try_from(keep).ok());
    let options = CleanupOptions {
        keep: keep.or(from_variables.keep),
        dry_run: args.dry_run,
        ..from_variables
    };
    if args.dry_run {
        let archive = Archive::open_for_reading(&args.folder, super::options(global))?;
        archive.warnings().iter().for_each(warn);
        return Ok(archive.cleanup(&options)?);
    }
    let archive = super::open(global, &args.folder, false)?;
    let report = archive.cleanup(&options)?;
    archive.close()?;
    Ok(report)
}

fn print(args: &CleanupArgs, report: &CleanupReport) -> Result<(), Failure> {
    let mut out = stdout();
    let done = if args.dry_run {
        "would delete"
    } else {
        "deleted"
    };
    for gone in &report.deleted {
        writeln!(out, "{done} {} ({})", gone.id, gone.why.as_str())?;
    }
    writeln!(
        out,
        "{done} {} syncs, {} bytes",
        report.deleted.len(),
        report.bytes
    )?;
    Ok(out.flush()?)
}

fn document(args: &CleanupArgs, report: &CleanupReport) -> Result<(), Failure> {
    let deleted = report.deleted.iter();
    let deleted = deleted.map(|gone| json!({ "id": gone.id.as_str(), "why": gone.why.as_str() }));
    let stuck = report.stuck.iter().map(|id| json!(id.as_str()));
    let document = json!({
        "type": "cleanup",
        "dryRun": args.dry_run,
        "skipped": report.skipped,
        "deleted": deleted.collect::<Vec<_>>(),
        "stuck": stuck.collect::<Vec<_>>(),
        "bytes": report.bytes,
    });
    let mut out = data();
    writeln!(out, "{document}")?;
    Ok(out.flush()?)
}
