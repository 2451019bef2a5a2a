//! Fingerprints of all derived families.

use super::expected::DERIVED;
use super::fingerprint::{Fingerprint, Seed, Selection};
use crate::keyspace::Family;

/// A fingerprint for each derived family.
#[derive(Clone, Debug)]
pub(crate) struct Sums([Fingerprint; DERIVED.len()]);

impl Sums {
    /// No rows.
    pub(crate) fn new(seed: Seed) -> Self {
        Self(DERIVED.map(|_| Fingerprint::new(seed)))
    }

    /// The fingerprint of `family`; none if it is not derived.
    pub(crate) fn of(&self, family: Family) -> Option<&Fingerprint> {
        let mut all = DERIVED.into_iter().zip(&self.0);
        all.find(|(derived, _)| *derived == family)
            .map(|(_, print)| print)
    }

    /// Adds a row.
    #[inline]
    pub(crate) fn add(&mut self, family: Family, key: &[u8], value: &[u8]) {
        let mut all = DERIVED.into_iter().zip(&mut self.0);
        if let Some((_, print)) = all.find(|(derived, _)| *derived == family) {
            print.add(key, value);
        }
    }

    /// Replaces the fingerprint of `family` by that of `other`.
    pub(crate) fn take_from(&mut self, other: &Self, family: Family) {
        let mut all = DERIVED.into_iter().zip(&mut self.0);
        if let (Some((_, mine)), Some(theirs)) = (
            all.find(|(derived, _)| *derived == family),
            other.of(family),
        ) {
            mine.clone_from(theirs);
        }
    }

    /// Where the sets of `family` differ.
    pub(crate) fn difference(&self, other: &Self, family: Family) -> Option<Selection> {
        self.of(family)?.difference(other.of(family)?)
    }
}
