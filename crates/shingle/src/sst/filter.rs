//! Table-level Bloom filters in the format of LevelDB's built-in policy (`pebble-ondisk` §3.10).
//!
//! The block is `lines` cache lines of 64 bytes, the number of probes (u8), the number of lines
//! (u32). All probes of a key fall into one line. The filter of a table without points is an empty
//! block.

use crate::{Error, Result};

const STRUCTURE: &str = "sstable filter block";
const LINE_LEN: usize = 64;
const LINE_BITS: u32 = 512;
const FOOTER_LEN: usize = 5;

/// Name of the policy in properties and metaindex.
pub(super) const POLICY: &str = "rocksdb.BuiltinBloomFilter";

/// A filter that tells keys which are certainly absent.
#[derive(Debug)]
pub(super) struct Filter {
    lines: Vec<u8>,
    probes: u8,
    count: u32,
}

impl Filter {
    /// Takes the bytes of a filter block.
    pub(super) fn decode(mut block: Vec<u8>) -> Result<Self> {
        let len = block.len();
        if len == 0 {
            return Ok(Self {
                lines: block,
                probes: 0,
                count: 0,
            });
        }
        let footer = block.last_chunk::<FOOTER_LEN>().copied();
        let Some([probes, c0, c1, c2, c3]) = footer else {
            return Err(Error::corrupt(STRUCTURE, 0, "5 bytes or none", len));
        };
        let count = u32::from_le_bytes([c0, c1, c2, c3]);
        if (count as usize).checked_mul(LINE_LEN) != Some(len - FOOTER_LEN) {
            let expected = format_args!("{count} lines of 64 bytes");
            return Err(Error::corrupt(STRUCTURE, 0, expected, len - FOOTER_LEN));
        }
        block.truncate(len - FOOTER_LEN);
        Ok(Self {
            lines: block,
            probes,
            count,
        })
    }

    /// Whether `key` may be in the table; false is certain.
    pub(super) fn may_contain(&self, key: &[u8]) -> bool {
        if self.count == 0 {
            return false;
        }
        let mut probe = hash(key);
        let step = probe.rotate_right(17);
        let start = (probe % self.count) as usize * LINE_LEN;
        let line = self.lines.get(start..start + LINE_LEN).unwrap_or_default();
        (0..self.probes).all(|_| {
            let bit = probe % LINE_BITS;
            probe = probe.wrapping_add(step);
            line.get(bit as usize / 8)
                .is_some_and(|byte| byte >> (bit % 8) & 1 != 0)
        })
    }
}

/// Builds a filter; keeps four bytes per distinct key until it is finished.
#[derive(Debug)]
pub(super) struct FilterBuilder {
    bits_per_key: u32,
    hashes: Vec<u32>,
}

impl FilterBuilder {
    /// A builder of filters with `bits_per_key` bits per key.
    pub(super) fn new(bits_per_key: u32) -> Self {
        Self {
            bits_per_key,
            hashes: Vec::new(),
        }
    }

    /// Adds a key; consecutive keys with the same hash count once.
    #[inline]
    pub(super) fn add(&mut self, key: &[u8]) {
        let hash = hash(key);
        if self.hashes.last() != Some(&hash) {
            self.hashes.push(hash);
        }
    }

    /// The filter block.
    pub(super) fn finish(self) -> Vec<u8> {
        if self.hashes.is_empty() {
            return Vec::new();
        }
        let bits = self.hashes.len() as u64 * u64::from(self.bits_per_key);
        // An odd number of lines makes more bits of the hash choose the line.
        let count = bits.div_ceil(u64::from(LINE_BITS)) | 1;
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // ln 2 probes per bit, rounded down: 0.69.
        let probes = (u64::from(self.bits_per_key) * 69 / 100).clamp(1, 30);
        let probes = u8::try_from(probes).unwrap_or(1);
        let mut block = vec![0; count as usize * LINE_LEN];
        for hash in self.hashes {
            let (step, start) = (hash.rotate_right(17), (hash % count) as usize * LINE_LEN);
            let mut probe = hash;
            for _ in 0..probes {
                let bit = probe % LINE_BITS;
                if let Some(byte) = block.get_mut(start + bit as usize / 8) {
                    *byte |= 1 << (bit % 8);
                }
                probe = probe.wrapping_add(step);
            }
        }
        block.push(probes);
        block.extend_from_slice(&count.to_le_bytes());
        block
    }
}

/// The hash of the policy, which resembles Murmur.
fn hash(key: &[u8]) -> u32 {
    const SEED: u32 = 0xbc9f_1d34;
    const MULTIPLIER: u32 = 0xc6a4_a793;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the hash is defined on the low 32 bits of the length"
    )]
    let mut h = SEED ^ (key.len() as u32).wrapping_mul(MULTIPLIER);
    let (words, tail) = key.as_chunks::<4>();
    for word in words {
        h = h
            .wrapping_add(u32::from_le_bytes(*word))
            .wrapping_mul(MULTIPLIER);
        h ^= h >> 16;
    }
    // Bytes of the tail are sign-extended, as in the C++ original.
    for (i, byte) in tail.iter().enumerate().rev() {
        let extended = i32::from(byte.cast_signed()).cast_unsigned();
        h = h.wrapping_add(extended << (8 * i));
    }
    if !tail.is_empty() {
        h = h.wrapping_mul(MULTIPLIER);
        h ^= h >> 24;
    }
    h
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_vectors() {
        for (key, expected) in [
            (&b"apple"[..], 0x7c7f_163b),
            (b"apricot", 0x1ec3_0025),
            (b"", 0xbc9f_1d34),
            (b"\xfa", 0x3c2f_314f),
            (b"a\xfa\xfb", 0x8d91_4927),
        ] {
            assert_eq!(hash(key), expected, "{key:x?}");
        }
    }

    #[test]
    fn shapes_that_contradict_are_corrupt() {
        assert!(Filter::decode(vec![0; 4]).is_err());
        assert!(Filter::decode(vec![0; 70]).is_err());
        let mut block = vec![0; 69];
        (block[64], block[65]) = (6, 1);
        assert!(!Filter::decode(block).unwrap().may_contain(b"key"));
        assert!(!Filter::decode(vec![0; 5]).unwrap().may_contain(b"key"));
        assert!(!Filter::decode(Vec::new()).unwrap().may_contain(b"key"));
    }
}
