//! The writes that made a case, engine-neutral and in order (`ops.ndjson.gz`).

use std::path::Path;

use buffa::Message;
use c1z_proto::connector::v2;
use serde::Deserialize;

use super::{json, ndjson};
use crate::{Error, Result};

/// One step, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Number of its line, from 1.
    pub line: usize,
    /// What to do.
    pub op: Op,
    /// Whether an error was tolerated when the case was made.
    pub may_fail: bool,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Starts a sync; `parent` is the number of an earlier one, from 1.
    StartSync {
        /// Type as text.
        sync_type: String,
        /// Number of the parent.
        parent: Option<usize>,
    },
    /// One call of the writer.
    PutResourceTypes(Vec<v2::ResourceType>),
    /// One call of the writer.
    PutResources(Vec<v2::Resource>),
    /// One call of the writer.
    PutEntitlements(Vec<v2::Entitlement>),
    /// One call of the writer.
    PutGrants(Vec<v2::Grant>),
    /// One call of the writer for expanded grants.
    StoreExpandedGrants(Vec<v2::Grant>),
    /// As the former, the caller asserting that the grants are new; Pebble only.
    StoreNewExpandedGrants(Vec<v2::Grant>),
    /// Stores an asset.
    PutAsset {
        /// External id.
        id: String,
        /// Media type.
        content_type: String,
        /// Bytes.
        data: Vec<u8>,
    },
    /// Deletes a grant by external id.
    DeleteGrant(String),
    /// Replaces the token.
    Checkpoint(String),
    /// Marks the sync as one whose expansion columns can be trusted.
    SupportsDiff,
    /// Marks the sync as verified, mode `connector`.
    MarkInvariants {
        /// Generation of the checks.
        generation: String,
        /// Ids of the checks.
        coverage: Vec<String>,
    },
    /// Sets an entry of the session store of the current sync.
    SessionSet {
        /// Prefix of the key.
        prefix: String,
        /// Key.
        key: String,
        /// Value.
        value: Vec<u8>,
    },
    /// Deletes such an entry.
    SessionDelete {
        /// Prefix of the key.
        prefix: String,
        /// Key.
        key: String,
    },
    /// Expands all pending grants.
    Expand,
    /// Finishes the sync.
    EndSync,
    /// Applies retention.
    Cleanup,
    /// Writes the difference of two syncs, by their numbers from 1.
    GenerateDiff {
        /// The older sync.
        base: usize,
        /// The newer one.
        applied: usize,
    },
    /// Flushes the write buffer; Pebble only.
    Flush,
    /// A second passes.
    Sleep,
    /// Stores the entitlement graph; Pebble only.
    GraphBlob(Vec<u8>),
}

impl Op {
    /// The step's name as the file spells it.
    pub fn name(&self) -> &'static str {
        match self {
            Op::StartSync { .. } => "start_sync",
            Op::PutResourceTypes(_) => "put_resource_types",
            Op::PutResources(_) => "put_resources",
            Op::PutEntitlements(_) => "put_entitlements",
            Op::PutGrants(_) => "put_grants",
            Op::StoreExpandedGrants(_) => "store_expanded_grants",
            Op::StoreNewExpandedGrants(_) => "store_new_expanded_grants",
            Op::PutAsset { .. } => "put_asset",
            Op::DeleteGrant(_) => "delete_grant",
            Op::Checkpoint(_) => "checkpoint",
            Op::SupportsDiff => "supports_diff",
            Op::MarkInvariants { .. } => "mark_invariants",
            Op::SessionSet { .. } => "session_set",
            Op::SessionDelete { .. } => "session_delete",
            Op::Expand => "expand",
            Op::EndSync => "end_sync",
            Op::Cleanup => "cleanup",
            Op::GenerateDiff { .. } => "generate_diff",
            Op::Flush => "flush",
            Op::Sleep => "sleep",
            Op::GraphBlob(_) => "graph_blob",
        }
    }
}

/// Reads the steps of a case.
pub fn load(path: &Path) -> Result<Vec<Step>> {
    let lines: Vec<ndjson::Line<Raw>> = ndjson::load(path)?;
    lines
        .into_iter()
        .map(|line| {
            let about =
                |error: Error| error.at(format!("{}: line {}", path.display(), line.number));
            let may_fail = line
                .row
                .extra
                .as_ref()
                .is_some_and(|extra| extra.may_fail.is_some());
            let op = line.row.into_op().map_err(about)?;
            Ok(Step {
                line: line.number,
                op,
                may_fail,
            })
        })
        .collect()
}

/// A line as it stands: every field that any step has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    op: String,
    #[serde(rename = "type")]
    sync_type: Option<String>,
    parent: Option<usize>,
    #[serde(default, deserialize_with = "json::base64_list")]
    items_pb: Vec<Vec<u8>>,
    #[serde(default)]
    id: String,
    #[serde(default)]
    content_type: String,
    #[serde(default, rename = "data_b64", deserialize_with = "json::base64")]
    data: Vec<u8>,
    #[serde(default)]
    token: String,
    #[serde(default)]
    coverage: Vec<String>,
    base: Option<usize>,
    applied: Option<usize>,
    #[serde(default)]
    prefix: String,
    extra: Option<Extra>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extra {
    may_fail: Option<String>,
}

impl Raw {
    fn into_op(self) -> Result<Op> {
        let missing = |what: &str| Error::new(format!("step without `{what}`"));
        Ok(match self.op.as_str() {
            "start_sync" => Op::StartSync {
                sync_type: self.sync_type.ok_or_else(|| missing("type"))?,
                parent: self.parent,
            },
            "put_resource_types" => Op::PutResourceTypes(items(&self.items_pb)?),
            "put_resources" => Op::PutResources(items(&self.items_pb)?),
            "put_entitlements" => Op::PutEntitlements(items(&self.items_pb)?),
            "put_grants" => Op::PutGrants(items(&self.items_pb)?),
            "store_expanded_grants" => Op::StoreExpandedGrants(items(&self.items_pb)?),
            "store_new_expanded_grants" => Op::StoreNewExpandedGrants(items(&self.items_pb)?),
            "put_asset" => Op::PutAsset {
                id: self.id,
                content_type: self.content_type,
                data: self.data,
            },
            "delete_grant" => Op::DeleteGrant(self.id),
            "checkpoint" => Op::Checkpoint(self.token),
            "supports_diff" => Op::SupportsDiff,
            "mark_invariants" => Op::MarkInvariants {
                generation: self.token,
                coverage: self.coverage,
            },
            "session_set" => Op::SessionSet {
                prefix: self.prefix,
                key: self.id,
                value: self.data,
            },
            "session_delete" => Op::SessionDelete {
                prefix: self.prefix,
                key: self.id,
            },
            "expand" => Op::Expand,
            "end_sync" => Op::EndSync,
            "cleanup" => Op::Cleanup,
            "generate_diff" => Op::GenerateDiff {
                base: self.base.ok_or_else(|| missing("base"))?,
                applied: self.applied.ok_or_else(|| missing("applied"))?,
            },
            "flush" => Op::Flush,
            "sleep" => Op::Sleep,
            "graph_blob" => Op::GraphBlob(self.data),
            other => return Err(Error::new(format!("unknown step `{other}`"))),
        })
    }
}

fn items<T: Message>(encoded: &[Vec<u8>]) -> Result<Vec<T>> {
    encoded
        .iter()
        .map(|bytes| T::decode_from_slice(bytes).map_err(|error| Error::new(error.to_string())))
        .collect()
}
