//! Damaged keys and values of golden files: every way of reading them returns, and all ways agree.
//!
//! Mutations are those that decoders are sensitive to: bytes replaced, inserted, removed, doubled,
//! pieces of other rows spliced in, wire tags and separators written over. The generator is seeded;
//! `C1Z_DAMAGE_SEED` and `C1Z_DAMAGE_ROUNDS` replay one run or lengthen it.

use c1z::keyspace::{Family, Key};
use c1z::{digest, keyspace, record};

use crate::golden::{Case, cases};

/// Interesting bytes: separators, escapes, tags of record fields, length and varint edges.
const BYTES: [u8; 16] = [
    0x00, 0x01, 0x02, 0x03, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x32, 0x38, 0x42, 0x4a,
];

/// A small generator of pseudo-random numbers; its sequence is part of the test.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("a small number")
    }

    fn byte(&mut self) -> u8 {
        match self.below(2) {
            0 => BYTES[self.below(BYTES.len())],
            _ => self.next().to_le_bytes()[0],
        }
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(12)).min(bytes.len());
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] = self.byte(),
                1 => bytes.insert(at, self.byte()),
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let piece = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, piece));
                }
                4 => {
                    let from = self.below(other.len());
                    let to = (from + self.below(24)).min(other.len());
                    drop(bytes.splice(at..at, other[from..to].iter().copied()));
                }
                _ => bytes.extend_from_slice(other),
            }
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn damaged_rows_are_read_alike_in_every_way() {
    let seed = setting("C1Z_DAMAGE_SEED", 0x9e37_79b9_7f4a_7c15);
    let rounds = setting("C1Z_DAMAGE_ROUNDS", 2);
    println!("C1Z_DAMAGE_SEED={seed} C1Z_DAMAGE_ROUNDS={rounds}");
    let mut random = Random(seed | 1);
    let mut rows: Vec<_> = cases().iter().flat_map(Case::kv).collect();
    rows.retain(|(key, value)| key.len() + value.len() < 2_000);
    let (mut accepted_keys, mut accepted_grants) = (0, 0);
    for _ in 0..rounds {
        for (i, (key, value)) in rows.iter().enumerate() {
            let (other_key, other_value) = &rows[random.below(rows.len())];
            let (mut key, mut value) = (key.clone(), value.clone());
            let family = Family::of(&key).unwrap_or(Family::Metadata);
            random.mutate(&mut key, other_key);
            random.mutate(&mut value, other_value);
            keyspace::fuzz::key(&key);
            keyspace::fuzz::derive(&key, &value);
            if i % 64 == 0 {
                // An id with many colons has thousands of readings.
                keyspace::fuzz::bare_id(&String::from_utf8_lossy(&key));
            }
            record::fuzz::value(family, &value);
            record::fuzz::token(&String::from_utf8_lossy(&value));
            digest::fuzz::row(&key, &value);
            accepted_keys += usize::from(Key::parse(&key).is_ok());
            accepted_grants +=
                usize::from(family == Family::Grant && record::GrantView::parse(&value).is_ok());
        }
    }
    // The mutations must leave enough rows readable to compare ways of reading.
    println!("{accepted_keys} keys and {accepted_grants} grants accepted");
    assert!(accepted_keys > 2_000 && accepted_grants > 1_000);
}

#[test]
fn damaged_digests_are_refused_or_answer() {
    let mut random = Random(setting("C1Z_DAMAGE_SEED", 0x2545_f491_4f6c_dd1d) | 1);
    for case in cases() {
        let mut partitions: Vec<Vec<(Vec<u8>, Vec<u8>)>> = Vec::new();
        for (key, value) in case.kv() {
            if Family::of(&key) == Some(Family::DigestNode) {
                if value.len() == 17 {
                    partitions.push(Vec::new());
                }
                if let Some(rows) = partitions.last_mut() {
                    rows.push((key, value));
                }
            }
        }
        for mut rows in partitions {
            digest::fuzz::partition(&rows);
            for _ in 0..20 {
                let at = random.below(rows.len());
                let (key, value) = rows[at].clone();
                random.mutate(&mut rows[at].0, &value);
                random.mutate(&mut rows[at].1, &key);
                digest::fuzz::partition(&rows);
                rows[at].0 = key;
                digest::fuzz::partition(&rows);
                rows[at].1 = value;
            }
        }
    }
}
