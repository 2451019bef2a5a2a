//! `shingle`: a log-structured merge engine that speaks Pebble's on-disk format.
//!
//! The crate knows bytes, files and sequence numbers; it knows nothing of what is stored in them.
//! It holds no `unsafe` code and links no C. What it deliberately lacks: merge operands, custom
//! comparers, range keys and blob files. A reader that meets one returns [`ErrorKind::Unsupported`]
//! and names it.

pub mod batch;
pub mod bulk;
pub mod cache;
mod checksum;
mod codec;
pub mod compress;
pub mod cursor;
pub mod db;
mod error;
pub mod inspect;
pub mod iter;
pub mod key;
pub mod live;
pub mod manifest;
mod memory;
pub mod options_file;
mod order;
mod parallel;
mod record;
pub mod sst;
#[doc(hidden)]
pub mod sync;
#[cfg(test)]
mod testing;
pub mod version;
pub mod vfs;
pub mod wal;

pub use error::{Corruption, Error, ErrorKind, Result};
