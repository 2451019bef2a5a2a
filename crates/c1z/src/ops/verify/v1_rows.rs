//! The rows of a v1 file: each decodes, its columns say what its message says, and its sync is there.
//!
//! When a record is put again only its message is replaced (`c1z1-sqlite` §5.1), so columns other than
//! the id may say what the record said first. That is a notice; a wrong id is an inconsistency.

use std::collections::{BTreeMap, HashSet};

use c1z_proto::connector::v2::{Entitlement, Grant, GrantExpandable, Resource, ResourceType};

use super::finding::{Class, Finding, Place};
use super::report::Report;
use super::v1_references::{Known, Missing};
use super::{is_about_bytes, references};
use crate::budget::MemoryBudget;
use crate::engine::types::{SyncRun, SyncType};
use crate::ops::observe::SharedMeter;
use crate::record::message;
use crate::sqlite_file::Database;
use crate::v1_tables::{
    AssetRow, Assets, EntitlementRow, Entitlements, GrantRow, Grants, ResourceRow, ResourceTypeRow,
    ResourceTypes, Resources, SessionRow, Sessions, SyncRuns, TypedTable, V1Table, Zone,
};
use crate::{Error, ErrorKind, Result};

/// What is wrong with a row: class, and what in words.
type Fault = (Class, String);

/// Checks all rows.
pub(crate) fn check(
    database: &Database,
    budget: &MemoryBudget,
    meter: &SharedMeter<'_>,
    report: &mut Report,
) -> Result<()> {
    let mut checker = Checker {
        database,
        meter,
        report,
        syncs: HashSet::new(),
        counts: BTreeMap::new(),
    };
    let runs = checker.runs()?;
    let known = checker.known(budget)?;
    let known = known.as_ref();
    checker.table::<ResourceTypes>("resource_type", resource_type, |_| Vec::new())?;
    checker.table::<Resources>("resource", resource, |row| {
        known.map_or_else(Vec::new, |known| known.resource(row))
    })?;
    checker.table::<Entitlements>("entitlement", entitlement, |row| {
        known.map_or_else(Vec::new, |known| known.entitlement(row))
    })?;
    checker.table::<Grants>("grant", grant, |row| {
        known.map_or_else(Vec::new, |known| known.grant(row))
    })?;
    checker.table::<Assets>("asset", asset, |_| Vec::new())?;
    checker.table::<Sessions>("session", session, |_| Vec::new())?;
    checker.statistics(&runs);
    Ok(())
}

struct Checker<'a> {
    database: &'a Database,
    meter: &'a SharedMeter<'a>,
    report: &'a mut Report,
    syncs: HashSet<String>,
    /// Grants by sync.
    counts: BTreeMap<String, i64>,
}

