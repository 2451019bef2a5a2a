//! Recovery of the writes that are in write-ahead logs and not yet in tables
//! (`pebble-ondisk` §5.3, §5.4).
//!
//! Sealed databases written today carry empty logs, but older ones, checkpoints and crash images
//! carry writes that stand nowhere else: dropping them would be a silently shorter answer.
//! [`recover`] reads the logs in order into one sorted [`MemTable`]. Only the last log may end in
//! the middle of a write; anything that the reader cannot serve (merges, range keys) is refused
//! before a single row is returned.
//!
//! Tables that a log names because they were ingested over unflushed writes are reported, not
//! opened: that is the business of the database.

#[doc(hidden)]
pub mod fuzz;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;

use crate::batch::{BatchReader, Op};
use crate::key::{Kind, SeqNo};
use crate::manifest::{FileName, FileNumber};
use crate::record::wal::{End, Reader};
use crate::vfs::Fs;
use crate::{Error, Result};

pub(crate) use crate::memory::Builder;
pub use crate::memory::{MemCursor, MemTable};
pub use writer::LogWriter;

/// What the logs of a directory hold beyond its tables.
#[derive(Debug)]
pub struct Recovered {
    /// The writes, sorted.
    pub memtable: MemTable,
    /// Tables that joined the database by way of a log, in the order of their sequence numbers.
    pub ingested: Vec<IngestedTable>,
    /// The logs that were read, in order.
    pub logs: Vec<LogSummary>,
    /// The sequence number that the next write gets.
    pub next_seq: SeqNo,
}

/// A table that a log names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestedTable {
    /// Number of its file.
    pub number: FileNumber,
    /// The sequence number of all its entries.
    pub seq: SeqNo,
}

/// What was found in one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSummary {
    /// Its number.
    pub number: FileNumber,
    /// Batches that hold operations.
    pub batches: u64,
    /// Operations of them.
    pub operations: u64,
    /// Where a write was cut off, if one was; then all behind it is lost.
    pub torn_at: Option<u64>,
}

/// What recovery starts from.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Logs with smaller numbers are not read.
    pub min_unflushed_log: FileNumber,
    /// The last sequence number in tables.
    pub last_seq: SeqNo,
    /// The most memory that recovered writes may take, in bytes.
    pub memory_max: usize,
}

/// Reads the logs among `names`, the files of `dir`. O(bytes + n · log n) for n operations.
///
/// # Errors
/// `Corrupt` for damage before durable bytes, for a log that ends in the middle of a write and is
/// not the last, and for malformed batches; `Unsupported` for merges, range keys and segmented
/// logs; `Exhausted` beyond `memory_max`.
pub fn recover(fs: &dyn Fs, dir: &Path, names: &[String], start: Start) -> Result<Recovered> {
    let mut recovery = Recovery {
        builder: Builder::new(start.memory_max),
        ingested: Vec::new(),
        next_seq: SeqNo(start.last_seq.0 + 1).max(SeqNo::FIRST),
    };
    let logs = replay(fs, dir, names, start.min_unflushed_log, |batch| {
        recovery.next_seq = recovery.next_seq.max(batch.end_seq());
        recovery.apply(batch)
    })?;
    Ok(Recovered {
        memtable: recovery.builder.finish(),
        ingested: recovery.ingested,
        logs,
        next_seq: recovery.next_seq,
    })
}

