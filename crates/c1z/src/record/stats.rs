//! Statistics of a sync: counts of its rows, and figures that the syncer left in its token.
//!
//! The stored record is a projection that is never invalidated by itself: it counts for a sync only
//! while it names that sync, and whoever edits rows must rewrite or delete it. Absence is always safe:
//! [`SyncStats`] can be counted again, key by key, with [`SyncStats::count`] (`c1z3-keyspace` §7.1,
//! `store-contract` §7).

use std::collections::BTreeMap;

use c1z_proto::storage::v3::{self, IngestQualityStats, SyncStatsRecord};

use super::{Timestamp, message};
use crate::keyspace::{Family, Key};
use crate::{Error, Result};

const STRUCTURE: &str = "stats record";

/// Counts by resource type id.
pub type CountByType = BTreeMap<String, u64>;

/// Calls to one endpoint, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallStat {
    /// Calls.
    pub count: i64,
    /// Time of all calls, milliseconds.
    pub total_ms: i64,
    /// Time of the longest call, milliseconds.
    pub max_ms: i64,
    /// Calls that failed.
    pub errors: i64,
    /// Calls that ran out of time.
    pub timeouts: i64,
}

/// What the syncer dropped or doubted while it ingested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IngestQuality {
    /// Whether the data must not serve as a source of replay.
    pub source_cache_replay_blocked: bool,
    /// Entitlements dropped.
    pub entitlements_dropped: u64,
    /// Grants dropped.
    pub grants_dropped: u64,
    /// Resources embedded in grants dropped.
    pub grant_resources_dropped: u64,
    /// Resource types of expansions dropped.
    pub expansion_resource_types_dropped: u64,
    /// Expansions dropped.
    pub expansions_dropped: u64,
    /// Reasons, as bits.
    pub reason_flags: u64,
    /// Invalid resource types seen.
    pub invalid_resource_types_observed: u64,
    /// Invalid resources seen.
    pub invalid_resources_observed: u64,
    /// Invalid entitlements seen.
    pub invalid_entitlements_observed: u64,
}

/// Figures that are taken from the syncer's token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenStats {
    /// Time spent in each step, milliseconds.
    pub step_durations_ms: BTreeMap<String, i64>,
    /// Calls to the connector.
    pub connector_call_stats: BTreeMap<String, CallStat>,
    /// Calls to the session store.
    pub session_store_stats: BTreeMap<String, CallStat>,
    /// Quality of the ingested data; none when the syncer did not say.
    pub ingest_quality: Option<IngestQuality>,
}

/// Statistics of a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncStats {
    /// Resource types.
    pub resource_types: u64,
    /// Resources.
    pub resources: u64,
    /// Entitlements.
    pub entitlements: u64,
    /// Grants.
    pub grants: u64,
    /// Assets.
    pub assets: u64,
    /// Resources by their type; only types with rows.
    pub resources_by_type: CountByType,
    /// Grants by the type of the *entitlement's* resource; only types with rows.
    pub grants_by_type: CountByType,
    /// Entitlements by the type of their resource; only types with rows.
    pub entitlements_by_type: CountByType,
    /// Figures of the syncer.
    pub token: TokenStats,
}

impl SyncStats {
    /// Counts one row by its key. Rows that are no records count nothing.
    ///
    /// # Errors
    /// A primary key that contradicts the layout, or whose resource type is not UTF-8.
    pub fn count(&mut self, key: &[u8]) -> Result<()> {
        let Some(family) = Family::of(key).filter(|family| family.is_primary()) else {
            return Ok(());
        };
        let (total, by_type) = match family {
            Family::ResourceType => return add(&mut self.resource_types, 1),
            Family::Asset => return add(&mut self.assets, 1),
            Family::Resource => (&mut self.resources, &mut self.resources_by_type),
            Family::Entitlement => (&mut self.entitlements, &mut self.entitlements_by_type),
            _ => (&mut self.grants, &mut self.grants_by_type),
        };
        let of_type = match &Key::parse(key)? {
            Key::Resource(id) => id.resource_type.clone(),
            Key::Entitlement(id) => id.resource_type.clone(),
            Key::Grant(id) => id.entitlement.resource_type.clone(),
            _ => return Ok(()),
        };
        add(total, 1)?;
        let of_type = super::wire::text(&of_type)?;
        // Rows come sorted, so the type is nearly always there.
        match by_type.get_mut(of_type) {
            Some(count) => add(count, 1),
            None => add(by_type.entry(of_type.to_owned()).or_default(), 1),
        }
    }

    /// Reads the value of the stats row: the sync it is for, the statistics, and when they were
    /// written.
    ///
    /// # Errors
    /// Bytes that are not such a record, or negative counts.
    pub fn decode(value: &[u8]) -> Result<(String, Self, Option<Timestamp>)> {
        let record: SyncStatsRecord = message::decode(STRUCTURE, value)?;
        let written_at = Timestamp::from_field(&record.written_at);
        Ok((
            record.sync_id.clone(),
            Self::from_record(record)?,
            written_at,
        ))
    }

