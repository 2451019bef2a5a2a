//! Stored index rows against those that the records imply, both ways.
//!
//! First sums of hashes over both sides. A family whose sums differ is then sorted and merged with
//! what is stored, for the buckets that differ alone: from that come the rows that are missing, that no
//! record implies, and that have another value.

use std::cmp::Ordering;
use std::sync::Arc;

use shingle::bulk::{Scratch, SortOptions, Sorter};
use shingle::iter::Bounds;

use super::Task;
use super::expected::{self, DERIVED, Digests, Scope};
use super::finding::{Class, Finding, Place};
use super::fingerprint::Selection;
use super::readable::Readable;
use super::references::{self, References, body};
use super::report::Report;
use super::sums::Sums;
use crate::Result;
use crate::digest;
use crate::hex;
use crate::keyspace::tuple::Part;
use crate::keyspace::{Deriver, Family, GrantKey, HashKey, IndexSet, Key, NodePosition, splice};

/// The stored rows of all derived families, summed up.
pub(crate) fn sum_up(readable: &Readable, scope: Scope, task: &Task<'_>) -> Result<(Report, Sums)> {
    let mut report = task.report();
    let mut sums = Sums::new(task.seed);
    for family in DERIVED {
        let mut references = match family {
            Family::GrantByPrincipal if scope.has(family) => {
                let name = references::GRANT_PRINCIPAL;
                Some(References::new(readable, name, Family::Resource, 2)?)
            }
            Family::ResourceByParent => {
                let name = references::RESOURCE_PARENT;
                Some(References::new(readable, name, Family::Resource, 2)?)
            }
            _ => None,
        };
        let mut rows = readable.scan(&family.range());
        let mut count = 0;
        while rows.advance()? {
            let Some((key, value)) = rows.row() else {
                break;
            };
            sums.add(family, key, value);
            if let Some(references) = &mut references {
                references.check(key, body(family, key), &mut report)?;
            }
            task.meter.row(&mut count)?;
        }
        task.meter.end(count)?;
        report.checked.rows += count;
        if scope.has(family) {
            report.checked.index_rows += count;
        }
    }
    Ok((report, sums))
}

/// The name of a derived family in reports.
pub(crate) fn name_of(family: Family) -> &'static str {
    match family {
        Family::ResourceByParent => "by-parent",
        Family::GrantByPrincipal => "by-principal",
        Family::GrantNeedsExpansion => "needs-expansion",
        Family::GrantHash => "grant-hash",
        _ => "digest-node",
    }
}

/// Compares the rows of `family` that fall into `selection`, one by one.
pub(crate) fn compare(
    readable: &Readable,
    scope: Scope,
    family: Family,
    selection: &Selection,
    task: &Task<'_>,
) -> Result<Report> {
    let scratch = Scratch::new(Arc::clone(&task.options.fs), &task.options.scratch);
    let memory = task.options.budget.limit() / 4;
    let _share = task.options.budget.reserve(memory, "sorting index rows")?;
    let sort = SortOptions {
        memory_bytes: usize::try_from(memory).unwrap_or(usize::MAX),
        background: false,
        ..SortOptions::default()
    };
    let mut sorter = Sorter::new(scratch, sort);
    derive(readable, scope, family, &mut |of, key, value| {
        if of == family && selection.contains(key) {
            sorter.add(key, value)?;
        }
        Ok(())
    })?;
    let mut expected = sorter.finish()?.scan(Bounds::all());
    let mut judge = Judge {
        readable,
        family,
        report: task.report(),
        roots: (scope.digests != Digests::Certified
            && matches!(family, Family::GrantHash | Family::DigestNode))
        .then(Roots::default),
    };
    let mut stored = readable.scan(&family.range());
    let (mut count, mut wanted) = (0, expected.next()?);
    while stored.advance()? {
        let Some((key, value)) = stored.row() else {
            break;
        };
        task.meter.row(&mut count)?;
        if !selection.contains(key) {
            continue;
        }
        while let Some(row) = wanted
            && row.key < key
        {
            judge.missing(row.key)?;
            wanted = expected.next()?;
        }
        match wanted {
            Some(row) if row.key.cmp(key) == Ordering::Equal => {
                judge.same_key(key, row.value, value)?;
                wanted = expected.next()?;
            }
            _ => judge.orphan(key)?,
        }
    }
    task.meter.end(count)?;
    while let Some(row) = wanted {
        judge.missing(row.key)?;
        wanted = expected.next()?;
    }
    Ok(judge.report)
}

