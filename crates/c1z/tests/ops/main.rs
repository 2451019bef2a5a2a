//! Tests of the operations: building v3 files, converting. Each module says its own contract.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod building;
mod faults;
mod support;
