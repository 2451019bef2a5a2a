//! Zstandard frames: headers, whole frames in memory, streams of frames.
//!
//! A frame is decoded only within two limits that the caller states: the window (what a decoder must
//! keep while it streams) and the decoded length. Content checksums are always verified when a
//! frame has one. Dictionaries are refused.

mod decoder;
mod encoder;
mod frame;

pub use decoder::{Decoder, Decompressor, decompress, decompress_frame, into_error};
pub use encoder::{Compressor, Encoder, EncoderOptions, compress};
pub use frame::{Frame, FrameHeader, frame_len};

const STRUCTURE: &str = "zstd frame";

/// The window a decoder accepts unless told otherwise: 128 MiB, which covers every level of the
/// reference encoder but the "long" modes.
pub const WINDOW_LIMIT_DEFAULT: u64 = 128 << 20;

/// Enough leading bytes of a frame to hold any header.
pub const HEADER_LEN_MAX: usize = 18;
