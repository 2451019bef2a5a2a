//! Compression: one reusable context for whole inputs, one streaming writer.

use std::fmt;
use std::io::{self, Write};

use structured_zstd::encoding::{CompressionContext, CompressionLevel, StreamingEncoder};

use crate::{Error, ErrorKind, Result};

/// How a frame is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderOptions {
    /// Level in the numbering of the reference encoder, 1 (fast) to 22 (small); default 3.
    pub level: i32,
    /// Whether a checksum of the content ends the frame; default true.
    pub checksum: bool,
    /// Exact bytes to come, when known: the frame then declares them (default: unknown). Writing
    /// another number of bytes is an error.
    pub content_len: Option<u64>,
}

impl Default for EncoderOptions {
    fn default() -> Self {
        Self {
            level: CompressionLevel::DEFAULT_LEVEL,
            checksum: true,
            content_len: None,
        }
    }
}

impl EncoderOptions {
    /// The default options at another level.
    pub fn level(level: i32) -> Self {
        Self {
            level,
            ..Self::default()
        }
    }
}

/// Compresses what is written to it into one frame.
///
/// The frame is complete only after [`Encoder::finish`]; dropping an encoder leaves it cut short.
pub struct Encoder<W: Write>(StreamingEncoder<W>);

impl<W: Write> fmt::Debug for Encoder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

impl<W: Write> Encoder<W> {
    /// An encoder into `sink`.
    ///
    /// # Errors
    /// None in practice: settings are refused only once a frame has begun.
    pub fn new(sink: W, options: EncoderOptions) -> io::Result<Self> {
        let mut inner = StreamingEncoder::new(sink, CompressionLevel::from_level(options.level));
        inner.set_content_checksum(options.checksum)?;
        if let Some(len) = options.content_len {
            inner.set_pledged_content_size(len)?;
        }
        Ok(Self(inner))
    }

    /// Ends the frame and returns the sink.
    ///
    /// # Errors
    /// Failures of the sink; `InvalidInput` when fewer bytes came than were declared.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }

    /// The sink; what it holds so far is a prefix of the frame.
    pub fn get_ref(&self) -> &W {
        self.0.get_ref()
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Compresses whole inputs, one frame each, keeping its tables from one to the next.
///
/// The output depends on input and options alone, not on what was compressed before.
pub struct Compressor {
    context: CompressionContext,
    options: EncoderOptions,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Compressor").field(&self.options).finish()
    }
}

impl Compressor {
    /// A compressor; the content length of `options` is ignored, since each frame declares its own.
    pub fn new(options: EncoderOptions) -> Self {
        Self {
            context: CompressionContext::new(CompressionLevel::from_level(options.level)),
            options,
        }
    }

    /// Appends `data` to `out` as one frame that declares its length.
    ///
    /// # Errors
    /// `Internal` if the encoder fails, which writing to memory gives it no cause for.
    pub fn compress_into(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.encode(data, out).map_err(|e| {
            // A failed context stays failed; the next call starts over.
            self.context =
                CompressionContext::new(CompressionLevel::from_level(self.options.level));
            Error::new(ErrorKind::Internal, "zstd encoder failed").with_source(e)
        })
    }

    fn encode(&mut self, data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.context.set_content_checksum(self.options.checksum)?;
        self.context.set_pledged_content_size(data.len() as u64)?;
        let mut rest = data;
        while !rest.is_empty() {
            let taken = self.context.write(out, rest)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
        self.context.finish_frame(out)
    }
}

/// `data` as one frame with content length and checksum.
///
/// # Errors
/// As [`Compressor::compress_into`].
pub fn compress(data: &[u8], level: i32) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    Compressor::new(EncoderOptions::level(level)).compress_into(data, &mut out)?;
    Ok(out)
}
