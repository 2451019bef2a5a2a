//! Columnar range tombstone blocks (`pebble-ondisk` §3.8).
//!
//! The custom header is the number of boundary keys (u32). Columns: boundary keys (bytes) and the
//! index of the first tombstone from each boundary on (uint), one row per boundary; then trailers
//! (uint), suffixes and values (bytes, empty for range deletes), one row per tombstone. The fragment
//! from boundary `i` to `i + 1` holds the tombstones `index[i]..index[i + 1]`, newest first.

use std::ops::Range;

use super::column::{BlockFrame, Bytes, BytesBuilder, ColumnType, Columns, Uint, UintBuilder};
use crate::key::{Kind, RangeTombstone, SeqNo, Trailer};
use crate::{Error, Result};

const STRUCTURE: &str = "sstable range-delete block";
const COLUMNS: u16 = 5;
const CUSTOM_LEN: usize = 4;

/// Decodes a range-delete block into its fragments, in order of start, newest first.
pub(super) fn decode(data: &[u8]) -> Result<Vec<RangeTombstone>> {
    let view = View::open(data)?;
    let mut tombstones = Vec::new();
    let mut index = 0;
    for boundary in 0..view.boundaries {
        let to = usize::try_from(view.starts.get(data, boundary)).unwrap_or(usize::MAX);
        let is_first = boundary == 0;
        if to < index || to > view.count || (is_first && to != 0) {
            return Err(corrupt("ascending tombstone indexes", to));
        }
        if !is_first {
            let (start, end) = view.span(data, boundary)?;
            view.push_fragment(data, (start, end), index..to, &mut tombstones)?;
        }
        index = to;
    }
    if index != view.count {
        return Err(corrupt("as many tombstones as trailers", index));
    }
    Ok(tombstones)
}

fn corrupt(expected: &str, found: usize) -> Error {
    Error::corrupt(STRUCTURE, 0, expected, found)
}

/// The columns of a block.
struct View {
    boundaries: usize,
    count: usize,
    keys: Bytes,
    starts: Uint,
    trailers: Uint,
    suffixes: Bytes,
    values: Bytes,
}

impl View {
    fn open(data: &[u8]) -> Result<Self> {
        let mut columns = Columns::open(STRUCTURE, data, CUSTOM_LEN, COLUMNS)?;
        let count = columns.rows();
        let boundaries = data
            .first_chunk::<CUSTOM_LEN>()
            .map_or(0, |n| u32::from_le_bytes(*n) as usize);
        if boundaries > data.len() {
            return Err(corrupt("fewer boundaries than bytes", boundaries));
        }
        let view = Self {
            boundaries,
            count,
            keys: columns.bytes(boundaries)?,
            starts: columns.uint(boundaries)?,
            trailers: columns.uint(count)?,
            suffixes: columns.bytes(count)?,
            values: columns.bytes(count)?,
        };
        columns.finish()?;
        Ok(view)
    }

    /// The keys from the boundary before `boundary` to it.
    fn span<'a>(&self, data: &'a [u8], boundary: usize) -> Result<(&'a [u8], &'a [u8])> {
        let (start, end) = (
            self.keys.get(data, boundary - 1),
            self.keys.get(data, boundary),
        );
        if start >= end {
            return Err(corrupt("ascending boundaries", boundary));
        }
        Ok((start, end))
    }

    /// Appends the tombstones `rows` of the fragment `span`.
    fn push_fragment(
        &self,
        data: &[u8],
        span: (&[u8], &[u8]),
        rows: Range<usize>,
        tombstones: &mut Vec<RangeTombstone>,
    ) -> Result<()> {
        let mut newer = Trailer(u64::MAX);
        for row in rows {
            let trailer = Trailer(self.trailers.get(data, row));
            if trailer.kind() != Some(Kind::RangeDelete) || trailer >= newer {
                let found = format_args!("{trailer:?}");
                return Err(Error::corrupt(
                    STRUCTURE,
                    0,
                    "descending range deletes",
                    found,
                ));
            }
            let is_bare = self.suffixes.get(data, row).is_empty();
            if !is_bare || !self.values.get(data, row).is_empty() {
                return Err(corrupt("range deletes without suffix and value", row));
            }
            newer = trailer;
            tombstones.push(RangeTombstone {
                start: span.0.to_vec(),
                end: span.1.to_vec(),
                seq: trailer.seq(),
            });
        }
        Ok(())
    }
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
