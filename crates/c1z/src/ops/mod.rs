//! Operations over whole syncs: building files from records, converting between formats,
//! comparing syncs.
//!
//! They stream: rows pass from a source to a writer one at a time, and what must be sorted is sorted
//! within a memory budget on disk. Nothing here knows a terminal; progress goes to an [`Observer`],
//! which may also stop the operation.

pub mod build;
pub mod convert;
pub mod diff;
mod dump;
pub mod ndjson;
pub(crate) mod observe;
mod raw;
pub mod repair;
pub mod verify;

pub use dump::{Dumped, dump};
pub use observe::{NoObserver, Observer, Progress, Step};
pub use raw::{RecordKind, StoredRecord};
