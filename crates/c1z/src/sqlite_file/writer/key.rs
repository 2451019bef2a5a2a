//! Keys of an index as bytes whose bytewise order is the order of the index, so that sorting is
//! comparing memory.
//!
//! | value | bytes |
//! |---|---|
//! | null | `05` |
//! | integer | `10`, eight bytes big-endian with the sign bit flipped |
//! | text | `20`, the bytes with `00` as `00 ff`, `00 01` |
//! | blob | `30`, as text |
//!
//! The columns follow each other; the rowid comes last, as eight bytes with the sign bit flipped.
//! Reals are not encoded: no known index holds one.

use shingle::{Error, ErrorKind, Result};

use super::super::record;
use super::super::value::Value;

const NULL: u8 = 0x05;
const INTEGER: u8 = 0x10;
const TEXT: u8 = 0x20;
const BLOB: u8 = 0x30;
const SIGN: u64 = 1 << 63;
/// Length of the rowid at the end.
const ROWID_LEN: usize = 8;

/// Appends a column.
///
/// # Errors
/// `Unsupported` for a real.
pub(super) fn push_value(value: &Value<'_>, key: &mut Vec<u8>) -> Result<()> {
    match value {
        Value::Null => key.push(NULL),
        Value::Integer(value) => {
            key.push(INTEGER);
            push_rowid(*value, key);
        }
        Value::Text(bytes) => push_bytes(TEXT, bytes, key),
        Value::Blob(bytes) => push_bytes(BLOB, bytes, key),
        Value::Real(_) => {
            return Err(Error::unsupported(
                "a real number in an index to be written",
            ));
        }
    }
    Ok(())
}

/// Appends the rowid.
pub(super) fn push_rowid(rowid: i64, key: &mut Vec<u8>) {
    key.extend_from_slice(&(rowid.cast_unsigned() ^ SIGN).to_be_bytes());
}

fn push_bytes(tag: u8, bytes: &[u8], key: &mut Vec<u8>) {
    key.push(tag);
    let mut pieces = bytes.split(|byte| *byte == 0);
    key.extend_from_slice(pieces.next().unwrap_or_default());
    for piece in pieces {
        key.extend_from_slice(&[0, 0xff]);
        key.extend_from_slice(piece);
    }
    key.extend_from_slice(&[0, 1]);
}

/// The columns of a key, without the rowid.
pub(super) fn columns(key: &[u8]) -> &[u8] {
    key.get(..key.len().saturating_sub(ROWID_LEN))
        .unwrap_or_default()
}

/// The rowid of a key.
pub(super) fn rowid(key: &[u8]) -> i64 {
    let bytes = key.last_chunk().copied().unwrap_or_default();
    (u64::from_be_bytes(bytes) ^ SIGN).cast_signed()
}

/// Turns keys into records. Keeps its buffers.
#[derive(Debug, Default)]
pub(super) struct KeyDecoder {
    serials: Vec<u64>,
    body: Vec<u8>,
    has_null: bool,
}

impl KeyDecoder {
    /// Decodes a key and replaces `record` by the record of its entry.
    pub(super) fn decode(&mut self, key: &[u8], record: &mut Vec<u8>) -> Result<()> {
        self.serials.clear();
        self.body.clear();
        self.has_null = false;
        let mut rest = key;
        while rest.len() > ROWID_LEN {
            rest = self.column(rest)?;
        }
        let rowid = rest.first_chunk().ok_or_else(bad_key)?;
        self.integer(*rowid);
        record.clear();
        record::encode_header(self.serials.iter().copied(), record);
        record.extend_from_slice(&self.body);
        Ok(())
    }

    /// Whether a column of the last key was null.
    pub(super) fn has_null(&self) -> bool {
        self.has_null
    }

    fn column<'a>(&mut self, key: &'a [u8]) -> Result<&'a [u8]> {
        let (tag, rest) = key.split_first().ok_or_else(bad_key)?;
        match *tag {
            NULL => {
                self.has_null = true;
                self.serials.push(0);
                Ok(rest)
            }
            INTEGER => {
                let (value, rest) = rest.split_first_chunk().ok_or_else(bad_key)?;
                self.integer(*value);
                Ok(rest)
            }
            TEXT | BLOB => {
                let (len, rest) = self.bytes(rest)?;
                self.serials.push(if *tag == TEXT {
                    record::text_serial(len)
                } else {
                    record::blob_serial(len)
                });
                Ok(rest)
            }
            _ => Err(bad_key()),
        }
    }

    fn integer(&mut self, bytes: [u8; 8]) {
        let value = (u64::from_be_bytes(bytes) ^ SIGN).cast_signed();
        let serial = record::integer_serial(value);
        self.serials.push(serial);
        record::encode_integer(serial, value, &mut self.body);
    }

    /// Appends the bytes of a text or blob to the body; returns their number and what follows.
    fn bytes<'a>(&mut self, key: &'a [u8]) -> Result<(u64, &'a [u8])> {
        let before = self.body.len();
        let mut rest = key;
        loop {
            let zero = rest
                .iter()
                .position(|byte| *byte == 0)
                .ok_or_else(bad_key)?;
            let (piece, marked) = rest.split_at(zero);
            self.body.extend_from_slice(piece);
            match marked {
                [_, 0xff, after @ ..] => {
                    self.body.push(0);
                    rest = after;
                }
                [_, 1, after @ ..] => return Ok(((self.body.len() - before) as u64, after)),
                _ => return Err(bad_key()),
            }
        }
    }
}

fn bad_key() -> Error {
    Error::new(ErrorKind::Internal, "sqlite writer: a key that is not one")
}
