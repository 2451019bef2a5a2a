//! The record layer against files that the Go SDK wrote.
//!
//! Contract: from the primary rows of a golden file alone, every other key and value follows; every
//! stored record and the message that Go's reader gives for it turn into one another byte for byte.
//! Mechanics: `kv*.ndjson.gz` holds the live keys and values of a file, `dump*.ndjson.gz` what Go's
//! reader answers; [`golden`] reads both. Out of scope: how keys and values lie in tables, and whether
//! Go opens what we write.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that meets unexpected data must stop"
)]

mod damage;
mod golden;
mod keys;
mod messages;
mod predict;
mod rekey;
mod runs;
mod writes;
