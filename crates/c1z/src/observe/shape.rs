//! Which parts of a filter a call sets: names, never values.

use std::fmt;

use crate::engine::page::PageRequest;
use crate::engine::{EntitlementFilter, GrantFilter, ResourceFilter};

/// The names of all parts; a bit of [`Shape`] each.
const NAMES: [&str; 13] = [
    "entitlement",
    "entitlement_resource",
    "entitlement_resource_type",
    "principal",
    "principal_resource_type",
    "principal_resource_types",
    "needs_expansion",
    "has_expansion",
    "resource",
    "resource_type",
    "parent",
    "token",
    "type",
];

const RESOURCE: usize = 8;
const RESOURCE_TYPE: usize = 9;
const PARENT: usize = 10;
const TOKEN: usize = 11;
const TYPE: usize = 12;

/// A set of names of filters. Prints as `principal+token`, or `none`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape(u16);

impl Shape {
    /// No filter.
    pub const NONE: Self = Self(0);

    const fn with(self, name: usize, is_set: bool) -> Self {
        Self(self.0 | ((is_set as u16) << name))
    }

    /// With the mark of a page that is not the first.
    pub(super) fn page(self, page: &PageRequest) -> Self {
        self.with(TOKEN, !page.token.is_empty())
    }

    /// With the restriction to a type of syncs.
    pub(super) fn sync_type(self, is_set: bool) -> Self {
        self.with(TYPE, is_set)
    }

    pub(super) fn of_resources(filter: &ResourceFilter) -> Self {
        Self::NONE
            .with(RESOURCE_TYPE, !filter.resource_type.is_empty())
            .with(PARENT, filter.parent.is_some())
    }

    pub(super) fn of_entitlements(filter: &EntitlementFilter) -> Self {
        Self::NONE
            .with(RESOURCE, filter.resource.is_some())
            .with(RESOURCE_TYPE, !filter.resource_type.is_empty())
    }

    pub(super) fn of_grants(filter: &GrantFilter) -> Self {
        Self::NONE
            .with(0, filter.entitlement.is_some())
            .with(1, filter.entitlement_resource.is_some())
            .with(2, !filter.entitlement_resource_type.is_empty())
            .with(3, filter.principal.is_some())
            .with(4, !filter.principal_resource_type.is_empty())
            .with(5, !filter.principal_resource_types.is_empty())
            .with(6, filter.needs_expansion.is_some())
            .with(7, filter.has_expansion.is_some())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = NAMES.iter().enumerate();
        let set = set.filter(|(bit, _)| self.0 & (1 << bit) != 0);
        let mut separator = "";
        for (_, name) in set {
            write!(f, "{separator}{name}")?;
            separator = "+";
        }
        if separator.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}
