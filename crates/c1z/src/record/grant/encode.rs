//! A grant message to stored bytes, without a record in between.
//!
//! The output is what encoding [`super::to_record`] gives, byte for byte.

use c1z_proto::connector::v2::Grant;

use super::{GrantPut, PutExpansion, expansion_state, sources, stored_id};
use crate::Result;
use crate::engine::Profile;
use crate::record::annotation::{self, Lifted};
use crate::record::{message, timestamp, wire};

/// Appends the stored form of a grant to `out`. Allocates only for a grant with an expansion, or
/// without an id.
///
/// # Errors
/// Data loss when the given expansion state is not a message; `out` is as it was then.
pub fn encode_into(source: &Grant, put: &GrantPut<'_>, out: &mut Vec<u8>) -> Result<()> {
    let lifted = annotation::lift(&source.annotations, put.profile);
    // Nothing lifted and nothing stored is the state of nearly every grant.
    let (expansion, needs_expansion) = match (&lifted.expansion, put.expansion) {
        (None, PutExpansion::Lift(_)) => (None, false),
        _ => expansion_state(lifted.expansion.clone(), put)?,
    };
    if source.id.is_empty() && put.profile != Profile::GoPebble {
        wire::put_nonempty(out, 2, stored_id(source, put.profile).as_bytes());
    } else {
        wire::put_nonempty(out, 2, source.id.as_bytes());
    }
    put_references(out, source);
    if let Some(moment) = put.discovered_at {
        timestamp::put(moment, out, 5);
    }
    if let Some(expansion) = expansion {
        wire::put_bytes(out, 6, &message::encode(&expansion));
    }
    if needs_expansion {
        out.extend_from_slice(&[7 << 3, 1]);
    }
    put_annotations(out, source, &lifted);
    for (key, source) in &source.sources.sources {
        sources::put_stored_entry(out, key, source.is_direct);
    }
    Ok(())
}

fn put_references(out: &mut Vec<u8>, source: &Grant) {
    if let Some(entitlement) = source.entitlement.as_option() {
        let of = &entitlement.resource.id;
        put_texts(out, 3, [&of.resource_type, &of.resource, &entitlement.id]);
    }
    if let Some(principal) = source.principal.as_option() {
        let (id, parent) = (&principal.id, &principal.parent_resource_id);
        let parts = [
            id.resource_type.as_str(),
            &id.resource,
            &parent.resource_type,
            &parent.resource,
        ];
        put_texts(out, 4, parts);
    }
}

/// Appends a message of string fields numbered from 1 as field `number`.
pub(super) fn put_texts<const N: usize>(out: &mut Vec<u8>, number: u32, texts: [&str; N]) {
    let lens = texts.iter().filter(|text| !text.is_empty());
    wire::put_header(
        out,
        number,
        lens.map(|text| wire::bytes_len(text.len())).sum(),
    );
    for (number, text) in (1..).zip(texts) {
        wire::put_nonempty(out, number, text.as_bytes());
    }
}

fn put_annotations(out: &mut Vec<u8>, source: &Grant, lifted: &Lifted) {
    let mut removed = lifted.removed.iter().peekable();
    for (i, annotation) in source.annotations.iter().enumerate() {
        if removed.next_if_eq(&&i).is_none() {
            annotation::put(out, 8, annotation);
        }
    }
}
