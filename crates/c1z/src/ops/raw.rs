//! Records on their way from one file to another, with bytes that nobody decodes.

use c1z_proto::storage::v3::{EntitlementRecord, ResourceRecord, ResourceTypeRecord};

use crate::Result;
use crate::engine::types::Timestamp;
use crate::keyspace::Family;
use crate::record::{self, AssetView, GrantView, message};

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

    /// Several of them, as people say it: `resource types`, .., `assets`.
    pub const fn plural(self) -> &'static str {
        match self {
            RecordKind::ResourceType => "resource types",
            RecordKind::Resource => "resources",
            RecordKind::Entitlement => "entitlements",
            RecordKind::Grant => "grants",
            RecordKind::Asset => "assets",
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

    /// Decodes the record strictly, and forgets it.
    ///
    /// # Errors
    /// Data loss for bytes that are no record of this kind.
    pub fn decode(&self) -> Result<()> {
        let value = self.value;
        match self.kind {
            RecordKind::ResourceType => {
                message::decode::<ResourceTypeRecord>("resource type record", value).map(drop)
            }
            RecordKind::Resource => {
                message::decode::<ResourceRecord>("resource record", value).map(drop)
            }
            RecordKind::Entitlement => {
                message::decode::<EntitlementRecord>("entitlement record", value).map(drop)
            }
            RecordKind::Grant => GrantView::parse(value).map(drop),
            RecordKind::Asset => AssetView::parse(value).map(drop),
        }
    }

    /// When the record was written, by a scan for that one field.
    ///
    /// # Errors
    /// Data loss for bytes that are no message.
    pub fn discovered_at(&self) -> Result<Option<Timestamp>> {
        record::discovered_at(self.kind.family(), self.value)
    }
}
