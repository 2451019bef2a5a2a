//! Sync runs: all of them, in the order of their creation.

use rusqlite::Connection;

use super::cells::Cells;
use super::fault::sql;
use crate::Result;
use crate::engine::types::SyncRun;
use crate::v1_tables::{SyncRunRow, Zone};

/// Reads all runs.
pub(super) fn load(connection: &Connection, zone: &Zone) -> Result<Vec<SyncRun>> {
    let failed = sql("read sync runs");
    let mut statement = connection
        .prepare_cached(
            "SELECT id, sync_id, started_at, ended_at, sync_token, sync_type, parent_sync_id, linked_sync_id, \
             supports_diff, grants_backfilled, stats, ingest_invariant_generation, ingest_invariant_coverage, \
             ingest_invariant_mode FROM v1_sync_runs ORDER BY id",
        )
        .map_err(&failed)?;
    let mut rows = statement.query([]).map_err(&failed)?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let id = Cells::new(row, 0).integer(0)?;
        let cells = Cells::new(row, 1).of_row("v1_sync_runs", id);
        let row = SyncRunRow {
            id,
            sync_id: cells.text(0)?,
            started_at: cells.text(1)?,
            ended_at: cells.text_or_null(2)?,
            sync_token: cells.text(3)?,
            sync_type: cells.text(4)?,
            parent_sync_id: cells.text(5)?,
            linked_sync_id: cells.text(6)?,
            supports_diff: cells.flag(7)?,
            grants_backfilled: cells.flag(8)?,
            stats: cells.text_or_null(9)?,
            ingest_invariant_generation: cells.text(10)?,
            ingest_invariant_coverage: cells.text(11)?,
            ingest_invariant_mode: cells.text(12)?,
        };
        runs.push(row.to_sync_run(zone)?);
    }
    Ok(runs)
}
