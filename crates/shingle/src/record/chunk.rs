//! One chunk: its header, its checksum, and where it stands in a record.

use std::fmt;

use crate::checksum::{mask, masked_crc32c};

/// Length of a block in bytes.
pub(crate) const BLOCK_LEN: usize = 32 * 1024;

/// Header length of a legacy chunk, the shortest one.
pub(super) const HEADER_LEN_MIN: usize = 7;

/// Which header a chunk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Of a MANIFEST.
    Legacy,
    /// Of a log whose file may have been another log before.
    Recyclable,
    /// Recyclable, and says how much was durable when it was written.
    WalSync,
}

impl Format {
    /// Length of the header in bytes.
    pub(crate) const fn header_len(self) -> usize {
        match self {
            Format::Legacy => HEADER_LEN_MIN,
            Format::Recyclable => 11,
            Format::WalSync => 19,
        }
    }

    /// Number of the type of a full chunk; those of first, middle and last follow.
    const fn first_type(self) -> u8 {
        match self {
            Format::Legacy => 1,
            Format::Recyclable => 5,
            Format::WalSync => 9,
        }
    }
}

/// Where a chunk stands in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Full,
    First,
    Middle,
    Last,
}

impl Place {
    /// The place of the chunk that begins or ends a record as told.
    pub(super) const fn new(begins: bool, ends: bool) -> Self {
        match (begins, ends) {
            (true, true) => Place::Full,
            (true, false) => Place::First,
            (false, false) => Place::Middle,
            (false, true) => Place::Last,
        }
    }

    pub(super) const fn begins(self) -> bool {
        matches!(self, Place::Full | Place::First)
    }

    pub(super) const fn ends(self) -> bool {
        matches!(self, Place::Full | Place::Last)
    }
}

/// A chunk whose checksum was verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk<'a> {
    pub(super) format: Format,
    pub(super) place: Place,
    /// 0 unless wal-sync.
    pub(super) synced_offset: u64,
    pub(super) payload: &'a [u8],
    /// Length with header.
    pub(super) len: usize,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Defect::Cut => f.write_str("a length beyond the block"),
            Defect::Zero => f.write_str("zeroes"),
            Defect::UnknownType(number) => write!(f, "chunk type {number}"),
            Defect::Checksum { expected, found } => {
                write!(f, "checksum {found:#010x} where {expected:#010x} is stored")
            }
        }
    }
}

/// Why no chunk stands where one was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// The bytes end before the chunk does.
    Cut,
    /// Checksum, length and type are all zero.
    Zero,
    /// No such chunk type.
    UnknownType(u8),
    /// The checksum is another one.
    Checksum { expected: u32, found: u32 },
}

/// The header fields that all formats share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) crc: u32,
    pub(super) len: u16,
    kind: u8,
}

impl Head {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Defect> {
        let Some(&[c0, c1, c2, c3, l0, l1, kind]) = bytes.first_chunk::<HEADER_LEN_MIN>() else {
            return Err(Defect::Cut);
        };
        let head = Self {
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
            len: u16::from_le_bytes([l0, l1]),
            kind,
        };
        if head.crc == 0 && head.len == 0 && head.kind == 0 {
            return Err(Defect::Zero);
        }
        Ok(head)
    }

    /// Format that the type stands for, if there is such a type.
    pub(super) fn format(self) -> Option<Format> {
        Some(self.meaning().ok()?.0)
    }

    /// Format and place that the type stands for.
    fn meaning(self) -> Result<(Format, Place), Defect> {
        let format = match self.kind {
            1..=4 => Format::Legacy,
            5..=8 => Format::Recyclable,
            9..=12 => Format::WalSync,
            other => return Err(Defect::UnknownType(other)),
        };
        let place = match self.kind - format.first_type() {
            0 => Place::Full,
            1 => Place::First,
            2 => Place::Middle,
            _ => Place::Last,
        };
        Ok((format, place))
    }
}

