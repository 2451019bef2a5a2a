//! Into a v1 file: any number of syncs.
//!
//! Tables are written one after another, so every kind is read once, for all syncs. A v1 file has each
//! external id once a sync; v3 identities that share one are seen when the unique index of the table
//! is written. Then, if the loss is allowed, the file is written again without the rows that came
//! later.

use std::collections::BTreeMap;

use super::downgrade::Downgrade;
use super::job::Job;
use super::loss::{EXAMPLES_MAX, LossKind, LossReport};
use super::select;
use super::source::{Source, SourceRecord, SourceSync};
use super::summary::SyncSummary;
use crate::engine::types::SyncStats;
use crate::keyspace::MetadataKey;
use crate::ops::RecordKind;
use crate::ops::build::v1::{V1Builder, V1Options, V1Row, V1Run};
use crate::ops::observe::{Meter, Step};
use crate::record::token;
use crate::{Error, ErrorKind, Result};

/// Share of the memory that sorts index keys, in sixteenths.
const SORT_SHARE: u64 = 6;

/// Bytes of assets by position of their sync.
type AssetBytes = BTreeMap<usize, u64>;
/// Row ids of rows to leave out, ascending, by kind.
type Repeated = BTreeMap<RecordKind, Vec<i64>>;

/// Writes the file.
pub(super) fn file(job: &mut Job<'_>) -> Result<Vec<SyncSummary>> {
    let chosen = select::several(job.source.syncs(), job.options, &mut job.losses)?;
    job.losses.require(job.options.allow_loss)?;
    let before = job.losses.clone();
    let (mut repeated, mut asset_bytes) = (Repeated::new(), AssetBytes::new());
    let builder = loop {
        job.losses = before.clone();
        asset_bytes.clear();
        let mut builder = builder_for(job)?;
        let pass = Pass {
            chosen: &chosen,
            skip: &repeated,
        };
        let found = pass.records(job, &mut builder, &mut asset_bytes)?;
        if found.is_empty() {
            break builder;
        }
        if !job.options.allow_loss {
            return Err(refusal(job, &chosen, &found));
        }
        repeated = found;
    };
    finish(job, &chosen, builder, &asset_bytes)
}

fn builder_for(job: &Job<'_>) -> Result<V1Builder> {
    let options = V1Options {
        memory_bytes: job.options.budget.share(SORT_SHARE),
        zone: job.options.zone.clone(),
        level: job.options.level,
    };
    V1Builder::new(job.output, &options, &job.pack_options())
}

/// The error for rows that have an external id that came before. The rows are read once more, to tell
/// some of these ids.
fn refusal(job: &mut Job<'_>, chosen: &[usize], repeated: &Repeated) -> Error {
    for (kind, rows) in repeated {
        let mut examples = Vec::new();
        let named = name_rows(job.source, chosen, *kind, rows, &mut |row| {
            examples.push(name(row));
        });
        if let Err(error) = named {
            return error;
        }
        let count = rows.len() as u64;
        job.losses
            .add_many(LossKind::SameIdentity, count, || examples.join(", "));
    }
    match job.losses.require(false) {
        Err(error) => error,
        Ok(()) => Error::new(ErrorKind::Internal, "no loss to refuse"),
    }
}

/// Gives the first few of the rows with the given numbers to `take`.
fn name_rows(
    source: &dyn Source,
    chosen: &[usize],
    kind: RecordKind,
    rows: &[i64],
    take: &mut dyn FnMut(&V1Row<'_>),
) -> Result<()> {
    let skip = rows.get(..rows.len().min(EXAMPLES_MAX)).unwrap_or_default();
    let mut filter = Filter { skip, rowid: 0 };
    let mut look = |row: &V1Row<'_>| {
        if !filter.passes(row) {
            take(row);
        }
        Ok(())
    };
    let mut downgrade = Downgrade::default();
    let mut unused = LossReport::with_examples(0);
    source.records(kind, chosen, &mut |at, record| match record {
        SourceRecord::Row(row) => look(row),
        SourceRecord::Stored(record) => match source.syncs().get(at) {
            Some(sync) => downgrade.row(&record, &sync.run, &mut unused, &mut look),
            None => Ok(()),
        },
        SourceRecord::Unnamed(..) => Ok(()),
    })?;
    Ok(())
}

/// What a report calls a row.
fn name(row: &V1Row<'_>) -> String {
    format!("{} {}", row.kind().as_str(), row.external_id.escape_debug())
}

/// One way over all records.
struct Pass<'a> {
    chosen: &'a [usize],
    skip: &'a Repeated,
}

