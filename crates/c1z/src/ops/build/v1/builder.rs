//! The builder of a published v1 file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::count::Counts;
use super::row::V1Row;
use super::run::V1Run;
use super::schema;
use crate::engine::types::{SyncId, SyncStats};
use crate::envelope::{LEVEL_DEFAULT, publish, write_v1};
use crate::ops::build::PackOptions;
use crate::ops::build::v3::check_output;
use crate::ops::build::workspace::Workspace;
use crate::ops::{Pulse, RecordKind};
use crate::record::SessionView;
use crate::sqlite_file::Value;
use crate::sqlite_file::writer::{Image, Scratch, TableWriter, WriteOptions, Writer};
use crate::v1_tables::Zone;
use crate::{Error, Result};

/// How a v1 file is built. What is written does not depend on `memory_bytes`.
#[derive(Clone, Debug)]
pub struct V1Options {
    /// Memory for sorting the indexes of one table, in bytes; default 64 MiB.
    pub memory_bytes: usize,
    /// Zone whose wall clock the file tells; default UTC.
    pub zone: Zone,
    /// Level of compression, 1 (fast) to 22 (small); default [`LEVEL_DEFAULT`].
    pub level: i32,
}

impl Default for V1Options {
    fn default() -> Self {
        Self {
            memory_bytes: WriteOptions::default().memory_bytes,
            zone: Zone::utc(),
            level: LEVEL_DEFAULT,
        }
    }
}

/// What was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V1Summary {
    /// Bytes of the database inside the file.
    pub database_bytes: u64,
    /// Bytes of the file.
    pub file_len: u64,
}

/// Builds a database in a temporary folder beside the output, and publishes it as a v1 file.
///
/// ```
/// use c1z::engine::types::{SyncId, SyncRun, SyncType, Timestamp};
/// use c1z::ops::RecordKind;
/// use c1z::ops::build::v1::{V1Builder, V1Columns, V1Options, V1Row, V1Run};
/// use c1z::ops::build::PackOptions;
///
/// # fn main() -> c1z::Result<()> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("sync.c1z");
/// let id = SyncId::new("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w")?;
/// let now = Timestamp { seconds: 1_734_761_992, nanos: 0 };
/// let mut run = SyncRun::started(id, SyncType::Full, String::new(), now);
/// run.ended_at = Some(now);
///
/// let mut builder = V1Builder::new(&path, &V1Options::default(), &PackOptions::default())?;
/// let mut types = builder.table(RecordKind::ResourceType)?;
/// types.push(&V1Row {
///     rowid: None,
///     sync_id: run.id.as_str(),
///     external_id: "group",
///     discovered_at: now,
///     data: b"\x0a\x05group",
///     columns: V1Columns::ResourceType,
/// })?;
/// types.finish()?;
/// let written = builder.finish(&[V1Run { rowid: None, run: &run }])?;
/// assert!(written.database_bytes > 0);
/// # Ok(())
/// # }
/// ```
pub struct V1Builder {
    // Removed after the writer, whose files lie in it.
    writer: Writer,
    workspace: Workspace,
    output: PathBuf,
    options: V1Options,
    pack: PackOptions,
    pulse: Pulse,
    counts: Counts,
}

impl std::fmt::Debug for V1Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("V1Builder")
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

impl V1Builder {
    /// A file without rows that will appear at `output`, whose folder must exist.
    ///
    /// # Errors
    /// `AlreadyExists`; `InvalidArgument` for an output without file name; `Io` from the file system.
    pub fn new(
        output: impl Into<PathBuf>,
        options: &V1Options,
        pack: &PackOptions,
    ) -> Result<Self> {
        let output = output.into();
        check_output(&*pack.fs, &output, pack.existing)?;
        let (pulse, pack) = pack.pulse();
        let workspace = Workspace::for_output(&pack, &output)?;
        let body = pages(&workspace);
        let file = pack.fs.create(&body);
        let file = file.map_err(|e| Error::io("create a temporary file", &body, e))?;
        let write = WriteOptions {
            memory_bytes: options.memory_bytes,
            scratch: Some(Scratch {
                fs: Arc::clone(&pack.fs),
                dir: workspace.dir().to_owned(),
            }),
        };
        Ok(Self {
            writer: Writer::new(file, &schema::statements(), write)?,
            workspace,
            output,
            options: options.clone(),
            pack,
            pulse,
            counts: Counts::default(),
        })
    }

