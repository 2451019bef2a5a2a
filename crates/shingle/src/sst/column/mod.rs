//! Columnar blocks: a header, typed columns one after another, one closing byte
//! (`pebble-ondisk` §3.5).
//!
//! | offset | width | field |
//! |---|---|---|
//! | 0 | custom | header of the block's kind, 0 or 4 bytes |
//! | +0 | u8 | version, 1 |
//! | +1 | u16 | number of columns |
//! | +3 | u32 | number of rows |
//! | +7 | 5 per column | type u8, offset of the column u32 |
//! | … | | columns; each ends where the next begins |
//! | last | u8 | 0 |
//!
//! All integers are little-endian; offsets and alignment count from the first byte of the block.
//!
//! Reading: [`Columns`] walks a decoded block in schema order and checks everything that later row
//! access relies on, so that the column views ([`Uint`], [`Bool`], [`Bytes`], [`PrefixBytes`]) read
//! single rows in O(1) without results. A view holds positions, not the block: each access is given
//! the block's bytes. Writing: the builders know the exact encoded size before they encode, which the
//! flush rule of the table writer needs.

mod bits;
mod bytes;
mod prefix;
mod uint;

#[cfg(test)]
mod tests;

pub(super) use bits::{Bool, BoolBuilder};
pub(super) use bytes::{Bytes, BytesBuilder};
pub(super) use prefix::{PrefixBytes, PrefixBytesBuilder, PrefixSizing};
pub(super) use uint::{Uint, UintBuilder};

use crate::{Error, Result};

const VERSION: u8 = 1;
const HEADER_LEN: usize = 7;
const COLUMN_HEADER_LEN: usize = 5;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ColumnType {
    Bool = 1,
    Uint = 2,
    Bytes = 3,
    PrefixBytes = 4,
}

/// `N` bytes at `at`. Positions were checked when the block was loaded; zeros stand for a bug.
#[inline]
fn chunk<const N: usize>(data: &[u8], at: usize) -> [u8; N] {
    let found = data.get(at..).and_then(<[u8]>::first_chunk::<N>);
    debug_assert!(found.is_some(), "checked when the block was loaded");
    found.copied().unwrap_or([0; N])
}

/// Bytes `start..end`. Positions were checked when the block was loaded.
#[inline]
fn slice(data: &[u8], start: usize, end: usize) -> &[u8] {
    let found = data.get(start..end);
    debug_assert!(found.is_some(), "checked when the block was loaded");
    found.unwrap_or_default()
}

/// `at` rounded up to a multiple of `width`, a power of two or 0.
fn align(at: usize, width: usize) -> usize {
    if width > 1 {
        at.next_multiple_of(width)
    } else {
        at
    }
}

/// The columns of a decoded block, taken in order.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    structure: &'static str,
    data: &'a [u8],
    rows: usize,
    /// Position of the next column's header.
    header: usize,
    /// Columns not taken yet.
    left: usize,
    /// Where the next column must begin.
    start: usize,
}

impl<'a> Columns<'a> {
    /// Reads the header of `data` after `custom_len` bytes of custom header; `columns` is the number
    /// of columns in the schema. Errors name `structure`.
    pub(super) fn open(
        structure: &'static str,
        data: &'a [u8],
        custom_len: usize,
        columns: u16,
    ) -> Result<Self> {
        let short = || Error::corrupt(structure, data.len() as u64, "a block header", "end");
        let header = data
            .get(custom_len..)
            .and_then(<[u8]>::first_chunk::<HEADER_LEN>)
            .ok_or_else(short)?;
        let [version, c0, c1, r0, r1, r2, r3] = *header;
        let found = u16::from_le_bytes([c0, c1]);
        let rows = u32::from_le_bytes([r0, r1, r2, r3]);
        let at = custom_len as u64;
        if version != VERSION {
            return Err(Error::corrupt(structure, at, "version 1", version));
        }
        if found != columns {
            let expected = format_args!("{columns} columns");
            return Err(Error::corrupt(structure, at + 1, expected, found));
        }
        // Every kind of block needs at least a byte per row but the first; a larger count is not
        // worth any work.
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        if rows > data.len() {
            let expected = format_args!("at most {} rows", data.len());
            return Err(Error::corrupt(structure, at + 3, expected, rows));
        }
        let header = custom_len + HEADER_LEN;
        let left = usize::from(columns);
        let start = header + left * COLUMN_HEADER_LEN;
        if start >= data.len() {
            return Err(short());
        }
        Ok(Self {
            structure,
            data,
            rows,
            header,
            left,
            start,
        })
    }

