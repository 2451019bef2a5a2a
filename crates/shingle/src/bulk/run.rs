//! Sorted runs that left memory, as tables.
//!
//! A run is a v7 table like those of the finished database, so it has checksums, shares prefixes of
//! keys, and can be entered at any key. The sequence number of a row is its place of arrival: of two
//! rows with one key the newer has the greater one, within a run and across runs.

use std::sync::Arc;

use super::arena::Arena;
use super::scratch::{Scratch, TempFile};
use crate::cache::Cache;
use crate::iter::{Bounds, Fragments, Merge, Opened, RunCursor, Source, Tables};
use crate::key::{Kind, SeqNo, Trailer};
use crate::manifest::{FileNumber, TableMeta};
use crate::sst::{CacheMode, Compression, Table, TableCursor, TableOptions, TableWriter};
use crate::sst::{TableSummary, WriterOptions};
use crate::{Error, ErrorKind, Result};

/// Bytes that a merge reads ahead in each run.
const READAHEAD_LEN: usize = 64 << 10;
/// Memory of an open run: what is read ahead, a block as stored and decoded, the index.
pub(super) const OPEN_LEN: usize = 512 << 10;

/// One sorted run.
#[derive(Debug)]
pub(super) struct Run {
    file: TempFile,
    meta: Arc<TableMeta>,
}

/// Runs, open for merging; they are removed when this goes.
#[derive(Debug)]
pub(super) struct Runs {
    runs: Vec<Run>,
    options: TableOptions,
}

/// A sequence number that was not given to a row.
const UNUSED: u64 = 1;

/// The trailer of the row that arrived at `place`.
pub(super) fn trailer_of(place: u64) -> Trailer {
    Trailer::new(SeqNo(place + UNUSED), Kind::Set)
}

/// Writes one run. Rows come in the order of internal keys.
pub(super) struct RunWriter {
    file: TempFile,
    table: TableWriter,
}

impl RunWriter {
    pub(super) fn new(scratch: &Scratch, compression: Compression) -> Result<Self> {
        let (file, sink) = scratch.create()?;
        let options = WriterOptions {
            compression,
            verify: false,
            sync: false,
            ..WriterOptions::default()
        };
        let table = TableWriter::new(sink, file.path(), options)?;
        Ok(Self { file, table })
    }

    pub(super) fn add(&mut self, key: &[u8], trailer: Trailer, value: &[u8]) -> Result<()> {
        self.table.add(key, trailer, value)
    }

    /// Finishes the run, which must have rows.
    pub(super) fn finish(self) -> Result<Run> {
        let summary = self.table.finish()?;
        let meta = meta_of(&summary, FileNumber(0))?;
        let file = self.file;
        Ok(Run {
            file,
            meta: Arc::new(meta),
        })
    }
}

/// What a manifest would say of a table with rows.
pub(crate) fn meta_of(summary: &TableSummary, number: FileNumber) -> Result<TableMeta> {
    let (Some((smallest, largest)), Some((smallest_seq, largest_seq))) =
        (summary.bounds.clone(), summary.contents.seqs)
    else {
        return Err(Error::new(ErrorKind::Internal, "a table without rows"));
    };
    Ok(TableMeta {
        number,
        size: summary.file_len,
        smallest,
        largest,
        smallest_seq,
        largest_seq,
        created_at: 0,
        needs_compaction: false,
        backing: None,
    })
}

/// Writes the rows of a sorted arena, the first of which arrived at `base`. With `newest_only` rows
/// that a newer one replaces are left out.
pub(super) fn write_arena(
    arena: &Arena,
    base: u64,
    newest_only: bool,
    scratch: &Scratch,
    compression: Compression,
) -> Result<Run> {
    let mut writer = RunWriter::new(scratch, compression)?;
    arena.each(newest_only, |key, place, value| {
        writer.add(key, trailer_of(base + u64::from(place)), value)
    })?;
    writer.finish()
}

impl Runs {
    pub(super) fn new(runs: Vec<Run>) -> Self {
        let runs = (0..).zip(runs).map(|(number, mut run)| {
            // The number is how an entry of a merge finds its run again.
            run.meta = Arc::new(TableMeta {
                number: FileNumber(number),
                ..(*run.meta).clone()
            });
            run
        });
        Self {
            runs: runs.collect(),
            options: TableOptions {
                cache: Arc::new(Cache::new(0)),
                readahead_len_max: READAHEAD_LEN,
                ..TableOptions::default()
            },
        }
    }

    /// All entries of all runs within `bounds`.
    pub(super) fn merge(self: &Arc<Self>, bounds: Bounds) -> Merge<Runs> {
        let bounds = Arc::new(bounds);
        let single = |run: &Run| Arc::from([Arc::clone(&run.meta)]);
        let cursors = self
            .runs
            .iter()
            .filter_map(|run| RunCursor::new(self, &single(run), &bounds));
        Merge::new(cursors.map(Source::Run).collect())
    }
}

impl Tables for Runs {
    type Cursor = TableCursor;

    fn open(&self, table: &TableMeta) -> Result<Opened<TableCursor>> {
        let at = usize::try_from(table.number.0).unwrap_or(usize::MAX);
        let Some(run) = self.runs.get(at) else {
            return Err(Error::new(ErrorKind::Internal, "a run that is not there"));
        };
        let opened = Table::open(run.file.open()?, run.file.path(), &self.options)?;
        Ok(Opened {
            cursor: Arc::new(opened).cursor(CacheMode::Bypass),
            tombstones: Arc::new(Fragments::new(&[], SeqNo::MAX)),
        })
    }
}
