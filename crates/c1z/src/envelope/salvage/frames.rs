//! What is left of a zstd frame that is cut or damaged.
//!
//! Blocks tell their own length, so the whole ones at the front of a frame are known without decoding.
//! They are decoded as a frame of their own: under a header without length and checksum, closed by an
//! empty last block. Every byte before the damage comes out; whether it is right, the tables inside
//! tell by their checksums.

use std::io::{Cursor, Read};
use std::ops::Range;
use std::sync::Arc;

use shingle::compress::zstd::{Decoder, Frame, FrameHeader, HEADER_LEN_MAX};

use super::super::source::{RangeReader, STEP_LEN, Source};
use crate::Result;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// An empty raw block, the last of its frame.
const LAST_BLOCK: [u8; 3] = [1, 0, 0];
const BLOCK_HEADER_LEN: usize = 3;
const BLOCK_LEN_MAX: u32 = 128 << 10;
const CHECKSUM_LEN: u64 = 4;
/// Most blocks of one frame: 128 GiB of content.
const BLOCKS_MAX: usize = 1 << 20;
/// Bytes decoded at a time.
const DECODED_LEN: usize = 128 << 10;

/// A frame as its headers tell.
#[derive(Debug)]
pub(super) struct WalkedFrame {
    header: FrameHeader,
    /// Where its first block starts.
    blocks_start: u64,
    /// Where each of its whole blocks ends.
    ends: Vec<u64>,
    /// Where the frame ends, if all of it is there.
    pub(super) end: Option<u64>,
}

/// What came out of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// Bytes sent.
    pub(super) bytes: u64,
    /// Whether they are all that the frame says it holds.
    pub(super) is_whole: bool,
}

/// Receives decoded bytes.
pub(super) type Sink<'s> = dyn FnMut(&[u8]) -> Result<()> + 's;

/// The frame at the start of `range`; none where no frame with content begins.
pub(super) fn walk(source: &Arc<Source>, range: Range<u64>) -> Result<Option<WalkedFrame>> {
    let start = range.start;
    let mut reader = RangeReader::new(Arc::clone(source), range, STEP_LEN);
    let Ok(Frame::Data(header)) = Frame::parse(reader.peek(HEADER_LEN_MAX)?) else {
        return Ok(None);
    };
    let header_len = header.header_len as u64;
    if reader.left() < header_len {
        return Ok(None);
    }
    reader.skip(header_len);
    let mut frame = WalkedFrame {
        header,
        blocks_start: start + header_len,
        ends: Vec::new(),
        end: None,
    };
    while frame.ends.len() < BLOCKS_MAX {
        let &[a, b, c] = reader.peek(BLOCK_HEADER_LEN)? else {
            break;
        };
        let word = u32::from_le_bytes([a, b, c, 0]);
        let size = word >> 3;
        let stored = match word >> 1 & 3 {
            0 | 2 => size,
            1 => 1,
            _ => break,
        };
        let len = BLOCK_HEADER_LEN as u64 + u64::from(stored);
        if size > BLOCK_LEN_MAX || len > reader.left() {
            break;
        }
        reader.skip(len);
        frame.ends.push(reader.offset());
        if word & 1 == 1 {
            let checksum = if header.has_checksum { CHECKSUM_LEN } else { 0 };
            if reader.left() >= checksum {
                frame.end = Some(reader.offset() + checksum);
            }
            break;
        }
    }
    Ok(Some(frame))
}

/// Decodes as many blocks of `frame` as can be, into `sink`.
///
/// # Errors
/// Those of `sink`, and `Io`.
pub(super) fn decode(
    source: &Arc<Source>,
    frame: &WalkedFrame,
    window_max: u64,
    sink: &mut Sink<'_>,
) -> Result<Decoded> {
    let mut count = frame.ends.len();
    // Bytes that came out are not sent again when fewer blocks are tried.
    let mut sent = 0;
    while count > 0 {
        let (taken, consumed) = attempt(source, frame, count, window_max, sent, sink)?;
        sent = taken;
        let Some(consumed) = consumed else {
            let declared = frame.header.content_len;
            return Ok(Decoded {
                bytes: sent,
                is_whole: count == frame.ends.len()
                    && frame.end.is_some()
                    && declared.is_none_or(|declared| declared == sent),
            });
        };
        let at = frame.blocks_start + consumed.saturating_sub(frame_header(frame).len() as u64);
        // The block that failed was taken to its end.
        count = frame.ends.partition_point(|end| *end < at).min(count - 1);
    }
    Ok(Decoded {
        bytes: sent,
        is_whole: false,
    })
}

/// Decodes the first `count` blocks and sends what comes after the first `sent` bytes. Returns how much
/// was sent in all, and where it failed, if it did.
fn attempt(
    source: &Arc<Source>,
    frame: &WalkedFrame,
    count: usize,
    window_max: u64,
    sent: u64,
    sink: &mut Sink<'_>,
) -> Result<(u64, Option<u64>)> {
    let end = frame.ends.get(count - 1).copied().unwrap_or_default();
    let blocks = RangeReader::new(Arc::clone(source), frame.blocks_start..end, STEP_LEN);
    let has_last = count == frame.ends.len() && frame.end.is_some();
    let closing: &[u8] = if has_last { &[] } else { &LAST_BLOCK };
    let input = Cursor::new(frame_header(frame))
        .chain(blocks)
        .chain(closing);
    let mut decoder = Decoder::single(input).window_limit(window_max);
    let mut buf = vec![0; DECODED_LEN];
    let mut position = 0;
    let mut sent = sent;
    loop {
        match decoder.read(&mut buf) {
            Ok(0) => return Ok((sent, None)),
            Ok(n) => {
                let produced = buf.get(..n).unwrap_or_default();
                position += n as u64;
                if position > sent {
                    let new = usize::try_from(position - sent).unwrap_or(n).min(n);
                    sink(produced.get(n - new..).unwrap_or_default())?;
                    sent = position;
                }
            }
            Err(_) => return Ok((sent, Some(decoder.consumed()))),
        }
    }
}

/// A header without length and checksum, with a window that is at least the frame's.
fn frame_header(frame: &WalkedFrame) -> Vec<u8> {
    let window = frame.header.window.max(1 << 10).next_power_of_two();
    let exponent = u8::try_from(window.trailing_zeros() - 10).unwrap_or(u8::MAX >> 3);
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&[0, exponent << 3]);
    header
}

/// Where the next frame may begin: the next magic number in `range`.
pub(super) fn next_magic(source: &Arc<Source>, range: Range<u64>) -> Result<Option<u64>> {
    let mut at = range.start;
    while at < range.end {
        let end = range.end.min(at + STEP_LEN);
        let bytes = source.fetch(at..end)?;
        if let Some(found) = bytes.windows(MAGIC.len()).position(|four| four == MAGIC) {
            return Ok(Some(at + found as u64));
        }
        if end == range.end {
            break;
        }
        at = end - (MAGIC.len() as u64 - 1);
    }
    Ok(None)
}
