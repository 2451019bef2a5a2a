//! Resource types: traits are stored by name, so that a reader needs no enum.

use buffa::{EnumValue, Enumeration as _};
use c1z_proto::connector::v2::{ResourceType, resource_type::Trait};
use c1z_proto::storage::v3::ResourceTypeRecord;

use super::timestamp;
use crate::engine::types::Timestamp;
use crate::keyspace::{Family, tuple};
use crate::{Error, Result};

const TRAIT_PREFIX: &str = "TRAIT_";

/// The stored form of a resource type.
pub fn to_record(source: &ResourceType, discovered_at: Option<Timestamp>) -> ResourceTypeRecord {
    ResourceTypeRecord {
        external_id: source.id.clone(),
        display_name: source.display_name.clone(),
        traits: source.traits.iter().copied().map(trait_name).collect(),
        annotations: source.annotations.clone(),
        discovered_at: timestamp::to_field(discovered_at),
        description: source.description.clone(),
        sourced_externally: source.sourced_externally,
        ..Default::default()
    }
}

/// What a reader gets for a stored resource type.
pub fn from_record(record: ResourceTypeRecord) -> ResourceType {
    ResourceType {
        id: record.external_id,
        display_name: record.display_name,
        traits: record.traits.iter().map(|name| trait_value(name)).collect(),
        annotations: record.annotations,
        description: record.description,
        sourced_externally: record.sourced_externally,
        ..Default::default()
    }
}

/// Appends the key of the resource type `id`.
///
/// # Errors
/// Invalid argument for an empty id.
pub fn key_into(id: &str, out: &mut Vec<u8>) -> Result<()> {
    if id.is_empty() {
        return Err(Error::invalid("resource type without id"));
    }
    out.extend_from_slice(Family::ResourceType.header());
    out.push(tuple::SEPARATOR);
    tuple::escape_into(out, id.as_bytes());
    Ok(())
}

fn trait_name(value: EnumValue<Trait>) -> String {
    let name = value.as_known().map_or("", |known| known.proto_name());
    name.strip_prefix(TRAIT_PREFIX).unwrap_or(name).to_owned()
}

fn trait_value(name: &str) -> EnumValue<Trait> {
    let known = Trait::from_proto_name(&format!("{TRAIT_PREFIX}{name}"));
    known.unwrap_or_default().into()
}
