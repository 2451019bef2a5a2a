//! The rows of a damaged v1 file, on their way to a new one.

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;

use super::super::rebuild::EXAMPLES_MAX;
use super::super::report::Loss;
use super::Repeated;
use super::said::Said;
use super::syncs::Syncs;
use crate::ops::RecordKind;
use crate::ops::build::v1::{Expanded, RecordRow, RecordTable, V1Builder, V1Columns, V1Row};
use crate::ops::observe::{Meter, Observer, Step};
use crate::record::SessionView;
use crate::sqlite_file::Salvage;
use crate::v1_tables::{
    Assets, Entitlements, GrantRow, Grants, ResourceTypes, Resources, Sessions, TypedTable,
    V1Table, Zone,
};
use crate::{Error, Result};

/// Ranges of one table that are told; more are counted.
const RANGES_MAX: usize = 100;

/// What was found while rows were read.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) losses: Vec<Loss>,
    pub(super) moved: u64,
    pub(super) dropped: u64,
    pub(super) dropped_examples: Vec<String>,
    /// Syncs that rows name.
    pub(super) named: BTreeSet<String>,
    /// Rows whose columns said something else than their message.
    corrected: u64,
    /// Rows that no tree leads to.
    orphans: u64,
    /// Rows with an id that came before.
    repeated: u64,
}

impl Findings {
    /// Watches the row ids of a table for what is missing.
    pub(super) fn gaps<'f>(
        &'f mut self,
        table: &'static str,
        kind: Option<RecordKind>,
        lost: &[RangeInclusive<i64>],
    ) -> Gaps<'f> {
        Gaps {
            findings: self,
            table,
            kind,
            lost: lost.to_vec(),
            next: i64::MIN,
            told: 0,
        }
    }

    /// What the user should know about the output.
    pub(super) fn warnings(&self) -> Vec<String> {
        let counts = [
            (
                self.corrected,
                "rows had columns that said something else than their message, which counts",
            ),
            (
                self.orphans,
                "rows come from pages that no tree leads to: some may have been deleted before",
            ),
            (
                self.repeated,
                "rows have an id that came before in their sync and were left out",
            ),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        told.map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}

/// Tells which row ids of a table are missing from ranges that were not reached.
pub(super) struct Gaps<'f> {
    findings: &'f mut Findings,
    table: &'static str,
    kind: Option<RecordKind>,
    lost: Vec<RangeInclusive<i64>>,
    /// The least row id that was not judged.
    next: i64,
    told: usize,
}

impl Gaps<'_> {
    /// The next row is there.
    pub(super) fn row(&mut self, rowid: i64) {
        if let Some(before) = rowid.checked_sub(1) {
            self.tell(self.next..=before);
        }
        self.next = rowid.saturating_add(1);
    }

    /// A row is there and of no use.
    pub(super) fn drop_row(&mut self, what: &str, error: &Error) {
        self.findings.dropped += 1;
        if self.findings.dropped_examples.len() < EXAMPLES_MAX {
            let example = format!("{what}: {error}");
            self.findings.dropped_examples.push(example);
        }
    }

    /// All rows were there, and so many could not be read.
    pub(super) fn finish(mut self, broken: u64) {
        if self.next != i64::MAX {
            self.tell(self.next..=i64::MAX);
        }
        let table = self.table;
        if let Some(more) = self.told.checked_sub(RANGES_MAX).filter(|more| *more > 0) {
            self.lose(None, format!("{more} more ranges of rows of `{table}`"));
        }
        if broken > 0 {
            self.lose(None, format!("{broken} rows of `{table}` cannot be read"));
        }
    }

    /// Tells what of `absent` was not reached.
    fn tell(&mut self, absent: RangeInclusive<i64>) {
        let lost = std::mem::take(&mut self.lost);
        for range in &lost {
            let (start, end) = (
                absent.start().max(range.start()),
                absent.end().min(range.end()),
            );
            if start > end {
                continue;
            }
            self.told += 1;
            if self.told <= RANGES_MAX {
                let detail = words(self.table, *start, *end);
                self.lose(Some(*start..=*end), detail);
            }
        }
        self.lost = lost;
        self.lost.retain(|range| range.end() > absent.end());
    }

    fn lose(&mut self, rows: Option<RangeInclusive<i64>>, detail: String) {
        let mut loss = Loss::unknown(detail);
        loss.kinds.extend(self.kind);
        loss.rows = rows;
        self.findings.losses.push(loss);
    }
}

fn words(table: &str, start: i64, end: i64) -> String {
    match (start, end) {
        (i64::MIN, i64::MAX) => format!("rows of `{table}`, if there were any"),
        (i64::MIN, end) => format!("rows of `{table}` up to {end}"),
        (start, i64::MAX) => format!("rows of `{table}` from {start} on"),
        (start, end) if start == end => format!("row {start} of `{table}`"),
        (start, end) => format!("rows {start} to {end} of `{table}`"),
    }
}

/// One way over all rows.
pub(super) struct Pass<'a> {
    pub(super) salvage: &'a Salvage,
    pub(super) syncs: &'a Syncs,
    pub(super) skip: &'a Repeated,
    pub(super) findings: &'a mut Findings,
    pub(super) observer: &'a dyn Observer,
}

/// Receives a row.
type Take<'t> = dyn FnMut(&V1Row<'_>) -> Result<()> + 't;

