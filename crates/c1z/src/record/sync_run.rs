//! The sync run: one row that says which sync a database holds and how far it got.
//!
//! A run is finished exactly when it has an end. What a stored record holds besides the fields of
//! [`SyncRun`] (fields of newer versions) stays when a run is written over it. Statistics are a row of
//! their own and not touched here ([`super::stats`]). Facts: `c1z3-keyspace` §6.

use c1z_proto::storage::v3::SyncRunRecord;

use super::{message, timestamp};
use crate::engine::types::{SyncId, SyncRun, SyncType, Verification};
use crate::{Error, Result};

const STRUCTURE: &str = "sync run record";

/// The stored numbers of the types that have one.
const NUMBERS: [(i32, SyncType); 5] = [
    (1, SyncType::Full),
    (2, SyncType::Partial),
    (3, SyncType::ResourcesOnly),
    (4, SyncType::PartialUpserts),
    (5, SyncType::PartialDeletions),
];

/// The type of a stored number. A number that is not known is kept as its digits, 0 as the empty text.
pub fn type_from_number(number: i32) -> SyncType {
    let known = NUMBERS.into_iter().find(|(known, _)| *known == number);
    match (known, number) {
        (Some((_, known)), _) => known,
        (None, 0) => SyncType::Other(String::new()),
        (None, other) => SyncType::Other(other.to_string()),
    }
}

/// The number that stands for a type.
///
/// # Errors
/// Invalid argument for a type that v3 files have no number for.
pub fn type_number(sync_type: &SyncType) -> Result<i32> {
    match sync_type {
        SyncType::Other(text) if text.is_empty() => Ok(0),
        SyncType::Other(text) => text.parse().map_err(|_| {
            Error::invalid(format!("sync type has no number in v3 files type=`{text}`"))
        }),
        known => {
            let number = NUMBERS.iter().find(|(_, other)| other == known);
            Ok(number.map_or(0, |(number, _)| *number))
        }
    }
}

/// Reads the value of the sync run row. The run comes without statistics.
///
/// # Errors
/// Bytes that are not such a record.
pub fn decode(value: &[u8]) -> Result<SyncRun> {
    message::decode(STRUCTURE, value).map(from_record)
}

/// The value of the sync run row, written over what the row held before, if anything.
///
/// # Errors
/// `previous` is not such a record, or the type has no number.
pub fn encode_over(run: &SyncRun, previous: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut record = match previous {
        Some(value) => message::decode(STRUCTURE, value)?,
        None => SyncRunRecord::default(),
    };
    apply(run, &mut record)?;
    Ok(message::encode(&record))
}

/// The run that a record describes, without statistics.
pub fn from_record(record: SyncRunRecord) -> SyncRun {
    SyncRun {
        id: SyncId::from_stored(record.sync_id),
        sync_type: type_from_number(record.r#type.to_i32()),
        parent_id: record.parent_sync_id,
        linked_id: record.linked_sync_id,
        started_at: timestamp::from_field(&record.started_at),
        ended_at: timestamp::from_field(&record.ended_at),
        token: record.sync_token,
        supports_diff: record.supports_diff,
        verification: Verification {
            generation: record.ingest_invariant_generation,
            coverage: record.ingest_invariant_coverage,
            mode: record.ingest_invariant_mode,
        },
        stats: None,
    }
}

/// Writes a run over a record. Fields that a run does not have stay as they are.
///
/// # Errors
/// Invalid argument for a type that v3 files have no number for.
pub fn apply(run: &SyncRun, record: &mut SyncRunRecord) -> Result<()> {
    record.r#type = type_number(&run.sync_type)?.into();
    run.id.as_str().clone_into(&mut record.sync_id);
    record.parent_sync_id.clone_from(&run.parent_id);
    record.linked_sync_id.clone_from(&run.linked_id);
    record.started_at = timestamp::to_field(run.started_at);
    record.ended_at = timestamp::to_field(run.ended_at);
    record.sync_token.clone_from(&run.token);
    record.supports_diff = run.supports_diff;
    let Verification {
        generation,
        coverage,
        mode,
    } = &run.verification;
    record.ingest_invariant_generation.clone_from(generation);
    record.ingest_invariant_coverage.clone_from(coverage);
    record.ingest_invariant_mode.clone_from(mode);
    Ok(())
}
