//! Session rows: scratch state of a connector, keyed by sync id and an opaque key.

use super::wire::{self, Fields, Value};
use crate::Result;
use crate::keyspace::{Family, tuple};

/// A stored session entry, borrowed from the bytes of its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionView<'a> {
    /// The sync that the entry belongs to.
    pub sync_id: &'a str,
    /// Prefix and key, joined without a separator.
    pub key: &'a str,
    /// The value; may be empty.
    pub value: &'a [u8],
}

impl<'a> SessionView<'a> {
    /// Reads a stored entry.
    ///
    /// # Errors
    /// Bytes that are not such a record.
    pub fn parse(record: &'a [u8]) -> Result<Self> {
        let mut view = Self::default();
        let mut fields = Fields::new(record);
        while let Some(field) = fields.next_field()? {
            match (field.number, field.value) {
                (1, Value::Bytes(bytes)) => view.sync_id = wire::text(bytes)?,
                (2, Value::Bytes(bytes)) => view.key = wire::text(bytes)?,
                (3, Value::Bytes(bytes)) => view.value = bytes,
                (1..=3, _) => return Err(fields.wrong_type("session record")),
                _ => {}
            }
        }
        Ok(view)
    }

    /// Appends the canonical bytes of the record.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        wire::put_nonempty(out, 1, self.sync_id.as_bytes());
        wire::put_nonempty(out, 2, self.key.as_bytes());
        wire::put_nonempty(out, 3, self.value);
    }

    /// Appends the key of the row.
    pub fn key_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(Family::Session.header());
        out.push(tuple::SEPARATOR);
        tuple::encode_into(out, [self.sync_id.as_bytes(), self.key.as_bytes()]);
    }
}
