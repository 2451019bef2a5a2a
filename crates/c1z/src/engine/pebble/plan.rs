//! Which rows answer a [`GrantFilter`]: the most selective range drives, the remaining conditions are tested on the key
//! before a value is decoded.
//!
//! | condition | range |
//! |---|---|
//! | entitlement and principal | one primary key |
//! | principal (and entitlement's resource or its type) | index by principal, prefix of 2 (4 or 3) components |
//! | entitlement | primary keys, prefix of 4 components |
//! | entitlement's resource, or its type | primary keys, prefix of 2, or 1 components |
//! | principal types | index by principal, one prefix of 1 component per type |
//! | needs expansion | index of pending expansion |
//! | nothing else | all primary keys |

use crate::engine::GrantFilter;
use crate::engine::types::ResourceRef;
use crate::keyspace::{EntitlementIdentity, Family, GrantIdentity, Key, KeyRange, prefix, tuple};

/// Where the rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// One primary key.
    Point(Vec<u8>),
    /// Ranges of primary keys.
    Primary(Vec<KeyRange>),
    /// Ranges of an index whose keys lead to primaries.
    ByPrincipal(Vec<KeyRange>),
    /// The index of pending expansion.
    NeedsExpansion(KeyRange),
    /// Conditions that contradict each other.
    Nothing,
}

/// Conditions on the encoded halves of a grant key, compared without unescaping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyTest {
    /// The partition begins with these bytes (whole components).
    partition_prefix: Vec<u8>,
    /// The principal is exactly this.
    principal: Option<Vec<u8>>,
    /// The principal begins with one of these (a type component and a separator); empty: any.
    principal_prefixes: Vec<Vec<u8>>,
}

impl KeyTest {
    /// Whether a grant with these halves passes.
    pub(super) fn passes(&self, partition: &[u8], principal: &[u8]) -> bool {
        partition.starts_with(&self.partition_prefix)
            && self
                .principal
                .as_deref()
                .is_none_or(|wanted| wanted == principal)
            && (self.principal_prefixes.is_empty()
                || self
                    .principal_prefixes
                    .iter()
                    .any(|prefix| principal.starts_with(prefix)))
    }

    /// Whether every grant passes.
    pub(super) fn is_trivial(&self) -> bool {
        *self == Self::default()
    }
}

/// A plan: where the rows come from, and what is still to be tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) source: Source,
    pub(super) test: KeyTest,
}

/// Plans a filter whose entitlement, if it names one, was resolved to `entitlement`.
///
/// `index_complete`: whether the index by principal holds every grant; while it does not, primaries are scanned instead.
pub(super) fn plan(
    filter: &GrantFilter,
    entitlement: Option<&EntitlementIdentity<'_>>,
    index_complete: bool,
) -> Plan {
    let Some(types) = principal_types(filter) else {
        return Plan {
            source: Source::Nothing,
            test: KeyTest::default(),
        };
    };
    let test = KeyTest {
        partition_prefix: Vec::new(),
        principal: filter.principal.as_ref().map(encode_ref),
        principal_prefixes: types.iter().map(|kind| component_prefix(&[kind])).collect(),
    };
    let Some(resource) = entitlement_scope(filter) else {
        return Plan {
            source: Source::Nothing,
            test,
        };
    };
    let source = source(filter, entitlement, &resource, &types, index_complete);
    let test = match &source {
        Source::Point(_) => KeyTest::default(),
        // Tested even where the range implies it: an entitlement and a resource that disagree pass nothing.
        _ => KeyTest {
            partition_prefix: component_prefix(&resource),
            ..test
        },
    };
    Plan { source, test }
}

