//! `c1z grants`.

use c1z::Store;
use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{GrantFilter, Reader};
use c1z_proto::connector::v2::Grant;

use super::stdout;
use crate::args::{Format, Global, GrantsArgs};
use crate::failure::Failure;
use crate::file::{self, Selected};
use crate::output::{Json, Rows, Table};
use crate::references::{References, id_of, resource_of};

pub(crate) fn run(global: &Global, args: &GrantsArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let selected = file::select(global, &store)?;
    let filter = filter(args);
    if global.format == Format::Console {
        let heads = [
            "ID",
            "Resource Type",
            "Resource",
            "Entitlement",
            "Principal",
        ];
        let mut table = Table::new(stdout(), &heads);
        for_each(
            &store,
            selected.as_ref(),
            &filter,
            false,
            |row, references| {
                let (entitlement, resource, principal) = refer(&row);
                table.row(vec![
                    row.id,
                    references
                        .resource_type(&resource.resource_type)?
                        .name
                        .clone(),
                    references.resource(&resource)?.name.clone(),
                    references.entitlement(&entitlement)?.name.clone(),
                    references.resource(&principal)?.name.clone(),
                ])?;
                Ok(())
            },
        )?;
        return Ok(table.finish()?);
    }
    let mut rows = Rows::begin(
        stdout(),
        global.format,
        "grants",
        "grant",
        selected.as_ref(),
    )?;
    let (mut json, mut grant) = (Json::new(), Vec::new());
    for_each(
        &store,
        selected.as_ref(),
        &filter,
        true,
        |row, references| {
            let (entitlement, resource, principal) = refer(&row);
            json.render_into(&row, &mut grant)?;
            rows.row(&[
                ("grant", &grant),
                ("entitlement", &references.entitlement(&entitlement)?.json),
                ("resource", &references.resource(&resource)?.json),
                (
                    "resourceType",
                    &references.resource_type(&resource.resource_type)?.json,
                ),
                ("principal", &references.resource(&principal)?.json),
            ])
            .map_err(Failure::from)
        },
    )?;
    Ok(rows.finish()?)
}

/// A resource narrows more than its type, so it comes first.
fn filter(args: &GrantsArgs) -> GrantFilter {
    let resource_type = args.resource_type.clone().unwrap_or_default();
    match (&args.resource, &args.entitlement) {
        (Some(resource), _) => GrantFilter {
            entitlement_resource: Some(ResourceRef::new(resource_type, resource)),
            ..GrantFilter::default()
        },
        (None, entitlement) => GrantFilter {
            entitlement_resource_type: resource_type,
            entitlement: entitlement.as_ref().map(EntitlementRef::bare),
            ..GrantFilter::default()
        },
    }
}

/// What a grant refers to: its entitlement, that one's resource, and the principal.
fn refer(row: &Grant) -> (EntitlementRef, ResourceRef, ResourceRef) {
    let resource = resource_of(&row.entitlement);
    let entitlement = EntitlementRef {
        id: row.entitlement.id.clone(),
        resource: Some(resource.clone()),
    };
    (entitlement, resource, id_of(&row.principal))
}

fn for_each(
    store: &Store,
    selected: Option<&Selected>,
    filter: &GrantFilter,
    render: bool,
    mut print: impl FnMut(Grant, &mut References<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(Selected { scope, .. }) = selected else {
        return Ok(());
    };
    let reader: &dyn Reader = store.reader();
    let mut references = References::new(reader, scope, render);
    for row in reader.stream_grants(scope, filter)? {
        print(row?.grant, &mut references)?;
    }
    Ok(())
}
