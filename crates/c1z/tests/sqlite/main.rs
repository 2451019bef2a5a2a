//! Tests of the SQLite file reader and writer through their public interface. Each module says its
//! own contract.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod checking;
mod golden;
mod hostile;
mod random;
mod reference;
mod support;
mod writing;
