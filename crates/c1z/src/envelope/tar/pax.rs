//! PAX records: `length key=value\n`, the length counting the whole record in decimal.

use super::super::fault;
use crate::{Error, ErrorKind, Result};

const STRUCTURE: &str = "pax record";
/// Longest set of records of one member, bytes.
pub(super) const RECORDS_LEN_MAX: u64 = 1 << 20;

/// The records that change what a reader does; all others are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Records {
    /// Decodes records that stand at offset `at`.
    ///
    /// # Errors
    /// `DataLoss` for a malformed record, `Unsupported` for a sparse file.
    pub(super) fn decode(bytes: &[u8], at: u64) -> Result<Self> {
        let mut records = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let place = at + (bytes.len() - rest.len()) as u64;
            let Some((key, value, after)) = split_record(rest) else {
                let expected = "`length key=value` and a line feed";
                let found = rest
                    .get(..rest.len().min(40))
                    .unwrap_or_default()
                    .escape_ascii();
                return Err(fault::corrupt(STRUCTURE, place, expected, found));
            };
            records.set(key, value, place)?;
            rest = after;
        }
        Ok(records)
    }

    fn set(&mut self, key: &[u8], value: &[u8], place: u64) -> Result<()> {
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"size" => {
                let size = decimal(value).ok_or_else(|| {
                    let found = value.escape_ascii();
                    fault::corrupt(STRUCTURE, place, "size: a number below 2^63", found)
                })?;
                self.size = Some(size);
            }
            key if key.starts_with(b"GNU.sparse.") => {
                let message = "file uses a feature that is not read feature=`tar sparse file`";
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            _ => {}
        }
        Ok(())
    }

    /// Encodes the records in the order of their keys.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(path) = &self.path {
            put_record(&mut out, b"path", path);
        }
        if let Some(size) = self.size {
            put_record(&mut out, b"size", size.to_string().as_bytes());
        }
        out
    }
}

type Split<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Key and value of the first record, and what follows it.
fn split_record(bytes: &[u8]) -> Option<Split<'_>> {
    let space = bytes.iter().position(|b| *b == b' ')?;
    let len = usize::try_from(decimal(bytes.get(..space)?)?).ok()?;
    let (record, after) = bytes.split_at_checked(len)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|b| *b == b'=')?;
    let (key, value) = body.split_at_checked(equals)?;
    (!key.is_empty()).then_some((key, value.get(1..)?, after))
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let value = std::str::from_utf8(text)
        .ok()
        .filter(|_| digits)?
        .parse::<i64>()
        .ok()?;
    Some(value.unsigned_abs())
}

fn put_record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let body = key.len() + value.len() + 3;
    // The length counts its own digits, which one more digit can make one more.
    let guess = body + body.to_string().len();
    let len = body + guess.to_string().len();
    out.extend_from_slice(len.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}
