//! Resources: the parent and the icon are stored as references, traits stay annotations.

use c1z_proto::connector::v2::{AssetRef, Resource, ResourceId, Status, status};
use c1z_proto::storage::v3::{ResourceRecord, ResourceRef, StatusRecord, status_record};

use super::timestamp;
use crate::engine::types::Timestamp;
use crate::keyspace::{Family, tuple};
use crate::{Error, Result};

/// The stored form of a resource. A parent without a resource id is dropped.
pub fn to_record(source: &Resource, discovered_at: Option<Timestamp>) -> ResourceRecord {
    let parent = source.parent_resource_id.as_option();
    ResourceRecord {
        resource_type_id: source.id.resource_type.clone(),
        resource_id: source.id.resource.clone(),
        display_name: source.display_name.clone(),
        description: source.description.clone(),
        parent: parent
            .filter(|parent| !parent.resource.is_empty())
            .map(reference)
            .into(),
        annotations: source.annotations.clone(),
        discovered_at: timestamp::to_field(discovered_at),
        profile: source.profile.clone(),
        status: source.status.as_option().map(stored_status).into(),
        created_at: source.created_at.clone(),
        icon_asset_external_id: source.icon.id.clone(),
        ..Default::default()
    }
}

/// What a reader gets for a stored resource.
pub fn from_record(record: ResourceRecord) -> Resource {
    let icon = record.icon_asset_external_id;
    let parent = record.parent.into_option();
    Resource {
        id: Some(id(record.resource_type_id, record.resource_id)).into(),
        parent_resource_id: parent
            .map(|parent| id(parent.resource_type_id, parent.resource_id))
            .into(),
        display_name: record.display_name,
        annotations: record.annotations,
        description: record.description,
        profile: record.profile,
        icon: (!icon.is_empty())
            .then(|| AssetRef {
                id: icon,
                ..Default::default()
            })
            .into(),
        status: record.status.into_option().map(read_status).into(),
        created_at: record.created_at,
        ..Default::default()
    }
}

/// Appends the key of a resource.
///
/// # Errors
/// Invalid argument for an empty type or id.
pub fn key_into(resource_type: &str, resource: &str, out: &mut Vec<u8>) -> Result<()> {
    for (field, value) in [("type", resource_type), ("id", resource)] {
        if value.is_empty() {
            return Err(Error::invalid(format!("resource without {field}")));
        }
    }
    out.extend_from_slice(Family::Resource.header());
    out.push(tuple::SEPARATOR);
    tuple::encode_into(out, [resource_type.as_bytes(), resource.as_bytes()]);
    Ok(())
}

/// A resource id of the given parts.
pub(crate) fn id(resource_type: String, resource: String) -> ResourceId {
    ResourceId {
        resource_type,
        resource,
        ..Default::default()
    }
}

/// A resource of which only the id is known.
pub(crate) fn stub(resource_type: String, resource: String) -> Resource {
    Resource {
        id: Some(id(resource_type, resource)).into(),
        ..Default::default()
    }
}

/// The reference that stands for a resource id.
pub(crate) fn reference(id: &ResourceId) -> ResourceRef {
    ResourceRef {
        resource_type_id: id.resource_type.clone(),
        resource_id: id.resource.clone(),
        ..Default::default()
    }
}

/// The two status enums have the same numbers.
fn stored_status(source: &Status) -> StatusRecord {
    StatusRecord {
        status: source.status.to_i32().into(),
        details: source.details.clone(),
        ..Default::default()
    }
}

fn read_status(record: StatusRecord) -> Status {
    Status {
        status: record.status.to_i32().into(),
        details: record.details,
        ..Default::default()
    }
}

const _: () = {
    // The numbers are equal, which the conversions above rely on.
    assert!(
        status::ResourceStatus::RESOURCE_STATUS_DELETED as i32
            == status_record::ResourceStatus::RESOURCE_STATUS_DELETED as i32
    );
};
