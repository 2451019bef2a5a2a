//! Finding keys of a table in memory without comparing their way through it.
//!
//! Open addressing over twice as many slots as keys: a slot holds 32 bits of the key's hash, by which
//! almost all other keys are told apart, and the index of the key's newest entry.

use xxhash_rust::xxh64::xxh64;

use super::MemTable;

/// A hash over the keys of one table.
#[derive(Debug)]
pub(super) struct KeyHash {
    /// `tag << 32 | index + 1`; 0 is empty. A power of two of them.
    slots: Vec<u64>,
}

impl KeyHash {
    /// Hashes the keys of `table`. O(n).
    pub(super) fn new(table: &MemTable) -> Self {
        let mut hash = Self {
            slots: vec![0; (table.len() * 2).next_power_of_two()],
        };
        let mut last: Option<&[u8]> = None;
        for (at, entry) in (1_u64..).zip(&table.entries) {
            let key = table.key(entry);
            // The newest version comes first.
            if last != Some(key) {
                hash.insert(xxh64(key, 0), at);
            }
            last = Some(key);
        }
        hash
    }

    fn insert(&mut self, hashed: u64, at: u64) {
        let free = self.probe(hashed).find(|&(_, slot)| slot == 0);
        if let Some(slot) = free.and_then(|(place, _)| self.slots.get_mut(place)) {
            *slot = tag(hashed) | at;
        }
    }

    /// Index of the newest entry with `key`.
    pub(super) fn find(&self, table: &MemTable, key: &[u8]) -> Option<usize> {
        let hashed = xxh64(key, 0);
        let filled = self.probe(hashed).take_while(|&(_, slot)| slot != 0);
        let alike = filled.filter(|&(_, slot)| tag(slot) == tag(hashed));
        let mut found = alike.filter_map(|(_, slot)| {
            let at = usize::try_from(slot & u64::from(u32::MAX)).ok()?;
            at.checked_sub(1)
        });
        found.find(|&index| {
            let entry = table.entries.get(index);
            entry.is_some_and(|entry| table.key(entry) == key)
        })
    }

    /// The slots where a key may be, in the order in which they are tried.
    fn probe(&self, hashed: u64) -> impl Iterator<Item = (usize, u64)> {
        let len = self.slots.len();
        let start = usize::try_from(hashed & u64::from(u32::MAX)).unwrap_or_default();
        (0..len).map(move |step| {
            let place = (start + step) & (len - 1);
            (place, self.slots.get(place).copied().unwrap_or_default())
        })
    }
}

/// The part of a hash that a slot keeps; places come from the other part.
fn tag(hashed: u64) -> u64 {
    hashed & !u64::from(u32::MAX)
}
