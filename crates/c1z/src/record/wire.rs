//! The protobuf wire format, field by field, without messages: what index derivation, views and the
//! wire-to-wire paths read and write.
//!
//! [`Fields`] walks the fields of one message and lends their bytes; it allocates nothing, bounds
//! every length by the slice it was given, and fails on what a protobuf parser must refuse. It knows
//! no schema: callers match numbers and take later values over earlier ones, as protobuf does. The
//! `put_*` functions append fields in the form that a deterministic encoder produces
//! (`messages` "Encoding rules").

use crate::{Error, Result};

/// Groups inside groups deeper than this are refused, not followed.
const GROUP_DEPTH_MAX: usize = 100;
/// Bytes of the longest varint.
const VARINT_LEN_MAX: usize = 10;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: a string, bytes, message, map entry or packed list.
    Bytes(&'a [u8]),
    /// Wire type 3: a group, without its end tag. No message of the formats uses one.
    Group(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The field number, at least 1.
    pub number: u32,
    /// The value.
    pub value: Value<'a>,
}

/// Walks the fields of one message.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    message: &'a [u8],
    position: usize,
}

impl<'a> Fields<'a> {
    /// The fields of `message`.
    pub fn new(message: &'a [u8]) -> Self {
        Self {
            message,
            position: 0,
        }
    }

    /// Offset in the message of the next field.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next field; none at the end. After an error the walk is over.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>> {
        if self.position >= self.message.len() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            2 => Value::Bytes(self.bytes()?),
            0 => Value::Varint(self.varint()?),
            _ => self.rare_value(number, wire_type)?,
        };
        Ok(Some(Field { number, value }))
    }

    #[cold]
    fn rare_value(&mut self, number: u32, wire_type: u8) -> Result<Value<'a>> {
        match wire_type {
            1 => Ok(Value::Fixed64(u64::from_le_bytes(self.array()?))),
            3 => self.group(number).map(Value::Group),
            5 => Ok(Value::Fixed32(u32::from_le_bytes(self.array()?))),
            other => Err(self.bad("a wire type of 0, 1, 2, 3 or 5", other)),
        }
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u8)> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).unwrap_or(0);
        let wire_type = (tag & 7) as u8;
        if number == 0 || number > 0x1fff_ffff {
            return Err(self.bad("a field number from 1 to 536870911", tag >> 3));
        }
        Ok((number, wire_type))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64> {
        if let Some(&byte) = self.message.get(self.position)
            && byte < 0x80
        {
            self.position += 1;
            return Ok(u64::from(byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for i in 0..VARINT_LEN_MAX {
            let Some(&byte) = self.message.get(self.position + i) else {
                return Err(self.bad("the rest of a varint", "the end of the message"));
            };
            let bits = u64::from(byte & 0x7f);
            if i == VARINT_LEN_MAX - 1 && byte > 1 {
                break;
            }
            value |= bits << (7 * i);
            if byte < 0x80 {
                self.position += i + 1;
                return Ok(value);
            }
        }
        Err(self.bad("a varint of at most 64 bits", "a longer one"))
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.varint()?;
        let left = self.message.len() - self.position;
        match usize::try_from(len) {
            Ok(len) if len <= left => {
                let start = self.position;
                self.position += len;
                Ok(self.message.get(start..self.position).unwrap_or_default())
            }
            _ => Err(self.bad("a length within the message", len)),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let tail = self.message.get(self.position..).unwrap_or_default();
        match tail.first_chunk::<N>() {
            Some(&bytes) => {
                self.position += N;
                Ok(bytes)
            }
            None => Err(self.bad("a fixed-width value", "the end of the message")),
        }
    }

    /// Walks over a group whose start tag was just read.
    fn group(&mut self, number: u32) -> Result<&'a [u8]> {
        let start = self.position;
        let mut open = vec![number];
        loop {
            let end = self.position;
            let (number, wire_type) = self.tag()?;
            match wire_type {
                3 if open.len() < GROUP_DEPTH_MAX => open.push(number),
                3 => return Err(self.bad("groups nested less deeply", GROUP_DEPTH_MAX)),
                4 if open.last() == Some(&number) => {
                    open.pop();
                    if open.is_empty() {
                        return Ok(self.message.get(start..end).unwrap_or_default());
                    }
                }
                4 => return Err(self.bad("the end of the open group", number)),
                0 => drop(self.varint()?),
                2 => drop(self.bytes()?),
                other => drop(self.rare_value(number, other)?),
            }
        }
    }

    /// The error for a known field of `structure` whose wire type is not the declared one. The walk
    /// stands behind the field.
    #[cold]
    pub(crate) fn wrong_type(&self, structure: &'static str) -> Error {
        let end = self.position as u64;
        Error::data_loss(structure, end, "the declared wire type", "another one")
    }

    #[cold]
    fn bad(&self, expected: &str, found: impl std::fmt::Display) -> Error {
        Error::data_loss("protobuf message", self.position as u64, expected, found)
    }
}

/// The text of a string field.
///
/// # Errors
/// Bytes that are not UTF-8.
#[inline]
pub fn text(bytes: &[u8]) -> Result<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => Err(Error::data_loss(
            "protobuf string",
            error.valid_up_to() as u64,
            "UTF-8",
            "other bytes",
        )),
    }
}

/// Bytes that `value` takes as a varint.
#[inline]
pub fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Bytes that a length-delimited field with a number below 16 takes.
#[inline]
pub fn bytes_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seven bits at a time, by definition"
        )]
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "less than 80 here")]
    out.push(value as u8);
}

/// Appends tag and length of a length-delimited field; its bytes follow.
#[inline]
pub fn put_header(out: &mut Vec<u8>, number: u32, len: usize) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, len as u64);
}

/// Appends a length-delimited field.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_header(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a string or bytes field unless it is empty, as proto3 encoders do.
#[inline]
pub fn put_nonempty(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_bytes(out, number, bytes);
    }
}
