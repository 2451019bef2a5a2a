//! Where the independent zstd frames of one entry are cut: our extension, field 2001 of an index
//! entry (`c1z-envelope` §3.4, end).
//!
//! A sequence of uvarint pairs, compressed length then raw length, one pair per frame, in order.
//! The sums must equal the entry's sizes, no frame is empty on either side. Readers that do not know
//! the field decode the frames as one stream and get the same bytes.

use super::super::fault;
use super::super::wire::{decode_varint, put_varint};
use crate::Result;

const STRUCTURE: &str = "seek table";
/// Most frames of one entry; at 1 MiB of raw data per frame a table of 1 TiB.
pub(crate) const FRAMES_MAX: usize = 1 << 20;

/// One frame of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameSpan {
    /// Length of the frame in the file.
    pub(crate) compressed_len: u64,
    /// Length of what it decodes to.
    pub(crate) raw_len: u64,
}

/// The frames of an entry, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SeekTable {
    /// One span per frame; together they are the entry.
    pub(crate) frames: Vec<FrameSpan>,
}

impl SeekTable {
    /// Decodes a table that stands at file offset `offset` and belongs to an entry of the given
    /// lengths.
    ///
    /// # Errors
    /// `DataLoss` for a cut pair, an empty frame or sums that differ from the lengths;
    /// `ResourceExhausted` for more than [`FRAMES_MAX`] frames.
    pub(crate) fn decode(
        bytes: &[u8],
        offset: u64,
        compressed_len: u64,
        raw_len: u64,
    ) -> Result<Self> {
        let mut frames = Vec::new();
        let mut rest = bytes;
        let mut sum = FrameSpan {
            compressed_len: 0,
            raw_len: 0,
        };
        while !rest.is_empty() {
            let at = offset + (bytes.len() - rest.len()) as u64;
            let Some((span, len)) = decode_span(rest) else {
                let expected = "two varints above 0";
                return Err(fault::corrupt(
                    STRUCTURE,
                    at,
                    expected,
                    "a cut or empty pair",
                ));
            };
            if frames.len() == FRAMES_MAX {
                return Err(fault::over_bound(
                    "frames of one file",
                    "more",
                    FRAMES_MAX as u64,
                ));
            }
            sum.compressed_len = sum.compressed_len.saturating_add(span.compressed_len);
            sum.raw_len = sum.raw_len.saturating_add(span.raw_len);
            frames.push(span);
            rest = rest.get(len..).unwrap_or_default();
        }
        if sum
            != (FrameSpan {
                compressed_len,
                raw_len,
            })
        {
            let expected = format!("sums {compressed_len} and {raw_len}");
            let found = format!("{} and {}", sum.compressed_len, sum.raw_len);
            return Err(fault::corrupt(STRUCTURE, offset, expected, found));
        }
        Ok(Self { frames })
    }

    /// The bytes of the field.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.frames.len() * 6);
        for span in &self.frames {
            put_varint(&mut out, span.compressed_len);
            put_varint(&mut out, span.raw_len);
        }
        out
    }
}

fn decode_span(bytes: &[u8]) -> Option<(FrameSpan, usize)> {
    let (compressed_len, n) = decode_varint(bytes)?;
    let (raw_len, m) = decode_varint(bytes.get(n..)?)?;
    let whole = compressed_len > 0 && raw_len > 0;
    whole.then_some((
        FrameSpan {
            compressed_len,
            raw_len,
        },
        n + m,
    ))
}
