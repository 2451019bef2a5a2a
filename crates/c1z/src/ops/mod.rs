//! Operations over whole syncs: building files from records, converting between formats,
//! comparing syncs.
//!
//! They stream: rows pass from a source to a writer one at a time, and what must be sorted is sorted
//! within a memory budget on disk. Nothing here knows a terminal; progress goes to an [`Observer`],
//! which may also stop the operation.

pub mod build;
pub mod convert;
pub mod copy;
pub mod delta;
pub mod diff;
mod dump;
pub mod maintain;
pub mod merge;
pub mod ndjson;
pub(crate) mod observe;
mod pulse;
mod raw;
pub mod repair;
mod report;
pub mod rollback;
pub mod verify;
pub mod why;

pub use dump::{Dumped, dump};
pub use observe::{NoObserver, Observer, Progress, SharedObserver, Step};
pub use pulse::Pulse;
pub use raw::{RecordKind, StoredRecord};
pub(crate) use report::begins;
pub use report::{Ended, Report, Reporter, SayReport};
