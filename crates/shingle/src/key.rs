//! Internal keys: a user key, and a trailer of sequence number and kind.
//!
//! Order of internal keys: user key ascending bytewise, then trailer descending, so that of several
//! versions of one user key the newest comes first (`pebble-ondisk` §4).

use std::cmp::Ordering;
use std::fmt;

/// A 56-bit sequence number. 0 is the bottommost; 1 to 9 are reserved; the first that a live
/// database assigns is 10.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeqNo(pub u64);

impl SeqNo {
    /// The largest value: the sentinel of exclusive bounds, never assigned to a write.
    pub const MAX: SeqNo = SeqNo((1 << 56) - 1);
    /// The first sequence number that a live database assigns.
    pub const FIRST: SeqNo = SeqNo(10);
}

/// What an internal key does to its user key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Point tombstone.
    Delete = 0,
    /// Value.
    Set = 1,
    /// Merge operand: recognised, not served.
    Merge = 2,
    /// Log data: in a write-ahead log only, takes no sequence number.
    LogData = 3,
    /// Tombstone of exactly one earlier set; read as [`Kind::Delete`].
    SingleDelete = 7,
    /// Range tombstone `[start, end)`.
    RangeDelete = 15,
    /// Shortened separator in a row-oriented index block.
    Separator = 17,
    /// A set that a compaction made of a set over a delete; read as [`Kind::Set`].
    SetWithDelete = 18,
    /// Range key delete: recognised, not served.
    RangeKeyDelete = 19,
    /// Range key unset: recognised, not served.
    RangeKeyUnset = 20,
    /// Range key set: recognised, not served.
    RangeKeySet = 21,
    /// Ingested table, in a write-ahead log only.
    IngestTable = 22,
    /// Tombstone that carries the size of what it hides; read as [`Kind::Delete`].
    DeleteSized = 23,
    /// Excised span, in a write-ahead log only.
    Excise = 24,
}

impl Kind {
    /// The kind with number `n`, if there is one.
    pub fn from_u8(n: u8) -> Option<Kind> {
        Some(match n {
            0 => Kind::Delete,
            1 => Kind::Set,
            2 => Kind::Merge,
            3 => Kind::LogData,
            7 => Kind::SingleDelete,
            15 => Kind::RangeDelete,
            17 => Kind::Separator,
            18 => Kind::SetWithDelete,
            19 => Kind::RangeKeyDelete,
            20 => Kind::RangeKeyUnset,
            21 => Kind::RangeKeySet,
            22 => Kind::IngestTable,
            23 => Kind::DeleteSized,
            24 => Kind::Excise,
            _ => return None,
        })
    }
}

/// `sequence number << 8 | kind`. Larger trailers are newer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trailer(pub u64);

impl Trailer {
    /// The trailer of the given parts.
    pub const fn new(seq: SeqNo, kind: Kind) -> Self {
        Self(seq.0 << 8 | kind as u64)
    }

    /// The sequence number.
    pub const fn seq(self) -> SeqNo {
        SeqNo(self.0 >> 8)
    }

    /// The kind's number, whether known or not.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the kind is the low byte by definition"
    )]
    pub const fn kind_number(self) -> u8 {
        self.0 as u8
    }

    /// The kind, if its number is known.
    pub fn kind(self) -> Option<Kind> {
        Kind::from_u8(self.kind_number())
    }

    /// The same kind with another sequence number.
    #[must_use]
    pub const fn with_seq(self, seq: SeqNo) -> Self {
        Self(seq.0 << 8 | (self.0 & 0xff))
    }

    /// Whether a bound with this trailer is exclusive (`pebble-ondisk` §2.4).
    pub fn is_exclusive_sentinel(self) -> bool {
        self.seq() == SeqNo::MAX
            && matches!(
                self.kind(),
                Some(
                    Kind::RangeDelete
                        | Kind::RangeKeyDelete
                        | Kind::RangeKeyUnset
                        | Kind::RangeKeySet
                )
            )
    }
}

impl fmt::Debug for Trailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Some(kind) => write!(f, "#{},{:?}", self.seq().0, kind),
            None => write!(f, "#{},kind {}", self.seq().0, self.kind_number()),
        }
    }
}

/// An owned internal key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct InternalKey {
    /// The user key.
    pub user: Vec<u8>,
    /// Sequence number and kind.
    pub trailer: Trailer,
}

impl InternalKey {
    /// The internal key of the given parts.
    pub fn new(user: impl Into<Vec<u8>>, trailer: Trailer) -> Self {
        Self {
            user: user.into(),
            trailer,
        }
    }
}

impl fmt::Debug for InternalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.user.escape_ascii(), self.trailer)
    }
}

impl PartialOrd for InternalKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for InternalKey {
    fn cmp(&self, other: &Self) -> Ordering {
        compare((&self.user, self.trailer), (&other.user, other.trailer))
    }
}

/// Compares two internal keys given in parts.
pub fn compare(a: (&[u8], Trailer), b: (&[u8], Trailer)) -> Ordering {
    a.0.cmp(b.0).then_with(|| b.1.cmp(&a.1))
}

/// One fragment of range tombstones: hides versions of the keys in `[start, end)` that are older
/// than `seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeTombstone {
    /// First key hidden.
    pub start: Vec<u8>,
    /// First key not hidden.
    pub end: Vec<u8>,
    /// Hides points with a strictly smaller sequence number.
    pub seq: SeqNo,
}
