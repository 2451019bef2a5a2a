//! The statistics inside a syncer's checkpoint token.
//!
//! A token is opaque text that happens to be a JSON object; four of its top-level keys are copied into
//! the statistics when a sync ends. A token that is not such an object, or in which one of the four has
//! another shape, yields nothing and no error (`c1z3-keyspace` §7.1).

use c1z_proto::storage::v3::IngestQualityStats;
use serde_json::{Map, Value};

use super::figures::{call_stat, integer, map};
use super::message;
use crate::engine::types::SyncStats;

/// Sets the four figures of `stats` to what `token` says; to nothing if it says nothing.
pub fn lift_into(token: &str, stats: &mut SyncStats) {
    let parsed: Option<Value> = serde_json::from_str(token).ok();
    let lifted = parsed.as_ref().and_then(|token| lifted(token.as_object()?));
    let lifted = lifted.unwrap_or_default();
    stats.step_durations_ms = lifted.step_durations_ms;
    stats.connector_call_stats = lifted.connector_call_stats;
    stats.session_store_stats = lifted.session_store_stats;
    stats.ingest_quality = lifted.ingest_quality;
}

fn lifted(token: &Map<String, Value>) -> Option<SyncStats> {
    Some(SyncStats {
        step_durations_ms: map(token.get("step_durations_ms"), integer)?,
        connector_call_stats: map(token.get("connector_call_stats"), call_stat)?,
        session_store_stats: map(token.get("session_store_stats"), call_stat)?,
        ingest_quality: match token.get("ingest_quality") {
            None | Some(Value::Null) => None,
            Some(value) => Some(message::encode(&quality(value.as_object()?)?)),
        },
        ..SyncStats::default()
    })
}

fn quality(value: &Map<String, Value>) -> Option<IngestQualityStats> {
    let field = |key| match value.get(key) {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_u64(),
    };
    let blocked = match value.get("source_cache_replay_blocked") {
        None | Some(Value::Null) => false,
        Some(value) => value.as_bool()?,
    };
    Some(IngestQualityStats {
        source_cache_replay_blocked: blocked,
        entitlements_dropped: field("entitlements_dropped")?,
        grants_dropped: field("grants_dropped")?,
        grant_resources_dropped: field("grant_resources_dropped")?,
        expansion_resource_types_dropped: field("expansion_resource_types_dropped")?,
        expansions_dropped: field("expansions_dropped")?,
        reason_flags: field("reason_flags")?,
        invalid_resource_types_observed: field("invalid_resource_types_observed")?,
        invalid_resources_observed: field("invalid_resources_observed")?,
        invalid_entitlements_observed: field("invalid_entitlements_observed")?,
        ..Default::default()
    })
}
