//! The storage contract as traits, and the engines that keep it.
//!
//! [`Reader`], [`Writer`] and [`Lifecycle`] are object-safe and blocking; [`StorageEngine`] joins them. What a caller
//! sees is the same whatever the engine, except identity (structural in v3 files, by external id in v1 files), the
//! projection of `store-contract` §1.8, and the order of rows.

pub mod cancel;
pub(crate) mod contract;
pub mod filter;
#[doc(hidden)]
pub mod fuzz;
pub mod ids;
pub mod lifecycle;
pub mod model;
pub mod page;
pub(crate) mod pebble;
pub mod reader;
pub(crate) mod source;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
pub mod tee;
pub mod types;
pub(crate) mod v1;
pub mod writer;

pub use cancel::CancelFlag;
pub use filter::{EntitlementFilter, Fallback, GrantFilter, ResourceFilter, Scope};
pub use lifecycle::Lifecycle;
pub use page::{Page, PageRequest};
pub use pebble::{Compacted, EachRow, PebbleOptions, PebbleStore};
pub use reader::Reader;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore};
pub use writer::Writer;

/// A store that can be read, written and driven through syncs.
pub trait StorageEngine: Reader + Writer + Lifecycle {}

impl<T: Reader + Writer + Lifecycle + ?Sized> StorageEngine for T {}

/// Where the two Go engines disagree, whose answer a store gives (`architecture` §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Our own decisions, for users.
    #[default]
    Ours,
    /// The Go Pebble engine's answers, for comparison with its ground truth.
    GoPebble,
    /// The Go SQLite engine's answers, for comparison with its ground truth.
    GoSqlite,
}

/// What makes a record the same record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// By structure: an entitlement is its resource and id, a grant its entitlement and principal (v3 files).
    Structural,
    /// By external id (v1 files).
    External,
}
