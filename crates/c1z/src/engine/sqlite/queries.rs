//! Which rows answer a filter, and which index finds them: of the conditions the one that narrows most, as a rule, is looked
//! up, and the others are tested row by row.

use super::select::{self, Select};
use crate::engine::types::{EntitlementRef, SyncId};
use crate::engine::{EntitlementFilter, GrantFilter, ResourceFilter};

/// Columns of a grant, in the order in which a snapshot takes them.
pub(super) const GRANT: &str = "resource_type_id, resource_id, entitlement_id, principal_resource_type_id, \
     principal_resource_id, external_id, expansion, needs_expansion, data, sync_id, discovered_at";

/// Order of rows whose filter fixes a type alone, which an index has before the ids.
const BY_RESOURCE: &[&str] = &["resource_id", select::ID];
const BY_PRINCIPAL: &[&str] = &["principal_resource_id", select::ID];
const PRINCIPALS: &[&str] = &["principal_resource_type_id", "principal_resource_id"];

/// Rows of a sync with this external id.
pub(super) fn by_external_id(
    table: &'static str,
    columns: &'static str,
    sync: &SyncId,
    id: &str,
) -> Select {
    let all = Select::of(table, columns);
    all.by("external_id", id).by("sync_id", sync.as_str())
}

/// The entitlements of a sync that a filter wants.
pub(super) fn entitlements_query(sync: &SyncId, filter: &EntitlementFilter) -> Select {
    let all = Select::of("v1_entitlements", "data").and("sync_id", sync.as_str());
    let of_type = &filter.resource_type;
    match &filter.resource {
        Some(on) => {
            let on_it = all
                .by("resource_type_id", &on.resource_type)
                .by("resource_id", &on.resource);
            if of_type.is_empty() {
                on_it
            } else {
                on_it.and("resource_type_id", of_type)
            }
        }
        None if of_type.is_empty() => all,
        None => all.by("resource_type_id", of_type).in_order(BY_RESOURCE),
    }
}

/// The resources of a sync that a filter wants.
pub(super) fn resources_query(sync: &SyncId, filter: &ResourceFilter) -> Select {
    let all = Select::of("v1_resources", "data").and("sync_id", sync.as_str());
    let of_type = &filter.resource_type;
    match &filter.parent {
        Some(parent) => {
            let children = all
                .by("parent_resource_type_id", &parent.resource_type)
                .by("parent_resource_id", &parent.resource);
            if of_type.is_empty() {
                children
            } else {
                children.and("resource_type_id", of_type)
            }
        }
        None if of_type.is_empty() => all,
        None => all.by("resource_type_id", of_type),
    }
}

/// What finds the grants of a filter; all other conditions are tested row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Principal,
    Entitlement,
    Resource,
    Pending,
    Expandable,
    ResourceType,
    PrincipalType,
    Nothing,
}

impl Driver {
    /// The one that narrows most, as a rule.
    fn of(filter: &GrantFilter) -> Self {
        if filter.principal.is_some() {
            Self::Principal
        } else if filter.entitlement.is_some() {
            Self::Entitlement
        } else if filter.entitlement_resource.is_some() {
            Self::Resource
        } else if filter.needs_expansion == Some(true) {
            Self::Pending
        } else if filter.has_expansion == Some(true) {
            Self::Expandable
        } else if !filter.entitlement_resource_type.is_empty() {
            Self::ResourceType
        } else if !filter.principal_resource_type.is_empty() {
            Self::PrincipalType
        } else {
            Self::Nothing
        }
    }

    /// The columns that are looked up in an index.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Principal => &[
                "principal_resource_type_id",
                "principal_resource_id",
                "entitlement_id",
            ],
            Self::Entitlement => &["entitlement_id", "sync_id"],
            Self::Resource => &["resource_type_id", "resource_id"],
            Self::Pending | Self::Expandable => &["sync_id"],
            Self::ResourceType => &["resource_type_id"],
            Self::PrincipalType => &["principal_resource_type_id"],
            Self::Nothing => &[],
        }
    }

    fn order(self) -> &'static [&'static str] {
        match self {
            Self::ResourceType => BY_RESOURCE,
            Self::PrincipalType => BY_PRINCIPAL,
            _ => &[select::ID],
        }
    }
}

/// The grants of a sync that a filter wants.
pub(super) fn grants_query(sync: &SyncId, filter: &GrantFilter) -> Select {
    let driver = Driver::of(filter);
    let mut query = Select::of("v1_grants", GRANT).in_order(driver.order());
    let mut equals = vec![("sync_id", sync.as_str())];
    if let Some(entitlement) = &filter.entitlement {
        equals.push(("entitlement_id", &entitlement.id));
        if let Some(on) = &entitlement.resource {
            equals.push(("resource_type_id", &on.resource_type));
            equals.push(("resource_id", &on.resource));
        }
    }
    if let Some(on) = &filter.entitlement_resource {
        equals.push(("resource_type_id", &on.resource_type));
        equals.push(("resource_id", &on.resource));
    }
    if let Some(principal) = &filter.principal {
        equals.push(("principal_resource_type_id", &principal.resource_type));
        equals.push(("principal_resource_id", &principal.resource));
    }
    for (column, of_type) in [
        ("resource_type_id", &filter.entitlement_resource_type),
        (
            "principal_resource_type_id",
            &filter.principal_resource_type,
        ),
    ] {
        if !of_type.is_empty() {
            equals.push((column, of_type));
        }
    }
    for (column, text) in equals {
        query = if driver.columns().contains(&column) {
            query.by(column, text)
        } else {
            query.and(column, text)
        };
    }
    if !filter.principal_resource_types.is_empty() {
        let types = &filter.principal_resource_types;
        query = query.and_one_of("principal_resource_type_id", types);
    }
    match driver {
        Driver::Pending => query.where_true("needs_expansion = 1"),
        Driver::Expandable => query.where_true("expansion IS NOT NULL"),
        _ => query,
    }
}

/// The principals of an entitlement, each once.
pub(super) fn principals_query(sync: &SyncId, entitlement: &EntitlementRef) -> Select {
    // The columns that order them once more, as what is asked for.
    let query = Select::of(
        "v1_grants",
        "principal_resource_type_id, principal_resource_id",
    )
    .grouped()
    .in_order(PRINCIPALS)
    .by("entitlement_id", &entitlement.id)
    .and("sync_id", sync.as_str());
    match &entitlement.resource {
        Some(on) => query
            .and("resource_type_id", &on.resource_type)
            .and("resource_id", &on.resource),
        None => query,
    }
}
