//! `c1z resource-types`.

use c1z::engine::page::rows_of_pages;
use c1z_proto::connector::v2::ResourceType;
use c1z_proto::schema::Described;

use crate::args::{Global, ListArgs};
use crate::failure::Failure;
use crate::file;
use crate::list::{self, Listing, Shape};
use crate::output::fields::Member;
use crate::output::{Json, json};

pub(crate) fn run(global: &Global, args: &ListArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let selected = file::select(global, &store)?;
    let rows = selected.iter().flat_map(|selected| {
        rows_of_pages(|page| store.reader().list_resource_types(&selected.scope, page))
    });
    let rows = rows.map(|row| row.map_err(Failure::from));
    list::print(
        global,
        args,
        selected.as_ref(),
        ResourceTypes(Json::new()),
        rows,
    )
}

struct ResourceTypes(Json);

impl Listing for ResourceTypes {
    type Row = ResourceType;

    const SHAPE: Shape = Shape {
        list: "resourceTypes",
        row: "resource_type",
        heads: &["ID", "Display Name", "Traits"],
        members: &[Member::message("resourceType", ResourceType::MESSAGE)],
        csv: &[
            "resourceType.id",
            "resourceType.displayName",
            "resourceType.traits",
        ],
    };

    fn cells(&mut self, row: &ResourceType) -> Result<Vec<String>, Failure> {
        let traits: Vec<_> = row.traits.iter().map(json::enum_name).collect();
        Ok(vec![
            row.id.clone(),
            row.display_name.clone(),
            traits.join(", "),
        ])
    }

    fn member(&mut self, row: &ResourceType, _: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.0.append(row, out)
    }
}
