//! Whole messages from and to bytes, within stated limits.
//!
//! Encoding is deterministic: fields ascend, map entries ascend by key and carry both parts, defaults
//! are left out, unknown fields come last. Limits are chosen for stored records: messages nest up to
//! [`RECURSION_MAX`] deep, which only a profile ever does, and the elements of repeated fields may
//! take [`ELEMENT_BYTES_MAX`].

use buffa::{DecodeOptions, Message};

use crate::{Error, Result};

/// Messages nested deeper are refused. The Go decoder allows 10,000; a stack of 2 MiB does not.
pub const RECURSION_MAX: u32 = 500;
/// Memory that the elements of repeated fields of one message may take.
pub const ELEMENT_BYTES_MAX: usize = 256 << 20;

/// Decodes `bytes` whole. `structure` names the record in the error.
///
/// # Errors
/// Data loss: bytes that are not such a message, or exceed a limit.
pub fn decode<M: Message>(structure: &'static str, bytes: &[u8]) -> Result<M> {
    DecodeOptions::new()
        .with_recursion_limit(RECURSION_MAX)
        .with_element_memory_limit(ELEMENT_BYTES_MAX)
        .decode_from_slice(bytes)
        .map_err(|error| Error::data_loss(structure, 0, "a protobuf message", error))
}

/// Appends the canonical bytes of `message`.
pub fn encode_into<M: Message>(message: &M, out: &mut Vec<u8>) {
    message.encode(out);
}

/// The canonical bytes of `message`.
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    message.encode_to_vec()
}
