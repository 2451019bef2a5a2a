//! What the tests of this project share: golden cases and their typed rows, the comparison of an engine with a Go
//! reader's answers, a replayer of recorded writes, clocks, damaged bytes, seeded data.
//!
//! A development dependency only: no product code depends on it. Nothing here panics on bad data; what is wrong is
//! returned, so that a caller can print all of it.

pub mod chance;
pub mod check;
pub mod clock;
pub mod durable;
mod error;
pub mod fuzzing;
pub mod generate;
pub mod golden;
pub mod hostile;
pub mod ids;
pub mod rebuild;
pub mod replay;
pub mod stored;
pub mod table;
pub mod times;
pub mod usage;

pub use error::{Error, Result};
