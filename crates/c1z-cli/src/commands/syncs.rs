//! `c1z syncs`.

use c1z::engine::page::rows_of_pages;
use c1z::engine::types::{SyncId, SyncRun, Timestamp};

use crate::args::{Global, ListArgs};
use crate::failure::Failure;
use crate::file;
use crate::list::{self, Listing, Shape};
use crate::output::fields::Member;
use crate::output::json;

pub(crate) fn run(global: &Global, args: &ListArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    if let Some(id) = &global.sync_id {
        let run = store.reader().get_sync(&SyncId::new(id)?)?;
        return list::print(global, args, None, Syncs, [Ok(run)]);
    }
    let rows = rows_of_pages(|page| store.reader().list_sync_runs(page));
    let rows = rows.map(|row| row.map_err(Failure::from));
    list::print(global, args, None, Syncs, rows)
}

struct Syncs;

impl Listing for Syncs {
    type Row = SyncRun;

    const SHAPE: Shape = Shape {
        list: "syncs",
        row: "sync",
        heads: &["ID", "Started At", "Ended At", "Type", "Parent ID", "Token"],
        members: &[
            Member::plain("id"),
            Member::plain("startedAt"),
            Member::plain("endedAt"),
            Member::plain("syncToken"),
            Member::plain("syncType"),
            Member::plain("parentSyncId"),
        ],
        csv: &[
            "id",
            "startedAt",
            "endedAt",
            "syncType",
            "parentSyncId",
            "syncToken",
        ],
    };

    fn cells(&mut self, run: &SyncRun) -> Result<Vec<String>, Failure> {
        Ok(vec![
            run.id.to_string(),
            whole_seconds(run.started_at),
            whole_seconds(run.ended_at),
            run.sync_type.to_string(),
            run.parent_id.clone(),
            run.token.clone(),
        ])
    }

    /// Unset ones are left out, as the Go tool does.
    fn member(&mut self, run: &SyncRun, name: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let text = match name {
            "id" => run.id.to_string(),
            "startedAt" => time(run.started_at),
            "endedAt" => time(run.ended_at),
            "syncToken" => run.token.clone(),
            "syncType" => run.sync_type.to_string(),
            _ => run.parent_id.clone(),
        };
        if !text.is_empty() {
            json::append_text(&text, out);
        }
        Ok(())
    }
}

/// RFC 3339 without a fraction; empty if there is no time.
pub(super) fn whole_seconds(time: Option<Timestamp>) -> String {
    time.map_or_else(String::new, |time| {
        Timestamp { nanos: 0, ..time }.to_string()
    })
}
