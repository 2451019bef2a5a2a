//! Damaged bytes: what a decoder has to survive.
//!
//! Exhaustive where the bytes are few, sampled from a seed where they are many. Every item tells where the damage is,
//! so that a failure can be repeated by hand.

use crate::chance::Chance;

/// Every proper prefix, the empty one first, with its length.
pub fn truncations(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (0..bytes.len()).filter_map(|len| Some((len, bytes.get(..len)?)))
}

/// `count` proper prefixes, the empty one and the longest one among them, in rising order.
pub fn sampled_truncations(
    bytes: &[u8],
    seed: u64,
    count: usize,
) -> impl Iterator<Item = (usize, &[u8])> {
    let mut chance = Chance::seeded(seed);
    let mut lens: Vec<usize> = (2..count).map(|_| chance.below(bytes.len())).collect();
    lens.extend([0, bytes.len().saturating_sub(1)]);
    lens.sort_unstable();
    lens.dedup();
    lens.retain(|len| *len < bytes.len());
    lens.into_iter()
        .filter_map(|len| Some((len, bytes.get(..len)?)))
}

/// The same bytes with one bit flipped. Bit 0 is the lowest bit of the first byte.
pub fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    if let Some(byte) = damaged.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
    damaged
}

/// Every single-bit flip, with the number of its bit. Quadratic in memory traffic: for short inputs.
pub fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| (bit, flipped(bytes, bit)))
}

/// `count` single-bit flips at bits drawn from a seed, each bit once.
pub fn sampled_flips(
    bytes: &[u8],
    seed: u64,
    count: usize,
) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let bits = bytes.len() * 8;
    let mut chance = Chance::seeded(seed);
    let mut drawn: Vec<usize> = if count >= bits {
        (0..bits).collect()
    } else {
        (0..count).map(|_| chance.below(bits)).collect()
    };
    drawn.sort_unstable();
    drawn.dedup();
    drawn.into_iter().map(|bit| (bit, flipped(bytes, bit)))
}

/// The same bytes with `with` written over those at `offset`; what stands beyond the end is left out.
pub fn patched(bytes: &[u8], offset: usize, with: &[u8]) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    for (byte, new) in damaged.iter_mut().skip(offset).zip(with) {
        *byte = *new;
    }
    damaged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_and_every_bit_comes_once() {
        let bytes = [0xA5, 0x00, 0xFF];
        let lens: Vec<usize> = truncations(&bytes).map(|(len, _)| len).collect();
        assert_eq!(lens, [0, 1, 2]);
        assert!(truncations(&bytes).all(|(len, prefix)| bytes[..len] == *prefix));
        let flipped: Vec<Vec<u8>> = flips(&bytes).map(|(_, damaged)| damaged).collect();
        assert_eq!(flipped.len(), 24);
        for (bit, damaged) in flips(&bytes) {
            let differing: u32 = bytes
                .iter()
                .zip(&damaged)
                .map(|(a, b)| (a ^ b).count_ones())
                .sum();
            assert_eq!(differing, 1);
            assert_ne!(bytes[bit / 8], damaged[bit / 8]);
        }
    }

    #[test]
    fn samples_are_those_of_their_seed() {
        let bytes = Chance::seeded(1).bytes(1_000);
        let bits = |seed| {
            sampled_flips(&bytes, seed, 50)
                .map(|(bit, _)| bit)
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(7), bits(7));
        assert_ne!(bits(7), bits(8));
        assert!(bits(7).len() > 40 && bits(7).is_sorted_by(|a, b| a < b));
        assert_eq!(sampled_flips(&bytes[..2], 7, 99).count(), 16);
        let lens: Vec<usize> = sampled_truncations(&bytes, 7, 20)
            .map(|(len, _)| len)
            .collect();
        assert!(lens.len() > 15 && lens.first() == Some(&0) && lens.last() == Some(&999));
        assert_eq!(sampled_truncations(&[], 7, 20).count(), 0);
    }

    #[test]
    fn a_patch_keeps_the_length() {
        assert_eq!(patched(&[1, 2, 3], 1, &[9, 9, 9]), [1, 9, 9]);
        assert_eq!(patched(&[1, 2, 3], 7, &[9]), [1, 2, 3]);
    }
}
