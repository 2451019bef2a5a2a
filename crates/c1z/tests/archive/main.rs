//! Folders of syncs, from outside: what the contract suite (`tests/contract`) does not ask, because it is about files.
//!
//! | module | holds |
//! |---|---|
//! | `golden` | recorded writes of several syncs, and what Go made of them |
//! | `faults` | every operation on files fails once, or for good; the power fails |
//! | `readers` | readers beside a writer; views on every surface |
//! | `entries` | packing, adding, publishing, names, the catalog |
//! | `space` | what a deletion leaves, in a database and in a folder |
#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]

#[path = "../common/answers.rs"]
mod answers;

mod entries;
mod faults;
mod generate_diff;
mod golden;
mod readers;
mod space;
mod support;
