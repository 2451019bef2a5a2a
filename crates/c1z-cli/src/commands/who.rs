//! `c1z who`: those who hold an entitlement, and whether the source system says so or expansion does.

use c1z::ErrorKind;
use c1z::engine::types::EntitlementRef;
use c1z::engine::{GrantFilter, Reader, Scope};
use c1z_proto::connector::v2::{Grant, Resource};
use c1z_proto::schema::Described;
use clap::Args as ClapArgs;
use serde_json::Value;

use crate::args::{Global, ListArgs};
use crate::failure::Failure;
use crate::file;
use crate::list::{self, Listing, Shape};
use crate::output::fields::Member;
use crate::output::json;
use crate::references::{References, id_of};

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct WhoArgs {
    /// The entitlement's id
    #[arg(value_name = "ENTITLEMENT")]
    entitlement: String,
    #[command(flatten)]
    list: ListArgs,
}

pub(crate) fn run(global: &Global, args: &WhoArgs) -> Result<(), Failure> {
    let store = file::open(global)?;
    let Some(selected) = file::select(global, &store)? else {
        return list::print_empty::<Holders<'_>>(global, &args.list);
    };
    let (reader, scope) = (store.reader(), &selected.scope);
    let entitlement = EntitlementRef::bare(&args.entitlement);
    // A misspelt id must not read as "nobody".
    check_entitlement(reader, scope, &entitlement)?;
    let filter = GrantFilter {
        entitlement: Some(entitlement),
        ..GrantFilter::default()
    };
    let rows = reader.stream_grants(scope, &filter)?;
    let listing = Holders {
        references: References::new(reader, scope, list::needs_json(global, &args.list)),
    };
    let rows = rows.map(|row| Ok(row?.grant));
    list::print(global, &args.list, Some(&selected), listing, rows)
}

/// Refuses an id that the file does not know: one without a record, and that no grant names.
pub(super) fn check_entitlement(
    reader: &dyn Reader,
    scope: &Scope,
    entitlement: &EntitlementRef,
) -> Result<(), Failure> {
    let absent = match reader.get_entitlement(scope, entitlement) {
        Err(error) if error.kind() == ErrorKind::NotFound => error,
        found => return found.map(drop).map_err(Failure::from),
    };
    let filter = GrantFilter {
        entitlement: Some(entitlement.clone()),
        ..GrantFilter::default()
    };
    let Ok(mut rows) = reader.stream_grants(scope, &filter) else {
        return Err(absent.into());
    };
    match rows.next().transpose()? {
        Some(_) => Ok(()),
        None => Err(absent.into()),
    }
}

struct Holders<'a> {
    references: References<'a>,
}

/// Whether the source system told the grant: expansion has not touched it, or found it there.
fn is_direct(grant: &Grant) -> bool {
    let sources = &grant.sources.sources;
    sources.is_empty() || sources.contains_key(&grant.entitlement.id)
}

/// The other entitlements that it comes from, in order.
fn through(grant: &Grant) -> Vec<&str> {
    let sources = grant.sources.sources.keys();
    let mut through: Vec<_> = sources
        .map(String::as_str)
        .filter(|id| *id != grant.entitlement.id)
        .collect();
    through.sort_unstable();
    through
}

impl Listing for Holders<'_> {
    type Row = Grant;

    const SHAPE: Shape = Shape {
        list: "holders",
        row: "holder",
        heads: &["Resource Type", "ID", "Display Name", "Direct", "Through"],
        members: &[
            Member::message("principal", Resource::MESSAGE),
            Member::plain("grantId"),
            Member::plain("direct"),
            Member::plain("through"),
        ],
        csv: &[
            "principal.id.resourceType",
            "principal.id.resource",
            "principal.displayName",
            "direct",
            "through",
            "grantId",
        ],
    };

    fn cells(&mut self, row: &Grant) -> Result<Vec<String>, Failure> {
        let principal = id_of(&row.principal);
        let name = self.references.resource(&principal)?.name.clone();
        let direct = if is_direct(row) { "yes" } else { "no" };
        Ok(vec![
            principal.resource_type,
            principal.resource,
            name,
            direct.to_owned(),
            through(row).join(", "),
        ])
    }

    fn member(&mut self, row: &Grant, name: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
        match name {
            "principal" => {
                let principal = self.references.resource(&id_of(&row.principal))?;
                out.extend_from_slice(&principal.json);
            }
            "grantId" => json::append_text(&row.id, out),
            "direct" => out.extend_from_slice(is_direct(row).to_string().as_bytes()),
            _ => out.extend_from_slice(Value::from(through(row)).to_string().as_bytes()),
        }
        Ok(())
    }
}
