//! The difference as one document, in the Go tool's shape.

use std::io::Write;

use c1z::ops::diff::Change;
use c1z_proto::connector::v2::{Entitlement, Grant, Resource, ResourceType};

use super::{Comparison, Named};
use crate::failure::Failure;
use crate::output::{Json, data};

/// Prints the document; returns the number of changes. Its lists stand one after another, so each is a
/// comparison of its own; nothing is collected.
pub(super) fn print(comparison: &Comparison<'_>) -> Result<u64, Failure> {
    let mut out = data();
    let mut changes = 0;
    out.write_all(b"{")?;
    // The Go tool knows no resource types.
    if !comparison.args.is_plain() {
        changes += member::<ResourceType>(comparison, "resourceTypes", &mut out, false)?;
    }
    let follows = !comparison.args.is_plain() && comparison.args.wants(ResourceType::KIND);
    changes += member::<Resource>(comparison, "resources", &mut out, follows)?;
    let follows = follows || comparison.args.wants(Resource::KIND);
    changes += member::<Entitlement>(comparison, "entitlements", &mut out, follows)?;
    let follows = follows || comparison.args.wants(Entitlement::KIND);
    changes += member::<Grant>(comparison, "grants", &mut out, follows)?;
    out.write_all(b"}\n")?;
    out.flush()?;
    Ok(changes)
}

fn member<R: Named>(
    comparison: &Comparison<'_>,
    name: &str,
    out: &mut impl Write,
    follows: bool,
) -> Result<u64, Failure> {
    if !comparison.args.wants(R::KIND) {
        return Ok(0);
    }
    let comma = if follows { "," } else { "" };
    write!(out, "{comma}\"{name}\":")?;
    lists::<R>(comparison, out)
}

/// The lists of one kind of record; empty ones are left out.
fn lists<R: Named>(comparison: &Comparison<'_>, out: &mut impl Write) -> Result<u64, Failure> {
    let (mut json, mut bytes) = (Json::new(), Vec::new());
    let mut all = 0;
    let mut before = "{";
    for change in Change::ALL {
        let mut rows = 0_u64;
        comparison.compare(&[change], |_, record: R| {
            if rows == 0 {
                write!(out, "{before}\"{}\":[", change.as_str())?;
            } else {
                out.write_all(b",")?;
            }
            rows += 1;
            bytes.clear();
            json.append(&record, &mut bytes)?;
            Ok(out.write_all(&bytes)?)
        })?;
        if rows > 0 {
            out.write_all(b"]")?;
            before = ",";
        }
        all += rows;
    }
    out.write_all(if all == 0 { b"{}" } else { b"}" })?;
    Ok(all)
}
