//! The `CREATE TABLE` and `CREATE INDEX` statements that a database stores as its schema.
//!
//! This is not an SQL parser: it understands as much as is needed to address columns by name, to
//! fill in columns that were added after a row was written, and to know what an index holds. What
//! it does not understand it says, and the object is then listed but cannot be read. It does not
//! recurse, and takes time linear in the text.

mod index;
mod parser;
mod table;
#[cfg(test)]
mod tests;
mod token;

pub use index::{IndexColumn, IndexDef, IndexKey, Predicate};
pub use table::{Affinity, Column, DefaultValue, TableDef};

pub(super) use index::{makes_index, parse_index};
pub(super) use table::parse_table;

/// The collation whose order is bytewise; the only one that is understood.
pub(super) const BINARY: &str = "BINARY";

/// Longest statement that is looked at.
pub(super) const TEXT_LEN_MAX: usize = 1 << 20;
