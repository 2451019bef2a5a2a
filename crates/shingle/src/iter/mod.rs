//! The one way to read many sorted sources as one: live and sealed databases share it
//! (`pebble-ondisk` §2.4, §4).
//!
//! ```text
//! Rows       visible rows: newest version of a key, tombstones applied, both directions
//!  └ Merge   entries of all sources in the order of internal keys (a loser tree)
//!     ├ MemCursor         writes in memory
//!     └ RunCursor         tables that do not overlap, walked as one, each opened when reached
//!        └ View           one table: its part of a virtual table, its synthetic sequence number
//! ```
//!
//! What is visible is decided by sequence numbers alone: a version by the largest one, a range
//! tombstone hides what is strictly older. The order of levels is not trusted for that, so that a
//! damaged database does not resurrect keys.
//!
//! Costs. With one source nothing is compared but each key with the one before it. With k sources a
//! step compares O(log k) keys. A range tombstone costs a binary search per key that lies between
//! its table's bounds; what it covers is passed over by seeks, without opening tables that it
//! covers whole, as far as the tables say that they are older. Nothing is allocated per row.

mod bounds;
mod fragments;
mod loser_tree;
mod merge;
mod rows;
mod run_cursor;
mod source;
mod view;

#[cfg(test)]
pub(crate) mod tests;

pub use bounds::Bounds;
pub(crate) use fragments::Fragments;
pub(crate) use merge::Merge;
pub(crate) use rows::{RowStats, Rows, Verdict, judge};
pub(crate) use run_cursor::RunCursor;
pub(crate) use source::{MemSource, Source};
pub(crate) use view::{Opened, Tables};