impl Checker<'_> {
    fn add(&mut self, class: Class, subject: &'static str, detail: impl Into<String>) {
        let finding = Finding::new(class, subject, Place::default(), detail);
        self.report.add(finding);
    }

    /// The table, if it is there and can be read.
    fn open<T: V1Table>(&mut self, subject: &'static str) -> Result<Option<TypedTable<T>>> {
        match TypedTable::open(self.database) {
            Err(error) if is_about_bytes(&error) => {
                self.add(Class::Sqlite, subject, error.chain());
                Ok(None)
            }
            opened => opened,
        }
    }

    fn runs(&mut self) -> Result<Vec<SyncRun>> {
        let mut runs = Vec::new();
        let Some(table) = self.open::<SyncRuns>("sync-run")? else {
            return Ok(runs);
        };
        let mut rows = table.table().scan(..);
        loop {
            let row = match rows.next().map_err(Error::from) {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => {
                    self.broken("sync-run", &error)?;
                    break;
                }
            };
            match table
                .read(row)
                .and_then(|row| row.to_sync_run(&Zone::local()))
            {
                Ok(run) => runs.push(run),
                Err(error) => self.add(Class::Record, "sync-run", error.chain()),
            }
        }
        self.syncs = runs.iter().map(|run| run.id.to_string()).collect();
        for run in &runs {
            self.run(run);
        }
        if runs.is_empty() {
            self.add(Class::Absent, "sync", "the file holds no sync");
        }
        Ok(runs)
    }

    fn run(&mut self, run: &SyncRun) {
        let id = &run.id;
        if let SyncType::Other(text) = &run.sync_type {
            self.add(
                Class::SyncRun,
                "type",
                format!("`{id}`: unknown type `{text}`"),
            );
        }
        if let (Some(start), Some(end)) = (run.started_at, run.ended_at)
            && end < start
        {
            let detail = format!("`{id}`: ended at {end}, before it started at {start}");
            self.add(Class::Unusual, "times", detail);
        }
        if run.ended_at.is_none() {
            self.add(Class::Unfinished, "sync", format!("`{id}` is not finished"));
        }
        for (name, other) in [("parent", &run.parent_id), ("link", &run.linked_id)] {
            if other.is_empty() {
                continue;
            }
            if other == id.as_str() {
                let detail = format!("`{id}` is its own {name}");
                self.add(Class::SyncRun, "relations", detail);
            } else if !self.syncs.contains(other) {
                let detail = format!("`{id}`: the {name} `{other}` is not in the file");
                self.add(Class::Reference, references::SYNC_PARENT, detail);
            }
        }
    }

    /// What rows may refer to, if all of it can be read within the budget.
    fn known(&mut self, budget: &MemoryBudget) -> Result<Option<Known>> {
        let known = match Known::read(self.database, budget) {
            Err(error) if error.kind() == ErrorKind::ResourceExhausted => None,
            known => known?,
        };
        if known.is_none() {
            let detail = "ids cannot all be read, or do not fit the memory budget";
            self.add(Class::Unchecked, "references", detail);
        }
        Ok(known)
    }

    /// Walks a table; `judge` tells the sync of a row and what is wrong with it, `missing` what it
    /// names in vain.
    fn table<T: V1Table>(
        &mut self,
        subject: &'static str,
        judge: impl for<'r> Fn(&T::Row<'r>) -> (i64, String, Vec<Fault>),
        missing: impl for<'r> Fn(&T::Row<'r>) -> Vec<Missing>,
    ) -> Result<()> {
        let Some(table) = self.open::<T>(subject)? else {
            return Ok(());
        };
        let mut rows = table.table().scan(..);
        let mut count = 0;
        loop {
            let row = match rows.next().map_err(Error::from) {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => {
                    self.broken(subject, &error)?;
                    break;
                }
            };
            self.meter.row(&mut count)?;
            let ((id, sync, faults), missing) = match table.read(row) {
                Ok(row) => (judge(&row), missing(&row)),
                Err(error) => {
                    self.add(Class::Record, subject, error.chain());
                    continue;
                }
            };
            for (class, detail) in faults {
                self.add(
                    class,
                    subject,
                    format!("row {id} of `{}`: {detail}", T::NAME),
                );
            }
            for (name, detail) in missing {
                if self.syncs.contains(&sync) {
                    let detail = format!("row {id} of `{}`: {detail}", T::NAME);
                    self.add(Class::Reference, name, detail);
                }
            }
            if !self.syncs.contains(&sync) {
                let detail = format!("row {id} of `{}`: its sync `{sync}` is not there", T::NAME);
                self.add(Class::Stranger, subject, detail);
            }
            if subject == "grant" {
                *self.counts.entry(sync).or_default() += 1;
            }
        }
        self.meter.end(count)?;
        self.report.checked.records += count;
        Ok(())
    }

    /// The walk over pages has said what is broken; the rest of the table is not checked.
    fn broken(&mut self, subject: &'static str, error: &Error) -> Result<()> {
        if !is_about_bytes(error) {
            return Err(Error::new(error.kind(), error.chain()));
        }
        let detail = format!("the rest of the table was not checked: {}", error.chain());
        self.add(Class::Unchecked, subject, detail);
        Ok(())
    }

    /// Recorded statistics certify nothing in v1 files: rows may have been deleted since.
    fn statistics(&mut self, runs: &[SyncRun]) {
        for run in runs {
            let counted = self.counts.get(run.id.as_str()).copied().unwrap_or(0);
            let recorded = run.stats.as_ref().map(|stats| stats.grants);
            if let Some(recorded) = recorded.filter(|recorded| *recorded != counted) {
                let detail = format!("`{}`: {recorded} grants recorded, {counted} there", run.id);
                self.add(Class::Unusual, "stats", detail);
            }
        }
    }
}

/// Compares a column with what the message says.
fn compare(faults: &mut Vec<Fault>, name: &str, column: &str, said: &str) {
    if column == said {
        return;
    }
    let (class, why) = if name == "external_id" {
        (Class::RecordKey, "")
    } else {
        (Class::Unusual, "; columns keep what a row said first")
    };
    let detail = format!("column {name} `{column}`, message `{said}`{why}");
    faults.push((class, detail));
}

