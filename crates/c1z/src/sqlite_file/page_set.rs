//! Sets of pages.

use super::pager::PageNo;

/// A set of page numbers, one bit each.
pub(super) struct PageSet {
    words: Vec<u64>,
}

impl PageSet {
    pub(super) fn new(page_count: u32) -> Self {
        Self {
            words: vec![0; page_count as usize / 64 + 1],
        }
    }

    /// Adds a page; false if it was there.
    pub(super) fn insert(&mut self, no: PageNo) -> bool {
        let (word, bit) = (no.0 as usize / 64, 1 << (no.0 % 64));
        match self.words.get_mut(word) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }

    pub(super) fn contains(&self, no: PageNo) -> bool {
        let word = self.words.get(no.0 as usize / 64);
        word.is_some_and(|word| *word >> (no.0 % 64) & 1 == 1)
    }
}
