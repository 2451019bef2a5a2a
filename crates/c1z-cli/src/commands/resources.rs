//! `c1z resources`.

use std::io::Write;

use c1z::Store;
use c1z::engine::ResourceFilter;
use c1z::engine::types::ResourceRef;
use c1z_proto::connector::v2::Resource;

use super::stdout;
use crate::args::{Format, Global, ResourcesArgs};
use crate::failure::Failure;
use crate::file::{self, Selected};
use crate::output::{Json, Rows, Table};
use crate::references::{References, id_of};

pub(crate) fn run(global: &Global, args: &ResourcesArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let selected = file::select(global, &store)?;
    let filter = ResourceFilter {
        resource_type: args.resource_type.clone().unwrap_or_default(),
        parent: None,
    };
    if global.format == Format::Console {
        let heads = ["ID", "Display Name", "Resource Type", "Parent Resource"];
        let mut table = Table::new(stdout(), &heads);
        for_each(
            &store,
            selected.as_ref(),
            &filter,
            false,
            |row, references| print_row(&mut table, row, references),
        )?;
        return Ok(table.finish()?);
    }
    let mut rows = Rows::begin(
        stdout(),
        global.format,
        "resources",
        "resource",
        selected.as_ref(),
    )?;
    let (mut json, mut resource) = (Json::new(), Vec::new());
    for_each(
        &store,
        selected.as_ref(),
        &filter,
        true,
        |row, references| {
            let resource_type = references.resource_type(&id_of(&row).resource_type)?;
            let parent = parent_of(&row)
                .map(|parent| references.resource(&parent))
                .transpose()?;
            json.render_into(&row, &mut resource)?;
            let mut members = vec![
                ("resource", &*resource),
                ("resourceType", &*resource_type.json),
            ];
            members.extend(parent.as_ref().map(|parent| ("parent", &*parent.json)));
            rows.row(&members).map_err(Failure::from)
        },
    )?;
    Ok(rows.finish()?)
}

fn for_each(
    store: &Store,
    selected: Option<&Selected>,
    filter: &ResourceFilter,
    render: bool,
    mut print: impl FnMut(Resource, &mut References<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(Selected { scope, .. }) = selected else {
        return Ok(());
    };
    let mut references = References::new(store.reader(), scope, render);
    for row in store.reader().stream_resources(scope, filter)? {
        print(row?, &mut references)?;
    }
    Ok(())
}

fn print_row<W: Write>(
    table: &mut Table<W>,
    row: Resource,
    references: &mut References<'_>,
) -> Result<(), Failure> {
    let id = id_of(&row);
    let resource_type = references.resource_type(&id.resource_type)?;
    let parent = match parent_of(&row) {
        Some(parent) => {
            format!(
                "{} ({})",
                references.resource(&parent)?.name,
                parent.resource_type
            )
        }
        None => "-".to_owned(),
    };
    table.row(vec![
        id.resource,
        row.display_name,
        resource_type.name.clone(),
        parent,
    ])?;
    Ok(())
}

fn parent_of(row: &Resource) -> Option<ResourceRef> {
    let parent = row.parent_resource_id.as_option()?;
    (!parent.resource.is_empty())
        .then(|| ResourceRef::new(parent.resource_type.clone(), parent.resource.clone()))
}
