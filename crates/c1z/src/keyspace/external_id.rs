//! The layout of mid-2026 (manifest engine `pebble2`): entitlements and grants keyed by external id.
//!
//! Only the keys of entitlements, grants and their indexes differ from the current layout; values and
//! all other families are the same. Such a file is served by deriving structural identity from the
//! values; none of its index rows is needed for that. The layout before it, with the sync id inside
//! every key, is refused by [`super::stamp::layout`] (`c1z3-keyspace` §12, §3.7).

use super::family::Family;
use super::key::{Key, ResourceIdentity};
use super::tuple::{self, Part, SEPARATOR};
use crate::Result;

/// A key of the older layout.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExternalIdKey<'a> {
    /// A family that is as it is today.
    Same(Key<'a>),
    /// An entitlement by its external id.
    Entitlement(Part<'a>),
    /// A grant by its external id.
    Grant(Part<'a>),
    /// Index row: an entitlement under its resource.
    EntitlementByResource {
        /// The entitlement's resource.
        resource: ResourceIdentity<'a>,
        /// The entitlement's external id.
        entitlement: Part<'a>,
    },
    /// Index row: a grant under its entitlement.
    GrantByEntitlement {
        /// The entitlement's external id.
        entitlement: Part<'a>,
        /// Who holds the grant.
        principal: ResourceIdentity<'a>,
        /// The grant's external id.
        grant: Part<'a>,
    },
    /// Index row: a grant under its principal.
    GrantByPrincipal {
        /// Who holds the grant.
        principal: ResourceIdentity<'a>,
        /// The grant's external id.
        grant: Part<'a>,
    },
    /// Index row: a grant whose expansion is pending.
    GrantNeedsExpansion(Part<'a>),
    /// Index row: a grant under its principal's type.
    GrantByPrincipalType {
        /// The principal's type.
        principal_type: Part<'a>,
        /// The grant's external id.
        grant: Part<'a>,
    },
    /// Index row: a grant under the resource of its entitlement.
    GrantByEntitlementResource {
        /// The entitlement's resource.
        resource: ResourceIdentity<'a>,
        /// The grant's external id.
        grant: Part<'a>,
    },
}

impl<'a> ExternalIdKey<'a> {
    /// Reads a key of the older layout.
    ///
    /// # Errors
    /// A key of a known family whose components contradict the layout.
    pub fn parse(key: &'a [u8]) -> Result<Self> {
        let family = Family::of(key);
        let Some((family, body)) = family.and_then(|family| {
            let body = key.strip_prefix(family.header())?;
            Some((family, body.strip_prefix(&[SEPARATOR])?))
        }) else {
            return Key::parse(key).map(Self::Same);
        };
        let offset = family.header().len() + 1;
        Ok(match family {
            Family::Entitlement => {
                let [id] = tuple::decode("entitlement key by external id", body, offset)?;
                Self::Entitlement(id)
            }
            Family::Grant => {
                let [id] = tuple::decode("grant key by external id", body, offset)?;
                Self::Grant(id)
            }
            Family::GrantNeedsExpansion => {
                let [id] = tuple::decode("grant expansion index key", body, offset)?;
                Self::GrantNeedsExpansion(id)
            }
            Family::EntitlementByResource
            | Family::GrantByEntitlement
            | Family::GrantByPrincipal
            | Family::GrantByPrincipalType
            | Family::GrantByEntitlementResource => Self::parse_index(family, body, offset)?,
            _ => Self::Same(Key::parse(key)?),
        })
    }

    fn parse_index(family: Family, body: &'a [u8], offset: usize) -> Result<Self> {
        let resource = |resource_type, resource| ResourceIdentity {
            resource_type,
            resource,
        };
        Ok(match family {
            Family::GrantByEntitlement => {
                let [entitlement, pt, p, grant] =
                    tuple::decode("grant entitlement index key", body, offset)?;
                Self::GrantByEntitlement {
                    entitlement,
                    principal: resource(pt, p),
                    grant,
                }
            }
            Family::GrantByPrincipalType => {
                let [principal_type, grant] =
                    tuple::decode("grant principal type index key", body, offset)?;
                Self::GrantByPrincipalType {
                    principal_type,
                    grant,
                }
            }
            Family::GrantByPrincipal => {
                let [pt, p, grant] = tuple::decode("grant principal index key", body, offset)?;
                Self::GrantByPrincipal {
                    principal: resource(pt, p),
                    grant,
                }
            }
            Family::GrantByEntitlementResource => {
                let [rt, r, grant] = tuple::decode("grant resource index key", body, offset)?;
                Self::GrantByEntitlementResource {
                    resource: resource(rt, r),
                    grant,
                }
            }
            _ => {
                let [rt, r, entitlement] =
                    tuple::decode("entitlement resource index key", body, offset)?;
                Self::EntitlementByResource {
                    resource: resource(rt, r),
                    entitlement,
                }
            }
        })
    }

    /// Appends the key's bytes to `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let (family, parts): (Family, [Option<&Part<'a>>; 4]) = match self {
            Self::Same(key) => return key.encode_into(out),
            Self::Entitlement(id) => (Family::Entitlement, [Some(id), None, None, None]),
            Self::Grant(id) => (Family::Grant, [Some(id), None, None, None]),
            Self::GrantNeedsExpansion(id) => {
                (Family::GrantNeedsExpansion, [Some(id), None, None, None])
            }
            Self::EntitlementByResource {
                resource: r,
                entitlement,
            } => (
                Family::EntitlementByResource,
                [
                    Some(&r.resource_type),
                    Some(&r.resource),
                    Some(entitlement),
                    None,
                ],
            ),
            Self::GrantByEntitlement {
                entitlement,
                principal: p,
                grant,
            } => (
                Family::GrantByEntitlement,
                [
                    Some(entitlement),
                    Some(&p.resource_type),
                    Some(&p.resource),
                    Some(grant),
                ],
            ),
            Self::GrantByPrincipal {
                principal: p,
                grant,
            } => (
                Family::GrantByPrincipal,
                [Some(&p.resource_type), Some(&p.resource), Some(grant), None],
            ),
            Self::GrantByPrincipalType {
                principal_type,
                grant,
            } => (
                Family::GrantByPrincipalType,
                [Some(principal_type), Some(grant), None, None],
            ),
            Self::GrantByEntitlementResource { resource: r, grant } => (
                Family::GrantByEntitlementResource,
                [Some(&r.resource_type), Some(&r.resource), Some(grant), None],
            ),
        };
        out.extend_from_slice(family.header());
        out.push(SEPARATOR);
        tuple::encode_into(out, parts.into_iter().flatten().map(|part| &**part));
    }
}
