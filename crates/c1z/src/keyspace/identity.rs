//! Structural identity: what makes two entitlements, or two grants, one row.
//!
//! Identity comes from structured fields only; a `:`-joined id is never taken apart to decide a key.
//! An entitlement id that begins with `type:resource:` is stored without that beginning and marked
//! *stripped*; any other is stored whole and marked *opaque*. For a given resource the map is a
//! bijection, so the public id comes back byte for byte (`c1z3-keyspace` §4.1, §4.2).

use std::borrow::Cow;

use super::tuple::{self, Part, SEPARATOR};
use crate::hex;
use crate::{Error, Result};

/// How an entitlement id is held in its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdForm {
    /// The tail is the whole id.
    Opaque,
    /// The tail is the id without its leading `type:resource:`.
    Stripped,
}

impl IdForm {
    /// The component that stands for the form.
    pub const fn component(self) -> &'static [u8] {
        match self {
            IdForm::Opaque => b"0",
            IdForm::Stripped => b"1",
        }
    }

    pub(crate) fn from_component(component: &[u8], offset: usize) -> Result<Self> {
        match component {
            b"0" => Ok(IdForm::Opaque),
            b"1" => Ok(IdForm::Stripped),
            other => Err(Error::data_loss(
                "entitlement identity",
                offset as u64,
                "flag 30 or 31",
                hex::short(other),
            )),
        }
    }
}

/// Identity of an entitlement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntitlementIdentity<'a> {
    /// Type of the entitlement's resource.
    pub resource_type: Part<'a>,
    /// Id of the entitlement's resource.
    pub resource: Part<'a>,
    /// How `tail` is to be read.
    pub form: IdForm,
    /// The id, or what remains of it.
    pub tail: Part<'a>,
}

impl<'a> EntitlementIdentity<'a> {
    /// The identity of the entitlement `external_id` on a resource. Borrows its arguments.
    pub fn new<B: AsRef<[u8]> + ?Sized>(
        resource_type: &'a B,
        resource: &'a B,
        external_id: &'a B,
    ) -> Self {
        let (resource_type, resource) = (resource_type.as_ref(), resource.as_ref());
        let external_id = external_id.as_ref();
        let stripped = strip_prefix(external_id, resource_type, resource);
        Self {
            resource_type: Cow::Borrowed(resource_type),
            resource: Cow::Borrowed(resource),
            form: match stripped {
                Some(_) => IdForm::Stripped,
                None => IdForm::Opaque,
            },
            tail: Cow::Borrowed(stripped.unwrap_or(external_id)),
        }
    }

    /// The public id.
    pub fn external_id(&self) -> Part<'_> {
        match self.form {
            IdForm::Opaque => Cow::Borrowed(&self.tail),
            IdForm::Stripped => {
                Cow::Owned([&*self.resource_type, &*self.resource, &*self.tail].join(&b':'))
            }
        }
    }

    /// Whether [`EntitlementIdentity::new`] would give this identity back for its own public id.
    /// An opaque id that begins like a stripped one is not canonical: readers derive the key from
    /// the fields and would miss such a row.
    pub fn is_canonical(&self) -> bool {
        self.form == IdForm::Stripped
            || strip_prefix(&self.tail, &self.resource_type, &self.resource).is_none()
    }

    /// Appends the four components, escaped. These bytes are also the grant digest *partition*.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        tuple::encode_into(
            out,
            [
                &*self.resource_type,
                &*self.resource,
                self.form.component(),
                &*self.tail,
            ],
        );
    }

    /// Reads what [`EntitlementIdentity::encode_into`] wrote.
    pub fn decode(partition: &'a [u8]) -> Result<Self> {
        let parts = tuple::decode("entitlement identity", partition, 0)?;
        Self::from_parts(parts, 0)
    }

    pub(crate) fn from_parts(parts: [Part<'a>; 4], offset: usize) -> Result<Self> {
        let [resource_type, resource, flag, tail] = parts;
        Ok(Self {
            form: IdForm::from_component(&flag, offset)?,
            resource_type,
            resource,
            tail,
        })
    }

    /// Fails when a part is empty that a writer must know.
    ///
    /// # Errors
    /// Invalid argument, naming the missing field.
    pub fn check_complete(&self) -> Result<()> {
        require("entitlement", "resource type", &self.resource_type)?;
        require("entitlement", "resource id", &self.resource)
    }

    /// A copy that owns its parts.
    pub fn into_owned(self) -> EntitlementIdentity<'static> {
        EntitlementIdentity {
            resource_type: Cow::Owned(self.resource_type.into_owned()),
            resource: Cow::Owned(self.resource.into_owned()),
            form: self.form,
            tail: Cow::Owned(self.tail.into_owned()),
        }
    }
}

