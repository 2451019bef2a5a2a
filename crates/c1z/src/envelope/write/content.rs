//! What a file of a new payload is made from.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use shingle::vfs::ReadFile;

use super::super::decode::{read_step, stream, wrong_hash, wrong_len};
use super::super::fault;
use super::super::hash::RunningHash;
use super::super::index::IndexEntry;
use super::super::limits::Limits;
use super::super::source::Source;
use super::checked::{cannot_write, copy_file};
use crate::Result;

const STEP_LEN: usize = 128 << 10;

/// A file to be written.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Clean relative path, `/` between folders, 1 to 4096 bytes.
    pub name: String,
    /// Where its bytes come from.
    pub content: EntryContent,
}

/// Where the bytes of a file come from.
#[derive(Clone)]
pub enum EntryContent {
    /// From memory.
    Bytes(Arc<[u8]>),
    /// From another file; its length must not change while it is read.
    File(Arc<dyn ReadFile>),
    /// From another file, of which it is known what was written to it: other bytes are refused.
    Hashed {
        /// The file.
        file: Arc<dyn ReadFile>,
        /// XXH64 of its bytes, seed 0.
        xxh64: u64,
    },
    /// From the frames of another envelope, copied as they are where the encoding allows it.
    Splice(Splice),
}

impl EntryContent {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) | Self::Hashed { file, .. } => file.len(),
            Self::Splice(splice) => splice.entry.raw_len,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn is_splice(&self) -> bool {
        matches!(self, Self::Splice(_))
    }

    /// Refuses content of which another hash is known than `found`.
    pub(super) fn check_hash(&self, name: &str, found: u64) -> Result<()> {
        match self {
            Self::Hashed { xxh64, .. } if *xxh64 != found => {
                let expected = format!("bytes with XXH64 {xxh64:016x}");
                let error = fault::corrupt("payload file", 0, expected, format!("{found:016x}"));
                Err(error.in_file(name))
            }
            _ => Ok(()),
        }
    }

    /// The `len` bytes from `offset`; not for a splice.
    pub(super) fn piece(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let mut piece = vec![0; len];
        let read = match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let mut rest = bytes.get(from..).unwrap_or_default();
                std::io::Read::read(&mut rest, &mut piece)
            }
            Self::File(file) | Self::Hashed { file, .. } => file.read_at(offset, &mut piece),
            Self::Splice(_) => Ok(0),
        };
        let n = read.map_err(|e| fault::from_io("read", Path::new(name), e))?;
        if n < len {
            return Err(fault::truncated(
                "payload file",
                offset,
                format!("{len} bytes"),
                n,
            ));
        }
        Ok(piece)
    }

    /// Copies all bytes to `out`.
    pub(super) fn copy_to(&self, name: &str, out: &mut dyn Write) -> Result<()> {
        match self {
            Self::Bytes(bytes) => out.write_all(bytes).map_err(cannot_write),
            Self::File(file) => copy_file(&**file, name, out).map(drop),
            Self::Hashed { file, .. } => {
                let hash = copy_file(&**file, name, out)?;
                self.check_hash(name, hash)
            }
            Self::Splice(splice) => {
                splice.decode(|bytes| out.write_all(bytes).map_err(cannot_write))
            }
        }
    }
}

impl fmt::Debug for EntryContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Bytes(_) => "Bytes",
            Self::File(_) => "File",
            Self::Hashed { .. } => "Hashed",
            Self::Splice(_) => "Splice",
        };
        f.debug_struct(kind).field("len", &self.len()).finish()
    }
}

/// The frames of one file of an open envelope.
#[derive(Clone, Debug)]
pub struct Splice {
    pub(in super::super) source: Arc<Source>,
    pub(in super::super) limits: Limits,
    pub(in super::super) entry: IndexEntry,
}

impl Splice {
    /// Name of the file in its envelope.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// Length of the file in bytes.
    pub fn raw_len(&self) -> u64 {
        self.entry.raw_len
    }

    /// XXH64 of the file, as its envelope records it.
    pub fn raw_xxh64(&self) -> u64 {
        self.entry.raw_xxh64
    }

    /// Whether the file has one length and one SHA-256 with `other` by their indexes, and its frames are the same bytes.
    /// Nothing is decoded. Two ways to compress one content are not told to be the same.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn is_same(&self, other: &Self) -> Result<bool> {
        let told = |of: &Self| {
            let entry = &of.entry;
            (entry.raw_len, entry.compressed_len, entry.raw_sha256)
        };
        if told(self) != told(other) {
            return Ok(false);
        }
        let (mut ours, mut theirs) = (vec![0; STEP_LEN], vec![0; STEP_LEN]);
        let mut at = 0;
        while at < self.entry.compressed_len {
            let left = usize::try_from(self.entry.compressed_len - at).unwrap_or(usize::MAX);
            ours.truncate(left);
            theirs.truncate(left);
            self.read_frames(at, &mut ours)?;
            other.read_frames(at, &mut theirs)?;
            if ours != theirs {
                return Ok(false);
            }
            at += ours.len() as u64;
        }
        Ok(true)
    }

    /// Fills `buf` with bytes of the frames from `at` on.
    fn read_frames(&self, at: u64, buf: &mut [u8]) -> Result<()> {
        let read = self.source.read_exact_at(self.entry.frame_offset + at, buf);
        read.map_err(|error| self.source.locate(error))
    }

    /// Decodes the file front to back and verifies checksums, length and XXH64.
    pub(super) fn decode(&self, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let base = self.entry.frame_offset;
        let mut decoder = stream(&self.source, &self.limits, self.entry.frames());
        let mut hash = RunningHash::new();
        let mut buf = vec![0; STEP_LEN];
        let mut len = 0;
        loop {
            let n = read_step(&mut decoder, base, &mut buf).map_err(|e| self.source.locate(e))?;
            len += n as u64;
            if len > self.entry.raw_len || (n == 0 && len < self.entry.raw_len) {
                let error = wrong_len(base, self.entry.raw_len, len);
                return Err(self.source.locate(error));
            }
            if n == 0 {
                break;
            }
            let bytes = buf.get(..n).unwrap_or_default();
            hash.update(bytes);
            sink(bytes)?;
        }
        if hash.digest() != self.entry.raw_xxh64 {
            let error = wrong_hash(base, self.entry.raw_xxh64, hash.digest());
            return Err(self.source.locate(error));
        }
        Ok(())
    }
}