impl Pass<'_> {
    /// Writes the tables of records; tells which rows have an id that came before.
    pub(super) fn records(&mut self, builder: &mut V1Builder) -> Result<Repeated> {
        let mut repeated = Repeated::new();
        for kind in RecordKind::ALL {
            let found = match kind {
                RecordKind::ResourceType => self.plain::<ResourceTypes>(kind, builder),
                RecordKind::Resource => self.plain::<Resources>(kind, builder),
                RecordKind::Entitlement => self.plain::<Entitlements>(kind, builder),
                RecordKind::Grant => {
                    let syncs = self.syncs;
                    let expand = |row: &GrantRow<'_>, take: &mut Take<'_>| {
                        let is_backfilled = syncs.is_backfilled(&row.sync_id);
                        expanded(row, is_backfilled, take)
                    };
                    self.table::<Grants>(kind, builder, expand)
                }
                RecordKind::Asset => self.plain::<Assets>(kind, builder),
            }?;
            if !found.is_empty() {
                repeated.insert(kind, found);
            }
        }
        Ok(repeated)
    }

    fn plain<T: RecordTable>(
        &mut self,
        kind: RecordKind,
        builder: &mut V1Builder,
    ) -> Result<Vec<i64>> {
        let give = |row: &T::Row<'_>, take: &mut Take<'_>| take(&row.v1_row(&Zone::utc())?);
        self.table::<T>(kind, builder, give)
    }

    fn table<T: RecordTable>(
        &mut self,
        kind: RecordKind,
        builder: &mut V1Builder,
        give: impl for<'r> Fn(&T::Row<'r>, &mut Take<'_>) -> Result<()>,
    ) -> Result<Vec<i64>> {
        let mut output = builder.table(kind)?;
        let Some(found) = self.salvage.table(T::NAME) else {
            return output.finish_reporting();
        };
        let skip = self.skip.get(&kind).map_or(&[][..], Vec::as_slice);
        let table = TypedTable::<T>::of(found.table().clone())?;
        let mut meter = Meter::start(self.observer, Step::Records(kind), None)?;
        let mut rows = found.rows();
        let mut gaps = self.findings.gaps(T::NAME, Some(kind), found.lost());
        while let Some(salvaged) = rows.next()? {
            meter.row()?;
            let rowid = salvaged.row.rowid();
            gaps.row(rowid);
            if skip.binary_search(&rowid).is_ok() {
                gaps.findings.repeated += 1;
                continue;
            }
            // What the builder says is no fault of the row.
            let mut failed = Ok(());
            let mut put = |row: &V1Row<'_>| {
                let said = Said::of(row)?;
                let mended = said.apply(row);
                gaps.findings.note(row, &mended, salvaged.is_orphan);
                failed = output.push(&mended).map(drop);
                Ok(())
            };
            let given = table
                .read(salvaged.row)
                .and_then(|row| give(&row, &mut put));
            failed?;
            if let Err(error) = given {
                if !super::super::is_about_bytes(&error) {
                    return Err(error);
                }
                gaps.drop_row(kind.as_str(), &error.in_row(T::NAME, rowid));
            }
        }
        gaps.finish(rows.broken());
        output.finish_reporting()
    }

    /// Writes the session entries.
    pub(super) fn sessions(&mut self, builder: &mut V1Builder) -> Result<()> {
        let Some(found) = self.salvage.table(Sessions::NAME) else {
            return builder.sessions(|_| Ok(())).map(drop);
        };
        let table = TypedTable::<Sessions>::of(found.table().clone())?;
        let mut rows = found.rows();
        let mut gaps = self.findings.gaps(Sessions::NAME, None, found.lost());
        // Pages that no tree leads to may hold an entry once more.
        let mut seen = HashSet::new();
        builder.sessions(|take| {
            while let Some(salvaged) = rows.next()? {
                gaps.row(salvaged.row.rowid());
                match table.read(salvaged.row) {
                    Ok(row) => {
                        let id = (row.sync_id.to_string(), row.key.to_string());
                        if found.has_orphans() && !seen.insert(id) {
                            continue;
                        }
                        gaps.findings.name(&row.sync_id);
                        take(&SessionView {
                            sync_id: &row.sync_id,
                            key: &row.key,
                            value: &row.value,
                        })?;
                    }
                    Err(error) => gaps.drop_row("session entry", &error),
                }
            }
            Ok(())
        })?;
        gaps.finish(rows.broken());
        Ok(())
    }
}

impl Findings {
    fn name(&mut self, sync: &str) {
        if !self.named.contains(sync) {
            self.named.insert(sync.to_owned());
        }
    }

    fn note(&mut self, row: &V1Row<'_>, mended: &V1Row<'_>, is_orphan: bool) {
        self.name(row.sync_id);
        self.moved += u64::from(row.external_id != mended.external_id);
        self.corrected += u64::from(row.columns != mended.columns);
        self.orphans += u64::from(is_orphan);
    }
}

/// A grant whose expansion stands where files of today have it.
fn expanded(row: &GrantRow<'_>, is_backfilled: bool, take: &mut Take<'_>) -> Result<()> {
    let state = Expanded::of(row, is_backfilled)?;
    let mut told = row.v1_row(&Zone::utc())?;
    told.data = &state.data;
    if let V1Columns::Grant(grant) = &mut told.columns {
        grant.expansion = state.expansion.as_deref();
        grant.needs_expansion = state.needs_expansion;
    }
    take(&told)
}
