//! Building tables in memory: from one batch, or from writes that come in any order.

use std::mem::size_of;
use std::sync::{Arc, OnceLock};

use super::{Entry, Fragments, MemTable};
use crate::batch::{self, Batch, BatchReader, Op};
use crate::key::{Kind, RangeTombstone, SeqNo, Trailer};
use crate::order::{self, Keyed};
use crate::{Error, ErrorKind, Result};

impl MemTable {
    pub(super) fn of(
        chunks: Vec<Arc<Vec<u8>>>,
        entries: Vec<Entry>,
        tombstones: Vec<RangeTombstone>,
    ) -> Self {
        Self {
            fragments: Arc::new(Fragments::new(&tombstones, SeqNo::MAX)),
            chunks,
            entries,
            tombstones,
            hash: OnceLock::new(),
        }
    }

    /// The writes of `batch`, whose bytes are taken over. Sequence numbers count from 0 until
    /// [`MemTable::stamp`]. Log data is left out. O(n · log n).
    ///
    /// # Errors
    /// `Unsupported` for what a live database does not store; `Corrupt` for a malformed batch.
    pub(crate) fn from_batch(batch: Batch) -> Result<Self> {
        let bytes = batch.into_bytes();
        let mut rows = Vec::new();
        let mut tombstones = Vec::new();
        let mut reader = BatchReader::new(&bytes)?;
        let first = reader.first_seq();
        loop {
            let offset = reader.offset();
            let Some((seq, op)) = reader.next_op()? else {
                break;
            };
            let seq = SeqNo(seq.0 - first.0);
            match op {
                Op::Point {
                    kind: kind @ (Kind::Set | Kind::Delete | Kind::SingleDelete),
                    key,
                    value,
                } => {
                    let (key_start, value_start) = places(offset, key, value.len());
                    rows.push(Row {
                        head: 0,
                        entry: Entry {
                            trailer: Trailer::new(seq, kind),
                            chunk: 0,
                            key_start: low(key_start),
                            key_len: low(key.len()),
                            value_start: low(value_start),
                            value_len: low(value.len()),
                        },
                    });
                }
                Op::DeleteRange { start, end } => tombstones.push(RangeTombstone {
                    start: start.to_vec(),
                    end: end.to_vec(),
                    seq,
                }),
                Op::LogData(_) => {}
                _ => return Err(Error::unsupported("operation in a batch that is written")),
            }
        }
        if bytes.len() > u32::MAX as usize {
            return Err(Error::invalid("batch of 4 GiB"));
        }
        order::sort(&mut rows, &bytes);
        let entries = rows.into_iter().map(|row| row.entry).collect();
        Ok(Self::of(vec![Arc::new(bytes)], entries, tombstones))
    }

    /// Adds `base` to every sequence number of a table of one batch, and notes it in the record.
    pub(crate) fn stamp(&mut self, base: SeqNo) {
        if let Some(bytes) = self.chunks.first_mut().and_then(Arc::get_mut) {
            batch::stamp(bytes, base);
        }
        for entry in &mut self.entries {
            let seq = SeqNo(entry.trailer.seq().0 + base.0);
            entry.trailer = entry.trailer.with_seq(seq);
        }
        if self.tombstones.is_empty() {
            return;
        }
        for tombstone in &mut self.tombstones {
            tombstone.seq.0 += base.0;
        }
        self.fragments = Arc::new(Fragments::new(&self.tombstones, SeqNo::MAX));
    }

    /// The record of a table of one batch.
    pub(crate) fn record(&self) -> &[u8] {
        self.chunks.first().map_or(&[], |chunk| chunk)
    }

    /// Memory that the table takes, in bytes, without its hash.
    pub(crate) fn memory(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.capacity()).sum();
        let bounds = self.tombstones.iter().map(|t| t.start.len() + t.end.len());
        chunks
            + self.entries.len() * size_of::<Entry>()
            + self.tombstones.len() * size_of::<RangeTombstone>()
            + bounds.sum::<usize>()
    }
}

/// Offsets below 4 GiB, which batches are checked for.
fn low(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// Where key and value of the operation at `offset` of a batch are.
fn places(offset: u64, key: &[u8], value_len: usize) -> (usize, usize) {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let key_start = offset.saturating_add(1 + uvarint_len(key.len()));
    let value_start = key_start.saturating_add(key.len() + uvarint_len(value_len));
    (key_start, value_start)
}

/// Bytes of `value` as the uvarint that a [`Batch`] writes.
fn uvarint_len(value: usize) -> usize {
    let bits = usize::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// An entry while it is sorted.
struct Row {
    head: u64,
    entry: Entry,
}

impl Keyed for Row {
    fn head(&self) -> u64 {
        self.head
    }

    fn set_head(&mut self, head: u64) {
        self.head = head;
    }

    fn start(&self) -> u32 {
        self.entry.key_start
    }

    fn key_len(&self) -> u32 {
        self.entry.key_len
    }
}

/// Collects writes for a [`MemTable`].
#[derive(Debug)]
pub(crate) struct Builder {
    bytes: Vec<u8>,
    table: MemTable,
    memory: usize,
    memory_max: usize,
}

/// Most bytes of one chunk.
const CHUNK_MAX: usize = 1 << 30;

impl Builder {
    /// Refuses writes beyond `memory_max` bytes.
    pub(crate) fn new(memory_max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            table: MemTable::default(),
            memory: 0,
            memory_max,
        }
    }

    fn spend(&mut self, len: usize) -> Result<()> {
        self.memory = self.memory.saturating_add(len);
        if self.memory > self.memory_max {
            return Err(exhausted(self.memory_max));
        }
        Ok(())
    }

    /// Adds a point.
    pub(crate) fn add_point(
        &mut self,
        seq: SeqNo,
        kind: Kind,
        key: &[u8],
        value: &[u8],
    ) -> Result<()> {
        self.spend(key.len() + value.len() + size_of::<Entry>())?;
        if !self.bytes.is_empty() && self.bytes.len() + key.len() + value.len() > CHUNK_MAX {
            self.end_chunk();
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.table.entries.push(Entry {
            trailer: Trailer::new(seq, kind),
            chunk: low(self.table.chunks.len()),
            key_start: low(start),
            key_len: low(key.len()),
            value_start: low(start + key.len()),
            value_len: low(value.len()),
        });
        Ok(())
    }

    fn end_chunk(&mut self) {
        let chunk = std::mem::take(&mut self.bytes);
        self.table.chunks.push(Arc::new(chunk));
    }

    /// Adds a range tombstone; one that does not ascend hides nothing and is dropped, as in Go.
    pub(crate) fn add_range(&mut self, seq: SeqNo, start: &[u8], end: &[u8]) -> Result<()> {
        if start >= end {
            return Ok(());
        }
        self.spend(start.len() + end.len() + size_of::<RangeTombstone>())?;
        self.table.tombstones.push(RangeTombstone {
            start: start.to_vec(),
            end: end.to_vec(),
            seq,
        });
        Ok(())
    }

    /// Sorts what was added. O(n · log n).
    pub(crate) fn finish(mut self) -> MemTable {
        self.end_chunk();
        let mut table = self.table;
        let mut entries = std::mem::take(&mut table.entries);
        entries.sort_by(|a, b| table.compare(a, b));
        MemTable::of(table.chunks, entries, table.tombstones)
    }
}

/// The budget for recovered writes is spent.
fn exhausted(max: usize) -> Error {
    Error::new(
        ErrorKind::Exhausted,
        format!("writes in write-ahead logs exceed the budget bytes=`{max}`"),
    )
}
