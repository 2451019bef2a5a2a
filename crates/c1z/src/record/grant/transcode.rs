//! Stored grant bytes to message bytes, without a message in between.
//!
//! The output is what encoding [`super::from_record`] gives, byte for byte. Parts whose stored bytes
//! are not canonical (annotations, expansion, the order of sources) are put in order on the way;
//! everything else is copied slice by slice after the lengths are known.

use std::borrow::Cow;

use c1z_proto::storage::v3::GrantExpandableRecord;

use super::sources;
use super::view::{EntitlementRefView, GrantView, PrincipalRefView};
use crate::Result;
use crate::record::annotation::{EXPANDABLE_URL, Expansion};
use crate::record::message;
use crate::record::wire::{self, Fields, Value};

/// Bytes of a string field that proto3 leaves out when empty.
fn text_len(text: &str) -> usize {
    match text.len() {
        0 => 0,
        len => wire::bytes_len(len),
    }
}

/// Bytes of a `ResourceId`.
fn resource_id_len(resource_type: &str, resource: &str) -> usize {
    text_len(resource_type) + text_len(resource)
}

fn put_resource_id(out: &mut Vec<u8>, number: u32, resource_type: &str, resource: &str) {
    wire::put_header(out, number, resource_id_len(resource_type, resource));
    wire::put_nonempty(out, 1, resource_type.as_bytes());
    wire::put_nonempty(out, 2, resource.as_bytes());
}

impl GrantView<'_> {
    /// Appends the `c1.connector.v2.Grant` that a reader gets for this record.
    ///
    /// # Errors
    /// None for a view that was parsed, save for limits of the message decoder on parts that are not
    /// canonical.
    pub fn write_v2(&self, expansion: Expansion, out: &mut Vec<u8>) -> Result<()> {
        out.reserve(self.record.len() + 64);
        if let Some(entitlement) = &self.entitlement {
            put_entitlement(out, entitlement);
        }
        if let Some(principal) = &self.principal {
            put_principal(out, principal);
        }
        self.put_id(out);
        self.put_annotations(out)?;
        if let (Expansion::Attach, Some(stored)) = (expansion, &self.expansion) {
            put_expansion(out, stored)?;
        }
        self.put_sources(out)
    }

    fn put_id(&self, out: &mut Vec<u8>) {
        match (self.entitlement, self.principal) {
            (Some(entitlement), Some(principal)) if self.external_id.is_empty() => {
                let parts = [entitlement.id, principal.resource_type, principal.resource];
                let len = parts.iter().map(|part| part.len()).sum::<usize>() + 2;
                wire::put_header(out, 3, len);
                for (i, part) in parts.into_iter().enumerate() {
                    if i > 0 {
                        out.push(b':');
                    }
                    out.extend_from_slice(part.as_bytes());
                }
            }
            _ => wire::put_nonempty(out, 3, self.external_id.as_bytes()),
        }
    }

    fn put_annotations(&self, out: &mut Vec<u8>) -> Result<()> {
        let mut left = self.annotations.count;
        let mut fields = Fields::new(self.record);
        while left > 0
            && let Some(field) = fields.next_field()?
        {
            let (8, Value::Bytes(annotation)) = (field.number, field.value) else {
                continue;
            };
            left -= 1;
            if self.annotations.canonical {
                wire::put_bytes(out, 4, annotation);
            } else {
                let decoded: c1z_proto::google::protobuf::Any =
                    message::decode("annotation", annotation)?;
                wire::put_bytes(out, 4, &message::encode(&decoded));
            }
        }
        Ok(())
    }

    fn put_sources(&self, out: &mut Vec<u8>) -> Result<()> {
        if self.sources.count == 0 {
            return Ok(());
        }
        if self.sources.ascending {
            wire::put_header(out, 5, self.sources.message_len);
            for source in self.sources() {
                let (key, is_direct) = source?;
                sources::put_message_entry(out, key, is_direct);
            }
            return Ok(());
        }
        let map = sources::collect(self.record)?;
        let entries = map.iter().map(|(key, &is_direct)| (key.len(), is_direct));
        wire::put_header(out, 5, sources::message_len(entries));
        for (key, is_direct) in map {
            sources::put_message_entry(out, key, is_direct);
        }
        Ok(())
    }
}

fn put_entitlement(out: &mut Vec<u8>, entitlement: &EntitlementRefView<'_>) {
    let (resource_type, resource) = (entitlement.resource_type, entitlement.resource);
    let resource_len = wire::bytes_len(resource_id_len(resource_type, resource));
    let len = wire::bytes_len(resource_len) + text_len(entitlement.id);
    wire::put_header(out, 1, len);
    wire::put_header(out, 1, resource_len);
    put_resource_id(out, 1, resource_type, resource);
    wire::put_nonempty(out, 2, entitlement.id.as_bytes());
}

fn put_principal(out: &mut Vec<u8>, principal: &PrincipalRefView<'_>) {
    let mut len = wire::bytes_len(resource_id_len(principal.resource_type, principal.resource));
    let has_parent = !principal.parent.is_empty();
    if has_parent {
        len += wire::bytes_len(resource_id_len(principal.parent_type, principal.parent));
    }
    wire::put_header(out, 2, len);
    put_resource_id(out, 1, principal.resource_type, principal.resource);
    if has_parent {
        put_resource_id(out, 2, principal.parent_type, principal.parent);
    }
}

/// Appends the lifted annotation. Stored expansion and annotation have the same fields.
fn put_expansion(out: &mut Vec<u8>, stored: &[u8]) -> Result<()> {
    let value = canonical_expansion(stored)?;
    let value_len = match value.len() {
        0 => 0,
        len => wire::bytes_len(len),
    };
    wire::put_header(out, 4, wire::bytes_len(EXPANDABLE_URL.len()) + value_len);
    wire::put_bytes(out, 1, EXPANDABLE_URL.as_bytes());
    wire::put_nonempty(out, 2, &value);
    Ok(())
}

/// The canonical bytes of a stored expansion: the stored ones where fields ascend, the flag is
/// written as one, and no varint is padded.
pub(super) fn canonical_expansion(stored: &[u8]) -> Result<Cow<'_, [u8]>> {
    let (mut last, mut canonical, mut len) = (0, true, 0);
    let mut fields = Fields::new(stored);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (1 | 3, Value::Bytes(bytes)) => len += wire::bytes_len(bytes.len()),
            (2, Value::Varint(1)) if last < 2 => len += 2,
            _ => canonical = false,
        }
        canonical &= last <= field.number;
        last = field.number;
    }
    if canonical && len == stored.len() {
        return Ok(Cow::Borrowed(stored));
    }
    let decoded: GrantExpandableRecord = message::decode("grant expansion", stored)?;
    Ok(Cow::Owned(message::encode(&decoded)))
}
