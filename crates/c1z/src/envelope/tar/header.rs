//! The 512-byte header of an archive member.
//!
//! | offset | width | field |
//! |---|---|---|
//! | 0 | 100 | name |
//! | 100 | 8 | mode, octal |
//! | 108 | 8 + 8 | uid, gid, octal |
//! | 124 | 12 | size, octal; or base 256 when the top bit is set |
//! | 136 | 12 | mtime, octal |
//! | 148 | 8 | checksum, octal: sum of the header's bytes, these eight as spaces |
//! | 156 | 1 | type: `0` or NUL file, `5` directory, `x` PAX records, others |
//! | 157 | 100 | link name |
//! | 257 | 6 + 2 | `ustar\0`, `00` |
//! | 265 | 32 + 32 | user and group name |
//! | 345 | 155 | prefix of the name |

use std::ops::Range;

use super::super::fault;
use super::BLOCK_LEN;
use crate::Result;

const STRUCTURE: &str = "tar header";
const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const KIND: usize = 156;
const MAGIC: Range<usize> = 257..265;
const DEVICE_MAJOR: Range<usize> = 329..337;
const DEVICE_MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;
const USTAR: &[u8; 8] = b"ustar\x0000";
/// Largest size that the octal field holds.
pub(super) const SIZE_MAX: u64 = 0o777_7777_7777;
/// Longest name without prefix.
pub(super) const NAME_LEN: usize = NAME.end - NAME.start;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    /// PAX records for the next member.
    Records,
    /// A form that is refused; the name says which.
    Refused(&'static str),
    /// Links, devices, global records: passed over.
    Other,
}

/// The fields that a reader needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) mode: u64,
    pub(super) len: u64,
    pub(super) kind: Kind,
}

impl Header {
    /// Decodes a header at offset `at` of the archive or file; `None` for a block of zeros.
    ///
    /// # Errors
    /// `DataLoss` for a wrong checksum or a malformed number.
    pub(super) fn decode(block: &[u8; BLOCK_LEN], at: u64) -> Result<Option<Self>> {
        if block.iter().all(|b| *b == 0) {
            return Ok(None);
        }
        let found = number(field(block, CHECKSUM), at, "checksum")?;
        let expected = checksum(block);
        if found != expected {
            let expected = format!("checksum {expected:o}");
            return Err(fault::corrupt(
                STRUCTURE,
                at,
                expected,
                format!("{found:o}"),
            ));
        }
        let kind = match block.get(KIND) {
            Some(b'0' | 0) => Kind::File,
            Some(b'5') => Kind::Directory,
            Some(b'x') => Kind::Records,
            Some(b'L') => Kind::Refused("tar long name in the GNU form"),
            Some(b'S') => Kind::Refused("tar sparse file"),
            _ => Kind::Other,
        };
        let mut name = text(field(block, NAME)).to_vec();
        let prefix = text(field(block, PREFIX));
        if field(block, MAGIC) == USTAR && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let len = number(field(block, SIZE), at, "size")?;
        // Links, devices and directories have no data, whatever their size field says.
        let has_data = !matches!(block.get(KIND), Some(b'1'..=b'6'));
        Ok(Some(Self {
            name,
            mode: number(field(block, MODE), at, "mode")?,
            len: if has_data { len } else { 0 },
            kind,
        }))
    }
}

/// Encodes a header with fixed owner and time: mode `0644`, ids, time and devices 0, no names.
/// `prefix` and `name` must fit their fields, `len` must not pass [`SIZE_MAX`].
pub(super) fn encode(prefix: &[u8], name: &[u8], len: u64, kind: u8) -> [u8; BLOCK_LEN] {
    let mut block = [0; BLOCK_LEN];
    put(&mut block, NAME, name);
    put(&mut block, MODE, b"0000644\0");
    put(&mut block, UID, b"0000000\0");
    put(&mut block, GID, b"0000000\0");
    put(&mut block, SIZE, format!("{len:011o}\0").as_bytes());
    put(&mut block, MTIME, b"00000000000\0");
    put(&mut block, KIND..KIND + 1, &[kind]);
    put(&mut block, MAGIC, USTAR);
    put(&mut block, DEVICE_MAJOR, b"0000000\0");
    put(&mut block, DEVICE_MINOR, b"0000000\0");
    put(&mut block, PREFIX, prefix);
    let sum = format!("{:06o}\0 ", checksum(&block));
    put(&mut block, CHECKSUM, sum.as_bytes());
    block
}

/// `name` as prefix and name of a header, if it fits: ASCII, cut at a `/`.
pub(super) fn split_name(name: &str) -> Option<(&str, &str)> {
    if !name.is_ascii() {
        return None;
    }
    if name.len() <= NAME_LEN {
        return Some(("", name));
    }
    name.match_indices('/')
        .filter_map(|(at, _)| Some((name.get(..at)?, name.get(at + 1..)?)))
        .find(|(prefix, rest)| prefix.len() <= PREFIX.len() && rest.len() <= NAME_LEN)
}

fn put(block: &mut [u8; BLOCK_LEN], range: Range<usize>, value: &[u8]) {
    debug_assert!(value.len() <= range.len(), "the value fits its field");
    for (to, from) in block
        .iter_mut()
        .skip(range.start)
        .take(range.len())
        .zip(value)
    {
        *to = *from;
    }
}

fn field(block: &[u8; BLOCK_LEN], range: Range<usize>) -> &[u8] {
    block.get(range).unwrap_or_default()
}

/// The bytes before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

fn checksum(block: &[u8; BLOCK_LEN]) -> u64 {
    let byte = |(i, b): (usize, &u8)| u64::from(if CHECKSUM.contains(&i) { b' ' } else { *b });
    block.iter().enumerate().map(byte).sum()
}

/// A number field: octal with blanks around it, or base 256 when the top bit is set.
fn number(field: &[u8], at: u64, what: &str) -> Result<u64> {
    let value = match field {
        [first, rest @ ..] if first & 0x80 != 0 => base_256(first & 0x7f, rest),
        _ => octal(field),
    };
    value.ok_or_else(|| {
        let found = field.escape_ascii();
        fault::corrupt(STRUCTURE, at, format!("{what}: a number below 2^63"), found)
    })
}

fn base_256(first: u8, rest: &[u8]) -> Option<u64> {
    let fold = |value: u64, b: &u8| value.checked_mul(256)?.checked_add(u64::from(*b));
    let value = rest.iter().try_fold(u64::from(first), fold)?;
    i64::try_from(value).ok().map(i64::unsigned_abs)
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits = text(field).trim_ascii();
    let digit = |value: u64, b: &u8| match b {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(b - b'0')),
        _ => None,
    };
    digits.iter().try_fold(0, digit)
}
