//! What reading a file cost: positioned reads, bytes, frames, restarts.
//!
//! Guards of cost curves read these numbers; nothing decides by them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Running totals, shared by all readers of one open file.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) reads: AtomicU64,
    pub(super) read_bytes: AtomicU64,
    pub(super) frames_decoded: AtomicU64,
    pub(super) decoded_bytes: AtomicU64,
    pub(super) stream_starts: AtomicU64,
    pub(super) stream_restarts: AtomicU64,
}

/// Totals since a file was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounters {
    /// Positioned reads of the envelope.
    pub reads: u64,
    /// Bytes those reads returned.
    pub read_bytes: u64,
    /// Frames (or whole single-frame entries) decoded into memory.
    pub frames_decoded: u64,
    /// Bytes that decoders produced.
    pub decoded_bytes: u64,
    /// Passes begun over entries that are too big to keep.
    pub stream_starts: u64,
    /// Those of them that had to begin again because a reader went back.
    pub stream_restarts: u64,
}

impl Counters {
    /// Adds `n` to a total.
    pub(super) fn add(total: &AtomicU64, n: u64) {
        // Totals are independent of each other and guard no memory.
        total.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> ReadCounters {
        let get = |total: &AtomicU64| total.load(Ordering::Relaxed);
        ReadCounters {
            reads: get(&self.reads),
            read_bytes: get(&self.read_bytes),
            frames_decoded: get(&self.frames_decoded),
            decoded_bytes: get(&self.decoded_bytes),
            stream_starts: get(&self.stream_starts),
            stream_restarts: get(&self.stream_restarts),
        }
    }
}
