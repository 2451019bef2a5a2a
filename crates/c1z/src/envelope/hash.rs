//! A running XXH64, seed 0, that can be shown in a debug print.

use std::fmt;

use xxhash_rust::xxh64::Xxh64;

/// Hash of the bytes seen so far.
#[derive(Clone)]
pub(super) struct RunningHash(Xxh64);

impl RunningHash {
    /// The hash of nothing.
    pub(super) fn new() -> Self {
        Self(Xxh64::new(0))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn digest(&self) -> u64 {
        self.0.digest()
    }
}

impl fmt::Debug for RunningHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.digest())
    }
}
