//! Records: the encoding of a row, or of an index entry, in a payload.
//!
//! A record is a header and the bodies of its fields. The header is a varint with its own length
//! and one varint (the serial type) a field:
//!
//! | serial type | body | value |
//! |---|---|---|
//! | 0 | – | null |
//! | 1, 2, 3, 4, 5, 6 | 1, 2, 3, 4, 6, 8 bytes, big-endian two's complement | integer |
//! | 7 | 8 bytes, IEEE 754 | real; NaN reads as null |
//! | 8, 9 | – | the integers 0 and 1 |
//! | 10, 11 | | not allowed |
//! | n ≥ 12, even | (n − 12) / 2 bytes | blob |
//! | n ≥ 13, odd | (n − 13) / 2 bytes | text |

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use shingle::{Error, Result};

use super::node::Node;
use super::pager::{PageBytes, PageNo, Pager};
use super::payload::{Chain, PayloadRef};
use super::value::Value;
use super::varint;

const STRUCTURE: &str = "sqlite record";

/// A field of a record: its type and where its body is in the payload.
#[derive(Clone, Copy, Debug)]
struct Field {
    serial: u64,
    start: u32,
    len: u32,
}

/// A decoded record header over a payload. It keeps the page alive and is reused from record to
/// record, so that a scan does not allocate.
#[derive(Clone, Debug)]
pub(super) struct Record {
    page: PageBytes,
    owner: PageNo,
    payload: PayloadRef,
    chain: Chain,
    fields: Vec<Field>,
}

impl Record {
    /// A record without fields, to be loaded.
    pub(super) fn empty() -> Self {
        Self {
            page: Arc::new([]),
            owner: PageNo::FIRST,
            payload: PayloadRef::default(),
            chain: Chain::default(),
            fields: Vec::new(),
        }
    }

    /// Makes this the record of cell `i` of `node`; at most `fields_max` fields are looked at.
    #[inline]
    pub(super) fn load(
        &mut self,
        pager: &Pager,
        node: &Node,
        i: usize,
        fields_max: usize,
    ) -> Result<()> {
        self.payload = node.payload(i, pager.sizes())?;
        self.chain.reset();
        if !node.holds(&self.page) {
            self.page = Arc::clone(node.bytes());
            self.owner = node.no();
        }
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        let parsed = self.parse_header(pager, fields_max, &mut fields);
        self.fields = fields;
        parsed
    }

    #[inline]
    fn parse_header(
        &self,
        pager: &Pager,
        fields_max: usize,
        fields: &mut Vec<Field>,
    ) -> Result<()> {
        let local = self.local();
        let (header_len, first) = varint::decode(local)
            .ok_or_else(|| self.corrupt(pager, 0, "the length of a header", "end of payload"))?;
        let total = u64::from(self.payload.total);
        if header_len < first as u64 || header_len > total {
            let expected = format!("a header length from {first} to {total}");
            return Err(self.corrupt(pager, 0, expected, header_len));
        }
        let header_len = usize::try_from(header_len).unwrap_or(usize::MAX);
        if let Some(serials) = local.get(first..header_len) {
            return self.parse_serials(pager, serials, header_len, fields_max, fields);
        }
        let serials = self.gather(pager, first..header_len)?;
        self.parse_serials(pager, &serials, header_len, fields_max, fields)
    }

