//! The life of syncs: what [`crate::sync::lifecycle`] decides, stored and shown.

use std::sync::MutexGuard;

use rusqlite::{Connection, ToSql, params};

use super::fault::sql;
use super::live::{Live, Survives, Writer};
use super::stats;
use crate::engine::Lifecycle;
use crate::engine::contract::Contract;
use crate::engine::types::{SyncId, SyncRun, SyncType, Timestamp, Verification};
use crate::ops::build::v1::stats_json;
use crate::sync::lifecycle::{self, Resume, Start};
use crate::{Error, ErrorKind, Result};

/// How often an id that is taken already is asked for again.
const FRESH_ID_TRIES: usize = 16;

/// Rows of a sync that are deleted in one transaction.
const DELETE_ROWS: i64 = 50_000;

/// Every table with rows of syncs but that of the runs: what a deleted sync leaves nothing in.
const TABLES: [&str; 6] = [
    "v1_grants",
    "v1_entitlements",
    "v1_resources",
    "v1_resource_types",
    "v1_assets",
    "v1_connector_sessions",
];

impl Contract<Live> {
    fn start(&self, writer: &mut Writer, of: &SyncType, parent: &str) -> Result<SyncId> {
        let live = self.source();
        live.writable()?;
        let runs = live.runs();
        match lifecycle::start(&runs, &self.bindings(), of, parent)? {
            Start::Continue(id) => return Ok(id),
            Start::Create => {}
        }
        let id = fresh_id(live, &runs)?;
        let at = writer.stamps.next(live.now());
        let at = live.options.zone.text(at)?;
        live.transaction(writer, Survives::AsSet, |connection| {
            connection
                .execute(
                    "INSERT INTO v1_sync_runs \
                     (sync_id, started_at, sync_token, sync_type, parent_sync_id, grants_backfilled) \
                     VALUES (?, ?, '', ?, ?, 1)",
                    params![id.as_str(), at, of.as_str(), parent],
                )
                .map_err(sql("write a sync run"))
        })?;
        live.runs_changed(writer)?;
        self.bindings().current = Some(id.clone());
        Ok(id)
    }

    /// Changes columns of the run of a sync that exists.
    fn mark(&self, id: &SyncId, columns: &str, values: &[&dyn ToSql]) -> Result<()> {
        let live = self.source();
        live.writable()?;
        let writer = live.lock();
        live.require(id)?;
        self.update(&writer, id, Survives::AsSet, columns, values)
    }

    fn update(
        &self,
        writer: &MutexGuard<'_, Writer>,
        id: &SyncId,
        survives: Survives,
        columns: &str,
        values: &[&dyn ToSql],
    ) -> Result<()> {
        let live = self.source();
        live.transaction(writer, survives, |connection| {
            update(connection, id, columns, values)
        })?;
        live.runs_changed(writer)
    }

    fn current(&self) -> Result<SyncId> {
        lifecycle::current(&self.bindings()).cloned()
    }

    fn now(&self) -> Timestamp {
        self.source().now()
    }
}

fn update(
    connection: &Connection,
    id: &SyncId,
    columns: &str,
    values: &[&dyn ToSql],
) -> Result<()> {
    let statement = format!("UPDATE v1_sync_runs SET {columns} WHERE sync_id = ?");
    let sync = id.as_str();
    let mut values = values.to_vec();
    values.push(&sync);
    connection
        .execute(&statement, values.as_slice())
        .map(drop)
        .map_err(sql("update a sync run"))
}

impl Lifecycle for Contract<Live> {
    fn start_new_sync(&self, sync_type: &SyncType, parent: &str) -> Result<SyncId> {
        self.start(&mut self.source().lock(), sync_type, parent)
    }

    fn resume_sync(&self, of: Option<&SyncType>, id: Option<&SyncId>) -> Result<SyncId> {
        let _writer = self.source().lock();
        let runs = self.source().runs();
        let mut bindings = self.bindings();
        let id = lifecycle::resume(&runs, &bindings, of, id, self.now())?;
        bindings.current = Some(id.clone());
        Ok(id)
    }

    fn start_or_resume_sync(
        &self,
        of: Option<&SyncType>,
        id: Option<&SyncId>,
    ) -> Result<(SyncId, bool)> {
        let mut writer = self.source().lock();
        let runs = self.source().runs();
        let bindings = self.bindings().clone();
        match lifecycle::start_or_resume(&runs, &bindings, of, id, self.now())? {
            Resume::Resumed(id) => {
                self.bindings().current = Some(id.clone());
                Ok((id, false))
            }
            Resume::Start(of) => Ok((self.start(&mut writer, &of, "")?, true)),
        }
    }

    fn set_current_sync(&self, id: &SyncId) -> Result<()> {
        let _writer = self.source().lock();
        self.source().require(id)?;
        self.bindings().current = Some(id.clone());
        Ok(())
    }

    fn current_sync(&self) -> Option<SyncId> {
        self.bindings().current.clone()
    }

    fn view_sync(&self, id: Option<&SyncId>) -> Result<()> {
        self.view(id)
    }

    fn viewed_sync(&self) -> Option<SyncId> {
        self.bindings().view.clone()
    }

