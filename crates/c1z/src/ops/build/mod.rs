//! Building files from records: v3 databases and files (`c1z3-keyspace` §8, §9, §13, §14), and v1
//! files ([`v1`]).
//!
//! ```text
//! records ──> SyncBuilder ──> BuiltSync ──> pack ──> published file
//!             primaries        a sealed      manifest, frames
//!             indexes          directory
//!             digests, stats
//! ```
//!
//! [`SyncBuilder`] takes records in any order or in order of keys and writes the directory of a
//! sealed database: each primary row once, every index row derived from the row that stayed, the hash
//! index and the digest tree, statistics, stamps and the sync run. [`V3Builder`] does this in a
//! temporary folder beside the output and packs it.
//!
//! Everything derived comes from the primaries as they are written, after sorting: of two versions of
//! a row the one that loses leaves no trace in an index.
//!
//! Cost: one pass over the primaries; the principal index and the parent index are sorted externally;
//! the hash index is sorted one entitlement at a time; digests are built on the way. Memory is one
//! share of the budget, whatever the number of rows. The output depends on records and options alone,
//! not on their order, the memory, or the number of threads.

mod flow;
mod manifest;
mod options;
mod sync;
pub mod v1;
mod v3;
mod workspace;

pub use manifest::manifest_of;
pub use options::{BuildOptions, Digests, InputOrder, SameIdentity};
pub(crate) use sync::is_own;
pub use sync::{BuiltSync, RunToWrite, SyncBuilder};
pub(crate) use v3::check_output;
pub use v3::{PackOptions, V3Builder, V3Summary, pack};
pub(crate) use workspace::Workspace;
