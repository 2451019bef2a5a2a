//! Columns of unsigned integers, stored with the smallest width that holds them all
//! (`pebble-ondisk` §3.5).
//!
//! | width | field |
//! |---|---|
//! | u8 | encoding: width in bytes (0, 1, 2, 4, 8) in the low seven bits, bit 7 = delta |
//! | u64 | base, only with delta |
//! | … | zeros up to a multiple of the width |
//! | n × width | values less the base |

use super::{align, chunk, pad_to};
use crate::{Error, Result};

const DELTA: u8 = 0x80;

/// Rows from which on the number of rows no longer influences the encoding.
const SMALL_ROWS: usize = 8;

/// Bytes that hold `max`.
fn width_of(max: u64) -> u8 {
    match 64 - max.leading_zeros() {
        0 => 0,
        1..=8 => 1,
        9..=16 => 2,
        17..=32 => 4,
        _ => 8,
    }
}

/// How a column is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    width: u8,
    delta: bool,
}

impl Encoding {
    /// The encoding of `rows` values between `min` and `max`.
    pub(super) fn choose(min: u64, max: u64, rows: usize) -> Self {
        let width = width_of(max - min);
        if width == 8 {
            return Self {
                width,
                delta: false,
            };
        }
        let delta = max >= 1 << (8 * width);
        if delta && rows < SMALL_ROWS {
            // The base takes eight bytes: narrower rows must win them back.
            let plain = width_of(max);
            if rows * usize::from(plain - width) < 8 {
                return Self {
                    width: plain,
                    delta: false,
                };
            }
        }
        Self { width, delta }
    }

    /// The encoding of values up to `max` without a base.
    pub(super) fn plain(max: u64) -> Self {
        Self {
            width: width_of(max),
            delta: false,
        }
    }

    /// Position of the values of a column that begins at `start`.
    fn values_at(self, start: usize) -> usize {
        let base = if self.delta { 8 } else { 0 };
        align(start + 1 + base, usize::from(self.width))
    }

    /// End of a column of `rows` values that begins at `start`.
    pub(super) fn end(self, start: usize, rows: usize) -> usize {
        self.values_at(start) + rows * usize::from(self.width)
    }

    /// Appends the column of `values`, none of them below `base`.
    pub(super) fn put(self, base: u64, values: impl Iterator<Item = u64>, out: &mut Vec<u8>) {
        let Self { width, delta } = self;
        out.push(width | if delta { DELTA } else { 0 });
        let base = if delta { base } else { 0 };
        if delta {
            out.extend_from_slice(&base.to_le_bytes());
        }
        pad_to(out, usize::from(width));
        let low = values.map(|v| (v - base).to_le_bytes());
        match width {
            0 => {}
            1 => out.extend(low.map(|[b, ..]| b)),
            2 => out.extend(low.flat_map(|[a, b, ..]| [a, b])),
            4 => out.extend(low.flat_map(|[a, b, c, d, ..]| [a, b, c, d])),
            _ => out.extend(low.flatten()),
        }
    }
}

/// A view of an integer column.
#[derive(Clone, Copy, Debug)]
pub(in crate::sst) struct Uint {
    /// Position of the first value.
    start: usize,
    width: u8,
    base: u64,
}

impl Uint {
    /// Reads the column of `rows` values at `start`; returns its end, which lies inside `data`.
    pub(super) fn parse(
        structure: &'static str,
        data: &[u8],
        start: usize,
        rows: usize,
    ) -> Result<(Self, usize)> {
        let empty = Self {
            start,
            width: 0,
            base: 0,
        };
        if rows == 0 {
            return Ok((empty, start));
        }
        let cut = || Error::corrupt(structure, start as u64, "an integer column", "end of block");
        let &byte = data.get(start).ok_or_else(cut)?;
        let encoding = Encoding {
            width: byte & !DELTA,
            delta: byte & DELTA != 0,
        };
        if !matches!(encoding.width, 0 | 1 | 2 | 4 | 8) || byte == DELTA | 8 {
            let expected = "an integer encoding";
            return Err(Error::corrupt(structure, start as u64, expected, byte));
        }
        let end = usize::from(encoding.width)
            .checked_mul(rows)
            .and_then(|len| encoding.values_at(start).checked_add(len))
            .filter(|&end| end <= data.len())
            .ok_or_else(cut)?;
        let base = if encoding.delta {
            u64::from_le_bytes(chunk(data, start + 1))
        } else {
            0
        };
        let column = Self {
            start: encoding.values_at(start),
            width: encoding.width,
            base,
        };
        Ok((column, end))
    }

