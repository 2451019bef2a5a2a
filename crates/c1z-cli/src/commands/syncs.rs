//! `c1z syncs`.

use c1z::engine::page::collect_pages;
use c1z::engine::types::{SyncRun, Timestamp};

use super::stdout;
use crate::args::{Format, Global};
use crate::failure::Failure;
use crate::file;
use crate::output::{Rows, Table, json};

pub(crate) fn run(global: &Global) -> Result<(), Failure> {
    let store = file::open(global)?;
    let runs = collect_pages(|page| store.reader().list_sync_runs(page))?;
    if global.format == Format::Console {
        let heads = ["ID", "Started At", "Ended At", "Type", "Parent ID", "Token"];
        let mut table = Table::new(stdout(), &heads);
        for run in runs {
            table.row(vec![
                run.id.to_string(),
                whole_seconds(run.started_at),
                whole_seconds(run.ended_at),
                run.sync_type.to_string(),
                run.parent_id,
                run.token,
            ])?;
        }
        return Ok(table.finish()?);
    }
    let mut rows = Rows::begin(stdout(), global.format, "syncs", "sync", None)?;
    for run in &runs {
        rows.object(&list_item(run))?;
    }
    Ok(rows.finish()?)
}

/// RFC 3339 without a fraction; empty if there is no time.
pub(super) fn whole_seconds(time: Option<Timestamp>) -> String {
    time.map_or_else(String::new, |time| {
        Timestamp { nanos: 0, ..time }.to_string()
    })
}

/// The members of one sync in the list, in the Go tool's order; unset ones are left out.
fn list_item(run: &SyncRun) -> Vec<u8> {
    let text = |time: Option<Timestamp>| time.map_or_else(String::new, |time| time.to_string());
    let members = [
        ("id", run.id.to_string()),
        ("startedAt", text(run.started_at)),
        ("endedAt", text(run.ended_at)),
        ("syncToken", run.token.clone()),
        ("syncType", run.sync_type.to_string()),
        ("parentSyncId", run.parent_id.clone()),
    ];
    json::string_members(&members)
}