    /// The statistics that a record describes.
    ///
    /// # Errors
    /// Data loss for negative counts.
    pub fn from_record(record: SyncStatsRecord) -> Result<Self> {
        Ok(Self {
            resource_types: unsigned(record.resource_types)?,
            resources: unsigned(record.resources)?,
            entitlements: unsigned(record.entitlements)?,
            grants: unsigned(record.grants)?,
            assets: unsigned(record.assets)?,
            resources_by_type: unsigned_map(record.resources_by_resource_type)?,
            grants_by_type: unsigned_map(record.grants_by_entitlement_resource_type)?,
            entitlements_by_type: unsigned_map(record.entitlements_by_resource_type)?,
            token: TokenStats {
                step_durations_ms: record.step_durations_ms,
                connector_call_stats: read_calls(record.connector_call_stats),
                session_store_stats: read_calls(record.session_store_stats),
                ingest_quality: record.ingest_quality.as_option().map(read_quality),
            },
        })
    }

    /// The record of these statistics for the sync `sync_id`.
    pub fn to_record(&self, sync_id: &str, written_at: Option<Timestamp>) -> SyncStatsRecord {
        SyncStatsRecord {
            sync_id: sync_id.to_owned(),
            resource_types: signed(self.resource_types),
            resources: signed(self.resources),
            entitlements: signed(self.entitlements),
            grants: signed(self.grants),
            assets: signed(self.assets),
            resources_by_resource_type: signed_map(&self.resources_by_type),
            grants_by_entitlement_resource_type: signed_map(&self.grants_by_type),
            entitlements_by_resource_type: signed_map(&self.entitlements_by_type),
            step_durations_ms: self.token.step_durations_ms.clone(),
            connector_call_stats: stored_calls(&self.token.connector_call_stats),
            session_store_stats: stored_calls(&self.token.session_store_stats),
            ingest_quality: self.token.ingest_quality.map(stored_quality).into(),
            written_at: Timestamp::to_field(written_at),
            ..Default::default()
        }
    }

    /// The value of the stats row.
    pub fn encode(&self, sync_id: &str, written_at: Option<Timestamp>) -> Vec<u8> {
        message::encode(&self.to_record(sync_id, written_at))
    }
}

fn add(count: &mut u64, more: u64) -> Result<()> {
    *count = count
        .checked_add(more)
        .ok_or_else(|| Error::new(crate::ErrorKind::Internal, "row count overflow"))?;
    Ok(())
}

fn unsigned(count: i64) -> Result<u64> {
    u64::try_from(count).map_err(|_| Error::data_loss(STRUCTURE, 0, "a count of rows", count))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn unsigned_map(map: BTreeMap<String, i64>) -> Result<CountByType> {
    let entries = map.into_iter();
    entries
        .map(|(key, count)| Ok((key, unsigned(count)?)))
        .collect()
}

fn signed_map(map: &CountByType) -> BTreeMap<String, i64> {
    let entries = map.iter();
    entries
        .map(|(key, &count)| (key.clone(), signed(count)))
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
    map.into_iter()
        .map(|(key, stat)| (key, read(stat)))
        .collect()
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
    map.iter()
        .map(|(key, stat)| (key.clone(), stored(stat)))
        .collect()
}

fn read_quality(record: &IngestQualityStats) -> IngestQuality {
    IngestQuality {
        source_cache_replay_blocked: record.source_cache_replay_blocked,
        entitlements_dropped: record.entitlements_dropped,
        grants_dropped: record.grants_dropped,
        grant_resources_dropped: record.grant_resources_dropped,
        expansion_resource_types_dropped: record.expansion_resource_types_dropped,
        expansions_dropped: record.expansions_dropped,
        reason_flags: record.reason_flags,
        invalid_resource_types_observed: record.invalid_resource_types_observed,
        invalid_resources_observed: record.invalid_resources_observed,
        invalid_entitlements_observed: record.invalid_entitlements_observed,
    }
}

fn stored_quality(quality: IngestQuality) -> IngestQualityStats {
    IngestQualityStats {
        source_cache_replay_blocked: quality.source_cache_replay_blocked,
        entitlements_dropped: quality.entitlements_dropped,
        grants_dropped: quality.grants_dropped,
        grant_resources_dropped: quality.grant_resources_dropped,
        expansion_resource_types_dropped: quality.expansion_resource_types_dropped,
        expansions_dropped: quality.expansions_dropped,
        reason_flags: quality.reason_flags,
        invalid_resource_types_observed: quality.invalid_resource_types_observed,
        invalid_resources_observed: quality.invalid_resources_observed,
        invalid_entitlements_observed: quality.invalid_entitlements_observed,
        ..Default::default()
    }
}
