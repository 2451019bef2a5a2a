//! Sets of rows compared without sorting: sums of hashes, by bucket.
//!
//! Every row falls into a bucket by the hash of its key, and a bucket is the number of its rows and
//! the sum of their 128-bit hashes. Two sets with the same sums are equal; damage and faulty writers
//! cannot make others, since the seed is drawn anew for each check. Rows of buckets that differ are
//! then sorted and compared one by one ([`super::indexes`]).

use xxhash_rust::xxh64::xxh64;

/// Number of buckets.
const BUCKETS: usize = 1024;

/// Seeds of the hashes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(pub(crate) u64);

/// Rows of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    rows: u64,
    sum: u128,
}

/// A set of rows.
#[derive(Clone, Debug)]
pub(crate) struct Fingerprint {
    seed: Seed,
    buckets: Vec<Bucket>,
}

impl Fingerprint {
    /// No rows.
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            seed,
            buckets: vec![Bucket::default(); BUCKETS],
        }
    }

    /// The bucket of a key, and its hash.
    fn place(seed: Seed, key: &[u8]) -> (usize, u64) {
        let hash = xxh64(key, seed.0);
        // The low bits of a hash are a number below 1024.
        (usize::try_from(hash % BUCKETS as u64).unwrap_or(0), hash)
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        let (place, first) = Self::place(self.seed, key);
        let second = xxh64(key, !self.seed.0);
        let mut hash = u128::from(first) << 64 | u128::from(second);
        if !value.is_empty() {
            hash ^= u128::from(xxh64(value, first)) << 64 | u128::from(xxh64(value, second));
        }
        if let Some(bucket) = self.buckets.get_mut(place) {
            bucket.rows += 1;
            bucket.sum = bucket.sum.wrapping_add(hash);
        }
    }

    /// The buckets in which the sets differ; none if they are equal.
    pub(crate) fn difference(&self, other: &Self) -> Option<Selection> {
        let pairs = self.buckets.iter().zip(&other.buckets);
        let differs: Vec<bool> = pairs.map(|(a, b)| a != b).collect();
        differs.contains(&true).then_some(Selection {
            seed: self.seed,
            buckets: differs,
        })
    }
}

/// Some of the buckets.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    seed: Seed,
    buckets: Vec<bool>,
}

impl Selection {
    /// All of them.
    pub(crate) fn all(seed: Seed) -> Self {
        Self {
            seed,
            buckets: vec![true; BUCKETS],
        }
    }

    /// Whether the row of `key` falls into one of them.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        let (place, _) = Fingerprint::place(self.seed, key);
        self.buckets.get(place).is_some_and(|selected| *selected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[(&str, &str)]) -> Fingerprint {
        let mut print = Fingerprint::new(Seed(7));
        for (key, value) in rows {
            print.add(key.as_bytes(), value.as_bytes());
        }
        print
    }

    #[test]
    fn order_means_nothing_and_every_change_shows() {
        let rows = [("a", "1"), ("b", "2"), ("c", "")];
        let mut turned = rows;
        turned.reverse();
        assert!(of(&rows).difference(&of(&turned)).is_none());
        for other in [
            &[("a", "1"), ("b", "2")][..],
            &[("a", "2"), ("b", "1"), ("c", "")],
            &[("a", "1"), ("b", "2"), ("d", "")],
            &[("a", "1"), ("b", "2"), ("c", "x")],
        ] {
            let difference = of(&rows).difference(&of(other)).unwrap();
            assert!(
                ["a", "b", "c"]
                    .iter()
                    .any(|key| difference.contains(key.as_bytes()))
            );
        }
    }
}
