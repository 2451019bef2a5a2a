//! `c1z access`: everything that one principal has access to, by the index over principals.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{GrantFilter, Reader};
use c1z::{Error, ErrorKind};

use super::grants::entitlement_of;
use super::refuse_csv;
use crate::args::{AccessArgs, Format, Global};
use crate::failure::Failure;
use crate::file::{self, Selected};
use crate::memory::{Shares, Tally};
use crate::output::{Counted, Rows, data, printable, stdout};
use crate::references::{References, resource_of};

pub(crate) fn run(global: &Global, args: &AccessArgs) -> Result<(), Failure> {
    if global.format == Format::Csv {
        refuse_csv(
            global,
            "access; use `c1z grants --principal-type .. --principal ..`",
        )?;
    }
    let shares = Shares::for_files(global, 1);
    let store = file::open_within(global, &global.file, shares.file)?;
    let principal = ResourceRef::new(&args.resource_type, &args.resource);
    let Some(selected) = file::select(global, &store)? else {
        return Err(absent(&principal));
    };
    let reader = store.reader();
    let mut tally = Tally::new(&shares.own(), "access of one principal");
    let access = collect(reader, &selected, &principal, &mut tally)?;
    if access.is_empty() {
        // Nothing at all is an answer only for somebody whom the file knows.
        match reader.get_resource(&selected.scope, &principal) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(absent(&principal)),
            found => found?,
        };
    }
    let render = global.format != Format::Console;
    let references = References::new(reader, &selected.scope, render);
    match global.format {
        Format::Console => print_tree(&principal, &access, references),
        Format::Ndjson => print_lines(&selected, &access, references),
        Format::Json | Format::Csv => print_document(&principal, &access, references),
    }
}

fn absent(principal: &ResourceRef) -> Failure {
    let message = format!("the file knows no principal `{principal}`");
    let hint = "`c1z principals` lists those who hold grants";
    Failure::Library(Error::not_found(message).with_hint(hint))
}

/// Entitlements by resource, in the order in which grants name them. Ids only, and within the
/// budget.
#[derive(Debug, Default)]
struct Access {
    resources: Vec<(ResourceRef, Vec<EntitlementRef>)>,
}

impl Access {
    fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }
}

fn collect(
    reader: &dyn Reader,
    selected: &Selected,
    principal: &ResourceRef,
    tally: &mut Tally,
) -> Result<Access, Failure> {
    let filter = GrantFilter {
        principal: Some(principal.clone()),
        ..GrantFilter::default()
    };
    let mut access = Access::default();
    let mut places = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut progress = Counted::new();
    for row in reader.stream_grants(&selected.scope, &filter)? {
        let grant = row?.grant;
        progress.row();
        let entitlement = entitlement_of(&grant);
        if !seen.insert(entitlement.clone()) {
            continue;
        }
        let resource = resource_of(&grant.entitlement);
        let ids = entitlement.id.len() + resource.resource_type.len() + resource.resource.len();
        tally.add(4 * ids + 400)?;
        let place = *places.entry(resource.clone()).or_insert_with(|| {
            access.resources.push((resource, Vec::new()));
            access.resources.len() - 1
        });
        if let Some((_, entitlements)) = access.resources.get_mut(place) {
            entitlements.push(entitlement);
        }
    }
    Ok(access)
}

fn print_tree(
    principal: &ResourceRef,
    access: &Access,
    mut references: References<'_>,
) -> Result<(), Failure> {
    let mut out = stdout();
    let name = references.resource(principal)?;
    let stem = if access.is_empty() {
        "──"
    } else {
        "─┬"
    };
    writeln!(
        out,
        "└{stem}Effective Access for {} ({})",
        printable(&name.name),
        printable(&principal.resource_type)
    )?;
    for (i, (resource, entitlements)) in access.resources.iter().enumerate() {
        let last = i + 1 == access.resources.len();
        let name = references.resource(resource)?;
        let kind = references.resource_type(&resource.resource_type)?;
        writeln!(
            out,
            "  {}─┬{} ({})",
            branch(last),
            printable(&name.name),
            printable(&kind.name)
        )?;
        for (j, entitlement) in entitlements.iter().enumerate() {
            let slug = &references.entitlement(entitlement)?.slug;
            let label = if slug.is_empty() {
                &entitlement.id
            } else {
                slug
            };
            let bar = if last { ' ' } else { '│' };
            writeln!(
                out,
                "  {bar} {}──{}",
                branch(j + 1 == entitlements.len()),
                printable(label)
            )?;
        }
    }
    writeln!(out)?;
    Ok(out.flush()?)
}

fn branch(last: bool) -> char {
    if last { '└' } else { '├' }
}

fn print_document(
    principal: &ResourceRef,
    access: &Access,
    mut references: References<'_>,
) -> Result<(), Failure> {
    let mut out = data();
    out.write_all(b"{\"principal\":")?;
    out.write_all(&references.resource(principal)?.json)?;
    let mut open: &[u8] = b",\"access\":[{";
    for (resource, entitlements) in &access.resources {
        let members = members(resource, entitlements, &mut references)?;
        out.write_all(open)?;
        open = b",{";
        out.write_all(&members)?;
        out.write_all(b"}")?;
    }
    out.write_all(if access.is_empty() { b"}\n" } else { b"]}\n" })?;
    Ok(out.flush()?)
}

fn print_lines(
    selected: &Selected,
    access: &Access,
    mut references: References<'_>,
) -> Result<(), Failure> {
    let mut rows = Rows::begin(data(), Format::Ndjson, "access", "access", Some(selected))?;
    for (resource, entitlements) in &access.resources {
        rows.row(&members(resource, entitlements, &mut references)?)?;
    }
    Ok(rows.finish(false)?)
}

/// What is accessed on one resource.
fn members(
    resource: &ResourceRef,
    entitlements: &[EntitlementRef],
    references: &mut References<'_>,
) -> Result<Vec<u8>, Failure> {
    let mut out = b"\"resourceType\":".to_vec();
    let kind = references.resource_type(&resource.resource_type)?;
    out.extend_from_slice(&kind.json);
    out.extend_from_slice(b",\"resource\":");
    out.extend_from_slice(&references.resource(resource)?.json);
    out.extend_from_slice(b",\"entitlements\":[");
    for (i, entitlement) in entitlements.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&references.entitlement(entitlement)?.json);
    }
    out.push(b']');
    Ok(out)
}
