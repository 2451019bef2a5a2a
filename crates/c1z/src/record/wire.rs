//! Protobuf fields of stored values, read and written without messages.
//!
//! A thin layer over [`c1z_proto::scan`] and [`c1z_proto::wire`]: faults become errors of this crate,
//! and a few shapes that records consist of are appended in one call, in the form that a deterministic
//! encoder produces. Callers match numbers and take later values over earlier ones, as protobuf does.

use c1z_proto::scan;
use c1z_proto::wire::{self, WireType};

pub(crate) use c1z_proto::scan::Value;
pub(crate) use c1z_proto::wire::{put_varint, varint_len};

use crate::{Error, Result};

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    /// The field number.
    pub(crate) number: u32,
    /// What it holds.
    pub(crate) value: Value<'a>,
}

/// Walks the fields of one message.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    message: &'a [u8],
    position: usize,
}

impl<'a> Fields<'a> {
    /// The fields of `message`.
    #[inline]
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Self {
            message,
            position: 0,
        }
    }

    /// The next field; none at the end. After an error the walk is over.
    ///
    /// Nearly every field of a record is a length-delimited one with a number below 16 and less than
    /// 128 bytes; those take the short way, and all others that of the scanner.
    #[inline]
    pub(crate) fn next_field(&mut self) -> Result<Option<Field<'a>>> {
        let rest = self.message.get(self.position..).unwrap_or_default();
        if let [tag, len, rest @ ..] = rest
            && *tag >= 1 << 3
            && *tag & 0x87 == 2
            && *len < 0x80
            && let Some(bytes) = rest.get(..usize::from(*len))
        {
            self.position += 2 + bytes.len();
            return Ok(Some(Field {
                number: u32::from(*tag >> 3),
                value: Value::Bytes(bytes),
            }));
        }
        if rest.is_empty() {
            return Ok(None);
        }
        self.scan_field(rest)
    }

    /// Where the walk stands: behind the field that came last, so behind the bytes of one that has bytes.
    pub(crate) const fn position(&self) -> usize {
        self.position
    }

    #[inline(never)]
    fn scan_field(&mut self, rest: &'a [u8]) -> Result<Option<Field<'a>>> {
        let Some(field) = scan::fields(rest).next() else {
            return Ok(None);
        };
        let field = field.map_err(|fault| self.malformed(fault))?;
        self.position += field.range.end;
        Ok(Some(Field {
            number: field.number,
            value: field.value,
        }))
    }

    #[cold]
    fn malformed(&mut self, fault: wire::Fault) -> Error {
        let offset = self.position + fault.offset;
        self.position = self.message.len();
        Error::data_loss(
            "protobuf message",
            offset as u64,
            "a well-formed field",
            fault,
        )
    }

    /// The error for a known field of `structure` whose wire type is not the declared one. The walk
    /// stands behind the field.
    #[cold]
    pub(crate) fn wrong_type(&self, structure: &'static str) -> Error {
        let end = self.position as u64;
        Error::data_loss(structure, end, "the declared wire type", "another one")
    }
}

/// The text of a string field.
///
/// # Errors
/// Bytes that are not UTF-8.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> Result<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => Err(not_text(error.valid_up_to())),
    }
}

#[cold]
fn not_text(offset: usize) -> Error {
    Error::data_loss("protobuf string", offset as u64, "UTF-8", "other bytes")
}

/// Bytes that a length-delimited field with a number below 16 takes.
#[inline]
pub(crate) const fn bytes_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// Appends tag and length of a length-delimited field; its bytes follow.
#[inline]
pub(crate) fn put_header(out: &mut Vec<u8>, number: u32, len: usize) {
    wire::put_tag(out, number, WireType::Bytes);
    put_varint(out, len as u64);
}

/// Appends a string or bytes field unless it is empty, as proto3 encoders do.
#[inline]
pub(crate) fn put_nonempty(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_bytes(out, number, bytes);
    }
}

/// Appends a length-delimited field.
#[inline]
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    wire::put_bytes_field(out, number, bytes);
}