impl Pass<'_> {
    /// Writes the tables of records; tells which rows have an external id that came before.
    fn records(
        &self,
        job: &mut Job<'_>,
        builder: &mut V1Builder,
        asset_bytes: &mut AssetBytes,
    ) -> Result<Repeated> {
        let (source, losses) = (job.source, &mut job.losses);
        let mut downgrade = Downgrade::default();
        let mut repeated = Repeated::new();
        for kind in RecordKind::ALL {
            let skip = self.skip.get(&kind).map_or(&[][..], Vec::as_slice);
            let mut filter = Filter { skip, rowid: 0 };
            let mut meter = Meter::start(&*job.options.observer, Step::Records(kind), None)?;
            let mut table = builder.table(kind)?;
            let orphans = source.records(kind, self.chosen, &mut |at, record| {
                meter.row()?;
                let mut put = |row: &V1Row<'_>, losses: &mut LossReport| {
                    if filter.passes(row) {
                        table.push(row)?;
                        if kind == RecordKind::Asset {
                            *asset_bytes.entry(at).or_default() += row.data.len() as u64;
                        }
                    } else {
                        losses.add(LossKind::SameIdentity, || name(row));
                    }
                    Ok(())
                };
                match record {
                    SourceRecord::Row(row) => put(row, losses),
                    SourceRecord::Stored(record) => {
                        let Some(sync) = source.syncs().get(at) else {
                            return Ok(());
                        };
                        // Losses of a row that is left out are those of a record that disappears.
                        let mut of_row = LossReport::with_examples(1);
                        downgrade
                            .row(&record, &sync.run, &mut of_row, &mut |row| put(row, losses))?;
                        losses.append(of_row);
                        Ok(())
                    }
                    SourceRecord::Unnamed(_, error) => {
                        losses.add(LossKind::Record, || error.to_string());
                        Ok(())
                    }
                }
            })?;
            meter.end()?;
            losses.add_many(LossKind::ForeignRows, orphans, || {
                format!("{} rows without a sync", kind.as_str())
            });
            let found = table.finish_reporting()?;
            if !found.is_empty() {
                repeated.insert(kind, found);
            }
        }
        Ok(repeated)
    }
}

/// Leaves out rows by the numbers that they had when all were written.
struct Filter<'a> {
    skip: &'a [i64],
    rowid: i64,
}

impl Filter<'_> {
    fn passes(&mut self, row: &V1Row<'_>) -> bool {
        self.rowid = row.rowid.unwrap_or(self.rowid + 1);
        match self.skip.split_first() {
            Some((first, rest)) if *first == self.rowid => {
                self.skip = rest;
                false
            }
            _ => true,
        }
    }
}

/// Writes sessions and runs, and publishes.
fn finish(
    job: &mut Job<'_>,
    chosen: &[usize],
    mut builder: V1Builder,
    asset_bytes: &AssetBytes,
) -> Result<Vec<SyncSummary>> {
    let (source, losses) = (job.source, &mut job.losses);
    builder.sessions(|take| {
        for &at in chosen {
            source.sessions(at, take)?;
        }
        Ok(())
    })?;
    let syncs = chosen
        .iter()
        .filter_map(|at| Some((*at, source.syncs().get(*at)?)));
    let mut runs = Vec::new();
    for (at, sync) in syncs.clone() {
        note_sidecars(sync, losses);
        source.others(at, &mut |key, _| {
            let is_graph = key == MetadataKey::EntitlementGraph.to_vec();
            let kind = if is_graph {
                LossKind::Graph
            } else {
                LossKind::ForeignRows
            };
            losses.add(kind, || key.escape_ascii().to_string());
            Ok(())
        })?;
        runs.push(V1Run {
            rowid: sync.rowid,
            run: &sync.run,
        });
    }
    losses.require(job.options.allow_loss)?;
    let written = syncs.map(|(at, sync)| SyncSummary {
        run: sync.run.clone(),
        counts: builder.counts(&sync.run.id),
        asset_bytes: asset_bytes.get(&at).copied().unwrap_or_default(),
    });
    let written = written.collect();
    job.file_len = Some(builder.finish(&runs)?.file_len);
    Ok(written)
}

/// What a v1 file has no place for, beside records.
fn note_sidecars(sync: &SourceSync, losses: &mut LossReport) {
    let id = || sync.run.id.to_string();
    if sync.has_digests {
        losses.add(LossKind::Digests, id);
    }
    if sync.run.started_at.is_none() {
        losses.add(LossKind::MissingTime, || format!("start of sync {}", id()));
    }
    let recorded = sync.run.stats.as_ref().filter(|_| sync.stored.is_some());
    if let Some(stats) = recorded {
        let mut lifted = SyncStats::default();
        token::lift_into(&sync.run.token, &mut lifted);
        if stats.ingest_quality.is_some() && stats.ingest_quality != lifted.ingest_quality {
            losses.add(LossKind::Statistics, || {
                format!("ingest quality of {}", id())
            });
        }
    }
    if let Some(stored) = &sync.stored
        && crate::record::sync_run::encode_over(&sync.run, None).is_ok_and(|again| again != *stored)
    {
        losses.add(LossKind::Fields, || format!("sync {}", id()));
    }
}
