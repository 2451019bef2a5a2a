//! Entry points for hostile input. Each takes any bytes, returns in bounded time and memory, and
//! panics only when a promise is broken: an error of a kind that bytes alone cannot cause, or a value
//! that does not survive being encoded and decoded again.

use std::path::Path;
use std::sync::Arc;

use shingle::vfs::{Fs, MemFile};

use super::head;
use super::identify::identify;
use super::index::{FOOTER_LEN, Footer, FrameIndex, SeekTable};
use super::manifest;
use super::tar::{TarInput, TarReader};
use super::{EnvelopeFile, LimitOptions, OpenOptions, PayloadOptions, V1File, V3File};
use crate::{ErrorKind, MemoryBudget, Result};

#[cfg(test)]
mod tests;

/// Cap on what one input may decode to, bytes.
const DECODED_MAX: u64 = 8 << 20;

/// Refuses kinds that bytes cannot cause.
fn judge<T>(result: Result<T>) -> Option<T> {
    use ErrorKind as K;
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let expected = matches!(
                error.kind(),
                K::DataLoss
                    | K::ResourceExhausted
                    | K::InvalidArgument
                    | K::NotFound
                    | K::FormatNewer
                    | K::EngineNotAvailable
                    | K::Unsupported
            );
            assert!(
                expected,
                "error of kind {:?}: {}",
                error.kind(),
                error.chain()
            );
            None
        }
    }
}

/// The first bytes of a file: magic, manifest length, manifest.
pub fn header(bytes: &[u8]) {
    judge(identify(bytes));
    judge(head::manifest_len(bytes, bytes.len() as u64));
    let rest = bytes.get(head::PREFIX_LEN..).unwrap_or_default();
    for message in [bytes, rest] {
        if let Some(decoded) = judge(manifest::decode(message)) {
            judge(manifest::payload_encoding(&decoded));
        }
    }
}

/// A frame index, and the end of the input as a footer.
pub fn index(bytes: &[u8]) {
    let payload = 9..u64::from(u32::MAX);
    if let Some(index) = judge(FrameIndex::decode(bytes, 0, &payload)) {
        let again = judge(FrameIndex::decode(&index.encode(), 0, &payload));
        assert_eq!(again.as_ref(), Some(&index), "an index does not survive");
    }
    if let Some(footer) = bytes.last_chunk::<FOOTER_LEN>()
        && let Some(footer) = judge(Footer::decode(*footer, bytes.len() as u64, 9))
    {
        judge(footer.check_index(bytes));
    }
}

/// A seek table, behind eight bytes that give the lengths of its entry.
pub fn seek_table(bytes: &[u8]) {
    let Some((lens, table)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let lens = u64::from_le_bytes(*lens);
    let (compressed_len, raw_len) = (lens & u64::from(u32::MAX), lens >> 32);
    if let Some(decoded) = judge(SeekTable::decode(table, 0, compressed_len, raw_len)) {
        let again = judge(SeekTable::decode(
            &decoded.encode(),
            0,
            compressed_len,
            raw_len,
        ));
        assert_eq!(again.as_ref(), Some(&decoded), "a table does not survive");
    }
}

/// A tar archive: every file is read to its end, which must lie inside.
pub fn tar(bytes: &[u8]) {
    let mut reader = TarReader::new(Slice(bytes), 0);
    while let Some(Some(file)) = judge(reader.next_file()) {
        let mut left = file.len;
        let mut buf = [0; 4096];
        while left > 0 {
            let Some(n) = judge(reader.read_data(&mut buf)) else {
                return;
            };
            left -= n as u64;
        }
        assert!(
            file.offset + file.len <= bytes.len() as u64,
            "{} passes the end",
            file.name
        );
    }
}

/// A v1 body, without its magic.
pub fn v1_stream(bytes: &[u8]) {
    let file = [&super::MAGIC_V1, bytes].concat();
    match judge(open(&file)) {
        Some(EnvelopeFile::V1(file)) => read_v1(&file),
        other => assert!(other.is_none(), "a v1 magic opens as v3"),
    }
}

/// A whole file of either format: opened, and all of it read, with a cache that fits and with one
/// that does not.
pub fn file(bytes: &[u8]) {
    match judge(open(bytes)) {
        Some(EnvelopeFile::V1(file)) => read_v1(&file),
        Some(EnvelopeFile::V3(file)) => read_v3(&file),
        None => {}
    }
}

fn open(bytes: &[u8]) -> Result<EnvelopeFile> {
    let payload = PayloadOptions {
        cache_bytes: 1 << 20,
        ..PayloadOptions::new(MemoryBudget::new(32 << 20))
    };
    let limits = LimitOptions {
        decoded_max: Some(DECODED_MAX),
        window_max: Some(8 << 20),
    };
    let options = OpenOptions {
        limits,
        payload,
        ..OpenOptions::default()
    };
    EnvelopeFile::from_file(Arc::new(MemFile::new(bytes)), Path::new("input"), &options)
}

fn read_v1(file: &V1File) {
    let mut len = 0;
    let counted = file.decode_into(&mut Counter(&mut len));
    if let Some(decoded) = judge(counted) {
        assert!(
            decoded.bytes == len && len <= DECODED_MAX,
            "{len} bytes over the cap"
        );
    }
}

fn read_v3(file: &V3File) {
    let Some(payload) = judge(file.payload()) else {
        return;
    };
    judge(payload.verify());
    for (name, len) in payload.files() {
        let opened = payload.open(Path::new(name));
        let Some(opened) = judge(opened.map_err(ours)) else {
            continue;
        };
        assert_eq!(opened.len(), len, "{name} has two lengths");
        let mut buf = vec![0; 64 << 10];
        let mut offset = 0;
        while offset < len {
            let Some(n) = judge(opened.read_at(offset, &mut buf).map_err(ours)) else {
                break;
            };
            assert!(n > 0, "{name} ends at {offset} of {len}");
            offset += n as u64;
        }
    }
}

/// What the file seam reports is one of ours inside.
fn ours(error: std::io::Error) -> crate::Error {
    super::fault::from_io("read", Path::new("input"), error)
}

struct Counter<'a>(&'a mut u64);

impl std::io::Write for Counter<'_> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        *self.0 += buf.len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An archive in memory.
#[derive(Debug)]
struct Slice<'a>(&'a [u8]);

impl TarInput for Slice<'_> {
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = super::source::copy_front(buf, self.0);
        self.0 = self.0.get(n..).unwrap_or_default();
        Ok(n)
    }

    fn skip(&mut self, n: u64) -> Result<bool> {
        let enough = n <= self.0.len() as u64;
        let rest = usize::try_from(n).ok().and_then(|n| self.0.get(n..));
        self.0 = rest.unwrap_or_default();
        Ok(enough)
    }
}
