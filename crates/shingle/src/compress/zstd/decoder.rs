//! Decompression: a reusable decoder of whole frames, and a streaming one that knows to the byte
//! what it took from its source.

use std::fmt;
use std::io::{self, Read};

use structured_zstd::decoding::errors::FrameDecoderError;
use structured_zstd::decoding::{ContentChecksum, FrameDecoder, frame_header_input_needed};

use super::frame::header_error;
use super::{Frame, FrameHeader, STRUCTURE, WINDOW_LIMIT_DEFAULT, frame_len};
use crate::compress::over_limit;
use crate::{Error, ErrorKind, Result};

fn checking_decoder() -> FrameDecoder {
    let mut decoder = FrameDecoder::new();
    decoder.set_content_checksum(ContentChecksum::Verify);
    decoder
}

fn frame_error(e: FrameDecoderError) -> Error {
    match e {
        FrameDecoderError::ReadFrameHeaderError(e) => header_error(e),
        FrameDecoderError::WindowSizeTooBig {
            requested, limit, ..
        } => over_limit("zstd window", requested, limit),
        FrameDecoderError::DictNotProvided { dict_id } => {
            Error::unsupported(format!("zstd dictionary id=`{dict_id}`"))
        }
        FrameDecoderError::ChecksumMismatch {
            expected,
            calculated,
        } => Error::corrupt(
            STRUCTURE,
            0,
            format!("content checksum {expected:08x}"),
            format!("{calculated:08x}"),
        ),
        FrameDecoderError::FrameContentSizeMismatch { declared, produced } => Error::corrupt(
            STRUCTURE,
            0,
            format!("{declared} decoded bytes"),
            format!("{produced}"),
        ),
        e => Error::corrupt(STRUCTURE, 0, "valid blocks", &e).with_source(e),
    }
}

/// Decodes whole frames from memory, keeping its tables from one to the next.
pub struct Decompressor(FrameDecoder);

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decompressor")
    }
}

impl Default for Decompressor {
    fn default() -> Self {
        Self(checking_decoder())
    }
}

impl Decompressor {
    /// A decompressor.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes `frame`, which must be exactly one frame of exactly `len` decoded bytes, into `out`,
    /// replacing what it held. The caller has bounded `len`: that much memory is taken, and no
    /// window beside it.
    ///
    /// # Errors
    /// `Corrupt` for anything else than that frame, including bytes after it.
    pub fn decompress_exact(&mut self, frame: &[u8], len: usize, out: &mut Vec<u8>) -> Result<()> {
        let Frame::Data(header) = Frame::parse(frame)? else {
            return Err(wrong("a frame with content", "a skippable frame"));
        };
        if let Some(declared) = header.content_len.filter(|&n| n != len as u64) {
            return Err(wrong(format!("{len} decoded bytes"), declared));
        }
        let end = frame_len(frame)?;
        if end != frame.len() {
            return Err(Error::corrupt(
                STRUCTURE,
                end as u64,
                "end of input",
                format!("{} more bytes", frame.len() - end),
            ));
        }
        out.clear();
        out.resize(len, 0);
        match self.0.decode_all(frame, out) {
            Ok(written) if written == len => Ok(()),
            Ok(written) => Err(wrong(format!("{len} decoded bytes"), written)),
            Err(FrameDecoderError::TargetTooSmall) => {
                Err(wrong(format!("{len} decoded bytes"), "more"))
            }
            Err(e) => Err(frame_error(e)),
        }
    }
}

fn wrong(expected: impl fmt::Display, found: impl fmt::Display) -> Error {
    Error::corrupt(STRUCTURE, 0, expected, found)
}

/// Decodes exactly one frame of exactly `len` decoded bytes; see
/// [`Decompressor::decompress_exact`].
///
/// # Errors
/// As there.
pub fn decompress_frame(frame: &[u8], len: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    Decompressor::new().decompress_exact(frame, len, &mut out)?;
    Ok(out)
}

