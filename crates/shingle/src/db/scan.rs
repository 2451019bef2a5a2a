//! Walking over the rows of a database.

use std::fmt;
use std::sync::Arc;

use super::counters::ReadCounters;
use super::tables::TableOpener;
use crate::Result;
use crate::iter::Rows;

/// A position among the rows within the bounds of a scan: between two of them, or at one. A new
/// scan stands before all rows.
///
/// Keys and values are lent until the next movement:
///
/// ```no_run
/// use std::sync::Arc;
///
/// use shingle::db::{Database, ReadOptions, ScanOptions};
/// use shingle::iter::Bounds;
/// use shingle::vfs::OsFs;
///
/// # fn main() -> shingle::Result<()> {
/// let database = Database::open_sealed(Arc::new(OsFs), "some/directory", ReadOptions::default())?;
/// let mut scan = database.scan(Bounds::prefix(b"user/"), ScanOptions::default());
/// while let Some((key, value)) = scan.next()? {
///     println!("{} has {} bytes", key.escape_ascii(), value.len());
/// }
/// # Ok(())
/// # }
/// ```
///
/// After an error the scan must be placed again (seek, rewind, unwind) before it moves on.
pub struct Scan {
    rows: Rows<TableOpener>,
    counters: Arc<ReadCounters>,
}

impl Scan {
    pub(crate) fn new(rows: Rows<TableOpener>, counters: Arc<ReadCounters>) -> Self {
        Self { rows, counters }
    }

    /// Moves to the next row and lends it; `None` behind the last one.
    ///
    /// # Errors
    /// `Corrupt` for damage in a table that the scan reaches, `Unsupported` for a merge operand,
    /// `Invalid` if the scan failed before.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend from itself"
    )]
    #[inline]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        let found = self.rows.next()?;
        Ok(found.then(|| (self.rows.key(), self.rows.value())))
    }

    /// Moves to the previous row and lends it; `None` before the first one.
    ///
    /// # Errors
    /// As [`Scan::next`].
    #[inline]
    pub fn prev(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        let found = self.rows.prev()?;
        Ok(found.then(|| (self.rows.key(), self.rows.value())))
    }

    /// Stands before the first row with a key `>= key`: [`Scan::next`] returns it, [`Scan::prev`]
    /// the one before. Costs nothing until then.
    pub fn seek_ge(&mut self, key: &[u8]) {
        self.rows.seek(key);
    }

    /// Stands before all rows.
    pub fn rewind(&mut self) {
        self.rows.rewind();
    }

    /// Stands behind all rows.
    pub fn unwind(&mut self) {
        self.rows.unwind();
    }

    /// Key and value of the row that the scan stands at, if it stands at one.
    pub fn row(&self) -> Option<(&[u8], &[u8])> {
        let at_row = self.rows.is_at_row();
        at_row.then(|| (self.rows.key(), self.rows.value()))
    }

    /// Entries looked at so far, visible or not: what the scan cost.
    pub fn entries(&self) -> u64 {
        self.rows.stats().entries
    }
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("key", &self.rows.key().escape_ascii().to_string())
            .field("at_row", &self.rows.is_at_row())
            .finish_non_exhaustive()
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.counters.count_scan(self.rows.stats());
    }
}
