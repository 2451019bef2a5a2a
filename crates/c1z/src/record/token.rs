//! The statistics inside a syncer's checkpoint token.
//!
//! A token is opaque text that happens to be a JSON object; four of its top-level keys are copied into
//! the stats record when a sync ends. A token that is not such an object, or in which one of the four
//! has another shape, yields no statistics and no error (`c1z3-keyspace` §7.1).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::stats::{CallStat, IngestQuality, TokenStats};

/// The statistics in `token`.
pub fn stats_in(token: &str) -> TokenStats {
    serde_json::from_str(token)
        .ok()
        .and_then(|value: Value| lifted(value.as_object()?))
        .unwrap_or_default()
}

fn lifted(token: &Map<String, Value>) -> Option<TokenStats> {
    Some(TokenStats {
        step_durations_ms: map(token.get("step_durations_ms"), integer)?,
        connector_call_stats: map(token.get("connector_call_stats"), call_stat)?,
        session_store_stats: map(token.get("session_store_stats"), call_stat)?,
        ingest_quality: match token.get("ingest_quality") {
            None | Some(Value::Null) => None,
            Some(value) => Some(quality(value.as_object()?)?),
        },
    })
}

/// A missing or null map is empty; another shape is malformed.
fn map<T>(
    value: Option<&Value>,
    entry: impl Fn(&Value) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    match value {
        None | Some(Value::Null) => Some(BTreeMap::new()),
        Some(value) => {
            let entries = value.as_object()?.iter();
            entries
                .map(|(key, value)| Some((key.clone(), entry(value)?)))
                .collect()
        }
    }
}

fn call_stat(value: &Value) -> Option<CallStat> {
    let stat = value.as_object()?;
    let field = |key| stat.get(key).map_or(Some(0), integer);
    Some(CallStat {
        count: field("count")?,
        total_ms: field("total_ms")?,
        max_ms: field("max_ms")?,
        errors: field("errors")?,
        timeouts: field("timeouts")?,
    })
}

fn quality(value: &Map<String, Value>) -> Option<IngestQuality> {
    let field = |key| match value.get(key) {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_u64(),
    };
    Some(IngestQuality {
        source_cache_replay_blocked: match value.get("source_cache_replay_blocked") {
            None | Some(Value::Null) => false,
            Some(value) => value.as_bool()?,
        },
        entitlements_dropped: field("entitlements_dropped")?,
        grants_dropped: field("grants_dropped")?,
        grant_resources_dropped: field("grant_resources_dropped")?,
        expansion_resource_types_dropped: field("expansion_resource_types_dropped")?,
        expansions_dropped: field("expansions_dropped")?,
        reason_flags: field("reason_flags")?,
        invalid_resource_types_observed: field("invalid_resource_types_observed")?,
        invalid_resources_observed: field("invalid_resources_observed")?,
        invalid_entitlements_observed: field("invalid_entitlements_observed")?,
    })
}

/// Null stands for zero, as in the encoder that writes tokens.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Null => Some(0),
        value => value.as_i64(),
    }
}