fn source(
    filter: &GrantFilter,
    entitlement: Option<&EntitlementIdentity<'_>>,
    resource: &[&str],
    types: &[&str],
    index_complete: bool,
) -> Source {
    if let Some(entitlement) = entitlement {
        return match &filter.principal {
            Some(principal) if consistent(filter, entitlement, resource, types) => {
                Source::Point(grant_key(entitlement, principal))
            }
            Some(_) => Source::Nothing,
            None => Source::Primary(vec![prefix::grants_of(entitlement)]),
        };
    }
    match &filter.principal {
        Some(principal) if index_complete => {
            let mut components = vec![
                principal.resource_type.as_bytes(),
                principal.resource.as_bytes(),
            ];
            components.extend(resource.iter().map(|part| part.as_bytes()));
            Source::ByPrincipal(vec![KeyRange::of_components(
                Family::GrantByPrincipal,
                &components,
            )])
        }
        None if !resource.is_empty() => {
            let components: Vec<_> = resource.iter().map(|part| part.as_bytes()).collect();
            Source::Primary(vec![KeyRange::of_components(Family::Grant, &components)])
        }
        None if !types.is_empty() && index_complete => Source::ByPrincipal(
            types
                .iter()
                .map(|kind| prefix::grants_for_type(kind.as_bytes()))
                .collect(),
        ),
        None if types.is_empty() && filter.needs_expansion == Some(true) => {
            Source::NeedsExpansion(Family::GrantNeedsExpansion.range())
        }
        _ => Source::Primary(vec![Family::Grant.range()]),
    }
}

/// Whether a grant of this entitlement to the filter's principal can pass the conditions on resource and type.
fn consistent(
    filter: &GrantFilter,
    entitlement: &EntitlementIdentity<'_>,
    resource: &[&str],
    types: &[&str],
) -> bool {
    let own = [
        entitlement.resource_type.as_ref(),
        entitlement.resource.as_ref(),
    ];
    let on_resource = resource
        .iter()
        .zip(own)
        .all(|(wanted, own)| wanted.as_bytes() == own);
    let principal_type = filter
        .principal
        .as_ref()
        .map(|principal| principal.resource_type.as_str());
    let of_type = types.is_empty() || principal_type.is_some_and(|kind| types.contains(&kind));
    on_resource && of_type
}

/// The principal types that can pass, sorted and distinct; empty: any; none: no type can.
fn principal_types(filter: &GrantFilter) -> Option<Vec<&str>> {
    let one = filter.principal_resource_type.as_str();
    let mut types: Vec<&str> = filter
        .principal_resource_types
        .iter()
        .map(String::as_str)
        .collect();
    types.sort_unstable();
    types.dedup();
    match (one.is_empty(), types.is_empty()) {
        (true, _) => Some(types),
        (false, true) => Some(vec![one]),
        (false, false) => types.contains(&one).then(|| vec![one]),
    }
}

/// The leading components that the entitlement's resource must have (none, type, or type and id); none at all if the
/// two conditions on it contradict each other.
fn entitlement_scope(filter: &GrantFilter) -> Option<Vec<&str>> {
    let kind = filter.entitlement_resource_type.as_str();
    match &filter.entitlement_resource {
        Some(resource) if kind.is_empty() || kind == resource.resource_type => {
            Some(vec![&resource.resource_type, &resource.resource])
        }
        Some(_) => None,
        None if kind.is_empty() => Some(Vec::new()),
        None => Some(vec![kind]),
    }
}

/// The encoded components, each followed by a separator.
fn component_prefix(components: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for component in components {
        tuple::escape_into(&mut bytes, component.as_bytes());
        bytes.push(tuple::SEPARATOR);
    }
    bytes
}

fn encode_ref(id: &ResourceRef) -> Vec<u8> {
    let mut bytes = Vec::new();
    tuple::encode_into(
        &mut bytes,
        [id.resource_type.as_bytes(), id.resource.as_bytes()],
    );
    bytes
}

fn grant_key(entitlement: &EntitlementIdentity<'_>, principal: &ResourceRef) -> Vec<u8> {
    let identity = GrantIdentity {
        entitlement: entitlement.clone(),
        principal_type: principal.resource_type.as_bytes().into(),
        principal: principal.resource.as_bytes().into(),
    };
    Key::Grant(identity).to_vec()
}
