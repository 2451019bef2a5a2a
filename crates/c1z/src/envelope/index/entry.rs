//! One file of the payload, as the frame index describes it.
//!
//! | # | field | type | bounds |
//! |---|---|---|---|
//! | 1 | `name` | string | 1 to 4096 bytes, a clean relative path |
//! | 2 | `frame_offset` | int64 | from the start of the file, inside the payload |
//! | 3 | `compressed_size` | int64 | above 0, inside the payload |
//! | 4 | `raw_size` | int64 | not negative |
//! | 5 | `raw_xxh64` | fixed64 | XXH64 of the decoded bytes, seed 0 |
//! | 6 | `raw_sha256` | bytes | exactly 32 |
//! | 2001 | `seek_table` | bytes | ours, see [`SeekTable`] |

use std::ops::Range;

use super::super::fault;
use super::super::wire::{self, Field, Fields, Value};
use super::name::check_name;
use super::seek_table::SeekTable;
use crate::Result;

const STRUCTURE: &str = "frame index entry";
const FIELD_SEEK_TABLE: u64 = 2001;

/// One file of the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    /// Path relative to the payload, `/` between folders.
    pub(crate) name: String,
    /// Where its frames start, from the start of the envelope.
    pub(crate) frame_offset: u64,
    /// Length of its frames.
    pub(crate) compressed_len: u64,
    /// Decoded length.
    pub(crate) raw_len: u64,
    /// XXH64 of the decoded bytes.
    pub(crate) raw_xxh64: u64,
    /// SHA-256 of the decoded bytes.
    pub(crate) raw_sha256: [u8; 32],
    /// Where its independent frames are cut, if recorded.
    pub(crate) seek_table: Option<SeekTable>,
}

impl IndexEntry {
    /// The range of its frames in the envelope.
    pub(crate) fn frames(&self) -> Range<u64> {
        self.frame_offset..self.frame_offset + self.compressed_len
    }

    /// Decodes an entry that stands at file offset `offset`; frames must lie inside `payload`.
    pub(super) fn decode(bytes: &[u8], offset: u64, payload: &Range<u64>) -> Result<Self> {
        let mut raw = RawEntry::default();
        let mut fields = Fields::new(STRUCTURE, bytes, offset);
        while let Some(field) = fields.next()? {
            raw.set(&field)?;
        }
        raw.check(offset, payload)
    }

    /// Encodes the fields in order.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.name.len() + 80);
        wire::put_bytes(&mut out, 1, self.name.as_bytes());
        wire::put_uint(&mut out, 2, self.frame_offset);
        wire::put_uint(&mut out, 3, self.compressed_len);
        wire::put_uint(&mut out, 4, self.raw_len);
        wire::put_fixed64(&mut out, 5, self.raw_xxh64);
        wire::put_bytes(&mut out, 6, &self.raw_sha256);
        if let Some(table) = &self.seek_table {
            wire::put_bytes(&mut out, FIELD_SEEK_TABLE, &table.encode());
        }
        out
    }
}

/// The fields as they stand, the last of each winning.
#[derive(Debug, Default)]
struct RawEntry<'a> {
    name: &'a [u8],
    frame_offset: u64,
    compressed_size: u64,
    raw_size: u64,
    raw_xxh64: u64,
    raw_sha256: &'a [u8],
    seek_table: Option<(&'a [u8], u64)>,
}

impl<'a> RawEntry<'a> {
    fn set(&mut self, field: &Field<'a>) -> Result<()> {
        match (field.number, field.value) {
            (1, Value::Bytes(name)) => self.name = name,
            (2, Value::Varint(v)) => self.frame_offset = v,
            (3, Value::Varint(v)) => self.compressed_size = v,
            (4, Value::Varint(v)) => self.raw_size = v,
            (5, Value::Fixed64(v)) => self.raw_xxh64 = v,
            (6, Value::Bytes(hash)) => self.raw_sha256 = hash,
            (FIELD_SEEK_TABLE, Value::Bytes(table)) => {
                self.seek_table = Some((table, field.content_offset));
            }
            (1..=6 | FIELD_SEEK_TABLE, found) => {
                let expected = format!("the wire type of field {}", field.number);
                let found = format!("{found:?}");
                return Err(fault::corrupt(STRUCTURE, field.offset, expected, found));
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&self, offset: u64, payload: &Range<u64>) -> Result<IndexEntry> {
        let name = check_name(STRUCTURE, offset, self.name)?;
        let corrupt = |what: &str, expected: String, found: String| {
            Err(fault::corrupt(
                STRUCTURE,
                offset,
                format!("{what} {expected}"),
                found,
            ))
        };
        if i64::try_from(self.raw_size).is_err() {
            return corrupt(
                "raw_size",
                "not negative".into(),
                format!("{}", self.raw_size),
            );
        }
        // Negative values are huge here and fall to the same checks.
        let end = self.frame_offset.checked_add(self.compressed_size);
        let inside = self.compressed_size > 0
            && self.frame_offset >= payload.start
            && end.is_some_and(|end| end <= payload.end);
        if !inside {
            let expected = format!("inside {}..{}", payload.start, payload.end);
            let found = format!("{} bytes at {}", self.compressed_size, self.frame_offset);
            return corrupt("frames", expected, found);
        }
        let Ok(raw_sha256) = <[u8; 32]>::try_from(self.raw_sha256) else {
            let found = format!("{} bytes", self.raw_sha256.len());
            return corrupt("raw_sha256", "of 32 bytes".into(), found);
        };
        let seek_table = match self.seek_table {
            Some((table, at)) => Some(SeekTable::decode(
                table,
                at,
                self.compressed_size,
                self.raw_size,
            )?),
            None => None,
        };
        Ok(IndexEntry {
            name: name.to_owned(),
            frame_offset: self.frame_offset,
            compressed_len: self.compressed_size,
            raw_len: self.raw_size,
            raw_xxh64: self.raw_xxh64,
            raw_sha256,
            seek_table,
        })
    }
}
