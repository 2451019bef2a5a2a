//! `v1_sync_runs`: one row per sync run, in the order of creation.

use std::borrow::Cow;

use super::cell::{Absent, Cells, ColumnSpec};
use super::table::V1Table;
use super::{Zone, stats};
use crate::Result;
use crate::engine::types::{SyncId, SyncRun, SyncType, Verification};

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct SyncRuns;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRunRow<'a> {
    /// Number of the row.
    pub id: i64,
    /// Id of the sync.
    pub sync_id: Cow<'a, str>,
    /// When it was started: wall-clock time of the writer.
    pub started_at: Cow<'a, str>,
    /// When it was finished; none while it is not.
    pub ended_at: Option<Cow<'a, str>>,
    /// The syncer's checkpoint, byte for byte.
    pub sync_token: Cow<'a, str>,
    /// Type (since May 2025).
    pub sync_type: Cow<'a, str>,
    /// The sync it builds on, or empty (since May 2025).
    pub parent_sync_id: Cow<'a, str>,
    /// Partner of a pair diff, or empty (since January 2026).
    pub linked_sync_id: Cow<'a, str>,
    /// Whether its expansion columns can be trusted by a pair diff (since February 2026).
    pub supports_diff: bool,
    /// Whether its expansion columns are complete; if not, annotations in the stored grants tell
    /// (since February 2026).
    pub grants_backfilled: bool,
    /// Recorded statistics in JSON (since May 2026).
    pub stats: Option<Cow<'a, str>>,
    /// Verification: generation of the checks (since July 2026).
    pub ingest_invariant_generation: Cow<'a, str>,
    /// Verification: a JSON array with the ids of the checks.
    pub ingest_invariant_coverage: Cow<'a, str>,
    /// Verification: how they ran.
    pub ingest_invariant_mode: Cow<'a, str>,
}

impl V1Table for SyncRuns {
    type Row<'a> = SyncRunRow<'a>;
    const NAME: &'static str = "v1_sync_runs";
    const COLUMNS: &'static [ColumnSpec] = &[
        ColumnSpec::required("sync_id"),
        ColumnSpec::required("started_at"),
        ColumnSpec::required("ended_at"),
        ColumnSpec::required("sync_token"),
        ColumnSpec::added("sync_type", Absent::Text("full")),
        ColumnSpec::added("parent_sync_id", Absent::Text("")),
        ColumnSpec::added("linked_sync_id", Absent::Text("")),
        ColumnSpec::added("supports_diff", Absent::Integer(0)),
        ColumnSpec::added("grants_backfilled", Absent::Integer(0)),
        ColumnSpec::added("stats", Absent::Null),
        ColumnSpec::added("ingest_invariant_generation", Absent::Text("")),
        ColumnSpec::added("ingest_invariant_coverage", Absent::Text("")),
        ColumnSpec::added("ingest_invariant_mode", Absent::Text("")),
    ];

    fn read<'a>(cells: &Cells<'a>) -> Result<SyncRunRow<'a>> {
        Ok(SyncRunRow {
            id: cells.id(),
            sync_id: cells.text(0)?,
            started_at: cells.text(1)?,
            ended_at: cells.text_or_null(2)?,
            sync_token: cells.text(3)?,
            sync_type: cells.text(4)?,
            parent_sync_id: cells.text(5)?,
            linked_sync_id: cells.text(6)?,
            supports_diff: cells.flag(7)?,
            grants_backfilled: cells.flag(8)?,
            stats: cells.text_or_null(9)?,
            ingest_invariant_generation: cells.text(10)?,
            ingest_invariant_coverage: cells.text(11)?,
            ingest_invariant_mode: cells.text(12)?,
        })
    }
}

impl SyncRunRow<'_> {
    /// The sync run that the row describes.
    ///
    /// Statistics that cannot be read, and a verification that does not count, are as good as absent
    /// (`c1z1-sqlite` §2, §6.3).
    ///
    /// # Errors
    /// `DataLoss` for a time that cannot be read.
    pub fn to_sync_run(&self, zone: &Zone) -> Result<SyncRun> {
        let instant = |text: &str| {
            zone.instant(text)
                .map_err(|error| error.in_row(SyncRuns::NAME, self.id))
        };
        Ok(SyncRun {
            id: SyncId::from_stored(self.sync_id.as_ref()),
            sync_type: SyncType::from_stored(&self.sync_type),
            parent_id: self.parent_sync_id.clone().into_owned(),
            linked_id: self.linked_sync_id.clone().into_owned(),
            started_at: Some(instant(&self.started_at)?),
            ended_at: self.ended_at.as_deref().map(instant).transpose()?,
            token: self.sync_token.clone().into_owned(),
            supports_diff: self.supports_diff,
            verification: self.verification(),
            stats: self.stats.as_deref().and_then(stats::decode),
        })
    }

    fn verification(&self) -> Verification {
        let verification = Verification {
            generation: self.ingest_invariant_generation.clone().into_owned(),
            coverage: serde_json::from_str(&self.ingest_invariant_coverage).unwrap_or_default(),
            mode: self.ingest_invariant_mode.clone().into_owned(),
        };
        if verification.is_complete() {
            verification
        } else {
            Verification::default()
        }
    }
}
