//! The wrapper around every block on disk: payload ‖ type u8 ‖ checksum u32 (`pebble-ondisk` §3.1).
//!
//! The checksum covers payload and type and is verified before the payload is looked at. Decoded
//! lengths are bounded before memory is taken for them.

use std::cell::RefCell;

use super::handle::TRAILER_LEN;
use crate::checksum::{mask, masked_crc32c};
use crate::codec::{Input, put_uvarint};
use crate::compress::{snappy, zstd};
use crate::{Error, ErrorKind, Result};

const STRUCTURE: &str = "sstable block";

/// A block is stored compressed only if that saves at least 12 %.
const KEEP_PERCENT: u64 = 88;

/// How checksums of blocks are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ChecksumKind {
    /// Masked CRC-32C.
    Crc32c = 1,
    /// The low 32 bits of XXH64 with seed 0.
    XxHash64 = 3,
}

impl ChecksumKind {
    pub(super) fn from_byte(byte: u8) -> Result<Self> {
        match byte {
            1 => Ok(Self::Crc32c),
            3 => Ok(Self::XxHash64),
            _ => Err(Error::unsupported(format_args!(
                "block checksum type=`{byte}`"
            ))),
        }
    }

    fn compute(self, payload: &[u8], kind: u8) -> u32 {
        match self {
            Self::Crc32c => mask(crc32c::crc32c_append(crc32c::crc32c(payload), &[kind])),
            Self::XxHash64 => {
                let mut hasher = xxhash_rust::xxh64::Xxh64::new(0);
                hasher.update(payload);
                hasher.update(&[kind]);
                let [a, b, c, d, ..] = hasher.digest().to_le_bytes();
                u32::from_le_bytes([a, b, c, d])
            }
        }
    }
}

/// How a table's blocks are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Stored as they are.
    None,
    /// Snappy: what Go's SDK writes.
    #[default]
    Snappy,
    /// Zstandard at a level from 1 to 22.
    Zstd(u8),
}

impl Compression {
    /// Name of the profile in the property `rocksdb.compression`.
    pub(super) fn profile(self) -> &'static str {
        match self {
            Self::None => "NoCompression",
            Self::Snappy => "Snappy",
            Self::Zstd(_) => "ZSTD",
        }
    }

    /// Name of the setting in the property `pebble.compression_stats`.
    pub(super) fn setting(self) -> String {
        match self {
            Self::Zstd(level) => format!("ZSTD{level}"),
            _ => self.profile().to_owned(),
        }
    }

    pub(super) fn codec(self) -> Codec {
        match self {
            Self::None => Codec::None,
            Self::Snappy => Codec::Snappy,
            Self::Zstd(_) => Codec::Zstd,
        }
    }
}

/// The compression of a stored block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// Stored as it is.
    None = 0,
    /// One Snappy block.
    Snappy = 1,
    /// A uvarint of the decoded length, then one zstd frame.
    Zstd = 7,
}

impl Codec {
    /// The codec that a block's type byte names.
    ///
    /// # Errors
    /// `Unsupported`, by name, for compressions that Pebble knows and this build does not; `Corrupt`
    /// for other bytes.
    fn from_byte(byte: u8) -> Result<Self> {
        match byte {
            0 => Ok(Self::None),
            1 => Ok(Self::Snappy),
            7 => Ok(Self::Zstd),
            8 => Err(Error::unsupported("MinLZ block compression")),
            2..=6 => Err(Error::unsupported(format_args!(
                "block compression type=`{byte}`"
            ))),
            _ => Err(Error::corrupt(STRUCTURE, 0, "block types 0 to 8", byte)),
        }
    }
}

thread_local! {
    /// The zstd decoder's tables are dear to build; one per thread that reads.
    static DECOMPRESSOR: RefCell<zstd::Decompressor> = RefCell::new(zstd::Decompressor::new());
}

