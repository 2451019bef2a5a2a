//! Whose parent is whose, by number, and which are wanted.

use crate::Result;
use crate::budget::{MemoryBudget, Reservation};

/// Bytes for each: the number of the parent, and whether it is wanted.
const BYTES: u64 = 5;

/// No parent. No number either: of so many one less exist.
const NONE: u32 = u32::MAX;

/// A parent for each of a number of things. Chains may be of any length, and circles.
pub(super) struct Chains {
    parents: Vec<u32>,
    wanted: Vec<bool>,
    _memory: Reservation,
}

impl Chains {
    /// `count` of them, without parents, none wanted.
    ///
    /// # Errors
    /// `ResourceExhausted` if the budget has not five bytes for each.
    pub(super) fn of(count: u32, budget: &MemoryBudget) -> Result<Self> {
        let memory = budget.reserve(
            u64::from(count) * BYTES,
            "table of the parents of resources",
        )?;
        Ok(Self {
            parents: vec![NONE; count as usize],
            wanted: vec![false; count as usize],
            _memory: memory,
        })
    }

    pub(super) fn set_parent(&mut self, child: u32, parent: u32) {
        if let Some(slot) = self.parents.get_mut(child as usize) {
            *slot = parent;
        }
    }

    pub(super) fn want(&mut self, number: u32) {
        if let Some(slot) = self.wanted.get_mut(number as usize) {
            *slot = true;
        }
    }

    pub(super) fn is_wanted(&self, number: u32) -> bool {
        self.wanted.get(number as usize) == Some(&true)
    }

    /// Wants the parents of all that are wanted, and theirs. Linear: a walk ends where another one was, or will begin.
    pub(super) fn follow(&mut self) {
        for start in 0..self.wanted.len() {
            let mut at = start;
            if self.wanted.get(at) != Some(&true) {
                continue;
            }
            while let Some(parent) = self.parents.get(at) {
                at = *parent as usize;
                match self.wanted.get_mut(at) {
                    Some(wanted) if !*wanted => *wanted = true,
                    _ => break,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(parents: &[(u32, u32)], starts: &[u32]) -> Vec<u32> {
        let mut chains = Chains::of(8, &MemoryBudget::new(40)).unwrap();
        for (child, parent) in parents {
            chains.set_parent(*child, *parent);
        }
        for start in starts {
            chains.want(*start);
        }
        chains.follow();
        (0..8).filter(|number| chains.is_wanted(*number)).collect()
    }

    #[test]
    fn chains_end_at_their_roots_and_circles_where_they_began() {
        assert_eq!(wanted(&[(0, 1), (1, 2), (3, 4)], &[0]), [0, 1, 2]);
        // Downwards, and into a chain that another one has.
        assert_eq!(
            wanted(&[(7, 5), (5, 1), (6, 5), (1, 0)], &[6, 7]),
            [0, 1, 5, 6, 7]
        );
        assert_eq!(
            wanted(&[(0, 1), (1, 2), (2, 0), (3, 2)], &[3]),
            [0, 1, 2, 3]
        );
        assert_eq!(wanted(&[(4, 4)], &[4]), [4]);
        assert_eq!(wanted(&[(0, 1)], &[]), [0; 0]);
    }

    #[test]
    fn a_table_that_does_not_fit_is_refused() {
        let error = Chains::of(9, &MemoryBudget::new(40)).map(drop).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::ResourceExhausted);
    }
}
