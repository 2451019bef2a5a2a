//! Which grants a filter means, and which record a bare id means (`store-contract` §1.3, §5.6; `c1z3-keyspace` §4.3).

use std::collections::BTreeSet;

use c1z_proto::connector::v2;

use super::Model;
use super::expansion;
use super::key::{self, Key};
use super::state::{Granted, Records, Row};
use crate::engine::reader::GrantRow;
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef};
use crate::engine::{EntitlementFilter, GrantFilter, Identity, ResourceFilter};
use crate::{Error, ErrorKind, Result};

/// What an entitlement in a filter comes down to.
enum Wanted {
    /// Grants of any entitlement.
    Any,
    /// The entitlement does not exist.
    None,
    /// The entitlement with this structural key.
    Key(Key),
    /// Entitlements with this external id, on this resource if it is given.
    Id(EntitlementRef),
}

impl Wanted {
    fn matches(&self, key: &Key, row: &Granted) -> bool {
        match self {
            Wanted::Any => true,
            Wanted::None => false,
            Wanted::Key(wanted) => key.starts_with(wanted),
            Wanted::Id(wanted) => {
                let found = &row.entitlement;
                found.id == wanted.id
                    && (wanted.resource.is_none() || wanted.resource == found.resource)
            }
        }
    }
}

impl Model {
    /// The grants that pass a filter, by key.
    pub(super) fn grants_of<'a>(
        &self,
        records: &'a Records,
        filter: &GrantFilter,
    ) -> Result<Vec<(&'a Key, &'a Row<Granted>)>> {
        check_grant_filter(filter)?;
        let wanted = match &filter.entitlement {
            Some(entitlement) => self.wanted(records, entitlement)?,
            None => Wanted::Any,
        };
        let rows = records.grants.iter();
        let rows = rows.filter(|(key, row)| wanted.matches(key, &row.record));
        Ok(rows
            .filter(|(_, row)| passes(filter, &row.record))
            .collect())
    }

    /// A grant as it is read.
    pub(super) fn shown(&self, row: &Row<Granted>) -> GrantRow {
        let mut grant = row.record.grant.clone();
        if self.attaches()
            && let Some(expansion) = &row.record.expansion
        {
            expansion::attach(&mut grant, expansion);
        }
        GrantRow {
            grant,
            expansion: row.record.expansion.clone(),
            needs_expansion: row.record.needs_expansion,
            discovered_at: row.discovered_at,
        }
    }

    /// Several entitlements with one bare id are an error, none is no grants. Without an entitlement of this id, grants
    /// still tell of one if its id begins with its resource.
    fn wanted(&self, records: &Records, entitlement: &EntitlementRef) -> Result<Wanted> {
        if self.options.identity == Identity::External {
            return Ok(Wanted::Id(entitlement.clone()));
        }
        if let Some(resource) = &entitlement.resource {
            let key = key::of_entitlement(Identity::Structural, &entitlement.id, resource);
            return Ok(Wanted::Key(key));
        }
        let rows = records.entitlements.iter();
        let mut keys: BTreeSet<Key> = rows
            .filter(|(_, row)| row.record.id == entitlement.id)
            .map(|(key, _)| key.clone())
            .collect();
        if keys.is_empty() {
            let grants = records.grants.values().map(|row| &row.record.entitlement);
            keys = grants
                .filter(|of| of.id == entitlement.id && is_derived(of))
                .map(|of| {
                    let resource = of.resource.clone().unwrap_or_default();
                    key::of_entitlement(Identity::Structural, &of.id, &resource)
                })
                .collect();
        }
        match keys.len() {
            0 => Ok(Wanted::None),
            1 => Ok(keys.pop_first().map_or(Wanted::None, Wanted::Key)),
            several => Err(ambiguous("entitlement", &entitlement.id, several)),
        }
    }

    /// The grants with this structure: at most one where identity is structural.
    pub(super) fn grants_with_key<'a>(
        &self,
        records: &'a Records,
        wanted: &GrantKey,
    ) -> Result<Vec<(&'a Key, &'a Row<Granted>)>> {
        let entitlement = self.wanted(records, &wanted.entitlement)?;
        let rows = records.grants.iter();
        Ok(rows
            .filter(|(key, row)| entitlement.matches(key, &row.record))
            .filter(|(_, row)| row.record.principal == wanted.principal)
            .collect())
    }
}

/// The entitlement that a reference means, if there is one.
pub(super) fn entitlement_of<'a>(
    records: &'a Records,
    id: &EntitlementRef,
) -> Result<Option<(&'a Key, &'a v2::Entitlement)>> {
    let rows = records
        .entitlements
        .iter()
        .map(|(key, row)| (key, &row.record));
    let found: Vec<_> = rows
        .filter(|(_, row)| row.id == id.id)
        .filter(|(_, row)| match &id.resource {
            Some(resource) => *resource == key::entitlement_resource(row),
            None => true,
        })
        .collect();
    one("entitlement", &id.id, &found)
}