/// Verifies `block`, which is payload, type and checksum, and returns payload and type.
pub(super) fn verify(block: &[u8], checksum: ChecksumKind) -> Result<(&[u8], u8)> {
    let at = block.len().saturating_sub(4) as u64;
    let Some((body, stored)) = block.split_last_chunk::<4>() else {
        return Err(Error::corrupt(STRUCTURE, 0, "a block trailer", block.len()));
    };
    let Some((&kind, payload)) = body.split_last() else {
        return Err(Error::corrupt(STRUCTURE, 0, "a block trailer", block.len()));
    };
    let stored = u32::from_le_bytes(*stored);
    let computed = checksum.compute(payload, kind);
    if stored != computed {
        return Err(Error::corrupt(
            STRUCTURE,
            at,
            format_args!("checksum {computed:08x}"),
            format_args!("{stored:08x}"),
        ));
    }
    Ok((payload, kind))
}

/// Verifies `block` if it is not compressed, and returns the length of its payload. Others are for
/// [`open`].
pub(super) fn payload_as_is(block: &[u8], checksum: ChecksumKind) -> Result<Option<usize>> {
    let kind = block.len().checked_sub(TRAILER_LEN);
    let kind = kind.and_then(|at| block.get(at)).copied();
    match kind.map(Codec::from_byte) {
        Some(Ok(Codec::None)) => Ok(Some(verify(block, checksum)?.0.len())),
        _ => Ok(None),
    }
}

/// Verifies and decodes a stored block of at most `len_max` decoded bytes into `out`, replacing what
/// it held.
///
/// # Errors
/// `Corrupt`, `Unsupported` for another codec, `Exhausted` for a longer block.
pub(super) fn open(
    block: &[u8],
    checksum: ChecksumKind,
    len_max: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let (payload, kind) = verify(block, checksum)?;
    match Codec::from_byte(kind)? {
        Codec::Snappy => snappy::decompress_into(payload, len_max, out),
        Codec::Zstd => {
            let (len, frame) = zstd_parts(payload, len_max)?;
            DECOMPRESSOR.with_borrow_mut(|zstd| zstd.decompress_exact(frame, len, out))
        }
        Codec::None => {
            bounded(payload.len() as u64, len_max)?;
            out.clear();
            out.extend_from_slice(payload);
            Ok(())
        }
    }
}

/// Codec and decoded length of a verified payload, without decoding it.
pub(super) fn describe(payload: &[u8], kind: u8, len_max: usize) -> Result<(Codec, usize)> {
    let codec = Codec::from_byte(kind)?;
    let len = match codec {
        Codec::None => bounded(payload.len() as u64, len_max)?,
        Codec::Snappy => snappy::decoded_len(payload, len_max)?,
        Codec::Zstd => zstd_parts(payload, len_max)?.0,
    };
    Ok((codec, len))
}

/// Decoded length and frame of a zstd payload.
fn zstd_parts(payload: &[u8], len_max: usize) -> Result<(usize, &[u8])> {
    let mut input = Input::new(STRUCTURE, payload);
    let len = bounded(input.uvarint()?, len_max)?;
    let start = usize::try_from(input.offset()).unwrap_or(payload.len());
    Ok((len, payload.get(start..).unwrap_or_default()))
}

fn bounded(len: u64, len_max: usize) -> Result<usize> {
    usize::try_from(len)
        .ok()
        .filter(|&len| len <= len_max)
        .ok_or_else(|| over_limit(len, len_max))
}

/// What a block over the caller's limit becomes.
pub(super) fn over_limit(len: u64, len_max: usize) -> Error {
    Error::new(
        ErrorKind::Exhausted,
        format!("sstable block exceeds its limit bytes=`{len}` limit=`{len_max}`"),
    )
}

/// Compresses and wraps blocks; owns the compressor's tables and is used by one thread at a time.
#[derive(Debug, Default)]
pub(super) struct Sealer {
    snappy: snappy::Compressor,
    zstd: Option<(u8, zstd::Compressor)>,
    scratch: Vec<u8>,
}

/// How a block was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// The compression that was kept.
    pub(super) compression: Compression,
    /// Bytes of payload before compression.
    pub(super) raw_len: u64,
    /// Bytes of payload as stored.
    pub(super) stored_len: u64,
}

