//! The MANIFEST: a log of version edits, from which the set of live tables is replayed
//! (`pebble-ondisk` §1.1, §1.2, §2).
//!
//! A directory names its MANIFEST and its format version by [`marker`] files. [`VersionEdit`] is
//! one record, read and written here; [`replay`] folds all records of a file into a [`Version`] and
//! checks every rule that the format has for them; [`Writer`] starts a MANIFEST with a snapshot and
//! appends edits.
//!
//! The reader is stricter than Go's, which takes a damaged record for the end of the file: here the
//! only accepted ends are a clean one and a record cut off by the end of the file. Features that
//! this crate lacks (blob files, range keys, synthetic prefixes, path ids, column families, foreign
//! comparers) are [`ErrorKind::Unsupported`] and named, but only if live state needs them.
//!
//! [`ErrorKind::Unsupported`]: crate::ErrorKind::Unsupported
//! [`Version`]: crate::version::Version

mod edit;
mod file_name;
mod format_version;
#[doc(hidden)]
pub mod fuzz;
pub mod marker;
mod read;
mod replay;
mod table;
mod writer;

#[cfg(test)]
mod tests;

pub use edit::VersionEdit;
pub use file_name::{FileName, FileNumber};
pub use format_version::FormatVersion;
pub use read::{Replayed, replay, visit_edits};
pub use replay::Replay;
pub use table::{Level, TableMeta};
pub use writer::Writer;

/// Name of the one comparer that this crate orders keys by: plain byte order.
pub const COMPARER: &str = "leveldb.BytewiseComparator";
