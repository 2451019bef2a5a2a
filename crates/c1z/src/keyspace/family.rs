//! The families of the keyspace: which header owns which range, and what may be done to it.
//!
//! Byte 0 of every key is `03`, byte 1 the family; inside family `07` byte 2 is the index. One list,
//! [`Family::ALL`], names them all; whatever deletes, clones, counts or merges a database walks that
//! list, so that a family cannot be forgotten (`c1z3-keyspace` §3.1, §3.7).

use super::prefix::KeyRange;

/// The first byte of every key of the layout.
pub const VERSION_BYTE: u8 = 0x03;
/// The second byte of every secondary index.
pub const INDEX_BYTE: u8 = 0x07;

/// A range of keys with one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Resource types: `0301 00 T(id)`.
    ResourceType,
    /// Resources: `0302 00 T(type, id)`.
    Resource,
    /// Entitlements: `0303 00 T(type, id, flag, tail)`.
    Entitlement,
    /// Grants: `0304 00 T(type, id, flag, tail, principal type, principal id)`.
    Grant,
    /// Assets: `0305 00 T(id)`.
    Asset,
    /// The sync run: the two header bytes alone.
    SyncRun,
    /// Index of resources by parent: `030701 00 T(parent type, parent id, type, id)`.
    ResourceByParent,
    /// Retired: entitlements by resource.
    EntitlementByResource,
    /// Retired: grants by entitlement.
    GrantByEntitlement,
    /// Index of grants by principal: `030704 00 T(principal type, principal id, entitlement)`.
    GrantByPrincipal,
    /// Index of grants that need expansion: `030705 00` and the tail of the grant key.
    GrantNeedsExpansion,
    /// Retired: grants by principal type.
    GrantByPrincipalType,
    /// Retired: grants by the entitlement's resource.
    GrantByEntitlementResource,
    /// Grant hashes by entitlement and principal hash: `030708 00 partition 00 bh2 principal`.
    GrantHash,
    /// Reserved: counters, never written.
    Counter,
    /// Connector scratch rows: `0309 00 T(sync id, key)`.
    Session,
    /// Nodes of the grant digests: `030a 08 00 esc(partition) 00 level prefix`.
    DigestNode,
    /// Stamps, markers and sidecars of the engine: `03ff` and a name.
    Metadata,
}

impl Family {
    /// Every family, in key order.
    pub const ALL: [Family; 18] = [
        Family::ResourceType,
        Family::Resource,
        Family::Entitlement,
        Family::Grant,
        Family::Asset,
        Family::SyncRun,
        Family::ResourceByParent,
        Family::EntitlementByResource,
        Family::GrantByEntitlement,
        Family::GrantByPrincipal,
        Family::GrantNeedsExpansion,
        Family::GrantByPrincipalType,
        Family::GrantByEntitlementResource,
        Family::GrantHash,
        Family::Counter,
        Family::Session,
        Family::DigestNode,
        Family::Metadata,
    ];

    /// The bytes that every key of the family begins with.
    pub const fn header(self) -> &'static [u8] {
        match self {
            Family::ResourceType => &[VERSION_BYTE, 0x01],
            Family::Resource => &[VERSION_BYTE, 0x02],
            Family::Entitlement => &[VERSION_BYTE, 0x03],
            Family::Grant => &[VERSION_BYTE, 0x04],
            Family::Asset => &[VERSION_BYTE, 0x05],
            Family::SyncRun => &[VERSION_BYTE, 0x06],
            Family::ResourceByParent => &[VERSION_BYTE, INDEX_BYTE, 0x01],
            Family::EntitlementByResource => &[VERSION_BYTE, INDEX_BYTE, 0x02],
            Family::GrantByEntitlement => &[VERSION_BYTE, INDEX_BYTE, 0x03],
            Family::GrantByPrincipal => &[VERSION_BYTE, INDEX_BYTE, 0x04],
            Family::GrantNeedsExpansion => &[VERSION_BYTE, INDEX_BYTE, 0x05],
            Family::GrantByPrincipalType => &[VERSION_BYTE, INDEX_BYTE, 0x06],
            Family::GrantByEntitlementResource => &[VERSION_BYTE, INDEX_BYTE, 0x07],
            Family::GrantHash => &[VERSION_BYTE, INDEX_BYTE, 0x08],
            Family::Counter => &[VERSION_BYTE, 0x08],
            Family::Session => &[VERSION_BYTE, 0x09],
            Family::DigestNode => &[VERSION_BYTE, 0x0a],
            Family::Metadata => &[VERSION_BYTE, 0xff],
        }
    }

    /// The family that `key` belongs to; none for keys outside every family.
    pub fn of(key: &[u8]) -> Option<Family> {
        let (&[version, family], rest) = key.split_first_chunk::<2>()?;
        if version != VERSION_BYTE {
            return None;
        }
        Some(match family {
            0x01 => Family::ResourceType,
            0x02 => Family::Resource,
            0x03 => Family::Entitlement,
            0x04 => Family::Grant,
            0x05 => Family::Asset,
            0x06 => Family::SyncRun,
            INDEX_BYTE => return Self::of_index(*rest.first()?),
            0x08 => Family::Counter,
            0x09 => Family::Session,
            0x0a => Family::DigestNode,
            0xff => Family::Metadata,
            _ => return None,
        })
    }

    fn of_index(index: u8) -> Option<Family> {
        Some(match index {
            0x01 => Family::ResourceByParent,
            0x02 => Family::EntitlementByResource,
            0x03 => Family::GrantByEntitlement,
            0x04 => Family::GrantByPrincipal,
            0x05 => Family::GrantNeedsExpansion,
            0x06 => Family::GrantByPrincipalType,
            0x07 => Family::GrantByEntitlementResource,
            0x08 => Family::GrantHash,
            _ => return None,
        })
    }

    /// Whether rows of the family hold records of the sync (the five primaries).
    pub const fn is_primary(self) -> bool {
        matches!(
            self,
            Family::ResourceType
                | Family::Resource
                | Family::Entitlement
                | Family::Grant
                | Family::Asset
        )
    }

    /// Whether the family derives from primary rows and can be dropped and built again.
    pub const fn is_derived(self) -> bool {
        matches!(
            self,
            Family::ResourceByParent
                | Family::GrantByPrincipal
                | Family::GrantNeedsExpansion
                | Family::GrantHash
                | Family::DigestNode
        )
    }

    /// Whether the current layout neither reads nor writes the family, though older files hold rows.
    pub const fn is_retired(self) -> bool {
        matches!(
            self,
            Family::EntitlementByResource
                | Family::GrantByEntitlement
                | Family::GrantByPrincipalType
                | Family::GrantByEntitlementResource
                | Family::Counter
        )
    }

    /// All keys of the family.
    pub fn range(self) -> KeyRange {
        KeyRange::of_prefix(self.header().to_vec())
    }
}
