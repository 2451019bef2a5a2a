//! `c1z merge`: one sync out of a base and newer ones, each in a file of its own.

use std::io::Write;
use std::path::PathBuf;

use c1z::envelope::Existing;
use c1z::ops::convert::{ConvertOptions, FileFormat};
use c1z::ops::merge::{MergeOptions, MergeSummary, merge};
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;

use super::convert::{options, tell_losses};
use super::refuse_csv;
use crate::args::{Format, Global};
use crate::failure::{Failure, warn};
use crate::output::stdout;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct MergeArgs {
    /// The base, then newer files in their order; of equals the later one counts
    #[arg(value_name = "FILE", required = true, num_args = 2..)]
    inputs: Vec<PathBuf>,
    /// File to write
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Format to write [default: v1 if all inputs are v1 files, else v3]
    #[arg(long, value_name = "FORMAT", value_enum)]
    to: Option<To>,
    /// Take assets along
    #[arg(long)]
    assets: bool,
    /// Merge even if records disappear that have no place in the output; what is lost is listed
    #[arg(long)]
    allow_loss: bool,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

/// Formats that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// A .c1z file with a SQLite database
    V1,
    /// A .c1z file with a Pebble database
    V3,
}

pub(crate) fn run(global: &Global, args: &MergeArgs) -> Result<(), Failure> {
    refuse_csv(global, "a merge")?;
    let merging = MergeOptions {
        to: args.to.map(|to| match to {
            To::V1 => FileFormat::V1,
            To::V3 => FileFormat::V3,
        }),
        assets: args.assets,
        convert: ConvertOptions {
            allow_loss: args.allow_loss,
            existing: if args.force {
                Existing::Replace
            } else {
                Existing::Keep
            },
            ..options(global)
        },
        ..MergeOptions::default()
    };
    let summary = merge(&args.inputs, &args.out, &merging)?;
    tell_losses(&summary.losses);
    warn(
        "expansion was not run again: what groups give to their members may be missing or outdated",
    );
    print(global, args, &summary)
}

fn print(global: &Global, args: &MergeArgs, summary: &MergeSummary) -> Result<(), Failure> {
    let mut out = stdout();
    let run = &summary.run;
    if global.format == Format::Console {
        writeln!(
            out,
            "{}: sync {} ({})",
            args.out.display(),
            run.id,
            run.sync_type
        )?;
        for input in &summary.inputs {
            writeln!(
                out,
                "  {}: {} records of {} ({})",
                input.path.display(),
                input.records,
                input.sync,
                input.sync_type
            )?;
        }
        let counts = &summary.counts;
        writeln!(
            out,
            "{} resource types, {} resources, {} entitlements, {} grants, {} assets; {} records lost to newer ones",
            counts.resource_types,
            counts.resources,
            counts.entitlements,
            counts.grants,
            counts.assets,
            summary.replaced
        )?;
        return Ok(out.flush()?);
    }
    let inputs = summary.inputs.iter().map(|input| {
        json!({
            "file": input.path.to_string_lossy(),
            "syncId": input.sync.as_str(),
            "syncType": input.sync_type.as_str(),
            "records": input.records,
        })
    });
    let document = json!({
        "type": "merge",
        "output": args.out.to_string_lossy(),
        "outputFormat": summary.format.as_str(),
        "outputBytes": summary.file_len,
        "syncId": run.id.as_str(),
        "syncType": run.sync_type.as_str(),
        "inputs": inputs.collect::<Vec<_>>(),
        "resourceTypes": summary.counts.resource_types,
        "resources": summary.counts.resources,
        "entitlements": summary.counts.entitlements,
        "grants": summary.counts.grants,
        "assets": summary.counts.assets,
        "replaced": summary.replaced,
    });
    writeln!(out, "{document}")?;
    Ok(out.flush()?)
}
