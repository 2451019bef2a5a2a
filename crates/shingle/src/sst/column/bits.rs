//! Columns of bits: one byte when all are false, else a bitmap and a summary of it
//! (`pebble-ondisk` §3.5).
//!
//! | width | field |
//! |---|---|
//! | u8 | 1: all false, and nothing follows; 0: a bitmap follows |
//! | … | zeros up to a multiple of 8 |
//! | u64 each | bitmap: row `i` is bit `i % 64` of word `i / 64`; bits from the last row on are 0 |
//! | u64 each | summary: bit `j` of word `k` says that word `64k + j` of the bitmap is not 0 |

use super::{align, chunk, pad_to};
use crate::{Error, Result};

const BITMAP: u8 = 0;
const ALL_FALSE: u8 = 1;

/// Words of bitmap and of summary for `rows` rows.
fn words(rows: usize) -> (usize, usize) {
    let words = rows.div_ceil(64);
    (words, words.div_ceil(64))
}

/// A view of a bit column.
#[derive(Clone, Copy, Debug)]
pub(in crate::sst) struct Bool {
    /// Position of the bitmap, unless all bits are false.
    bitmap: Option<usize>,
}

impl Bool {
    /// Reads the column of `rows` bits at `start`; returns its end, which lies inside `data`.
    pub(super) fn parse(
        structure: &'static str,
        data: &[u8],
        start: usize,
        rows: usize,
    ) -> Result<(Self, usize)> {
        if rows == 0 {
            return Ok((Self { bitmap: None }, start));
        }
        let corrupt =
            |expected: &str, found: u64| Error::corrupt(structure, start as u64, expected, found);
        match data.get(start) {
            Some(&ALL_FALSE) => return Ok((Self { bitmap: None }, start + 1)),
            Some(&BITMAP) => {}
            other => {
                let found = other.map_or(0, |&b| u64::from(b));
                return Err(corrupt("a bit encoding, 0 or 1", found));
            }
        }
        let (bitmap, (words, summary)) = (align(start + 1, 8), words(rows));
        let end = bitmap + (words + summary) * 8;
        if end > data.len() {
            return Err(corrupt("a whole bitmap", data.len() as u64));
        }
        let column = Self {
            bitmap: Some(bitmap),
        };
        let tail = rows % 64;
        if tail != 0 && column.word(data, words - 1) >> tail != 0 {
            return Err(corrupt("no bits after the last row", rows as u64));
        }
        for k in 0..summary {
            let expected = (0..64.min(words - k * 64)).fold(0, |bits, j| {
                bits | u64::from(column.word(data, k * 64 + j) != 0) << j
            });
            let found = column.word(data, words + k);
            if found != expected {
                return Err(corrupt("a summary of the bitmap", found));
            }
        }
        Ok((column, end))
    }

    /// Rows `64k` to `64k + 63`, the first in the lowest bit.
    #[inline]
    pub(in crate::sst) fn word(&self, data: &[u8], k: usize) -> u64 {
        match self.bitmap {
            Some(start) => u64::from_le_bytes(chunk(data, start + k * 8)),
            None => 0,
        }
    }

    /// Bit of row `i`.
    #[inline]
    pub(in crate::sst) fn get(&self, data: &[u8], i: usize) -> bool {
        self.word(data, i / 64) >> (i % 64) & 1 != 0
    }

    /// Whether no bit of the column is set, judged from its encoding alone.
    pub(in crate::sst) fn is_all_false(&self) -> bool {
        self.bitmap.is_none()
    }
}

/// Collects the bits of a column.
#[derive(Debug, Default)]
pub(in crate::sst) struct BoolBuilder {
    words: Vec<u64>,
    rows: usize,
    ones: usize,
}

impl BoolBuilder {
    /// Forgets all bits and keeps the memory.
    pub(in crate::sst) fn clear(&mut self) {
        self.words.clear();
        self.rows = 0;
        self.ones = 0;
    }

    /// Appends a bit.
    #[inline]
    pub(in crate::sst) fn push(&mut self, bit: bool) {
        let at = self.rows % 64;
        if at == 0 {
            self.words.push(0);
        }
        if let Some(word) = self.words.last_mut() {
            *word |= u64::from(bit) << at;
        }
        self.rows += 1;
        self.ones += usize::from(bit);
    }

    /// How many bits are set.
    pub(in crate::sst) fn ones(&self) -> usize {
        self.ones
    }

    /// End of the column with one bit more, when it begins at `start`. With `bitmap` the short form
    /// for all-false columns is not used.
    #[inline]
    pub(in crate::sst) fn end_with(&self, start: usize, bit: bool, bitmap: bool) -> usize {
        if !bitmap && !bit && self.ones == 0 {
            return start + 1;
        }
        let (words, summary) = words(self.rows + 1);
        align(start + 1, 8) + (words + summary) * 8
    }

    /// Appends the column; `bitmap` as in [`BoolBuilder::end_with`].
    pub(in crate::sst) fn put(&self, bitmap: bool, out: &mut Vec<u8>) {
        if !bitmap && self.ones == 0 {
            out.push(ALL_FALSE);
            return;
        }
        out.push(BITMAP);
        pad_to(out, 8);
        for word in &self.words {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for words in self.words.chunks(64) {
            let summary = (0..)
                .zip(words)
                .fold(0_u64, |bits, (j, &word)| bits | u64::from(word != 0) << j);
            out.extend_from_slice(&summary.to_le_bytes());
        }
    }
}
