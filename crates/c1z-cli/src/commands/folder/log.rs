//! `c1z log`: a line for each sync, in the order in which they were started.

use c1z::archive::EntryInfo;
use c1z::engine::page::rows_of_pages;
use c1z::engine::types::{SyncRun, Timestamp};

use super::super::syncs::whole_seconds;
use crate::args::{Global, LogArgs};
use crate::failure::Failure;
use crate::file;
use crate::list::{self, Listing, Shape};
use crate::output::fields::Member;
use crate::output::json;

pub(crate) fn run(global: &Global, args: &LogArgs) -> Result<(), Failure> {
    let path = args.folder.as_deref().unwrap_or(&global.file);
    let store = file::open_within(global, path, global.limits.memory)
        .map_err(|failure| failure.in_file(path))?;
    let rows = rows_of_pages(|page| store.reader().list_sync_runs(page));
    let rows = rows.map(|run| {
        let run = run?;
        let entry = store.entry(&run.id)?;
        Ok(Line { run, entry })
    });
    list::print(global, &args.list, None, Log, rows)
}

struct Line {
    run: SyncRun,
    entry: Option<EntryInfo>,
}

impl Line {
    /// The number of the entry; none in a file.
    fn number(&self) -> String {
        let number = self.entry.as_ref().map(|entry| entry.number.to_string());
        number.unwrap_or_default()
    }

    /// From start to end, in milliseconds.
    fn duration_ms(&self) -> Option<i128> {
        let (start, end) = (self.run.started_at?, self.run.ended_at?);
        Some((end.unix_nanos() - start.unix_nanos()) / 1_000_000)
    }

    /// As recorded when the sync ended.
    fn grants(&self) -> Option<i64> {
        self.run.stats.as_ref().map(|stats| stats.grants)
    }
}

struct Log;

impl Listing for Log {
    type Row = Line;

    const SHAPE: Shape = Shape {
        list: "log",
        row: "sync",
        heads: &[
            "No.",
            "ID",
            "Type",
            "Started At",
            "Ended At",
            "Duration",
            "Grants",
            "Parent ID",
        ],
        members: &[
            Member::plain("number"),
            Member::plain("id"),
            Member::plain("syncType"),
            Member::plain("startedAt"),
            Member::plain("endedAt"),
            Member::plain("durationMs"),
            Member::plain("grants"),
            Member::plain("parentSyncId"),
            Member::plain("path"),
        ],
        csv: &[
            "number",
            "id",
            "syncType",
            "startedAt",
            "endedAt",
            "durationMs",
            "grants",
            "parentSyncId",
        ],
    };

    fn cells(&mut self, line: &Line) -> Result<Vec<String>, Failure> {
        let text = |number: Option<String>| number.unwrap_or_default();
        let seconds = |ms: i128| format!("{}.{:03}s", ms / 1_000, (ms % 1_000).abs());
        Ok(vec![
            line.number(),
            line.run.id.to_string(),
            line.run.sync_type.to_string(),
            whole_seconds(line.run.started_at),
            whole_seconds(line.run.ended_at),
            text(line.duration_ms().map(seconds)),
            text(line.grants().map(|grants| grants.to_string())),
            line.run.parent_id.clone(),
        ])
    }

    /// Unset ones are left out.
    fn member(&mut self, line: &Line, name: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let number = match name {
            "number" => Some(line.number()).filter(|number| !number.is_empty()),
            "durationMs" => line.duration_ms().map(|ms| ms.to_string()),
            "grants" => line.grants().map(|grants| grants.to_string()),
            _ => None,
        };
        if let Some(number) = number {
            out.extend_from_slice(number.as_bytes());
            return Ok(());
        }
        let path = || {
            let path = line
                .entry
                .as_ref()
                .map(|entry| entry.path.display().to_string());
            path.unwrap_or_default()
        };
        let text = match name {
            "id" => line.run.id.to_string(),
            "syncType" => line.run.sync_type.to_string(),
            "startedAt" => time(line.run.started_at),
            "endedAt" => time(line.run.ended_at),
            "parentSyncId" => line.run.parent_id.clone(),
            "path" => path(),
            _ => String::new(),
        };
        if !text.is_empty() {
            json::append_text(&text, out);
        }
        Ok(())
    }
}
