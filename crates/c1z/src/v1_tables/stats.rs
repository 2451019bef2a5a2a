//! The `stats` column: statistics in JSON, with the field names of `c1.reader.v2.SyncStats`
//! (`c1z1-sqlite` §6.3).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::engine::types::{CallStat, SyncStats};

/// Reads recorded statistics; none if the text is not what the column is for. A missing field is
/// zero.
pub fn decode(json: &str) -> Option<SyncStats> {
    let parsed: Value = serde_json::from_str(json).ok()?;
    let fields = parsed.as_object()?;
    let count = |name| number(fields.get(name));
    let counts = |name| map(fields.get(name), |value| number(Some(value)));
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

/// Missing and null are zero; another shape is no number.
fn number(value: Option<&Value>) -> Option<i64> {
    match value {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_i64(),
    }
}

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
    let none = Map::new();
    let fields = match value {
        Value::Null => &none,
        value => value.as_object()?,
    };
    let count = |name| number(fields.get(name));
    Some(CallStat {
        count: count("count")?,
        total_ms: count("total_ms")?,
        max_ms: count("max_ms")?,
        errors: count("errors")?,
        timeouts: count("timeouts")?,
    })
}
