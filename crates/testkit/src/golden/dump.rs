//! What the Go reader answered about a file, row by row (`dump.*.ndjson.gz`).
//!
//! Every kind of row and every field is known; a new one is an error, so that nothing is skipped silently.

use std::collections::BTreeMap;
use std::path::Path;

use c1z::engine::types::Timestamp;
use c1z_proto::connector::v2::GrantExpandable;
use serde::Deserialize;

use super::lookup::{Lookup, RawLookup};
use super::ndjson::Line;
use super::{json, ndjson};
use crate::{Error, Result};

/// All rows of a dump.
#[derive(Clone, Debug, PartialEq)]
pub struct Dump {
    /// Where it came from, for messages.
    pub name: String,
    /// Engine, format, time of reading; none where Go refused the file.
    pub meta: Option<Meta>,
    /// The rows after that, in order.
    pub rows: Vec<Line<Row>>,
}

impl Dump {
    /// Reads a dump.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        Self::from_lines(name.clone(), ndjson::load(path)?).map_err(|error| error.at(name))
    }

    /// Reads a dump from the bytes of its gzip file.
    pub fn parse(name: &str, gzip: &[u8]) -> Result<Self> {
        let lines = ndjson::parse(gzip).map_err(|error| error.at(name))?;
        Self::from_lines(name.to_owned(), lines).map_err(|error| error.at(name))
    }

    fn from_lines(name: String, lines: Vec<Line<RawRow>>) -> Result<Self> {
        let mut meta = None;
        let mut rows = Vec::with_capacity(lines.len());
        for Line { number, row } in lines {
            let row = match row {
                RawRow::Meta(row) if meta.is_none() && number == 1 => {
                    meta = Some(row);
                    continue;
                }
                RawRow::Meta(_) => {
                    return Err(Error::new(format!("line {number}: a second meta row")));
                }
                other => other
                    .into_row()
                    .map_err(|error| error.at(format!("line {number}")))?,
            };
            rows.push(Line { number, row });
        }
        let dump = Self { name, meta, rows };
        if dump.meta.is_none() && dump.open_error().is_none() {
            return Err(Error::new("no meta row in the first line"));
        }
        Ok(dump)
    }

    /// When Go read the file: the reader's clock, where a sync is unfinished.
    pub fn read_at(&self) -> Timestamp {
        self.meta
            .as_ref()
            .map(|meta| meta.read_at)
            .unwrap_or_default()
    }

    /// The sync runs, in order.
    pub fn sync_runs(&self) -> impl Iterator<Item = &SyncRunRow> {
        self.rows.iter().filter_map(|line| match &line.row {
            Row::SyncRun(run) => Some(run),
            _ => None,
        })
    }

    /// The error with which Go refused the file, if it did.
    pub fn open_error(&self) -> Option<&GoError> {
        self.rows.iter().find_map(|line| match &line.row {
            Row::OpenError(error) => Some(error),
            _ => None,
        })
    }

    /// The rows of one of the four lists of a sync, in list order.
    pub fn items<'a>(&'a self, list: List, sync_id: &'a str) -> impl Iterator<Item = &'a ItemRow> {
        self.rows.iter().filter_map(move |line| match &line.row {
            Row::Item(of, item) if *of == list && item.sync_id == sync_id => Some(item),
            _ => None,
        })
    }
}

/// One of the four lists that every engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// Resource types.
    ResourceTypes,
    /// Resources.
    Resources,
    /// Entitlements.
    Entitlements,
    /// Grants.
    Grants,
}

impl List {
    /// All four, in the order in which the dump reads them.
    pub const ALL: [List; 4] = [
        List::ResourceTypes,
        List::Resources,
        List::Entitlements,
        List::Grants,
    ];

    /// The list's name.
    pub fn name(self) -> &'static str {
        match self {
            List::ResourceTypes => "resource types",
            List::Resources => "resources",
            List::Entitlements => "entitlements",
            List::Grants => "grants",
        }
    }
}

