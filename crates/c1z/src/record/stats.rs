//! Statistics of a sync: counts of its rows, and figures that the syncer left in its token.
//!
//! The stored record is a projection that is never invalidated by itself: it counts for a sync only
//! while it names that sync, and whoever edits rows must rewrite or delete it. Absence is always safe:
//! counts can be made again, key by key, with [`count`] (`c1z3-keyspace` §7.1, `store-contract` §7).

use std::collections::BTreeMap;

use c1z_proto::reader::v2 as reader;
use c1z_proto::storage::v3::{self, IngestQualityStats, SyncStatsRecord};

use super::{message, timestamp, wire};
use crate::Result;
use crate::engine::types::{CallStat, SyncStats};
use crate::keyspace::{Family, Key};

/// Counts one row by its key. Rows that are no records count nothing.
///
/// # Errors
/// A primary key that contradicts the layout, or whose resource type is not UTF-8.
pub fn count(stats: &mut SyncStats, key: &[u8]) -> Result<()> {
    let Some(family) = Family::of(key).filter(|family| family.is_primary()) else {
        return Ok(());
    };
    let key = Key::parse(key)?;
    let (total, by_type, of_type) = match &key {
        Key::Resource(id) => (
            &mut stats.resources,
            &mut stats.resources_by_resource_type,
            &id.resource_type,
        ),
        Key::Entitlement(id) => (
            &mut stats.entitlements,
            &mut stats.entitlements_by_resource_type,
            &id.resource_type,
        ),
        Key::Grant(id) => (
            &mut stats.grants,
            &mut stats.grants_by_resource_type,
            &id.entitlement.resource_type,
        ),
        _ => {
            let total = match family {
                Family::ResourceType => &mut stats.resource_types,
                _ => &mut stats.assets,
            };
            *total += 1;
            return Ok(());
        }
    };
    *total += 1;
    // Rows come sorted, so the type is nearly always there.
    let of_type = wire::text(of_type)?;
    match by_type.get_mut(of_type) {
        Some(count) => *count += 1,
        None => drop(by_type.insert(of_type.to_owned(), 1)),
    }
    Ok(())
}

/// As [`count`], and a resource type that has a row counts its resources from zero on (`store-contract`
/// §7). Go's Pebble engine leaves out types without resources.
///
/// # Errors
/// Those of [`count`].
pub fn count_with_types(stats: &mut SyncStats, key: &[u8]) -> Result<()> {
    count(stats, key)?;
    name_type(stats, key)
}

/// Names a resource type, if `key` is that of one: with no resources, if none was counted.
///
/// # Errors
/// Those of [`count`].
pub fn name_type(stats: &mut SyncStats, key: &[u8]) -> Result<()> {
    if Family::of(key) == Some(Family::ResourceType)
        && let Key::ResourceType(id) = Key::parse(key)?
    {
        let of_type = wire::text(&id)?.to_owned();
        stats.resources_by_resource_type.entry(of_type).or_default();
    }
    Ok(())
}

/// Reads the value of the stats row: the sync it is for, and the statistics.
///
/// # Errors
/// Bytes that are not such a record.
pub fn decode(value: &[u8]) -> Result<(String, SyncStats)> {
    let mut record: SyncStatsRecord = message::decode("stats record", value)?;
    let sync_id = std::mem::take(&mut record.sync_id);
    Ok((sync_id, from_record(record)))
}

/// The value of the stats row of a sync.
///
/// # Errors
/// Data loss when the quality figures are not a message.
pub fn encode(stats: &SyncStats, sync_id: &str) -> Result<Vec<u8>> {
    Ok(message::encode(&to_record(stats, sync_id)?))
}

