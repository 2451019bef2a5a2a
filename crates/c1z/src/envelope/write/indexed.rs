//! The default payload: independent frames, the index, the footer.

use std::io::Write;

use sha2::{Digest, Sha256};
use shingle::compress::zstd::{Compressor, Decompressor, EncoderOptions};
use xxhash_rust::xxh64::xxh64;

use super::super::hash::RunningHash;
use super::super::index::{Footer, FrameIndex, FrameSpan, IndexEntry, SeekTable};
use super::super::source::STEP_LEN;
use super::checked::{EMPTY_FRAME, cannot_write, mismatch};
use super::workers::in_order;
use super::{Counted, EntryContent, NewEntry, Splice, WriteOptions};
use crate::budget::Reservation;
use crate::{Error, Result};

/// Raw bytes of a frame, about.
const FRAME_LEN: u64 = 1 << 20;
/// Files up to this (raw, or compressed when they are spliced) stand behind the others.
const SMALL_LEN: u64 = 64 << 10;
/// Memory of a compressing thread: two frames on their way, raw and compressed, the tables.
const THREAD_LEN: u64 = 12 << 20;

/// Writes payload, index and footer of `entries`, which are sorted by name.
pub(super) fn write(
    out: &mut Counted<'_>,
    manifest: &[u8],
    entries: &[NewEntry],
    options: &WriteOptions,
) -> Result<()> {
    let (threads, _share) = threads(options)?;
    let mut order: Vec<&NewEntry> = entries.iter().collect();
    order.sort_by_key(|entry| is_small(entry));
    let jobs = order.iter().flat_map(|entry| jobs(entry));
    let state = || Codec::new(options.level);
    let verify_spliced = options.verify_spliced;
    let work = |codec: &mut Codec, job| work(codec, job, verify_spliced);
    let mut index = IndexBuilder::default();
    in_order(threads, jobs, state, work, |done| index.take(out, done))?;
    index.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let index = FrameIndex {
        entries: index.entries,
        manifest_xxh64: xxh64(manifest, 0),
    };
    write_index(out, &index)
}

/// As many threads as there is memory for, at least one.
fn threads(options: &WriteOptions) -> Result<(usize, Reservation)> {
    let wanted = options.threads.max(1);
    let reserve = |threads: usize| {
        options
            .budget
            .reserve(threads as u64 * THREAD_LEN, "compressing threads")
    };
    let enough = (2..=wanted).rev().find_map(|n| Some((n, reserve(n).ok()?)));
    match enough {
        Some(found) => Ok(found),
        None => Ok((1, reserve(1)?)),
    }
}

fn is_small(entry: &NewEntry) -> bool {
    match &entry.content {
        EntryContent::Splice(splice) => splice.entry.compressed_len <= SMALL_LEN,
        other => other.len() <= SMALL_LEN,
    }
}

fn write_index(out: &mut Counted<'_>, index: &FrameIndex) -> Result<()> {
    let bytes = index.encode();
    let Some(footer) = Footer::of(&bytes, out.len) else {
        let message = format!("frame index is too long bytes=`{}`", bytes.len());
        return Err(Error::invalid(message));
    };
    out.write_all(&bytes).map_err(cannot_write)?;
    out.write_all(&footer.encode()).map_err(cannot_write)
}

/// One unit of work.
#[derive(Clone, Copy, Debug)]
enum Job<'a> {
    /// A file without bytes.
    Empty(&'a NewEntry),
    /// A piece of a file, to be one frame.
    Piece {
        entry: &'a NewEntry,
        offset: u64,
        len: u64,
    },
    /// Frames to be copied.
    Splice(&'a NewEntry, &'a Splice),
}

/// The jobs of one file: pieces of equal length, as near to [`FRAME_LEN`] as they can be.
fn jobs(entry: &NewEntry) -> impl Iterator<Item = Job<'_>> {
    let len = entry.content.len();
    let pieces = ((len + FRAME_LEN / 2) / FRAME_LEN).max(1);
    let piece_len = len.div_ceil(pieces);
    let (whole, pieces) = match &entry.content {
        EntryContent::Splice(splice) => (Some(Job::Splice(entry, splice)), 0),
        _ if len == 0 => (Some(Job::Empty(entry)), 0),
        _ => (None, pieces),
    };
    whole.into_iter().chain((0..pieces).map(move |n| {
        let offset = n * piece_len;
        Job::Piece {
            entry,
            offset,
            len: piece_len.min(len - offset),
        }
    }))
}

/// What a job gave.
#[derive(Debug)]
enum Done<'a> {
    Empty(&'a NewEntry),
    Piece {
        entry: &'a NewEntry,
        raw: Vec<u8>,
        frame: Vec<u8>,
    },
    Splice(&'a NewEntry, &'a Splice),
}

/// What a thread keeps from one frame to the next.
#[derive(Debug)]
struct Codec {
    compressor: Compressor,
    decompressor: Decompressor,
    decoded: Vec<u8>,
}

impl Codec {
    fn new(level: i32) -> Self {
        Self {
            compressor: Compressor::new(EncoderOptions::level(level)),
            decompressor: Decompressor::new(),
            decoded: Vec::new(),
        }
    }

    /// `raw` as a frame that decodes to it.
    fn compress(&mut self, raw: &[u8]) -> Result<Vec<u8>> {
        let mut frame = Vec::with_capacity(raw.len() / 3);
        self.compressor.compress_into(raw, &mut frame)?;
        self.check(&frame, raw)?;
        Ok(frame)
    }