/// Format and log number that the header at the start of `bytes` claims, before any checksum.
pub(super) fn claimed_log(bytes: &[u8]) -> Option<(Head, Format, u32)> {
    let head = Head::parse(bytes).ok()?;
    let (format, _) = head.meaning().ok()?;
    let header = bytes.get(..format.header_len())?;
    Some((head, format, extra_fields(format, header).0))
}

impl<'a> Chunk<'a> {
    /// The chunk at the start of `bytes`, which reach to the end of the block or of the file.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Defect> {
        let head = Head::parse(bytes)?;
        let (format, place) = head.meaning()?;
        let len = format.header_len() + usize::from(head.len);
        let (chunk, _) = bytes.split_at_checked(len).ok_or(Defect::Cut)?;
        let found = checksum_of(chunk);
        if found != head.crc {
            return Err(Defect::Checksum {
                expected: head.crc,
                found,
            });
        }
        let (_, synced_offset) = extra_fields(format, chunk);
        Ok(Self {
            format,
            place,
            synced_offset,
            payload: chunk.get(format.header_len()..).unwrap_or_default(),
            len,
        })
    }
}

/// Log number and synced offset in the header, 0 where the format has none.
fn extra_fields(format: Format, chunk: &[u8]) -> (u32, u64) {
    let mut fields = chunk.get(HEADER_LEN_MIN..).unwrap_or_default();
    let mut log_number = 0;
    let mut synced_offset = 0;
    if format != Format::Legacy
        && let Some((number, rest)) = fields.split_first_chunk()
    {
        log_number = u32::from_le_bytes(*number);
        fields = rest;
    }
    if format == Format::WalSync
        && let Some((offset, _)) = fields.split_first_chunk()
    {
        synced_offset = u64::from_le_bytes(*offset);
    }
    (log_number, synced_offset)
}

/// The checksum that a chunk with these bytes must carry.
fn checksum_of(chunk: &[u8]) -> u32 {
    masked_crc32c(&[chunk.get(6..).unwrap_or_default()])
}

/// Whether some shorter length would make the checksum of the chunk at the start of `bytes` right:
/// then it is not cut off, its length is damaged. A false alarm has a chance of about 2^-17.
pub(super) fn has_damaged_length(bytes: &[u8]) -> bool {
    let Ok(head) = Head::parse(bytes) else {
        return false;
    };
    let Ok((format, _)) = head.meaning() else {
        return false;
    };
    let Some((covered, payload)) = bytes
        .get(6..)
        .and_then(|covered| covered.split_at_checked(format.header_len() - 6))
    else {
        return false;
    };
    let mut crc = crc32c::crc32c(covered);
    payload.iter().any(|byte| {
        let matched = mask(crc) == head.crc;
        crc = crc32c::crc32c_append(crc, std::slice::from_ref(byte));
        matched
    }) || mask(crc) == head.crc
}

/// What a writer knows of the log it writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogHeader {
    pub(super) format: Format,
    pub(super) log_number: u32,
    pub(super) synced_offset: u64,
}

/// Appends a chunk. `payload` fits into a block together with its header.
pub(super) fn put_chunk(out: &mut Vec<u8>, log: LogHeader, place: Place, payload: &[u8]) {
    let kind = log.format.first_type()
        + match place {
            Place::Full => 0,
            Place::First => 1,
            Place::Middle => 2,
            Place::Last => 3,
        };
    let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    debug_assert_eq!(usize::from(len), payload.len());
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&len.to_le_bytes());
    out.push(kind);
    if log.format != Format::Legacy {
        out.extend_from_slice(&log.log_number.to_le_bytes());
    }
    if log.format == Format::WalSync {
        out.extend_from_slice(&log.synced_offset.to_le_bytes());
    }
    out.extend_from_slice(payload);
    let crc = checksum_of(out.get(start..).unwrap_or_default());
    if let Some(field) = out.get_mut(start..start + 4) {
        field.copy_from_slice(&crc.to_le_bytes());
    }
}
