//! A table's entry in a version edit (`pebble-ondisk` §2.2, §2.4).

use std::fmt;

use super::FileNumber;
use crate::Result;
use crate::codec::{Input, put_uvarint, put_vstr};
use crate::key::{InternalKey, SeqNo, Trailer};

/// One of the seven levels: L0, whose tables may overlap, to L6, the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

impl Level {
    /// Number of levels.
    pub const COUNT: usize = 7;
    /// The level whose tables may overlap.
    pub const L0: Level = Level(0);
    /// The oldest level.
    pub const L6: Level = Level(6);

    /// Level `n`, if there is one.
    pub fn new(n: usize) -> Option<Self> {
        u8::try_from(n).ok().filter(|_| n < Self::COUNT).map(Level)
    }

    /// All levels, newest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Level> {
        (0_u8..7).map(Level)
    }

    /// Its number.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn decode(input: &mut Input<'_>) -> Result<Self> {
        let place = input.clone();
        let n = input.uvarint()?;
        usize::try_from(n)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| place.corrupt("a level below 7", n))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}", self.0)
    }
}

/// What the MANIFEST says of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMeta {
    /// The table's number; for a physical table also that of its file.
    pub number: FileNumber,
    /// Length of the file in bytes; of a virtual table an estimate of its share.
    pub size: u64,
    /// Lower bound of all keys, inclusive.
    pub smallest: InternalKey,
    /// Upper bound of all keys; inclusive unless [`Trailer::is_exclusive_sentinel`].
    pub largest: InternalKey,
    /// Lower bound of the sequence numbers.
    pub smallest_seq: SeqNo,
    /// Upper bound of the sequence numbers.
    pub largest_seq: SeqNo,
    /// When the table was made, in seconds since 1970; 0 if not recorded.
    pub created_at: u64,
    /// Whether a compaction shall rewrite the table even if nothing else demands it.
    pub needs_compaction: bool,
    /// The file of a virtual table, which shows a part of it; `None` for a physical table.
    pub backing: Option<FileNumber>,
}

/// An unsupported feature that a table's entry needs.
pub(super) type Feature = &'static str;

pub(super) const RANGE_KEYS: Feature = "range keys";
pub(super) const BLOB_VALUES: Feature = "values in blob files";
const SYNTHETIC_PREFIX: Feature = "synthetic prefix";
const SYNTHETIC_SUFFIX: Feature = "synthetic suffix";
const PATH_ID: Feature = "path id";

/// Numbers of the fields that follow an entry of tag 103 or 104.
mod field {
    pub(super) const END: u64 = 1;
    pub(super) const NEEDS_COMPACTION: u64 = 2;
    pub(super) const CREATION_TIME: u64 = 6;
    pub(super) const PATH_ID: u64 = 65;
    pub(super) const BACKING: u64 = 66;
    pub(super) const SYNTHETIC_PREFIX: u64 = 67;
    pub(super) const SYNTHETIC_SUFFIX: u64 = 68;
    pub(super) const BLOB_REFERENCES: u64 = 69;
    /// A reader that does not know a field with this bit must not skip it.
    pub(super) const MUST_KNOW: u64 = 0x40;
}

/// Which shape an entry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Tag 100.
    Plain,
    /// Tag 102: with a path id.
    PathId,
    /// Tag 103: with fields behind.
    Fields,
    /// Tag 104: with bounds of range keys, and fields behind.
    RangeKeys,
}

/// A decoded entry, and the first unsupported feature that it needs.
pub(super) struct Decoded {
    pub(super) meta: TableMeta,
    pub(super) unsupported: Option<Feature>,
}

impl TableMeta {
    /// The number of the file that holds the table.
    pub fn file(&self) -> FileNumber {
        self.backing.unwrap_or(self.number)
    }

    /// Whether the table shows a part of a file.
    pub fn is_virtual(&self) -> bool {
        self.backing.is_some()
    }

