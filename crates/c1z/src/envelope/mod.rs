//! The framing of `.c1z` files, v1 and v3: reading, writing, publishing (`c1z-envelope`).
//!
//! What this module knows is bytes and files: which format a file has, where its parts are, whether
//! they are whole. It knows neither SQLite nor Pebble nor a sync. Reading never unpacks: a v3 payload
//! is a read-only file system ([`PayloadFs`]) whose files are decoded on demand within a memory budget.
//! A file is checked as it is read, errors name structure and offset, and caps are looked at before
//! memory is taken.

mod counters;
mod decode;
mod fault;
#[doc(hidden)]
pub mod fuzz;
mod hash;
mod head;
mod identify;
mod index;
mod inspect;
mod limits;
mod manifest;
mod open;
mod payload;
mod publish;
mod salvage;
mod source;
mod tar;
mod v1;
mod wire;
mod write;

pub use counters::ReadCounters;
pub use identify::{Format, MAGIC_LEN, MAGIC_V1, MAGIC_V3, identify};
pub use inspect::FrameInfo;
pub use limits::{
    DECODED_MAX_DEFAULT, LimitOptions, Limits, VAR_DECODED_MAX, VAR_FAIL_FAST_OFF, VAR_WINDOW_MAX,
    Variables, WINDOW_MAX_DEFAULT,
};
pub use manifest::{EngineName, Manifest, PayloadEncoding};
pub use open::{EnvelopeFile, OpenOptions, V3File};
pub use payload::{PayloadFs, PayloadOptions, VerifiedPayload};
pub use publish::{Existing, publish};
pub use salvage::{Salvaged, SalvagedFile, salvage};
pub use v1::{V1Database, V1Decoded, V1File, write_v1};
pub use write::{
    EntryContent, LEVEL_DEFAULT, NewEntry, Splice, WriteOptions, WriteSummary, write_v3,
};

#[cfg(test)]
mod tests;
