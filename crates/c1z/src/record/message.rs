//! Whole messages from and to bytes: the codec of [`c1z_proto`] with the errors of this crate.

use c1z_proto::schema::Described;

use crate::{Error, Result};

/// Decodes `bytes` whole, within the limits of [`c1z_proto::decode`]. `structure` names the record in
/// the error.
///
/// # Errors
/// Data loss: bytes that are not such a message, or exceed a limit.
pub fn decode<M: Described>(structure: &'static str, bytes: &[u8]) -> Result<M> {
    c1z_proto::decode(bytes).map_err(|error| {
        let offset = error.offset().unwrap_or_default() as u64;
        Error::data_loss(structure, offset, "a protobuf message", error)
    })
}

/// The canonical bytes of `message`.
pub fn encode<M: Described>(message: &M) -> Vec<u8> {
    c1z_proto::encode_canonical(message)
}
