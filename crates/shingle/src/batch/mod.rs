//! Write batches: what one record of a write-ahead log holds (`pebble-ondisk` §5.2).
//!
//! | field | type | meaning |
//! |---|---|---|
//! | sequence number | `u64` | of the first operation; the others count on from it |
//! | count | `u32` | operations that take a sequence number: all but log data |
//! | operations | | `kind u8 ‖ vstr [‖ vstr]` until the end |
//!
//! Fixed integers are little-endian, lengths are uvarints of at most 32 bits. [`Batch`] writes,
//! [`BatchReader`] reads. Kinds that this crate does not serve are read and named, so that whoever
//! replays can refuse them.

#[cfg(test)]
mod tests;

use crate::codec::{Input, put_uvarint, put_vstr};
use crate::key::{Kind, SeqNo};
use crate::manifest::FileNumber;
use crate::{Error, Result};

const STRUCTURE: &str = "write batch";
const HEADER_LEN: usize = 12;

/// One operation of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// A point with a key and, for those kinds that have one, a value: set, delete, single delete,
    /// sized delete, merge.
    Point {
        /// What happens to the key.
        kind: Kind,
        /// The user key.
        key: &'a [u8],
        /// The value; empty for kinds without.
        value: &'a [u8],
    },
    /// Deletes the keys of `[start, end)`.
    DeleteRange {
        /// First key deleted.
        start: &'a [u8],
        /// First key not deleted.
        end: &'a [u8],
    },
    /// Something about range keys: recognised, not served.
    RangeKey {
        /// Set, unset or delete.
        kind: Kind,
        /// First key of the range.
        start: &'a [u8],
        /// The rest, by kind.
        rest: &'a [u8],
    },
    /// Bytes for whoever reads the log; changes nothing and takes no sequence number.
    LogData(&'a [u8]),
    /// The table with this number joins the database above all that is older.
    IngestTable(FileNumber),
    /// Hides everything older in `[start, end)`; comes before ingested tables.
    Excise {
        /// First key hidden.
        start: &'a [u8],
        /// First key not hidden.
        end: &'a [u8],
    },
}

impl Op<'_> {
    fn takes_seq(&self) -> bool {
        !matches!(self, Op::LogData(_))
    }
}

/// Reads a batch operation by operation.
#[derive(Clone, Debug)]
pub struct BatchReader<'a> {
    input: Input<'a>,
    first_seq: SeqNo,
    count: u32,
    taken: u32,
}

impl<'a> BatchReader<'a> {
    /// Begins to read a record.
    ///
    /// # Errors
    /// `Corrupt` if it is too short for a header, or counts beyond the largest sequence number.
    pub fn new(record: &'a [u8]) -> Result<Self> {
        let mut input = Input::new(STRUCTURE, record);
        let first_seq = SeqNo(input.u64()?);
        let count = input.u32()?;
        let end = first_seq.0.checked_add(u64::from(count));
        if end.is_none_or(|end| end > SeqNo::MAX.0) {
            let found = format_args!("{} and {count} operations", first_seq.0);
            return Err(Error::corrupt(
                STRUCTURE,
                0,
                "sequence numbers of 56 bits",
                found,
            ));
        }
        Ok(Self {
            input,
            first_seq,
            count,
            taken: 0,
        })
    }

    /// Sequence number of the first operation.
    pub fn first_seq(&self) -> SeqNo {
        self.first_seq
    }

    /// Number of operations that take a sequence number.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The sequence number after those of the batch.
    pub fn end_seq(&self) -> SeqNo {
        SeqNo(self.first_seq.0 + u64::from(self.count))
    }

    /// Offset in the record of the next operation.
    pub(crate) fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// The next operation and its sequence number (for log data the one that comes next); `None` at
    /// the end.
    ///
    /// # Errors
    /// `Corrupt` for malformed operations and for a count that is not theirs.
    pub fn next_op(&mut self) -> Result<Option<(SeqNo, Op<'a>)>> {
        if self.input.is_empty() {
            if self.taken != self.count {
                let (count, taken) = (self.count, self.taken);
                return Err(self
                    .input
                    .corrupt(format_args!("{count} operations"), format_args!("{taken}")));
            }
            return Ok(None);
        }
        let place = self.input.clone();
        let op = decode_op(&mut self.input)?;
        let seq = SeqNo(self.first_seq.0 + u64::from(self.taken));
        if op.takes_seq() {
            if self.taken == self.count {
                let expected = format_args!("{} operations", self.count);
                return Err(place.corrupt(expected, "one more"));
            }
            self.taken += 1;
        }
        Ok(Some((seq, op)))
    }
}

fn decode_op<'a>(input: &mut Input<'a>) -> Result<Op<'a>> {
    let place = input.clone();
    let number = input.u8()?;
    let Some(kind) = Kind::from_u8(number) else {
        return Err(place.corrupt("a known kind of operation", number));
    };
    Ok(match kind {
        Kind::Delete | Kind::SingleDelete => Op::Point {
            kind,
            key: string(input)?,
            value: &[],
        },
        Kind::Set | Kind::Merge | Kind::DeleteSized => Op::Point {
            kind,
            key: string(input)?,
            value: string(input)?,
        },
        Kind::LogData => Op::LogData(string(input)?),
        Kind::RangeDelete => {
            let (start, end) = (string(input)?, string(input)?);
            Op::DeleteRange { start, end }
        }
        Kind::Excise => {
            let (start, end) = (string(input)?, string(input)?);
            Op::Excise { start, end }
        }
        Kind::RangeKeyDelete | Kind::RangeKeyUnset | Kind::RangeKeySet => Op::RangeKey {
            kind,
            start: string(input)?,
            rest: string(input)?,
        },
        Kind::IngestTable => {
            let place = input.clone();
            let mut key = Input::new(STRUCTURE, string(input)?);
            let table = key.uvarint().and_then(|n| key.finish().map(|()| n));
            Op::IngestTable(FileNumber(table.map_err(|e| e.at(place.offset() + 1))?))
        }
        Kind::SetWithDelete | Kind::Separator => {
            return Err(place.corrupt("a kind of operation that a batch has", number));
        }
    })
}

