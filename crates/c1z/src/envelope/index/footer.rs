//! The last 28 bytes of an `INDEXED_ZSTD` file: where the index is, and its hash.
//!
//! | offset | width | field |
//! |---|---|---|
//! | 0 | 8 | `index_offset`, u64 big-endian, from the start of the file |
//! | 8 | 4 | `index_length`, u32 big-endian, at most 64 MiB |
//! | 12 | 8 | XXH64 of the index bytes, seed 0, u64 big-endian |
//! | 20 | 8 | `C1ZIDX1\0` |

use std::ops::Range;

use xxhash_rust::xxh64::xxh64;

use super::super::fault;
use super::INDEX_LEN_MAX;
use crate::Result;

const STRUCTURE: &str = "index footer";
const MAGIC: [u8; 8] = *b"C1ZIDX1\0";

/// Length of the footer in bytes.
pub(crate) const FOOTER_LEN: usize = 28;

/// The decoded footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    /// Where the index starts in the file.
    pub(crate) offset: u64,
    /// Length of the index in bytes.
    pub(crate) len: u32,
    /// XXH64 of the index bytes.
    pub(crate) xxh64: u64,
}

impl Footer {
    /// The footer of `index`, which starts at `offset`; `None` if it is too long to be read.
    pub(crate) fn of(index: &[u8], offset: u64) -> Option<Self> {
        let len = u32::try_from(index.len()).ok()?;
        let fits = u64::from(len) <= INDEX_LEN_MAX;
        fits.then(|| Self {
            offset,
            len,
            xxh64: xxh64(index, 0),
        })
    }

    /// Decodes the footer of a file of `file_len` bytes whose payload starts at `payload_start`.
    ///
    /// # Errors
    /// `DataLoss`: truncated when the magic is missing (one byte lost or added does that too),
    /// corrupt when the index does not fill the file between the frames and the footer.
    pub(crate) fn decode(
        bytes: [u8; FOOTER_LEN],
        file_len: u64,
        payload_start: u64,
    ) -> Result<Self> {
        let at = file_len.saturating_sub(FOOTER_LEN as u64);
        let [
            o0,
            o1,
            o2,
            o3,
            o4,
            o5,
            o6,
            o7,
            l0,
            l1,
            l2,
            l3,
            h0,
            h1,
            h2,
            h3,
            h4,
            h5,
            h6,
            h7,
            magic @ ..,
        ] = bytes;
        if magic != MAGIC {
            let found = magic.escape_ascii();
            return Err(fault::truncated(
                STRUCTURE,
                at + 20,
                MAGIC.escape_ascii(),
                found,
            ));
        }
        let footer = Self {
            offset: u64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]),
            len: u32::from_be_bytes([l0, l1, l2, l3]),
            xxh64: u64::from_be_bytes([h0, h1, h2, h3, h4, h5, h6, h7]),
        };
        let len = u64::from(footer.len);
        if len > INDEX_LEN_MAX {
            let expected = format!("index_length of at most {INDEX_LEN_MAX}");
            return Err(fault::corrupt(STRUCTURE, at + 8, expected, len));
        }
        let end = footer.offset.checked_add(len);
        if footer.offset < payload_start || end != Some(at) {
            let expected = format!("an index inside {payload_start}..{at} that ends at {at}");
            let found = format!("{len} bytes at {}", footer.offset);
            return Err(fault::corrupt(STRUCTURE, at, expected, found));
        }
        Ok(footer)
    }

    /// The range of the index in the file.
    pub(crate) fn index(&self) -> Range<u64> {
        self.offset..self.offset + u64::from(self.len)
    }

    /// Verifies the hash of the index bytes.
    pub(crate) fn check_index(&self, index: &[u8]) -> Result<()> {
        let found = xxh64(index, 0);
        if found != self.xxh64 {
            let expected = format!("XXH64 {:016x}", self.xxh64);
            let found = format!("{found:016x}");
            return Err(fault::corrupt("frame index", self.offset, expected, found));
        }
        Ok(())
    }

    /// The bytes that end the file.
    pub(crate) fn encode(&self) -> [u8; FOOTER_LEN] {
        let mut out = Vec::with_capacity(FOOTER_LEN);
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.len.to_be_bytes());
        out.extend_from_slice(&self.xxh64.to_be_bytes());
        out.extend_from_slice(&MAGIC);
        std::array::from_fn(|i| out.get(i).copied().unwrap_or_default())
    }
}
