//! Converting between formats. Each module says its own contract.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod faults;
mod from_v1;
mod ndjson;
mod refusals;
mod round_trips;
mod sources;
mod support;
mod v1_rows;
