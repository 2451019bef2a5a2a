//! `c1z grants`.

use c1z::engine::GrantFilter;
use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z_proto::connector::v2::{Entitlement, Grant, Resource, ResourceType};
use c1z_proto::schema::Described;

use crate::args::{Global, GrantsArgs};
use crate::failure::Failure;
use crate::file;
use crate::list::{self, Listing, Shape};
use crate::output::Json;
use crate::output::fields::Member;
use crate::references::{References, id_of, resource_of};

pub(crate) fn run(global: &Global, args: &GrantsArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let Some(selected) = file::select(global, &store)? else {
        return list::print_empty::<Grants<'_>>(global, &args.list);
    };
    let filter = GrantFilter {
        principal_resource_type: args.principal_type.clone().unwrap_or_default(),
        ..entitlement_filter(
            args.resource_type.as_deref(),
            args.resource.as_deref(),
            args.entitlement.as_deref(),
        )
    };
    let filter = match (&args.principal_type, &args.principal) {
        (Some(resource_type), Some(principal)) => GrantFilter {
            principal_resource_type: String::new(),
            principal: Some(ResourceRef::new(resource_type, principal)),
            ..filter
        },
        _ => filter,
    };
    let rows = store.reader().stream_grants(&selected.scope, &filter)?;
    let references = References::new(
        store.reader(),
        &selected.scope,
        list::needs_json(global, &args.list),
    );
    let listing = Grants {
        references,
        json: Json::new(),
    };
    let rows = rows.map(|row| Ok(row?.grant));
    list::print(global, &args.list, Some(&selected), listing, rows)
}

/// Grants of what `-t`, `-r` and `-e` name. A resource narrows more than its type, so it comes
/// first.
pub(super) fn entitlement_filter(
    resource_type: Option<&str>,
    resource: Option<&str>,
    entitlement: Option<&str>,
) -> GrantFilter {
    let resource_type = resource_type.unwrap_or_default();
    match resource {
        Some(resource) => GrantFilter {
            entitlement_resource: Some(ResourceRef::new(resource_type, resource)),
            ..GrantFilter::default()
        },
        None => GrantFilter {
            entitlement_resource_type: resource_type.to_owned(),
            entitlement: entitlement.map(EntitlementRef::bare),
            ..GrantFilter::default()
        },
    }
}

/// The entitlement that a grant names, with its resource.
pub(super) fn entitlement_of(row: &Grant) -> EntitlementRef {
    EntitlementRef {
        id: row.entitlement.id.clone(),
        resource: Some(resource_of(&row.entitlement)),
    }
}

struct Grants<'a> {
    references: References<'a>,
    json: Json,
}

impl Listing for Grants<'_> {
    type Row = Grant;

    const SHAPE: Shape = Shape {
        list: "grants",
        row: "grant",
        heads: &[
            "ID",
            "Resource Type",
            "Resource",
            "Entitlement",
            "Principal",
        ],
        members: &[
            Member::message("grant", Grant::MESSAGE),
            Member::message("entitlement", Entitlement::MESSAGE),
            Member::message("resource", Resource::MESSAGE),
            Member::message("resourceType", ResourceType::MESSAGE),
            Member::message("principal", Resource::MESSAGE),
        ],
        csv: &[
            "grant.id",
            "entitlement.id",
            "entitlement.displayName",
            "resource.id.resourceType",
            "resource.id.resource",
            "resource.displayName",
            "principal.id.resourceType",
            "principal.id.resource",
            "principal.displayName",
        ],
    };

    fn cells(&mut self, row: &Grant) -> Result<Vec<String>, Failure> {
        let resource = resource_of(&row.entitlement);
        let resource_type = self.references.resource_type(&resource.resource_type)?;
        let entitlement = self.references.entitlement(&entitlement_of(row))?;
        let principal = self.references.resource(&id_of(&row.principal))?;
        Ok(vec![
            row.id.clone(),
            resource_type.name.clone(),
            self.references.resource(&resource)?.name.clone(),
            entitlement.name.clone(),
            principal.name.clone(),
        ])
    }

    fn member(&mut self, row: &Grant, name: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
        let references = &mut self.references;
        let object = match name {
            "grant" => return self.json.append(row, out),
            "entitlement" => references.entitlement(&entitlement_of(row))?,
            "resource" => references.resource(&resource_of(&row.entitlement))?,
            "resourceType" => {
                references.resource_type(&row.entitlement.resource.id.resource_type)?
            }
            _ => references.resource(&id_of(&row.principal))?,
        };
        out.extend_from_slice(&object.json);
        Ok(())
    }
}