    /// Parses the serial types that end a header of `header_len` bytes.
    #[inline]
    fn parse_serials(
        &self,
        pager: &Pager,
        serials: &[u8],
        header_len: usize,
        fields_max: usize,
        fields: &mut Vec<Field>,
    ) -> Result<()> {
        let total = u64::from(self.payload.total);
        let mut start = header_len as u64;
        let mut rest = serials;
        while !rest.is_empty() && fields.len() < fields_max {
            let at = header_len - rest.len();
            let Some((serial, used)) = varint::decode(rest) else {
                return Err(self.corrupt(pager, at, "a serial type", "end of header"));
            };
            rest = rest.get(used..).unwrap_or_default();
            let Some(len) = body_len(serial) else {
                return Err(self.corrupt(pager, at, "a serial type but 10 and 11", serial));
            };
            let end = start.saturating_add(len);
            if end > total {
                let expected = format!("fields inside a payload of {total} bytes");
                return Err(self.corrupt(pager, at, expected, end));
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "both are at most the payload's length, a u32"
            )]
            fields.push(Field {
                serial,
                start: start as u32,
                len: len as u32,
            });
            start = end;
        }
        if rest.is_empty() && start != total {
            let expected = format!("a payload of {start} bytes, as its header says");
            return Err(self.corrupt(pager, 0, expected, total));
        }
        Ok(())
    }

    /// The rowid before the payload; 0 in an index.
    pub(super) fn rowid(&self) -> i64 {
        self.payload.rowid
    }

    /// Where the payload is: its page, and its offset on it.
    pub(super) fn place(&self) -> (PageNo, usize) {
        (self.owner, self.payload.start)
    }

    /// Number of fields, at most the number that [`Record::load`] was told to look at.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Serial type of field `i`.
    pub(super) fn serial(&self, i: usize) -> Option<u64> {
        self.fields.get(i).map(|field| field.serial)
    }

    /// Whether the payload continues on overflow pages.
    pub(super) fn spills(&self) -> bool {
        self.payload.overflow.is_some()
    }

    /// Field `i`; `None` when the record has fewer fields.
    ///
    /// Costs O(1), and the length of the field if it reaches overflow pages.
    #[inline]
    pub(super) fn get(&self, pager: &Pager, i: usize) -> Result<Option<Value<'_>>> {
        let Some(field) = self.fields.get(i) else {
            return Ok(None);
        };
        let body = self.bytes(pager, field.range())?;
        Ok(Some(decode(field.serial, body)))
    }

    /// Length in bytes of field `i`, if it is a text or a blob.
    pub(super) fn bytes_len(&self, i: usize) -> Option<u32> {
        self.fields
            .get(i)
            .filter(|field| field.serial >= 12)
            .map(|field| field.len)
    }

    /// Streams the body of field `i`.
    pub(super) fn stream<'a>(&'a self, pager: &'a Pager, i: usize) -> Option<ValueReader<'a>> {
        let range = self
            .fields
            .get(i)
            .filter(|field| field.serial >= 12)?
            .range();
        Some(ValueReader {
            record: self,
            pager,
            range,
        })
    }

    fn local(&self) -> &[u8] {
        let PayloadRef { start, local, .. } = self.payload;
        self.page.get(start..start + local).unwrap_or_default()
    }

    /// Payload bytes: borrowed from the page, or gathered when they are not all on it.
    #[inline]
    fn bytes(&self, pager: &Pager, range: Range<usize>) -> Result<Cow<'_, [u8]>> {
        match self.local().get(range.clone()) {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => self.gather(pager, range).map(Cow::Owned),
        }
    }

    /// Copies payload bytes from the page and its overflow pages. A length that passed
    /// [`Record::load`] is at most the file's.
    fn gather(&self, pager: &Pager, range: Range<usize>) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(range.len());
        self.visit(pager, range, &mut |piece| out.extend_from_slice(piece))?;
        Ok(out)
    }

    /// Hands the payload bytes of `range` to `sink`, piece by piece.
    fn visit(&self, pager: &Pager, range: Range<usize>, sink: &mut dyn FnMut(&[u8])) -> Result<()> {
        let local = self.local();
        if let Some(piece) = local.get(range.start..range.end.min(local.len())) {
            sink(piece);
        }
        let range = range.start.max(local.len())..range.end;
        if range.is_empty() {
            return Ok(());
        }
        self.chain
            .read(pager, &self.payload, self.owner, range, sink)
    }

    fn corrupt(
        &self,
        pager: &Pager,
        at: usize,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Error {
        pager.corrupt(
            STRUCTURE,
            self.owner,
            self.payload.start + at,
            expected,
            found,
        )
    }
}

impl Field {
    fn range(&self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }
}

/// Streams one text or blob without holding it in memory.
#[derive(Debug)]
pub struct ValueReader<'a> {
    record: &'a Record,
    pager: &'a Pager,
    range: Range<usize>,
}

impl ValueReader<'_> {
    /// Bytes still to be read.
    pub fn remaining(&self) -> usize {
        self.range.len()
    }
}

