//! `c1z entitlements`.

use c1z::Store;
use c1z::engine::EntitlementFilter;
use c1z_proto::connector::v2::Entitlement;

use super::stdout;
use crate::args::{EntitlementsArgs, Format, Global};
use crate::failure::Failure;
use crate::file::{self, Selected};
use crate::output::{Json, Rows, Table};
use crate::references::{References, resource_of};

pub(crate) fn run(global: &Global, args: &EntitlementsArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let selected = file::select(global, &store)?;
    let filter = EntitlementFilter {
        resource_type: args.resource_type.clone().unwrap_or_default(),
        resource: None,
    };
    if global.format == Format::Console {
        let heads = [
            "ID",
            "Display Name",
            "Resource Type",
            "Resource",
            "Permission",
        ];
        let mut table = Table::new(stdout(), &heads);
        for_each(
            &store,
            selected.as_ref(),
            &filter,
            false,
            |row, references| {
                let id = resource_of(&row);
                let resource = references.resource(&id)?.name.clone();
                let resource_type = references.resource_type(&id.resource_type)?.name.clone();
                table.row(vec![
                    row.id,
                    row.display_name,
                    resource_type,
                    resource,
                    row.slug,
                ])?;
                Ok(())
            },
        )?;
        return Ok(table.finish()?);
    }
    let mut rows = Rows::begin(
        stdout(),
        global.format,
        "entitlements",
        "entitlement",
        selected.as_ref(),
    )?;
    let (mut json, mut entitlement) = (Json::new(), Vec::new());
    for_each(
        &store,
        selected.as_ref(),
        &filter,
        true,
        |row, references| {
            let id = resource_of(&row);
            let resource = references.resource(&id)?;
            let resource_type = references.resource_type(&id.resource_type)?;
            json.render_into(&row, &mut entitlement)?;
            rows.row(&[
                ("entitlement", &entitlement),
                ("resource", &resource.json),
                ("resourceType", &resource_type.json),
            ])
            .map_err(Failure::from)
        },
    )?;
    Ok(rows.finish()?)
}

fn for_each(
    store: &Store,
    selected: Option<&Selected>,
    filter: &EntitlementFilter,
    render: bool,
    mut print: impl FnMut(Entitlement, &mut References<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(Selected { scope, .. }) = selected else {
        return Ok(());
    };
    let mut references = References::new(store.reader(), scope, render);
    for row in store.reader().stream_entitlements(scope, filter)? {
        print(row?, &mut references)?;
    }
    Ok(())
}