/// Calls `visit` with every batch that holds operations, in the order of the logs among `names`,
/// from log `min` on. A batch that comes again is passed over. Stops at the first error of `visit`.
///
/// # Errors
/// As [`recover`], but for what batches hold.
pub(crate) fn replay(
    fs: &dyn Fs,
    dir: &Path,
    names: &[String],
    min: FileNumber,
    mut visit: impl FnMut(BatchReader<'_>) -> Result<()>,
) -> Result<Vec<LogSummary>> {
    let numbers = log_numbers(names, min)?;
    let mut logs = Vec::new();
    for (index, &number) in numbers.iter().enumerate() {
        let is_last = index + 1 == numbers.len();
        let log = replay_log(fs, dir, number, &mut visit)?;
        if let Some(offset) = log.torn_at
            && !is_last
        {
            return Err(Error::corrupt(
                "write-ahead log",
                offset,
                "a whole log before a later one",
                "one cut off",
            )
            .in_file(dir.join(log_name(number))));
        }
        logs.push(log);
    }
    Ok(logs)
}

fn replay_log(
    fs: &dyn Fs,
    dir: &Path,
    number: FileNumber,
    visit: &mut impl FnMut(BatchReader<'_>) -> Result<()>,
) -> Result<LogSummary> {
    let path = dir.join(log_name(number));
    let (mut batches, mut operations) = (0, 0);
    let mut last_batch = None;
    let torn_at = visit_batches(fs, &path, number, |_, batch| {
        let repeated = last_batch.is_some_and(|last| batch.first_seq() <= last);
        if batch.count() == 0 {
            return check_empty(batch);
        }
        if repeated {
            return Ok(());
        }
        last_batch = Some(batch.first_seq());
        batches += 1;
        operations += u64::from(batch.count());
        visit(batch)
    })?;
    Ok(LogSummary {
        number,
        batches,
        operations,
        torn_at,
    })
}

/// Numbers of the logs to read, ascending.
fn log_numbers(names: &[String], min: FileNumber) -> Result<Vec<FileNumber>> {
    let mut numbers = Vec::new();
    for name in names {
        if let FileName::Log { number, segment } = FileName::parse(name)
            && number >= min
        {
            if segment != 0 {
                let feature = format_args!("segmented write-ahead log file=`{name}`");
                return Err(Error::unsupported(feature));
            }
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    let repeated = numbers.windows(2).any(|pair| pair.first() == pair.last());
    if repeated {
        return Err(Error::corrupt("directory", 0, "one file for a log", "two"));
    }
    Ok(numbers)
}

fn log_name(number: FileNumber) -> String {
    FileName::Log { number, segment: 0 }.to_string()
}

/// Calls `visit` with every batch of a log and the offset of its record; returns where the log was
/// cut off, if it was. Stops at the first error of `visit`.
///
/// # Errors
/// `Corrupt` for damage before durable bytes and for a record without a batch header.
pub fn visit_batches(
    fs: &dyn Fs,
    path: &Path,
    number: FileNumber,
    mut visit: impl FnMut(u64, BatchReader<'_>) -> Result<()>,
) -> Result<Option<u64>> {
    let file = fs.open(path).map_err(|e| Error::io("open", path, e))?;
    let mut reader = Reader::new(file, number.0);
    let mut visit_all = || -> Result<()> {
        while let Some((offset, record)) = reader.next_record()? {
            let batch = BatchReader::new(record).map_err(|e| e.at(offset))?;
            visit(offset, batch).map_err(|e| e.at(offset))?;
        }
        Ok(())
    };
    visit_all().map_err(|e| e.in_file(path))?;
    Ok(match reader.end() {
        Some(End::Torn { offset }) => Some(offset),
        _ => None,
    })
}

struct Recovery {
    builder: Builder,
    ingested: Vec<IngestedTable>,
    next_seq: SeqNo,
}

impl Recovery {
    fn apply(&mut self, mut batch: BatchReader<'_>) -> Result<()> {
        let mut ingests = 0_u32;
        let mut others = 0_u32;
        while let Some((seq, op)) = batch.next_op()? {
            match op {
                Op::Point {
                    kind: Kind::Merge, ..
                } => return Err(Error::unsupported("merge operands")),
                Op::Point { kind, key, value } => {
                    self.builder.add_point(seq, kind, key, value)?;
                }
                Op::DeleteRange { start, end } => self.builder.add_range(seq, start, end)?,
                Op::RangeKey { .. } => return Err(Error::unsupported("range keys")),
                Op::LogData(_) => continue,
                Op::IngestTable(number) => {
                    self.ingested.push(IngestedTable { number, seq });
                    ingests += 1;
                    continue;
                }
                Op::Excise { start, end } => {
                    self.builder.add_range(seq, start, end)?;
                    ingests += 1;
                    continue;
                }
            }
            others += 1;
        }
        if ingests > 0 && others > 0 {
            let (expected, found) = ("a batch of ingested tables alone", "other operations in it");
            return Err(Error::corrupt("write batch", 0, expected, found));
        }
        Ok(())
    }
}

/// The tables that `batch` names, if it is one that does; such a batch holds nothing else.
pub(crate) fn joined(mut batch: BatchReader<'_>) -> Result<Option<Vec<IngestedTable>>> {
    let mut tables = Vec::new();
    let mut others = false;
    while let Some((seq, op)) = batch.next_op()? {
        match op {
            Op::IngestTable(number) => tables.push(IngestedTable { number, seq }),
            Op::Excise { .. } if !tables.is_empty() => {
                return Err(Error::unsupported("tables that joined in place of a range"));
            }
            Op::LogData(_) => {}
            _ => others = true,
        }
        if others {
            break;
        }
    }
    match (tables.is_empty(), others) {
        (false, true) => {
            let (expected, found) = ("a batch of ingested tables alone", "other operations in it");
            Err(Error::corrupt("write batch", 0, expected, found))
        }
        (false, false) => Ok(Some(tables)),
        (true, _) => Ok(None),
    }
}

/// Checks that a batch that counts nothing holds nothing but log data.
fn check_empty(mut batch: BatchReader<'_>) -> Result<()> {
    while batch.next_op()?.is_some() {}
    Ok(())
}
