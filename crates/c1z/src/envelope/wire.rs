//! Protobuf wire format, as far as the frame index needs it.
//!
//! The index is decoded by hand and not through generated messages, so that an error can tell the
//! byte it is about, a wrong wire type on a known field is refused, and our own field
//! (`seek_table`) needs no change of the published schema.

use super::fault;
use crate::Result;

/// A value as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// A field with its place: `offset` is where its tag starts, counted like the reader's base.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    pub(super) value: Value<'a>,
    pub(super) offset: u64,
    /// Where the content of a [`Value::Bytes`] starts.
    pub(super) content_offset: u64,
}

/// Reads the fields of one message in order.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    structure: &'static str,
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Fields<'a> {
    /// The fields of `message`, which stands at file offset `offset`.
    pub(super) fn new(structure: &'static str, message: &'a [u8], offset: u64) -> Self {
        Self {
            structure,
            rest: message,
            offset,
        }
    }

    /// The next field, or `None` at the end of the message.
    ///
    /// # Errors
    /// `DataLoss` for a malformed or overlong varint, a length past the end, field number 0 and the
    /// group and reserved wire types, which no writer of this format uses.
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 {
            return Err(fault::corrupt(
                self.structure,
                offset,
                "a field number above 0",
                0,
            ));
        }
        let mut content_offset = self.offset;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = self.varint()?;
                content_offset = self.offset;
                Value::Bytes(self.bytes(len)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            other => {
                let found = format!("wire type {other}");
                return Err(fault::corrupt(
                    self.structure,
                    offset,
                    "wire type 0, 1, 2 or 5",
                    found,
                ));
            }
        };
        Ok(Some(Field {
            number,
            value,
            offset,
            content_offset,
        }))
    }

    fn varint(&mut self) -> Result<u64> {
        let Some((value, len)) = decode_varint(self.rest) else {
            let expected = "a varint of at most 10 bytes and 64 bits";
            return Err(fault::corrupt(
                self.structure,
                self.offset,
                expected,
                "none",
            ));
        };
        self.bytes(len as u64)?;
        Ok(value)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bytes(N as u64)?;
        bytes
            .try_into()
            .map_err(|_| fault::corrupt(self.structure, self.offset, N, bytes.len()))
    }

    fn bytes(&mut self, len: u64) -> Result<&'a [u8]> {
        let split = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len));
        let Some((head, rest)) = split else {
            let expected = format!("at most {} bytes", self.rest.len());
            let found = format!("a length of {len} bytes");
            return Err(fault::corrupt(self.structure, self.offset, expected, found));
        };
        self.rest = rest;
        self.offset += len;
        Ok(head)
    }
}

/// Value and length of the varint at the start of `bytes`; `None` if it is cut or passes 64 bits.
pub(super) fn decode_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (i, &byte) in bytes.iter().take(10).enumerate() {
        let low = u64::from(byte & 0x7f);
        if i == 9 && low > 1 {
            return None;
        }
        value |= low << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    None
}

/// Appends `value` as a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

/// Appends an integer field; the proto3 default 0 is left out.
pub(super) fn put_uint(out: &mut Vec<u8>, number: u64, value: u64) {
    if value != 0 {
        put_varint(out, number << 3);
        put_varint(out, value);
    }
}

/// Appends a `fixed64` field; the proto3 default 0 is left out.
pub(super) fn put_fixed64(out: &mut Vec<u8>, number: u64, value: u64) {
    if value != 0 {
        put_varint(out, number << 3 | 1);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Appends a length-delimited field; the proto3 default of no bytes is left out.
pub(super) fn put_bytes(out: &mut Vec<u8>, number: u64, value: &[u8]) {
    if !value.is_empty() {
        put_varint(out, number << 3 | 2);
        put_varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_survive_and_overlong_ones_are_refused() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(decode_varint(&out), Some((value, out.len())));
            assert_eq!(decode_varint(&out[..out.len() - 1]), None);
        }
        assert_eq!(decode_varint(&[0xff; 11]), None);
        assert_eq!(decode_varint(&[0x80; 9]), None);
        let mut over = vec![0xff; 9];
        over.push(2);
        assert_eq!(decode_varint(&over), None);
    }

    #[test]
    fn fields_tell_their_place_and_damage_is_named() {
        let mut message = Vec::new();
        put_uint(&mut message, 1, 300);
        put_bytes(&mut message, 2, b"abc");
        put_fixed64(&mut message, 3, 9);
        let mut fields = Fields::new("test", &message, 100);
        let first = fields.next().unwrap().unwrap();
        assert_eq!(
            (first.number, first.value, first.offset),
            (1, Value::Varint(300), 100)
        );
        let second = fields.next().unwrap().unwrap();
        assert_eq!(
            (second.value, second.content_offset),
            (Value::Bytes(b"abc"), 105)
        );
        assert_eq!(fields.next().unwrap().unwrap().value, Value::Fixed64(9));
        assert!(fields.next().unwrap().is_none());
        for cut in 1..message.len() {
            let mut fields = Fields::new("test", &message[..cut], 0);
            let ends_well = loop {
                match fields.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            assert_eq!(ends_well, [3, 8].contains(&cut), "cut at {cut}");
        }
        for bad in [&[0x03][..], &[0x04], &[0x06], &[0x07], &[0x00, 0x00]] {
            assert!(Fields::new("test", bad, 0).next().is_err(), "{bad:?}");
        }
    }
}
