//! A whole sync that is interrupted everywhere: each instrument counts what it saw and lists what must not be. A test asserts
//! that the list is empty; a canary plants a fault and asserts that it is not.
//!
//! | instrument | interrupts by | what must hold after |
//! |---|---|---|
//! | `sweep` | an operation of the file system that fails, or is the last one of the disk | whatever the process left |
//! | `sweep`, its images | a power failure at that moment | what was synced, and any beginning of the rest |
//! | `kill` | SIGKILL of the program | what the process left, on a real disk |
//! | `annals`, `annals_kill` | the same three over the life of a folder of many syncs | as said there |
//!
//! After each the store opens; its rows are those after an action that the rules of durability allow (`store-contract` §0.8);
//! the file at the output is the old one or the new one, whole; and the run that goes on publishes the same bytes as
//! one that nobody interrupted.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails; what was counted is printed"
)]

mod annals;
#[cfg(unix)]
mod annals_kill;
mod canaries;
mod faults;
mod image;
#[cfg(unix)]
mod kill;
mod subject;
mod sweep;
