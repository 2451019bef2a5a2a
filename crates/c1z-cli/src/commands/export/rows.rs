//! The rows of `export csv` and `export xlsx` (`store-contract` §10).
//!
//! | kind | rows |
//! |---|---|
//! | `Identity` | resources with a user trait, of the types that are types of users |
//! | `Entitlement` | all entitlements |
//! | `Grant` | grants of resources with a user trait |
//!
//! Identities come type by type, in byte order of the types' ids; otherwise the order inside a kind
//! is that in which the file lists them: by identity in v3 files, by rows or an index in v1 files.
//! So everything streams, and one file always gives the same rows in the same order.
//!
//! # Complexity
//! Linear in the rows. An entitlement's resource, and a grant's entitlement and principal, are
//! point reads unless they were looked up lately: v3 files list grants by entitlement, so the
//! former cost one read an entitlement; the latter cost one read a user while the users fit into
//! the memory that is kept for them (about 100,000 users in 32 MiB, an eighth of `--memory`), and
//! up to one a grant beyond.

use std::rc::Rc;

use c1z::ErrorKind;
use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{EntitlementFilter, GrantFilter, PageRequest, Reader, ResourceFilter, Scope};
use c1z_proto::connector::v2::resource_type::Trait;
use c1z_proto::connector::v2::{Entitlement, Grant};

use super::kept::Kept;
use super::user::User;
use crate::failure::Failure;
use crate::file::Selected;
use crate::references::{id_of, resource_of};

/// The heads of the columns.
pub(super) const COLUMNS: [&str; 12] = [
    "Type",
    "Last Name",
    "First Name",
    "User ID",
    "User Status",
    "Email Address",
    "Entitlement Display Name",
    "Entitlement",
    "Resource Type",
    "Resource Name",
    "Entitlement Description",
    "Entitlement Slug",
];

/// Takes the cells of one row.
type Take<'t> = dyn FnMut(&[&str; 12]) -> Result<(), Failure> + 't;

/// Walks the rows of one sync.
pub(super) struct Rows<'a> {
    reader: &'a dyn Reader,
    scope: Option<&'a Scope>,
    names: Kept<ResourceRef, String>,
    entitlements: Kept<EntitlementRef, Entitled>,
    principals: Kept<ResourceRef, Principal>,
}

/// What a row tells of an entitlement.
struct Entitled {
    entitlement: Entitlement,
    resource_name: Rc<String>,
}

/// What is known of who holds a grant.
enum Principal {
    User(User),
    /// A group, say.
    Other,
    /// The file does not hold it.
    Absent,
}

impl<'a> Rows<'a> {
    /// The rows of a sync; none of nothing. What was looked up is kept within `memory` bytes.
    pub(super) fn new(reader: &'a dyn Reader, selected: Option<&'a Selected>, memory: u64) -> Self {
        Self {
            reader,
            scope: selected.map(|selected| &selected.scope),
            names: Kept::within(memory / 8),
            entitlements: Kept::within(memory / 4),
            principals: Kept::within(memory / 2),
        }
    }

    /// Gives every row to `take`. Returns how many grants are left out because the file does not
    /// hold their principals.
    pub(super) fn each(mut self, take: &mut Take<'_>) -> Result<u64, Failure> {
        let Some(scope) = self.scope else {
            return Ok(0);
        };
        self.identities(scope, take)?;
        self.entitlements(scope, take)?;
        self.grants(scope, take)
    }

    fn identities(&mut self, scope: &Scope, take: &mut Take<'_>) -> Result<(), Failure> {
        for resource_type in self.user_types(scope)? {
            let filter = ResourceFilter {
                resource_type,
                ..ResourceFilter::default()
            };
            for resource in self.reader.stream_resources(scope, &filter)? {
                if let Some(user) = User::of(&resource?)? {
                    take(&row("Identity", &user, user.status, None))?;
                }
            }
        }
        Ok(())
    }

