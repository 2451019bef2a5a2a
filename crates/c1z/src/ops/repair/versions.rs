//! Several versions of one row, of which the newest counts.

use shingle::key::{Kind, RangeTombstone, SeqNo, Trailer};
use shingle::manifest::FileNumber;

use crate::{Error, ErrorKind, Result};

/// Bytes before the value: trailer and number of the table.
const VERSION_LEN: usize = 16;

/// A version as it is sorted.
pub(super) fn encode(trailer: Trailer, table: FileNumber, value: &[u8]) -> Vec<u8> {
    let mut version = Vec::with_capacity(VERSION_LEN + value.len());
    version.extend_from_slice(&trailer.0.to_be_bytes());
    version.extend_from_slice(&table.0.to_be_bytes());
    version.extend_from_slice(value);
    version
}

/// One version of a row.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    trailer: Trailer,
    table: u64,
    value: &'a [u8],
}

impl<'a> Candidate<'a> {
    fn of(stored: &'a [u8]) -> Option<Self> {
        let (version, value) = stored.split_first_chunk::<VERSION_LEN>()?;
        let [trailer, table] = *version.as_chunks::<8>().0 else {
            return None;
        };
        Some(Self {
            trailer: Trailer(u64::from_be_bytes(trailer)),
            table: u64::from_be_bytes(table),
            value,
        })
    }

    /// Whether this version is newer than `other`.
    fn is_newer(&self, other: &Self, has_manifest: bool) -> bool {
        let (mine, theirs) = (self.trailer.seq(), other.trailer.seq());
        let comparable = has_manifest || (mine.0 > 0 && theirs.0 > 0);
        if comparable && mine != theirs {
            return mine > theirs;
        }
        if self.table == other.table {
            return self.trailer > other.trailer;
        }
        self.table > other.table
    }
}

/// Picks one version of a row.
#[derive(Default)]
pub(super) struct Newest {
    held: Vec<u8>,
}

impl Newest {
    pub(super) fn begin(&mut self, stored: &[u8]) {
        self.held.clear();
        self.held.extend_from_slice(stored);
    }

    /// Takes another version into account.
    pub(super) fn add(&mut self, stored: &[u8], has_manifest: bool) {
        if let (Some(other), Some(held)) = (Candidate::of(stored), Candidate::of(&self.held))
            && other.is_newer(&held, has_manifest)
        {
            self.begin(stored);
        }
    }

    /// The value of `key`, unless it is deleted.
    pub(super) fn value(&self, key: &[u8], tombstones: &[RangeTombstone]) -> Result<Option<&[u8]>> {
        let Some(held) = Candidate::of(&self.held) else {
            return Ok(None);
        };
        match held.trailer.kind() {
            Some(Kind::Set | Kind::SetWithDelete) => {}
            Some(Kind::Delete | Kind::SingleDelete | Kind::DeleteSized) => return Ok(None),
            kind => {
                let message = format!("rows of this kind are not read kind=`{kind:?}`");
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        }
        Ok((!is_covered(key, held.trailer.seq(), tombstones)).then_some(held.value))
    }
}

fn is_covered(key: &[u8], seq: SeqNo, tombstones: &[RangeTombstone]) -> bool {
    tombstones.iter().any(|tombstone| {
        tombstone.seq > seq && tombstone.start.as_slice() <= key && key < tombstone.end.as_slice()
    })
}
