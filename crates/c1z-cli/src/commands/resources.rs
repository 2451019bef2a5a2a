//! `c1z resources`, and the shape of every list of resources.

use c1z::engine::ResourceFilter;
use c1z::engine::types::ResourceRef;
use c1z_proto::connector::v2::{Resource, ResourceType};
use c1z_proto::schema::Described;

use crate::args::{Global, ResourcesArgs};
use crate::failure::Failure;
use crate::file;
use crate::list::{self, Listing, Shape};
use crate::output::Json;
use crate::output::fields::Member;
use crate::references::{References, id_of};

pub(crate) fn run(global: &Global, args: &ResourcesArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let Some(selected) = file::select(global, &store)? else {
        return list::print_empty::<Resources<'_>>(global, &args.list);
    };
    let filter = ResourceFilter {
        resource_type: args.resource_type.clone().unwrap_or_default(),
        parent: None,
    };
    let rows = store.reader().stream_resources(&selected.scope, &filter)?;
    let references = References::new(
        store.reader(),
        &selected.scope,
        list::needs_json(global, &args.list),
    );
    let listing = Resources::new(references);
    let rows = rows.map(|row| row.map_err(Failure::from));
    list::print(global, &args.list, Some(&selected), listing, rows)
}

/// Resources with their types and parents.
pub(crate) struct Resources<'a> {
    references: References<'a>,
    json: Json,
}

impl<'a> Resources<'a> {
    pub(crate) fn new(references: References<'a>) -> Self {
        Self {
            references,
            json: Json::new(),
        }
    }
}

impl Listing for Resources<'_> {
    type Row = Resource;

    const SHAPE: Shape = Shape {
        list: "resources",
        row: "resource",
        heads: &["ID", "Display Name", "Resource Type", "Parent Resource"],
        members: &[
            Member::message("resource", Resource::MESSAGE),
            Member::message("resourceType", ResourceType::MESSAGE),
            Member::message("parent", Resource::MESSAGE),
        ],
        csv: &[
            "resource.id.resourceType",
            "resource.id.resource",
            "resource.displayName",
            "resourceType.displayName",
            "parent.id.resourceType",
            "parent.id.resource",
            "parent.displayName",
        ],
    };

    fn cells(&mut self, row: &Resource) -> Result<Vec<String>, Failure> {
        let id = id_of(row);
        let resource_type = self.references.resource_type(&id.resource_type)?;
        let parent = match parent_of(row) {
            Some(parent) => {
                let name = &self.references.resource(&parent)?.name;
                format!("{name} ({})", parent.resource_type)
            }
            None => "-".to_owned(),
        };
        Ok(vec![
            id.resource,
            row.display_name.clone(),
            resource_type.name.clone(),
            parent,
        ])
    }

    fn member(&mut self, row: &Resource, name: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
        match name {
            "resource" => self.json.append(row, out)?,
            "resourceType" => {
                let object = self.references.resource_type(&row.id.resource_type)?;
                out.extend_from_slice(&object.json);
            }
            _ => {
                if let Some(parent) = parent_of(row) {
                    out.extend_from_slice(&self.references.resource(&parent)?.json);
                }
            }
        }
        Ok(())
    }
}

fn parent_of(row: &Resource) -> Option<ResourceRef> {
    let parent = row.parent_resource_id.as_option()?;
    (!parent.resource.is_empty())
        .then(|| ResourceRef::new(parent.resource_type.clone(), parent.resource.clone()))
}
