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
    let (mut xxh64, mut sha256) = (RunningHash::new(), Sha256::new());
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
        xxh64.update(produced);
        sha256.update(produced);
    }
    if len != entry.raw_len {
        return Err(wrong_len(base, entry.raw_len, len));
    }
    if xxh64.digest() != entry.raw_xxh64 {
        return Err(wrong_hash(base, entry.raw_xxh64, xxh64.digest()));
    }
    let found: [u8; 32] = sha256.finalize().into();
    if found != entry.raw_sha256 {
        let expected = format!("decoded bytes with SHA-256 {}", hex(&entry.raw_sha256));
        return Err(fault::corrupt("payload frame", base, expected, hex(&found)));
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
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
