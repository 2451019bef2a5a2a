//! Records on their way from one file to another, with bytes that nobody decodes.

use crate::Result;
use crate::engine::types::Timestamp;
use crate::keyspace::Family;
use crate::record;

/// The kinds of records that a sync holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A resource type.
    ResourceType,
    /// A resource.
    Resource,
    /// An entitlement.
    Entitlement,
    /// A grant.
    Grant,
    /// An asset.
    Asset,
}

impl RecordKind {
    /// Every kind, in the order of their keys.
    pub const ALL: [RecordKind; 5] = [
        RecordKind::ResourceType,
        RecordKind::Resource,
        RecordKind::Entitlement,
        RecordKind::Grant,
        RecordKind::Asset,
    ];

    /// The family of keys that holds records of this kind.
    pub const fn family(self) -> Family {
        match self {
            RecordKind::ResourceType => Family::ResourceType,
            RecordKind::Resource => Family::Resource,
            RecordKind::Entitlement => Family::Entitlement,
            RecordKind::Grant => Family::Grant,
            RecordKind::Asset => Family::Asset,
        }
    }

    /// The kind of the records in `family`; none if it holds no records.
    pub fn of(family: Family) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.family() == family)
    }

    /// The kind's name: `resource_type`, `resource`, `entitlement`, `grant`, `asset`.
    pub const fn as_str(self) -> &'static str {
        match self {
            RecordKind::ResourceType => "resource_type",
            RecordKind::Resource => "resource",
            RecordKind::Entitlement => "entitlement",
            RecordKind::Grant => "grant",
            RecordKind::Asset => "asset",
        }
    }
}

/// A record as a v3 database stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredRecord<'a> {
    /// What it is.
    pub kind: RecordKind,
    /// Its identity: the primary key.
    pub key: &'a [u8],
    /// Its bytes: the encoded record.
    pub value: &'a [u8],
}

impl<'a> StoredRecord<'a> {
    /// The record in a row; none if the row is not one of the five primaries.
    pub fn of_row(key: &'a [u8], value: &'a [u8]) -> Option<Self> {
        let kind = RecordKind::of(Family::of(key)?)?;
        Some(Self { kind, key, value })
    }

    /// When the record was written, by a scan for that one field.
    ///
    /// # Errors
    /// Data loss for bytes that are no message.
    pub fn discovered_at(&self) -> Result<Option<Timestamp>> {
        record::discovered_at(self.kind.family(), self.value)
    }
}
