//! Columns of byte strings: a table of `rows + 1` offsets, then the strings (`pebble-ondisk` §3.5).

use super::uint::{Encoding, Uint};
use super::{slice, u32_len};
use crate::{Error, Result};

/// A view of a byte string column.
#[derive(Clone, Copy, Debug)]
pub(in crate::sst) struct Bytes {
    offsets: Uint,
    /// Position of the first string.
    start: usize,
}

impl Bytes {
    /// Reads the column of `rows` strings at `start`; returns its end, which lies inside `data`.
    pub(super) fn parse(
        structure: &'static str,
        data: &[u8],
        start: usize,
        rows: usize,
    ) -> Result<(Self, usize)> {
        if rows == 0 {
            let (offsets, _) = Uint::parse(structure, data, start, 0)?;
            return Ok((Self { offsets, start }, start));
        }
        let (offsets, strings) = Uint::parse(structure, data, start, rows + 1)?;
        let first = offsets.get(data, 0);
        if first != 0 {
            return Err(Error::corrupt(structure, start as u64, "offset 0", first));
        }
        let len = offsets.check_ascending(structure, data, rows + 1)?;
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| strings.checked_add(len))
            .filter(|&end| end <= data.len())
            .ok_or_else(|| {
                let expected = format_args!("offsets up to {}", data.len() - strings);
                Error::corrupt(structure, start as u64, expected, len)
            })?;
        let column = Self {
            offsets,
            start: strings,
        };
        Ok((column, end))
    }

    /// The string of row `i`.
    #[inline]
    pub(in crate::sst) fn get<'a>(&self, data: &'a [u8], i: usize) -> &'a [u8] {
        let (start, end) = self.range(data, i);
        slice(data, start, end)
    }

    /// Position of the string of row `i`.
    #[inline]
    pub(in crate::sst) fn range(&self, data: &[u8], i: usize) -> (usize, usize) {
        let (start, end) = self.offsets.pair(data, i);
        (self.start + start, self.start + end)
    }
}

/// Collects the strings of a column.
#[derive(Debug, Default)]
pub(in crate::sst) struct BytesBuilder {
    ends: Vec<u32>,
    strings: Vec<u8>,
}

impl BytesBuilder {
    /// Forgets all strings and keeps the memory.
    pub(in crate::sst) fn clear(&mut self) {
        self.ends.clear();
        self.strings.clear();
    }

    /// Number of strings.
    pub(in crate::sst) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Appends a string.
    #[inline]
    pub(in crate::sst) fn push(&mut self, string: &[u8]) {
        self.strings.extend_from_slice(string);
        self.ends.push(u32_len(self.strings.len()));
    }

    /// Appends a string of `len` bytes that is not here; it is the only one, and comes behind the column.
    pub(in crate::sst) fn push_apart(&mut self, len: usize) {
        self.ends.push(u32_len(len));
    }

    /// The last string; empty when there is none.
    pub(in crate::sst) fn last(&self) -> &[u8] {
        let start = match self.ends.as_slice() {
            [.., before, _] => *before as usize,
            _ => 0,
        };
        self.strings.get(start..).unwrap_or_default()
    }

    /// End of the column with one string of `len` bytes more, when it begins at `start`.
    #[inline]
    pub(in crate::sst) fn end_with(&self, start: usize, len: usize) -> usize {
        let total = self.strings.len() + len;
        Encoding::plain(total as u64).end(start, self.ends.len() + 2) + total
    }

    /// Appends the column.
    pub(in crate::sst) fn put(&self, out: &mut Vec<u8>) {
        if self.ends.is_empty() {
            return;
        }
        let end = self.ends.last().copied().map_or(0, u64::from);
        let encoding = Encoding::plain(end);
        let offsets = std::iter::once(0).chain(self.ends.iter().map(|&end| u64::from(end)));
        encoding.put(0, offsets, out);
        out.extend_from_slice(&self.strings);
    }
}
