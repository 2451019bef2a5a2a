//! Messages from bytes, and bytes from messages.
//!
//! Encoding is canonical: it yields the bytes that the reference implementation writes in its
//! deterministic mode (`messages` specification, "Encoding rules"). Known fields stand in ascending
//! order of their numbers, members of oneofs after all others; entries of maps stand in ascending
//! order of their keys, always with key and value; numbers of repeated fields are packed; unknown
//! fields follow the known ones in the order in which they came. Equal messages thus have equal
//! bytes, which diffs and merges rely on.
//!
//! What a round trip through a message does not keep, all of it absent from what writers of the
//! format produce: unknown fields inside an entry of a map (dropped, as the reference does), and
//! varints written longer than need be (shortened). A known field with the wire type of another
//! type is an error here, where the reference treats it as unknown. Paths that copy stored bytes do
//! not come through here and keep everything.

use buffa::DecodeOptions;

use crate::check::{DEPTH_MAX, check};
use crate::error::{Error, ErrorKind};
use crate::scan;
use crate::schema::{Described, Message};

#[cfg(test)]
mod tests;

/// Memory that the elements of lists and maps of one message may take: this much ...
const ELEMENT_BYTES_MIN: usize = 32 << 20;

/// ... or this much for each byte of input, whichever is more. An empty element is two bytes on the
/// wire and up to 1,500 in memory; real messages stay below 20.
const ELEMENT_BYTES_PER_INPUT_BYTE: usize = 64;

/// How many unknown fields one message may have, at all depths together; each takes 40 bytes of
/// memory or more.
const UNKNOWN_FIELDS_MAX: usize = 1_000_000;

/// Decodes a message; unknown fields are kept at every depth.
///
/// Fails on bytes that contradict the wire format, strings that are not UTF-8, messages inside each
/// other beyond [`DEPTH_MAX`], and input that would take out of all proportion more memory than it
/// is long. The error says where.
pub fn decode<M: Described>(bytes: &[u8]) -> Result<M, Error> {
    let element_bytes = bytes.len().saturating_mul(ELEMENT_BYTES_PER_INPUT_BYTE);
    DecodeOptions::new()
        .with_recursion_limit(DEPTH_MAX)
        .with_unknown_field_limit(UNKNOWN_FIELDS_MAX)
        .with_element_memory_limit(element_bytes.max(ELEMENT_BYTES_MIN))
        .decode_from_slice(bytes)
        .map_err(|error| explain::<M>(bytes, &error))
}

/// Finds out what the decoder did not say: where the fault is.
#[cold]
fn explain<M: Described>(bytes: &[u8], error: &buffa::DecodeError) -> Error {
    match check(M::MESSAGE, bytes) {
        Err(error) => error,
        // Well-formed, so it must have been a limit.
        Ok(()) => Error::new(ErrorKind::Limit, error.to_string()).in_message(M::MESSAGE.name()),
    }
}

/// Encodes a message canonically.
///
/// # Panics
///
/// If the message takes more than 2 GiB; [`encode_canonical_into`] reports that instead.
pub fn encode_canonical<M: Described>(message: &M) -> Vec<u8> {
    let mut out = message.encode_to_vec();
    if M::MESSAGE.oneofs {
        settle_oneofs(M::MESSAGE, &mut out, 0);
    }
    out
}

/// Appends a canonically encoded message to `out`, which is left as it was on an error.
///
/// Fails if the message takes more than 2 GiB.
pub fn encode_canonical_into<M: Described>(message: &M, out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    message.try_encode(out).map_err(|error| {
        Error::new(ErrorKind::Limit, error.to_string()).in_message(M::MESSAGE.name())
    })?;
    if M::MESSAGE.oneofs {
        settle_oneofs(M::MESSAGE, out, start);
    }
    Ok(())
}

/// Moves members of oneofs behind the other fields of the message that starts at `start`.
///
/// Only messages that are encoded by themselves need this: no message of the schema holds another
/// with both oneofs and other fields, which a test checks.
#[cold]
fn settle_oneofs(message: &Message, out: &mut Vec<u8>, start: usize) {
    let encoded = out.split_off(start);
    let mut fields: Vec<_> = scan::fields(&encoded).flatten().collect();
    // Stable, so that values of a list and unknown fields keep their order.
    fields.sort_by_key(|field| match message.field(field.number) {
        Some(known) => known.rank(),
        None => (u8::MAX, 0),
    });
    for field in fields {
        out.extend_from_slice(encoded.get(field.range).unwrap_or_default());
    }
}