    /// Number of rows in the header.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Checks the header of the next column.
    fn begin(&mut self, expected: ColumnType) -> Result<()> {
        let [kind, o0, o1, o2, o3] = chunk::<COLUMN_HEADER_LEN>(self.data, self.header);
        let offset = u32::from_le_bytes([o0, o1, o2, o3]);
        if self.left == 0 || kind != expected as u8 {
            return Err(self.corrupt(self.header, format_args!("column of {expected:?}"), kind));
        }
        if offset as usize != self.start {
            let expected = format_args!("column at {}", self.start);
            return Err(self.corrupt(self.header + 1, expected, offset));
        }
        self.header += COLUMN_HEADER_LEN;
        self.left -= 1;
        Ok(())
    }

    fn corrupt(
        &self,
        at: usize,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Error {
        Error::corrupt(self.structure, at as u64, expected, found)
    }

    /// Takes an integer column of `rows` rows.
    pub(super) fn uint(&mut self, rows: usize) -> Result<Uint> {
        self.begin(ColumnType::Uint)?;
        let (column, end) = Uint::parse(self.structure, self.data, self.start, rows)?;
        self.start = end;
        Ok(column)
    }

    /// Takes a bit column of `rows` rows.
    pub(super) fn bool(&mut self, rows: usize) -> Result<Bool> {
        self.begin(ColumnType::Bool)?;
        let (column, end) = Bool::parse(self.structure, self.data, self.start, rows)?;
        self.start = end;
        Ok(column)
    }

    /// Takes a byte string column of `rows` rows.
    pub(super) fn bytes(&mut self, rows: usize) -> Result<Bytes> {
        self.begin(ColumnType::Bytes)?;
        let (column, end) = Bytes::parse(self.structure, self.data, self.start, rows)?;
        self.start = end;
        Ok(column)
    }

    /// Takes a prefix-compressed column of `rows` rows, at least one.
    pub(super) fn prefix_bytes(&mut self, rows: usize) -> Result<PrefixBytes> {
        self.begin(ColumnType::PrefixBytes)?;
        let (column, end) = PrefixBytes::parse(self.structure, self.data, self.start, rows)?;
        self.start = end;
        Ok(column)
    }

    /// Demands that the columns end at the closing byte.
    pub(super) fn finish(self) -> Result<()> {
        if self.left > 0 {
            return Err(self.corrupt(self.header, "no more columns", self.left));
        }
        match self.data.get(self.start..) {
            Some([0]) => Ok(()),
            rest => Err(self.corrupt(
                self.start,
                "a closing zero byte",
                format_args!("{:x?}", rest.and_then(|rest| rest.get(..rest.len().min(8)))),
            )),
        }
    }
}

/// Length of the headers of a block.
pub(super) const fn headers_len(custom_len: usize, columns: usize) -> usize {
    custom_len + HEADER_LEN + columns * COLUMN_HEADER_LEN
}

/// Writes the headers of a block into an empty `out` and then notes where each column begins.
#[derive(Debug)]
pub(super) struct BlockFrame {
    /// Position of the next column's header.
    header: usize,
    /// End of the headers.
    headers_end: usize,
    /// Bytes of the block before the next column that are not in `out`.
    apart: usize,
}

impl BlockFrame {
    /// Begins a block: `custom` header, then room for the headers of `columns` columns.
    pub(super) fn begin(out: &mut Vec<u8>, custom: &[u8], columns: u16, rows: usize) -> Self {
        debug_assert!(out.is_empty(), "alignment counts from the block's start");
        out.extend_from_slice(custom);
        out.push(VERSION);
        out.extend_from_slice(&columns.to_le_bytes());
        out.extend_from_slice(&u32_len(rows).to_le_bytes());
        let header = out.len();
        let headers_end = header + usize::from(columns) * COLUMN_HEADER_LEN;
        out.resize(headers_end, 0);
        Self {
            header,
            headers_end,
            apart: 0,
        }
    }

    /// Notes that `len` bytes of the block come here that are not in `out`.
    pub(super) fn leave_out(&mut self, len: usize) {
        self.apart = len;
    }

    /// Notes that the next column, of type `kind`, begins at the end of `out`.
    pub(super) fn column(&mut self, out: &mut [u8], kind: ColumnType) {
        let [o0, o1, o2, o3] = u32_len(out.len() + self.apart).to_le_bytes();
        let end = self.header + COLUMN_HEADER_LEN;
        if let Some(header) = out.get_mut(self.header..end) {
            header.copy_from_slice(&[kind as u8, o0, o1, o2, o3]);
        }
        self.header = end;
    }

    /// Ends the block.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        debug_assert_eq!(self.header, self.headers_end, "every column was written");
        out.push(0);
    }
}

/// A length inside a block; the table writer keeps blocks far below 4 GiB.
fn u32_len(len: usize) -> u32 {
    let narrow = u32::try_from(len);
    debug_assert!(narrow.is_ok(), "the table writer bounds keys and values");
    narrow.unwrap_or(u32::MAX)
}

fn pad_to(out: &mut Vec<u8>, width: usize) {
    out.resize(align(out.len(), width), 0);
}