fn malformed(error: &Error) -> Vec<Fault> {
    vec![(Class::Record, error.chain())]
}

fn resource_type(row: &ResourceTypeRow<'_>) -> (i64, String, Vec<Fault>) {
    let faults = match message::decode::<ResourceType>("resource type", &row.data) {
        Err(error) => malformed(&error),
        Ok(said) => {
            let mut faults = Vec::new();
            compare(&mut faults, "external_id", &row.external_id, &said.id);
            faults
        }
    };
    (row.id, row.sync_id.to_string(), faults)
}

fn resource(row: &ResourceRow<'_>) -> (i64, String, Vec<Fault>) {
    let faults = match message::decode::<Resource>("resource", &row.data) {
        Err(error) => malformed(&error),
        Ok(said) => {
            let mut faults = Vec::new();
            let id = said.id.as_option().cloned().unwrap_or_default();
            let external = format!("{}:{}", id.resource_type, id.resource);
            compare(&mut faults, "external_id", &row.external_id, &external);
            compare(
                &mut faults,
                "resource_type_id",
                &row.resource_type_id,
                &id.resource_type,
            );
            let parent = said
                .parent_resource_id
                .as_option()
                .cloned()
                .unwrap_or_default();
            let kind = row.parent_resource_type_id.as_deref().unwrap_or_default();
            compare(
                &mut faults,
                "parent_resource_type_id",
                kind,
                &parent.resource_type,
            );
            let of = row.parent_resource_id.as_deref().unwrap_or_default();
            compare(&mut faults, "parent_resource_id", of, &parent.resource);
            faults
        }
    };
    (row.id, row.sync_id.to_string(), faults)
}

fn entitlement(row: &EntitlementRow<'_>) -> (i64, String, Vec<Fault>) {
    let faults = match message::decode::<Entitlement>("entitlement", &row.data) {
        Err(error) => malformed(&error),
        Ok(said) => {
            let mut faults = Vec::new();
            compare(&mut faults, "external_id", &row.external_id, &said.id);
            let on = said.resource.as_option().and_then(|r| r.id.as_option());
            let on = on.cloned().unwrap_or_default();
            compare(
                &mut faults,
                "resource_type_id",
                &row.resource_type_id,
                &on.resource_type,
            );
            compare(&mut faults, "resource_id", &row.resource_id, &on.resource);
            faults
        }
    };
    (row.id, row.sync_id.to_string(), faults)
}

fn grant(row: &GrantRow<'_>) -> (i64, String, Vec<Fault>) {
    let mut faults = match message::decode::<Grant>("grant", &row.data) {
        Err(error) => malformed(&error),
        Ok(said) => {
            let mut faults = Vec::new();
            compare(&mut faults, "external_id", &row.external_id, &said.id);
            grant_columns(row, &said, &mut faults);
            faults
        }
    };
    let expansion = row.expansion.as_deref().unwrap_or_default();
    if let Err(error) = message::decode::<GrantExpandable>("expansion", expansion) {
        faults.push((Class::Record, error.chain()));
    }
    (row.id, row.sync_id.to_string(), faults)
}

/// Messages without entitlement and principal leave them to the columns.
fn grant_columns(row: &GrantRow<'_>, said: &Grant, faults: &mut Vec<Fault>) {
    if let Some(entitlement) = said.entitlement.as_option() {
        compare(
            faults,
            "entitlement_id",
            &row.entitlement_id,
            &entitlement.id,
        );
        let on = entitlement
            .resource
            .as_option()
            .and_then(|r| r.id.as_option());
        if let Some(on) = on {
            compare(
                faults,
                "resource_type_id",
                &row.resource_type_id,
                &on.resource_type,
            );
            compare(faults, "resource_id", &row.resource_id, &on.resource);
        }
    }
    let principal = said.principal.as_option().and_then(|r| r.id.as_option());
    if let Some(id) = principal {
        let kind = &row.principal_resource_type_id;
        compare(
            faults,
            "principal_resource_type_id",
            kind,
            &id.resource_type,
        );
        compare(
            faults,
            "principal_resource_id",
            &row.principal_resource_id,
            &id.resource,
        );
    }
}

fn asset(row: &AssetRow<'_>) -> (i64, String, Vec<Fault>) {
    (row.id, row.sync_id.to_string(), Vec::new())
}

fn session(row: &SessionRow<'_>) -> (i64, String, Vec<Fault>) {
    (row.id, row.sync_id.to_string(), Vec::new())
}
