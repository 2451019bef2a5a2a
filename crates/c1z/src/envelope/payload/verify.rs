//! Verification of a whole payload, front to back, outside the cache.

use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::super::counters::Counters;
use super::super::decode::{read_step, stream, wrong_hash, wrong_len};
use super::super::fault;
use super::super::hash::RunningHash;
use super::super::index::IndexEntry;
use super::file::{Entry, PayloadFile};
use super::{Context, in_entry};
use crate::Result;
use shingle::vfs::ReadFile;

const STEP_LEN: usize = 128 << 10;

/// What was verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifiedPayload {
    /// Files read to their end.
    pub files: u64,
    /// Decoded bytes of them.
    pub bytes: u64,
    /// Files whose XXH64 and SHA-256 were compared; the others are members of an archive, which
    /// records neither.
    pub hashed: u64,
}

/// Reads every file to its end and compares what is recorded.
pub(super) fn verify<'a>(
    context: &Arc<Context>,
    entries: impl Iterator<Item = &'a Arc<Entry>>,
) -> Result<VerifiedPayload> {
    let mut verified = VerifiedPayload::default();
    let mut buf = vec![0; STEP_LEN];
    for entry in entries {
        let checked = match entry.index_entry() {
            Some(indexed) => verify_indexed(context, indexed, &mut buf).map(|()| 1),
            None => read_all(context, entry, &mut buf).map(|()| 0),
        };
        verified.hashed += checked.map_err(|e| in_entry(context, entry.name(), e))?;
        verified.files += 1;
        verified.bytes += entry.len();
    }
    Ok(verified)
}

fn verify_indexed(context: &Context, entry: &IndexEntry, buf: &mut [u8]) -> Result<()> {
    let base = entry.frame_offset;
    context
        .limits
        .check_decoded("payload file", entry.raw_len)?;
    let mut decoder = stream(&context.source, &context.limits, entry.frames());
    let mut hashes = Hashes::new();
    let mut len = 0;
    loop {
        let n = read_step(&mut decoder, base, buf)?;
        let produced = buf.get(..n).unwrap_or_default();
        Counters::add(&context.source.counters().decoded_bytes, n as u64);
        len += n as u64;
        if n == 0 {
            break;
        }
        if len > entry.raw_len {
            return Err(wrong_len(base, entry.raw_len, "more"));
        }
        hashes.update(produced);
    }
    if len != entry.raw_len {
        return Err(wrong_len(base, entry.raw_len, len));
    }
    hashes.compare(entry)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads one file to its end through the cache, where who reads it next finds it, and compares what is
/// recorded of it.
pub(super) fn verify_kept(context: &Arc<Context>, entry: &Arc<Entry>) -> Result<VerifiedPayload> {
    let mut buf = vec![0; STEP_LEN];
    let mut verified = VerifiedPayload {
        files: 1,
        bytes: entry.len(),
        hashed: 0,
    };
    let Some(indexed) = entry.index_entry() else {
        read_all(context, entry, &mut buf)?;
        return Ok(verified);
    };
    let file = PayloadFile::open(Arc::clone(context), Arc::clone(entry))?;
    let mut hashes = Hashes::new();
    let mut offset = 0;
    while offset < entry.len() {
        let n = file.read_at(offset, &mut buf);
        let n = n.map_err(|e| fault::from_io("read", context.source.path(), e))?;
        hashes.update(buf.get(..n).unwrap_or_default());
        offset += n as u64;
    }
    hashes
        .compare(indexed)
        .map_err(|e| in_entry(context, entry.name(), e))?;
    verified.hashed = 1;
    Ok(verified)
}

/// The hashes of a file's bytes that the index records.
struct Hashes {
    xxh64: RunningHash,
    sha256: Sha256,
}

impl Hashes {
    fn new() -> Self {
        Self {
            xxh64: RunningHash::new(),
            sha256: Sha256::new(),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.xxh64.update(bytes);
        self.sha256.update(bytes);
    }

    fn compare(self, entry: &IndexEntry) -> Result<()> {
        let base = entry.frame_offset;
        if self.xxh64.digest() != entry.raw_xxh64 {
            return Err(wrong_hash(base, entry.raw_xxh64, self.xxh64.digest()));
        }
        let found: [u8; 32] = self.sha256.finalize().into();
        if found != entry.raw_sha256 {
            let expected = format!("decoded bytes with SHA-256 {}", hex(&entry.raw_sha256));
            return Err(fault::corrupt("payload frame", base, expected, hex(&found)));
        }
        Ok(())
    }
}

fn read_all(context: &Arc<Context>, entry: &Arc<Entry>, buf: &mut [u8]) -> Result<()> {
    let file = PayloadFile::open(Arc::clone(context), Arc::clone(entry))?;
    let mut offset = 0;
    while offset < entry.len() {
        let n = file.read_at(offset, buf);
        offset += n.map_err(|e| fault::from_io("read", context.source.path(), e))? as u64;
    }
    Ok(())
}
