//! The one iteration protocol over internal keys, spoken by tables, memory buffers and merges alike.

use crate::Result;
use crate::key::Trailer;

/// A position in a sorted sequence of internal keys (order: [`crate::key::compare`]).
///
/// A new cursor is at no entry. Every movement either lands on an entry ([`Cursor::is_valid`] is then true), runs off an
/// end (false), or fails; after an error the cursor is at no entry and only a seek revives it. `next` and `prev` may be
/// called only on a valid cursor. The accessors may be called only on a valid cursor; slices live until it moves.
///
/// # Complexity
/// `next` and `prev` cost O(1) amortised; seeks cost O(log entries) plus at most one block per level of the index.
pub trait Cursor: Send {
    /// Moves to the first entry.
    fn seek_first(&mut self) -> Result<()>;
    /// Moves to the last entry.
    fn seek_last(&mut self) -> Result<()>;
    /// Moves to the first entry with a user key `>= key` (its newest version).
    fn seek_ge(&mut self, key: &[u8]) -> Result<()>;
    /// Moves to the last entry with a user key `< key` (its oldest version).
    fn seek_lt(&mut self, key: &[u8]) -> Result<()>;
    /// Moves one entry towards the end.
    fn next(&mut self) -> Result<()>;
    /// Moves one entry towards the start.
    fn prev(&mut self) -> Result<()>;
    /// Whether the cursor is at an entry.
    fn is_valid(&self) -> bool;
    /// User key of the entry.
    fn user_key(&self) -> &[u8];
    /// Sequence number and kind of the entry.
    fn trailer(&self) -> Trailer;
    /// Value of the entry; empty for tombstones.
    fn value(&self) -> &[u8];
}
