//! `c1z why`: the ways by which a principal comes to hold an entitlement. Exit code 1: it does not.

use std::io::Write;

use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{GrantFilter, Reader, Scope};
use c1z::ops::why::{Edge, PATHS_MAX, Path, Why, WhyOptions, why};
use c1z::{Error, ErrorKind};
use clap::Args as ClapArgs;
use serde_json::{Value, json};

use super::refuse_csv;
use super::who::check_entitlement;
use crate::args::{Format, Global};
use crate::failure::{Failure, Verdict, warn};
use crate::file;
use crate::job;
use crate::output::{data, printable, stdout};
use crate::references::References;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct WhyArgs {
    /// The principal, as TYPE:ID
    #[arg(value_name = "PRINCIPAL")]
    principal: String,
    /// The entitlement's id
    #[arg(value_name = "ENTITLEMENT")]
    entitlement: String,
    /// At most this many ways; says so if there are more
    #[arg(long, value_name = "N", default_value_t = PATHS_MAX)]
    limit: usize,
}

pub(crate) fn run(global: &Global, args: &WhyArgs) -> Result<Verdict, Failure> {
    refuse_csv(global, "why somebody holds something")?;
    let store = file::open(global)?;
    let Some(selected) = file::select(global, &store)? else {
        return Err(unknown(&args.principal));
    };
    let (reader, scope) = (store.reader(), &selected.scope);
    let principal = principal_named(reader, scope, &args.principal)?;
    let entitlement = EntitlementRef::bare(&args.entitlement);
    // A misspelt id must not read as "no".
    check_entitlement(reader, scope, &entitlement)?;
    let observer = job::observer();
    let options = WhyOptions {
        paths_max: args.limit,
        observer: &*observer,
        ..WhyOptions::default()
    };
    let found = why(reader, scope, &principal, &entitlement, &options)?;
    if found.is_cut {
        warn("there are more ways than are told; --limit tells more");
    }
    let references = References::new(reader, scope, false);
    match global.format {
        Format::Console => Text {
            references,
            principal: &principal,
            entitlement: &entitlement,
        }
        .print(&found)?,
        _ => print_json(&principal, &entitlement, &found)?,
    }
    Ok(if found.holds() {
        Verdict::Yes
    } else {
        Verdict::No
    })
}

fn unknown(principal: &str) -> Failure {
    let message = format!("the file knows no principal `{principal}`");
    let hint = "write it as TYPE:ID; `c1z principals` lists those who hold grants";
    Failure::Library(Error::not_found(message).with_hint(hint))
}

/// The principal that `TYPE:ID` names. Types and ids may hold colons themselves: the first division
/// that names a resource, or somebody who holds a grant, is meant.
fn principal_named(
    reader: &dyn Reader,
    scope: &Scope,
    named: &str,
) -> Result<ResourceRef, Failure> {
    for (at, _) in named.match_indices(':') {
        let (resource_type, rest) = named.split_at(at);
        let id = rest.get(1..).unwrap_or_default();
        if resource_type.is_empty() || id.is_empty() {
            continue;
        }
        let principal = ResourceRef::new(resource_type, id);
        if is_known(reader, scope, &principal)? {
            return Ok(principal);
        }
    }
    Err(unknown(named))
}

fn is_known(reader: &dyn Reader, scope: &Scope, principal: &ResourceRef) -> Result<bool, Failure> {
    match reader.get_resource(scope, principal) {
        Ok(_) => return Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let filter = GrantFilter {
        principal: Some(principal.clone()),
        ..GrantFilter::default()
    };
    let first = reader.stream_grants(scope, &filter)?.next().transpose()?;
    Ok(first.is_some())
}

/// Ways in words.
struct Text<'a> {
    references: References<'a>,
    principal: &'a ResourceRef,
    entitlement: &'a EntitlementRef,
}

impl Text<'_> {
    fn print(mut self, why: &Why) -> Result<(), Failure> {
        let mut out = stdout();
        let who = self.resource(self.principal)?;
        let what = self.entitlement(self.entitlement)?;
        let verdict = match (&why.grant, why.paths.is_empty()) {
            (Some(_), _) => "holds",
            (None, false) => "would hold, after expansion,",
            (None, true) => "does not hold",
        };
        writeln!(out, "{who} {verdict} {what}")?;
        for (i, path) in why.paths.iter().enumerate() {
            self.path(&mut out, i + 1, path)?;
        }
        for source in &why.unexplained {
            writeln!(
                out,
                "  the grant names a source that leads nowhere: {}",
                printable(source)
            )?;
        }
        Ok(out.flush()?)
    }

    fn path(&mut self, out: &mut dyn Write, number: usize, path: &Path) -> Result<(), Failure> {
        let start = self.entitlement(&path.start)?;
        let grant = printable(&path.grant_id);
        writeln!(out, "  {number}. holds {start}  [grant {grant}]")?;
        for edge in &path.edges {
            let holder = self.resource(&edge.holder)?;
            let to = self.entitlement(&edge.to)?;
            let limits = limits(edge);
            let grant = printable(&edge.grant_id);
            writeln!(
                out,
                "     whose holders{limits} have, through {holder}, {to}  [grant {grant}]"
            )?;
        }
        Ok(())
    }

    fn resource(&mut self, id: &ResourceRef) -> Result<String, Failure> {
        let name = self.references.resource(id)?.name.clone();
        Ok(format!(
            "{} ({})",
            printable(&name),
            printable(&id.to_string())
        ))
    }

    fn entitlement(&mut self, id: &EntitlementRef) -> Result<String, Failure> {
        let name = self.references.entitlement(id)?.name.clone();
        Ok(format!("{} ({})", printable(&name), printable(&id.id)))
    }
}

/// Which holders an edge takes, if not all.
fn limits(edge: &Edge) -> String {
    let mut text = String::new();
    if edge.is_shallow {
        text.push_str(" by direct grants");
    }
    if !edge.principal_types.is_empty() {
        let types = edge.principal_types.join(", ");
        text.push_str(" of type ");
        text.push_str(&printable(&types));
    }
    text
}

fn print_json(
    principal: &ResourceRef,
    entitlement: &EntitlementRef,
    why: &Why,
) -> Result<(), Failure> {
    let document = json!({
        "type": "why",
        "principal": reference(principal),
        "entitlementId": entitlement.id,
        "holds": why.holds(),
        "grantId": why.grant.as_ref().map(|grant| grant.id.as_str()),
        "paths": why.paths.iter().map(path_json).collect::<Vec<_>>(),
        "unexplainedSources": why.unexplained,
        "complete": !why.is_cut,
    });
    let mut out = data();
    writeln!(out, "{document}")?;
    Ok(out.flush()?)
}

fn path_json(path: &Path) -> Value {
    let edges = path.edges.iter().map(|edge| {
        json!({
            "grantId": edge.grant_id,
            "holder": reference(&edge.holder),
            "fromEntitlementId": edge.from.id,
            "toEntitlementId": edge.to.id,
            "shallow": edge.is_shallow,
            "resourceTypeIds": edge.principal_types,
        })
    });
    json!({
        "entitlementId": path.start.id,
        "grantId": path.grant_id,
        "edges": edges.collect::<Vec<_>>(),
    })
}

fn reference(resource: &ResourceRef) -> Value {
    json!({"resourceType": resource.resource_type, "resource": resource.resource})
}
