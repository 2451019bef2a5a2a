//! A sync as text: every record on a line of its own, and every byte of it comes back.
//!
//! ```text
//! {"type":"begin","schema":"c1z.sync/1"}
//! {"type":"sync","run":{…},"stats":{…}}
//! {"type":"resource_type","record":{…}}      … a line a record, in any order
//! {"type":"session","record":{…}}
//! {"type":"row","key":"…","value":"…"}       rows that are no record
//! {"type":"end","lines":…,"counts":{…},"sha256":"…"}
//! ```
//!
//! A record stands as protobuf's JSON. Where that does not give back the bytes that the file holds
//! (fields that this version does not know, an encoding that is not the canonical one), the bytes
//! stand beside it in base64. What takes more than 1 MiB, such as an asset, is cut into lines of its
//! own. The last line tells how many lines there are and their SHA-256, so that a file that was cut or
//! changed is an error. `docs/format/ndjson.md` is the whole schema.
//!
//! Two levels pass through the same lines: the records of a v3 database ([`Form::Stored`], exact in
//! both directions) and the messages of a v1 file with their columns ([`Form::Message`]). Index rows,
//! digests and stamps are left out, since whoever builds a database makes them.
//!
//! Memory is one line and one record, whatever the number of records. [`Reader`] gives records before
//! it has seen the end: what came before an error is not a sync and must be dropped.
//!
//! ```
//! use c1z::ops::NoObserver;
//! use c1z::ops::ndjson::{Item, Reader, write_database};
//!
//! # fn main() -> c1z::Result<()> {
//! let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/basic/v3.indexed_zstd.c1z");
//! let store = c1z::open(path)?;
//! let mut text = Vec::new();
//! let budget = c1z::MemoryBudget::default();
//! let database = store.database().expect("a v3 file");
//! let written = write_database(database, &budget, &mut text, &NoObserver)?;
//!
//! let mut reader = Reader::new(text.as_slice())?;
//! let mut grants = 0;
//! while let Some(item) = reader.next_item()? {
//!     if let Item::Record(record) = item {
//!         grants += u64::from(record.kind == c1z::ops::RecordKind::Grant);
//!     }
//! }
//! assert_eq!(grants, written.counts.grants);
//! # Ok(())
//! # }
//! ```

pub(crate) mod columns;
mod counts;
mod database;
mod exact;
#[doc(hidden)]
pub mod fuzz;
mod item;
mod line;
mod members;
mod parse;
mod reader;
mod v1;
mod writer;

pub use counts::Counts;
pub use database::{Written, write_database};
pub use item::{Form, Head, Item, Record};
pub use reader::Reader;
pub use v1::write_v1;
pub use writer::Writer;

/// What the first line says. The number grows when a reader would have to change.
const SCHEMA: &str = "c1z.sync/1";
/// Longest message that stands in one line, in bytes; longer ones are cut into data lines.
const INLINE_BYTES_MAX: usize = 1 << 20;
/// Bytes of a data line: 1 MiB of base64.
const DATA_BYTES: usize = 3 << 18;
/// Longest JSON of one message; a longer one stands as base64 alone. JSON spells out names and
/// escapes, so it may take many times the bytes of its message.
const JSON_BYTES_MAX: usize = 6 << 20;
/// Longest line that is read, in bytes. A writer's longest holds the JSON of two messages and their
/// bytes.
const LINE_BYTES_MAX: usize = 16 << 20;
/// Longest message that is read from data lines, in bytes: an asset of 100 MiB with ample room.
const MESSAGE_BYTES_MAX: u64 = 512 << 20;
