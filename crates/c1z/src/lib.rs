//! `c1z`: the storage engine of Baton `.c1z` sync files.
//!
//! A file holds *who has access to what*: resource types, resources, entitlements, grants and assets. Files of the first
//! format (v1) hold a SQLite database with many syncs, files of today's format (v3) hold a Pebble database with one.

pub mod archive;
mod budget;
pub mod digest;
pub mod engine;
pub mod envelope;
mod error;
mod hex;
pub mod keyspace;
pub mod ksuid;
pub mod observe;
pub mod ops;
pub mod record;
mod sink;
pub mod sqlite_file;
mod store;
mod sync;
mod unpack;
pub mod v1_tables;

pub use budget::{MemoryBudget, Reservation};
pub use error::{ERROR_KINDS, Error, ErrorKind, Result};
pub use store::{OpenOptions, Store, open, open_with};
