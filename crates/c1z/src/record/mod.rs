//! Stored records: what a row of the keyspace holds, and what a reader gets for it.
//!
//! Connectors speak `c1.connector.v2`; a v3 database stores `c1.storage.v3`, which keeps references
//! instead of embedded objects and lifts a few things out of annotations. This module is that map in
//! both directions, in the exact bytes of a deterministic encoder, and the plain structs for the sync
//! run and its statistics. Pure functions: no key is made here beyond the identity of a record, no
//! file is opened, no clock is read. Facts come from `c1z3-keyspace` §5 to §7 and `store-contract`
//! §1.8, §4.7, §5 and §7.
//!
//! What a round trip through a record loses is listed in `store-contract` §1.8: details of embedded
//! objects, the deprecated fields of a resource, unknown trait numbers, unknown fields of the v2
//! message itself. Unknown fields *inside* annotations, profiles and lifted annotations survive.
//!
//! Grants outnumber everything else, so they have three more ways, each proven equal to the plain
//! one: [`grant::GrantView`] borrows from stored bytes, [`grant::GrantView::write_v2`] turns stored
//! bytes into message bytes, and [`grant::encode_into`] turns a message into stored bytes.

pub mod annotation;
pub mod asset;
pub mod entitlement;
pub(crate) mod figures;
#[doc(hidden)]
pub mod fuzz;
pub mod grant;
pub mod manifest;
pub mod message;
pub mod primary;
pub mod resource;
pub mod resource_type;
pub mod session;
pub mod stats;
pub mod sync_run;
pub mod timestamp;
pub mod token;
pub(crate) mod wire;

#[cfg(test)]
mod tests;

pub use annotation::Expansion;
pub use asset::AssetView;
pub use grant::{GrantPut, GrantView, PutExpansion, StoredExpansion};
pub use primary::primary_key_into;
pub use session::SessionView;

use crate::Result;
use crate::engine::types::Timestamp;
use crate::keyspace::Family;
use wire::{Fields, Value};

/// When a stored record was written, read by scanning for the one field.
///
/// Families without such a field have no answer.
///
/// # Errors
/// Bytes that are not a protobuf message.
pub fn discovered_at(family: Family, value: &[u8]) -> Result<Option<Timestamp>> {
    let wanted = match family {
        Family::ResourceType => 6,
        Family::Resource | Family::Entitlement => 8,
        Family::Grant | Family::Asset => 5,
        _ => return Ok(None),
    };
    let mut found: Option<timestamp::Stored> = None;
    let mut fields = Fields::new(value);
    while let Some(field) = fields.next_field()? {
        if let (true, Value::Bytes(bytes)) = (field.number == wanted, field.value) {
            found.get_or_insert_default().merge(bytes)?;
        }
    }
    Ok(found.map(timestamp::Stored::moment))
}

/// Whether two stored records differ at most in fields that are no part of their messages: the reserved id of a sync, when
/// they were discovered, whether an expansion is pending. Other fields are compared as bytes in their order, so `false` may
/// be said of equal messages.
///
/// # Errors
/// Bytes that are not protobuf messages.
pub(crate) fn is_same_but_for_state(family: Family, a: &[u8], b: &[u8]) -> Result<bool> {
    let state: &[u32] = match family {
        Family::ResourceType => &[1, 6],
        Family::Resource | Family::Entitlement => &[1, 8],
        Family::Grant => &[1, 5, 7],
        _ => return Ok(a == b),
    };
    let (mut a, mut b) = (Fields::new(a), Fields::new(b));
    loop {
        let (a, b) = (said(&mut a, state)?, said(&mut b, state)?);
        if a != b {
            return Ok(false);
        }
        if a.is_none() {
            return Ok(true);
        }
    }
}

/// The next field whose number is not among `state`.
fn said<'a>(fields: &mut Fields<'a>, state: &[u32]) -> Result<Option<(u32, Value<'a>)>> {
    while let Some(field) = fields.next_field()? {
        if !state.contains(&field.number) {
            return Ok(Some((field.number, field.value)));
        }
    }
    Ok(None)
}
