//! What stands at the start of a frame, and where it ends, without decoding it.

use structured_zstd::decoding::errors::ReadFrameHeaderError;
use structured_zstd::decoding::{
    FrameContentSize, FrameSizeError, find_frame_compressed_size, read_frame_header_info,
};

use super::STRUCTURE;
use crate::{Error, Result};

/// What begins at some position of a stream of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A frame with content.
    Data(FrameHeader),
    /// A skippable frame: 8 bytes of header, then `len` bytes of user data.
    Skippable {
        /// Low nibble of the magic number, 0 to 15.
        variant: u8,
        /// Bytes of user data.
        len: u32,
    },
}

/// The header of a frame with content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of the header itself.
    pub header_len: usize,
    /// Decoded bytes, when the frame declares them. As hostile as any other byte of a file.
    pub content_len: Option<u64>,
    /// Bytes of window that a streaming decoder needs.
    pub window: u64,
    /// Whether the content's checksum follows the last block.
    pub has_checksum: bool,
    /// The dictionary the frame was compressed with; such frames are not decoded.
    pub dictionary: Option<u32>,
}

impl Frame {
    /// Reads the frame header at the start of `bytes`, which may go on after it.
    ///
    /// # Errors
    /// `Corrupt` for another magic number, a reserved bit, or a header cut short.
    pub fn parse(bytes: &[u8]) -> Result<Frame> {
        match read_frame_header_info(bytes, false) {
            Ok(info) => Ok(Frame::Data(FrameHeader {
                header_len: info.header_size,
                content_len: match info.content_size {
                    FrameContentSize::Known(n) => Some(n),
                    FrameContentSize::Unknown => None,
                },
                window: info.window_size,
                has_checksum: info.content_checksum,
                dictionary: info.dictionary_id,
            })),
            Err(ReadFrameHeaderError::SkipFrame {
                magic_number,
                length,
            }) => Ok(Frame::Skippable {
                variant: (magic_number & 0xf) as u8,
                len: length,
            }),
            Err(e) => Err(header_error(e)),
        }
    }

    /// Whether `bytes` begins with the magic number of a frame, skippable or not.
    pub fn starts(bytes: &[u8]) -> bool {
        bytes.first_chunk::<4>().is_some_and(|magic| {
            let magic = u32::from_le_bytes(*magic);
            magic == 0xfd2f_b528 || magic & 0xffff_fff0 == 0x184d_2a50
        })
    }
}

pub(super) fn header_error(e: ReadFrameHeaderError) -> Error {
    let expected = match &e {
        ReadFrameHeaderError::BadMagicNumber(_) => "magic number fd2fb528",
        _ => "a whole and valid frame header",
    };
    Error::corrupt(STRUCTURE, 0, expected, &e).with_source(e)
}

/// Length in bytes of the frame (skippable or not) at the start of `bytes`, found by walking its
/// block headers. The next frame of a concatenation begins there.
///
/// # Errors
/// `Corrupt` for a bad header, a reserved or oversized block, or a frame cut short.
///
/// # Complexity
/// O(blocks): nothing is decoded.
pub fn frame_len(bytes: &[u8]) -> Result<usize> {
    find_frame_compressed_size(bytes).map_err(|e| match e {
        FrameSizeError::Header(e) => header_error(e),
        FrameSizeError::Truncated => Error::corrupt(
            STRUCTURE,
            bytes.len() as u64,
            "the rest of the frame",
            "end of input",
        ),
        FrameSizeError::ReservedBlock => {
            Error::corrupt(STRUCTURE, 0, "block types 0 to 2", "reserved block type")
        }
        FrameSizeError::OversizedBlock => Error::corrupt(
            STRUCTURE,
            0,
            "blocks within the block maximum",
            "a larger block",
        ),
    })
}
