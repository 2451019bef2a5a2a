//! Tests of the operations: building v3 files, converting. Each module says its own contract.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod building;
mod closure;
mod copy;
mod delta;
mod diff_files;
mod diffing;
mod dump;
mod faults;
mod histories;
mod layers;
mod maintain;
mod merge;
mod ndjson;
mod ndjson_v1;
mod random_sync;
mod rollback;
mod support;
mod why;
