//! The map of sources in stored grants: which entitlements a grant was expanded from.
//!
//! A stored entry is `{1: source entitlement id, 2: {1: type, 2: resource, 3: id, 4: is_direct}}`; a
//! message entry is `{1: source entitlement id, 2: {1: is_direct}}`. Both carry both parts always.

use std::collections::BTreeMap;

use crate::Result;
use crate::record::wire::{self, Fields, Value};

/// Number of the map in a stored grant.
pub(super) const FIELD: u32 = 9;
/// Number of the flag in the value of a stored entry.
const STORED_IS_DIRECT: u32 = 4;

/// Iterates over the stored sources in the order of the bytes. A key that occurs twice comes twice;
/// the later one counts.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    fields: Fields<'a>,
}

impl<'a> Sources<'a> {
    /// The sources of the stored grant `record`.
    pub(super) fn new(record: &'a [u8]) -> Self {
        Self {
            fields: Fields::new(record),
        }
    }

    fn next_entry(&mut self) -> Result<Option<(&'a str, bool)>> {
        while let Some(field) = self.fields.next_field()? {
            if let (FIELD, Value::Bytes(entry)) = (field.number, field.value) {
                return parse_entry(entry).map(Some);
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Sources<'a> {
    type Item = Result<(&'a str, bool)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().transpose()
    }
}

/// Key and flag of a stored entry, every part checked.
pub(super) fn parse_entry(entry: &[u8]) -> Result<(&str, bool)> {
    let (mut key, mut is_direct) = ("", false);
    let mut fields = Fields::new(entry);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => key = wire::text(bytes)?,
            (2, Value::Bytes(bytes)) => is_direct = parse_source(bytes, is_direct)?,
            (1 | 2, _) => return Err(fields.wrong_type("grant source entry")),
            _ => {}
        }
    }
    Ok((key, is_direct))
}

fn parse_source(source: &[u8], mut is_direct: bool) -> Result<bool> {
    let mut fields = Fields::new(source);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (1..=3, Value::Bytes(bytes)) => drop(wire::text(bytes)?),
            (STORED_IS_DIRECT, Value::Varint(value)) => is_direct = value != 0,
            (1..=STORED_IS_DIRECT, _) => return Err(fields.wrong_type("grant source")),
            _ => {}
        }
    }
    Ok(is_direct)
}

/// Bytes of a message's `GrantSources` that holds the sources of `record`. `count` and `ascending`
/// describe them: keys that ascend strictly are sized as they stand.
pub(super) fn message_len(entries: impl Iterator<Item = (usize, bool)>) -> usize {
    entries
        .map(|(key, is_direct)| wire::bytes_len(entry_len(key, is_direct)))
        .sum()
}

fn entry_len(key: usize, is_direct: bool) -> usize {
    wire::bytes_len(key) + if is_direct { 4 } else { 2 }
}

/// Appends one entry of a message's map.
pub(super) fn put_message_entry(out: &mut Vec<u8>, key: &str, is_direct: bool) {
    wire::put_header(out, 1, entry_len(key.len(), is_direct));
    wire::put_bytes(out, 1, key.as_bytes());
    put_flag(out, 1, is_direct);
}

/// Appends one entry of a stored grant's map.
pub(super) fn put_stored_entry(out: &mut Vec<u8>, key: &str, is_direct: bool) {
    wire::put_header(out, FIELD, entry_len(key.len(), is_direct));
    wire::put_bytes(out, 1, key.as_bytes());
    put_flag(out, 4, is_direct);
}

/// Appends the value of an entry: a message that holds the flag as field `number`, if it is set.
fn put_flag(out: &mut Vec<u8>, number: u8, is_direct: bool) {
    if is_direct {
        out.extend_from_slice(&[0x12, 2, number << 3, 1]);
    } else {
        out.extend_from_slice(&[0x12, 0]);
    }
}

/// The sources of `record` as an ordered map.
pub(super) fn collect(record: &[u8]) -> Result<BTreeMap<&str, bool>> {
    Sources::new(record).collect()
}
