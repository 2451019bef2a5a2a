//! The sync run: one row that says which sync a database holds and how far it got.
//!
//! A run is finished exactly when it has an end. [`SyncRun::from_record`] and
//! [`SyncRun::apply_to`] are inverse on every field that the struct has; what a stored record holds
//! besides (fields of newer versions) stays when a run is applied to it (`c1z3-keyspace` §6).

use std::fmt;

use buffa::EnumValue;
use c1z_proto::storage::v3::{self, SyncRunRecord};

use super::{Timestamp, message};
use crate::Result;

/// What a sync covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncType {
    /// None was stored.
    #[default]
    Unspecified,
    /// Everything.
    Full,
    /// A part, on top of a parent.
    Partial,
    /// Resource types and resources only.
    ResourcesOnly,
    /// The additions and changes of a diff.
    PartialUpserts,
    /// The deletions of a diff.
    PartialDeletions,
    /// A number that this version does not know, kept as it is.
    Unknown(i32),
}

impl SyncType {
    /// The types that have a name, in the order of their numbers.
    pub const NAMED: [SyncType; 5] = [
        SyncType::Full,
        SyncType::Partial,
        SyncType::ResourcesOnly,
        SyncType::PartialUpserts,
        SyncType::PartialDeletions,
    ];

    /// The name that v1 files and the program use; none for an unknown or unspecified type.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            SyncType::Full => "full",
            SyncType::Partial => "partial",
            SyncType::ResourcesOnly => "resources_only",
            SyncType::PartialUpserts => "partial_upserts",
            SyncType::PartialDeletions => "partial_deletions",
            SyncType::Unspecified | SyncType::Unknown(_) => return None,
        })
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMED
            .into_iter()
            .find(|named| named.name() == Some(name))
    }

    /// The number that is stored.
    pub const fn number(self) -> i32 {
        match self {
            SyncType::Unspecified => 0,
            SyncType::Full => 1,
            SyncType::Partial => 2,
            SyncType::ResourcesOnly => 3,
            SyncType::PartialUpserts => 4,
            SyncType::PartialDeletions => 5,
            SyncType::Unknown(number) => number,
        }
    }

    /// The type of a stored number.
    pub const fn from_number(number: i32) -> Self {
        match number {
            0 => SyncType::Unspecified,
            1 => SyncType::Full,
            2 => SyncType::Partial,
            3 => SyncType::ResourcesOnly,
            4 => SyncType::PartialUpserts,
            5 => SyncType::PartialDeletions,
            other => SyncType::Unknown(other),
        }
    }

    pub(crate) fn to_enum(self) -> EnumValue<v3::SyncType> {
        self.number().into()
    }
}

impl fmt::Display for SyncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self) {
            (Some(name), _) => f.write_str(name),
            (None, SyncType::Unknown(number)) => write!(f, "unknown type {number}"),
            (None, _) => f.write_str("unspecified"),
        }
    }
}

/// Which checks of the ingested data ran, and how. Empty when none did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Generation of the checks; empty when unverified.
    pub generation: String,
    /// Ids of the checks that ran.
    pub coverage: Vec<String>,
    /// Who ran them and what a failure did.
    pub mode: String,
}

impl Verification {
    /// The modes that count.
    const MODES: [&'static str; 4] = [
        "connector",
        "connector_fail_fast",
        "compaction_merge",
        "compaction_merge_fail_fast",
    ];

    /// Whether the data count as verified: generation and coverage are there and the mode is known.
    pub fn is_verified(&self) -> bool {
        !self.generation.is_empty()
            && !self.coverage.is_empty()
            && Self::MODES.contains(&self.mode.as_str())
    }
}

/// A sync run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncRun {
    /// The sync's id.
    pub id: String,
    /// What it covers.
    pub sync_type: SyncType,
    /// The sync it builds on; empty without one. May name a sync of another file.
    pub parent_id: String,
    /// Its partner in a diff; empty without one.
    pub linked_id: String,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it was finished; none while it is not.
    pub ended_at: Option<Timestamp>,
    /// The syncer's checkpoint, opaque here but for the statistics inside ([`super::token`]).
    pub token: String,
    /// Whether expansion metadata are complete, so that a later sync can expand by difference.
    pub supports_diff: bool,
    /// Checks of the data.
    pub verification: Verification,
}

impl SyncRun {
    /// Whether the sync was finished.
    pub fn is_finished(&self) -> bool {
        self.ended_at.is_some()
    }

    /// Reads the value of the sync run row.
    ///
    /// # Errors
    /// Bytes that are not such a record.
    pub fn decode(value: &[u8]) -> Result<Self> {
        message::decode("sync run record", value).map(Self::from_record)
    }

    /// The run that a record describes.
    pub fn from_record(record: SyncRunRecord) -> Self {
        Self {
            id: record.sync_id,
            sync_type: SyncType::from_number(record.r#type.to_i32()),
            parent_id: record.parent_sync_id,
            linked_id: record.linked_sync_id,
            started_at: Timestamp::from_field(&record.started_at),
            ended_at: Timestamp::from_field(&record.ended_at),
            token: record.sync_token,
            supports_diff: record.supports_diff,
            verification: Verification {
                generation: record.ingest_invariant_generation,
                coverage: record.ingest_invariant_coverage,
                mode: record.ingest_invariant_mode,
            },
        }
    }

    /// Writes the run over a record. Fields that this struct does not have stay as they are.
    pub fn apply_to(&self, record: &mut SyncRunRecord) {
        record.sync_id.clone_from(&self.id);
        record.r#type = self.sync_type.to_enum();
        record.parent_sync_id.clone_from(&self.parent_id);
        record.linked_sync_id.clone_from(&self.linked_id);
        record.started_at = Timestamp::to_field(self.started_at);
        record.ended_at = Timestamp::to_field(self.ended_at);
        record.sync_token.clone_from(&self.token);
        record.supports_diff = self.supports_diff;
        let verification = &self.verification;
        record
            .ingest_invariant_generation
            .clone_from(&verification.generation);
        record
            .ingest_invariant_coverage
            .clone_from(&verification.coverage);
        record.ingest_invariant_mode.clone_from(&verification.mode);
    }

    /// A record of this run alone.
    pub fn to_record(&self) -> SyncRunRecord {
        let mut record = SyncRunRecord::default();
        self.apply_to(&mut record);
        record
    }

    /// The value of the sync run row, over what the row held before, if anything.
    ///
    /// # Errors
    /// `previous` is not such a record.
    pub fn encode_over(&self, previous: Option<&[u8]>) -> Result<Vec<u8>> {
        let mut record = match previous {
            Some(value) => message::decode("sync run record", value)?,
            None => SyncRunRecord::default(),
        };
        self.apply_to(&mut record);
        Ok(message::encode(&record))
    }
}