impl io::Read for ValueReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let end = self.range.end.min(self.range.start + buf.len());
        let mut filled = 0;
        self.record
            .visit(self.pager, self.range.start..end, &mut |piece| {
                if let Some(slot) = buf.get_mut(filled..filled + piece.len()) {
                    slot.copy_from_slice(piece);
                    filled += piece.len();
                }
            })
            .map_err(io::Error::other)?;
        self.range.start += filled;
        Ok(filled)
    }
}

/// The serial type of a value and the length of its body.
pub(super) fn serial_of(value: &Value<'_>) -> (u64, u64) {
    let serial = match value {
        Value::Null => 0,
        Value::Real(value) if value.is_nan() => 0,
        Value::Real(_) => 7,
        Value::Integer(value) => integer_serial(*value),
        Value::Blob(bytes) => blob_serial(bytes.len() as u64),
        Value::Text(bytes) => text_serial(bytes.len() as u64),
    };
    (serial, body_len(serial).unwrap_or_default())
}

/// The serial type of a blob.
pub(super) fn blob_serial(len: u64) -> u64 {
    len.saturating_mul(2).saturating_add(12)
}

/// The serial type of a text.
pub(super) fn text_serial(len: u64) -> u64 {
    blob_serial(len).saturating_add(1)
}

/// The shortest serial type of an integer.
pub(super) fn integer_serial(value: i64) -> u64 {
    // The magnitude without the sign bit.
    let bits = 64 - (value ^ (value >> 63)).leading_zeros();
    match (value, bits) {
        (0, _) => 8,
        (1, _) => 9,
        (_, 0..=7) => 1,
        (_, ..=15) => 2,
        (_, ..=23) => 3,
        (_, ..=31) => 4,
        (_, ..=47) => 5,
        _ => 6,
    }
}

/// Appends the header of a record with the given serial types.
pub(super) fn encode_header(serials: impl Iterator<Item = u64> + Clone, out: &mut Vec<u8>) {
    let types_len: usize = serials.clone().map(varint::len).sum();
    // The length counts itself.
    let mut header_len = types_len + 1;
    while types_len + varint::len(header_len as u64) > header_len {
        header_len += 1;
    }
    varint::encode(header_len as u64, out);
    for serial in serials {
        varint::encode(serial, out);
    }
}

/// Appends a whole record.
pub(super) fn encode(values: &[Value<'_>], out: &mut Vec<u8>) {
    encode_header(values.iter().map(|value| serial_of(value).0), out);
    for value in values {
        match value {
            Value::Null => {}
            Value::Real(value) if value.is_nan() => {}
            Value::Real(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Integer(value) => encode_integer(integer_serial(*value), *value, out),
            Value::Text(bytes) | Value::Blob(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// Appends the body of an integer of the given serial type.
pub(super) fn encode_integer(serial: u64, value: i64, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    let len = usize::try_from(body_len(serial).unwrap_or_default()).unwrap_or_default();
    out.extend_from_slice(bytes.get(bytes.len() - len..).unwrap_or_default());
}

/// Length of the body of a serial type; `None` for the two that are not allowed.
#[inline]
fn body_len(serial: u64) -> Option<u64> {
    match serial {
        0 | 8 | 9 => Some(0),
        1..=4 => Some(serial),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        _ => Some((serial - 12) / 2),
    }
}

/// Decodes the body of a field, which has the length of its serial type.
#[inline]
fn decode(serial: u64, body: Cow<'_, [u8]>) -> Value<'_> {
    match serial {
        0 => Value::Null,
        7 => real(&body),
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        1..=6 => Value::Integer(integer(&body)),
        _ if serial.is_multiple_of(2) => Value::Blob(body),
        _ => Value::Text(body),
    }
}

/// Sign-extends a big-endian integer of up to eight bytes.
fn integer(body: &[u8]) -> i64 {
    let negative = body.first().is_some_and(|byte| *byte >= 0x80);
    let start = if negative { -1 } else { 0 };
    body.iter()
        .fold(start, |value, byte| value << 8 | i64::from(*byte))
}

fn real(body: &[u8]) -> Value<'static> {
    let bits = body.first_chunk().copied().map(u64::from_be_bytes);
    let value = f64::from_bits(bits.unwrap_or_default());
    if value.is_nan() {
        Value::Null
    } else {
        Value::Real(value)
    }
}
