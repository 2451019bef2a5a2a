//! MANIFEST, markers and file names against the golden directories, against damage at every byte,
//! and against the rules of replay one by one.

mod damage;
mod golden;
mod markers;
mod rules;
mod writer;

use std::path::Path;

use super::*;
use crate::Result;
use crate::key::{InternalKey, Kind, SeqNo, Trailer};
use crate::record::{self, Format};
use crate::vfs::{Fs, MemFs};

const PATH: &str = "MANIFEST-000001";

/// A MANIFEST that holds `records`.
fn file_of(records: &[Vec<u8>]) -> MemFs {
    let fs = MemFs::new();
    let file = fs.create(Path::new(PATH)).unwrap();
    let mut writer = record::Writer::new(file, Format::Legacy, 0);
    for record in records {
        writer.append(record).unwrap();
    }
    fs
}

/// Replays `edits` from a file of them.
fn replay_edits(edits: &[VersionEdit]) -> Result<Replayed> {
    let encode = |edit: &VersionEdit| {
        let mut record = Vec::new();
        edit.encode(&mut record).unwrap();
        record
    };
    replay_file(&edits.iter().map(encode).collect::<Vec<_>>())
}

/// Replays a file of `records`.
fn replay_file(records: &[Vec<u8>]) -> Result<Replayed> {
    replay(&file_of(records), Path::new(PATH))
}

/// Counters that make a version acceptable.
fn counters() -> VersionEdit {
    VersionEdit {
        next_file: Some(FileNumber(100)),
        last_seq: Some(SeqNo(1000)),
        ..VersionEdit::default()
    }
}

fn table(number: u64, smallest: &str, largest: &str) -> TableMeta {
    let key = |user: &str| InternalKey::new(user, Trailer::new(SeqNo(5), Kind::Set));
    TableMeta {
        number: FileNumber(number),
        size: 1000 + number,
        smallest: key(smallest),
        largest: key(largest),
        smallest_seq: SeqNo(5),
        largest_seq: SeqNo(9),
        created_at: 0,
        needs_compaction: false,
        backing: None,
    }
}

fn level(n: usize) -> Level {
    Level::new(n).unwrap()
}

/// An edit that adds `tables` to a level.
fn adding(to: usize, tables: impl IntoIterator<Item = TableMeta>) -> VersionEdit {
    VersionEdit {
        added_tables: tables.into_iter().map(|t| (level(to), t)).collect(),
        ..counters()
    }
}
