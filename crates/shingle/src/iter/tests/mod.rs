//! The merging iterator against a model: random versions and tombstones, spread over random runs of
//! tables, some virtual, some ingested, walked at random in both directions; and its costs.

mod costs;
mod fragments;
pub(crate) mod model;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::Result;
use crate::key::{InternalKey, Kind, RangeTombstone, SeqNo, Trailer};
use crate::manifest::{FileNumber, TableMeta};
use crate::version::Run;
use crate::wal::{Builder, MemCursor, MemTable};

/// Table files in memory; counts how often one is opened.
#[derive(Default)]
pub(crate) struct MemTables {
    pub(crate) files: BTreeMap<FileNumber, Arc<MemTable>>,
    opened: AtomicUsize,
    /// What was put into them.
    entries: BTreeMap<FileNumber, Vec<Entry>>,
}

impl Tables for MemTables {
    type Cursor = MemCursor;

    fn open(&self, table: &TableMeta) -> Result<Opened<MemCursor>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let file = &self.files[&table.file()];
        Ok(Opened {
            cursor: file.cursor(None, None),
            tombstones: Arc::new(Fragments::new(file.tombstones(), SeqNo::MAX)),
        })
    }
}

/// One entry of a table.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Point(Vec<u8>, u64, Kind, Vec<u8>),
    Range(Vec<u8>, Vec<u8>, u64),
}

impl Entry {
    pub(crate) fn seq(&self) -> u64 {
        match self {
            Entry::Point(_, seq, _, _) | Entry::Range(_, _, seq) => *seq,
        }
    }
}

pub(crate) fn set(key: &str, seq: u64) -> Entry {
    let value = format!("{key}@{seq}").into_bytes();
    Entry::Point(key.as_bytes().to_vec(), seq, Kind::Set, value)
}

pub(crate) fn delete_range(start: &str, end: &str, seq: u64) -> Entry {
    Entry::Range(start.as_bytes().to_vec(), end.as_bytes().to_vec(), seq)
}

fn memtable(entries: &[Entry]) -> MemTable {
    let mut builder = Builder::new(usize::MAX);
    for entry in entries {
        match entry {
            Entry::Point(key, seq, kind, value) => {
                builder.add_point(SeqNo(*seq), *kind, key, value).unwrap();
            }
            Entry::Range(start, end, seq) => {
                builder.add_range(SeqNo(*seq), start, end).unwrap();
            }
        }
    }
    builder.finish()
}

impl MemTables {
    /// Adds a physical table of `entries`, with exact bounds.
    fn add(&mut self, entries: &[Entry]) -> Arc<TableMeta> {
        let number = FileNumber(self.files.len() as u64 + 1);
        self.files.insert(number, Arc::new(memtable(entries)));
        self.entries.insert(number, entries.to_vec());
        Arc::new(meta_of(number, entries))
    }
}

/// The entry of a MANIFEST for a table of `entries`.
pub(crate) fn meta_of(number: FileNumber, entries: &[Entry]) -> TableMeta {
    let bounds = entries.iter().map(|entry| match entry {
        Entry::Point(key, seq, kind, _) => {
            let key = InternalKey::new(&key[..], Trailer::new(SeqNo(*seq), *kind));
            (key.clone(), key)
        }
        Entry::Range(start, end, seq) => (
            InternalKey::new(&start[..], Trailer::new(SeqNo(*seq), Kind::RangeDelete)),
            InternalKey::new(&end[..], Trailer::new(SeqNo::MAX, Kind::RangeDelete)),
        ),
    });
    let (smallest, largest): (Vec<_>, Vec<_>) = bounds.unzip();
    let seqs = entries.iter().map(|entry| SeqNo(entry.seq()));
    TableMeta {
        number,
        size: 0,
        smallest: smallest.into_iter().min().unwrap(),
        largest: largest.into_iter().max().unwrap(),
        smallest_seq: seqs.clone().min().unwrap(),
        largest_seq: seqs.max().unwrap(),
        created_at: 0,
        needs_compaction: false,
        backing: None,
    }
}

/// The rows of `runs` and a memtable within `bounds`.
fn rows_of(
    tables: &Arc<MemTables>,
    runs: &[Run],
    mem: Option<&Arc<MemTable>>,
    bounds: &Bounds,
    visible: SeqNo,
) -> Rows<MemTables> {
    let bounds = Arc::new(bounds.clone());
    let mem = mem.map(|mem| {
        let cursor = mem.cursor(bounds.lower(), bounds.upper());
        let tombstones = Arc::new(Fragments::new(mem.tombstones(), visible));
        Source::Mem(MemSource::new(Box::new(cursor), tombstones))
    });
    let runs = runs
        .iter()
        .filter_map(|run| RunCursor::new(tables, run, &bounds));
    let sources = mem.into_iter().chain(runs.map(Source::Run)).collect();
    Rows::new(Merge::new(sources), visible)
}
