//! Columnar range tombstone blocks (`pebble-ondisk` §3.8).
//!
//! The custom header is the number of boundary keys (u32). Columns: boundary keys (bytes) and the
//! index of the first tombstone from each boundary on (uint), one row per boundary; then trailers
//! (uint), suffixes and values (bytes, empty for range deletes), one row per tombstone. The fragment
//! from boundary `i` to `i + 1` holds the tombstones `index[i]..index[i + 1]`, newest first.

use super::column::{BlockFrame, BytesBuilder, ColumnType, Columns, UintBuilder};
use crate::key::{Kind, RangeTombstone, SeqNo, Trailer};
use crate::{Error, Result};

const STRUCTURE: &str = "sstable range-delete block";
const COLUMNS: u16 = 5;
const CUSTOM_LEN: usize = 4;

/// Decodes a range-delete block into its fragments, in order of start, newest first.
pub(super) fn decode(data: &[u8]) -> Result<Vec<RangeTombstone>> {
    let mut columns = Columns::open(STRUCTURE, data, CUSTOM_LEN, COLUMNS)?;
    let count = columns.rows();
    let boundaries = data
        .first_chunk::<CUSTOM_LEN>()
        .map_or(0, |n| u32::from_le_bytes(*n) as usize);
    if boundaries > data.len() {
        let expected = format_args!("at most {} boundaries", data.len());
        return Err(Error::corrupt(STRUCTURE, 0, expected, boundaries));
    }
    let keys = columns.bytes(boundaries)?;
    let starts = columns.uint(boundaries)?;
    let trailers = columns.uint(count)?;
    let suffixes = columns.bytes(count)?;
    let values = columns.bytes(count)?;
    columns.finish()?;
    let corrupt = |expected: &str, found: u64| Error::corrupt(STRUCTURE, 0, expected, found);
    let mut tombstones = Vec::new();
    let mut index = 0;
    for boundary in 0..boundaries {
        let to = starts.get(data, boundary);
        let span = boundary.checked_sub(1).map(|before| {
            let (start, end) = (keys.get(data, before), keys.get(data, boundary));
            (start, end)
        });
        if let Some((start, end)) = span
            && start >= end
        {
            return Err(corrupt("ascending boundaries", boundary as u64));
        }
        if to < index || to > count as u64 || (span.is_none() && to != 0) {
            return Err(corrupt("ascending tombstone indexes", to));
        }
        let mut newer = Trailer(u64::MAX);
        for i in index..to {
            let i = usize::try_from(i).unwrap_or(count);
            let trailer = Trailer(trailers.get(data, i));
            if trailer.kind() != Some(Kind::RangeDelete) || trailer >= newer {
                return Err(corrupt("descending range deletes", trailer.0));
            }
            if !suffixes.get(data, i).is_empty() || !values.get(data, i).is_empty() {
                return Err(corrupt("range deletes without suffix and value", i as u64));
            }
            newer = trailer;
            if let Some((start, end)) = span {
                tombstones.push(RangeTombstone {
                    start: start.to_vec(),
                    end: end.to_vec(),
                    seq: trailer.seq(),
                });
            }
        }
        index = to;
    }
    if index != count as u64 {
        return Err(corrupt("as many tombstones as trailers", index));
    }
    Ok(tombstones)
}

/// Collects fragments of range tombstones.
#[derive(Debug, Default)]
pub(super) struct KeyspanBlockBuilder {
    boundaries: BytesBuilder,
    indexes: UintBuilder,
    trailers: UintBuilder,
    count: usize,
    /// Start and sequence number of the last tombstone.
    last: Option<(Vec<u8>, SeqNo)>,
    /// Length of start ‖ end of every fragment.
    spans_len: u64,
}

impl KeyspanBlockBuilder {
    /// Number of tombstones.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Sum of the lengths of start and end over all fragments.
    pub(super) fn spans_len(&self) -> u64 {
        self.spans_len
    }

    /// End of the last fragment; empty when there is none.
    pub(super) fn last_end(&self) -> &[u8] {
        self.boundaries.last()
    }

    /// Appends a tombstone.
    ///
    /// # Errors
    /// `Invalid` unless it lies behind the fragments before, or is the same fragment as the last at a
    /// smaller sequence number.
    pub(super) fn push(&mut self, tombstone: &RangeTombstone) -> Result<()> {
        let RangeTombstone { start, end, seq } = tombstone;
        if start >= end {
            return Err(Error::invalid(format!(
                "range tombstone is empty start=`{start:x?}` end=`{end:x?}`"
            )));
        }
        let again = match &self.last {
            Some((last, newer)) if last == start && self.last_end() == end => {
                if seq >= newer {
                    return Err(Error::invalid(format!(
                        "range tombstones are not newest first seq=`{}`",
                        seq.0
                    )));
                }
                true
            }
            Some(_) if self.last_end() > start.as_slice() => {
                return Err(Error::invalid(format!(
                    "range tombstones overlap or are out of order start=`{start:x?}`"
                )));
            }
            _ => false,
        };
        if again {
            self.indexes.pop();
        } else {
            self.open_fragment(start, end);
        }
        self.trailers.push(Trailer::new(*seq, Kind::RangeDelete).0);
        self.count += 1;
        self.indexes.push(self.count as u64);
        self.last = Some((start.clone(), *seq));
        Ok(())
    }

    fn open_fragment(&mut self, start: &[u8], end: &[u8]) {
        if self.count == 0 || self.last_end() != start {
            self.boundaries.push(start);
            self.indexes.push(self.count as u64);
        }
        self.boundaries.push(end);
        self.spans_len += (start.len() + end.len()) as u64;
    }

    /// Encodes the block.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let boundaries = u32::try_from(self.boundaries.rows()).unwrap_or(u32::MAX);
        let custom = boundaries.to_le_bytes();
        let mut frame = BlockFrame::begin(&mut out, &custom, COLUMNS, self.count);
        frame.column(&mut out, ColumnType::Bytes);
        self.boundaries.put(&mut out);
        frame.column(&mut out, ColumnType::Uint);
        self.indexes.put(None, &mut out);
        frame.column(&mut out, ColumnType::Uint);
        self.trailers.put(None, &mut out);
        for _ in 0..2 {
            frame.column(&mut out, ColumnType::Bytes);
            if self.count > 0 {
                out.push(0);
            }
        }
        frame.finish(&mut out);
        out
    }
}
