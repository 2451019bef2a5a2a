//! Tables as wholes: files that Go's Pebble wrote, round trips, costs, damage. What concerns one
//! structure alone is tested beside it.

mod cost;
mod golden;
mod hostile;
mod large;
mod refused;
mod round_trip;
mod worked;

use std::path::Path;
use std::sync::Arc;

use super::{CacheMode, Table, TableOptions, TableSummary, TableWriter, WriterOptions};
use crate::Result;
use crate::cursor::Cursor;
use crate::key::{Kind, RangeTombstone, SeqNo, Trailer};
use crate::testing::{golden, unhex};
use crate::vfs::{Fs, Lottery, MemFile, MemFs};

const PATH: &str = "000007.sst";

/// A point entry.
#[derive(Clone, PartialEq, Eq)]
struct Point {
    key: Vec<u8>,
    trailer: Trailer,
    value: Vec<u8>,
}

impl Point {
    fn new(key: impl Into<Vec<u8>>, seq: u64, kind: Kind, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            trailer: Trailer::new(SeqNo(seq), kind),
            value: value.into(),
        }
    }

    fn at(cursor: &impl Cursor) -> Self {
        Self {
            key: cursor.user_key().to_vec(),
            trailer: cursor.trailer(),
            value: cursor.value().to_vec(),
        }
    }
}

impl std::fmt::Debug for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (key, len) = (self.key.escape_ascii(), self.value.len());
        write!(f, "{key}{:?}={len} bytes", self.trailer)
    }
}

/// Everything that a table holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entries {
    points: Vec<Point>,
    ranges: Vec<RangeTombstone>,
}

/// The entries of a golden table, range keys left out.
fn golden_entries(case: &str) -> Entries {
    let text = golden(&format!("pebble/{case}/entries.ndjson.gz"));
    let mut entries = Entries::default();
    for line in String::from_utf8(text).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = |name: &str| unhex(line[name].as_str().unwrap_or_default());
        let seq = line["seq"].as_u64().unwrap();
        let kind = match line["kind"].as_str().unwrap() {
            "SET" => Kind::Set,
            "DEL" => Kind::Delete,
            "MERGE" => Kind::Merge,
            "SINGLEDEL" => Kind::SingleDelete,
            "SETWITHDEL" => Kind::SetWithDelete,
            "DELSIZED" => Kind::DeleteSized,
            "RANGEDEL" => {
                entries.ranges.push(RangeTombstone {
                    start: bytes("range_del_start_hex"),
                    end: bytes("end_hex"),
                    seq: SeqNo(seq),
                });
                continue;
            }
            "RANGEKEYSET" | "RANGEKEYUNSET" | "RANGEKEYDEL" => continue,
            other => panic!("kind {other}"),
        };
        let (key, value) = (bytes("key_hex"), bytes("value_hex"));
        entries.points.push(Point::new(key, seq, kind, value));
    }
    entries
}

fn golden_table(case: &str) -> Vec<u8> {
    golden(&format!("pebble/{case}/table.sst"))
}

fn open_with(bytes: impl Into<Vec<u8>>, options: &TableOptions) -> Result<Arc<Table>> {
    Table::open(Arc::new(MemFile::new(bytes)), PATH, options).map(Arc::new)
}

fn open(bytes: impl Into<Vec<u8>>) -> Result<Arc<Table>> {
    open_with(bytes, &TableOptions::default())
}

/// Everything in a table, read forwards.
fn read(table: &Arc<Table>) -> Result<Entries> {
    let mut cursor = table.cursor(CacheMode::Bypass);
    let mut points = Vec::new();
    cursor.seek_first()?;
    while cursor.is_valid() {
        points.push(Point::at(&cursor));
        cursor.next()?;
    }
    Ok(Entries {
        points,
        ranges: table.range_tombstones().to_vec(),
    })
}

/// The points of a table, read backwards, in order.
fn read_back(table: &Arc<Table>) -> Result<Vec<Point>> {
    let mut cursor = table.cursor(CacheMode::Bypass);
    let mut points = Vec::new();
    cursor.seek_last()?;
    while cursor.is_valid() {
        points.push(Point::at(&cursor));
        cursor.prev()?;
    }
    points.reverse();
    Ok(points)
}

