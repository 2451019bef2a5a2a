//! Entry points for hostile keys. Each takes any bytes, must return, and must not panic but where two
//! ways of reading the same key disagree.

use super::bare_id::{self, CANDIDATES_MAX, Candidates};
use super::{Deriver, ExternalIdKey, Family, GrantKey, HashKey, IndexSet, Key, splice};

/// Reads `bytes` as a key in every way.
///
/// # Panics
/// If an accepted key does not encode to itself, or a splice refuses what the typed reader accepts.
pub fn key(bytes: &[u8]) {
    let parsed = Key::parse(bytes);
    if let Ok(key) = &parsed {
        assert_eq!(key.to_vec(), bytes, "a key encodes to itself");
        assert_eq!(key.family(), family_of(key, bytes));
        splices(key, bytes);
    }
    if let Ok(key) = ExternalIdKey::parse(bytes) {
        let mut again = Vec::new();
        key.encode_into(&mut again);
        assert_eq!(again, bytes, "an older key encodes to itself");
    }
}

/// The family by the header, but for digests of an unknown index, which belong to none.
fn family_of(key: &Key<'_>, bytes: &[u8]) -> Option<Family> {
    match key {
        Key::Unassigned(_) => None,
        _ => Family::of(bytes),
    }
}

fn splices(key: &Key<'_>, bytes: &[u8]) {
    let mut out = Vec::new();
    match key {
        Key::Grant(grant) => {
            let halves = GrantKey::parse(bytes);
            assert!(halves.is_ok_and(|halves| {
                halves.by_principal_into(&mut out);
                out == Key::GrantByPrincipal(grant.clone()).to_vec()
            }));
        }
        Key::GrantByPrincipal(_) => assert!(GrantKey::parse_by_principal(bytes).is_ok()),
        Key::GrantNeedsExpansion(_) => assert!(GrantKey::parse_needs_expansion(bytes).is_ok()),
        Key::GrantHash { bucket, .. } => {
            assert!(HashKey::parse(bytes).is_ok_and(|row| row.bucket == *bucket));
        }
        Key::Entitlement(_) => assert!(splice::entitlement_partition(bytes).is_ok()),
        Key::ResourceByParent { .. } => {
            assert!(splice::child_of_parent_key_into(bytes, &mut out).is_ok());
        }
        _ => {}
    }
}

/// Derives index rows from any key and value.
///
/// # Panics
/// If a derived row is no key of an index.
pub fn derive(key: &[u8], value: &[u8]) {
    let mut emit = |row: &[u8]| {
        let family = Family::of(row);
        assert!(family.is_some_and(Family::is_derived), "a row of an index");
        Ok(())
    };
    drop(Deriver::new(IndexSet::ALL).derive(key, value, &mut emit));
}

/// Lists the readings of any id.
///
/// # Panics
/// If there are more than the stated limit, or one does not spell the id.
pub fn bare_id(id: &str) {
    let none = |_| None;
    if let Candidates::Some(found) = bare_id::grant_candidates(id, none) {
        assert!(found.len() <= CANDIDATES_MAX);
        for grant in found {
            assert_eq!(grant.concatenated_id(), id.as_bytes());
        }
    }
    if let Candidates::Some(found) = bare_id::entitlement_candidates(id) {
        for entitlement in found {
            assert_eq!(&*entitlement.external_id(), id.as_bytes());
        }
    }
}