/// The statistics that a record describes.
pub fn from_record(record: SyncStatsRecord) -> SyncStats {
    SyncStats {
        resource_types: record.resource_types,
        resources: record.resources,
        entitlements: record.entitlements,
        grants: record.grants,
        assets: record.assets,
        resources_by_resource_type: record.resources_by_resource_type,
        grants_by_resource_type: record.grants_by_entitlement_resource_type,
        entitlements_by_resource_type: record.entitlements_by_resource_type,
        step_durations_ms: record.step_durations_ms,
        connector_call_stats: read_calls(record.connector_call_stats),
        session_store_stats: read_calls(record.session_store_stats),
        ingest_quality: record.ingest_quality.as_option().map(message::encode),
        written_at: timestamp::from_field(&record.written_at),
    }
}

/// The record of a sync's statistics.
///
/// # Errors
/// Data loss when the quality figures are not a message.
pub fn to_record(stats: &SyncStats, sync_id: &str) -> Result<SyncStatsRecord> {
    let quality = stats.ingest_quality.as_deref();
    let quality: Option<IngestQualityStats> = quality
        .map(|bytes| message::decode("ingest quality", bytes))
        .transpose()?;
    Ok(SyncStatsRecord {
        sync_id: sync_id.to_owned(),
        resource_types: stats.resource_types,
        resources: stats.resources,
        entitlements: stats.entitlements,
        grants: stats.grants,
        assets: stats.assets,
        resources_by_resource_type: stats.resources_by_resource_type.clone(),
        grants_by_entitlement_resource_type: stats.grants_by_resource_type.clone(),
        entitlements_by_resource_type: stats.entitlements_by_resource_type.clone(),
        step_durations_ms: stats.step_durations_ms.clone(),
        connector_call_stats: stored_calls(&stats.connector_call_stats),
        session_store_stats: stored_calls(&stats.session_store_stats),
        ingest_quality: quality.into(),
        written_at: timestamp::to_field(stats.written_at),
        ..Default::default()
    })
}

/// The statistics as the reader services and v1 files tell them. Quality figures have no place there.
pub fn to_message(stats: &SyncStats) -> reader::SyncStats {
    reader::SyncStats {
        resource_types: stats.resource_types,
        resources: stats.resources,
        entitlements: stats.entitlements,
        grants: stats.grants,
        assets: stats.assets,
        resources_by_resource_type: stats.resources_by_resource_type.clone(),
        grants_by_resource_type: stats.grants_by_resource_type.clone(),
        entitlements_by_resource_type: stats.entitlements_by_resource_type.clone(),
        step_durations_ms: stats.step_durations_ms.clone(),
        connector_call_stats: told_calls(&stats.connector_call_stats),
        session_store_stats: told_calls(&stats.session_store_stats),
        ..Default::default()
    }
}

fn told_calls(map: &BTreeMap<String, CallStat>) -> BTreeMap<String, reader::CallStat> {
    let told = |stat: &CallStat| reader::CallStat {
        count: stat.count,
        total_ms: stat.total_ms,
        max_ms: stat.max_ms,
        errors: stat.errors,
        timeouts: stat.timeouts,
        ..Default::default()
    };
    map.iter()
        .map(|(key, stat)| (key.clone(), told(stat)))
        .collect()
}

fn read_calls(map: BTreeMap<String, v3::CallStat>) -> BTreeMap<String, CallStat> {
    let read = |stat: v3::CallStat| CallStat {
        count: stat.count,
        total_ms: stat.total_ms,
        max_ms: stat.max_ms,
        errors: stat.errors,
        timeouts: stat.timeouts,
    };
    let entries = map.into_iter();
    entries.map(|(key, stat)| (key, read(stat))).collect()
}

fn stored_calls(map: &BTreeMap<String, CallStat>) -> BTreeMap<String, v3::CallStat> {
    let stored = |stat: &CallStat| v3::CallStat {
        count: stat.count,
        total_ms: stat.total_ms,
        max_ms: stat.max_ms,
        errors: stat.errors,
        timeouts: stat.timeouts,
        ..Default::default()
    };
    let entries = map.iter();
    entries
        .map(|(key, stat)| (key.clone(), stored(stat)))
        .collect()
}
