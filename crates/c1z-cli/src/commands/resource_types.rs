//! `c1z resource-types`.

use c1z::engine::page::collect_pages;
use c1z_proto::connector::v2::ResourceType;

use super::stdout;
use crate::args::{Format, Global};
use crate::failure::Failure;
use crate::file::{self, Selected};
use crate::output::{Json, Rows, Table, json};

pub(crate) fn run(global: &Global) -> Result<(), Failure> {
    let store = file::open(global)?;
    let selected = file::select(global, &store)?;
    let types = match &selected {
        Some(Selected { scope, .. }) => {
            collect_pages(|page| store.reader().list_resource_types(scope, page))?
        }
        None => Vec::new(),
    };
    match global.format {
        Format::Console => print_table(types),
        _ => print_json(global, selected.as_ref(), &types),
    }
}

fn print_table(types: Vec<ResourceType>) -> Result<(), Failure> {
    let mut table = Table::new(stdout(), &["ID", "Display Name", "Traits"]);
    for row in types {
        let traits: Vec<_> = row.traits.iter().map(json::enum_name).collect();
        table.row(vec![row.id, row.display_name, traits.join(", ")])?;
    }
    Ok(table.finish()?)
}

fn print_json(
    global: &Global,
    selected: Option<&Selected>,
    types: &[ResourceType],
) -> Result<(), Failure> {
    let mut rows = Rows::begin(
        stdout(),
        global.format,
        "resourceTypes",
        "resource_type",
        selected,
    )?;
    let mut json = Json::new();
    for row in types {
        rows.row(&[("resourceType", &json.render(row)?)])?;
    }
    Ok(rows.finish()?)
}
