//! Metrics, the slow log and jobs: what a program sees that watches stores.
//!
//! A scripted workload runs under a clock that moves one millisecond whenever it is read, so that every duration is known.
//! What the exporter writes is read back by a parser that is not ours. Out of scope: what the numbers of `shingle` mean, which
//! its own tests check, and the program (`crates/c1z-cli/tests/observe.rs`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "a test may fail; the numbers are small and exact"
)]

mod criteria;
mod documents;
mod health;
mod jobs;
mod metrics;
mod silence;
mod slow;
mod support;
