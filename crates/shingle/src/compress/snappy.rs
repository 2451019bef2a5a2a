//! Snappy blocks in the raw form (no framing, no checksum), as sstables hold them.

use super::over_limit;
use crate::{Error, Result};

const STRUCTURE: &str = "snappy block";

/// The most bytes that `n` bytes of Snappy elements can decode to: the densest element copies 64
/// bytes and takes 3.
fn decoded_len_max(n: usize) -> u64 {
    (n as u64).saturating_mul(64) / 3
}

/// The decoded length that a block declares.
///
/// # Errors
/// `Corrupt` when there is no length, or one that this many bytes cannot decode to; `Exhausted`
/// when it is larger than `limit` bytes. Either way nothing was allocated.
pub fn decoded_len(block: &[u8], limit: usize) -> Result<usize> {
    let header = block
        .iter()
        .position(|b| b & 0x80 == 0)
        .filter(|&last| last < 5)
        .map(|last| last + 1)
        .ok_or_else(|| Error::corrupt(STRUCTURE, 0, "a length of 1 to 5 bytes", "none"))?;
    let len = snap::raw::decompress_len(block)
        .map_err(|e| Error::corrupt(STRUCTURE, 0, "a length below 2^32", &e).with_source(e))?;
    let possible = decoded_len_max(block.len() - header);
    if len as u64 > possible {
        return Err(Error::corrupt(
            STRUCTURE,
            0,
            format!("a decoded length of at most {possible} bytes"),
            len,
        ));
    }
    if len > limit {
        return Err(over_limit(STRUCTURE, len as u64, limit as u64));
    }
    Ok(len)
}

/// Decompresses a block of at most `limit` decoded bytes into `out`, replacing what it held.
///
/// # Errors
/// As [`decoded_len`]; `Corrupt` for a block whose elements do not decode to the declared length.
pub fn decompress_into(block: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<()> {
    let len = decoded_len(block, limit)?;
    out.clear();
    out.resize(len, 0);
    let written = snap::raw::Decoder::new()
        .decompress(block, out)
        .map_err(|e| Error::corrupt(STRUCTURE, 0, "valid elements", &e).with_source(e))?;
    debug_assert_eq!(written, len, "the decoder checks the declared length");
    Ok(())
}

/// Decompresses a block of at most `limit` decoded bytes.
///
/// # Errors
/// As [`decompress_into`].
pub fn decompress(block: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    decompress_into(block, limit, &mut out)?;
    Ok(out)
}

/// Compresses blocks; keeps its hash table from one block to the next (32 KiB).
///
/// The output depends on the input alone and equals what Go's encoder writes on amd64.
#[derive(Debug)]
pub struct Compressor(snap::raw::Encoder);

impl Default for Compressor {
    fn default() -> Self {
        Self(snap::raw::Encoder::new())
    }
}

impl Compressor {
    /// A compressor.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses `data` into `out`, replacing what it held.
    ///
    /// # Errors
    /// `Invalid` for input of 4 GiB or more.
    pub fn compress_into(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let room = snap::raw::max_compress_len(data.len());
        // Growing zeroes only what is new; a reused buffer is not cleared again.
        if out.len() < room {
            out.resize(room, 0);
        }
        let written = self.0.compress(data, out).map_err(|e| {
            Error::invalid(format!(
                "cannot compress with snappy bytes=`{}`",
                data.len()
            ))
            .with_source(e)
        })?;
        out.truncate(written);
        Ok(())
    }
}
