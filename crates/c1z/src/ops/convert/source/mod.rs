//! Where a conversion reads from.
//!
//! A source tells which syncs it holds and gives the records of one kind in its own order. It does not
//! translate: records come as they are stored, in the form of v3 or of v1, and the driver of the
//! target translates what it cannot take as it is.

mod folder;
mod ndjson;
mod v1;
mod v3;

use std::path::Path;

use shingle::bulk::InputOrder;

use super::format::FileFormat;
use super::options::ConvertOptions;
use crate::engine::types::{SyncId, SyncRun};
use crate::ops::build::v1::V1Row;
use crate::ops::{RecordKind, StoredRecord};
use crate::record::{AssetView, SessionView};
use crate::{Error, Result};

pub(super) use folder::FolderSource;
pub(super) use ndjson::NdjsonSource;
pub(super) use v1::V1Source;
pub(super) use v3::V3Source;

/// A sync of a source.
#[derive(Clone, Debug)]
pub(in crate::ops) struct SourceSync {
    /// Its run, with recorded statistics.
    pub(in crate::ops) run: SyncRun,
    /// The stored record of the run, if the source has one.
    pub(in crate::ops) stored: Option<Vec<u8>>,
    /// The row id of the run, if the source has one.
    pub(in crate::ops) rowid: Option<i64>,
    /// In which order its records come.
    pub(in crate::ops) order: InputOrder,
    /// Whether it has digests.
    pub(in crate::ops) has_digests: bool,
}

/// A record in the form that its source stores it in.
pub(in crate::ops) enum SourceRecord<'a> {
    /// As v3 databases do, under its key.
    Stored(StoredRecord<'a>),
    /// As v1 files do.
    Row(&'a V1Row<'a>),
    /// One that has no identity, and why.
    Unnamed(RecordKind, Error),
}

impl SourceRecord<'_> {
    /// What it is.
    pub(in crate::ops) fn kind(&self) -> RecordKind {
        match self {
            SourceRecord::Stored(record) => record.kind,
            SourceRecord::Row(row) => row.kind(),
            SourceRecord::Unnamed(kind, _) => *kind,
        }
    }
}

/// Takes the records of some syncs; the number is the position of the record's sync.
pub(in crate::ops) type TakeRecord<'t> = dyn FnMut(usize, SourceRecord<'_>) -> Result<()> + 't;
/// Takes session entries.
pub(in crate::ops) type TakeSession<'t> = dyn FnMut(&SessionView<'_>) -> Result<()> + 't;
/// Takes rows of a v3 database that are neither records nor derived from them.
pub(in crate::ops) type TakeRow<'t> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 't;

/// What a sync consists of.
pub(in crate::ops) enum SourceItem<'a> {
    /// A record.
    Record(SourceRecord<'a>),
    /// An entry of the session store.
    Session(&'a SessionView<'a>),
    /// A row that has no place in the model.
    Row(&'a [u8], &'a [u8]),
}

impl SourceItem<'_> {
    /// Bytes of the asset, if it is one.
    pub(in crate::ops) fn asset_len(&self) -> Result<u64> {
        let len = match self {
            SourceItem::Record(record) if record.kind() != RecordKind::Asset => 0,
            SourceItem::Record(SourceRecord::Stored(record)) => {
                AssetView::parse(record.value)?.data.len()
            }
            SourceItem::Record(SourceRecord::Row(row)) => row.data.len(),
            _ => 0,
        };
        Ok(len as u64)
    }
}

/// Something that syncs are read from.
pub(in crate::ops) trait Source {
    /// Its syncs, in the order in which they were created.
    fn syncs(&self) -> &[SourceSync];

    /// The records of one kind of the syncs at the given positions, which ascend. Returns the number
    /// of rows that belong to no sync. O(rows of the kind).
    fn records(&self, kind: RecordKind, syncs: &[usize], take: &mut TakeRecord<'_>) -> Result<u64>;

    /// The session entries of one sync.
    fn sessions(&self, sync: usize, take: &mut TakeSession<'_>) -> Result<()>;

    /// Rows of one sync that have no place in the model: sidecars and what belongs to others.
    fn others(&self, sync: usize, take: &mut TakeRow<'_>) -> Result<()>;

    /// Tables that are not known.
    fn foreign(&self) -> Vec<String> {
        Vec::new()
    }

    /// All of one sync, records first of the kinds that come first. Returns the number of rows that
    /// belong to no sync.
    fn visit(
        &self,
        sync: usize,
        take: &mut dyn FnMut(SourceItem<'_>) -> Result<()>,
    ) -> Result<u64> {
        let mut orphans = 0;
        for kind in RecordKind::ALL {
            orphans += self.records(kind, &[sync], &mut |_, record| {
                take(SourceItem::Record(record))
            })?;
        }
        self.sessions(sync, &mut |entry| take(SourceItem::Session(entry)))?;
        self.others(sync, &mut |key, value| take(SourceItem::Row(key, value)))?;
        Ok(orphans)
    }
}

/// Opens what lies at `path`, to be converted into `output`.
pub(in crate::ops) fn open(
    path: &Path,
    format: FileFormat,
    output: &Path,
    options: &ConvertOptions,
) -> Result<Box<dyn Source>> {
    let source: Box<dyn Source> = match format {
        FileFormat::V3 => Box::new(V3Source::open_file(path, options)?),
        FileFormat::PebbleDir => Box::new(V3Source::open_dir(path, options)?),
        FileFormat::Folder => Box::new(FolderSource::open(path, options)?),
        FileFormat::V1 => Box::new(V1Source::open(path, output, options)?),
        FileFormat::Ndjson => Box::new(NdjsonSource::open(path, options)?),
    };
    Ok(source)
}

/// The position of the sync with this id.
pub(in crate::ops) fn position(syncs: &[SourceSync], id: &SyncId) -> Result<usize> {
    let found = syncs.iter().position(|sync| sync.run.id == *id);
    found.ok_or_else(|| Error::not_found(format!("sync not found: sync_id=`{id}`")))
}
