//! Whole syncs that are interrupted and go on: what the durability tests drive, and what they compare with.
//!
//! A [`Script`] is a sync as a list of actions, checkpoints among them whose tokens hold the position. A [`Journey`] does the
//! actions through a store on disk, from wherever the directory stands, and publishes the result. After each action of an
//! undisturbed run the rows are known ([`Script::states`]), so that a test can say which of them an interruption may leave.

mod bent;
mod content;
mod journey;
mod script;
mod workload;

pub use bent::{Bend, BentFs};
pub use content::{Content, bytes_of, copy_folder};
pub use journey::{Event, Journey, Planted, Settings};
pub use script::{Phase, Script};
pub use workload::Workload;
