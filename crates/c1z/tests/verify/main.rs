//! Checking and repairing files: what is found, what is not, what can be saved.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]

mod damage;
mod flips;
mod golden;
mod manifest;
mod planted;
mod support;
mod truncation;
mod v1;
mod v1_planted;
mod v1_repair;
