//! Sorted keys and values, wherever they come from: a database, or a view re-keyed in memory.

use std::fmt;

use crate::Result;
use crate::keyspace::KeyRange;

/// An ordered, immutable set of keys and values.
pub(super) trait Kv: Send + Sync + fmt::Debug {
    /// The value of one key. O(log rows) and at most one block read per level.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// The rows of a range in key order.
    fn scan(&self, range: &KeyRange) -> Result<Box<dyn KvScan>>;

    /// Bytes on disk.
    fn size_on_disk(&self) -> u64;
}

/// A forward scan. Owns what it reads from.
pub(super) trait KvScan: Send {
    /// The next row; slices live until the next call.
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>>;
}

/// The rest of a range behind a key that was already returned.
pub(super) fn rest_of(range: &KeyRange, after: Option<&[u8]>) -> KeyRange {
    let lower = match after {
        Some(after) if after >= range.lower.as_slice() => {
            // The smallest key behind `after`.
            let mut lower = after.to_vec();
            lower.push(0);
            lower
        }
        _ => range.lower.clone(),
    };
    KeyRange { lower, upper: range.upper.clone() }
}