/// A string whose length has at most 32 bits.
fn string<'a>(input: &mut Input<'a>) -> Result<&'a [u8]> {
    let place = input.clone();
    let len = input.uvarint()?;
    if len > u64::from(u32::MAX) {
        return Err(place.corrupt("a length of 32 bits", len));
    }
    input.take(len)
}

/// Sets the sequence number of the first operation of a record.
pub(crate) fn stamp(record: &mut [u8], seq: SeqNo) {
    if let Some(field) = record.first_chunk_mut::<8>() {
        *field = seq.0.to_le_bytes();
    }
}

/// A batch under construction, which is its own encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    bytes: Vec<u8>,
    count: u32,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            bytes: vec![0; HEADER_LEN],
            count: 0,
        }
    }
}

impl Batch {
    /// An empty batch with sequence number 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// The operations of `reader`, each with its sequence number, without log data.
    ///
    /// # Errors
    /// `Corrupt` for a malformed batch; `Unsupported` for operations that this crate does not store.
    pub(crate) fn copied(mut reader: BatchReader<'_>) -> Result<Self> {
        let mut batch = Self::new();
        batch.set_first_seq(reader.first_seq());
        while let Some((_, op)) = reader.next_op()? {
            match op {
                Op::Point {
                    kind: Kind::Merge, ..
                } => return Err(Error::unsupported("merge operands")),
                Op::Point {
                    kind: Kind::DeleteSized,
                    key,
                    ..
                } => batch.delete(key)?,
                Op::Point { .. } | Op::DeleteRange { .. } => batch.push_op(op)?,
                Op::LogData(_) => {}
                Op::RangeKey { .. } => return Err(Error::unsupported("range keys")),
                Op::IngestTable(_) | Op::Excise { .. } => {
                    return Err(Error::unsupported("tables that joined in place of a range"));
                }
            }
        }
        Ok(batch)
    }

    /// Number of operations that take a sequence number.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether the batch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Length of the encoding in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Sets the sequence number of the first operation.
    pub fn set_first_seq(&mut self, seq: SeqNo) {
        stamp(&mut self.bytes, seq);
    }

    /// The record to log.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The record, its memory handed over.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Removes all operations and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.truncate(HEADER_LEN);
        self.bytes.fill(0);
        self.count = 0;
    }

    /// Appends a set.
    ///
    /// # Errors
    /// `Invalid` beyond 2^32 - 1 operations or for a string of 4 GiB; the batch is then unchanged.
    /// The same holds for the other operations.
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.push(Kind::Set, &[key, value])
    }

    /// Appends a delete of one key.
    pub fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.push(Kind::Delete, &[key])
    }

    /// Appends a delete of the keys of `[start, end)`.
    pub fn delete_range(&mut self, start: &[u8], end: &[u8]) -> Result<()> {
        if start >= end {
            return Err(Error::invalid("range to delete does not ascend"));
        }
        self.push(Kind::RangeDelete, &[start, end])
    }

    /// Appends bytes for whoever reads the log.
    pub fn log_data(&mut self, data: &[u8]) -> Result<()> {
        self.push(Kind::LogData, &[data])
    }

    /// Appends an operation as it was read.
    pub fn push_op(&mut self, op: Op<'_>) -> Result<()> {
        match op {
            Op::Point { kind, key, value } => match kind {
                Kind::Delete | Kind::SingleDelete => self.push(kind, &[key]),
                Kind::Set | Kind::Merge | Kind::DeleteSized => self.push(kind, &[key, value]),
                _ => Err(Error::invalid("kind of operation that is no point")),
            },
            Op::DeleteRange { start, end } => self.push(Kind::RangeDelete, &[start, end]),
            Op::RangeKey { kind, start, rest } => self.push(kind, &[start, rest]),
            Op::LogData(data) => self.log_data(data),
            Op::Excise { start, end } => self.push(Kind::Excise, &[start, end]),
            Op::IngestTable(number) => {
                let mut key = Vec::new();
                put_uvarint(&mut key, number.0);
                self.push(Kind::IngestTable, &[&key])
            }
        }
    }

    fn push(&mut self, kind: Kind, strings: &[&[u8]]) -> Result<()> {
        if strings.iter().any(|s| u32::try_from(s.len()).is_err()) {
            return Err(Error::invalid("string of 4 GiB in a batch"));
        }
        if kind != Kind::LogData {
            let count = self.count.checked_add(1);
            self.count = count.ok_or_else(|| Error::invalid("too many operations in a batch"))?;
            if let Some(field) = self.bytes.get_mut(8..HEADER_LEN) {
                field.copy_from_slice(&self.count.to_le_bytes());
            }
        }
        self.bytes.push(kind as u8);
        for string in strings {
            put_vstr(&mut self.bytes, string);
        }
        Ok(())
    }
}
