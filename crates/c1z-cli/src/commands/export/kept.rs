//! What was looked up, kept within a bound.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use crate::failure::Failure;

/// What an entry costs beyond what it says: map slot, counts, allocations.
const ENTRY_OVERHEAD: usize = 160;

/// Two generations of things: a full one pushes the older one out.
pub(super) struct Kept<K, V> {
    /// Bytes that a generation may take.
    bytes_max: usize,
    young: HashMap<K, Rc<V>>,
    young_bytes: usize,
    old: HashMap<K, Rc<V>>,
}

impl<K: Hash + Eq, V> Kept<K, V> {
    /// Keeps things that take up to `bytes` in all.
    pub(super) fn within(bytes: u64) -> Self {
        Self {
            bytes_max: usize::try_from(bytes / 2).unwrap_or(usize::MAX),
            young: HashMap::new(),
            young_bytes: 0,
            old: HashMap::new(),
        }
    }

    /// The thing that belongs to `key`: kept, or looked up by `load`, which tells its bytes, too.
    pub(super) fn get_or_load(
        &mut self,
        key: K,
        load: impl FnOnce(&K) -> Result<(V, usize), Failure>,
    ) -> Result<Rc<V>, Failure> {
        if let Some(kept) = self.young.get(&key) {
            return Ok(Rc::clone(kept));
        }
        let (value, bytes) = if let Some(kept) = self.old.remove(&key) {
            // Its bytes are not known any more; an average will do.
            (kept, self.average())
        } else {
            let (value, bytes) = load(&key)?;
            (Rc::new(value), bytes + ENTRY_OVERHEAD)
        };
        if self.young_bytes + bytes > self.bytes_max {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(key, Rc::clone(&value));
        Ok(value)
    }

    /// Bytes of an entry of a full generation.
    fn average(&self) -> usize {
        self.bytes_max / (self.old.len() + 1)
    }
}
