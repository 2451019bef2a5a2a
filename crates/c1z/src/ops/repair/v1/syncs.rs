//! The sync runs of a damaged v1 file.

use std::collections::BTreeSet;

use super::super::rebuild::run_of_id;
use super::super::report::{RepairedSync, RunSource};
use super::tables::Findings;
use crate::Result;
use crate::engine::types::{SyncId, SyncRun, SyncStats, SyncType, Timestamp};
use crate::ops::build::v1::{V1Builder, V1Run};
use crate::sqlite_file::Salvage;
use crate::v1_tables::{SyncRuns, TypedTable, V1Table, Zone};

/// The runs that can be read.
#[derive(Debug, Default)]
pub(super) struct Syncs {
    runs: Vec<Stored>,
    /// Whether some may be lost.
    is_damaged: bool,
    /// Whether the grants table has columns for expansions.
    has_columns: bool,
}

#[derive(Debug)]
struct Stored {
    run: SyncRun,
    rowid: i64,
    is_backfilled: bool,
}

/// A run of the output.
pub(super) struct RunToWrite {
    run: SyncRun,
    rowid: Option<i64>,
    recorded: Option<SyncStats>,
}

impl RunToWrite {
    /// The row of the run.
    pub(super) fn row(&self) -> V1Run<'_> {
        V1Run {
            rowid: self.rowid,
            run: &self.run,
        }
    }

    /// What was written of the sync.
    pub(super) fn report(&self, builder: &V1Builder) -> RepairedSync {
        RepairedSync {
            id: self.run.id.clone(),
            saved: builder.counts(&self.run.id),
            recorded: self.recorded.clone(),
        }
    }
}

impl Syncs {
    /// Reads the runs; those that cannot be read go to `findings`.
    pub(super) fn read(salvage: &Salvage, findings: &mut Findings) -> Result<Self> {
        let mut syncs = Self::default();
        if let Some(grants) = salvage.table("v1_grants") {
            syncs.has_columns = grants.table().column("expansion").is_some();
        }
        let Some(found) = salvage.table(SyncRuns::NAME) else {
            return Ok(syncs);
        };
        let table = TypedTable::<SyncRuns>::of(found.table().clone())?;
        let mut rows = found.rows();
        let mut gaps = findings.gaps(SyncRuns::NAME, None, found.lost());
        let mut ids = BTreeSet::new();
        while let Some(salvaged) = rows.next()? {
            gaps.row(salvaged.row.rowid());
            let read = table.read(salvaged.row);
            let run =
                read.and_then(|row| Ok((row.to_sync_run(&Zone::utc())?, row.grants_backfilled)));
            match run {
                Ok((run, is_backfilled)) if ids.insert(run.id.to_string()) => {
                    syncs.runs.push(Stored {
                        run,
                        rowid: salvaged.row.rowid(),
                        is_backfilled,
                    });
                }
                Ok(_) => {}
                Err(error) => gaps.drop_row("sync run", &error),
            }
        }
        gaps.finish(rows.broken());
        syncs.is_damaged = !findings.losses.is_empty() || findings.dropped > 0;
        Ok(syncs)
    }

    /// Whether the expansion columns of the sync's grants are complete.
    pub(super) fn is_backfilled(&self, id: &str) -> bool {
        let mut runs = self.runs.iter();
        let known = runs.find(|stored| stored.run.id.as_str() == id);
        self.has_columns && known.is_none_or(|stored| stored.is_backfilled)
    }

    /// The runs of the output. When runs may be lost, one is made for every sync that rows name.
    pub(super) fn to_write(
        &self,
        named: &BTreeSet<String>,
        is_complete: bool,
    ) -> (Vec<RunToWrite>, RunSource) {
        let mut source = RunSource::Row;
        let mut runs: Vec<_> = self.runs.iter().map(Stored::to_write).collect();
        for id in named {
            let is_known = self.runs.iter().any(|stored| stored.run.id.as_str() == id);
            if self.is_damaged && !is_known {
                source = RunSource::Id;
                runs.push(RunToWrite {
                    run: run_of_id(id.clone()).unwrap_or_else(|_| run_of_name(id)),
                    rowid: None,
                    recorded: None,
                });
            }
        }
        if !is_complete {
            for run in &mut runs {
                run.run.ended_at = None;
            }
        }
        (runs, source)
    }
}

impl Stored {
    fn to_write(&self) -> RunToWrite {
        RunToWrite {
            run: self.run.clone(),
            rowid: Some(self.rowid),
            recorded: self.run.stats.clone(),
        }
    }
}

/// A run whose id tells no time.
fn run_of_name(id: &str) -> SyncRun {
    let id = SyncId::from_stored(id);
    let start = Timestamp::default();
    SyncRun::started(id, SyncType::Partial, String::new(), start)
}

/// The sums of counts; none if one is missing.
pub(super) fn sum<'a>(all: impl Iterator<Item = Option<&'a SyncStats>>) -> Option<SyncStats> {
    let mut sum = SyncStats::default();
    for stats in all {
        let stats = stats?;
        sum.resource_types += stats.resource_types;
        sum.resources += stats.resources;
        sum.entitlements += stats.entitlements;
        sum.grants += stats.grants;
        sum.assets += stats.assets;
    }
    Some(sum)
}
