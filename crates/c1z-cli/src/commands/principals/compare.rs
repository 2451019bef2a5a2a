//! `c1z principals compare`: who holds one entitlement and nobody like them the other.
//!
//! The holders of both are read once for their marks and once more for printing; only the marks are
//! kept.

use std::io::Write;

use c1z::Store;
use c1z_proto::connector::v2::Resource;

use super::super::refuse_csv;
use super::super::resources::Resources;
use super::holders;
use super::matching::{Crowd, Marks};
use crate::args::{CompareArgs, Format, Global};
use crate::failure::Failure;
use crate::file::{self, Selected};
use crate::list::{Listing, all_members};
use crate::memory::{Shares, Tally};
use crate::output::{Table, data, stdout};
use crate::references::References;

pub(super) fn run(global: &Global, args: &CompareArgs) -> Result<(), Failure> {
    refuse_csv(global, "a comparison")?;
    let base = Side::open(global, &global.file, &args.entitlement)?;
    let compared = Side::open(global, &args.compare_file, &args.compare_entitlement)?;
    let mut tally = Tally::new(&Shares::for_files(global, 2).own(), "principals to compare");
    let base_marks = base.marks(&mut tally)?;
    let compared_marks = compared.marks(&mut tally)?;
    let lists = [
        List::new(
            "missing",
            &base,
            &base_marks,
            Some(Crowd::of(&compared_marks)),
        ),
        List::new(
            "extra",
            &compared,
            &compared_marks,
            Some(Crowd::of(&base_marks)),
        ),
        List::new("base", &base, &base_marks, None),
        List::new("compared", &compared, &compared_marks, None),
    ];
    match global.format {
        Format::Console => print_tables(&lists),
        Format::Ndjson => print_lines(&lists),
        Format::Json | Format::Csv => print_document(&lists),
    }
}

/// One of the two entitlements.
struct Side<'a> {
    store: Store,
    selected: Option<Selected>,
    entitlement: &'a str,
}

impl<'a> Side<'a> {
    /// The flag `--sync-id` names a sync of the first file; the other file is read at its latest.
    fn open(
        global: &Global,
        path: &std::path::Path,
        entitlement: &'a str,
    ) -> Result<Self, Failure> {
        let opened = || {
            let store = file::open_within(global, path, Shares::for_files(global, 2).file)?;
            let selected = if path == global.file {
                file::select(global, &store)?
            } else {
                file::select_latest(&store)?
            };
            Ok(Self {
                store,
                selected,
                entitlement,
            })
        };
        opened().map_err(|failure: Failure| failure.in_file(path))
    }

    fn holders(&self) -> impl Iterator<Item = Result<Resource, Failure>> {
        let reader = self.store.reader();
        self.selected.iter().flat_map(move |selected| {
            holders(reader, &selected.scope, self.entitlement)
                .map(|holder| holder.map_err(|failure| failure.in_file(self.store.path())))
        })
    }

    fn marks(&self, tally: &mut Tally) -> Result<Vec<Marks>, Failure> {
        let mut all = Vec::new();
        for holder in self.holders() {
            let marks = Marks::of(&holder?)?;
            tally.add(marks.bytes())?;
            all.push(marks);
        }
        Ok(all)
    }
}

/// A list of principals of one side: all of them, or those that match nobody on the other side.
struct List<'a> {
    name: &'static str,
    side: &'a Side<'a>,
    marks: &'a [Marks],
    others: Option<Crowd<'a>>,
}

impl<'a> List<'a> {
    fn new(
        name: &'static str,
        side: &'a Side<'a>,
        marks: &'a [Marks],
        others: Option<Crowd<'a>>,
    ) -> Self {
        Self {
            name,
            side,
            marks,
            others,
        }
    }

    fn is_empty(&self) -> bool {
        !self.marks.iter().any(|marks| self.wants(marks))
    }

    fn wants(&self, marks: &Marks) -> bool {
        self.others
            .as_ref()
            .is_none_or(|others| !others.holds(marks))
    }

    /// Shows each principal, with what it refers to.
    fn for_each(
        &self,
        render: bool,
        mut show: impl FnMut(&mut Resources<'_>, &Resource) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(selected) = &self.side.selected else {
            return Ok(());
        };
        let references = References::new(self.side.store.reader(), &selected.scope, render);
        let mut resources = Resources::new(references);
        for (principal, marks) in self.side.holders().zip(self.marks) {
            let principal = principal?;
            if self.wants(marks) {
                show(&mut resources, &principal)?;
            }
        }
        Ok(())
    }
}

fn print_tables(lists: &[List<'_>]) -> Result<(), Failure> {
    let mut out = stdout();
    let titles = ["Missing Principals", "Extra Principals"];
    let different: Vec<_> = lists
        .iter()
        .zip(titles)
        .filter(|(list, _)| !list.is_empty())
        .collect();
    if different.is_empty() {
        writeln!(out, "The principals of both entitlements appear to match.")?;
    }
    for (list, title) in different {
        writeln!(out, "{title}")?;
        let mut table = Table::new(&mut out, Resources::SHAPE.heads);
        list.for_each(false, |resources, principal| {
            Ok(table.row(&resources.cells(principal)?)?)
        })?;
        table.finish()?;
    }
    Ok(out.flush()?)
}

/// One document; empty lists are left out.
fn print_document(lists: &[List<'_>]) -> Result<(), Failure> {
    let mut out = data();
    let mut json = Vec::new();
    out.write_all(b"{")?;
    let mut before = "";
    for list in lists.iter().filter(|list| !list.is_empty()) {
        write!(out, "{before}\"{}\":", list.name)?;
        before = ",";
        let mut open = b"[{";
        list.for_each(true, |resources, principal| {
            all_members(resources, principal, &mut json)?;
            out.write_all(open)?;
            open = b",{";
            out.write_all(&json)?;
            Ok(out.write_all(b"}")?)
        })?;
        out.write_all(b"]")?;
    }
    out.write_all(b"}\n")?;
    Ok(out.flush()?)
}

/// A line for each principal that is missing or extra.
fn print_lines(lists: &[List<'_>]) -> Result<(), Failure> {
    let mut out = data();
    let (mut json, mut rows) = (Vec::new(), 0_u64);
    writeln!(out, r#"{{"type":"begin","schema":"c1z.rows/1"}}"#)?;
    for list in lists.iter().filter(|list| list.others.is_some()) {
        list.for_each(true, |resources, principal| {
            all_members(resources, principal, &mut json)?;
            write!(out, r#"{{"type":"{}","#, list.name)?;
            out.write_all(&json)?;
            rows += 1;
            Ok(out.write_all(b"}\n")?)
        })?;
    }
    writeln!(out, r#"{{"type":"end","rows":{rows}}}"#)?;
    Ok(out.flush()?)
}
