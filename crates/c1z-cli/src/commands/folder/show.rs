//! `c1z show`: one sync of a folder, and how its counts differ from those of the finished sync of its type before it.

use std::io::Write;

use c1z::engine::page::collect_pages;
use c1z::engine::types::{SyncRun, SyncStats};
use serde_json::json;

use super::super::refuse_csv;
use super::super::syncs::whole_seconds;
use crate::args::{Format, Global, ShowArgs};
use crate::failure::Failure;
use crate::file;
use crate::output::{data, stdout};

/// One count of a sync.
type CountOf = fn(&SyncStats) -> i64;

/// What is counted.
const COUNTS: [(&str, CountOf); 5] = [
    ("resourceTypes", |stats| stats.resource_types),
    ("resources", |stats| stats.resources),
    ("entitlements", |stats| stats.entitlements),
    ("grants", |stats| stats.grants),
    ("assets", |stats| stats.assets),
];

pub(crate) fn run(global: &Global, args: &ShowArgs) -> Result<(), Failure> {
    refuse_csv(global, "a sync")?;
    let of = Global {
        file: args.folder.clone(),
        sync_id: args.sync.clone().or_else(|| global.sync_id.clone()),
        ..global.clone()
    };
    show(&of).map_err(|failure| failure.in_file(&args.folder))
}

fn show(global: &Global) -> Result<(), Failure> {
    let store = file::open(global)?;
    let Some(selected) = file::select(global, &store)? else {
        return Ok(());
    };
    let run = selected.run;
    let reader = store.reader();
    let stats = reader.stats(Some(&run.id), None)?;
    let runs = collect_pages(|page| reader.list_sync_runs(page))?;
    let before = runs.iter().take_while(|other| other.id != run.id);
    let before = before.filter(|other| other.is_finished() && other.sync_type == run.sync_type);
    let before = match before.last() {
        Some(before) => Some((before, reader.stats(Some(&before.id), None)?)),
        None => None,
    };
    match global.format {
        Format::Console => print(&run, &stats, before.as_ref()),
        Format::Json | Format::Ndjson | Format::Csv => document(&run, &stats, before.as_ref()),
    }
}

type Before<'a> = Option<&'a (&'a SyncRun, SyncStats)>;

fn print(run: &SyncRun, stats: &SyncStats, before: Before<'_>) -> Result<(), Failure> {
    let mut out = stdout();
    writeln!(out, "sync {} ({})", run.id, run.sync_type)?;
    writeln!(out, "started {}", whole_seconds(run.started_at))?;
    match run.ended_at {
        Some(_) => writeln!(out, "ended {}", whole_seconds(run.ended_at))?,
        None => writeln!(out, "not finished")?,
    }
    if let Some((before, _)) = before {
        writeln!(out, "compared with {}", before.id)?;
    }
    for (name, count) in COUNTS {
        let now = count(stats);
        match before {
            Some((_, then)) => writeln!(out, "  {name}: {now} ({:+})", now - count(then))?,
            None => writeln!(out, "  {name}: {now}")?,
        }
    }
    Ok(out.flush()?)
}

fn document(run: &SyncRun, stats: &SyncStats, before: Before<'_>) -> Result<(), Failure> {
    let counts = |of: &SyncStats| {
        let counts = COUNTS.map(|(name, count)| (name.to_owned(), json!(count(of))));
        serde_json::Map::from_iter(counts)
    };
    let document = json!({
        "type": "sync",
        "id": run.id.as_str(),
        "syncType": run.sync_type.as_str(),
        "startedAt": run.started_at.map(|at| at.to_string()),
        "endedAt": run.ended_at.map(|at| at.to_string()),
        "counts": counts(stats),
        "comparedWith": before.map(|(before, _)| before.id.as_str()),
        "countsBefore": before.map(|(_, then)| counts(then)),
    });
    let mut out = data();
    writeln!(out, "{document}")?;
    Ok(out.flush()?)
}