    fn current_sync_step(&self) -> Result<String> {
        Ok(self.source().require(&self.current()?)?.token)
    }

    fn checkpoint_sync(&self, token: &str) -> Result<()> {
        let live = self.source();
        live.writable()?;
        let writer = live.lock();
        let current = self.current()?;
        live.require(&current)?;
        let barrier = Survives::PowerFailure;
        self.update(&writer, &current, barrier, "sync_token = ?", &[&token])
    }

    fn end_sync(&self) -> Result<()> {
        let live = self.source();
        live.writable()?;
        let mut writer = live.lock();
        let current = self.current()?;
        let run = live.require(&current)?;
        let sealing = live.begin_seal();
        let at = writer.stamps.next(live.now());
        live.transaction(&writer, Survives::PowerFailure, |connection| {
            end(connection, live, &run, at)
        })?;
        live.runs_changed(&writer)?;
        self.bindings().current = None;
        drop(sealing);
        Ok(())
    }

    fn mark_supports_diff(&self, id: &SyncId) -> Result<()> {
        self.mark(id, "supports_diff = 1", &[])
    }

    fn set_sync_link(&self, id: &SyncId, linked: &str) -> Result<()> {
        self.mark(id, "linked_sync_id = ?", &[&linked])
    }

    fn mark_verified(&self, id: &SyncId, mark: &Verification) -> Result<()> {
        let live = self.source();
        live.writable()?;
        lifecycle::check_mark(mark)?;
        let writer = live.lock();
        lifecycle::verify(&mut live.require(id)?, mark)?;
        let coverage = serde_json::Value::from(mark.coverage.as_slice()).to_string();
        let columns = "ingest_invariant_generation = ?, ingest_invariant_coverage = ?, \
             ingest_invariant_mode = ?";
        let values: [&dyn ToSql; 3] = [&mark.generation, &coverage, &mark.mode];
        self.update(&writer, id, Survives::AsSet, columns, &values)
    }

    fn clear_verified(&self, id: &SyncId) -> Result<()> {
        let columns = "ingest_invariant_generation = '', ingest_invariant_coverage = '', \
             ingest_invariant_mode = ''";
        self.mark(id, columns, &[])
    }

    fn delete_sync_run(&self, id: &SyncId) -> Result<()> {
        let live = self.source();
        live.writable()?;
        let writer = live.lock();
        if lifecycle::delete(&live.runs(), &self.bindings(), id)?.is_none() {
            return Ok(());
        }
        for table in TABLES {
            delete_rows(live, &writer, table, id)?;
        }
        // Last, so that a delete that was interrupted can be repeated.
        live.transaction(&writer, Survives::PowerFailure, |connection| {
            connection
                .execute("DELETE FROM v1_sync_runs WHERE sync_id = ?", [id.as_str()])
                .map_err(sql("delete a sync run"))
        })?;
        live.runs_changed(&writer)
    }

    fn is_dirty(&self) -> bool {
        self.source().is_dirty()
    }
}

/// Writes the end of a run, and statistics of its rows.
fn end(connection: &Connection, live: &Live, run: &SyncRun, at: Timestamp) -> Result<()> {
    let counted = stats::count(connection, &run.id, &run.token)?;
    let stats = stats_json(&counted, Some(&counted));
    let ended = lifecycle::ended(run, at).ended_at.unwrap_or(at);
    let ended = live.options.zone.text(ended)?;
    // A time that is there stays, to the letter (D9).
    let columns = "ended_at = coalesce(ended_at, ?), stats = ?";
    update(connection, &run.id, columns, &[&ended, &stats])
}

/// Deletes the rows of a sync from a table, some in each transaction.
fn delete_rows(
    live: &Live,
    writer: &MutexGuard<'_, Writer>,
    table: &str,
    id: &SyncId,
) -> Result<()> {
    let failed = sql("delete the rows of a sync");
    let find = format!(
        "SELECT max(id) FROM (SELECT id FROM {table} WHERE +sync_id = ? AND id > ? ORDER BY id LIMIT ?)"
    );
    let delete = format!("DELETE FROM {table} WHERE +sync_id = ? AND id > ? AND id <= ?");
    let mut after = i64::MIN;
    loop {
        live.options.cancel.check()?;
        let last: Option<i64> = writer
            .connection
            .query_row(&find, params![id.as_str(), after, DELETE_ROWS], |row| {
                row.get(0)
            })
            .map_err(&failed)?;
        let Some(last) = last else { return Ok(()) };
        live.transaction(writer, Survives::AsSet, |connection| {
            connection
                .execute(&delete, params![id.as_str(), after, last])
                .map_err(&failed)
        })?;
        live.changed();
        after = last;
    }
}

/// An id that no run of the store has.
fn fresh_id(live: &Live, runs: &[SyncRun]) -> Result<SyncId> {
    for _ in 0..FRESH_ID_TRIES {
        let id = live.options.ids.next(live.now())?;
        if runs.iter().all(|run| run.id != id) {
            return Ok(id);
        }
    }
    Err(Error::new(
        ErrorKind::Internal,
        "the source of sync ids repeats itself",
    ))
}
