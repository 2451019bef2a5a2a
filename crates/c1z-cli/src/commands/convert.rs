//! `c1z convert`: syncs from one format into another.

use std::io::Write;
use std::path::PathBuf;

use c1z::MemoryBudget;
use c1z::engine::types::SyncId;
use c1z::envelope::{Existing, PayloadEncoding};
use c1z::ops::convert::{
    ConvertOptions, ConvertSummary, FileFormat, LossReport, SyncChoice, SyncSummary, convert,
};
use c1z::v1_tables::Zone;
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Map, Value, json};

use super::refuse_csv;
use crate::args::{Format, Global};
use crate::failure::{Failure, warn};
use crate::file;
use crate::job;
use crate::output::stdout;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ConvertArgs {
    /// File, database directory or folder of these to read
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// File or directory to write
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Format to write [default: what the name of OUT says; v3 for .c1z]
    #[arg(long, value_name = "FORMAT", value_enum)]
    to: Option<To>,
    /// Layout of a v3 payload
    #[arg(long, value_name = "LAYOUT", value_enum, default_value_t = Payload::IndexedZstd)]
    payload: Payload,
    /// Convert even if syncs or records disappear; what is lost is listed
    #[arg(long)]
    allow_loss: bool,
    /// Replace OUT if it exists
    #[arg(long)]
    overwrite: bool,
    /// Zone whose wall clock v1 files tell: UTC, local, an offset such as +02:00, or a name such as
    /// Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = parse_zone, allow_hyphen_values = true)]
    zone: Option<Zone>,
}

/// Formats that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// A .c1z file with a SQLite database, any number of syncs
    V1,
    /// A .c1z file with a Pebble database, one sync
    V3,
    /// Lines of JSON, any number of syncs
    Ndjson,
    /// The directory of a Pebble database, one sync
    PebbleDir,
}

impl To {
    fn format(self) -> FileFormat {
        match self {
            To::V1 => FileFormat::V1,
            To::V3 => FileFormat::V3,
            To::Ndjson => FileFormat::Ndjson,
            To::PebbleDir => FileFormat::PebbleDir,
        }
    }
}

/// Layouts of a v3 payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Payload {
    /// Compressed frames with an index: readers take what they need
    #[value(name = "indexed_zstd")]
    IndexedZstd,
    /// A tar archive
    Tar,
    /// A compressed tar archive
    #[value(name = "tar_zstd")]
    TarZstd,
}

impl Payload {
    fn encoding(self) -> PayloadEncoding {
        match self {
            Payload::IndexedZstd => PayloadEncoding::IndexedZstd,
            Payload::Tar => PayloadEncoding::Tar,
            Payload::TarZstd => PayloadEncoding::TarZstd,
        }
    }
}

/// Reads a zone: a name, or hours and minutes ahead of UTC.
fn parse_zone(text: &str) -> Result<Zone, String> {
    if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
        return Ok(Zone::utc());
    }
    if text.eq_ignore_ascii_case("local") {
        return Ok(Zone::local());
    }
    let zone = match text.strip_prefix(['+', '-']) {
        Some(offset) => {
            let sign = if text.starts_with('-') { -1 } else { 1 };
            let seconds = offset_seconds(offset).ok_or("expected +HH:MM or -HH:MM")?;
            Zone::fixed(sign * seconds)
        }
        None => Zone::named(text),
    };
    zone.map_err(|error| error.to_string())
}

fn offset_seconds(text: &str) -> Option<i32> {
    let (hours, minutes) = text.split_once(':').or_else(|| text.split_at_checked(2))?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60).then_some(hours * 3_600 + minutes * 60)
}

pub(crate) fn run(global: &Global, args: &ConvertArgs) -> Result<(), Failure> {
    refuse_csv(global, "a conversion")?;
    let sync = match &global.sync_id {
        Some(id) => SyncChoice::Id(SyncId::new(id)?),
        None => SyncChoice::All,
    };
    let options = ConvertOptions {
        to: args.to.map(To::format),
        sync,
        allow_loss: args.allow_loss,
        existing: if args.overwrite {
            Existing::Replace
        } else {
            Existing::Keep
        },
        zone: args.zone.clone().unwrap_or_else(Zone::utc),
        encoding: args.payload.encoding(),
        ..options(global)
    };
    let summary = convert(&args.input, &args.output, &options)?;
    tell_losses(&summary.losses);
    tell_zone(args, &summary)?;
    match global.format {
        Format::Console => print_text(args, &summary),
        _ => print_json(args, &summary),
    }
}

