//! The storage contract, asked of every engine through the same calls (`store-contract` §0 to §7, decisions D1 to D24).
//!
//! Contract: each test states one promise of the specification and holds it against all engines of
//! [`harness::candidates`]. Mechanics: a candidate opens empty stores on a clock and a source of ids that the test
//! owns; nothing is engine-specific but identity, which a candidate declares. Out of scope: files, durability,
//! operations over several syncs.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets unexpected data must stop, and says what it looked at"
)]

mod assets;
mod expansion;
mod generated;
mod harness;
mod identity;
mod lifecycle;
mod one_sync;
mod paging;
mod resolution;
mod sessions;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stats;
mod surface;
mod writes;
