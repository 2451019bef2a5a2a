//! One long frame, decoded again while it is written.
//!
//! A bad artifact costs more than the decoding: what goes to the file goes through a decoder on
//! another thread too, and what comes out must be what went in.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use shingle::compress::zstd::{Decoder, Encoder, EncoderOptions};
use shingle::vfs::ReadFile;

use super::super::fault;
use super::super::hash::RunningHash;
use crate::{Error, ErrorKind, Result};

/// The whole stream for no content, as the reference writes it: window 8 MiB, one empty raw block,
/// checksum of nothing.
pub(in super::super) const EMPTY_FRAME: [u8; 13] = [
    0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x68, 0x01, 0x00, 0x00, 0x99, 0xe9, 0xd8, 0x51,
];
/// Pieces on their way to the checking decoder.
const PIECES_MAX: usize = 4;
const STEP_LEN: usize = 256 << 10;

/// Writes `head` and then one frame of the `len` bytes that `feed` writes to its sink.
///
/// # Errors
/// What `feed` and `out` report; `InvalidArgument` when another number of bytes comes; `Internal` if
/// the frame does not decode to its input.
pub(in super::super) fn write_frame(
    out: &mut dyn Write,
    head: &[u8],
    len: u64,
    level: i32,
    feed: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    out.write_all(head).map_err(cannot_write)?;
    if len == 0 {
        let mut nothing = Hashing {
            sink: io::sink(),
            hash: RunningHash::new(),
            len: 0,
        };
        feed(&mut nothing)?;
        nothing.check_len(0)?;
        return out.write_all(&EMPTY_FRAME).map_err(cannot_write);
    }
    std::thread::scope(|scope| {
        let (pieces, received) = sync_channel(PIECES_MAX);
        let checker = scope.spawn(move || decode_hash(received));
        let options = EncoderOptions {
            content_len: Some(len),
            ..EncoderOptions::level(level)
        };
        let tee = Tee { out, pieces };
        let sink = Encoder::new(tee, options).map_err(cannot_write)?;
        let mut sink = Hashing {
            sink,
            hash: RunningHash::new(),
            len: 0,
        };
        feed(&mut sink)?;
        sink.check_len(len)?;
        let expected = sink.hash.digest();
        drop(sink.sink.finish().map_err(cannot_write)?);
        match checker.join() {
            Ok(Ok((hash, decoded))) if (hash, decoded) == (expected, len) => Ok(()),
            Ok(Ok((_, decoded))) => Err(mismatch(&format!("decoded=`{decoded}` expected=`{len}`"))),
            Ok(Err(error)) => Err(mismatch("").with_source(error)),
            Err(_) => Err(mismatch("the checking decoder panicked")),
        }
    })
}

/// Copies `file` to `sink` and returns its XXH64; `what` is for errors.
pub(in super::super) fn copy_file(
    file: &dyn ReadFile,
    what: &str,
    sink: &mut dyn Write,
) -> Result<u64> {
    let mut buf = vec![0; STEP_LEN];
    let (mut offset, mut hash) = (0, RunningHash::new());
    while offset < file.len() {
        let read = file.read_at(offset, &mut buf);
        let n = read.map_err(|e| fault::from_io("read", Path::new(what), e))?;
        if n == 0 {
            let found = format!("{offset} bytes");
            return Err(fault::truncated(
                what,
                offset,
                format!("{} bytes", file.len()),
                found,
            ));
        }
        offset += n as u64;
        let bytes = buf.get(..n).unwrap_or_default();
        hash.update(bytes);
        sink.write_all(bytes).map_err(cannot_write)?;
    }
    Ok(hash.digest())
}

/// A failure of the sink; the publisher names the file.
pub(in super::super) fn cannot_write(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(e) => {
            let kind = match e.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    ErrorKind::ResourceExhausted
                }
                _ => ErrorKind::Io,
            };
            Error::new(kind, "cannot write the envelope").with_source(e)
        }
    }
}

/// What was compressed does not decode to what it was made from.
pub(super) fn mismatch(detail: &str) -> Error {
    let message = format!("compressed data does not decode to its source {detail}");
    Error::new(ErrorKind::Internal, message.trim_end().to_owned())
        .with_hint("nothing was published; please report this with the input")
}

/// Hashes and counts what is written.
struct Hashing<W> {
    sink: W,
    hash: RunningHash,
    len: u64,
}

impl<W> Hashing<W> {
    fn check_len(&self, expected: u64) -> Result<()> {
        if self.len != expected {
            let message = format!(
                "source has another length than it said expected=`{expected}` found=`{}`",
                self.len
            );
            return Err(Error::invalid(message));
        }
        Ok(())
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.sink.write(buf)?;
        self.hash.update(buf.get(..n).unwrap_or_default());
        self.len += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Writes to the file and to the checking decoder.
struct Tee<'a> {
    out: &'a mut dyn Write,
    pieces: SyncSender<Vec<u8>>,
}

impl Write for Tee<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.out.write_all(buf)?;
        // A decoder that has failed takes no more; its error is seen at the end.
        let _ = self.pieces.send(buf.to_vec());
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The pieces, as a source.
struct Pieces {
    received: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    taken: usize,
}

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.piece.len() {
            match self.received.recv() {
                Ok(piece) => (self.piece, self.taken) = (piece, 0),
                Err(_) => return Ok(0),
            }
        }
        let mut rest = self.piece.get(self.taken..).unwrap_or_default();
        let n = rest.read(buf)?;
        self.taken += n;
        Ok(n)
    }
}

/// Hash and length of what the pieces decode to.
fn decode_hash(received: Receiver<Vec<u8>>) -> io::Result<(u64, u64)> {
    let mut decoder = Decoder::new(Pieces {
        received,
        piece: Vec::new(),
        taken: 0,
    });
    let mut buf = vec![0; STEP_LEN];
    let (mut hash, mut len) = (RunningHash::new(), 0);
    loop {
        match decoder.read(&mut buf)? {
            0 => return Ok((hash.digest(), len)),
            n => {
                hash.update(buf.get(..n).unwrap_or_default());
                len += n as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::sink;

    /// What the checking decoder finds in `bytes`.
    fn checked(bytes: &[u8]) -> io::Result<(u64, u64)> {
        let (pieces, received) = sync_channel(bytes.len());
        for piece in bytes.chunks(100) {
            pieces.send(piece.to_vec()).unwrap();
        }
        drop(pieces);
        decode_hash(received)
    }

    #[test]
    fn the_checking_decoder_sees_damage() {
        let raw: Vec<u8> = (0..20_000_u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        let mut bytes = Vec::new();
        let feed = |out: &mut dyn Write| out.write_all(&raw).map_err(cannot_write);
        write_frame(&mut bytes, b"", raw.len() as u64, 3, feed).unwrap();
        let whole = checked(&bytes).unwrap();
        assert_eq!(whole.1, raw.len() as u64);
        for at in (0..bytes.len()).step_by(bytes.len() / 50) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x20;
            assert!(checked(&damaged).is_err(), "byte {at}");
        }
        assert!(checked(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn a_source_that_is_shorter_or_longer_than_it_said_is_refused() {
        let expected = ErrorKind::InvalidArgument;
        for (said, comes, kind) in [(10, 9, expected), (10, 11, ErrorKind::Io), (0, 1, expected)] {
            let feed = |out: &mut dyn Write| out.write_all(&vec![1; comes]).map_err(cannot_write);
            let error = write_frame(&mut sink(), b"", said, 3, feed).unwrap_err();
            assert_eq!(error.kind(), kind, "{said} {comes}");
        }
    }
}
