//! Ranges of keys: the bounds that serve a list, a count or a wipe.
//!
//! A range is half open. Bounds of "rows whose leading components equal these" end the last component
//! with a separator, so that type `user` does not reach into `user2` (`c1z3-keyspace` §2.4, §3.8).

use super::family::Family;
use super::identity::EntitlementIdentity;
use super::tuple::{self, SEPARATOR};

/// The keys `k` with `lower <= k`, and `k < upper` where there is an upper bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// First key of the range.
    pub lower: Vec<u8>,
    /// First key after the range; none when nothing can be greater.
    pub upper: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys that begin with `prefix`.
    pub fn of_prefix(prefix: Vec<u8>) -> Self {
        let upper = upper_bound(&prefix);
        Self {
            lower: prefix,
            upper,
        }
    }

    /// From the first key of one family up to the first of another.
    fn between(lower: &[u8], upper: &[u8]) -> Self {
        Self {
            lower: lower.to_vec(),
            upper: Some(upper.to_vec()),
        }
    }

    /// The rows of `family` whose leading components equal `components`. None of them: all rows.
    pub fn of_components(family: Family, components: &[&[u8]]) -> Self {
        let mut prefix = family.header().to_vec();
        for component in components {
            prefix.push(SEPARATOR);
            tuple::escape_into(&mut prefix, component);
        }
        if !components.is_empty() {
            prefix.push(SEPARATOR);
        }
        Self::of_prefix(prefix)
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.lower.as_slice() <= key && self.upper.as_deref().is_none_or(|upper| key < upper)
    }
}

/// `U(p)`: the least byte string greater than every string that begins with `prefix`; none when
/// `prefix` is all `ff`.
pub fn upper_bound(prefix: &[u8]) -> Option<Vec<u8>> {
    let end = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut upper = prefix.get(..=end)?.to_vec();
    *upper.last_mut()? += 1;
    Some(upper)
}

/// Resources of one type.
pub fn resources_of_type(resource_type: &[u8]) -> KeyRange {
    KeyRange::of_components(Family::Resource, &[resource_type])
}

/// Parent index rows of one parent.
pub fn children_of(parent_type: &[u8], parent: &[u8]) -> KeyRange {
    KeyRange::of_components(Family::ResourceByParent, &[parent_type, parent])
}

/// Entitlements of one resource.
pub fn entitlements_of(resource_type: &[u8], resource: &[u8]) -> KeyRange {
    KeyRange::of_components(Family::Entitlement, &[resource_type, resource])
}

/// Entitlements of all resources of one type.
pub fn entitlements_of_type(resource_type: &[u8]) -> KeyRange {
    KeyRange::of_components(Family::Entitlement, &[resource_type])
}

/// Grants of one entitlement.
pub fn grants_of(entitlement: &EntitlementIdentity<'_>) -> KeyRange {
    KeyRange::of_prefix(entitlement_prefix(Family::Grant, entitlement))
}

/// Grants on one resource, whatever the entitlement.
pub fn grants_on(resource_type: &[u8], resource: &[u8]) -> KeyRange {
    KeyRange::of_components(Family::Grant, &[resource_type, resource])
}

/// Grants on all resources of one type.
pub fn grants_on_type(resource_type: &[u8]) -> KeyRange {
    KeyRange::of_components(Family::Grant, &[resource_type])
}

/// Principal index rows of one principal.
pub fn grants_for(principal_type: &[u8], principal: &[u8]) -> KeyRange {
    KeyRange::of_components(Family::GrantByPrincipal, &[principal_type, principal])
}

/// Principal index rows of all principals of one type.
pub fn grants_for_type(principal_type: &[u8]) -> KeyRange {
    KeyRange::of_components(Family::GrantByPrincipal, &[principal_type])
}

/// Session rows of one sync whose key begins with `key_prefix`.
pub fn sessions_of(sync_id: &[u8], key_prefix: &[u8]) -> KeyRange {
    let mut range = KeyRange::of_components(Family::Session, &[sync_id]).lower;
    // Escaping works byte by byte, so the escape of a prefix is a prefix of the escape.
    tuple::escape_into(&mut range, key_prefix);
    KeyRange::of_prefix(range)
}

/// Hash index rows of one partition.
pub fn hash_rows_of(partition: &[u8]) -> KeyRange {
    let mut prefix = Family::GrantHash.header().to_vec();
    prefix.push(SEPARATOR);
    prefix.extend_from_slice(partition);
    prefix.push(SEPARATOR);
    KeyRange::of_prefix(prefix)
}

/// Digest nodes of one partition: its root and its leaves, not the global root.
pub fn digest_nodes_of(partition: &[u8]) -> KeyRange {
    let mut prefix = super::digest_node_prefix();
    tuple::escape_into(&mut prefix, partition);
    prefix.push(SEPARATOR);
    KeyRange::of_prefix(prefix)
}

/// What starting a new sync over an old one removes, besides the stats and graph rows.
pub fn wiped_by_new_sync() -> KeyRange {
    KeyRange::between(Family::ResourceType.header(), Family::Metadata.header())
}

/// What a clone leaves behind: counters and sessions.
pub fn dropped_by_clone() -> [KeyRange; 2] {
    [Family::Counter.range(), Family::Session.range()]
}

/// What dropping the digests removes: two ranges, never one, as other families lie between.
pub fn digests() -> [KeyRange; 2] {
    [Family::DigestNode.range(), Family::GrantHash.range()]
}

fn entitlement_prefix(family: Family, entitlement: &EntitlementIdentity<'_>) -> Vec<u8> {
    let mut prefix = family.header().to_vec();
    prefix.push(SEPARATOR);
    entitlement.encode_into(&mut prefix);
    prefix.push(SEPARATOR);
    prefix
}
