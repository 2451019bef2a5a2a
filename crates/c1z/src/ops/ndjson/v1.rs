//! The syncs of a v1 file, written.

use std::io::Write;

use super::columns;
use super::database::Written;
use super::item::{Form, Head, Item, Record};
use super::writer::Writer;
use crate::engine::types::{SyncId, SyncRun};
use crate::ops::RecordKind;
use crate::ops::build::v1::{RecordRow, RecordTable};
use crate::ops::observe::{Meter, Observer, Step};
use crate::record::{AssetView, SessionView, stats, sync_run};
use crate::sqlite_file::Database;
use crate::v1_tables::{Assets, Sessions, SyncRuns, Tables, TypedTable, V1Table, Zone};
use crate::{Error, Result};

/// Writes the syncs of the database of a v1 file, or the one that is named: each run with its
/// statistics, its records as messages with their columns, its assets and its session entries.
///
/// `zone` is the one that the file's times are in. Left out, and told in the warnings, are rows that
/// belong to no sync.
///
/// # Errors
/// `NotFound` for a sync that is not there; those of reading the database; `InvalidArgument` for a type
/// of sync that has no number; `Io` from `out`; what `observer` returns.
///
/// # Complexity
/// One pass over the tables a sync; memory is one record.
pub fn write_v1(
    database: &Database,
    zone: &Zone,
    sync: Option<&SyncId>,
    out: impl Write,
    observer: &dyn Observer,
) -> Result<Written> {
    let tables = Tables::open(database)?;
    let mut runs = runs(&tables, zone)?;
    if let Some(id) = sync {
        runs.retain(|run| run.id == *id);
        if runs.is_empty() {
            return Err(Error::not_found(format!("sync not found: sync_id=`{id}`")));
        }
    }
    let mut job = Job {
        tables: &tables,
        zone,
        writer: Writer::new(out)?,
        meter: Meter::start(observer, Step::Rows, None)?,
        rows: 0,
        taken: 0,
    };
    for run in &runs {
        job.rows = 0;
        job.sync(run)?;
    }
    let orphans = job.rows.saturating_sub(job.taken);
    job.meter.end()?;
    let counts = job.writer.finish()?;
    let mut warnings = Vec::new();
    if sync.is_none() && orphans > 0 {
        warnings.push(format!("rows left out: {orphans}; they belong to no sync"));
    }
    Ok(Written { counts, warnings })
}

fn runs(tables: &Tables, zone: &Zone) -> Result<Vec<SyncRun>> {
    let mut runs = Vec::new();
    if let Some(table) = &tables.sync_runs {
        let table: &TypedTable<SyncRuns> = table;
        let mut rows = table.table().scan(..);
        while let Some(row) = rows.next()? {
            runs.push(table.read(row)?.to_sync_run(zone)?);
        }
    }
    Ok(runs)
}

struct Job<'a, W> {
    tables: &'a Tables,
    zone: &'a Zone,
    writer: Writer<W>,
    meter: Meter<'a>,
    /// Rows of all tables that the last pass has seen.
    rows: u64,
    /// Rows that were written, in all passes.
    taken: u64,
}

impl<W: Write> Job<'_, W> {
    fn sync(&mut self, run: &SyncRun) -> Result<()> {
        let stored = sync_run::encode_over(run, None)?;
        let stats = run.stats.as_ref();
        let stats = stats.map(|stats| stats::encode(stats, run.id.as_str()));
        let stats = stats.transpose()?;
        self.writer.put(&Item::Sync(Head {
            run: &stored,
            stats: stats.as_deref(),
        }))?;
        let tables = self.tables;
        self.messages(tables.resource_types.as_ref(), run)?;
        self.messages(tables.resources.as_ref(), run)?;
        self.messages(tables.entitlements.as_ref(), run)?;
        self.messages(tables.grants.as_ref(), run)?;
        self.assets(run)?;
        self.sessions(run)
    }

    /// The rows of a table that belong to the sync, as messages with their columns.
    fn messages<T: RecordTable>(
        &mut self,
        table: Option<&TypedTable<T>>,
        run: &SyncRun,
    ) -> Result<()> {
        let Some(table) = table else { return Ok(()) };
        let mut rows = table.table().scan(..);
        while let Some(row) = rows.next()? {
            self.rows += 1;
            self.meter.row()?;
            let (number, row) = (row.rowid(), table.read(row)?);
            if row.sync_id() == run.id.as_str() {
                let put = self.message(&row);
                put.map_err(|error| error.in_row(T::NAME, number))?;
                self.taken += 1;
            }
        }
        Ok(())
    }

    fn message(&mut self, row: &impl RecordRow) -> Result<()> {
        let row = row.v1_row(self.zone)?;
        self.writer.put(&Item::Record(Record {
            kind: row.kind(),
            form: Form::Message {
                columns: &columns::encode(&row)?,
            },
            value: row.data,
        }))
    }

    fn assets(&mut self, run: &SyncRun) -> Result<()> {
        let Some(table) = &self.tables.assets else {
            return Ok(());
        };
        let table: &TypedTable<Assets> = table;
        let mut rows = table.table().scan(..);
        let mut value = Vec::new();
        while let Some(row) = rows.next()? {
            self.rows += 1;
            self.meter.row()?;
            let asset = table.read(row)?;
            if asset.sync_id != run.id.as_str() {
                continue;
            }
            let at = self.zone.instant(&asset.discovered_at);
            let at = at.map_err(|error| error.in_row(Assets::NAME, asset.id))?;
            let view = AssetView {
                sync_id: &asset.sync_id,
                external_id: &asset.external_id,
                content_type: &asset.content_type,
                data: &asset.data,
                discovered_at: Some(at),
            };
            value.clear();
            view.encode_into(&mut value);
            self.writer.put(&Item::Record(Record {
                kind: RecordKind::Asset,
                form: Form::Stored { key: None },
                value: &value,
            }))?;
            self.taken += 1;
        }
        Ok(())
    }

    fn sessions(&mut self, run: &SyncRun) -> Result<()> {
        let Some(table) = &self.tables.sessions else {
            return Ok(());
        };
        let table: &TypedTable<Sessions> = table;
        let mut rows = table.table().scan(..);
        let mut value = Vec::new();
        while let Some(row) = rows.next()? {
            self.rows += 1;
            self.meter.row()?;
            let entry = table.read(row)?;
            if entry.sync_id != run.id.as_str() {
                continue;
            }
            let view = SessionView {
                sync_id: &entry.sync_id,
                key: &entry.key,
                value: &entry.value,
            };
            value.clear();
            view.encode_into(&mut value);
            self.writer.put(&Item::Session(&value))?;
            self.taken += 1;
        }
        Ok(())
    }
}
