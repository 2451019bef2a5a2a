//! Which principals have been seen, within the memory budget.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use c1z::MemoryBudget;
use c1z::engine::types::ResourceRef;

use crate::memory::Tally;

/// Bytes for one entry: 16 in a hash table that may be half full, and as much again while it grows.
const ENTRY_BYTES: usize = 64;

/// Remembers principals by 128 bits of two keyed hashes. The keys are drawn anew in each run, so
/// nobody can write two principals that look the same.
pub(super) struct Distinct {
    keys: [RandomState; 2],
    seen: HashSet<[u64; 2]>,
    tally: Tally,
}

impl Distinct {
    pub(super) fn new(budget: &MemoryBudget) -> Self {
        Self {
            keys: [RandomState::new(), RandomState::new()],
            seen: HashSet::new(),
            tally: Tally::new(budget, "distinct principals"),
        }
    }

    /// Whether this is the first time.
    ///
    /// # Errors
    /// `ResourceExhausted` when the budget holds no more principals.
    pub(super) fn is_new(&mut self, principal: &ResourceRef) -> c1z::Result<bool> {
        let [first, second] = &self.keys;
        let hash = [first.hash_one(principal), second.hash_one(principal)];
        let new = self.seen.insert(hash);
        if new {
            self.tally.add(ENTRY_BYTES)?;
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_new_once_until_the_budget_ends() {
        let mut distinct = Distinct::new(&MemoryBudget::new(1 << 20));
        let principal = |i: usize| ResourceRef::new("user", i.to_string());
        let most = (1 << 20) / ENTRY_BYTES;
        for i in 0..most - 1 {
            assert!(distinct.is_new(&principal(i)).unwrap());
            assert!(!distinct.is_new(&principal(i / 2)).unwrap());
        }
        assert!(distinct.is_new(&ResourceRef::new("use", "r1")).unwrap());
        let error = distinct.is_new(&principal(most)).unwrap_err();
        assert_eq!(error.kind(), c1z::ErrorKind::ResourceExhausted);
    }
}
