//! `c1z principals`: who holds grants, each once, in the order in which grants name them.

mod compare;
mod distinct;
mod matching;

use c1z::ErrorKind;
use c1z::engine::page::rows_of_pages;
use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{Reader, Scope};
use c1z_proto::connector::v2::Resource;

use self::distinct::Distinct;
use super::grants::entitlement_filter;
use super::resources::Resources;
use crate::args::{Global, PrincipalsArgs, PrincipalsCommand};
use crate::failure::Failure;
use crate::file;
use crate::list;
use crate::memory::Shares;
use crate::references::{References, id_of, missing_resource};

pub(crate) fn run(global: &Global, args: &PrincipalsArgs) -> Result<(), Failure> {
    if let Some(PrincipalsCommand::Compare(args)) = &args.command {
        return compare::run(global, args);
    }
    let shares = Shares::for_files(global, 1);
    let store = file::open_within(global, &global.file, shares.file)?;
    let Some(selected) = file::select(global, &store)? else {
        return list::print_empty::<Resources<'_>>(global, &args.list);
    };
    let (reader, scope) = (store.reader(), &selected.scope);
    let references = References::new(reader, scope, list::needs_json(global, &args.list));
    let listing = Resources::new(references);
    if let Some(entitlement) = &args.entitlement {
        let rows = holders(reader, scope, entitlement);
        return list::print(global, &args.list, Some(&selected), listing, rows);
    }
    let filter = entitlement_filter(
        args.resource_type.as_deref(),
        args.resource.as_deref(),
        None,
    );
    let mut distinct = Distinct::new(&shares.own());
    let grants = reader.stream_grants(scope, &filter)?;
    let new = grants.filter_map(|row| {
        let principal = match row {
            Ok(row) => id_of(&row.grant.principal),
            Err(error) => return Some(Err(error)),
        };
        match distinct.is_new(&principal) {
            Ok(new) => new.then_some(Ok(principal)),
            Err(error) => Some(Err(error)),
        }
    });
    let rows = new.map(|principal| resource_or_missing(reader, scope, &principal?));
    list::print(global, &args.list, Some(&selected), listing, rows)
}

/// Who holds an entitlement.
fn holders<'a>(
    reader: &'a dyn Reader,
    scope: &'a Scope,
    entitlement: &str,
) -> impl Iterator<Item = Result<Resource, Failure>> + 'a {
    let entitlement = EntitlementRef::bare(entitlement);
    let ids = rows_of_pages(move |page| {
        reader.list_principals_for_entitlement(scope, &entitlement, page)
    });
    ids.map(move |id| resource_or_missing(reader, scope, &id?))
}

/// A resource, or what says that the file does not hold it.
fn resource_or_missing(
    reader: &dyn Reader,
    scope: &Scope,
    id: &ResourceRef,
) -> Result<Resource, Failure> {
    match reader.get_resource(scope, id) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(missing_resource(id)),
        found => Ok(found?),
    }
}