/// A row of a dump.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A sync run.
    SyncRun(SyncRunRow),
    /// How much a reader sees.
    View(View),
    /// A row of one of the four lists.
    Item(List, ItemRow),
    /// Page shapes with seven rows a page.
    PageSize7(PageSize7),
    /// A grant with an expansion annotation, `i` its position among all grants.
    GrantExpansion(ExpansionRow),
    /// A row of the list of pending expansions.
    PendingExpansion(ExpansionRow),
    /// The legacy statistics map.
    Stats(Outcome<BTreeMap<String, i64>>),
    /// Statistics.
    StatsV2(Outcome<StatsJson>),
    /// Grants by resource type.
    GrantStats(Outcome<BTreeMap<String, i64>>),
    /// How many session entries there are.
    Sessions(Sessions),
    /// A session entry.
    Session(SessionRow),
    /// An asset.
    Asset(AssetRow),
    /// A point read or filtered list.
    Lookup(Lookup),
    /// What `GetGrant` returned where that was not the row of the list.
    GetGrantDiffers(ItemRow),
    /// The file was refused.
    OpenError(GoError),
    /// A call that failed as a whole.
    Error(GoError),
}

/// Who read the file, and when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// `pebble` or `sqlite`.
    pub engine: String,
    /// `v1` or `v3`.
    pub format: String,
    /// When it was read: set the reader's clock to it where a sync is unfinished.
    #[serde(deserialize_with = "json::time")]
    pub read_at: Timestamp,
}

/// An error of the Go reader.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoError {
    /// Name of the gRPC code, such as `NotFound`; `Unknown` for an error that was not classified.
    pub code: String,
    /// Text; not to be matched.
    pub msg: String,
}

/// The result of a call about one sync.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<T> {
    /// The sync.
    pub sync_id: String,
    /// The answer, or the error.
    pub result: Result<T, GoError>,
}

/// A sync run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncRunRow {
    /// Position, from 0.
    pub i: usize,
    /// Sync id.
    pub id: String,
    /// Type as text.
    #[serde(rename = "type")]
    pub sync_type: String,
    /// Parent, or empty.
    pub parent_sync_id: String,
    /// Partner, or empty.
    pub linked_sync_id: String,
    /// Start.
    #[serde(deserialize_with = "json::time")]
    pub started_at: Timestamp,
    /// End.
    #[serde(default, deserialize_with = "json::time_option")]
    pub ended_at: Option<Timestamp>,
    /// Token.
    pub sync_token: String,
    /// Whether pair diffs are possible.
    pub supports_diff: bool,
    /// Recorded statistics.
    pub stats: Option<StatsJson>,
    /// Verification: generation.
    #[serde(default)]
    pub ingest_invariant_generation: String,
    /// Verification: coverage.
    #[serde(default)]
    pub ingest_invariant_coverage: Vec<String>,
    /// Verification: mode.
    #[serde(default)]
    pub ingest_invariant_mode: String,
}

/// Statistics in protobuf's JSON form; zero fields are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of the message")]
pub struct StatsJson {
    #[serde(deserialize_with = "json::number")]
    pub resource_types: i64,
    #[serde(deserialize_with = "json::number")]
    pub resources: i64,
    #[serde(deserialize_with = "json::number")]
    pub entitlements: i64,
    #[serde(deserialize_with = "json::number")]
    pub grants: i64,
    #[serde(deserialize_with = "json::number")]
    pub assets: i64,
    #[serde(deserialize_with = "json::number_map")]
    pub resources_by_resource_type: BTreeMap<String, i64>,
    #[serde(deserialize_with = "json::number_map")]
    pub grants_by_resource_type: BTreeMap<String, i64>,
    #[serde(deserialize_with = "json::number_map")]
    pub entitlements_by_resource_type: BTreeMap<String, i64>,
    #[serde(deserialize_with = "json::number_map")]
    pub step_durations_ms: BTreeMap<String, i64>,
    pub connector_call_stats: BTreeMap<String, CallStatJson>,
    pub session_store_stats: BTreeMap<String, CallStatJson>,
}

