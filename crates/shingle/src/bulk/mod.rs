//! Building sealed databases from rows: sort once, merge once, compress once.
//!
//! ```text
//! rows ──> Sorter ──> Sorted ──> SectionWriter ──> DatabaseWriter ──> BuiltDatabase
//!          arenas,    walked in   tables of about   numbers, OPTIONS,
//!          runs       parts       16 MiB            MANIFEST, markers
//! ```
//!
//! [`BulkBuilder`] is the whole way; a caller whose rows are sorted, or that derives further rows
//! from sorted ones, takes the parts. What is written has the shape that costs a reader least: one
//! sorted run in the last level, sequence number 0, one version a key, no tombstones
//! (`pebble-ondisk` §6).
//!
//! What is promised: the bytes depend on rows and options, not on threads, memory or time; memory
//! stays within [`BulkOptions::memory_bytes`] and some blocks per table under way; temporary files
//! lie in the target directory and are removed on every way out; no database appears unless all of
//! it was written and, with [`BulkOptions::verify`], read back.

mod arena;
mod builder;
mod database;
mod options;
mod run;
mod scratch;
mod section;
mod sorted;
mod sorter;
mod spool;

#[cfg(test)]
mod tests;

pub use builder::{BulkBuilder, write_sections};
pub use database::{BuiltDatabase, DatabaseWriter};
pub use options::{BulkOptions, InputOrder};
pub use scratch::Scratch;
pub use section::{Section, SectionWriter};
pub use sorted::{Sorted, SortedRow, SortedScan};
pub use sorter::{Duplicates, SortOptions, Sorter};
pub use spool::Spool;

pub(crate) use builder::{bounds_of, write_section};
pub(crate) use database::{check_vacant, write_options};
pub(crate) use options::check_boundaries;
pub(crate) use run::meta_of;
pub(crate) use scratch::TempFile;
pub(crate) use section::Settings;