    /// Refuses a frame that does not decode to `raw`.
    fn check(&mut self, frame: &[u8], raw: &[u8]) -> Result<()> {
        let decoded = self
            .decompressor
            .decompress_exact(frame, raw.len(), &mut self.decoded);
        decoded.map_err(|e| mismatch("").with_source(e))?;
        if self.decoded != raw {
            return Err(mismatch(&format!("bytes=`{}`", raw.len())));
        }
        Ok(())
    }
}

fn work<'a>(codec: &mut Codec, job: Job<'a>, verify_spliced: bool) -> Result<Done<'a>> {
    match job {
        Job::Empty(entry) => Ok(Done::Empty(entry)),
        Job::Piece { entry, offset, len } => {
            let raw =
                entry
                    .content
                    .piece(&entry.name, offset, usize::try_from(len).unwrap_or(0))?;
            let frame = codec.compress(&raw)?;
            Ok(Done::Piece { entry, raw, frame })
        }
        Job::Splice(entry, splice) => {
            if verify_spliced {
                splice.decode(|_| Ok(()))?;
            }
            Ok(Done::Splice(entry, splice))
        }
    }
}

/// Writes what the jobs gave and collects the index.
#[derive(Debug, Default)]
struct IndexBuilder {
    entries: Vec<IndexEntry>,
    open: Option<OpenEntry>,
}

/// A file of which not all pieces are written.
#[derive(Debug)]
struct OpenEntry {
    frame_offset: u64,
    raw_len: u64,
    xxh64: RunningHash,
    sha256: Sha256,
    frames: Vec<FrameSpan>,
}

impl IndexBuilder {
    fn take(&mut self, out: &mut Counted<'_>, done: Done<'_>) -> Result<()> {
        match done {
            Done::Empty(entry) => {
                self.entries
                    .push(OpenEntry::new(out.len).close(&entry.name, EMPTY_FRAME.len()));
                out.write_all(&EMPTY_FRAME).map_err(cannot_write)
            }
            Done::Piece { entry, raw, frame } => {
                let open = self.open.get_or_insert_with(|| OpenEntry::new(out.len));
                open.add(&raw, &frame);
                out.write_all(&frame).map_err(cannot_write)?;
                if open.raw_len == entry.content.len()
                    && let Some(open) = self.open.take()
                {
                    let closed = open.close(&entry.name, 0);
                    entry.content.check_hash(&entry.name, closed.raw_xxh64)?;
                    self.entries.push(closed);
                }
                Ok(())
            }
            Done::Splice(entry, splice) => {
                let mut copied = splice.entry.clone();
                copied.name.clone_from(&entry.name);
                copied.frame_offset = out.len;
                self.entries.push(copied);
                copy_frames(out, splice)
            }
        }
    }
}

impl OpenEntry {
    fn new(frame_offset: u64) -> Self {
        Self {
            frame_offset,
            raw_len: 0,
            xxh64: RunningHash::new(),
            sha256: Sha256::new(),
            frames: Vec::new(),
        }
    }

    fn add(&mut self, raw: &[u8], frame: &[u8]) {
        self.raw_len += raw.len() as u64;
        self.xxh64.update(raw);
        self.sha256.update(raw);
        let (compressed_len, raw_len) = (frame.len() as u64, raw.len() as u64);
        self.frames.push(FrameSpan {
            compressed_len,
            raw_len,
        });
    }

    /// The index entry; `extra` are bytes of frames that were not added. One frame needs no table.
    fn close(self, name: &str, extra: usize) -> IndexEntry {
        let compressed: u64 = self.frames.iter().map(|span| span.compressed_len).sum();
        let seekable = self.frames.len() > 1;
        IndexEntry {
            name: name.to_owned(),
            frame_offset: self.frame_offset,
            compressed_len: compressed + extra as u64,
            raw_len: self.raw_len,
            raw_xxh64: self.xxh64.digest(),
            raw_sha256: self.sha256.finalize().into(),
            seek_table: seekable.then_some(SeekTable {
                frames: self.frames,
            }),
        }
    }
}

fn copy_frames(out: &mut Counted<'_>, splice: &Splice) -> Result<()> {
    let range = splice.entry.frames();
    let mut offset = range.start;
    while offset < range.end {
        let end = range.end.min(offset + STEP_LEN);
        let bytes = splice.source.fetch(offset..end)?;
        out.write_all(&bytes).map_err(cannot_write)?;
        offset = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    /// A frame that was damaged between compressing and writing is not written.
    #[test]
    fn a_frame_that_does_not_decode_to_its_source_is_refused() {
        let raw: Vec<u8> = b"group:eng:member user:alice "
            .iter()
            .cycle()
            .zip(0_u32..)
            .map(|(byte, n)| {
                if n % 37 == 0 {
                    n.to_le_bytes()[0]
                } else {
                    *byte
                }
            })
            .take(3000)
            .collect();
        let mut codec = Codec::new(3);
        let frame = codec.compress(&raw).unwrap();
        let mut other = raw.clone();
        other[1500] ^= 1;
        let refused = codec.check(&frame, &other).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Internal);
        let mut harmless = 0;
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            match codec.check(&damaged, &raw) {
                Err(error) => assert_eq!(error.kind(), ErrorKind::Internal, "bit {bit}"),
                // Bits without meaning: what decodes is right, whatever the frame looks like.
                Ok(()) => harmless += 1,
            }
        }
        assert!(harmless <= 24, "{harmless} bits");
    }
}
