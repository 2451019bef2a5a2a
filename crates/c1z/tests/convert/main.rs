//! Converting between formats. Each module says its own contract.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod from_v1;
mod round_trips;
mod support;
mod v1_rows;
