//! What a bare id string could mean: the structural identities that a `:`-joined id may stand for.
//!
//! Ids hold colons of their own, so a joined id has no unique reading. The functions here only list
//! the readings; the engine looks each up and takes the id as found when exactly one exists, as
//! ambiguous when several do. Only lookups by a person use this; syncs and expansion carry
//! structured references (`c1z3-keyspace` §4.3).

use std::collections::BTreeSet;

use super::identity::{EntitlementIdentity, GrantIdentity, IdForm};
use super::tuple::Part;

/// Ids with more colons are ambiguous without a lookup.
pub const COLONS_MAX: usize = 64;
/// A grant id with more readings is ambiguous without a lookup.
pub const CANDIDATES_MAX: usize = 4096;

/// The readings of a bare id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidates<T> {
    /// Look these up; there may be none.
    Some(Vec<T>),
    /// More readings than are worth a lookup.
    TooMany,
}

/// Readings of `id` as `resource type:resource:tail`, for an entitlement that has no row of its own
/// but may have grants. At most `COLONS_MAX²/2` of them.
pub fn entitlement_candidates(id: &str) -> Candidates<EntitlementIdentity<'_>> {
    let id = id.as_bytes();
    let colons = colons(id);
    if colons.len() > COLONS_MAX {
        return Candidates::TooMany;
    }
    let mut found = Vec::new();
    for (i, &first) in colons.iter().enumerate() {
        for &second in colons.iter().skip(i + 1) {
            found.extend(stripped(id, first, second));
        }
    }
    Candidates::Some(found)
}

/// Readings of `id` as a grant: `entitlement id:principal type:principal` for every entitlement id
/// that `known` resolves, and `type:resource:tail:principal type:principal`. Without duplicates, in
/// the order of [`GrantIdentity`]. An id with fewer than two colons has none.
///
/// `known` receives each possible entitlement id, once, and returns the identities that carry it.
pub fn grant_candidates<'a, I>(
    id: &'a str,
    mut known: impl FnMut(&'a str) -> I,
) -> Candidates<GrantIdentity<'a>>
where
    I: IntoIterator<Item = EntitlementIdentity<'a>>,
{
    let bytes = id.as_bytes();
    let colons = colons(bytes);
    if colons.len() > COLONS_MAX {
        return Candidates::TooMany;
    }
    let mut found = BTreeSet::new();
    for (i, &third) in colons.iter().enumerate() {
        let mut entitlements: Option<Vec<EntitlementIdentity<'a>>> = None;
        for &fourth in colons.iter().skip(i + 1) {
            let (Some(principal_type), Some(principal)) = (
                part(bytes, third + 1, fourth),
                part(bytes, fourth + 1, bytes.len()),
            ) else {
                continue;
            };
            let readings = entitlements.get_or_insert_with(|| {
                let head = id.get(..third).unwrap_or_default();
                let mut readings: Vec<_> = known(head).into_iter().collect();
                readings.extend(stripped_readings(head.as_bytes(), &colons, i));
                readings
            });
            for entitlement in readings.iter() {
                found.insert(GrantIdentity {
                    entitlement: entitlement.clone(),
                    principal_type: Part::Borrowed(principal_type),
                    principal: Part::Borrowed(principal),
                });
                if found.len() > CANDIDATES_MAX {
                    return Candidates::TooMany;
                }
            }
        }
    }
    Candidates::Some(found.into_iter().collect())
}

/// Readings of `head`, the id before colon number `end`, as a stripped entitlement identity.
fn stripped_readings<'h>(
    head: &'h [u8],
    colons: &[usize],
    end: usize,
) -> impl Iterator<Item = EntitlementIdentity<'h>> {
    let before = colons.get(..end).unwrap_or_default();
    before.iter().enumerate().flat_map(move |(i, &first)| {
        let rest = before.iter().skip(i + 1);
        rest.filter_map(move |&second| stripped(head, first, second))
    })
}

/// The reading of `id` whose type ends at `first` and whose resource ends at `second`; none when
/// either is empty, as no row has such an identity.
fn stripped(id: &[u8], first: usize, second: usize) -> Option<EntitlementIdentity<'_>> {
    Some(EntitlementIdentity {
        resource_type: Part::Borrowed(part(id, 0, first)?),
        resource: Part::Borrowed(part(id, first + 1, second)?),
        form: IdForm::Stripped,
        tail: Part::Borrowed(id.get(second + 1..)?),
    })
}

fn part(id: &[u8], from: usize, to: usize) -> Option<&[u8]> {
    id.get(from..to).filter(|part| !part.is_empty())
}

fn colons(id: &[u8]) -> Vec<usize> {
    let all = id.iter().enumerate().filter(|&(_, &byte)| byte == b':');
    all.map(|(at, _)| at).take(COLONS_MAX + 1).collect()
}
