//! The syncs of a v1 file, written.

use std::borrow::Cow;
use std::io::Write;

use c1z_proto::storage::v3;

use super::database::Written;
use super::item::{Form, Head, Item, Record};
use super::writer::Writer;
use crate::engine::types::{SyncId, SyncRun, Timestamp};
use crate::ops::RecordKind;
use crate::ops::observe::{Meter, Observer, Step};
use crate::record::{AssetView, SessionView, message, stats, sync_run, timestamp, wire};
use crate::sqlite_file::Database;
use crate::v1_tables::{
    Assets, Entitlements, GrantRow, Grants, ResourceRow, ResourceTypes, Resources, Sessions,
    SyncRuns, Tables, TypedTable, V1Table, Zone,
};
use crate::{Error, ErrorKind, Result};

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
        let (tables, zone) = (self.tables, self.zone);
        let at = |text: &str| zone.instant(text);
        self.table::<ResourceTypes>(tables.resource_types.as_ref(), |row, put| {
            if row.sync_id != run.id.as_str() {
                return Ok(false);
            }
            let columns = v3::ResourceTypeRecord {
                external_id: row.external_id.into_owned(),
                discovered_at: timestamp::to_field(Some(at(&row.discovered_at)?)),
                ..Default::default()
            };
            put(
                RecordKind::ResourceType,
                &message::encode(&columns),
                &row.data,
            )
        })?;
        self.table::<Resources>(tables.resources.as_ref(), |row, put| {
            if row.sync_id != run.id.as_str() {
                return Ok(false);
            }
            let at = at(&row.discovered_at)?;
            put(
                RecordKind::Resource,
                &resource_columns(&row, at)?,
                &row.data,
            )
        })?;
        self.table::<Entitlements>(tables.entitlements.as_ref(), |row, put| {
            if row.sync_id != run.id.as_str() {
                return Ok(false);
            }
            let on = v3::ResourceRef {
                resource_type_id: row.resource_type_id.into_owned(),
                resource_id: row.resource_id.into_owned(),
                ..Default::default()
            };
            let columns = v3::EntitlementRecord {
                external_id: row.external_id.into_owned(),
                resource: on.into(),
                discovered_at: timestamp::to_field(Some(at(&row.discovered_at)?)),
                ..Default::default()
            };
            put(
                RecordKind::Entitlement,
                &message::encode(&columns),
                &row.data,
            )
        })?;
        self.table::<Grants>(tables.grants.as_ref(), |row, put| {
            if row.sync_id != run.id.as_str() {
                return Ok(false);
            }
            let at = at(&row.discovered_at)?;
            put(RecordKind::Grant, &grant_columns(&row, at), &row.data)
        })?;
        self.assets(run)?;
        self.sessions(run)
    }

    /// Gives every row of a table to `take`, which writes those that belong to the sync and says so.
    fn table<T: V1Table>(
        &mut self,
        table: Option<&TypedTable<T>>,
        mut take: impl FnMut(
            T::Row<'_>,
            &mut dyn FnMut(RecordKind, &[u8], &[u8]) -> Result<bool>,
        ) -> Result<bool>,
    ) -> Result<()> {
        let Some(table) = table else { return Ok(()) };
        let mut rows = table.table().scan(..);
        while let Some(row) = rows.next()? {
            self.rows += 1;
            self.meter.row()?;
            let (number, row) = (row.rowid(), table.read(row)?);
            let writer = &mut self.writer;
            let taken = take(row, &mut |kind, columns, value| {
                let form = Form::Message { columns };
                writer.put(&Item::Record(Record { kind, form, value }))?;
                Ok(true)
            });
            self.taken += u64::from(taken.map_err(|error| error.in_row(T::NAME, number))?);
        }
        Ok(())
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

fn resource_columns(row: &ResourceRow<'_>, discovered_at: Timestamp) -> Result<Vec<u8>> {
    let id = row.external_id.strip_prefix(&*row.resource_type_id);
    let Some(id) = id.and_then(|rest| rest.strip_prefix(':')) else {
        let what = format!(
            "id of a resource does not begin with its type id=`{}` type=`{}`",
            row.external_id.escape_debug(),
            row.resource_type_id.escape_debug()
        );
        return Err(Error::new(ErrorKind::DataLoss, what));
    };
    let (parent_type, parent) = (&row.parent_resource_type_id, &row.parent_resource_id);
    let owned = |part: &Option<Cow<'_, str>>| part.as_deref().unwrap_or_default().to_owned();
    let has_parent = parent_type.is_some() || parent.is_some();
    let parent = has_parent.then(|| v3::ResourceRef {
        resource_type_id: owned(parent_type),
        resource_id: owned(parent),
        ..Default::default()
    });
    Ok(message::encode(&v3::ResourceRecord {
        resource_type_id: row.resource_type_id.clone().into_owned(),
        resource_id: id.to_owned(),
        parent: parent.into(),
        discovered_at: timestamp::to_field(Some(discovered_at)),
        ..Default::default()
    }))
}

fn grant_columns(row: &GrantRow<'_>, discovered_at: Timestamp) -> Vec<u8> {
    let entitlement = v3::EntitlementRef {
        resource_type_id: row.resource_type_id.clone().into_owned(),
        resource_id: row.resource_id.clone().into_owned(),
        entitlement_id: row.entitlement_id.clone().into_owned(),
        ..Default::default()
    };
    let principal = v3::PrincipalRef {
        resource_type_id: row.principal_resource_type_id.clone().into_owned(),
        resource_id: row.principal_resource_id.clone().into_owned(),
        ..Default::default()
    };
    let mut columns = message::encode(&v3::GrantRecord {
        external_id: row.external_id.clone().into_owned(),
        entitlement: entitlement.into(),
        principal: principal.into(),
        discovered_at: timestamp::to_field(Some(discovered_at)),
        ..Default::default()
    });
    // The last two fields, so that the stored expansion keeps its bytes.
    if let Some(expansion) = &row.expansion {
        wire::put_header(&mut columns, 6, expansion.len());
        columns.extend_from_slice(expansion);
    }
    if row.needs_expansion {
        columns.extend_from_slice(&[7 << 3, 1]);
    }
    columns
}
