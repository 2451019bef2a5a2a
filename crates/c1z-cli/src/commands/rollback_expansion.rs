//! `c1z rollback-expansion`: a file with the expansion of one sync taken back.

use std::io::Write;
use std::path::PathBuf;

use c1z::engine::types::SyncId;
use c1z::envelope::Existing;
use c1z::ops::convert::ConvertOptions;
use c1z::ops::rollback::{RollbackOptions, RollbackReport, count, rollback};
use clap::Args as ClapArgs;
use serde_json::json;

use super::convert::{options, tell_losses};
use super::refuse_csv;
use crate::args::{Format, Global};
use crate::failure::{Failure, warn};
use crate::output::stdout;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct RollbackExpansionArgs {
    /// File to write
    #[arg(long, value_name = "PATH", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Count only; nothing is written
    #[arg(long, conflicts_with = "out")]
    dry_run: bool,
    /// Keep grants that look like products of expansion but are not marked as such
    #[arg(long)]
    preserve_suspect_grants: bool,
}

pub(crate) fn run(global: &Global, args: &RollbackExpansionArgs) -> Result<(), Failure> {
    refuse_csv(global, "a roll-back")?;
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let rolling = RollbackOptions {
        sync: global.sync_id.as_deref().map(SyncId::new).transpose()?,
        keep_suspects: args.preserve_suspect_grants,
        convert: ConvertOptions {
            existing,
            ..options(global)
        },
        ..RollbackOptions::default()
    };
    let report = match &args.out {
        None => count(&global.file, &rolling)?,
        Some(out) => {
            let (report, summary) = rollback(&global.file, out, &rolling)?;
            tell_losses(&summary.losses);
            warn(
                "grants are as the source system told them; what they give to members of groups is \
                 missing until expansion runs again",
            );
            report
        }
    };
    print(global, args, &report)
}

fn print(
    global: &Global,
    args: &RollbackExpansionArgs,
    report: &RollbackReport,
) -> Result<(), Failure> {
    let RollbackReport {
        sync,
        deleted,
        cleared,
        suspect,
        preserved,
    } = report;
    let mut out = stdout();
    if global.format == Format::Console {
        let would = if args.dry_run { "would be " } else { "" };
        writeln!(
            out,
            "{sync}: {deleted} grants {would}deleted, {cleared} {would}cleared of sources, {suspect} suspect, {preserved} of them kept"
        )?;
    } else {
        let document = json!({
            "type": "rollback_expansion",
            "syncId": sync.as_str(),
            "dryRun": args.dry_run,
            "deleted": deleted,
            "cleared": cleared,
            "suspect": suspect,
            "preserved": preserved,
        });
        writeln!(out, "{document}")?;
    }
    Ok(out.flush()?)
}
