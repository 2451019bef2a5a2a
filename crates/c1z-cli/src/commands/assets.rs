//! `c1z assets`: what a sync brought along besides its records.

use c1z::engine::page::rows_of_pages;
use c1z::engine::reader::AssetInfo;

use crate::args::{AssetGetArgs, AssetsCommand, Global, ListArgs};
use crate::failure::Failure;
use crate::file;
use crate::list::{self, Listing, Shape};
use crate::output::fields::Member;
use crate::output::{json, write_to};

pub(crate) fn run(global: &Global, what: &AssetsCommand) -> Result<(), Failure> {
    match what {
        AssetsCommand::List(args) => list_all(global, args),
        AssetsCommand::Get(args) => get(global, args),
    }
}

fn list_all(global: &Global, args: &ListArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let selected = file::select(global, &store)?;
    let rows = selected.iter().flat_map(|selected| {
        rows_of_pages(|page| store.reader().list_assets(&selected.scope, page))
    });
    let rows = rows.map(|row| row.map_err(Failure::from));
    list::print(global, args, selected.as_ref(), Assets, rows)
}

fn get(global: &Global, args: &AssetGetArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let Some(selected) = file::select(global, &store)? else {
        let id = &args.id;
        return Err(c1z::Error::not_found(format!("asset not found: id=`{id}`")).into());
    };
    let mut asset = store.reader().get_asset(&selected.scope, &args.id)?;
    write_to(&global.file, &args.out, &mut asset.data)
}

struct Assets;

impl Listing for Assets {
    type Row = AssetInfo;

    const SHAPE: Shape = Shape {
        list: "assets",
        row: "asset",
        heads: &["ID", "Content Type", "Size"],
        members: &[
            Member::plain("id"),
            Member::plain("contentType"),
            Member::plain("size"),
        ],
        csv: &["id", "contentType", "size"],
    };

    fn cells(&mut self, row: &AssetInfo) -> Result<Vec<String>, Failure> {
        Ok(vec![
            row.id.clone(),
            row.content_type.clone(),
            row.len.to_string(),
        ])
    }

    fn member(&mut self, row: &AssetInfo, name: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
        match name {
            "id" => json::append_text(&row.id, out),
            "contentType" => json::append_text(&row.content_type, out),
            _ => json::append_text(&row.len.to_string(), out),
        }
        Ok(())
    }
}
