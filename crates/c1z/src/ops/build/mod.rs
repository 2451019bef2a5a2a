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
//! Cost, for g grants: O(g log g) comparisons of keys, most of them of eight bytes at once; everything
//! else is linear.
//!
//! | rows | sorted | written before the last time |
//! |---|---|---|
//! | records that come in no order | once, externally | once, compressed, if they exceed half of the memory |
//! | records in order | never | never |
//! | principal index, parent index, digest nodes | once, externally | once, if they exceed three eighths |
//! | needs-expansion index | never: they come in order | never |
//! | hash index | one entitlement at a time | if one entitlement exceeds an eighth |
//!
//! A grant of typical size is 150 bytes of record and three keys of 60; of a million grants about
//! 90 MiB are written twice and 60 MiB as the final tables, which are read twice: to be verified and
//! to be packed. `docs/benchmarks.md` has times and peaks. Memory is what the options say, and some
//! MiB a thread, whatever the number of rows. The output depends on records and options alone, not on
//! their order, the memory, or the number of threads.

mod apart;
mod flow;
mod manifest;
mod newest;
mod options;
mod packing;
mod store;
mod sync;
pub mod v1;
mod v3;
mod workspace;

pub(in crate::ops) use apart::{check_apart, is_same};
pub use manifest::manifest_of;
pub(in crate::ops) use newest::winners;
pub(crate) use options::sections;
pub use options::{BuildOptions, Digests, InputOrder, SameIdentity};
pub(in crate::ops) use store::publish_checked;
pub use store::publish_store;
pub(crate) use sync::is_own;
pub use sync::{BuiltSync, RunToWrite, SyncBuilder};
pub(crate) use v3::check_output;
pub use v3::{PackOptions, V3Builder, V3Summary, pack};
pub(crate) use workspace::Workspace;
