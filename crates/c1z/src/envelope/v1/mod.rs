//! v1 files: five bytes of magic, then one zstd stream that holds a SQLite database
//! (`c1z-envelope` §2).
//!
//! The stream cannot be read at an offset; it is decoded from front to back, into a sink of the
//! caller's or into memory within a budget ([`V1Database`]). Accepted is what the reference accepts:
//! several frames one after another, skippable frames, frames without checksum or declared length.
//! Exactly the magic and nothing behind it is an empty database. Everything else, down to one byte of
//! padding behind the last frame, is an error, and an error is never a shorter database.

mod database;
mod reader;
mod writer;

pub use database::V1Database;
pub use reader::{V1Decoded, V1File};
pub use writer::write_v1;