/// Timing of one kind of call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of the message")]
pub struct CallStatJson {
    #[serde(deserialize_with = "json::number")]
    pub count: i64,
    #[serde(deserialize_with = "json::number")]
    pub total_ms: i64,
    #[serde(deserialize_with = "json::number")]
    pub max_ms: i64,
    #[serde(deserialize_with = "json::number")]
    pub errors: i64,
    #[serde(deserialize_with = "json::number")]
    pub timeouts: i64,
}

/// A value for each of the four lists.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of the lists")]
pub struct PerList<T> {
    pub resource_types: T,
    pub resources: T,
    pub entitlements: T,
    pub grants: T,
}

impl<T> PerList<T> {
    /// The value of one list.
    pub fn of(&self, list: List) -> &T {
        match list {
            List::ResourceTypes => &self.resource_types,
            List::Resources => &self.resources,
            List::Entitlements => &self.entitlements,
            List::Grants => &self.grants,
        }
    }
}

/// How much a reader sees of one sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The sync; empty: the reader named none.
    pub sync_id: String,
    /// Number of rows.
    pub rows: PerList<usize>,
    /// Rows on each page of the default size.
    pub page_counts: PerList<Option<Vec<usize>>>,
    /// Errors.
    pub errors: PerList<Option<GoError>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawView {
    sync_id: String,
    resource_types: usize,
    resources: usize,
    entitlements: usize,
    grants: usize,
    default_page_counts: PerList<Option<Vec<usize>>>,
    errors: PerList<Option<GoError>>,
}

/// A row of a list: the whole message, or its id and the hash of its encoding.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemRow {
    /// Position in the list, from 0.
    pub i: usize,
    /// The sync.
    pub sync_id: String,
    /// The message in Go's deterministic encoding.
    #[serde(default, deserialize_with = "json::base64_option")]
    pub pb: Option<Vec<u8>>,
    /// SHA-256 of that encoding, hexadecimal, where the message is left out.
    pub pb_sha256: Option<String>,
    /// External id, where the message is left out.
    pub id: Option<String>,
    /// The message in JSON, for people.
    data: Option<serde::de::IgnoredAny>,
}

/// Page shapes with seven rows a page. Lists are left out where they are too long.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageSize7 {
    /// The sync.
    pub sync_id: String,
    /// Rows on each page.
    pub resource_types: Option<Vec<usize>>,
    /// Rows on each page.
    pub resources: Option<Vec<usize>>,
    /// Rows on each page.
    pub entitlements: Option<Vec<usize>>,
    /// Rows on each page.
    pub grants: Option<Vec<usize>>,
    /// Whether the grants came in the same order as with the default page size.
    pub grants_same_order: Option<bool>,
    /// One error, or none, per list that was read.
    pub errors: Vec<Option<GoError>>,
}

impl PageSize7 {
    /// The pages of one list.
    pub fn of(&self, list: List) -> Option<&[usize]> {
        match list {
            List::ResourceTypes => self.resource_types.as_deref(),
            List::Resources => self.resources.as_deref(),
            List::Entitlements => self.entitlements.as_deref(),
            List::Grants => self.grants.as_deref(),
        }
    }
}

/// A grant's expansion.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpansionRow {
    /// Position, from 0.
    pub i: usize,
    /// The sync.
    pub sync_id: String,
    /// External id of the grant.
    pub grant_id: String,
    /// The entitlement it grants.
    pub target_entitlement_id: String,
    /// Who holds it: type.
    pub principal_resource_type_id: String,
    /// Who holds it: id.
    pub principal_resource_id: String,
    /// Whether it is pending.
    pub needs_expansion: bool,
    /// The annotation.
    pub annotation: ExpandableJson,
}

/// A `GrantExpandable` in protobuf's JSON form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of the message")]
pub struct ExpandableJson {
    pub entitlement_ids: Vec<String>,
    pub shallow: bool,
    pub resource_type_ids: Vec<String>,
}

