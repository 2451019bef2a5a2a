//! A v1 file: any number of syncs in the tables of a SQLite database.
//!
//! The file is one compressed stream, which cannot be read at an offset: it is decoded into memory if
//! it fits a quarter of the budget, else into a temporary file, which is removed in the end.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use shingle::bulk::InputOrder;
use shingle::vfs::ReadFile;

use super::{Source, SourceRecord, SourceSync, TakeRecord, TakeRow, TakeSession};
use crate::envelope::{EnvelopeFile, OpenOptions, PayloadOptions, V1File};
use crate::ops::RecordKind;
use crate::ops::build::Workspace;
use crate::ops::build::v1::{Expanded, RecordRow, RecordTable, V1Columns};
use crate::ops::convert::options::ConvertOptions;
use crate::record::SessionView;
use crate::sink::Sink;
use crate::sqlite_file::{Database, ObjectKind};
use crate::v1_tables::{Grants, Tables, TypedTable, V1Table, Zone};
use crate::{Error, ErrorKind, Result};

/// Bytes that are gathered before they are written to the temporary file.
const SPOOL_BUFFER: usize = 1 << 20;

/// The tables of a v1 file.
#[derive(Debug)]
pub(crate) struct V1Source {
    database: Database,
    tables: Tables,
    syncs: Vec<SourceSync>,
    /// By sync: whether the expansion columns of its grants are complete.
    backfilled: Vec<bool>,
    zone: Zone,
    /// The folder of the temporary file, removed after the database was closed.
    _spool: Option<Workspace>,
}

impl V1Source {
    /// Opens a file; a temporary file lies beside `output`, unless the options say otherwise.
    pub(crate) fn open(path: &Path, output: &Path, options: &ConvertOptions) -> Result<Self> {
        let envelope = OpenOptions {
            limits: options.limits,
            variables: options.variables.clone(),
            payload: PayloadOptions::new(options.budget.clone()),
        };
        let EnvelopeFile::V1(file) = EnvelopeFile::open(&*options.fs, path, &envelope)? else {
            return Err(Error::new(ErrorKind::EngineMismatch, "not a v1 file"));
        };
        let (image, spool) = decode(&file, output, options)?;
        let database = Database::open(image)?;
        let tables = Tables::open(&database)?;
        let mut source = Self {
            database,
            tables,
            syncs: Vec::new(),
            backfilled: Vec::new(),
            zone: options.zone.clone(),
            _spool: spool,
        };
        source.read_syncs()?;
        Ok(source)
    }

    fn read_syncs(&mut self) -> Result<()> {
        let Some(table) = &self.tables.sync_runs else {
            return Ok(());
        };
        let has_columns = self
            .tables
            .grants
            .as_ref()
            .is_some_and(|t| t.has("expansion"));
        let mut rows = table.table().scan(..);
        while let Some(row) = rows.next()? {
            let row = table.read(row)?;
            self.backfilled.push(has_columns && row.grants_backfilled);
            self.syncs.push(SourceSync {
                run: row.to_sync_run(&self.zone)?,
                stored: None,
                rowid: Some(row.id),
                order: InputOrder::Any,
                has_digests: false,
            });
        }
        Ok(())
    }

