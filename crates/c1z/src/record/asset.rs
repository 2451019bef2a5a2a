//! Assets: small files such as icons. A value may be large, so it is borrowed and written without a
//! message in between.

use std::ops::Range;

use super::timestamp::{self, Stored};
use super::wire::{self, Fields, Value};
use crate::engine::types::Timestamp;
use crate::keyspace::{Family, tuple};
use crate::{Error, Result};

/// A stored asset, borrowed from the bytes of its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssetView<'a> {
    /// The sync that wrote it.
    pub sync_id: &'a str,
    /// Id by which resources refer to it.
    pub external_id: &'a str,
    /// Media type.
    pub content_type: &'a str,
    /// The bytes.
    pub data: &'a [u8],
    /// When it was written.
    pub discovered_at: Option<Timestamp>,
}

impl<'a> AssetView<'a> {
    /// Reads a stored asset.
    ///
    /// # Errors
    /// Bytes that are not such a record.
    pub fn parse(record: &'a [u8]) -> Result<Self> {
        let mut view = Self::default();
        let mut discovered_at: Option<Stored> = None;
        let mut fields = Fields::new(record);
        while let Some(field) = fields.next_field()? {
            match (field.number, field.value) {
                (1, Value::Bytes(bytes)) => view.sync_id = wire::text(bytes)?,
                (2, Value::Bytes(bytes)) => view.external_id = wire::text(bytes)?,
                (3, Value::Bytes(bytes)) => view.content_type = wire::text(bytes)?,
                (4, Value::Bytes(bytes)) => view.data = bytes,
                (5, Value::Bytes(bytes)) => discovered_at.get_or_insert_default().merge(bytes)?,
                (1..=5, _) => return Err(fields.wrong_type("asset record")),
                _ => {}
            }
        }
        view.discovered_at = discovered_at.map(Stored::moment);
        Ok(view)
    }

    /// Appends the canonical bytes of the record.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.reserve(self.data.len() + 128);
        let tail = self.encode_around(self.data.len(), out);
        out.extend_from_slice(self.data);
        out.extend_from_slice(&tail);
    }

    /// Appends the canonical bytes of a record with `len` bytes of data up to them, whatever
    /// [`AssetView::data`] says; returns those behind them.
    pub(crate) fn encode_around(&self, len: usize, out: &mut Vec<u8>) -> Vec<u8> {
        wire::put_nonempty(out, 1, self.sync_id.as_bytes());
        wire::put_nonempty(out, 2, self.external_id.as_bytes());
        wire::put_nonempty(out, 3, self.content_type.as_bytes());
        if len > 0 {
            wire::put_header(out, 4, len);
        }
        let mut tail = Vec::new();
        if let Some(moment) = self.discovered_at {
            timestamp::put(moment, &mut tail, 5);
        }
        tail
    }
}

/// Where the data of a stored asset stand in its record: what [`AssetView::data`] borrows.
///
/// # Errors
/// Bytes that are not a message.
pub(crate) fn data_range(record: &[u8]) -> Result<Range<usize>> {
    let mut range = 0..0;
    let mut fields = Fields::new(record);
    while let Some(field) = fields.next_field()? {
        if let (4, Value::Bytes(bytes)) = (field.number, field.value) {
            range = fields.position() - bytes.len()..fields.position();
        }
    }
    Ok(range)
}

/// Appends the key of the asset `id`.
///
/// # Errors
/// Invalid argument for an empty id.
pub fn key_into(id: &str, out: &mut Vec<u8>) -> Result<()> {
    if id.is_empty() {
        return Err(Error::invalid("asset without id"));
    }
    out.extend_from_slice(Family::Asset.header());
    out.push(tuple::SEPARATOR);
    tuple::escape_into(out, id.as_bytes());
    Ok(())
}