    /// Takes the records of one kind, of all syncs. Each kind is taken at most once; resource types
    /// come before the others, which are counted by them.
    ///
    /// # Errors
    /// `InvalidArgument` for a kind that was taken.
    pub fn table(&mut self, kind: RecordKind) -> Result<V1Table<'_>> {
        Ok(V1Table {
            table: self.writer.table(schema::table_of(kind))?,
            kind,
            counts: &mut self.counts,
            zone: self.options.zone.clone(),
            last: 0,
        })
    }

    /// Takes the session entries of all syncs; at most once.
    ///
    /// # Errors
    /// What `entries` returns; `InvalidArgument` for an entry that came before.
    pub fn sessions(
        &mut self,
        entries: impl FnOnce(&mut dyn FnMut(&SessionView<'_>) -> Result<()>) -> Result<()>,
    ) -> Result<u64> {
        let mut table = self.writer.table(schema::SESSIONS)?;
        let mut rowid = 0;
        entries(&mut |entry| {
            rowid += 1;
            let values = [
                Value::Null,
                Value::text(entry.sync_id),
                Value::text(entry.key),
                Value::blob(entry.value),
            ];
            Ok(table.push(rowid, &values)?)
        })?;
        Ok(table.finish()?)
    }

    /// Counts of the rows of a sync that were taken so far.
    pub fn counts(&self, sync: &SyncId) -> SyncStats {
        self.counts.of(sync.as_str())
    }

    /// Writes the sync runs and what is left, packs and publishes.
    ///
    /// # Errors
    /// `InvalidArgument` for two runs with one id, or a moment without a text; `Io` from the file
    /// system. What stood at the output before still does, unless the error came after the file was
    /// put there; temporary files are gone either way.
    pub fn finish(self, runs: &[V1Run<'_>]) -> Result<V1Summary> {
        let pulse = self.pulse.clone();
        pulse.end(self.write(runs))
    }

    fn write(mut self, runs: &[V1Run<'_>]) -> Result<V1Summary> {
        self.write_runs(runs)?;
        let written = self.writer.finish()?;
        let database_bytes = written.len_bytes();
        drop(written.body);
        let (fs, body) = (&*self.pack.fs, pages(&self.workspace));
        let file = fs.open(&body);
        let file = file.map_err(|e| Error::io("open a temporary file", &body, e))?;
        let image = Image::new(written.first_page, file);
        let (entropy, existing) = (&*self.pack.entropy, self.pack.existing);
        publish(fs, entropy, &self.output, existing, |out| {
            write_v1(&image, self.options.level, out)
        })?;
        let found = fs.metadata(&self.output);
        Ok(V1Summary {
            database_bytes,
            file_len: found.map_or(0, |found| found.len),
        })
    }

    fn write_runs(&mut self, runs: &[V1Run<'_>]) -> Result<()> {
        let mut table = self.writer.table(schema::SYNC_RUNS)?;
        let mut last = 0;
        for run in runs {
            last = run.rowid.unwrap_or(last + 1);
            let counts = self.counts.of(run.run.id.as_str());
            run.with_values(&self.options.zone, &counts, |values| {
                Ok(table.push(last, values)?)
            })?;
        }
        table.finish()?;
        Ok(())
    }
}

/// The file of pages.
fn pages(workspace: &Workspace) -> PathBuf {
    workspace.dir().join(Path::new("pages"))
}

/// Takes the records of one kind. It must be finished.
pub struct V1Table<'b> {
    table: TableWriter<'b>,
    kind: RecordKind,
    counts: &'b mut Counts,
    zone: Zone,
    last: i64,
}

impl V1Table<'_> {
    /// Adds a row; returns its row id.
    ///
    /// # Errors
    /// `InvalidArgument` for a row of another kind, a row id that is not greater than the last one,
    /// or a moment without a text; `Io` from the file system.
    pub fn push(&mut self, row: &V1Row<'_>) -> Result<i64> {
        if row.kind() != self.kind {
            return Err(Error::invalid(format!(
                "row of another kind expected=`{}` found=`{}`",
                self.kind.as_str(),
                row.kind().as_str()
            )));
        }
        let rowid = row.rowid.unwrap_or(self.last + 1);
        row.with_values(&self.zone, |values| Ok(self.table.push(rowid, values)?))?;
        self.counts.add(row);
        self.last = rowid;
        Ok(rowid)
    }

    /// Writes what is left of the table, and its indexes.
    ///
    /// # Errors
    /// `InvalidArgument` for two rows with one external id in one sync; `Io` from the file system.
    pub fn finish(self) -> Result<()> {
        self.table.finish()?;
        Ok(())
    }

    /// As [`V1Table::finish`], but rows with an external id that came before in the same sync are no
    /// error: their row ids are returned, and the builder is of no use.
    ///
    /// # Errors
    /// `Io` from the file system.
    pub fn finish_reporting(self) -> Result<Vec<i64>> {
        Ok(self.table.finish_reporting()?)
    }
}
