//! What a finished table holds.

use crate::key::InternalKey;
use crate::sst::properties::Properties;
use crate::sst::table::Contents;
use crate::{Error, Result};

/// What a finished table holds, as the manifest needs it.
#[derive(Clone, Debug)]
pub struct TableSummary {
    /// Length of the file in bytes.
    pub file_len: u64,
    /// Bounds over points and range tombstones; `None` for a table without entries. The upper bound
    /// is an exclusive sentinel where a range tombstone ends last.
    pub bounds: Option<(InternalKey, InternalKey)>,
    /// What was written, counted. Its checksum is 0 unless the writer verifies.
    pub contents: Contents,
    /// The table's properties.
    pub properties: Properties,
    pub(super) verified: bool,
}

impl TableSummary {
    /// Compares what a walk over the written table found with what went in.
    ///
    /// # Errors
    /// `Corrupt` for any difference.
    pub fn check(&self, found: &Contents) -> Result<()> {
        let mut expected = self.contents.clone();
        if !self.verified {
            expected.points_crc = found.points_crc;
        }
        if *found == expected {
            return Ok(());
        }
        Err(Error::corrupt(
            "sstable",
            0,
            format_args!("{expected:?}"),
            format_args!("{found:?}"),
        ))
    }
}
