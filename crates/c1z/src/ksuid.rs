//! Sync ids: K-sortable unique ids, 20 bytes that print as 27 characters.
//!
//! | bytes | content |
//! |---|---|
//! | 0..4 | seconds since 2014-05-13 16:53:20 UTC, big-endian |
//! | 4..20 | random |
//!
//! The text is the 160-bit number in base 62 (digits, capitals, small letters), padded with `0`. Byte
//! order, text order and time order agree to the second. Only canonical text is accepted; clock and
//! entropy are the caller's (`c1z3-keyspace` §6.2).

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// Seconds between the Unix epoch and the epoch of these ids.
const EPOCH_UNIX_SECONDS: u64 = 1_400_000_000;
/// Characters of the text form.
const TEXT_LEN: usize = 27;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A sync id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ksuid([u8; 20]);

impl Ksuid {
    /// The id of a moment and 16 random bytes.
    ///
    /// # Errors
    /// Invalid argument for a moment outside 2014-05-13 to 2150-06-19.
    pub fn new(unix_seconds: u64, entropy: [u8; 16]) -> Result<Self> {
        let since_epoch = unix_seconds
            .checked_sub(EPOCH_UNIX_SECONDS)
            .and_then(|seconds| u32::try_from(seconds).ok());
        let Some(since_epoch) = since_epoch else {
            return Err(Error::invalid(format!(
                "no sync id can hold the time unix_seconds=`{unix_seconds}`"
            )));
        };
        let mut bytes = [0; 20];
        let (time, random) = bytes.split_at_mut(4);
        time.copy_from_slice(&since_epoch.to_be_bytes());
        random.copy_from_slice(&entropy);
        Ok(Self(bytes))
    }

    /// The id of the given bytes.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// When the id was made, in seconds since the Unix epoch.
    pub fn unix_seconds(&self) -> u64 {
        let [a, b, c, d, ..] = self.0;
        u64::from(u32::from_be_bytes([a, b, c, d])) + EPOCH_UNIX_SECONDS
    }

    /// Reads the canonical text.
    ///
    /// # Errors
    /// Invalid argument for another length, a character outside the alphabet, or a number above 160
    /// bits.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| Err(Error::invalid(format!("sync id {why} id=`{text}`")));
        if text.len() != TEXT_LEN {
            return bad("is not 27 characters long");
        }
        // Five 32-bit digits, most significant first.
        let mut number = [0u32; 5];
        for character in text.bytes() {
            let Some(mut carry) = digit(character) else {
                return bad("holds a character outside 0-9A-Za-z");
            };
            for place in number.iter_mut().rev() {
                let value = u64::from(*place) * 62 + carry;
                *place = low_half(value);
                carry = value >> 32;
            }
            if carry != 0 {
                return bad("is above the greatest");
            }
        }
        let mut bytes = [0; 20];
        for (chunk, place) in bytes.chunks_exact_mut(4).zip(number) {
            chunk.copy_from_slice(&place.to_be_bytes());
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Ksuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = [0u32; 5];
        for (place, chunk) in number.iter_mut().zip(self.0.chunks_exact(4)) {
            *place = chunk
                .iter()
                .fold(0, |value, &byte| value << 8 | u32::from(byte));
        }
        let mut text = [b'0'; TEXT_LEN];
        for character in text.iter_mut().rev() {
            let mut remainder = 0u64;
            for place in &mut number {
                let value = remainder << 32 | u64::from(*place);
                *place = low_half(value / 62);
                remainder = value % 62;
            }
            let index = usize::try_from(remainder).unwrap_or_default();
            *character = ALPHABET.get(index).copied().unwrap_or(b'0');
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl FromStr for Ksuid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

fn digit(character: u8) -> Option<u64> {
    let value = match character {
        b'0'..=b'9' => character - b'0',
        b'A'..=b'Z' => character - b'A' + 10,
        b'a'..=b'z' => character - b'a' + 36,
        _ => return None,
    };
    Some(u64::from(value))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the low 32 bits are what is wanted"
)]
fn low_half(value: u64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests;
