//! Bug classes that other implementations met (`store-contract` §8.4): the table of `docs/testing.md`
//! that names a test for each, and the tests that have no better place.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]

mod columns;
mod indexes;
mod saving;
mod table;
