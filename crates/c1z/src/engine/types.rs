//! The nouns of the storage contract (`store-contract` §0.1, §0.2): sync runs and their types, times, references,
//! statistics. Plain data; no engine, no bytes.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Error, Result};

/// Identifier of a sync run: any non-empty text up to 255 bytes without NUL; ids we generate are KSUIDs
/// (`store-contract` §0.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncId(String);

impl SyncId {
    /// Longest accepted id, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Checks and wraps an id.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        if id.is_empty() || id.len() > Self::MAX_LEN || id.contains('\0') {
            return Err(Error::invalid(format!(
                "sync id must be 1 to {} bytes without NUL: id=`{}`",
                Self::MAX_LEN,
                id.escape_default()
            )));
        }
        Ok(Self(id))
    }

    /// Wraps an id that stands in a file, whatever it is: files that hold odd ids must open.
    pub fn from_stored(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SyncId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Type of a sync run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncType {
    /// Everything the connector knows.
    Full,
    /// A part; may name a parent.
    Partial,
    /// Resource types and resources only.
    ResourcesOnly,
    /// The additions and changes of a pair diff.
    PartialUpserts,
    /// The deletions of a pair diff.
    PartialDeletions,
    /// A type found in a file that this version does not know; kept verbatim, matches no typed query.
    Other(String),
}

impl SyncType {
    /// The types that a sync can be started with.
    pub const KNOWN: [SyncType; 5] = [
        SyncType::Full,
        SyncType::Partial,
        SyncType::ResourcesOnly,
        SyncType::PartialUpserts,
        SyncType::PartialDeletions,
    ];

    /// The type's text form, as v1 files and the command line spell it.
    pub fn as_str(&self) -> &str {
        match self {
            SyncType::Full => "full",
            SyncType::Partial => "partial",
            SyncType::ResourcesOnly => "resources_only",
            SyncType::PartialUpserts => "partial_upserts",
            SyncType::PartialDeletions => "partial_deletions",
            SyncType::Other(text) => text,
        }
    }

    /// The type with this text form, for text that stands in a file.
    pub fn from_stored(text: &str) -> Self {
        Self::KNOWN
            .into_iter()
            .find(|known| known.as_str() == text)
            .unwrap_or_else(|| SyncType::Other(text.to_owned()))
    }

    /// Parses a caller's query: the empty text means any type.
    pub fn parse_query(text: &str) -> Result<Option<Self>> {
        match Self::from_stored(text) {
            SyncType::Other(text) if text.is_empty() => Ok(None),
            SyncType::Other(text) => {
                Err(Error::invalid(format!("unknown sync type: type=`{text}`")))
            }
            known => Ok(Some(known)),
        }
    }

    /// Whether a sync of this type may name a parent when it starts (`store-contract` §0.2).
    pub fn allows_parent(&self) -> bool {
        !matches!(self, SyncType::Full | SyncType::ResourcesOnly)
    }
}

impl fmt::Display for SyncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An instant in UTC with nanosecond precision, counted from the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds since the epoch; negative before 1970.
    pub seconds: i64,
    /// Nanoseconds within the second, 0 to 999,999,999.
    pub nanos: u32,
}

impl Timestamp {
    /// The instant as wall-clock time gives it.
    pub fn from_system_time(time: std::time::SystemTime) -> Self {
        match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Self {
                seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                nanos: after.subsec_nanos(),
            },
            Err(before) => {
                let before = before.duration();
                let seconds = -i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
                match before.subsec_nanos() {
                    0 => Self { seconds, nanos: 0 },
                    nanos => Self {
                        seconds: seconds - 1,
                        nanos: 1_000_000_000 - nanos,
                    },
                }
            }
        }
    }

    /// Nanoseconds since the epoch.
    pub fn unix_nanos(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// This instant moved by whole seconds, saturating at the ends of time.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self {
            seconds: self.seconds.saturating_add(seconds),
            nanos: self.nanos,
        }
    }

    /// The instant a nanosecond later, saturating at the end of time.
    #[must_use]
    pub fn next_nanosecond(self) -> Self {
        match self.nanos {
            0..999_999_999 => Self {
                nanos: self.nanos + 1,
                ..self
            },
            _ => Self {
                seconds: self.seconds.saturating_add(1),
                nanos: 0,
            },
        }
    }

    /// Calendar date and time of day in UTC: year, month, day, hour, minute, second.
    ///
    /// The proleptic Gregorian calendar, counted in 400-year eras from 1 March so that the leap day ends a year.
    pub fn civil(self) -> (i64, u32, u32, u32, u32, u32) {
        let days = self.seconds.div_euclid(86_400);
        let second_of_day = u32::try_from(self.seconds.rem_euclid(86_400)).unwrap_or(0);
        let from_march_0000 = days + 719_468;
        let era = from_march_0000.div_euclid(146_097);
        let day_of_era = from_march_0000.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let small = |n: i64| u32::try_from(n).unwrap_or(0);
        (
            year,
            small(month),
            small(day),
            second_of_day / 3_600,
            second_of_day / 60 % 60,
            second_of_day % 60,
        )
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with 0, 3, 6 or 9 fractional digits, as protobuf's JSON form writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.civil();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        match self.nanos {
            0 => {}
            n if n % 1_000_000 == 0 => write!(f, ".{:03}", n / 1_000_000)?,
            n if n % 1_000 == 0 => write!(f, ".{:06}", n / 1_000)?,
            n => write!(f, ".{n:09}")?,
        }
        f.write_str("Z")
    }
}