    /// Gives every row of a table that belongs to one of `syncs` to `take`, with its row id. Returns the number of rows that belong to no sync.
    fn scan<T: V1Table>(
        &self,
        table: Option<&TypedTable<T>>,
        syncs: &[usize],
        sync_of: impl for<'a> Fn(&'a T::Row<'_>) -> &'a str,
        mut take: impl FnMut(usize, i64, &T::Row<'_>) -> Result<()>,
    ) -> Result<u64> {
        let Some(table) = table else {
            return Ok(0);
        };
        let mut orphans = 0;
        let mut last = 0;
        let mut rows = table.table().scan(..);
        while let Some(row) = rows.next()? {
            let (rowid, row) = (row.rowid(), table.read(row)?);
            match self.position(sync_of(&row), last) {
                Some(at) => {
                    last = at;
                    if syncs.binary_search(&at).is_ok() {
                        take(at, rowid, &row)?;
                    }
                }
                None => orphans += 1,
            }
        }
        Ok(orphans)
    }

    /// The position of a sync; `guess` is looked at first, since rows of one sync follow each other.
    fn position(&self, id: &str, guess: usize) -> Option<usize> {
        let is = |sync: &SourceSync| sync.run.id.as_str() == id;
        if self.syncs.get(guess).is_some_and(is) {
            return Some(guess);
        }
        self.syncs.iter().position(is)
    }

    fn rows<T: RecordTable>(
        &self,
        table: Option<&TypedTable<T>>,
        syncs: &[usize],
        take: &mut TakeRecord<'_>,
    ) -> Result<u64> {
        self.scan(
            table,
            syncs,
            |row| row.sync_id(),
            |at, rowid, row| {
                let row = row.v1_row(&self.zone);
                let row = row.map_err(|error| error.in_row(T::NAME, rowid))?;
                take(at, SourceRecord::Row(&row))
            },
        )
    }

    fn grants(&self, syncs: &[usize], take: &mut TakeRecord<'_>) -> Result<u64> {
        self.scan(
            self.tables.grants.as_ref(),
            syncs,
            |row| row.sync_id(),
            |at, rowid, row| {
                let in_row = |error: Error| error.in_row(Grants::NAME, rowid);
                let backfilled = self.backfilled.get(at).copied().unwrap_or_default();
                let state = Expanded::of(row, backfilled).map_err(in_row)?;
                let mut told = row.v1_row(&self.zone).map_err(in_row)?;
                told.data = &state.data;
                if let V1Columns::Grant(grant) = &mut told.columns {
                    grant.expansion = state.expansion.as_deref();
                    grant.needs_expansion = state.needs_expansion;
                }
                take(at, SourceRecord::Row(&told))
            },
        )
    }
}

impl Source for V1Source {
    fn syncs(&self) -> &[SourceSync] {
        &self.syncs
    }

    fn records(&self, kind: RecordKind, syncs: &[usize], take: &mut TakeRecord<'_>) -> Result<u64> {
        let tables = &self.tables;
        match kind {
            RecordKind::ResourceType => self.rows(tables.resource_types.as_ref(), syncs, take),
            RecordKind::Resource => self.rows(tables.resources.as_ref(), syncs, take),
            RecordKind::Entitlement => self.rows(tables.entitlements.as_ref(), syncs, take),
            RecordKind::Grant => self.grants(syncs, take),
            RecordKind::Asset => self.rows(tables.assets.as_ref(), syncs, take),
        }
    }

    fn sessions(&self, sync: usize, take: &mut TakeSession<'_>) -> Result<()> {
        let table = self.tables.sessions.as_ref();
        self.scan(
            table,
            &[sync],
            |row| &row.sync_id,
            |_, _, row| {
                take(&SessionView {
                    sync_id: &row.sync_id,
                    key: &row.key,
                    value: &row.value,
                })
            },
        )?;
        Ok(())
    }

    fn others(&self, _: usize, _: &mut TakeRow<'_>) -> Result<()> {
        Ok(())
    }

    fn foreign(&self) -> Vec<String> {
        let objects = self.database.schema().objects().iter();
        let tables = objects.filter(|object| object.kind == ObjectKind::Table);
        let known = [
            "v1_sync_runs",
            "v1_resource_types",
            "v1_resources",
            "v1_entitlements",
            "v1_grants",
            "v1_assets",
            "v1_connector_sessions",
        ];
        tables
            .map(|table| table.name.clone())
            .filter(|name| !known.contains(&name.as_str()) && !name.starts_with("sqlite_"))
            .collect()
    }
}

/// The database in memory, or in a temporary file.
fn decode(
    file: &V1File,
    output: &Path,
    options: &ConvertOptions,
) -> Result<(Arc<dyn ReadFile>, Option<Workspace>)> {
    let memory = options.budget.limit() / 4;
    if file.declared_len()?.is_some_and(|len| len <= memory) {
        return Ok((Arc::new(file.decode_to_memory(&options.budget)?), None));
    }
    let spool = Workspace::for_output(&options.pack_options(), output)?;
    let path = spool.dir().join("database");
    let created = options.fs.create(&path);
    let created = created.map_err(|e| Error::io("create a temporary file", &path, e))?;
    let mut out = BufWriter::with_capacity(SPOOL_BUFFER, Sink(created));
    file.decode_into(&mut out)?;
    out.flush()
        .map_err(|e| Error::io("write a temporary file", &path, e))?;
    drop(out);
    let opened = options.fs.open(&path);
    let opened = opened.map_err(|e| Error::io("open a temporary file", &path, e))?;
    Ok((opened, Some(spool)))
}
