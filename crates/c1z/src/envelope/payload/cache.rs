//! Decoded frames that are kept, by weight, last used first out.
//!
//! A frame that several threads ask for at once is decoded by the first; the others wait for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use super::super::source::lock;
use crate::Result;

/// Decoded bytes, shared with whoever is reading them.
pub(super) type Bytes = Arc<Vec<u8>>;

/// Which frame: the content it belongs to, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FrameKey {
    pub(super) content: u32,
    pub(super) frame: u32,
}

/// One frame, decoded or being decoded.
#[derive(Debug, Default)]
struct Slot(Mutex<Option<Bytes>>);

#[derive(Debug)]
struct Kept {
    slot: Arc<Slot>,
    used: u64,
    /// Bytes, once decoded.
    weight: u64,
}

#[derive(Debug, Default)]
struct State {
    frames: HashMap<FrameKey, Kept>,
    /// Frames by last use; ticks are unique.
    by_use: BTreeMap<u64, FrameKey>,
    tick: u64,
    weight: u64,
}

/// The cache of one payload.
///
/// # Complexity
/// A lookup is O(log frames) under one short lock; nothing is decoded while it is held.
#[derive(Debug)]
pub(super) struct FrameCache {
    capacity: u64,
    state: Mutex<State>,
}

impl FrameCache {
    /// A cache of `capacity` bytes; the frame used last is kept even when it is longer.
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
        }
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The frame, decoding it with `decode` unless it is kept.
    pub(super) fn get_or_decode(
        &self,
        key: FrameKey,
        decode: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<Bytes> {
        let slot = lock(&self.state).touch(key);
        let mut content = lock(&slot.0);
        if let Some(bytes) = &*content {
            return Ok(Arc::clone(bytes));
        }
        match decode() {
            Ok(bytes) => {
                let bytes = Arc::new(bytes);
                *content = Some(Arc::clone(&bytes));
                drop(content);
                lock(&self.state).charge(key, &slot, bytes.len() as u64, self.capacity);
                Ok(bytes)
            }
            Err(error) => {
                drop(content);
                lock(&self.state).forget(key, &slot);
                Err(error)
            }
        }
    }

    /// The frame, if it is kept.
    pub(super) fn get(&self, key: FrameKey) -> Option<Bytes> {
        let mut state = lock(&self.state);
        if !state.frames.contains_key(&key) {
            return None;
        }
        let slot = state.touch(key);
        drop(state);
        lock(&slot.0).clone()
    }

    /// Keeps a frame that was decoded on the way.
    pub(super) fn put(&self, key: FrameKey, bytes: Vec<u8>) {
        // Decoding cannot fail here, and a frame that is kept already is the same bytes.
        let _ = self.get_or_decode(key, || Ok(bytes));
    }
}

impl State {
    fn touch(&mut self, key: FrameKey) -> Arc<Slot> {
        self.tick += 1;
        let tick = self.tick;
        let kept = self.frames.entry(key).or_insert_with(|| Kept {
            slot: Arc::default(),
            used: tick,
            weight: 0,
        });
        self.by_use.remove(&kept.used);
        kept.used = tick;
        self.by_use.insert(tick, key);
        Arc::clone(&kept.slot)
    }

    /// Counts a frame that is decoded now, and drops others for it.
    fn charge(&mut self, key: FrameKey, slot: &Arc<Slot>, weight: u64, capacity: u64) {
        match self.frames.get_mut(&key) {
            Some(kept) if Arc::ptr_eq(&kept.slot, slot) => {
                self.weight = self.weight - kept.weight + weight;
                kept.weight = weight;
            }
            // Evicted while it was decoded: whoever holds it keeps it alive.
            _ => return,
        }
        while self.weight > capacity {
            let Some((_, oldest)) = self.by_use.first_key_value().map(|(t, k)| (*t, *k)) else {
                return;
            };
            if oldest == key && self.frames.len() == 1 {
                return;
            }
            self.remove(oldest);
        }
    }

    fn forget(&mut self, key: FrameKey, slot: &Arc<Slot>) {
        if self
            .frames
            .get(&key)
            .is_some_and(|kept| Arc::ptr_eq(&kept.slot, slot))
        {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: FrameKey) {
        if let Some(kept) = self.frames.remove(&key) {
            self.by_use.remove(&kept.used);
            self.weight -= kept.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    fn key(frame: u32) -> FrameKey {
        FrameKey { content: 0, frame }
    }

    fn must_not_decode() -> Result<Vec<u8>> {
        panic!("the frame is kept")
    }

    #[test]
    fn frames_used_last_stay() {
        let cache = FrameCache::new(100);
        for frame in 0..3 {
            cache.get_or_decode(key(frame), || Ok(vec![0; 40])).unwrap();
        }
        assert!(cache.get(key(0)).is_none());
        cache.get_or_decode(key(1), must_not_decode).unwrap();
        cache.put(key(3), vec![0; 20]);
        assert!(cache.get(key(2)).is_some() && cache.get(key(1)).is_some());
        cache.put(key(4), vec![0; 1]);
        assert!(cache.get(key(3)).is_none(), "3 was used before 2 and 1");
        assert!(lock(&cache.state).weight <= 100);
    }

    #[test]
    fn a_frame_over_the_capacity_is_kept_alone() {
        let cache = FrameCache::new(10);
        cache.put(key(0), vec![0; 5]);
        cache.put(key(1), vec![0; 50]);
        assert!(cache.get(key(0)).is_none());
        assert_eq!(cache.get(key(1)).unwrap().len(), 50);
        cache.put(key(2), vec![0; 5]);
        assert!(cache.get(key(1)).is_none());
        assert_eq!(lock(&cache.state).weight, 5);
    }

    #[test]
    fn a_failed_decode_leaves_nothing() {
        let cache = FrameCache::new(10);
        let error = cache.get_or_decode(key(0), || Err(Error::new(ErrorKind::DataLoss, "bad")));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::DataLoss);
        assert!(lock(&cache.state).frames.is_empty() && lock(&cache.state).by_use.is_empty());
        assert_eq!(
            cache
                .get_or_decode(key(0), || Ok(vec![1]))
                .unwrap()
                .as_slice(),
            [1]
        );
    }

    #[test]
    fn threads_that_want_one_frame_decode_it_once() {
        let cache = FrameCache::new(1000);
        let decoded = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let bytes = cache.get_or_decode(key(0), || {
                        decoded.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        Ok(vec![7; 100])
                    });
                    assert_eq!(bytes.unwrap().len(), 100);
                });
            }
        });
        assert_eq!(decoded.into_inner(), 1);
    }
}
