//! The table of hashes that one side of a comparison becomes: a window of all hashes that fits into
//! memory.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::{Change, Compared};
use crate::Result;
use crate::budget::{MemoryBudget, Reservation};
use crate::engine::Identity;

/// Bytes of the budget for one entry: 33 in a hash table that may be a little more than half full,
/// and half as much again while it grows.
const ENTRY_BYTES: u64 = 96;

/// A table smaller than this would compare in more scans than anybody waits for.
const ENTRIES_MIN: u64 = 1_000;

/// The first 16 bytes of a SHA-256: nobody who writes records can make two of them look the same.
pub(crate) type Hash = [u8; 16];

#[derive(Debug)]
struct Seen {
    content: Hash,
    seen: bool,
}

/// The records of the base whose hashed identity begins with a number from `start` on and before
/// `end`.
#[derive(Debug)]
pub(crate) struct Window {
    table: HashMap<Hash, Seen>,
    entries_max: usize,
    start: u64,
    /// None: up to the last.
    end: Option<u64>,
    seen: usize,
    _share: Reservation,
}

impl Window {
    /// The window of all hashes, empty.
    pub(crate) fn new(budget: &MemoryBudget) -> Result<Self> {
        let left = budget.limit().saturating_sub(budget.used());
        let bytes = (left / 2).max(ENTRIES_MIN * ENTRY_BYTES);
        Ok(Self {
            table: HashMap::new(),
            entries_max: usize::try_from(bytes / ENTRY_BYTES).unwrap_or(usize::MAX),
            start: 0,
            end: None,
            seen: 0,
            _share: budget.reserve(bytes, "table of hashes of a comparison")?,
        })
    }

    /// Takes a record of the base in, if it is in the window. A full table halves the window.
    pub(super) fn learn<R: Compared>(&mut self, record: &R, identity: Identity) {
        let key = identity_hash(record, identity);
        if self.holds(&key) {
            self.learn_hashes(key, content_hash(record));
        }
    }

    /// [`Window::learn`] for a row by the hashes of its identity and its content.
    pub(crate) fn learn_hashes(&mut self, key: Hash, content: Hash) {
        if !self.holds(&key) {
            return;
        }
        self.table.insert(
            key,
            Seen {
                content,
                seen: false,
            },
        );
        while self.table.len() > self.entries_max {
            let end = self.middle();
            self.end = Some(end);
            self.table.retain(|key, _| number(key) < end);
        }
        // Hashes are spread evenly, so a window of width one holds one entry and the loop ends.
    }

    /// What happened to a record of the applied sync; none if nothing did, or if it is outside the
    /// window.
    pub(super) fn judge<R: Compared>(&mut self, record: &R, identity: Identity) -> Option<Change> {
        let key = identity_hash(record, identity);
        self.holds(&key)
            .then(|| self.judge_hashes(&key, content_hash(record)))
            .flatten()
    }

    /// [`Window::judge`] by hashes.
    pub(crate) fn judge_hashes(&mut self, key: &Hash, content: Hash) -> Option<Change> {
        if !self.holds(key) {
            return None;
        }
        let Some(known) = self.table.get_mut(key) else {
            return Some(Change::Created);
        };
        self.seen += usize::from(!known.seen);
        known.seen = true;
        (known.content != content).then_some(Change::Modified)
    }

    /// Whether the base holds records in the window that the applied sync does not.
    pub(crate) fn has_unseen(&self) -> bool {
        self.seen < self.table.len()
    }

    /// Whether this record of the base is such a one.
    pub(super) fn is_unseen<R: Compared>(&self, record: &R, identity: Identity) -> bool {
        self.is_unseen_hash(&identity_hash(record, identity))
    }

    /// [`Window::is_unseen`] by the hash of an identity.
    pub(crate) fn is_unseen_hash(&self, key: &Hash) -> bool {
        self.table.get(key).is_some_and(|known| !known.seen)
    }

    /// Goes on to the window behind this one; false if there is none.
    pub(crate) fn advance(&mut self) -> bool {
        let Some(end) = self.end.take() else {
            return false;
        };
        self.table.clear();
        self.seen = 0;
        self.start = end;
        true
    }

    fn holds(&self, key: &Hash) -> bool {
        let number = number(key);
        number >= self.start && self.end.is_none_or(|end| number < end)
    }

    /// Above `start`, since more than one entry was in the window.
    fn middle(&self) -> u64 {
        let end = self.end.unwrap_or(u64::MAX);
        self.start + ((end - self.start) / 2).max(1)
    }
}

/// The first half of a hash, by which windows are cut.
fn number(key: &Hash) -> u64 {
    key.iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Parts are framed by their lengths, so that no two lists of parts run together.
fn identity_hash<R: Compared>(record: &R, identity: Identity) -> Hash {
    let mut hash = Sha256::new();
    for part in record.identity(identity) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(&*part);
    }
    first_half(&hash.finalize())
}

fn content_hash<R: Compared>(record: &R) -> Hash {
    first_half(&Sha256::digest(c1z_proto::encode_canonical(record)))
}

fn first_half(hash: &[u8]) -> Hash {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(hash) {
        *to = *from;
    }
    half
}
