//! What reading tables cost, counted so that tests and metrics can tell an index seek from a scan.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters that any number of tables share. Adding costs one relaxed atomic operation.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($name: AtomicU64,)*
        }

        /// The values of [`Counters`] at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CountersSnapshot {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// The current values.
            pub fn snapshot(&self) -> CountersSnapshot {
                CountersSnapshot {
                    $($name: self.$name.load(Ordering::Relaxed),)*
                }
            }

            $(pub(super) fn $name(&self, n: u64) {
                self.$name.fetch_add(n, Ordering::Relaxed);
            })*
        }
    };
}

counters! {
    /// Reads of files.
    file_reads,
    /// Bytes read from files.
    file_bytes,
    /// Data blocks taken from files (not from the cache).
    data_blocks,
    /// Index blocks taken from files, those of opening a table included.
    index_blocks,
    /// Bytes of blocks after decompression.
    decoded_bytes,
    /// Lookups in the block cache that found the block.
    cache_hits,
    /// Lookups in the block cache that did not.
    cache_misses,
    /// Point reads that a filter answered without touching a block.
    filter_negatives,
}
