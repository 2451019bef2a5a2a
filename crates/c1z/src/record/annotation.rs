//! Annotations, and the one that is not stored among them.
//!
//! A grant says that its entitlement spreads to the holders of other entitlements by a
//! `GrantExpandable` annotation. Stored records hold it in a field of its own, so that pending
//! expansion can be indexed; readers get it back as the last annotation (`c1z3-keyspace` §5.3).
//! All other annotations are opaque and keep their bytes and order.

use c1z_proto::connector::v2::GrantExpandable;
use c1z_proto::google::protobuf::Any;
use c1z_proto::storage::v3::GrantExpandableRecord;

use super::message;
use super::wire::{self, Fields, Value};
use crate::Result;
use crate::engine::Profile;

/// Full name of the lifted annotation.
const EXPANDABLE: &str = "c1.connector.v2.GrantExpandable";
/// Type URL under which the lifted annotation is given back.
pub(crate) const EXPANDABLE_URL: &str = "type.googleapis.com/c1.connector.v2.GrantExpandable";

/// Whether a reader gets the lifted annotation back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expansion {
    /// As the last annotation.
    Attach,
    /// Not at all.
    Omit,
}

/// The full message name in a type URL: what follows the last `/`.
pub fn type_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// Whether an annotation is one that may be lifted.
pub(crate) fn is_expandable(annotation: &Any) -> bool {
    type_name(&annotation.type_url) == EXPANDABLE
}

/// What is lifted out of a list of annotations.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lifted {
    /// Position of each annotation that leaves the list, ascending.
    pub(crate) removed: Vec<usize>,
    /// The expansion to store: that of the first, if it names an entitlement.
    pub(crate) expansion: Option<GrantExpandableRecord>,
}

/// Finds the annotation to lift. Annotations of its type that do not decode stay where they are; in
/// Go's Pebble engine, so do all behind the first.
pub(crate) fn lift(annotations: &[Any], profile: Profile) -> Lifted {
    let mut lifted = Lifted::default();
    for (i, annotation) in annotations.iter().enumerate() {
        if !is_expandable(annotation) {
            continue;
        }
        let Ok(found) = message::decode::<GrantExpandable>("annotation", &annotation.value) else {
            continue;
        };
        let first = lifted.removed.is_empty();
        lifted.removed.push(i);
        if first {
            lifted.expansion = expansion_of(found);
        }
        if profile == Profile::GoPebble {
            break;
        }
    }
    lifted
}

/// The stored form, if at least one entitlement id is more than white space. The list is stored
/// unfiltered.
fn expansion_of(annotation: GrantExpandable) -> Option<GrantExpandableRecord> {
    let mut ids = annotation.entitlement_ids.iter();
    ids.any(|id| !id.trim().is_empty())
        .then_some(GrantExpandableRecord {
            entitlement_ids: annotation.entitlement_ids,
            shallow: annotation.shallow,
            resource_type_ids: annotation.resource_type_ids,
            __buffa_unknown_fields: annotation.__buffa_unknown_fields,
        })
}

/// The annotation that a stored expansion is given back as.
pub(crate) fn attached(expansion: &GrantExpandableRecord) -> Any {
    // Both messages have the same fields under the same numbers.
    Any {
        type_url: EXPANDABLE_URL.to_owned(),
        value: message::encode(expansion),
        ..Default::default()
    }
}

/// Appends an annotation as field `number`.
pub(crate) fn put(out: &mut Vec<u8>, number: u32, annotation: &Any) {
    if !annotation.__buffa_unknown_fields.is_empty() {
        return wire::put_bytes(out, number, &message::encode(annotation));
    }
    let (url, value) = (annotation.type_url.as_bytes(), annotation.value.as_slice());
    wire::put_header(out, number, canonical_len(url, value));
    wire::put_nonempty(out, 1, url);
    wire::put_nonempty(out, 2, value);
}

fn canonical_len(url: &[u8], value: &[u8]) -> usize {
    let mut len = 0;
    if !url.is_empty() {
        len += wire::bytes_len(url.len());
    }
    if !value.is_empty() {
        len += wire::bytes_len(value.len());
    }
    len
}

/// Decodes an annotation over another one, whose allocations are used again. The short way is for
/// canonical bytes, whose fields are known to be sound.
pub(crate) fn decode_into(annotation: &[u8], canonical: bool, into: &mut Any) -> Result<()> {
    if !canonical {
        *into = message::decode("annotation", annotation)?;
        return Ok(());
    }
    into.type_url.clear();
    into.value.clear();
    into.__buffa_unknown_fields.clear();
    let mut fields = Fields::new(annotation);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => into.type_url.push_str(wire::text(bytes)?),
            (2, Value::Bytes(bytes)) => into.value.extend_from_slice(bytes),
            _ => {}
        }
    }
    Ok(())
}

/// Checks an encoded annotation and tells whether its bytes are the canonical ones.
pub(crate) fn is_canonical(annotation: &[u8]) -> Result<bool> {
    let (mut url, mut value): (&[u8], &[u8]) = (&[], &[]);
    let (mut last, mut ordered) = (0, true);
    let mut fields = Fields::new(annotation);
    while let Some(field) = fields.next_field()? {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => {
                wire::text(bytes)?;
                url = bytes;
            }
            (2, Value::Bytes(bytes)) => value = bytes,
            (1 | 2, _) => return Err(fields.wrong_type("annotation")),
            _ => ordered = false,
        }
        ordered &= last < field.number;
        last = field.number;
    }
    // Equal lengths rule out default values and padded varints.
    Ok(ordered && canonical_len(url, value) == annotation.len())
}
