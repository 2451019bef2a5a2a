//! `c1z entitlements`.

use c1z::engine::EntitlementFilter;
use c1z_proto::connector::v2::{Entitlement, Resource, ResourceType};
use c1z_proto::schema::Described;

use crate::args::{EntitlementsArgs, Global};
use crate::failure::Failure;
use crate::file;
use crate::list::{self, Listing, Shape};
use crate::output::Json;
use crate::output::fields::Member;
use crate::references::{References, resource_of};

pub(crate) fn run(global: &Global, args: &EntitlementsArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let Some(selected) = file::select(global, &store)? else {
        return list::print_empty::<Entitlements<'_>>(global, &args.list);
    };
    let of_type = args.resource_type.as_deref().unwrap_or_default();
    // The columns of a v1 row that was written again name the resource that it was on first, so the
    // records are asked, as Go does; keys of v3 files follow the records.
    let indexed = if store.sqlite().is_some() {
        ""
    } else {
        of_type
    };
    let filter = EntitlementFilter {
        resource_type: indexed.to_owned(),
        resource: None,
    };
    let rows = store
        .reader()
        .stream_entitlements(&selected.scope, &filter)?
        .filter(|row| {
            let is = |row: &Entitlement| row.resource.id.resource_type == of_type;
            of_type.is_empty() || row.as_ref().map_or(true, is)
        });
    let references = References::new(
        store.reader(),
        &selected.scope,
        list::needs_json(global, &args.list),
    );
    let listing = Entitlements {
        references,
        json: Json::new(),
    };
    let rows = rows.map(|row| row.map_err(Failure::from));
    list::print(global, &args.list, Some(&selected), listing, rows)
}

struct Entitlements<'a> {
    references: References<'a>,
    json: Json,
}

impl Listing for Entitlements<'_> {
    type Row = Entitlement;

    const SHAPE: Shape = Shape {
        list: "entitlements",
        row: "entitlement",
        heads: &[
            "ID",
            "Display Name",
            "Resource Type",
            "Resource",
            "Permission",
        ],
        members: &[
            Member::message("entitlement", Entitlement::MESSAGE),
            Member::message("resource", Resource::MESSAGE),
            Member::message("resourceType", ResourceType::MESSAGE),
        ],
        csv: &[
            "entitlement.id",
            "entitlement.displayName",
            "entitlement.slug",
            "resource.id.resourceType",
            "resource.id.resource",
            "resource.displayName",
        ],
    };

    fn cells(&mut self, row: &Entitlement) -> Result<Vec<String>, Failure> {
        let id = resource_of(row);
        let resource_type = self.references.resource_type(&id.resource_type)?;
        let resource = self.references.resource(&id)?;
        Ok(vec![
            row.id.clone(),
            row.display_name.clone(),
            resource_type.name.clone(),
            resource.name.clone(),
            row.slug.clone(),
        ])
    }

    fn member(&mut self, row: &Entitlement, name: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
        let id = resource_of(row);
        let object = match name {
            "entitlement" => return self.json.append(row, out),
            "resource" => self.references.resource(&id)?,
            _ => self.references.resource_type(&id.resource_type)?,
        };
        out.extend_from_slice(&object.json);
        Ok(())
    }
}
