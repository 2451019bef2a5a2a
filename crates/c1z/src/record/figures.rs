//! Figures of a sync as JSON, as tokens of syncers and the statistics of v1 files have them
//! (`c1z3-keyspace` §7.1, `c1z1-sqlite` §6.3).
//!
//! None: the value has another shape than what is asked for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::types::CallStat;

/// Null stands for zero.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Null => Some(0),
        value => value.as_i64(),
    }
}

/// A missing or null map is empty.
pub(crate) fn map<T>(
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

/// What calls cost; null or a missing figure is zero.
pub(crate) fn call_stat(value: &Value) -> Option<CallStat> {
    if value.is_null() {
        return Some(CallStat::default());
    }
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
