//! Reading and writing of the integers and strings that records are made of (`pebble-ondisk`,
//! conventions).
//!
//! [`Input`] walks a slice forwards and never past its end; every failure names the structure and
//! the offset. A `uvarint` is LEB128 in base 128, at most ten bytes; a `vstr` is a uvarint length
//! and that many bytes. Fixed integers are little-endian. Nothing here allocates for a length that
//! the input does not hold.

use crate::{Error, Result};

/// Most bytes that a `uvarint` of 64 bits takes.
pub(crate) const UVARINT_LEN_MAX: usize = 10;

/// A forward reader over the bytes of one structure.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    structure: &'static str,
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Input<'a> {
    /// Reads `bytes` as a `structure`; offsets in errors count from its first byte.
    pub(crate) fn new(structure: &'static str, bytes: &'a [u8]) -> Self {
        Self {
            structure,
            rest: bytes,
            offset: 0,
        }
    }

    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether every byte was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A corruption at the next byte.
    pub(crate) fn corrupt(
        &self,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Error {
        Error::corrupt(self.structure, self.offset, expected, found)
    }

    /// Takes `len` bytes.
    pub(crate) fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let split = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len));
        let Some((head, tail)) = split else {
            return Err(self.corrupt(
                format_args!("{len} more bytes"),
                format_args!("{} bytes", self.rest.len()),
            ));
        };
        self.rest = tail;
        self.offset += len;
        Ok(head)
    }

    /// Takes an array of `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((head, tail)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.corrupt(
                format_args!("{N} more bytes"),
                format_args!("{} bytes", self.rest.len()),
            ));
        };
        self.rest = tail;
        self.offset += N as u64;
        Ok(*head)
    }

    /// Takes one byte.
    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Takes a little-endian `u32`.
    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Takes a little-endian `u64`.
    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Takes a `uvarint`.
    pub(crate) fn uvarint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for (index, byte) in self.rest.iter().take(UVARINT_LEN_MAX).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if index == UVARINT_LEN_MAX - 1 && bits > 1 {
                break;
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                self.offset += index as u64 + 1;
                return Ok(value);
            }
        }
        Err(self.corrupt(
            "uvarint of at most 64 bits",
            format_args!("{} bytes without its end", self.rest.len()),
        ))
    }

    /// Takes a `vstr`.
    pub(crate) fn vstr(&mut self) -> Result<&'a [u8]> {
        let len = self.uvarint()?;
        self.take(len)
    }

    /// Demands that every byte was taken.
    pub(crate) fn finish(&self) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        Err(self.corrupt("end", format_args!("{} more bytes", self.rest.len())))
    }
}

/// Appends a `uvarint`.
pub(crate) fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a `vstr`.
pub(crate) fn put_vstr(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn uvarint_round_trips(value: u64, tail: Vec<u8>) {
            let mut bytes = Vec::new();
            put_uvarint(&mut bytes, value);
            prop_assert!(bytes.len() <= UVARINT_LEN_MAX);
            let len = bytes.len() as u64;
            bytes.extend_from_slice(&tail);
            let mut input = Input::new("test", &bytes);
            prop_assert_eq!(input.uvarint().unwrap(), value);
            prop_assert_eq!(input.offset(), len);
            prop_assert_eq!(input.rest, &tail[..]);
        }

        #[test]
        fn vstr_round_trips(value: Vec<u8>) {
            let mut bytes = Vec::new();
            put_vstr(&mut bytes, &value);
            let mut input = Input::new("test", &bytes);
            prop_assert_eq!(input.vstr().unwrap(), &value[..]);
            input.finish().unwrap();
        }
    }

    #[test]
    fn uvarint_beyond_64_bits_is_corrupt() {
        let mut most = [0xff_u8; 10];
        most[9] = 1;
        assert_eq!(Input::new("test", &most).uvarint().unwrap(), u64::MAX);
        most[9] = 2;
        assert!(Input::new("test", &most).uvarint().is_err());
        most[9] = 0x81;
        assert!(Input::new("test", &most).uvarint().is_err());
        assert!(Input::new("test", &[0x80]).uvarint().is_err());
    }

    #[test]
    fn a_length_beyond_the_input_is_corrupt_and_says_where() {
        let mut input = Input::new("thing", &[7, 0xff, 0xff, 0x03, 1]);
        input.u8().unwrap();
        let error = input.vstr().unwrap_err();
        let place = error.corruption().unwrap();
        assert_eq!((place.structure, place.offset), ("thing", 4));
    }
}
