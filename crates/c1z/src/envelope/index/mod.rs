//! The frame index of an `INDEXED_ZSTD` payload: one entry per file, behind the frames
//! (`c1z-envelope` §3.4).
//!
//! ```text
//! frame_0 | frame_1 | … | index | footer (28 bytes)
//! ```
//!
//! The index is the protobuf message `c1.c1z.v3.IndexedFrameIndex`:
//!
//! | # | field | type | here |
//! |---|---|---|---|
//! | 1 | entries | repeated message | [`IndexEntry`] |
//! | 2 | `total_raw_size` | int64 | written, not checked on read |
//! | 3 | `total_compressed_size` | int64 | written, not checked on read |
//! | 4 | `manifest_xxh64` | fixed64 | checked unless 0, which means *not recorded* |
//!
//! What is decoded here is safe to use: every range lies inside the payload, every name is a
//! clean relative path, names are unique and no file is the folder of another. Order, gaps and
//! overlaps of frames carry no meaning and are not judged. The bytes are covered by the footer's
//! hash, which is verified before anything here is called.

mod entry;
mod footer;
mod name;
mod seek_table;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::Range;

pub(super) use entry::IndexEntry;
pub(super) use footer::{FOOTER_LEN, Footer};
pub(super) use name::{check_name, check_names};
pub(super) use seek_table::{FRAMES_MAX, FrameSpan, SeekTable};

use super::fault;
use super::wire::{self, Fields, Value};
use crate::Result;

const STRUCTURE: &str = "frame index";

/// Longest index that is read, bytes.
pub(super) const INDEX_LEN_MAX: u64 = 64 << 20;
/// Most files a payload may hold: bounds memory; a database has some thousands at most.
pub(super) const ENTRIES_MAX: usize = 1 << 18;

/// The decoded index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FrameIndex {
    /// One entry per file, in the order of the file.
    pub(super) entries: Vec<IndexEntry>,
    /// XXH64 of the manifest bytes; 0 when not recorded.
    pub(super) manifest_xxh64: u64,
}

impl FrameIndex {
    /// Decodes an index that stands at file offset `offset`; frames must lie inside `payload`.
    ///
    /// # Errors
    /// `DataLoss` for everything the format forbids; `ResourceExhausted` for more than
    /// [`ENTRIES_MAX`] entries.
    pub(super) fn decode(bytes: &[u8], offset: u64, payload: &Range<u64>) -> Result<Self> {
        let mut index = Self::default();
        let mut fields = Fields::new(STRUCTURE, bytes, offset);
        while let Some(field) = fields.next()? {
            match (field.number, field.value) {
                (1, Value::Bytes(message)) => {
                    if index.entries.len() == ENTRIES_MAX {
                        let bound = ENTRIES_MAX as u64;
                        return Err(fault::over_bound("files in the payload", "more", bound));
                    }
                    let entry = IndexEntry::decode(message, field.content_offset, payload)?;
                    index.entries.push(entry);
                }
                (2 | 3, Value::Varint(_)) => {}
                (4, Value::Fixed64(hash)) => index.manifest_xxh64 = hash,
                (1..=4, found) => {
                    let expected = format!("the wire type of field {}", field.number);
                    let found = format!("{found:?}");
                    return Err(fault::corrupt(STRUCTURE, field.offset, expected, found));
                }
                _ => {}
            }
        }
        index.check_unique(offset)?;
        Ok(index)
    }

    /// Encodes the index in the order of its fields, entries as they stand.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let (mut raw, mut compressed) = (0_u64, 0_u64);
        for entry in &self.entries {
            wire::put_bytes(&mut out, 1, &entry.encode());
            raw = raw.saturating_add(entry.raw_len);
            compressed = compressed.saturating_add(entry.compressed_len);
        }
        wire::put_uint(&mut out, 2, raw);
        wire::put_uint(&mut out, 3, compressed);
        wire::put_fixed64(&mut out, 4, self.manifest_xxh64);
        out
    }

    /// Sum of the raw lengths, saturating.
    pub(super) fn raw_len_total(&self) -> u64 {
        self.entries
            .iter()
            .fold(0, |sum, entry| sum.saturating_add(entry.raw_len))
    }

    fn check_unique(&self, offset: u64) -> Result<()> {
        let mut seen = HashSet::with_capacity(self.entries.len());
        for entry in &self.entries {
            if !seen.insert(entry.name.as_str()) {
                let found = format!("{} twice", entry.name);
                return Err(fault::corrupt(STRUCTURE, offset, "unique names", found));
            }
        }
        Ok(())
    }
}
