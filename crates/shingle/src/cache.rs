//! A cache of decoded blocks with a weight in bytes.
//!
//! Sharded by key so that readers seldom wait for each other; each shard evicts by the clock rule
//! (an entry that was read since the hand last passed gets another round). It holds what it is given:
//! scans keep out of it by not inserting. Written here because what is needed is small: the crates
//! that offer weighted caches bring concurrency machinery and `unsafe` code for features unused here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most shards; a power of two.
const SHARDS_MAX: usize = 16;
/// The least capacity worth a shard of its own.
const SHARD_CAPACITY_MIN: usize = 1 << 20;

/// Names an entry: an owner (see [`Cache::owner`]) and a position in what it owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// Who put it here.
    pub owner: u64,
    /// Which of its blocks.
    pub offset: u64,
}

/// A cache of values that are cheap to clone (`Arc`s).
#[derive(Debug)]
pub struct Cache<V> {
    shards: Vec<Mutex<Shard<V>>>,
    owners: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What a [`Cache`] did and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Lookups that found their entry.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Entries held.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
}

impl<V: Clone> Cache<V> {
    /// A cache of at most `capacity` bytes; 0 caches nothing.
    pub fn new(capacity: usize) -> Self {
        let shards = (capacity / SHARD_CAPACITY_MIN)
            .clamp(1, SHARDS_MAX)
            .next_power_of_two();
        let shards = (0..shards)
            .map(|_| Mutex::new(Shard::new(capacity / shards)))
            .collect();
        Self {
            shards,
            owners: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// A number that no other owner of entries in this cache has.
    pub fn owner(&self) -> u64 {
        self.owners.fetch_add(1, Ordering::Relaxed)
    }

    fn shard(&self, key: CacheKey) -> Option<MutexGuard<'_, Shard<V>>> {
        // Offsets of neighbouring blocks differ in their low bits; owners are consecutive.
        let mixed = (key.offset ^ key.owner.rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let shard = (mixed >> 60) as usize % self.shards.len().max(1);
        // A reader that panicked cannot have left a shard half changed: values are only moved in.
        self.shards
            .get(shard)
            .map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The entry of `key`.
    pub fn get(&self, key: CacheKey) -> Option<V> {
        let found = self.shard(key)?.get(key);
        let counter = if found.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Keeps `value`, which weighs `weight` bytes, unless it is heavier than a shard may be.
    pub fn insert(&self, key: CacheKey, value: V, weight: usize) {
        if let Some(mut shard) = self.shard(key) {
            shard.insert(key, value, weight);
        }
    }

    /// Counters since the start, and what is held now.
    pub fn stats(&self) -> CacheStats {
        let mut stats = CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            ..CacheStats::default()
        };
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            stats.entries += shard.slots_by_key.len() as u64;
            stats.bytes += shard.weight as u64;
        }
        stats
    }
}

#[derive(Debug)]
struct Shard<V> {
    slots_by_key: HashMap<CacheKey, usize>,
    slots: Vec<Option<Slot<V>>>,
    free: Vec<usize>,
    hand: usize,
    weight: usize,
    capacity: usize,
}

#[derive(Debug)]
struct Slot<V> {
    key: CacheKey,
    value: V,
    weight: usize,
    read: bool,
}

impl<V: Clone> Shard<V> {
    fn new(capacity: usize) -> Self {
        Self {
            slots_by_key: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
            weight: 0,
            capacity,
        }
    }

    fn get(&mut self, key: CacheKey) -> Option<V> {
        let slot = *self.slots_by_key.get(&key)?;
        let slot = self.slots.get_mut(slot)?.as_mut()?;
        slot.read = true;
        Some(slot.value.clone())
    }

    fn insert(&mut self, key: CacheKey, value: V, weight: usize) {
        if weight > self.capacity {
            return;
        }
        if let Some(old) = self.slots_by_key.get(&key).copied() {
            self.remove(old);
        }
        while self.weight + weight > self.capacity {
            self.evict_one();
        }
        let slot = Some(Slot {
            key,
            value,
            weight,
            read: false,
        });
        let at = if let Some(at) = self.free.pop() {
            if let Some(place) = self.slots.get_mut(at) {
                *place = slot;
            }
            at
        } else {
            self.slots.push(slot);
            self.slots.len() - 1
        };
        self.slots_by_key.insert(key, at);
        self.weight += weight;
    }

    /// Moves the hand to the first entry not read since it last passed, and drops that.
    fn evict_one(&mut self) {
        loop {
            self.hand = (self.hand + 1) % self.slots.len().max(1);
            match self.slots.get_mut(self.hand) {
                Some(Some(slot)) if slot.read => slot.read = false,
                Some(Some(_)) => return self.remove(self.hand),
                Some(None) => {}
                // No slots: nothing can weigh anything.
                None => return self.weight = 0,
            }
        }
    }

    fn remove(&mut self, at: usize) {
        if let Some(slot) = self.slots.get_mut(at).and_then(Option::take) {
            self.weight -= slot.weight;
            self.slots_by_key.remove(&slot.key);
            self.free.push(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(offset: u64) -> CacheKey {
        CacheKey { owner: 1, offset }
    }

    #[test]
    fn weight_stays_within_the_capacity() {
        let cache = Cache::new(1000);
        for i in 0..500 {
            cache.insert(key(i), i, usize::try_from(1 + i % 90).unwrap());
            assert!(cache.stats().bytes <= 1000);
        }
        let held = (0..500).filter(|&i| cache.get(key(i)) == Some(i)).count() as u64;
        assert_eq!(held, cache.stats().entries);
        assert!(held > 5);
    }

    #[test]
    fn entries_in_use_outlive_others() {
        let cache = Cache::new(100);
        cache.insert(key(0), 0, 10);
        for i in 1..100 {
            assert_eq!(cache.get(key(0)), Some(0), "round {i}");
            cache.insert(key(i), i, 10);
        }
        assert_eq!(cache.stats().hits, 99);
    }

    #[test]
    fn what_is_too_heavy_is_not_kept_and_an_entry_is_replaced() {
        let cache = Cache::new(100);
        cache.insert(key(1), 1, 101);
        assert_eq!(cache.get(key(1)), None);
        cache.insert(key(1), 1, 60);
        cache.insert(key(1), 2, 70);
        assert_eq!(cache.get(key(1)), Some(2));
        assert_eq!(cache.stats().bytes, 70);
        let nothing = Cache::new(0);
        nothing.insert(key(1), 1, 1);
        assert_eq!(nothing.get(key(1)), None);
    }

    #[test]
    fn owners_do_not_meet() {
        let cache = Cache::new(16 << 20);
        let (a, b) = (cache.owner(), cache.owner());
        assert_ne!(a, b);
        cache.insert(
            CacheKey {
                owner: a,
                offset: 7,
            },
            1,
            1,
        );
        assert_eq!(
            cache.get(CacheKey {
                owner: b,
                offset: 7
            }),
            None
        );
    }
}
