//! Keys of rows: tuples of texts, compared component by component, byte by byte.

use c1z_proto::connector::v2;

use crate::engine::Identity;
use crate::engine::types::{EntitlementRef, ResourceRef};
use crate::keyspace::EntitlementIdentity;
use crate::{Error, Result};

/// The key of a row within its kind.
pub(super) type Key = Vec<String>;

/// The reference of a resource; both parts empty if it has none.
pub(super) fn resource_ref(resource: &v2::Resource) -> ResourceRef {
    match resource.id.as_option() {
        Some(id) => ResourceRef::new(&id.resource_type, &id.resource),
        None => ResourceRef::default(),
    }
}

/// The resource that an entitlement is on.
pub(super) fn entitlement_resource(entitlement: &v2::Entitlement) -> ResourceRef {
    entitlement
        .resource
        .as_option()
        .map(resource_ref)
        .unwrap_or_default()
}

/// The entitlement that a grant is of, with its resource.
pub(super) fn grant_entitlement(grant: &v2::Grant) -> EntitlementRef {
    let Some(entitlement) = grant.entitlement.as_option() else {
        return EntitlementRef::default();
    };
    EntitlementRef {
        id: entitlement.id.clone(),
        resource: Some(entitlement_resource(entitlement)),
    }
}

/// Who holds a grant.
pub(super) fn grant_principal(grant: &v2::Grant) -> ResourceRef {
    grant
        .principal
        .as_option()
        .map(resource_ref)
        .unwrap_or_default()
}

/// Key of a resource.
pub(super) fn of_resource(identity: Identity, id: &ResourceRef) -> Key {
    match identity {
        Identity::Structural => vec![id.resource_type.clone(), id.resource.clone()],
        Identity::External => vec![id.to_string()],
    }
}

/// Key of an entitlement, whose resource must be known where identity is structural.
pub(super) fn of_entitlement(identity: Identity, id: &str, resource: &ResourceRef) -> Key {
    match identity {
        Identity::Structural => structural(id, resource),
        Identity::External => vec![id.to_owned()],
    }
}

/// Key of a grant.
pub(super) fn of_grant(identity: Identity, grant: &v2::Grant) -> Key {
    match identity {
        Identity::Structural => {
            let entitlement = grant_entitlement(grant);
            let principal = grant_principal(grant);
            let mut key = structural(&entitlement.id, &entitlement.resource.unwrap_or_default());
            key.extend([principal.resource_type, principal.resource]);
            key
        }
        Identity::External => vec![grant.id.clone()],
    }
}

/// `c1z3-keyspace` §4.1.
fn structural(id: &str, resource: &ResourceRef) -> Key {
    let identity = EntitlementIdentity::new(
        resource.resource_type.as_str(),
        resource.resource.as_str(),
        id,
    );
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    vec![
        resource.resource_type.clone(),
        resource.resource.clone(),
        text(identity.form.component()),
        text(&identity.tail),
    ]
}

/// Whether an entitlement's id begins with its resource.
pub(super) fn is_derived_from(id: &str, resource: &ResourceRef) -> bool {
    id.strip_prefix(&resource.resource_type)
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|rest| rest.strip_prefix(&resource.resource))
        .is_some_and(|rest| rest.starts_with(':'))
}

/// The id that a grant has when its connector gave none (D24).
pub(super) fn concatenated_id(grant: &v2::Grant) -> String {
    let entitlement = grant_entitlement(grant);
    format!("{}:{}", entitlement.id, grant_principal(grant))
}

/// Fails if a text is empty; `at` names the record's kind and position.
pub(super) fn require(at: &str, field: &str, value: &str) -> Result<()> {
    if value.is_empty() {
        return Err(Error::invalid(format!("{at} without {field}")));
    }
    Ok(())
}

/// Fails if a part of a reference is empty (D23).
pub(super) fn require_ref(at: &str, id: &ResourceRef) -> Result<()> {
    require(at, "resource type", &id.resource_type)?;
    require(at, "resource id", &id.resource)
}

/// Fails if an entitlement's id is empty, or a part of its resource where one is given.
pub(super) fn require_entitlement(at: &str, id: &EntitlementRef) -> Result<()> {
    require(at, "id", &id.id)?;
    match &id.resource {
        Some(resource) => require_ref(at, resource),
        None => Ok(()),
    }
}