/// One sync run, as the store records it.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncRun {
    /// Identifier.
    pub id: SyncId,
    /// Type.
    pub sync_type: SyncType,
    /// The sync this one builds on; may name a sync that is not in the store. Empty: none.
    pub parent_id: String,
    /// Partner of a pair diff. Empty: none.
    pub linked_id: String,
    /// When it was started; absent only in files that never recorded it.
    pub started_at: Option<Timestamp>,
    /// When it was finished; absent while it is unfinished.
    pub ended_at: Option<Timestamp>,
    /// The syncer's checkpoint: opaque text.
    pub token: String,
    /// Whether the expansion columns can be trusted by a pair diff.
    pub supports_diff: bool,
    /// Provenance of ingest-invariant checks, complete or not; see [`Verification::is_complete`].
    pub verification: Verification,
    /// Statistics recorded when the sync was finished, if any. Recorded, not recounted.
    pub stats: Option<SyncStats>,
}

impl SyncRun {
    /// A run that was just started.
    pub fn started(id: SyncId, sync_type: SyncType, parent_id: String, at: Timestamp) -> Self {
        Self {
            id,
            sync_type,
            parent_id,
            linked_id: String::new(),
            started_at: Some(at),
            ended_at: None,
            token: String::new(),
            supports_diff: false,
            verification: Verification::default(),
            stats: None,
        }
    }

    /// Whether the sync was finished.
    pub fn is_finished(&self) -> bool {
        self.ended_at.is_some()
    }
}

/// Which ingest invariants were checked, and how (`store-contract` §2.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Generation of the check table; empty: unverified.
    pub generation: String,
    /// Ids of the checks that ran.
    pub coverage: Vec<String>,
    /// How they ran.
    pub mode: String,
}

impl Verification {
    /// The modes that count as verified.
    pub const MODES: [&'static str; 4] = [
        "connector",
        "connector_fail_fast",
        "compaction_merge",
        "compaction_merge_fail_fast",
    ];

    /// Whether the mark counts: generation and coverage present, mode known. Anything else reads as unverified.
    pub fn is_complete(&self) -> bool {
        !self.generation.is_empty()
            && !self.coverage.is_empty()
            && Self::MODES.contains(&self.mode.as_str())
    }
}

/// Row counts of one sync, and what its token says of how it ran (`store-contract` §7).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncStats {
    /// Resource types.
    pub resource_types: i64,
    /// Resources.
    pub resources: i64,
    /// Entitlements.
    pub entitlements: i64,
    /// Grants.
    pub grants: i64,
    /// Assets.
    pub assets: i64,
    /// Resources by their resource type.
    pub resources_by_resource_type: BTreeMap<String, i64>,
    /// Grants by the resource type of their *entitlement's* resource.
    pub grants_by_resource_type: BTreeMap<String, i64>,
    /// Entitlements by the resource type of their resource.
    pub entitlements_by_resource_type: BTreeMap<String, i64>,
    /// Milliseconds spent in each step of the sync.
    pub step_durations_ms: BTreeMap<String, i64>,
    /// Calls to the connector, by method.
    pub connector_call_stats: BTreeMap<String, CallStat>,
    /// Calls to the session store, by method.
    pub session_store_stats: BTreeMap<String, CallStat>,
    /// Ingest quality as its encoded message, kept byte for byte; absent when the token says nothing.
    pub ingest_quality: Option<Vec<u8>>,
    /// When the statistics were recorded.
    pub written_at: Option<Timestamp>,
}

/// Timing of one kind of call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallStat {
    /// Calls.
    pub count: i64,
    /// Milliseconds in all calls.
    pub total_ms: i64,
    /// Milliseconds of the longest call.
    pub max_ms: i64,
    /// Calls that failed.
    pub errors: i64,
    /// Calls that timed out.
    pub timeouts: i64,
}

/// Names one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceRef {
    /// Resource type id.
    pub resource_type: String,
    /// Resource id.
    pub resource: String,
}

impl ResourceRef {
    /// The reference of the given parts.
    pub fn new(resource_type: impl Into<String>, resource: impl Into<String>) -> Self {
        Self {
            resource_type: resource_type.into(),
            resource: resource.into(),
        }
    }
}

impl fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource_type, self.resource)
    }
}

/// Names one entitlement: by id alone, or narrowed to a resource where ids repeat (`store-contract` §5.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntitlementRef {
    /// External id.
    pub id: String,
    /// The entitlement's resource, if the caller knows it.
    pub resource: Option<ResourceRef>,
}

impl EntitlementRef {
    /// The bare id.
    pub fn bare(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            resource: None,
        }
    }
}

/// Names one grant by structure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantKey {
    /// The entitlement granted.
    pub entitlement: EntitlementRef,
    /// Who holds it.
    pub principal: ResourceRef,
}