    /// Ids of the types of users, in byte order.
    fn user_types(&self, scope: &Scope) -> Result<Vec<String>, Failure> {
        let mut ids = Vec::new();
        let mut request = Some(PageRequest::default());
        while let Some(page) = request {
            let page = self.reader.list_resource_types(scope, &page)?;
            request = PageRequest::after(0, &page);
            let is_user = |traits: &[buffa::EnumValue<Trait>]| {
                let mut known = traits.iter().filter_map(buffa::EnumValue::as_known);
                known.any(|known| known == Trait::TRAIT_USER)
            };
            let users = page.rows.into_iter().filter(|row| is_user(&row.traits));
            ids.extend(users.map(|row| row.id).filter(|id| !id.is_empty()));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    fn entitlements(&mut self, scope: &Scope, take: &mut Take<'_>) -> Result<(), Failure> {
        let nobody = User::default();
        let rows = self
            .reader
            .stream_entitlements(scope, &EntitlementFilter::default())?;
        for entitlement in rows {
            let entitled = self.entitled(scope, entitlement?)?;
            take(&row("Entitlement", &nobody, "", Some(&entitled)))?;
        }
        Ok(())
    }

    fn grants(&mut self, scope: &Scope, take: &mut Take<'_>) -> Result<u64, Failure> {
        let mut left_out = 0;
        let rows = self.reader.stream_grants(scope, &GrantFilter::default())?;
        for grant in rows {
            let grant = grant?.grant;
            let principal = self.principal(scope, id_of(&grant.principal))?;
            match &*principal {
                Principal::User(user) => {
                    let entitled = self.entitled_of(scope, grant)?;
                    take(&row("Grant", user, "", Some(&entitled)))?;
                }
                Principal::Other => {}
                Principal::Absent => left_out += 1,
            }
        }
        Ok(left_out)
    }

    fn principal(&mut self, scope: &Scope, id: ResourceRef) -> Result<Rc<Principal>, Failure> {
        let reader = self.reader;
        self.principals.get_or_load(id, |id| {
            let len = id.resource_type.len() + id.resource.len();
            let found = absent_as_none(reader.get_resource(scope, id), is_partial(id))?;
            Ok(match found.as_ref().map(User::of).transpose()? {
                Some(Some(user)) => {
                    let len = len + user.len();
                    (Principal::User(user), len)
                }
                Some(None) => (Principal::Other, len),
                None => (Principal::Absent, len),
            })
        })
    }

    /// What is told of a grant's entitlement: of that in the file, or else of that in the grant.
    fn entitled_of(&mut self, scope: &Scope, grant: Grant) -> Result<Rc<Entitled>, Failure> {
        let mut embedded = grant.entitlement.into_option().unwrap_or_default();
        let on = resource_of(&embedded);
        let id = EntitlementRef {
            id: embedded.id.clone(),
            resource: Some(on.clone()).filter(|on| !is_partial(on)),
        };
        let (reader, names) = (self.reader, &mut self.names);
        self.entitlements.get_or_load(id, |id| {
            let partial = id.id.is_empty();
            let found = absent_as_none(reader.get_entitlement(scope, id), partial)?;
            let entitlement = found.unwrap_or_else(|| std::mem::take(&mut embedded));
            let entitled = entitled(reader, names, scope, entitlement)?;
            let len = id.id.len() + on.resource.len() + entitled.len();
            Ok((entitled, len))
        })
    }

    fn entitled(&mut self, scope: &Scope, entitlement: Entitlement) -> Result<Entitled, Failure> {
        entitled(self.reader, &mut self.names, scope, entitlement)
    }
}

fn entitled(
    reader: &dyn Reader,
    names: &mut Kept<ResourceRef, String>,
    scope: &Scope,
    mut entitlement: Entitlement,
) -> Result<Entitled, Failure> {
    let embedded = entitlement
        .resource
        .as_option_mut()
        .map(|resource| std::mem::take(&mut resource.display_name));
    let on = resource_of(&entitlement);
    let resource_name = names.get_or_load(on, |on| {
        let found = absent_as_none(reader.get_resource(scope, on), is_partial(on))?;
        let name = found.map(|resource| resource.display_name).or(embedded);
        let name = name.unwrap_or_default();
        let len = on.resource_type.len() + on.resource.len() + name.len();
        Ok((name, len))
    })?;
    // Never shown, and may be long.
    entitlement.annotations.clear();
    entitlement.grantable_to.clear();
    Ok(Entitled {
        entitlement,
        resource_name,
    })
}

impl Entitled {
    /// Bytes that it holds.
    fn len(&self) -> usize {
        let e = &self.entitlement;
        e.id.len() + e.display_name.len() + e.description.len() + e.slug.len() + size_of::<Self>()
    }
}

/// The cells of a row.
fn row<'r>(
    kind: &'r str,
    user: &'r User,
    status: &'r str,
    entitled: Option<&'r Entitled>,
) -> [&'r str; 12] {
    let head = [
        kind,
        user.last_name.as_str(),
        &user.first_name,
        &user.id,
        status,
        &user.email,
    ];
    let mut cells = [""; 12];
    let tail = entitled.map(|of| {
        let e = &of.entitlement;
        [
            e.display_name.as_str(),
            &e.id,
            &e.resource.id.resource_type,
            &of.resource_name,
            &e.description,
            &e.slug,
        ]
    });
    let all = head.into_iter().chain(tail.into_iter().flatten());
    for (cell, text) in cells.iter_mut().zip(all) {
        *cell = text;
    }
    cells
}

fn is_partial(id: &ResourceRef) -> bool {
    id.resource.is_empty() || id.resource_type.is_empty()
}

/// A reference that names nothing complete cannot be looked up: what it names is not in the file.
fn absent_as_none<T>(found: c1z::Result<T>, partial: bool) -> Result<Option<T>, Failure> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound || partial => Ok(None),
        Err(error) => Err(error.into()),
    }
}
