//! What the manifest of an envelope repeats of the database inside: the sync run with its statistics,
//! and the root of the grant digests. Header-only readers trust it, so it must match
//! (`c1z3-keyspace` §9).

use c1z_proto::c1z::v3::SyncRunSummary;

use super::{SyncRun, SyncStats, SyncType, Timestamp};
use crate::Result;

/// The summary of a sync run. `stats` is the content of the stats row, if there is one, with the time
/// it was written at.
pub fn summary(run: &SyncRun, stats: Option<(&SyncStats, Option<Timestamp>)>) -> SyncRunSummary {
    let stats = stats.map(|(stats, written_at)| stats.to_record(&run.id, written_at));
    SyncRunSummary {
        sync_id: run.id.clone(),
        r#type: run.sync_type.to_enum(),
        started_at: Timestamp::to_field(run.started_at),
        ended_at: Timestamp::to_field(run.ended_at),
        parent_sync_id: run.parent_id.clone(),
        stats: stats.into(),
        ..Default::default()
    }
}

/// The sync run of a summary, as far as a summary tells, and its statistics.
///
/// # Errors
/// Data loss for negative counts.
pub fn from_summary(summary: SyncRunSummary) -> Result<(SyncRun, Option<SyncStats>)> {
    let run = SyncRun {
        id: summary.sync_id,
        sync_type: SyncType::from_number(summary.r#type.to_i32()),
        parent_id: summary.parent_sync_id,
        started_at: Timestamp::from_field(&summary.started_at),
        ended_at: Timestamp::from_field(&summary.ended_at),
        ..SyncRun::default()
    };
    let stats = summary.stats.into_option();
    Ok((run, stats.map(SyncStats::from_record).transpose()?))
}
