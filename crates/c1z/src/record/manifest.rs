//! What the manifest of an envelope repeats of the database inside: the sync run with its statistics.
//! Header-only readers trust it, so it must match (`c1z3-keyspace` §9). The root of the grant digests
//! is turned by [`crate::digest::Node::to_manifest`].

use c1z_proto::c1z::v3::SyncRunSummary;

use super::{stats, sync_run, timestamp};
use crate::Result;
use crate::engine::types::{SyncId, SyncRun, Verification};

/// The summary of a sync run. Its statistics, if any, must be those of the stats row.
///
/// # Errors
/// Invalid argument for a type that v3 files have no number for.
pub fn summary(run: &SyncRun) -> Result<SyncRunSummary> {
    let stats = run.stats.as_ref();
    let stats = stats.map(|stats| stats::to_record(stats, run.id.as_str()));
    Ok(SyncRunSummary {
        sync_id: run.id.as_str().to_owned(),
        r#type: sync_run::type_number(&run.sync_type)?.into(),
        started_at: timestamp::to_field(run.started_at),
        ended_at: timestamp::to_field(run.ended_at),
        parent_sync_id: run.parent_id.clone(),
        stats: stats.transpose()?.into(),
        ..Default::default()
    })
}

/// The sync run of a summary, as far as a summary tells: no link, token or verification.
pub fn from_summary(summary: SyncRunSummary) -> SyncRun {
    SyncRun {
        id: SyncId::from_stored(summary.sync_id),
        sync_type: sync_run::type_from_number(summary.r#type.to_i32()),
        parent_id: summary.parent_sync_id,
        linked_id: String::new(),
        started_at: timestamp::from_field(&summary.started_at),
        ended_at: timestamp::from_field(&summary.ended_at),
        token: String::new(),
        supports_diff: false,
        verification: Verification::default(),
        stats: summary.stats.into_option().map(stats::from_record),
    }
}
