//! Decoding of one compressed range of the envelope into memory or as a stream.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use shingle::compress::zstd::{Decoder, Frame, decompress_frame, frame_len, into_error};

use super::counters::Counters;
use super::fault;
use super::limits::{Limits, VAR_WINDOW_MAX};
use super::source::{RangeReader, STEP_LEN, Source, Span};
use crate::{Error, ErrorKind, Result};

/// Compressed ranges up to this are fetched whole; longer ones go through a stream of steps.
const FETCH_MAX: u64 = 8 << 20;

/// A running decoder of a range of the envelope.
pub(super) type RangeDecoder = Decoder<RangeReader>;

/// A decoder of all frames in `range`, within the window cap.
pub(super) fn stream(source: &Arc<Source>, limits: &Limits, range: Range<u64>) -> RangeDecoder {
    let reader = RangeReader::new(Arc::clone(source), range, STEP_LEN);
    Decoder::new(reader).window_limit(limits.window_max)
}

/// Reads once from a [`RangeDecoder`] whose range starts at `base` of the file; errors tell the place
/// in the file. `Ok(0)` only at the end of a range whose frames were all verified.
pub(super) fn read_step(decoder: &mut RangeDecoder, base: u64, buf: &mut [u8]) -> Result<usize> {
    decoder.read(buf).map_err(|e| match e.downcast::<Error>() {
        // The reader below failed, not the decoder.
        Ok(ours) => ours,
        Err(e) => zstd_error(into_error(e), base),
    })
}

/// Decodes `range`, which must give exactly `raw_len` bytes. `cluster` is what is read when the
/// range has to be ([`Source::fetch_within`]).
///
/// # Errors
/// `DataLoss` for anything else than whole, valid frames of that length; `ResourceExhausted` for a
/// window over the cap.
pub(super) fn decode(
    source: &Arc<Source>,
    limits: &Limits,
    range: Range<u64>,
    cluster: Range<u64>,
    raw_len: usize,
) -> Result<Vec<u8>> {
    let bytes = if range.end - range.start <= FETCH_MAX {
        let span = source.fetch_within(range.clone(), cluster)?;
        decode_span(&span, source, limits, &range, raw_len)?
    } else {
        decode_stream(source, limits, range, raw_len)?
    };
    Counters::add(&source.counters().frames_decoded, 1);
    Counters::add(&source.counters().decoded_bytes, bytes.len() as u64);
    Ok(bytes)
}

fn decode_span(
    span: &Span,
    source: &Arc<Source>,
    limits: &Limits,
    range: &Range<u64>,
    raw_len: usize,
) -> Result<Vec<u8>> {
    let located = |e| zstd_error(e, range.start);
    if let Frame::Data(header) = Frame::parse(span).map_err(located)? {
        limits.check_window("zstd window", header.window)?;
        if frame_len(span).map_err(located)? == span.len() {
            return decompress_frame(span, raw_len).map_err(located);
        }
    }
    // Several frames, or skippable ones.
    decode_stream(source, limits, range.clone(), raw_len)
}

fn decode_stream(
    source: &Arc<Source>,
    limits: &Limits,
    range: Range<u64>,
    raw_len: usize,
) -> Result<Vec<u8>> {
    let base = range.start;
    let mut decoder = stream(source, limits, range);
    let mut bytes = vec![0; raw_len];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read_step(&mut decoder, base, rest)? {
            0 => return Err(wrong_len(base, raw_len as u64, filled as u64)),
            n => filled += n,
        }
    }
    // The end is where a checksum without declared length is looked at.
    match read_step(&mut decoder, base, &mut [0])? {
        0 => Ok(bytes),
        _ => Err(wrong_len(base, raw_len as u64, "more")),
    }
}

/// Frames at `offset` that decode to another length than the index says.
pub(super) fn wrong_len(offset: u64, expected: u64, found: impl std::fmt::Display) -> Error {
    let expected = format!("{expected} decoded bytes");
    fault::corrupt("payload frame", offset, expected, found)
}

/// Frames at `offset` that decode to bytes with another hash than the index says.
pub(super) fn wrong_hash(offset: u64, expected: u64, found: u64) -> Error {
    let expected = format!("decoded bytes with XXH64 {expected:016x}");
    fault::corrupt("payload frame", offset, expected, format!("{found:016x}"))
}

/// An error of the codec over a range that starts at `base` of the file.
pub(super) fn zstd_error(error: shingle::Error, base: u64) -> Error {
    let over_window = error.kind() == shingle::ErrorKind::Exhausted;
    let error = Error::from(error.at(base));
    if over_window {
        let message = format!("{error} variable=`{VAR_WINDOW_MAX}`");
        return Error::new(ErrorKind::ResourceExhausted, message).with_hint(format!(
            "if the file is trusted, raise the cap with `{VAR_WINDOW_MAX}` (in MiB)"
        ));
    }
    match error.kind() {
        ErrorKind::DataLoss => error.with_hint(fault::HINT_DAMAGED),
        _ => error,
    }
}
