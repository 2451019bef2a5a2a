//! Finds the frames of an entry whose seek table is missing, without decoding: frame and block
//! headers tell where a frame ends.

use std::ops::Range;
use std::sync::Arc;

use shingle::compress::zstd::{Frame, FrameHeader, HEADER_LEN_MAX};

use super::super::decode::zstd_error;
use super::super::fault;
use super::super::index::{FRAMES_MAX, FrameSpan};
use super::super::source::{RangeReader, STEP_LEN, Source};
use crate::Result;

const STRUCTURE: &str = "zstd frame";
/// A block declares at most this, bytes.
const BLOCK_LEN_MAX: u32 = 128 << 10;
const BLOCK_HEADER_LEN: usize = 3;
const CHECKSUM_LEN: u64 = 4;

/// The frame header at the start of `range`; `None` for a skippable frame.
pub(super) fn first_header(source: &Source, range: &Range<u64>) -> Result<Option<FrameHeader>> {
    let end = range
        .end
        .min(range.start.saturating_add(HEADER_LEN_MAX as u64));
    let bytes = source.fetch(range.start..end)?;
    match Frame::parse(&bytes).map_err(|e| zstd_error(e, range.start))? {
        Frame::Data(header) => Ok(Some(header)),
        Frame::Skippable { .. } => Ok(None),
    }
}

/// The frames in `range`, in order; `None` when one of them cannot be told apart by its headers: it is
/// skippable or declares no length.
///
/// # Errors
/// `DataLoss` for a frame that is malformed or passes the end of the range.
///
/// # Complexity
/// Reads the whole range once, 3 bytes of every 128 KiB decoded are looked at.
pub(super) fn walk(source: &Arc<Source>, range: Range<u64>) -> Result<Option<Vec<FrameSpan>>> {
    let mut reader = RangeReader::new(Arc::clone(source), range, STEP_LEN);
    let mut frames = Vec::new();
    while reader.left() > 0 {
        if frames.len() == FRAMES_MAX {
            return Err(fault::over_bound(
                "frames of one file",
                "more",
                FRAMES_MAX as u64,
            ));
        }
        match walk_frame(&mut reader)? {
            Some(span) => frames.push(span),
            None => return Ok(None),
        }
    }
    Ok(Some(frames))
}

fn walk_frame(reader: &mut RangeReader) -> Result<Option<FrameSpan>> {
    let start = reader.offset();
    let head = Frame::parse(reader.peek(HEADER_LEN_MAX)?).map_err(|e| zstd_error(e, start))?;
    let Frame::Data(header) = head else {
        return Ok(None);
    };
    let Some(raw_len) = header.content_len.filter(|len| *len > 0) else {
        return Ok(None);
    };
    skip(reader, header.header_len as u64)?;
    while !skip_block(reader)? {}
    if header.has_checksum {
        skip(reader, CHECKSUM_LEN)?;
    }
    Ok(Some(FrameSpan {
        compressed_len: reader.offset() - start,
        raw_len,
    }))
}

/// Passes over one block; true if it was the last of its frame.
fn skip_block(reader: &mut RangeReader) -> Result<bool> {
    let at = reader.offset();
    let header = reader.peek(BLOCK_HEADER_LEN)?;
    let &[a, b, c] = header else {
        let found = format!("{} bytes", header.len());
        return Err(fault::corrupt(
            STRUCTURE,
            at,
            "a block header of 3 bytes",
            found,
        ));
    };
    let word = u32::from_le_bytes([a, b, c, 0]);
    let size = word >> 3;
    if size > BLOCK_LEN_MAX {
        return Err(fault::corrupt(
            STRUCTURE,
            at,
            "a block of at most 128 KiB",
            size,
        ));
    }
    let stored = match word >> 1 & 3 {
        0 | 2 => size,
        1 => 1,
        _ => return Err(fault::corrupt(STRUCTURE, at, "block type 0, 1 or 2", 3)),
    };
    skip(reader, BLOCK_HEADER_LEN as u64 + u64::from(stored))?;
    Ok(word & 1 == 1)
}

fn skip(reader: &mut RangeReader, n: u64) -> Result<()> {
    let left = reader.left();
    if n > left {
        let found = format!("{left} bytes");
        return Err(fault::corrupt(
            STRUCTURE,
            reader.offset(),
            format!("{n} bytes"),
            found,
        ));
    }
    reader.skip(n);
    Ok(())
}
