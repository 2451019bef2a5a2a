//! Counting rows (`store-contract` §7).

use std::collections::BTreeMap;

use buffa::Message as _;
use c1z_proto::storage::v3::IngestQualityStats;
use serde_json::{Map, Value};

use super::key;
use super::state::Records;
use crate::engine::types::{CallStat, SyncStats};

/// Counts of a sync, and what its token says of how it ran.
pub(super) fn count(records: &Records, token: &str) -> SyncStats {
    let mut stats = SyncStats {
        resource_types: total(records.resource_types.len()),
        resources: total(records.resources.len()),
        entitlements: total(records.entitlements.len()),
        grants: total(records.grants.len()),
        assets: total(records.assets.len()),
        ..Default::default()
    };
    for row in records.resource_types.values() {
        stats
            .resources_by_resource_type
            .insert(row.record.id.clone(), 0);
    }
    for row in records.resources.values() {
        add(
            &mut stats.resources_by_resource_type,
            key::resource_ref(&row.record).resource_type,
        );
    }
    for row in records.entitlements.values() {
        let resource = key::entitlement_resource(&row.record);
        add(
            &mut stats.entitlements_by_resource_type,
            resource.resource_type,
        );
    }
    for row in records.grants.values() {
        let resource = row.record.entitlement.resource.clone().unwrap_or_default();
        add(&mut stats.grants_by_resource_type, resource.resource_type);
    }
    // A token that is not of the expected form says nothing, and that is no error.
    lift(token, &mut stats).unwrap_or_default();
    stats
}

fn total(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn add(counts: &mut BTreeMap<String, i64>, of: String) {
    *counts.entry(of).or_insert(0) += 1;
}

/// Takes over what the token says, all of it or nothing.
fn lift(token: &str, stats: &mut SyncStats) -> Option<()> {
    let token: Value = serde_json::from_str(token).ok()?;
    let token = token.as_object()?;
    let durations = numbers(token.get("step_durations_ms"))?;
    let connector = calls(token.get("connector_call_stats"))?;
    let sessions = calls(token.get("session_store_stats"))?;
    let quality = match token.get("ingest_quality") {
        None | Some(Value::Null) => None,
        Some(quality) => Some(ingest_quality(quality.as_object()?)?),
    };
    stats.step_durations_ms = durations;
    stats.connector_call_stats = connector;
    stats.session_store_stats = sessions;
    stats.ingest_quality = quality;
    Some(())
}

fn entries(value: Option<&Value>) -> Option<Map<String, Value>> {
    match value {
        None | Some(Value::Null) => Some(Map::new()),
        Some(value) => value.as_object().cloned(),
    }
}

fn numbers(value: Option<&Value>) -> Option<BTreeMap<String, i64>> {
    let entries = entries(value)?.into_iter();
    entries
        .map(|(key, value)| Some((key, value.as_i64()?)))
        .collect()
}

fn calls(value: Option<&Value>) -> Option<BTreeMap<String, CallStat>> {
    let call = |value: &Value| {
        let fields = numbers(Some(value))?;
        let field = |name: &str| fields.get(name).copied().unwrap_or(0);
        Some(CallStat {
            count: field("count"),
            total_ms: field("total_ms"),
            max_ms: field("max_ms"),
            errors: field("errors"),
            timeouts: field("timeouts"),
        })
    };
    let entries = entries(value)?.into_iter();
    entries
        .map(|(key, value)| Some((key, call(&value)?)))
        .collect()
}

/// The encoded message of ingest quality, from its fields by name.
fn ingest_quality(fields: &Map<String, Value>) -> Option<Vec<u8>> {
    let number = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_u64(),
    };
    let blocked = match fields.get("source_cache_replay_blocked") {
        None | Some(Value::Null) => false,
        Some(value) => value.as_bool()?,
    };
    let message = IngestQualityStats {
        source_cache_replay_blocked: blocked,
        entitlements_dropped: number("entitlements_dropped")?,
        grants_dropped: number("grants_dropped")?,
        grant_resources_dropped: number("grant_resources_dropped")?,
        expansion_resource_types_dropped: number("expansion_resource_types_dropped")?,
        expansions_dropped: number("expansions_dropped")?,
        reason_flags: number("reason_flags")?,
        invalid_resource_types_observed: number("invalid_resource_types_observed")?,
        invalid_resources_observed: number("invalid_resources_observed")?,
        invalid_entitlements_observed: number("invalid_entitlements_observed")?,
        ..Default::default()
    };
    Some(message.encode_to_vec())
}