    /// The sequence number that all entries take, whatever their blocks say: that of an ingested
    /// table (`pebble-ondisk` §2.4).
    pub fn synthetic_seq(&self) -> Option<SeqNo> {
        let ingested = self.smallest_seq == self.largest_seq && self.largest_seq.0 != 0;
        ingested.then_some(self.largest_seq)
    }

    /// Whether the largest user key itself lies outside of the table.
    pub fn excludes_largest(&self) -> bool {
        self.largest.trailer.is_exclusive_sentinel()
    }

    /// Whether a key of the table may be `>= key`.
    pub fn reaches(&self, key: &[u8]) -> bool {
        let largest = &self.largest.user[..];
        largest > key || (largest == key && !self.excludes_largest())
    }

    /// Whether the table may hold keys in `[lower, upper)`; `None` is unbounded.
    pub fn overlaps(&self, lower: Option<&[u8]>, upper: Option<&[u8]>) -> bool {
        lower.is_none_or(|lower| self.reaches(lower))
            && upper.is_none_or(|upper| &self.smallest.user[..] < upper)
    }

    pub(super) fn decode(input: &mut Input<'_>, shape: Shape) -> Result<Decoded> {
        let number = FileNumber(input.uvarint()?);
        let mut unsupported = None;
        if shape == Shape::PathId {
            input.uvarint()?;
            unsupported = Some(PATH_ID);
        }
        let size = input.uvarint()?;
        let (smallest, largest) = if shape == Shape::RangeKeys {
            unsupported = Some(RANGE_KEYS);
            decode_three_bounds(input)?
        } else {
            (decode_key(input)?, decode_key(input)?)
        };
        let mut meta = Self {
            number,
            size,
            smallest,
            largest,
            smallest_seq: decode_seq(input)?,
            largest_seq: decode_seq(input)?,
            created_at: 0,
            needs_compaction: false,
            backing: None,
        };
        meta.check_order(input)?;
        if matches!(shape, Shape::Fields | Shape::RangeKeys) {
            let found = meta.decode_fields(input)?;
            unsupported = unsupported.or(found);
        }
        Ok(Decoded { meta, unsupported })
    }

    fn check_order(&self, input: &Input<'_>) -> Result<()> {
        if self.smallest > self.largest {
            return Err(input.corrupt(
                "smallest key before largest key",
                format_args!("{:?} and {:?}", self.smallest, self.largest),
            ));
        }
        if self.smallest_seq > self.largest_seq {
            let (smallest, largest) = (self.smallest_seq.0, self.largest_seq.0);
            return Err(input.corrupt(
                "ascending sequence number bounds",
                format_args!("{smallest} and {largest}"),
            ));
        }
        Ok(())
    }

    /// Reads the fields behind an entry; returns the first unsupported feature.
    fn decode_fields(&mut self, input: &mut Input<'_>) -> Result<Option<Feature>> {
        let mut unsupported = None;
        loop {
            let place = input.clone();
            let found = match input.uvarint()? {
                field::END => return Ok(unsupported),
                field::NEEDS_COMPACTION => {
                    let value = input.vstr()?;
                    if value != [1] {
                        return Err(place.corrupt("needs-compaction of one byte 01", "another"));
                    }
                    self.needs_compaction = true;
                    None
                }
                field::CREATION_TIME => {
                    let mut value = Input::new("creation time", input.vstr()?);
                    self.created_at = value.uvarint()?;
                    value.finish()?;
                    None
                }
                field::BACKING => {
                    self.backing = Some(FileNumber(input.uvarint()?));
                    None
                }
                field::SYNTHETIC_PREFIX => input.vstr().map(|_| Some(SYNTHETIC_PREFIX))?,
                field::SYNTHETIC_SUFFIX => input.vstr().map(|_| Some(SYNTHETIC_SUFFIX))?,
                field::PATH_ID => input.vstr().map(|_| Some(PATH_ID))?,
                field::BLOB_REFERENCES => {
                    skip_blob_references(input)?;
                    Some(BLOB_VALUES)
                }
                unknown if unknown & field::MUST_KNOW != 0 => {
                    return Err(crate::Error::unsupported(format_args!(
                        "table field in the manifest field=`{unknown}`"
                    )));
                }
                _ => input.vstr().map(|_| None)?,
            };
            unsupported = unsupported.or(found);
        }
    }

