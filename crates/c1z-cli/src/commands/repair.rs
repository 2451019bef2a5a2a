//! `c1z repair`.

use std::io::Write;

use c1z::engine::types::SyncStats;
use c1z::keyspace::Key;
use c1z::ops::repair::{Loss, RepairOptions, RepairReport, RunSource, repair};
use serde_json::{Value, json};

use super::refuse_csv;
use crate::args::{Format, Global, RepairArgs};
use crate::failure::{Failure, warn};
use crate::file;
use crate::job;
use crate::output::{data, printable, stdout};

pub(crate) fn run(global: &Global, args: &RepairArgs) -> Result<(), Failure> {
    refuse_csv(global, "a repair")?;
    let mut options = RepairOptions::default();
    options.opening.variables = file::variables(&global.limits);
    options.pack.fs = job::fs();
    options.pack.temporary.clone_from(&global.limits.tmp_dir);
    let report = repair(&args.input, &args.output, &options, job::observer())?;
    for warning in &report.warnings {
        warn(warning);
    }
    match global.format {
        Format::Console => print(args, &report),
        Format::Json | Format::Ndjson | Format::Csv => {
            let mut out = data();
            writeln!(out, "{}", document(args, &report))?;
            Ok(out.flush()?)
        }
    }
}

fn print(args: &RepairArgs, report: &RepairReport) -> Result<(), Failure> {
    let mut out = stdout();
    let verdict = if report.is_complete {
        "every record is saved"
    } else {
        "records may be missing; what was saved is written as unfinished"
    };
    writeln!(out, "{}: {verdict}", args.output.display())?;
    for (kind, saved, recorded) in report.by_kind() {
        let of = recorded.map_or_else(String::new, |recorded| format!(" of {recorded}"));
        writeln!(out, "  {}: {saved}{of}", kind.as_str())?;
    }
    if report.syncs.len() > 1 {
        for sync in &report.syncs {
            let of = sync.recorded.as_ref();
            let of = of.map_or_else(String::new, |recorded| format!(" of {}", total(recorded)));
            writeln!(
                out,
                "  sync {}: {}{of} records",
                sync.id,
                total(&sync.saved)
            )?;
        }
    }
    for (count, what) in [
        (report.moved, "moved to their own key"),
        (report.dropped, "dropped"),
    ] {
        if count > 0 {
            writeln!(out, "  {count} records {what}")?;
        }
    }
    for example in &report.dropped_examples {
        writeln!(out, "    - {}", printable(example))?;
    }
    for loss in &report.losses {
        writeln!(out, "  lost: {}", printable(&line(loss)))?;
    }
    Ok(out.flush()?)
}

/// Records of all kinds.
fn total(stats: &SyncStats) -> i64 {
    stats.resource_types + stats.resources + stats.entitlements + stats.grants + stats.assets
}

fn line(loss: &Loss) -> String {
    let kinds: Vec<_> = loss.kinds.iter().map(|kind| kind.as_str()).collect();
    let kinds = if kinds.is_empty() {
        "of any kind".to_owned()
    } else {
        kinds.join(", ")
    };
    match (&loss.from, &loss.to) {
        (None, None) => format!("{kinds}: {}", loss.detail),
        (from, to) => format!(
            "{kinds}, from {} to {}: {}",
            end(from.as_deref()),
            end(to.as_deref()),
            loss.detail
        ),
    }
}

/// A key as people read it; index separators are no whole keys and are shown as bytes.
fn end(key: Option<&[u8]>) -> String {
    let Some(key) = key else {
        return "the end".to_owned();
    };
    match Key::parse(key) {
        Ok(Key::Unassigned(_)) | Err(_) => format!("`{}`", key.escape_ascii()),
        Ok(key) => format!("`{key}`"),
    }
}

fn document(args: &RepairArgs, report: &RepairReport) -> Value {
    let kinds = report.by_kind().map(|(kind, saved, recorded)| {
        json!({ "kind": kind.as_str(), "saved": saved, "recorded": recorded })
    });
    let hex = |key: Option<&[u8]>| {
        let bytes = key?.iter();
        Some(bytes.fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
    };
    let losses = report.losses.iter().map(|loss| {
        let kinds: Vec<_> = loss.kinds.iter().map(|kind| kind.as_str()).collect();
        json!({
            "kinds": kinds,
            "from": loss.from.as_deref().map(|key| end(Some(key))),
            "fromHex": hex(loss.from.as_deref()),
            "to": loss.to.as_deref().map(|key| end(Some(key))),
            "toHex": hex(loss.to.as_deref()),
            "rowsFrom": loss.rows.as_ref().map(|rows| *rows.start()),
            "rowsTo": loss.rows.as_ref().map(|rows| *rows.end()),
            "detail": loss.detail,
        })
    });
    json!({
        "type": "repair",
        "output": args.output.display().to_string(),
        "complete": report.is_complete,
        "records": kinds.to_vec(),
        "syncs": report.syncs.iter().map(|sync| json!({
            "id": sync.id.as_str(),
            "saved": total(&sync.saved),
            "recorded": sync.recorded.as_ref().map(total),
        })).collect::<Vec<_>>(),
        "moved": report.moved,
        "dropped": report.dropped,
        "droppedExamples": report.dropped_examples,
        "syncRunFrom": match report.run_source {
            RunSource::Row => "row",
            RunSource::Manifest => "manifest",
            RunSource::Id => "id",
        },
        "losses": losses.collect::<Vec<_>>(),
        "warnings": report.warnings,
        "bytes": report.file_len,
    })
}