impl From<&GrantExpandable> for ExpandableJson {
    fn from(message: &GrantExpandable) -> Self {
        Self {
            entitlement_ids: message.entitlement_ids.clone(),
            shallow: message.shallow,
            resource_type_ids: message.resource_type_ids.clone(),
        }
    }
}

/// How many session entries a sync has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// The sync.
    pub sync_id: String,
    /// Entries.
    pub count: usize,
    /// Pages they were read in.
    pub pages: usize,
    /// The error of the call.
    pub error: Option<GoError>,
}

/// A session entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRow {
    /// The sync.
    pub sync_id: String,
    /// Key with its prefix.
    pub key: String,
    /// Value.
    #[serde(rename = "value_b64", deserialize_with = "json::base64")]
    pub value: Vec<u8>,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetRow {
    /// Position, from 0.
    pub i: usize,
    /// The sync.
    pub sync_id: String,
    /// External id.
    pub id: String,
    /// Media type.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, hexadecimal.
    pub sha256: String,
    /// The error of the call.
    pub error: Option<GoError>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOutcome<T> {
    sync_id: String,
    result: Option<T>,
    error: Option<GoError>,
}

impl<T> RawOutcome<T> {
    fn outcome(self) -> Result<Outcome<T>> {
        let result = match (self.error, self.result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => Ok(result),
            (None, None) => return Err(Error::new("neither result nor error")),
        };
        Ok(Outcome {
            sync_id: self.sync_id,
            result,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawError {
    error: GoError,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum RawRow {
    Meta(Meta),
    SyncRun(SyncRunRow),
    View(RawView),
    ResourceType(ItemRow),
    Resource(ItemRow),
    Entitlement(ItemRow),
    Grant(ItemRow),
    #[serde(rename = "page_size_7")]
    PageSize7(PageSize7),
    GrantExpansion(ExpansionRow),
    PendingExpansion(ExpansionRow),
    Stats(RawOutcome<BTreeMap<String, i64>>),
    StatsV2(RawOutcome<StatsJson>),
    GrantStats(RawOutcome<BTreeMap<String, i64>>),
    Sessions(Sessions),
    Session(SessionRow),
    Asset(AssetRow),
    Lookup(RawLookup),
    GetGrantDiffers(ItemRow),
    OpenError(RawError),
    Error(RawError),
}

impl RawRow {
    fn into_row(self) -> Result<Row> {
        Ok(match self {
            RawRow::Meta(_) => return Err(Error::new("a second meta row")),
            RawRow::SyncRun(row) => Row::SyncRun(row),
            RawRow::View(row) => Row::View(View {
                sync_id: row.sync_id,
                rows: PerList {
                    resource_types: row.resource_types,
                    resources: row.resources,
                    entitlements: row.entitlements,
                    grants: row.grants,
                },
                page_counts: row.default_page_counts,
                errors: row.errors,
            }),
            RawRow::ResourceType(row) => Row::Item(List::ResourceTypes, row),
            RawRow::Resource(row) => Row::Item(List::Resources, row),
            RawRow::Entitlement(row) => Row::Item(List::Entitlements, row),
            RawRow::Grant(row) => Row::Item(List::Grants, row),
            RawRow::PageSize7(row) => Row::PageSize7(row),
            RawRow::GrantExpansion(row) => Row::GrantExpansion(row),
            RawRow::PendingExpansion(row) => Row::PendingExpansion(row),
            RawRow::Stats(row) => Row::Stats(row.outcome()?),
            RawRow::StatsV2(row) => Row::StatsV2(row.outcome()?),
            RawRow::GrantStats(row) => Row::GrantStats(row.outcome()?),
            RawRow::Sessions(row) => Row::Sessions(row),
            RawRow::Session(row) => Row::Session(row),
            RawRow::Asset(row) => Row::Asset(row),
            RawRow::Lookup(row) => Row::Lookup(row.into_lookup()?),
            RawRow::GetGrantDiffers(row) => Row::GetGrantDiffers(row),
            RawRow::OpenError(row) => Row::OpenError(row.error),
            RawRow::Error(row) => Row::Error(row.error),
        })
    }
}
