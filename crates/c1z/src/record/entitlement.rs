//! Entitlements: the resource is stored as a reference, grantable types by id, the purpose by name.

use buffa::{EnumValue, Enumeration as _};
use c1z_proto::connector::v2::{Entitlement, ResourceType, entitlement::PurposeValue};
use c1z_proto::storage::v3::EntitlementRecord;

use super::{resource, timestamp};
use crate::Result;
use crate::engine::types::Timestamp;
use crate::keyspace::EntitlementIdentity;

const PURPOSE_PREFIX: &str = "PURPOSE_VALUE_";

/// The stored form of an entitlement.
pub fn to_record(source: &Entitlement, discovered_at: Option<Timestamp>) -> EntitlementRecord {
    let grantable = source.grantable_to.iter().map(|to| &to.id);
    let id = source.resource.as_option().and_then(|of| of.id.as_option());
    EntitlementRecord {
        external_id: source.id.clone(),
        resource: id.map(resource::reference).into(),
        display_name: source.display_name.clone(),
        description: source.description.clone(),
        purpose: purpose_name(source.purpose),
        annotations: source.annotations.clone(),
        discovered_at: timestamp::to_field(discovered_at),
        slug: source.slug.clone(),
        grantable_to_resource_type_ids: grantable.filter(|id| !id.is_empty()).cloned().collect(),
        ..Default::default()
    }
}

/// What a reader gets for a stored entitlement: resource and grantable types as stubs.
pub fn from_record(record: EntitlementRecord) -> Entitlement {
    let grantable = record.grantable_to_resource_type_ids.into_iter();
    let resource = record.resource.into_option();
    Entitlement {
        resource: resource
            .map(|of| resource::stub(of.resource_type_id, of.resource_id))
            .into(),
        id: record.external_id,
        display_name: record.display_name,
        description: record.description,
        grantable_to: grantable
            .map(|id| ResourceType {
                id,
                ..Default::default()
            })
            .collect(),
        annotations: record.annotations,
        purpose: purpose_value(&record.purpose),
        slug: record.slug,
        ..Default::default()
    }
}

/// The identity of a stored entitlement, complete.
///
/// # Errors
/// Invalid argument when the resource's type or id is missing.
pub fn identity(record: &EntitlementRecord) -> Result<EntitlementIdentity<'_>> {
    let of = &record.resource;
    let identity = EntitlementIdentity::new(
        of.resource_type_id.as_str(),
        of.resource_id.as_str(),
        record.external_id.as_str(),
    );
    identity.check_complete()?;
    Ok(identity)
}

/// The identity of an entitlement message, complete.
///
/// # Errors
/// Invalid argument when the resource's type or id is missing.
pub fn identity_of(entitlement: &Entitlement) -> Result<EntitlementIdentity<'_>> {
    let of = &entitlement.resource.id;
    let identity = EntitlementIdentity::new(
        of.resource_type.as_str(),
        of.resource.as_str(),
        entitlement.id.as_str(),
    );
    identity.check_complete()?;
    Ok(identity)
}

fn purpose_name(value: EnumValue<PurposeValue>) -> String {
    match value.as_known() {
        None | Some(PurposeValue::PURPOSE_VALUE_UNSPECIFIED) => String::new(),
        Some(known) => {
            let name = known.proto_name();
            name.strip_prefix(PURPOSE_PREFIX).unwrap_or(name).to_owned()
        }
    }
}

fn purpose_value(name: &str) -> EnumValue<PurposeValue> {
    let known = PurposeValue::from_proto_name(&format!("{PURPOSE_PREFIX}{name}"));
    known.unwrap_or_default().into()
}
