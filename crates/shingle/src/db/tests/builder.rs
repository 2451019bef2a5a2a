//! Databases made to order.

use std::collections::BTreeMap;

use super::*;
use crate::batch::Batch;
use crate::iter::tests::Entry;
use crate::key::{InternalKey, Kind, RangeTombstone, Trailer};
use crate::manifest::marker::{Mark, set};
use crate::manifest::{FileName, Writer};
use crate::sst::{TableWriter, WriterOptions};
use crate::wal::LogWriter;

/// A directory under construction, in the root of a file system in memory.
pub(super) struct Builder {
    pub(super) fs: MemFs,
    pub(super) tables: Vec<(Level, TableMeta)>,
    pub(super) backings: BTreeMap<FileNumber, u64>,
    /// Entries that stand in the log.
    pub(super) log: Vec<Entry>,
    pub(super) last_seq: SeqNo,
    pub(super) table_options: WriterOptions,
    next_file: u64,
}

const LOG: FileNumber = FileNumber(2);

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            fs: MemFs::new(),
            tables: Vec::new(),
            backings: BTreeMap::new(),
            log: Vec::new(),
            last_seq: SeqNo(0),
            table_options: WriterOptions {
                block_len: 64,
                index_block_len: 64,
                ..WriterOptions::default()
            },
            next_file: 10,
        }
    }

    /// Writes a file with `entries`, in any order; the entry of the MANIFEST that describes it.
    pub(super) fn write_table(&mut self, entries: &[Entry]) -> TableMeta {
        let number = FileNumber(self.next_file);
        self.next_file += 1;
        let name = FileName::Table(number).to_string();
        let file = self.fs.create(Path::new(&name)).unwrap();
        let mut writer = TableWriter::new(file, name, self.table_options.clone()).unwrap();
        let mut points: Vec<_> = entries.iter().filter_map(point).collect();
        points.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, value) in &points {
            writer.add(&key.user, key.trailer, value).unwrap();
        }
        for tombstone in fragments_of(entries) {
            writer.add_range_tombstone(&tombstone).unwrap();
        }
        let summary = writer.finish().unwrap();
        let (smallest, largest) = summary.bounds.unwrap();
        let (smallest_seq, largest_seq) = summary.contents.seqs.unwrap();
        self.last_seq = self.last_seq.max(largest_seq);
        TableMeta {
            number,
            size: summary.file_len,
            smallest,
            largest,
            smallest_seq,
            largest_seq,
            created_at: 0,
            needs_compaction: false,
            backing: None,
        }
    }

    /// Writes a file with `entries` and puts it on `level`.
    pub(super) fn add(&mut self, level: usize, entries: &[Entry]) -> FileNumber {
        let meta = self.write_table(entries);
        let number = meta.number;
        self.tables.push((Level::new(level).unwrap(), meta));
        number
    }

    /// Writes MANIFEST, markers, options and log.
    pub(super) fn finish(&mut self) -> MemFs {
        let next_file = FileNumber(self.next_file);
        let mut version = Version::new(LOG, next_file, self.last_seq, self.backings.clone());
        for level in Level::all() {
            let tables = self.tables.iter().filter(|(l, _)| *l == level);
            let tables = tables.map(|(_, t)| Arc::new(t.clone())).collect();
            version.set_level(level, tables).unwrap();
        }
        let (fs, dir) = (self.fs.clone(), Path::new(""));
        Writer::create(&fs, dir, FileNumber(1), &version).unwrap();
        fs.install(
            "OPTIONS-000003",
            crate::options_file::render(FormatVersion::NEWEST),
        )
        .unwrap();
        set(&fs, dir, &Mark::FormatVersion(FormatVersion::NEWEST)).unwrap();
        set(&fs, dir, &Mark::Manifest(FileNumber(1))).unwrap();
        self.write_log();
        fs
    }

    fn write_log(&mut self) {
        self.log.sort_by_key(Entry::seq);
        let mut writer = LogWriter::create(&self.fs, Path::new(""), LOG).unwrap();
        for entry in &self.log {
            let mut batch = Batch::new();
            match entry {
                Entry::Point(key, _, kind, value) => {
                    let (kind, key, value) = (stored_kind(*kind), &key[..], &value[..]);
                    batch
                        .push_op(crate::batch::Op::Point { kind, key, value })
                        .unwrap();
                }
                Entry::Range(start, end, _) => batch.delete_range(start, end).unwrap(),
            }
            batch.set_first_seq(SeqNo(entry.seq()));
            writer.append(&batch).unwrap();
        }
        writer.close().unwrap();
    }
}

/// The kind that a batch writes: sets over deletes are made by compactions.
fn stored_kind(kind: Kind) -> Kind {
    match kind {
        Kind::SetWithDelete => Kind::Set,
        other => other,
    }
}

fn point(entry: &Entry) -> Option<(InternalKey, Vec<u8>)> {
    let Entry::Point(key, seq, kind, value) = entry else {
        return None;
    };
    let key = InternalKey::new(&key[..], Trailer::new(SeqNo(*seq), *kind));
    // A sized delete carries the size of what it hides.
    let value = if *kind == Kind::DeleteSized {
        vec![7]
    } else {
        value.clone()
    };
    Some((key, value))
}

/// The range tombstones cut where one starts or ends; of each piece all, newest first.
fn fragments_of(entries: &[Entry]) -> Vec<RangeTombstone> {
    let ranges: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Range(start, end, seq) => Some((start, end, *seq)),
            Entry::Point(..) => None,
        })
        .collect();
    let mut cuts: Vec<_> = ranges
        .iter()
        .flat_map(|(start, end, _)| [*start, *end])
        .collect();
    cuts.sort();
    cuts.dedup();
    let mut fragments = Vec::new();
    for piece in cuts.windows(2) {
        let over = ranges
            .iter()
            .filter(|(s, e, _)| *s <= piece[0] && piece[1] <= *e);
        let mut seqs: Vec<_> = over.map(|(_, _, seq)| *seq).collect();
        seqs.sort_unstable_by(|a, b| b.cmp(a));
        seqs.dedup();
        fragments.extend(seqs.into_iter().map(|seq| RangeTombstone {
            start: piece[0].clone(),
            end: piece[1].clone(),
            seq: SeqNo(seq),
        }));
    }
    fragments
}
