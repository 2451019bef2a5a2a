//! The wire format of protobuf: varints, tags, length-delimited values, read and written.
//!
//! Reading is hostile-safe and allocates nothing; a [`Fault`] says what is wrong and where. The
//! walk over the fields of a message is in [`scan`](crate::scan). Facts: `messages` specification,
//! "Encoding rules", and the public encoding guide of the format.

use std::fmt;

#[cfg(test)]
mod tests;

/// Field numbers are below this.
pub const FIELD_NUMBER_MAX: u32 = (1 << 29) - 1;

/// What follows a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireType {
    /// A varint.
    Varint = 0,
    /// Eight bytes, little endian.
    Fixed64 = 1,
    /// A length as varint, then that many bytes.
    Bytes = 2,
    /// Fields up to the matching [`GroupEnd`](Self::GroupEnd).
    GroupStart = 3,
    /// Nothing.
    GroupEnd = 4,
    /// Four bytes, little endian.
    Fixed32 = 5,
}

/// Where bytes contradict the wire format, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Position in the slice that was handed in.
    pub offset: usize,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// How bytes contradict the wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// A value reaches beyond the end.
    Truncated,
    /// A varint has more than 64 bits.
    VarintOverflow,
    /// A field number is zero or too large.
    FieldNumber,
    /// A wire type that does not exist.
    WireType,
    /// A wire type that does not fit the field.
    WireTypeMismatch,
    /// A group that is not closed, or closed but not open.
    Group,
    /// Messages or groups inside each other beyond [`DEPTH_MAX`](crate::DEPTH_MAX).
    Depth,
    /// A string is not UTF-8.
    Utf8,
    /// A field occurs twice where it may occur once.
    Repeated,
}

impl FaultKind {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Truncated => "truncated value",
            Self::VarintOverflow => "varint of more than 64 bits",
            Self::FieldNumber => "field number out of range",
            Self::WireType => "unknown wire type",
            Self::WireTypeMismatch => "wire type does not fit the field",
            Self::Group => "group without start or end",
            Self::Depth => "nested too deeply",
            Self::Utf8 => "string is not UTF-8",
            Self::Repeated => "field occurs more than once",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: offset=`{}`", self.kind.text(), self.offset)
    }
}

impl std::error::Error for Fault {}

/// Splits a varint off the front. Of more than 64 bits only the lower are looked at by the callers
/// that want fewer; an encoding longer than need be is accepted.
#[inline]
pub fn split_varint(bytes: &[u8]) -> Result<(u64, &[u8]), FaultKind> {
    match bytes.split_first() {
        Some((&byte, rest)) if byte < 0x80 => Ok((u64::from(byte), rest)),
        _ => split_long_varint(bytes),
    }
}

/// [`split_varint`] for any length.
fn split_long_varint(bytes: &[u8]) -> Result<(u64, &[u8]), FaultKind> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        // The tenth byte holds the last of 64 bits.
        if index == 9 && byte > 1 {
            return Err(FaultKind::VarintOverflow);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((value, bytes.get(index + 1..).unwrap_or_default()));
        }
    }
    Err(FaultKind::Truncated)
}

/// Splits a tag off the front: field number and wire type.
#[inline]
pub fn split_tag(bytes: &[u8]) -> Result<(u32, WireType, &[u8]), FaultKind> {
    let (tag, rest) = split_varint(bytes)?;
    let number = u32::try_from(tag >> 3).unwrap_or(0);
    if number == 0 || number > FIELD_NUMBER_MAX {
        return Err(FaultKind::FieldNumber);
    }
    let wire_type = match tag & 7 {
        0 => WireType::Varint,
        1 => WireType::Fixed64,
        2 => WireType::Bytes,
        3 => WireType::GroupStart,
        4 => WireType::GroupEnd,
        5 => WireType::Fixed32,
        _ => return Err(FaultKind::WireType),
    };
    Ok((number, wire_type, rest))
}

/// Splits a length and that many bytes off the front.
#[inline]
pub fn split_bytes(bytes: &[u8]) -> Result<(&[u8], &[u8]), FaultKind> {
    let (length, rest) = split_varint(bytes)?;
    let length = usize::try_from(length).map_err(|_| FaultKind::Truncated)?;
    rest.split_at_checked(length).ok_or(FaultKind::Truncated)
}

/// How many bytes [`put_varint`] writes.
#[inline]
pub const fn varint_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Appends a varint.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the bits that are cut follow"
)]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a tag.
#[inline]
pub fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    put_varint(out, u64::from(number) << 3 | wire_type as u64);
}

/// Appends a field that holds a varint, also if it is zero.
#[inline]
pub fn put_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, WireType::Varint);
    put_varint(out, value);
}

/// Appends a field that holds bytes, a string or a message, also if it is empty.
#[inline]
pub fn put_bytes_field(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_tag(out, number, WireType::Bytes);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
