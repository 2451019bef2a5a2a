//! Any number of syncs in one SQLite database, keyed by external id (`c1z1-sqlite`): what v1 files hold, written live.
//!
//! The second engine to write with, behind the feature `sqlite`, for comparison with our own: SQLite in C, in the schema
//! of v1 files, tuned. Reads go through [`live::Live`], a source like any other, so that [`super::contract::Contract`]
//! keeps the reading contract; [`crate::sync::lifecycle`] decides what is legal.
//!
//! | | |
//! |---|---|
//! | writes | one connection behind a lock; a call is a transaction |
//! | reads | a connection per snapshot, in a transaction of its own; they never wait for writes |
//! | order of rows | that of their numbers, or of the index that narrows a filter to a type |
//! | times | wall-clock text of [`SqliteOptions::zone`] |
//!
//! A database is a folder with the file `sync.db` and the write-ahead log of SQLite; [`SqliteStore::save`] makes a v1
//! file of it.

mod cells;
mod connection;
mod fault;
mod lifecycle;
mod live;
mod options;
mod queries;
mod runs;
mod save;
mod schema;
mod select;
mod sessions;
mod snapshot;
mod stats;
mod store;
mod write;

#[cfg(test)]
mod tests;

pub use options::SqliteOptions;
pub use store::SqliteStore;
