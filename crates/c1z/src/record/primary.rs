//! Primary keys from stored values: where a row must stand, by what it says.
//!
//! Used to re-key a database of the older layout, whose values are today's, and to check that a row
//! stands where its value says. Values are scanned, not decoded.

use super::grant::GrantView;
use super::wire::{self, Fields, Value};
use super::{asset, resource, resource_type};
use crate::keyspace::{EntitlementIdentity, Family, Key};
use crate::{Error, Result};

/// Appends the primary key of the stored `value` of `family`.
///
/// # Errors
/// Invalid argument when a part of the identity is missing, or `family` holds no records; data loss
/// when the value is not a record.
pub fn primary_key_into(family: Family, value: &[u8], out: &mut Vec<u8>) -> Result<()> {
    match family {
        Family::ResourceType => {
            let [id] = texts(value, [2])?;
            resource_type::key_into(id, out)
        }
        Family::Resource => {
            let [resource_type, id] = texts(value, [2, 3])?;
            resource::key_into(resource_type, id, out)
        }
        Family::Entitlement => {
            let (resource_type, id, external_id) = entitlement_parts(value)?;
            let identity = EntitlementIdentity::new(resource_type, id, external_id);
            identity.check_complete()?;
            Key::Entitlement(identity).encode_into(out);
            Ok(())
        }
        Family::Grant => {
            Key::Grant(GrantView::parse(value)?.identity()?).encode_into(out);
            Ok(())
        }
        Family::Asset => {
            let [id] = texts(value, [2])?;
            asset::key_into(id, out)
        }
        other => Err(Error::invalid(format!(
            "family without records family=`{other:?}`"
        ))),
    }
}

/// The string fields with the given numbers; the last occurrence of each counts.
fn texts<const N: usize>(message: &[u8], numbers: [u32; N]) -> Result<[&str; N]> {
    let mut found = [""; N];
    let mut fields = Fields::new(message);
    while let Some(field) = fields.next_field()? {
        if let Value::Bytes(bytes) = field.value {
            for (slot, _) in found
                .iter_mut()
                .zip(numbers)
                .filter(|(_, n)| *n == field.number)
            {
                *slot = wire::text(bytes)?;
            }
        }
    }
    Ok(found)
}

/// Resource type, resource and external id of a stored entitlement.
fn entitlement_parts(value: &[u8]) -> Result<(&str, &str, &str)> {
    let (mut resource_type, mut id) = ("", "");
    let [external_id] = texts(value, [2])?;
    let mut fields = Fields::new(value);
    while let Some(field) = fields.next_field()? {
        if let (3, Value::Bytes(reference)) = (field.number, field.value) {
            let parts = texts(reference, [1, 2])?;
            // A repeated reference merges over the earlier one.
            for (kept, part) in [&mut resource_type, &mut id].into_iter().zip(parts) {
                if !part.is_empty() {
                    *kept = part;
                }
            }
        }
    }
    Ok((resource_type, id, external_id))
}
