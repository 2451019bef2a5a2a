//! Whole syncs that are interrupted and go on: what the durability tests drive, and what they compare with.
//!
//! A [`Script`] is a sync as a list of actions, checkpoints among them whose tokens hold the position. A [`Journey`] does the
//! actions through a store on disk, from wherever the directory stands, and publishes the result. After each action of an
//! undisturbed run the rows are known ([`Script::states`]), so that a test can say which of them an interruption may leave.
//!
//! [`Annals`] is the same for a folder of syncs and the files that are made from it: a list of deeds, and what is [`Seen`] after each.

mod annals;
mod bent;
mod content;
mod deeds;
mod journey;
mod scribe;
mod script;
mod seen;
mod workload;

pub use annals::{Annals, Flaw, Turn};
pub use bent::{Bend, BentFs};
pub use content::{Content, bytes_of, copy_folder};
pub use deeds::{Deed, deeds};
pub use journey::{Event, Journey, Planted, Settings};
pub use script::{Phase, Script};
pub use seen::{Seen, SeenSync};
pub use workload::Workload;
