//! What the threads of a live database meet at: locks, a condition variable, counters, threads.
//!
//! They are those of the standard library. With the feature `schedules`, which is for tests alone,
//! they are those of `shuttle`, which runs threads one at a time and decides at each of these places
//! who goes on: that finds orders that a machine hardly ever shows. Only what orders writers, readers,
//! the seal and the background thread stands here; leaf locks (caches, counters of costs, the file
//! system in memory) stay outside, since nothing waits while it holds one.

#[cfg(not(feature = "schedules"))]
mod primitives {
    pub use std::sync::atomic::{AtomicBool, AtomicU64};
    pub use std::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
    pub use std::thread::{Builder, JoinHandle};
}

#[cfg(feature = "schedules")]
mod primitives {
    pub use shuttle::sync::atomic::{AtomicBool, AtomicU64};
    pub use shuttle::sync::{
        Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
    };
    pub use shuttle::thread::{Builder, JoinHandle};
}

pub use primitives::*;

/// A race that tests of schedules have to find.
#[cfg(feature = "schedules")]
pub mod canary {
    use std::cell::Cell;

    thread_local! {
        // Schedules run on the thread that asks for them.
        static PLANTED: Cell<bool> = const { Cell::new(false) };
    }

    /// Whether batches take their sequence numbers before they have the right to write.
    pub fn is_planted() -> bool {
        PLANTED.get()
    }

    /// Plants the race, or removes it.
    pub fn plant(planted: bool) {
        PLANTED.set(planted);
    }
}
