//! A walk over the fields of a message without decoding it.
//!
//! This is how identities are read from stored values: copies, merges and indexes need a few short
//! fields of a record and no more. Nothing is allocated or copied, every step is bounded by the
//! slice, and a fault ends the walk. Nothing is known about the schema here: whether a
//! length-delimited value is a string, bytes or a message is for the caller to say, and fields of
//! any number and order are handed out as they come.
//!
//! ```
//! use c1z_proto::scan;
//!
//! // { 1: "group", 2: 150 }
//! let bytes = b"\x0a\x05group\x10\x96\x01";
//! assert_eq!(scan::only_str(bytes, 1), Ok("group"));
//! assert_eq!(scan::fields(bytes).count(), 2);
//! ```

use std::ops::Range;

use crate::wire::{Fault, FaultKind, WireType, split_bytes, split_tag, split_varint};

#[cfg(test)]
mod tests;

/// Groups may stand inside each other this deep. No message of ours has groups.
const GROUP_DEPTH_MAX: usize = 32;

/// One field as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// The field number.
    pub number: u32,
    /// What it holds.
    pub value: Value<'a>,
    /// Where tag and value stand in the message.
    pub range: Range<usize>,
}

/// What a field holds, as far as the wire says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A varint.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// Four bytes.
    Fixed32(u32),
    /// String, bytes, message or packed numbers.
    Bytes(&'a [u8]),
    /// The fields of a group, without its end tag.
    Group(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The wire type that stood in the tag.
    pub const fn wire_type(&self) -> WireType {
        match self {
            Self::Varint(_) => WireType::Varint,
            Self::Fixed64(_) => WireType::Fixed64,
            Self::Fixed32(_) => WireType::Fixed32,
            Self::Bytes(_) => WireType::Bytes,
            Self::Group(_) => WireType::GroupStart,
        }
    }

    /// The bytes, if it is a length-delimited value.
    #[inline]
    pub const fn bytes(&self) -> Option<&'a [u8]> {
        match *self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// The fields of a message in wire order; see [`fields`].
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    /// Not yet walked.
    rest: &'a [u8],
    /// Length of the whole message.
    len: usize,
}

/// Walks over the fields of a message. After a fault the walk is over.
#[inline]
pub const fn fields(message: &[u8]) -> Fields<'_> {
    Fields {
        rest: message,
        len: message.len(),
    }
}

impl Fields<'_> {
    /// Where the next field starts.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.len - self.rest.len()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let start = self.offset();
        match split_field(self.rest) {
            Ok((number, value, rest)) => {
                self.rest = rest;
                Some(Ok(Field {
                    number,
                    value,
                    range: start..self.offset(),
                }))
            }
            Err(kind) => {
                self.rest = &[];
                Some(Err(Fault {
                    offset: start,
                    kind,
                }))
            }
        }
    }
}

impl std::iter::FusedIterator for Fields<'_> {}

/// Splits one field off the front.
#[inline]
fn split_field(bytes: &[u8]) -> Result<(u32, Value<'_>, &[u8]), FaultKind> {
    let (number, wire_type, rest) = split_tag(bytes)?;
    let (value, rest) = match wire_type {
        WireType::Bytes => {
            let (value, rest) = split_bytes(rest)?;
            (Value::Bytes(value), rest)
        }
        WireType::Varint => {
            let (value, rest) = split_varint(rest)?;
            (Value::Varint(value), rest)
        }
        WireType::Fixed64 => {
            let (value, rest) = rest.split_first_chunk().ok_or(FaultKind::Truncated)?;
            (Value::Fixed64(u64::from_le_bytes(*value)), rest)
        }
        WireType::Fixed32 => {
            let (value, rest) = rest.split_first_chunk().ok_or(FaultKind::Truncated)?;
            (Value::Fixed32(u32::from_le_bytes(*value)), rest)
        }
        WireType::GroupStart => {
            let (value, rest) = split_group(number, rest)?;
            (Value::Group(value), rest)
        }
        WireType::GroupEnd => return Err(FaultKind::Group),
    };
    Ok((number, value, rest))
}

/// Splits the fields of an open group off the front, and drops its end tag.
#[cold]
fn split_group(number: u32, bytes: &[u8]) -> Result<(&[u8], &[u8]), FaultKind> {
    let mut open = [0_u32; GROUP_DEPTH_MAX];
    let mut depth = 0;
    let mut current = number;
    let mut rest = bytes;
    loop {
        let (number, wire_type, after_tag) = split_tag(rest)?;
        rest = match wire_type {
            WireType::GroupStart => {
                *open.get_mut(depth).ok_or(FaultKind::Depth)? = current;
                depth += 1;
                current = number;
                after_tag
            }
            WireType::GroupEnd if number != current => return Err(FaultKind::Group),
            WireType::GroupEnd if depth == 0 => {
                let length = bytes.len() - rest.len();
                return Ok((bytes.get(..length).unwrap_or_default(), after_tag));
            }
            WireType::GroupEnd => {
                depth -= 1;
                current = open.get(depth).copied().unwrap_or_default();
                after_tag
            }
            // Not a group, so this does not recurse.
            _ => split_field(rest)?.2,
        };
    }
}

/// The value of a length-delimited field that may occur once; `None` if it is absent.
///
/// Walks the whole message. A field that occurs twice is a fault, as is another wire type: readers
/// differ in what they make of those, and an identity must not depend on the reader.
pub fn only(message: &[u8], number: u32) -> Result<Option<&[u8]>, Fault> {
    Ok(find_only(message, number)?.map(|(value, _)| value))
}

/// [`only`] for a string; empty if it is absent.
pub fn only_str(message: &[u8], number: u32) -> Result<&str, Fault> {
    let Some((bytes, offset)) = find_only(message, number)? else {
        return Ok("");
    };
    std::str::from_utf8(bytes).map_err(|error| Fault {
        offset: offset + error.valid_up_to(),
        kind: FaultKind::Utf8,
    })
}

/// The value of a field that may occur once, and where it starts.
fn find_only(message: &[u8], number: u32) -> Result<Option<(&[u8], usize)>, Fault> {
    let mut found = None;
    for field in fields(message) {
        let field = field?;
        if field.number != number {
            continue;
        }
        let fault = |kind| Fault {
            offset: field.range.start,
            kind,
        };
        let value = field
            .value
            .bytes()
            .ok_or_else(|| fault(FaultKind::WireTypeMismatch))?;
        if found
            .replace((value, field.range.end - value.len()))
            .is_some()
        {
            return Err(fault(FaultKind::Repeated));
        }
    }
    Ok(found)
}
