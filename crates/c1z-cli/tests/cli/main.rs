//! Tests of the program as its users meet it: standard output, standard error and exit code of the
//! built binary. Each module says its own contract; the exports have tests of their own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets unexpected data must stop"
)]

mod bytes;
mod commands;
mod diffing;
mod failing;
mod frame;
mod golden;
mod hostile;
mod jq;
mod maintain;
mod merging;
mod metrics;
mod paths;
mod people;
mod pipes;
mod progress;
mod rollback;
mod support;