/// What the flags of every command say about a conversion.
pub(super) fn options(global: &Global) -> ConvertOptions {
    ConvertOptions {
        budget: MemoryBudget::new(global.limits.memory),
        variables: file::variables(&global.limits),
        fs: job::fs(),
        observer: job::observer(),
        ..ConvertOptions::default()
    }
}

/// Says so when the wall clock of a v1 file was taken for one that may not have been meant.
fn tell_zone(args: &ConvertArgs, summary: &ConvertSummary) -> Result<(), Failure> {
    let is_v1 = summary.from == FileFormat::V1 && summary.to != FileFormat::V1;
    let started = summary.syncs.iter().find_map(|sync| sync.run.started_at);
    if let (true, None, Some(at)) = (is_v1, &args.zone, started)
        && Zone::local().text(at)? != Zone::utc().text(at)?
    {
        warn(
            "times of the v1 file were taken as UTC; --zone local takes them as those of this host",
        );
    }
    Ok(())
}

/// Says what the output does not hold.
pub(super) fn tell_losses(losses: &LossReport) {
    if !losses.is_empty() {
        for line in losses.to_string().lines() {
            warn(line);
        }
    }
}

fn print_text(args: &ConvertArgs, summary: &ConvertSummary) -> Result<(), Failure> {
    let mut out = stdout();
    writeln!(
        out,
        "Converted {} ({}) to {} ({}).",
        args.input.display(),
        summary.from.as_str(),
        args.output.display(),
        summary.to.as_str()
    )?;
    for sync in &summary.syncs {
        let SyncSummary { run, counts, .. } = sync;
        let state = if run.is_finished() {
            ""
        } else {
            ", not finished"
        };
        writeln!(
            out,
            "{} ({}{state}): {} resource types, {} resources, {} entitlements, {} grants, {} assets",
            run.id,
            run.sync_type,
            counts.resource_types,
            counts.resources,
            counts.entitlements,
            counts.grants,
            counts.assets
        )?;
    }
    if let Some(bytes) = summary.file_len {
        writeln!(out, "{bytes} bytes")?;
    }
    Ok(out.flush()?)
}

fn print_json(args: &ConvertArgs, summary: &ConvertSummary) -> Result<(), Failure> {
    let syncs = summary.syncs.iter().map(|sync| {
        json!({
            "id": sync.run.id.as_str(),
            "syncType": sync.run.sync_type.as_str(),
            "finished": sync.run.is_finished(),
            "resourceTypes": sync.counts.resource_types,
            "resources": sync.counts.resources,
            "entitlements": sync.counts.entitlements,
            "grants": sync.counts.grants,
            "assets": sync.counts.assets,
            "assetBytes": sync.asset_bytes,
        })
    });
    let losses = summary.losses.iter().map(|(kind, loss)| {
        let loss = json!({"count": loss.count, "examples": loss.examples});
        (kind.as_str().to_owned(), loss)
    });
    let document = json!({
        "type": "convert",
        "input": args.input.to_string_lossy(),
        "inputFormat": summary.from.as_str(),
        "output": args.output.to_string_lossy(),
        "outputFormat": summary.to.as_str(),
        "outputBytes": summary.file_len,
        "syncs": syncs.collect::<Vec<Value>>(),
        "losses": losses.collect::<Map<String, Value>>(),
    });
    let mut out = stdout();
    writeln!(out, "{document}")?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_names_and_offsets() {
        assert_eq!(parse_zone("utc"), Ok(Zone::utc()));
        assert_eq!(parse_zone("+02:00"), Ok(Zone::fixed(7_200).unwrap()));
        assert_eq!(parse_zone("-0730"), Ok(Zone::fixed(-27_000).unwrap()));
        for bad in ["", "+2", "+02:60", "+ab:cd", "Nowhere/Town", "+02:000"] {
            assert!(parse_zone(bad).is_err(), "{bad}");
        }
    }
}
