//! What a list returns: all conditions of a filter must hold (`store-contract` §1.3).
//!
//! A reference with exactly one half empty is a caller's mistake and answers `InvalidArgument` everywhere (D23).

use super::types::{EntitlementRef, ResourceRef, SyncId};

/// Which sync a read is about (`store-contract` §2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The current sync, else the viewed one, else the one the operation's rule falls back to.
    #[default]
    Default,
    /// This sync and no other; `NotFound` if the store does not hold it.
    Sync(SyncId),
}

/// How a read that names no sync falls back when none is current or viewed (`store-contract` §2.3, D1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// Lists: latest finished full, then latest unfinished, then latest finished of any type, then an empty answer.
    List,
    /// Points and streams: latest finished of any type, then latest unfinished, then `NotFound`.
    Point,
}

/// Restricts a list of resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFilter {
    /// Of this type; empty: any.
    pub resource_type: String,
    /// Children of this resource.
    pub parent: Option<ResourceRef>,
}

/// Restricts a list of entitlements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntitlementFilter {
    /// On this resource.
    pub resource: Option<ResourceRef>,
    /// On resources of this type; empty: any.
    pub resource_type: String,
}

/// Restricts a list of grants. Every combination is legal and means the intersection.
///
/// # Complexity
/// An entitlement, an entitlement's resource or resource type is served by a range of the primary keys; a principal or
/// principal type by the by-principal index; pending expansion by its own index. Of several conditions the most
/// selective one drives and the others are tested per row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantFilter {
    /// Of this entitlement.
    pub entitlement: Option<EntitlementRef>,
    /// On this resource: the *entitlement's* resource.
    pub entitlement_resource: Option<ResourceRef>,
    /// On resources of this type; empty: any.
    pub entitlement_resource_type: String,
    /// Held by this principal.
    pub principal: Option<ResourceRef>,
    /// Held by principals of this type; empty: any.
    pub principal_resource_type: String,
    /// Held by principals of one of these types; empty: any.
    pub principal_resource_types: Vec<String>,
    /// With this state of the needs-expansion flag.
    pub needs_expansion: Option<bool>,
    /// With or without an expansion annotation.
    pub has_expansion: Option<bool>,
}
