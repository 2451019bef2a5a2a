//! Which rows a bare id names (`c1z3-keyspace` §4.3): exactly one match wins, none is not found, several are ambiguous.
//!
//! Ids are never parsed to decide identity; their colons only suggest keys to try, and each suggestion is proved by a
//! row. An id that its own structure does not reveal is found by a scan of keys (entitlements: once per database, then
//! remembered) or of values (grants: every time).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::kv::Kv;
use crate::engine::types::{EntitlementRef, ResourceRef};
use crate::keyspace::bare_id::{self, Candidates};
use crate::keyspace::{EntitlementIdentity, Family, GrantIdentity, IdForm, Key, splice};
use crate::{Error, ErrorKind, Result};

/// Entitlements whose id does not begin with their resource: external id to encoded partitions.
///
/// Memory is proportional to the number of such entitlements; usual connectors have few or none.
#[derive(Debug, Default)]
pub(super) struct OpaqueIds(OnceLock<BTreeMap<Vec<u8>, Vec<Vec<u8>>>>);

impl OpaqueIds {
    /// Partitions of the opaque entitlements with this id. The first call scans all entitlement keys.
    fn partitions(&self, kv: &dyn Kv, id: &[u8]) -> Result<Vec<Vec<u8>>> {
        let map = if let Some(map) = self.0.get() {
            map
        } else {
            let map = scan_opaque(kv)?;
            self.0.get_or_init(|| map)
        };
        Ok(map.get(id).cloned().unwrap_or_default())
    }
}

fn scan_opaque(kv: &dyn Kv) -> Result<BTreeMap<Vec<u8>, Vec<Vec<u8>>>> {
    let mut found: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    let mut scan = kv.scan(&Family::Entitlement.range())?;
    while let Some((key, _)) = scan.next()? {
        let partition = splice::entitlement_partition(key)?;
        let identity = EntitlementIdentity::decode(partition)?;
        if identity.form == IdForm::Opaque {
            found
                .entry(identity.tail.into_owned())
                .or_default()
                .push(partition.to_vec());
        }
    }
    Ok(found)
}

/// The identities of all entitlement rows with this id.
fn entitlements_with_id(
    kv: &dyn Kv,
    opaque: &OpaqueIds,
    id: &str,
) -> Result<Vec<EntitlementIdentity<'static>>> {
    let mut found = Vec::new();
    match bare_id::entitlement_candidates(id) {
        Candidates::Some(candidates) => {
            for candidate in candidates {
                if kv
                    .get(&Key::Entitlement(candidate.clone()).to_vec())?
                    .is_some()
                {
                    found.push(candidate.into_owned());
                }
            }
        }
        Candidates::TooMany => found.extend(scan_stripped(kv, id)?),
    }
    found.extend(opaque_entitlements(kv, opaque, id)?);
    found.sort();
    found.dedup();
    Ok(found)
}

fn opaque_entitlements(
    kv: &dyn Kv,
    opaque: &OpaqueIds,
    id: &str,
) -> Result<Vec<EntitlementIdentity<'static>>> {
    let partitions = opaque.partitions(kv, id.as_bytes())?;
    partitions
        .iter()
        .map(|partition| Ok(EntitlementIdentity::decode(partition)?.into_owned()))
        .collect()
}

/// Stripped entitlements with an id that has too many colons to guess.
fn scan_stripped(kv: &dyn Kv, id: &str) -> Result<Vec<EntitlementIdentity<'static>>> {
    let mut found = Vec::new();
    let mut scan = kv.scan(&Family::Entitlement.range())?;
    while let Some((key, _)) = scan.next()? {
        let identity = EntitlementIdentity::decode(splice::entitlement_partition(key)?)?;
        if identity.form == IdForm::Stripped && *identity.external_id() == *id.as_bytes() {
            found.push(identity.into_owned());
        }
    }
    Ok(found)
}

/// The entitlement *row* that a reference names.
pub(super) fn entitlement(
    kv: &dyn Kv,
    opaque: &OpaqueIds,
    id: &EntitlementRef,
) -> Result<Option<EntitlementIdentity<'static>>> {
    if let Some(resource) = &id.resource {
        let identity = on_resource(resource, &id.id);
        let present = kv
            .get(&Key::Entitlement(identity.clone()).to_vec())?
            .is_some();
        return Ok(present.then_some(identity));
    }
    exactly_one(
        "entitlement",
        &id.id,
        entitlements_with_id(kv, opaque, &id.id)?,
    )
}