impl Sealer {
    /// Wraps `payload` into `out`, replacing what it held: compressed with `compression` if that
    /// saves enough, with type and checksum. With `verify`, what was stored is decoded again.
    ///
    /// # Errors
    /// `Internal` when it does not decode to `payload`.
    pub(super) fn seal(
        &mut self,
        payload: &[u8],
        compression: Compression,
        verify: bool,
        out: &mut Vec<u8>,
    ) -> Result<Sealed> {
        let kept = self.compress(payload, compression, out)?;
        let stored_len = out.len() as u64;
        out.push(kept.codec() as u8);
        let crc = masked_crc32c(&[out]);
        out.extend_from_slice(&crc.to_le_bytes());
        debug_assert_eq!(out.len() as u64, stored_len + TRAILER_LEN as u64);
        if verify {
            self.check(payload, kept, out)?;
        }
        Ok(Sealed {
            compression: kept,
            raw_len: payload.len() as u64,
            stored_len,
        })
    }

    /// Puts `payload` into `out`, compressed if that is worth it; returns what was done.
    fn compress(
        &mut self,
        payload: &[u8],
        compression: Compression,
        out: &mut Vec<u8>,
    ) -> Result<Compression> {
        out.clear();
        match compression {
            Compression::None => {}
            Compression::Snappy => self.snappy.compress_into(payload, out)?,
            Compression::Zstd(level) => self.zstd_into(payload, level, out)?,
        }
        let worth = out.len() as u64 * 100 <= payload.len() as u64 * KEEP_PERCENT;
        if worth && compression != Compression::None {
            return Ok(compression);
        }
        out.clear();
        out.extend_from_slice(payload);
        Ok(Compression::None)
    }

    fn zstd_into(&mut self, payload: &[u8], level: u8, out: &mut Vec<u8>) -> Result<()> {
        put_uvarint(out, payload.len() as u64);
        let (_, compressor) = match &mut self.zstd {
            Some(ready) if ready.0 == level => ready,
            other => {
                let options = zstd::EncoderOptions {
                    level: i32::from(level),
                    // The block's own checksum covers the frame, as in Go's tables.
                    checksum: false,
                    content_len: None,
                };
                other.insert((level, zstd::Compressor::new(options)))
            }
        };
        compressor.compress_into(payload, out)
    }

    /// Decodes a wrapped block and compares it with what it was made from.
    fn check(&mut self, payload: &[u8], kept: Compression, wrapped: &[u8]) -> Result<()> {
        let checksum = ChecksumKind::Crc32c;
        let opened = open(wrapped, checksum, payload.len(), &mut self.scratch);
        if opened.is_ok() && self.scratch == payload {
            return Ok(());
        }
        let setting = kept.setting();
        Err(Error::new(
            ErrorKind::Internal,
            format!("a compressed block does not decode to its input compression=`{setting}`"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block that was damaged between compressing and writing is not written: any bit of its
    /// payload, its type or its checksum.
    #[test]
    fn a_block_that_does_not_decode_to_its_input_is_refused() {
        let payload = b"group:eng:member user:alice ".repeat(20);
        let mut sealer = Sealer::default();
        for compression in [Compression::None, Compression::Snappy, Compression::Zstd(3)] {
            let mut wrapped = Vec::new();
            let sealed = sealer
                .seal(&payload, compression, true, &mut wrapped)
                .unwrap();
            assert_eq!(sealed.compression, compression);
            sealer.check(&payload, compression, &wrapped).unwrap();
            for bit in 0..wrapped.len() * 8 {
                let mut damaged = wrapped.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let error = sealer.check(&payload, compression, &damaged).unwrap_err();
                assert_eq!(
                    error.kind(),
                    ErrorKind::Internal,
                    "{compression:?} bit {bit}"
                );
            }
            let mut other = payload.clone();
            other[7] ^= 1;
            sealer.check(&other, compression, &wrapped).unwrap_err();
        }
    }
}