/// Decodes all the frames in `frames`, one after another, to at most `limit` bytes.
///
/// # Errors
/// `Corrupt`, or `Exhausted` when there is more content than `limit` or a window of more than
/// [`WINDOW_LIMIT_DEFAULT`].
pub fn decompress(frames: &[u8], limit: usize) -> Result<Vec<u8>> {
    if let Ok(Frame::Data(FrameHeader {
        content_len: Some(len),
        ..
    })) = Frame::parse(frames)
        && len > limit as u64
    {
        return Err(over_limit("zstd content", len, limit as u64));
    }
    let mut out = Vec::new();
    Decoder::new(frames)
        .take((limit as u64).saturating_add(1))
        .read_to_end(&mut out)
        .map_err(into_error)?;
    if out.len() > limit {
        return Err(over_limit("zstd content", out.len() as u64, limit as u64));
    }
    Ok(out)
}

/// The error behind what reading a [`Decoder`] reported: decoding errors as they are, failures of
/// the source as `Io`.
pub fn into_error(e: io::Error) -> Error {
    e.downcast::<Error>().unwrap_or_else(|e| {
        Error::new(ErrorKind::Io, "cannot read compressed bytes").with_source(e)
    })
}

/// Where a [`Decoder`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a frame, the first or a later one.
    Between,
    /// In a frame whose header was taken.
    Inside,
    /// Nothing more will come.
    End,
    /// An error was reported; the bytes from here on mean nothing.
    Failed,
}

/// Decodes a stream of frames while it is read.
///
/// It takes from its source exactly the bytes of the frames it decoded, in small reads, so that what
/// follows a frame is still there to be read; give it a buffered source when reads are dear. The
/// last bytes of a frame that declares its length are handed out only after length and checksum were
/// verified; of other frames **read to the end**, or the checksum is never looked at.
///
/// Errors of decoding come as `InvalidData` with an [`Error`] inside ([`into_error`] takes it out);
/// errors of the source as they are. Memory is one window plus one block (128 KiB), and no more than
/// the declared content.
pub struct Decoder<R> {
    source: R,
    frame: FrameDecoder,
    window_limit: u64,
    single: bool,
    state: State,
    /// Bytes taken from the source and not yet decoded: `input[start..]`.
    input: Vec<u8>,
    start: usize,
    /// Declared bytes of the current frame still to come.
    left: Option<u64>,
    consumed: u64,
    produced: u64,
    frames: u64,
}