/// The entitlement whose *grants* a reference names: its row need not exist, if grants of it do.
pub(super) fn entitlement_of_grants(
    kv: &dyn Kv,
    opaque: &OpaqueIds,
    id: &EntitlementRef,
) -> Result<Option<EntitlementIdentity<'static>>> {
    if let Some(resource) = &id.resource {
        return Ok(Some(on_resource(resource, &id.id)));
    }
    if let Some(row) = exactly_one(
        "entitlement",
        &id.id,
        entitlements_with_id(kv, opaque, &id.id)?,
    )? {
        return Ok(Some(row));
    }
    let Candidates::Some(candidates) = bare_id::entitlement_candidates(&id.id) else {
        return Err(ambiguous(
            "entitlement",
            &id.id,
            "it has too many colons to be looked up",
        ));
    };
    let mut with_grants = Vec::new();
    for candidate in candidates {
        let range = crate::keyspace::prefix::grants_of(&candidate);
        if kv.scan(&range)?.next()?.is_some() {
            with_grants.push(candidate.into_owned());
        }
    }
    exactly_one("entitlement", &id.id, with_grants)
}

/// The grant that a bare id names. `stored_id` reads the external id out of a row's value.
pub(super) fn grant(
    kv: &dyn Kv,
    opaque: &OpaqueIds,
    id: &str,
    stored_id: impl Fn(&[u8]) -> Result<Vec<u8>>,
) -> Result<Option<Vec<u8>>> {
    Ok(grants(kv, opaque, &[id], stored_id)?.pop_first())
}

/// Keys of the grants that bare ids name; an id that names none adds none. One scan of all grants, O(grants), serves all
/// ids that cannot be read as structure.
pub(super) fn grants(
    kv: &dyn Kv,
    opaque: &OpaqueIds,
    ids: &[&str],
    stored_id: impl Fn(&[u8]) -> Result<Vec<u8>>,
) -> Result<BTreeSet<Vec<u8>>> {
    let mut keys = BTreeSet::new();
    let mut unread = BTreeMap::new();
    for id in ids {
        let hits = read_grant(kv, opaque, id, &stored_id)?;
        if hits.is_empty() {
            unread.insert(id.as_bytes(), Vec::new());
        } else {
            keys.extend(exactly_one("grant", id, hits)?);
        }
    }
    if !unread.is_empty() {
        let mut scan = kv.scan(&Family::Grant.range())?;
        while let Some((key, value)) = scan.next()? {
            if let Some(hits) = unread.get_mut(stored_id(value)?.as_slice()) {
                hits.push(key.to_vec());
            }
        }
    }
    for (id, hits) in unread {
        keys.extend(exactly_one("grant", &String::from_utf8_lossy(id), hits)?);
    }
    Ok(keys)
}

/// Keys of the grants that an id can be read as.
fn read_grant(
    kv: &dyn Kv,
    opaque: &OpaqueIds,
    id: &str,
    stored_id: impl Fn(&[u8]) -> Result<Vec<u8>>,
) -> Result<Vec<Vec<u8>>> {
    let mut failed = None;
    // Stripped entitlements are tried as they are read from the id; only opaque ones have to be known.
    let candidates = bare_id::grant_candidates(id, |entitlement_id| {
        opaque_entitlements(kv, opaque, entitlement_id).unwrap_or_else(|error| {
            failed = Some(error);
            Vec::new()
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let Candidates::Some(candidates) = candidates else {
        return Err(ambiguous("grant", id, "it can be read in too many ways"));
    };
    let mut hits = Vec::new();
    for candidate in candidates {
        let key = Key::Grant(candidate).to_vec();
        if let Some(value) = kv.get(&key)? {
            let stored = stored_id(&value)?;
            if stored.is_empty() || stored == id.as_bytes() {
                hits.push(key);
            }
        }
    }
    Ok(hits)
}

/// The key of a grant named by structure.
pub(super) fn grant_key(entitlement: EntitlementIdentity<'_>, principal: &ResourceRef) -> Vec<u8> {
    Key::Grant(GrantIdentity {
        entitlement,
        principal_type: principal.resource_type.as_bytes().into(),
        principal: principal.resource.as_bytes().into(),
    })
    .to_vec()
}

fn on_resource(resource: &ResourceRef, id: &str) -> EntitlementIdentity<'static> {
    EntitlementIdentity::new(resource.resource_type.as_str(), &resource.resource, id).into_owned()
}

fn exactly_one<T>(kind: &str, id: &str, mut found: Vec<T>) -> Result<Option<T>> {
    match found.len() {
        0 | 1 => Ok(found.pop()),
        n => Err(ambiguous(kind, id, &format!("it names {n} records"))),
    }
}

fn ambiguous(kind: &str, id: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Ambiguous,
        format!("{kind} id is ambiguous: {why}: id=`{id}`"),
    )
    .with_hint("name the entitlement together with its resource")
}