    fn has_fields(&self) -> bool {
        self.created_at != 0 || self.needs_compaction || self.is_virtual()
    }

    /// Tag of the entry that holds all that is known of the table.
    pub(super) fn shape(&self) -> Shape {
        if self.has_fields() {
            Shape::Fields
        } else {
            Shape::Plain
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_uvarint(out, self.number.0);
        put_uvarint(out, self.size);
        put_key(out, &self.smallest);
        put_key(out, &self.largest);
        put_uvarint(out, self.smallest_seq.0);
        put_uvarint(out, self.largest_seq.0);
        if self.has_fields() {
            self.encode_fields(out);
        }
    }

    fn encode_fields(&self, out: &mut Vec<u8>) {
        if self.created_at != 0 {
            put_uvarint(out, field::CREATION_TIME);
            let mut value = Vec::new();
            put_uvarint(&mut value, self.created_at);
            put_vstr(out, &value);
        }
        if self.needs_compaction {
            put_uvarint(out, field::NEEDS_COMPACTION);
            put_vstr(out, &[1]);
        }
        if let Some(backing) = self.backing {
            put_uvarint(out, field::BACKING);
            put_uvarint(out, backing.0);
        }
        put_uvarint(out, field::END);
    }
}

fn decode_seq(input: &mut Input<'_>) -> Result<SeqNo> {
    let place = input.clone();
    let seq = SeqNo(input.uvarint()?);
    if seq > SeqNo::MAX {
        return Err(place.corrupt("a sequence number of 56 bits", seq.0));
    }
    Ok(seq)
}

fn decode_key(input: &mut Input<'_>) -> Result<InternalKey> {
    let place = input.clone();
    let bytes = input.vstr()?;
    let Some((user, trailer)) = bytes.split_last_chunk::<8>() else {
        return Err(place.corrupt("an internal key of at least 8 bytes", bytes.len()));
    };
    let trailer = Trailer(u64::from_le_bytes(*trailer));
    if trailer.kind().is_none() {
        return Err(place.corrupt("a known kind of key", trailer.kind_number()));
    }
    Ok(InternalKey::new(user, trailer))
}

fn put_key(out: &mut Vec<u8>, key: &InternalKey) {
    put_uvarint(out, key.user.len() as u64 + 8);
    out.extend_from_slice(&key.user);
    out.extend_from_slice(&key.trailer.0.to_le_bytes());
}

/// Bounds of a table with range keys: those of its points if any, those of its range keys, and
/// which of them are the outer ones.
fn decode_three_bounds(input: &mut Input<'_>) -> Result<(InternalKey, InternalKey)> {
    const HAS_POINTS: u8 = 1;
    const SMALLEST_IS_POINT: u8 = 2;
    const LARGEST_IS_POINT: u8 = 4;
    let place = input.clone();
    let marker = input.u8()?;
    let points = if marker & HAS_POINTS == 0 {
        None
    } else {
        Some((decode_key(input)?, decode_key(input)?))
    };
    let (range_smallest, range_largest) = (decode_key(input)?, decode_key(input)?);
    let Some((point_smallest, point_largest)) = points else {
        if marker != 0 {
            return Err(place.corrupt("no bits about points without points", marker));
        }
        return Ok((range_smallest, range_largest));
    };
    let choose = |bit: u8, point, range| if marker & bit == 0 { range } else { point };
    Ok((
        choose(SMALLEST_IS_POINT, point_smallest, range_smallest),
        choose(LARGEST_IS_POINT, point_largest, range_largest),
    ))
}

fn skip_blob_references(input: &mut Input<'_>) -> Result<()> {
    input.uvarint()?;
    for _ in 0..input.uvarint()? {
        input.uvarint()?;
        input.uvarint()?;
    }
    Ok(())
}
