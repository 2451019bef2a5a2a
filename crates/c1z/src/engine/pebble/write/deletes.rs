//! Deletes of records, by structure and by id (`store-contract` §1.1, §5.6). Nothing else goes with a record.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::super::live::{Ids, Live};
use super::super::lookup;
use super::records::at_index;
use super::{Change, Writing};
use crate::Result;
use crate::engine::contract::{self, Contract};
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef};
use crate::keyspace::{Key, ResourceIdentity};
use crate::record::GrantView;

/// Deletes the grants that the ids name, and returns how many there were.
///
/// # Errors
/// `InvalidArgument` for an empty id, `Ambiguous` for one that names several; nothing is deleted then.
pub(super) fn grants_by_ids(contract: &Contract<Live>, ids: &[&str]) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let mut writing = Writing::begin(contract, Change::Grants)?;
    for (index, id) in ids.iter().enumerate() {
        contract::require_id("grant", id).map_err(|error| at_index("grant id", index, &error))?;
    }
    let view = &writing.view;
    let stored_id = |value: &[u8]| Ok(GrantView::parse(value)?.external_id.as_bytes().to_vec());
    let keys = lookup::grants(view.kv.as_ref(), &view.opaque, ids, stored_id)?;
    let gone = writing.delete(keys)?;
    writing.commit(Ids::Kept)?;
    Ok(gone)
}

/// Deletes the grants with these structures, and returns how many there were.
pub(super) fn grants_by_keys(contract: &Contract<Live>, wanted: &[GrantKey]) -> Result<u64> {
    if wanted.is_empty() {
        return Ok(0);
    }
    let mut writing = Writing::begin(contract, Change::Grants)?;
    for (index, grant) in wanted.iter().enumerate() {
        contract::require_entitlement(&grant.entitlement)
            .and_then(|()| contract::require_ref("principal", &grant.principal))
            .map_err(|error| at_index("grant key", index, &error))?;
    }
    let view = &writing.view;
    let mut identities = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for grant in wanted {
        let identity = match identities.entry(&grant.entitlement) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let kv = view.kv.as_ref();
                let id = &grant.entitlement;
                new.insert(lookup::entitlement_of_grants(kv, &view.opaque, id)?)
            }
        };
        if let Some(identity) = identity {
            keys.insert(lookup::grant_key(identity.clone(), &grant.principal));
        }
    }
    let gone = writing.delete(keys)?;
    writing.commit(Ids::Kept)?;
    Ok(gone)
}

/// Deletes a resource, and returns how many there were.
pub(super) fn resource(contract: &Contract<Live>, id: &ResourceRef) -> Result<u64> {
    let mut writing = Writing::begin(contract, Change::Records)?;
    contract::require_ref("resource", id)?;
    let key = Key::Resource(ResourceIdentity::new(&id.resource_type, &id.resource));
    let gone = writing.delete([key.to_vec()])?;
    writing.commit(Ids::Kept)?;
    Ok(gone)
}

/// Deletes an entitlement, and returns how many there were.
pub(super) fn entitlement(contract: &Contract<Live>, id: &EntitlementRef) -> Result<u64> {
    let mut writing = Writing::begin(contract, Change::Records)?;
    contract::require_entitlement(id)?;
    let view = &writing.view;
    let found = lookup::entitlement(view.kv.as_ref(), &view.opaque, id)?;
    let gone = writing.delete(found.map(|identity| Key::Entitlement(identity).to_vec()))?;
    writing.commit(Ids::Changed)?;
    Ok(gone)
}
