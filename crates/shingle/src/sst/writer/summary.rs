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
    /// XXH64 of the file's bytes, seed 0.
    pub file_xxh64: u64,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SeqNo;

    /// A change of what a table was found to hold.
    type Lie = fn(&mut Contents);

    /// Every count, bound and checksum is compared with what went in.
    #[test]
    fn a_table_that_holds_something_else_is_refused() {
        let contents = Contents {
            points: 3,
            point_deletions: 1,
            range_deletions: 1,
            key_len: 30,
            value_len: 40,
            seqs: Some((SeqNo(1), SeqNo(4))),
            keys: Some((b"a".to_vec(), b"c".to_vec())),
            points_crc: 7,
        };
        let mut summary = TableSummary {
            file_len: 1,
            file_xxh64: 0,
            bounds: None,
            contents: contents.clone(),
            properties: Properties::default(),
            verified: true,
        };
        summary.check(&contents).unwrap();
        let lies: [Lie; 9] = [
            |found| found.points += 1,
            |found| found.point_deletions = 0,
            |found| found.range_deletions = 0,
            |found| found.key_len -= 1,
            |found| found.value_len += 1,
            |found| found.seqs = Some((SeqNo(1), SeqNo(5))),
            |found| found.keys = Some((b"a".to_vec(), b"b".to_vec())),
            |found| found.keys = None,
            |found| found.points_crc ^= 1,
        ];
        for (n, lie) in lies.iter().enumerate() {
            let mut found = contents.clone();
            lie(&mut found);
            let error = summary.check(&found).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Corrupt, "lie {n}");
        }
        // Without the checksum of the rows everything else is compared still.
        summary.verified = false;
        let mut found = contents.clone();
        found.points_crc ^= 1;
        summary.check(&found).unwrap();
        found.points += 1;
        summary.check(&found).unwrap_err();
    }
}
