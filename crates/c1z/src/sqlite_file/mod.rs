//! SQLite database files: a reader and a bulk writer of our own, without SQL and without C.
//!
//! The reader walks the pages of a file: it scans tables by rowid, seeks in indexes by key prefix,
//! and checks whole files. The writer ([`writer`]) builds a file bottom-up from sorted rows. Both
//! know the file format and nothing of what is stored in it.
//!
//! Bytes are hostile: every length and page number is bounded before use, walks are bounded against
//! cycles, and an error says the page and the offset. What is deliberately absent: SQL, rollback
//! journals and write-ahead logs (the file must have been checkpointed), UTF-16, tables without
//! rowid, generated columns, and searches in indexes that are not in ascending binary order.
//! A file that needs one of them is listed, and reading that object fails with `Unsupported`.

mod catalog;
mod check;
mod cursor;
mod database;
mod ddl;
#[doc(hidden)]
pub mod fuzz;
mod header;
mod index;
mod node;
mod page_set;
mod pager;
mod payload;
mod record;
mod salvage;
mod table;
mod value;
mod varint;
pub mod writer;

pub use catalog::{ObjectKind, Schema, SchemaObject};
pub use check::{CheckOptions, CheckReport, Finding, FindingKind};
pub use database::{Database, ReadOptions};
pub use ddl::{
    Affinity, Column, DefaultValue, IndexColumn, IndexDef, IndexKey, Predicate, TableDef,
};
pub use header::FileHeader;
pub use index::{Index, IndexEntry, IndexRows};
pub use pager::PageCounters;
pub use record::ValueReader;
pub use salvage::{Salvage, SalvagedRow, SalvagedRows, SalvagedTable};
pub use table::{Lookup, Row, Rows, Table};
pub use value::Value;