/// The grant that a bare id means, if there is one. With structural identity an id built from the structure of one
/// grant is that grant, even where others bear the same text as their own id.
pub(super) fn grant_of<'a>(
    records: &'a Records,
    id: &str,
) -> Result<Option<(&'a Key, &'a Row<Granted>)>> {
    let rows = records.grants.iter();
    let same: Vec<_> = rows.filter(|(_, row)| row.record.grant.id == id).collect();
    let built: Vec<_> = same
        .iter()
        .copied()
        .filter(|(_, row)| {
            let entitlement = &row.record.entitlement;
            let known = is_derived(entitlement) || is_stored(records, entitlement);
            known && key::concatenated_id(&row.record.grant) == id
        })
        .collect();
    one("grant", id, if built.is_empty() { &same } else { &built })
}

/// The only one found, or none; several are `Ambiguous`.
pub(super) fn one<T: Copy>(kind: &str, id: &str, found: &[T]) -> Result<Option<T>> {
    match found {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => Err(ambiguous(kind, id, several.len())),
    }
}

fn ambiguous(kind: &str, id: &str, several: usize) -> Error {
    Error::new(
        ErrorKind::Ambiguous,
        format!("{kind} id names several records: id=`{id}` records=`{several}`"),
    )
}

fn is_derived(entitlement: &EntitlementRef) -> bool {
    let resource = entitlement.resource.as_ref();
    resource.is_some_and(|resource| key::is_derived_from(&entitlement.id, resource))
}

fn is_stored(records: &Records, entitlement: &EntitlementRef) -> bool {
    records.entitlements.values().any(|row| {
        row.record.id == entitlement.id
            && Some(key::entitlement_resource(&row.record)) == entitlement.resource
    })
}

/// All conditions but the entitlement's.
fn passes(filter: &GrantFilter, row: &Granted) -> bool {
    let on = row.entitlement.resource.as_ref();
    let of_type = |wanted: &str, found: Option<&ResourceRef>| {
        wanted.is_empty() || found.is_some_and(|found| found.resource_type == wanted)
    };
    let types = &filter.principal_resource_types;
    (filter.entitlement_resource.is_none() || filter.entitlement_resource.as_ref() == on)
        && of_type(&filter.entitlement_resource_type, on)
        && filter
            .principal
            .as_ref()
            .is_none_or(|wanted| *wanted == row.principal)
        && of_type(&filter.principal_resource_type, Some(&row.principal))
        && (types.is_empty() || types.contains(&row.principal.resource_type))
        && filter
            .needs_expansion
            .is_none_or(|wanted| wanted == row.needs_expansion)
        && filter
            .has_expansion
            .is_none_or(|wanted| wanted == row.expansion.is_some())
}

fn check_grant_filter(filter: &GrantFilter) -> Result<()> {
    if let Some(entitlement) = &filter.entitlement {
        key::require_entitlement("entitlement in the filter", entitlement)?;
    }
    check_ref(
        "entitlement resource in the filter",
        filter.entitlement_resource.as_ref(),
    )?;
    check_ref("principal in the filter", filter.principal.as_ref())
}

fn check_ref(at: &str, id: Option<&ResourceRef>) -> Result<()> {
    id.map_or(Ok(()), |id| key::require_ref(at, id))
}

/// The resources that pass a filter, by key.
pub(super) fn resources_of<'a>(
    records: &'a Records,
    filter: &ResourceFilter,
) -> Result<Vec<(&'a Key, &'a Row<v2::Resource>)>> {
    check_ref("parent in the filter", filter.parent.as_ref())?;
    let passes = |row: &v2::Resource| {
        let id = key::resource_ref(row);
        let parent = row.parent_resource_id.as_option();
        let parent = parent.map(|parent| ResourceRef::new(&parent.resource_type, &parent.resource));
        (filter.resource_type.is_empty() || filter.resource_type == id.resource_type)
            && (filter.parent.is_none() || filter.parent == parent)
    };
    let rows = records.resources.iter();
    Ok(rows.filter(|(_, row)| passes(&row.record)).collect())
}

/// The entitlements that pass a filter, by key.
pub(super) fn entitlements_of<'a>(
    records: &'a Records,
    filter: &EntitlementFilter,
) -> Result<Vec<(&'a Key, &'a Row<v2::Entitlement>)>> {
    check_ref("resource in the filter", filter.resource.as_ref())?;
    let passes = |row: &v2::Entitlement| {
        let resource = key::entitlement_resource(row);
        let of_type = &filter.resource_type;
        let wanted = filter.resource.as_ref();
        wanted.is_none_or(|wanted| *wanted == resource)
            && (of_type.is_empty() || *of_type == resource.resource_type)
    };
    let rows = records.entitlements.iter();
    Ok(rows.filter(|(_, row)| passes(&row.record)).collect())
}