/// The bytes of a table with `entries`.
fn write(entries: &Entries, options: &WriterOptions) -> Result<(Vec<u8>, TableSummary)> {
    let fs = MemFs::new();
    let file = fs.create(Path::new(PATH)).unwrap();
    let mut writer = TableWriter::new(file, PATH, options.clone())?;
    for range in &entries.ranges {
        writer.add_range_tombstone(range)?;
    }
    for point in &entries.points {
        writer.add(&point.key, point.trailer, &point.value)?;
    }
    let summary = writer.finish()?;
    Ok((fs.read(PATH).unwrap(), summary))
}

/// Small blocks, so that little data has every level of structure.
fn small() -> WriterOptions {
    WriterOptions {
        block_len: 256,
        index_block_len: 256,
        ..WriterOptions::default()
    }
}

/// Random entries in order: keys with shared prefixes, several versions, all kinds.
fn random_entries(seed: u64, keys: u64) -> Entries {
    let mut lottery = Lottery::new(seed);
    let mut points = Vec::new();
    let mut names: Vec<Vec<u8>> = (0..keys).map(|_| random_key(&mut lottery)).collect();
    names.sort();
    names.dedup();
    for name in names {
        let mut seq = lottery.below(1000);
        let versions = if lottery.below(8) == 0 {
            lottery.below(40)
        } else {
            0
        };
        for _ in 0..=versions {
            points.push(random_version(&mut lottery, &name, seq));
            match seq.checked_sub(1 + lottery.below(3)) {
                Some(older) => seq = older,
                None => break,
            }
        }
    }
    let mut ranges = Vec::new();
    let mut bounds: Vec<Vec<u8>> = (0..lottery.below(12))
        .map(|_| random_key(&mut lottery))
        .collect();
    bounds.sort();
    bounds.dedup();
    for pair in bounds
        .windows(2)
        .filter(|_| lottery.below(4) > 0)
        .collect::<Vec<_>>()
    {
        let mut seq = 1 + lottery.below(2000);
        for _ in 0..=lottery.below(3) {
            let (start, end) = (pair[0].clone(), pair[1].clone());
            ranges.push(RangeTombstone {
                start,
                end,
                seq: SeqNo(seq),
            });
            seq = seq.saturating_sub(1 + lottery.below(50));
            if seq == 0 {
                break;
            }
        }
    }
    Entries { points, ranges }
}

fn random_key(lottery: &mut Lottery) -> Vec<u8> {
    let mut key = match lottery.below(4) {
        0 => Vec::new(),
        1 => b"user/".to_vec(),
        2 => format!("grant/{:05}/", lottery.below(30)).into_bytes(),
        _ => vec![0xff; usize::try_from(lottery.below(3)).unwrap()],
    };
    for _ in 0..=lottery.below(6) {
        key.push(lottery.draw().to_le_bytes()[0]);
    }
    key
}

fn random_version(lottery: &mut Lottery, key: &[u8], seq: u64) -> Point {
    let len = match lottery.below(20) {
        0 => 300 + lottery.below(2000),
        1..=5 => 0,
        _ => lottery.below(60),
    };
    let byte = lottery.draw().to_le_bytes()[0];
    let (kind, value) = match lottery.below(10) {
        0 => (Kind::Delete, Vec::new()),
        1 => (Kind::SingleDelete, Vec::new()),
        2 => (Kind::DeleteSized, vec![byte & 0x7f]),
        3 => (Kind::SetWithDelete, b"value".to_vec()),
        _ => {
            let noise = lottery.below(2) == 0;
            let mut value = vec![byte; usize::try_from(len).unwrap()];
            for byte in value.iter_mut().filter(|_| noise) {
                *byte = lottery.draw().to_le_bytes()[0];
            }
            (Kind::Set, value)
        }
    };
    Point::new(key, seq, kind, value)
}
