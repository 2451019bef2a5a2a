//! Block handles: where a block lies in its file (`pebble-ondisk` §3.1).

use crate::codec::{Input, put_uvarint};
use crate::{Error, Result};

/// Bytes after a block's payload: type u8, checksum u32.
pub(super) const TRAILER_LEN: usize = 5;

/// Position of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockHandle {
    /// First byte of the payload in the file.
    pub offset: u64,
    /// Bytes of payload as stored, without the 5 bytes of type and checksum after it.
    pub len: u64,
}

impl BlockHandle {
    /// First byte after the block's trailer.
    ///
    /// # Errors
    /// `Corrupt` naming `structure` when that lies behind `limit`, the end of the blocks of the file.
    pub(super) fn end(self, structure: &'static str, limit: u64) -> Result<u64> {
        self.offset
            .checked_add(self.len)
            .and_then(|end| end.checked_add(TRAILER_LEN as u64))
            .filter(|&end| end <= limit)
            .ok_or_else(|| {
                Error::corrupt(
                    structure,
                    0,
                    format_args!("a block inside the first {limit} bytes"),
                    format_args!("offset {} length {}", self.offset, self.len),
                )
            })
    }

    /// Takes a handle: uvarint offset, uvarint length.
    pub(super) fn read(input: &mut Input<'_>) -> Result<Self> {
        Ok(Self {
            offset: input.uvarint()?,
            len: input.uvarint()?,
        })
    }

    /// Appends the handle.
    pub(super) fn put(self, out: &mut Vec<u8>) {
        put_uvarint(out, self.offset);
        put_uvarint(out, self.len);
    }
}
