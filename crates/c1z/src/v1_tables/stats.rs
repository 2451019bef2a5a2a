//! The `stats` column: statistics in JSON, with the field names of `c1.reader.v2.SyncStats`
//! (`c1z1-sqlite` §6.3).

use serde_json::Value;

use crate::engine::types::SyncStats;
use crate::record::figures::{call_stat, integer, map};

/// Reads recorded statistics; none if the text is not what the column is for. A missing field is
/// zero.
pub fn decode(json: &str) -> Option<SyncStats> {
    let parsed: Value = serde_json::from_str(json).ok()?;
    let fields = parsed.as_object()?;
    let count = |name| fields.get(name).map_or(Some(0), integer);
    let counts = |name| map(fields.get(name), integer);
    let calls = |name| map(fields.get(name), call_stat);
    Some(SyncStats {
        resource_types: count("resource_types")?,
        resources: count("resources")?,
        entitlements: count("entitlements")?,
        grants: count("grants")?,
        assets: count("assets")?,
        resources_by_resource_type: counts("resources_by_resource_type")?,
        grants_by_resource_type: counts("grants_by_resource_type")?,
        entitlements_by_resource_type: counts("entitlements_by_resource_type")?,
        step_durations_ms: counts("step_durations_ms")?,
        connector_call_stats: calls("connector_call_stats")?,
        session_store_stats: calls("session_store_stats")?,
        ingest_quality: None,
        written_at: None,
    })
}
