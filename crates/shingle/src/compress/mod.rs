//! The one seam for Snappy and zstd.
//!
//! Everything in the project that compresses or decompresses calls this module, so that the rules
//! hold everywhere: a decoded length is bounded *before* memory is taken for it, zstd content
//! checksums are verified, and a frame that ends early or late is an error. It knows no file format:
//! what is compressed, and how much of it is acceptable, is the caller's business.
//!
//! Errors: `Corrupt` for bytes that contradict the format (offsets count from the start of the
//! input given), `Exhausted` where a stated limit would be exceeded, `Unsupported` for zstd
//! dictionaries.

pub mod snappy;
pub mod zstd;

#[cfg(test)]
mod tests;

use crate::{Error, ErrorKind};

/// What a decoded length over the caller's limit becomes.
fn over_limit(what: &str, decoded: u64, limit: u64) -> Error {
    Error::new(
        ErrorKind::Exhausted,
        format!("{what} exceeds its limit bytes=`{decoded}` limit=`{limit}`"),
    )
}