impl<R> fmt::Debug for Decoder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("state", &self.state)
            .field("consumed", &self.consumed)
            .field("produced", &self.produced)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Decoder<R> {
    /// A decoder of all frames until the source ends; skippable ones are skipped. A source without
    /// any frame is an error.
    pub fn new(source: R) -> Self {
        Self {
            source,
            frame: checking_decoder(),
            window_limit: WINDOW_LIMIT_DEFAULT,
            single: false,
            state: State::Between,
            input: Vec::new(),
            start: 0,
            left: None,
            consumed: 0,
            produced: 0,
            frames: 0,
        }
    }

    /// A decoder of one frame with content (skippable frames before it are skipped); the source then
    /// stands right after it.
    pub fn single(source: R) -> Self {
        Self {
            single: true,
            ..Self::new(source)
        }
    }

    /// Refuses frames that need a window of more than `bytes` (default
    /// [`WINDOW_LIMIT_DEFAULT`]; clamped to at least 1 KiB). For a frame that declares itself a
    /// single segment the window is its content.
    #[must_use]
    pub fn window_limit(mut self, bytes: u64) -> Self {
        self.window_limit = bytes;
        self
    }

    /// Bytes taken from the source.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Bytes handed out.
    pub fn produced(&self) -> u64 {
        self.produced
    }

    /// Frames with content that were decoded to their end and verified.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The source, standing after what was taken from it.
    pub fn into_inner(self) -> R {
        self.source
    }

    fn pending(&self) -> &[u8] {
        self.input.get(self.start..).unwrap_or_default()
    }

    /// Reads until `want` bytes are pending; false when the source ends before.
    fn fill(&mut self, want: usize) -> io::Result<bool> {
        let have = self.pending().len();
        if have >= want {
            return Ok(true);
        }
        self.input.drain(..self.start);
        self.start = 0;
        let missing = (want - have) as u64;
        // What was read stays pending, also when the source fails on the way.
        let read = (&mut self.source)
            .take(missing)
            .read_to_end(&mut self.input);
        self.consumed += (self.input.len() - have) as u64;
        read.map(|n| n as u64 == missing)
    }

    fn fail(&mut self, e: Error) -> io::Error {
        self.state = State::Failed;
        io::Error::new(io::ErrorKind::InvalidData, e.at(self.consumed))
    }

    fn cut_short(&mut self) -> io::Error {
        self.fail(Error::corrupt(
            STRUCTURE,
            0,
            "the rest of the frame",
            "end of input",
        ))
    }

    /// Takes the next frame's header; false at the end of the stream.
    fn start_frame(&mut self) -> io::Result<bool> {
        if !self.fill(1)? {
            if self.consumed == 0 {
                return Err(self.fail(Error::corrupt(STRUCTURE, 0, "a frame", "end of input")));
            }
            return Ok(false);
        }
        loop {
            let want = match frame_header_input_needed(self.pending(), false) {
                Ok(want) => want,
                Err(e) => return Err(self.fail(header_error(e))),
            };
            if self.pending().len() >= want {
                break;
            }
            if !self.fill(want)? {
                return Err(self.cut_short());
            }
        }
        match Frame::parse(self.pending()) {
            Err(e) => Err(self.fail(e)),
            Ok(Frame::Skippable { len, .. }) => self.skip(u64::from(len)),
            Ok(Frame::Data(header)) => self.admit(header),
        }
    }

    fn skip(&mut self, len: u64) -> io::Result<bool> {
        self.input.clear();
        self.start = 0;
        let skipped = io::copy(&mut (&mut self.source).take(len), &mut io::sink())?;
        self.consumed += skipped;
        if skipped < len {
            return Err(self.cut_short());
        }
        Ok(true)
    }

    fn admit(&mut self, header: FrameHeader) -> io::Result<bool> {
        let window = header.window;
        let limit = self.window_limit.max(1 << 10);
        if window > limit {
            return Err(self.fail(over_limit("zstd window", window, limit)));
        }
        let begun = self
            .frame
            .set_max_window_size(limit.min(structured_zstd::decoding::MAX_DECODER_WINDOW_SIZE))
            .and_then(|()| {
                let mut header = self.input.get(self.start..).unwrap_or_default();
                self.frame.reset(&mut header)
            });
        if let Err(e) = begun {
            return Err(self.fail(frame_error(e)));
        }
        self.input.clear();
        self.start = 0;
        self.state = State::Inside;
        self.left = header.content_len;
        Ok(true)
    }

    /// Decodes the next step of the frame into `buf`; 0 when it produced nothing.
    fn step(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = self.frame.input_needed(self.pending());
        let waiting = self.frame.can_collect() > 0;
        if !waiting && self.pending().len() < want && !self.fill(want)? {
            return Err(self.cut_short());
        }
        let whole = self.pending().len() >= self.frame.input_needed(self.pending());
        let pending = self.input.get(self.start..).unwrap_or_default();
        match self.frame.decode_from_to(pending, buf) {
            Err(e) => Err(self.fail(frame_error(e))),
            Ok((0, 0)) if whole && !self.finished() => Err(self.fail(Error::corrupt(
                STRUCTURE,
                0,
                "a block within the block maximum",
                "a larger block",
            ))),
            Ok((taken, written)) => {
                self.start += taken;
                self.produced += written as u64;
                self.left = self.left.map(|left| left.saturating_sub(written as u64));
                Ok(written)
            }
        }
    }

    /// After the last declared byte: takes the rest of the frame, which verifies it.
    fn verify(&mut self) -> io::Result<()> {
        while !self.finished() {
            if self.frame.can_collect() > 0 {
                let e = Error::corrupt(STRUCTURE, 0, "the declared length", "more content");
                return Err(self.fail(e));
            }
            if let Err(e) = self.step(&mut []) {
                self.state = State::Failed;
                return Err(e);
            }
        }
        Ok(())
    }

    fn finished(&self) -> bool {
        self.frame.is_finished() && self.frame.can_collect() == 0
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::End => return Ok(0),
                State::Failed => {
                    let e = Error::invalid("the zstd decoder failed before");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, e));
                }
                State::Between => {
                    if !self.start_frame()? {
                        self.state = State::End;
                    }
                }
                State::Inside if self.finished() => {
                    self.frames += 1;
                    self.state = if self.single {
                        State::End
                    } else {
                        State::Between
                    };
                }
                State::Inside => {
                    let n = self.step(buf)?;
                    if self.left == Some(0) {
                        self.verify()?;
                    }
                    if n > 0 {
                        return Ok(n);
                    }
                }
            }
        }
    }
}
