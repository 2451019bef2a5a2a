//! Log-record framing, shared by MANIFEST and write-ahead log (`pebble-ondisk` §2.1, §5.1).
//!
//! A log is a sequence of 32 KiB blocks; a block holds chunks; a chunk never crosses a block. A
//! record is one full chunk, or a first, any number of middle ones, and a last. Three chunk formats
//! differ in the header behind the common part:
//!
//! | field | legacy | recyclable | wal-sync | meaning |
//! |---|---|---|---|---|
//! | `u32` | 0 | 0 | 0 | masked CRC-32C over everything behind the length |
//! | `u16` | 4 | 4 | 4 | payload length, header excluded |
//! | `u8` | 6 | 6 | 6 | chunk type: 1 to 4, 5 to 8, 9 to 12 for full, first, middle, last |
//! | `u32` | | 7 | 7 | low half of the log's file number |
//! | `u64` | | | 11 | offset up to which the writer knew the file to be durable |
//! | payload | 7 | 11 | 19 | |
//!
//! Integers are little-endian. Bytes of a block that no header fits into are zero.
//!
//! [`strict::Reader`] reads a MANIFEST: a clean end or a chunk cut off by the end of the file are
//! the only ends it accepts. [`wal::Reader`] reads a write-ahead log, whose end is found by rules
//! that tell a crash, and the stale tail of a recycled file, from damage. [`Writer`] writes both.
//! Nothing here knows what a record holds.

mod block;
mod chunk;
pub(crate) mod strict;
pub(crate) mod wal;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use chunk::Format;
pub(crate) use writer::Writer;