/// Identity of a grant: who holds what. The grant's own id is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantIdentity<'a> {
    /// What is granted.
    pub entitlement: EntitlementIdentity<'a>,
    /// Type of the resource that holds the grant.
    pub principal_type: Part<'a>,
    /// Id of the resource that holds the grant.
    pub principal: Part<'a>,
}

impl<'a> GrantIdentity<'a> {
    /// The identity of the grant of `entitlement` to a principal. Borrows its arguments.
    pub fn new<B: AsRef<[u8]> + ?Sized>(
        entitlement: EntitlementIdentity<'a>,
        principal_type: &'a B,
        principal: &'a B,
    ) -> Self {
        Self {
            entitlement,
            principal_type: Cow::Borrowed(principal_type.as_ref()),
            principal: Cow::Borrowed(principal.as_ref()),
        }
    }

    /// The public id of a grant whose row stores none: `entitlement:principal type:principal`.
    pub fn concatenated_id(&self) -> Vec<u8> {
        let entitlement = self.entitlement.external_id();
        [&*entitlement, &*self.principal_type, &*self.principal].join(&b':')
    }

    /// Appends the six components, escaped: the tail of the grant's key.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        self.entitlement.encode_into(out);
        out.push(SEPARATOR);
        self.encode_principal_into(out);
    }

    /// Appends the two components of the principal, escaped.
    pub fn encode_principal_into(&self, out: &mut Vec<u8>) {
        tuple::encode_into(out, [&*self.principal_type, &*self.principal]);
    }

    pub(crate) fn from_parts(
        entitlement: [Part<'a>; 4],
        principal: [Part<'a>; 2],
        offset: usize,
    ) -> Result<Self> {
        let [principal_type, principal] = principal;
        Ok(Self {
            entitlement: EntitlementIdentity::from_parts(entitlement, offset)?,
            principal_type,
            principal,
        })
    }

    /// Fails when a part is empty that a writer must know.
    ///
    /// # Errors
    /// Invalid argument, naming the missing field.
    pub fn check_complete(&self) -> Result<()> {
        let entitlement = &self.entitlement;
        require(
            "grant",
            "entitlement resource type",
            &entitlement.resource_type,
        )?;
        require("grant", "entitlement resource id", &entitlement.resource)?;
        if entitlement.form == IdForm::Opaque {
            require("grant", "entitlement id", &entitlement.tail)?;
        }
        require("grant", "principal type", &self.principal_type)?;
        require("grant", "principal id", &self.principal)
    }

    /// A copy that owns its parts.
    pub fn into_owned(self) -> GrantIdentity<'static> {
        GrantIdentity {
            entitlement: self.entitlement.into_owned(),
            principal_type: Cow::Owned(self.principal_type.into_owned()),
            principal: Cow::Owned(self.principal.into_owned()),
        }
    }
}

fn strip_prefix<'e>(
    external_id: &'e [u8],
    resource_type: &[u8],
    resource: &[u8],
) -> Option<&'e [u8]> {
    external_id
        .strip_prefix(resource_type)?
        .strip_prefix(b":")?
        .strip_prefix(resource)?
        .strip_prefix(b":")
}

fn require(kind: &str, field: &str, value: &[u8]) -> Result<()> {
    if value.is_empty() {
        return Err(Error::invalid(format!("{kind} without {field}")));
    }
    Ok(())
}