    /// Value of row `i`.
    #[inline]
    pub(in crate::sst) fn get(&self, data: &[u8], i: usize) -> u64 {
        let at = self.start + i * usize::from(self.width);
        let stored = match self.width {
            0 => 0,
            1 => u64::from(u8::from_le_bytes(chunk(data, at))),
            2 => u64::from(u16::from_le_bytes(chunk(data, at))),
            4 => u64::from(u32::from_le_bytes(chunk(data, at))),
            _ => u64::from_le_bytes(chunk(data, at)),
        };
        self.base.wrapping_add(stored)
    }

    /// Values of rows `i` and `i + 1` as positions.
    #[inline]
    pub(super) fn pair(&self, data: &[u8], i: usize) -> (usize, usize) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "offset tables were checked to stay inside the block"
        )]
        let at = |i| self.get(data, i) as usize;
        (at(i), at(i + 1))
    }

    /// The one value that all rows have, when the encoding says so.
    pub(in crate::sst) fn constant(&self) -> Option<u64> {
        (self.width == 0).then_some(self.base)
    }

    /// Checks that rows `0..rows` (at least one) never decrease and returns the last.
    ///
    /// # Errors
    /// Corrupt at the first row that decreases.
    pub(super) fn check_ascending(
        &self,
        structure: &'static str,
        data: &[u8],
        rows: usize,
    ) -> Result<u64> {
        let mut last = 0;
        for i in 0..rows {
            let value = self.get(data, i);
            if value < last {
                let at = (self.start + i * usize::from(self.width)) as u64;
                let expected = format_args!("offset of at least {last}");
                return Err(Error::corrupt(structure, at, expected, value));
            }
            last = value;
        }
        Ok(last)
    }
}

/// Collects the values of an integer column.
#[derive(Debug)]
pub(in crate::sst) struct UintBuilder {
    values: Vec<u64>,
    min: u64,
    max: u64,
}

impl Default for UintBuilder {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            min: u64::MAX,
            max: 0,
        }
    }
}

impl UintBuilder {
    /// Forgets all values and keeps the memory.
    pub(in crate::sst) fn clear(&mut self) {
        self.values.clear();
        self.min = u64::MAX;
        self.max = 0;
    }

    /// Appends a value.
    #[inline]
    pub(in crate::sst) fn push(&mut self, value: u64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.values.push(value);
    }

    /// Takes the last value back. The bounds keep it, so only a value that a larger one follows may
    /// go.
    pub(in crate::sst) fn pop(&mut self) {
        self.values.pop();
    }

    /// The last value.
    pub(in crate::sst) fn last(&self) -> Option<u64> {
        self.values.last().copied()
    }

    fn encoding(&self) -> Encoding {
        Encoding::choose(self.min.min(self.max), self.max, self.values.len())
    }

    fn encoding_with(&self, next: u64) -> Encoding {
        let (min, max) = (self.min.min(next), self.max.max(next));
        Encoding::choose(min, max, self.values.len() + 1)
    }

    /// End of the column with one value more, when it begins at `start`.
    #[inline]
    pub(in crate::sst) fn end_with(&self, start: usize, next: u64) -> usize {
        self.encoding_with(next).end(start, self.values.len() + 1)
    }

    /// Appends the column. `next` is the value that was tried and moved to the following block: Go's
    /// writer has already counted it when it settles on the base, and the base follows it down
    /// unless the value would have changed the encoding.
    pub(in crate::sst) fn put(&self, next: Option<u64>, out: &mut Vec<u8>) {
        if self.values.is_empty() {
            return;
        }
        let encoding = self.encoding();
        let base = match next {
            Some(next) if self.encoding_with(next) == encoding => self.min.min(next),
            _ => self.min,
        };
        encoding.put(base, self.values.iter().copied(), out);
    }
}