fn derive(
    readable: &Readable,
    scope: Scope,
    family: Family,
    sink: &mut expected::RowSink<'_>,
) -> Result<()> {
    if family != Family::ResourceByParent {
        return expected::of_grants(readable, scope, sink, &mut |_| Ok(()));
    }
    let mut deriver = Deriver::new(IndexSet::ALL);
    let mut rows = readable.scan(&Family::Resource.range());
    while rows.advance()? {
        let Some((key, value)) = rows.row() else {
            break;
        };
        // Malformed resources were reported when they were read and imply nothing.
        let mut implied = Vec::new();
        let derived = expected::of_resource(&mut deriver, key, value, &mut |_, row, _| {
            implied.extend_from_slice(row);
            Ok(())
        });
        if derived.is_ok() && !implied.is_empty() {
            sink(family, &implied, &[])?;
        }
    }
    Ok(())
}

/// Turns differences into findings.
struct Judge<'a> {
    readable: &'a Readable,
    family: Family,
    report: Report,
    /// For digests that are not certified as a whole: partitions without root are not judged.
    roots: Option<Roots>,
}

impl Judge<'_> {
    fn missing(&mut self, key: &[u8]) -> Result<()> {
        if !self.readable.is_hole(key) && self.is_judged(key)? {
            self.add(
                Class::IndexMissing,
                key,
                "the records imply this row; it is not there",
            );
        }
        Ok(())
    }

    fn orphan(&mut self, key: &[u8]) -> Result<()> {
        if let Err(error) = Key::parse(key) {
            let place = Place::key(key);
            let name = name_of(self.family);
            self.report
                .add(Finding::from_error(Class::Key, name, place, &error));
            return Ok(());
        }
        let primary = primary_of(self.family, key);
        let unknown = primary.is_some_and(|primary| self.readable.is_hole(&primary));
        if !unknown && self.is_judged(key)? {
            self.add(Class::IndexOrphan, key, "no record implies this row");
        }
        Ok(())
    }

    fn same_key(&mut self, key: &[u8], expected: &[u8], found: &[u8]) -> Result<()> {
        if expected != found && self.is_judged(key)? {
            let detail = format!(
                "expected value `{}` found `{}`",
                hex::short(expected),
                hex::short(found)
            );
            self.add(Class::IndexWrong, key, detail);
        }
        Ok(())
    }

    fn add(&mut self, class: Class, key: &[u8], detail: impl Into<String>) {
        let name = name_of(self.family);
        let finding = Finding::new(class, name, Place::key(key), detail);
        self.report.add(finding);
    }

    fn is_judged(&mut self, key: &[u8]) -> Result<bool> {
        match &mut self.roots {
            Some(roots) => roots.has(self.readable, key),
            None => Ok(true),
        }
    }
}

/// Which partitions have a root; asked in order, so the last answer nearly always serves.
#[derive(Default)]
struct Roots {
    last: Option<(Vec<u8>, bool)>,
}

impl Roots {
    fn has(&mut self, readable: &Readable, key: &[u8]) -> Result<bool> {
        let partition: Part<'_> = match Key::parse(key)? {
            Key::DigestNode {
                position: NodePosition::Global,
                ..
            } => return Ok(true),
            Key::DigestNode { partition, .. } => partition,
            _ => HashKey::parse(key)?.partition.into(),
        };
        if let Some((last, has)) = &self.last
            && *last == *partition
        {
            return Ok(*has);
        }
        let has = readable.get(&digest::root_key(&partition))?.is_some();
        self.last = Some((partition.into_owned(), has));
        Ok(has)
    }
}

/// The key of the record that an index row stands for; none for digest nodes, which stand for many.
fn primary_of(family: Family, key: &[u8]) -> Option<Vec<u8>> {
    let mut primary = Vec::new();
    let grant = match family {
        Family::ResourceByParent => {
            splice::child_of_parent_key_into(key, &mut primary).ok()?;
            return Some(primary);
        }
        Family::GrantByPrincipal => GrantKey::parse_by_principal(key).ok()?,
        Family::GrantNeedsExpansion => GrantKey::parse_needs_expansion(key).ok()?,
        Family::GrantHash => HashKey::parse(key).ok()?.grant(),
        _ => return None,
    };
    grant.primary_into(&mut primary);
    Some(primary)
}
