//! Lookups of a dump: a call with its arguments, and what Go answered.

use c1z::engine::types::{ResourceRef, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::dump::{GoError, StatsJson};
use super::json;
use crate::{Error, Result};

/// A call and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// The sync it reads; empty: the call is about all syncs.
    pub sync_id: String,
    /// The call.
    pub query: Query,
    /// The answer, or the error.
    pub answer: Result<Answer, GoError>,
}

/// A call of the Go reader, with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the Go methods")]
pub enum Query {
    ListSyncs,
    /// By type; empty: any.
    GetLatestFinishedSync(String),
    LatestFinishedSyncId(String),
    LatestFullSync,
    LatestFinishedSyncOfAnyType,
    CurrentSyncStep,
    ListResourcesOfType(String),
    ListResourcesOfParent(ResourceRef),
    ListResourcesByIds(Vec<ResourceRef>),
    ListEntitlements(ResourceRef),
    ListEntitlementsByIds(Vec<String>),
    ListGrants(ResourceRef),
    ListGrantsForResourceType(String),
    ListGrantsForPrincipal {
        principal: ResourceRef,
        entitlement: Option<String>,
    },
    ListGrantsForEntitlement {
        entitlement: String,
        /// The call passed the id alone, without the entitlement's resource.
        bare: bool,
        principal: Option<ResourceRef>,
        principal_resource_types: Vec<String>,
    },
    ListGrantsForEntitlements(Vec<String>),
    GetResourceType(String),
    GetResource(ResourceRef),
    GetEntitlement(String),
    GetGrant(String),
    GetEntitlementGrantDigest(String),
    GetEntitlementGrantDigestNodes {
        entitlement: String,
        level: u8,
    },
    GrantGenerationDigest,
}

impl Query {
    /// Name of the Go method.
    pub fn name(&self) -> &'static str {
        match self {
            Query::ListSyncs => "ListSyncs",
            Query::GetLatestFinishedSync(_) => "GetLatestFinishedSync",
            Query::LatestFinishedSyncId(_) => "LatestFinishedSyncID",
            Query::LatestFullSync => "LatestFullSync",
            Query::LatestFinishedSyncOfAnyType => "LatestFinishedSyncOfAnyType",
            Query::CurrentSyncStep => "CurrentSyncStep",
            Query::ListResourcesOfType(_) | Query::ListResourcesOfParent(_) => "ListResources",
            Query::ListResourcesByIds(_) => "ListResourcesByIds",
            Query::ListEntitlements(_) => "ListEntitlements",
            Query::ListEntitlementsByIds(_) => "ListEntitlementsByIds",
            Query::ListGrants(_) => "ListGrants",
            Query::ListGrantsForResourceType(_) => "ListGrantsForResourceType",
            Query::ListGrantsForPrincipal { .. } => "ListGrantsForPrincipal",
            Query::ListGrantsForEntitlement { .. } => "ListGrantsForEntitlement",
            Query::ListGrantsForEntitlements(_) => "ListGrantsForEntitlements",
            Query::GetResourceType(_) => "GetResourceType",
            Query::GetResource(_) => "GetResource",
            Query::GetEntitlement(_) => "GetEntitlement",
            Query::GetGrant(_) => "GetGrant",
            Query::GetEntitlementGrantDigest(_) => "GetEntitlementGrantDigest",
            Query::GetEntitlementGrantDigestNodes { .. } => "GetEntitlementGrantDigestNodes",
            Query::GrantGenerationDigest => "GrantGenerationDigest",
        }
    }
}

/// What a call returned.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Sync runs.
    Syncs(Vec<ListedSync>),
    /// A sync id, or none.
    SyncId(Option<String>),
    /// A token.
    Token(String),
    /// Ids in list order.
    Ids(Vec<String>),
    /// Resources in list order.
    Resources(Vec<ResourceRef>),
    /// How many rows, and how many on each page where that was recorded.
    Count(usize, Option<Vec<usize>>),
    /// Whether the message was the row of the list.
    SameAsListed(bool),
    /// Root of a digest; none: not built.
    Root(Option<Root>),
    /// Nodes of a digest.
    Nodes(Vec<Node>),
    /// Digest over all grants; none: not built.
    Global(Option<Node>),
}

/// A sync run as the service lists it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedSync {
    /// Sync id.
    pub id: String,
    /// Type as text.
    #[serde(default)]
    pub sync_type: String,
    /// Start.
    #[serde(default, deserialize_with = "json::time_option")]
    pub started_at: Option<Timestamp>,
    /// End.
    #[serde(default, deserialize_with = "json::time_option")]
    pub ended_at: Option<Timestamp>,
    /// Token.
    #[serde(default)]
    pub sync_token: String,
    /// Parent.
    #[serde(default)]
    pub parent_sync_id: String,
    /// Statistics.
    pub stats: Option<StatsJson>,
}

/// Root of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Bits by which leaves are split.
    pub width: u8,
    /// Count and hash.
    pub node: Node,
}

/// Node of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Bucket.
    pub index: u32,
    /// Grants below.
    pub count: u64,
    /// Hash, hexadecimal.
    pub hash_hex: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDigest {
    found: bool,
    #[serde(default)]
    level: u8,
    #[serde(default)]
    count: u64,
    #[serde(default)]
    hash_hex: String,
    #[expect(dead_code, reason = "read so that any other key is an error")]
    abi_version: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    index: u32,
    count: u64,
    hash_hex: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRef {
    rt: String,
    r: String,
}

impl From<RawRef> for ResourceRef {
    fn from(raw: RawRef) -> Self {
        ResourceRef::new(raw.rt, raw.r)
    }
}

/// A lookup as it stands: every argument that any call has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLookup {
    op: String,
    #[serde(default)]
    sync_id: String,
    error: Option<GoError>,
    #[serde(default)]
    result: Value,
    count: Option<usize>,
    pages: Option<Vec<usize>>,
    sync_type: Option<String>,
    resource_type_id: Option<String>,
    parent: Option<RawRef>,
    resource: Option<RawRef>,
    principal: Option<RawRef>,
    entitlement_id: Option<String>,
    bare_id: Option<bool>,
    #[serde(default)]
    principal_resource_type_ids: Vec<String>,
    #[serde(default)]
    ids: Vec<Value>,
    #[serde(default)]
    entitlement_ids: Vec<String>,
    grant_id: Option<String>,
    level: Option<u8>,
}

impl RawLookup {
    pub(super) fn into_lookup(mut self) -> Result<Lookup> {
        let query = self.query()?;
        self.no_argument_left()?;
        let answer = match self.error.take() {
            Some(error) => Err(error),
            None => Ok(self.answer(&query)?),
        };
        Ok(Lookup {
            sync_id: self.sync_id,
            query,
            answer,
        })
    }

    /// Takes the arguments of the call.
    fn query(&mut self) -> Result<Query> {
        Ok(match self.op.as_str() {
            "ListSyncs" => Query::ListSyncs,
            "GetLatestFinishedSync" => Query::GetLatestFinishedSync(some(self.sync_type.take())?),
            "LatestFinishedSyncID" => Query::LatestFinishedSyncId(some(self.sync_type.take())?),
            "LatestFullSync" => Query::LatestFullSync,
            "LatestFinishedSyncOfAnyType" => Query::LatestFinishedSyncOfAnyType,
            "CurrentSyncStep" => Query::CurrentSyncStep,
            "ListResources" => match self.parent.take() {
                Some(parent) => Query::ListResourcesOfParent(parent.into()),
                None => Query::ListResourcesOfType(some(self.resource_type_id.take())?),
            },
            "ListResourcesByIds" => {
                let ids: Vec<RawRef> = typed(Value::Array(std::mem::take(&mut self.ids)))?;
                Query::ListResourcesByIds(ids.into_iter().map(Into::into).collect())
            }
            "ListEntitlements" => Query::ListEntitlements(some(self.resource.take())?.into()),
            "ListEntitlementsByIds" => {
                Query::ListEntitlementsByIds(typed(Value::Array(std::mem::take(&mut self.ids)))?)
            }
            "GetResourceType" => Query::GetResourceType(some(self.resource_type_id.take())?),
            "GetResource" => Query::GetResource(some(self.resource.take())?.into()),
            "GetEntitlement" => Query::GetEntitlement(some(self.entitlement_id.take())?),
            "GetGrant" => Query::GetGrant(some(self.grant_id.take())?),
            "GetEntitlementGrantDigest" => {
                Query::GetEntitlementGrantDigest(some(self.entitlement_id.take())?)
            }
            "GetEntitlementGrantDigestNodes" => Query::GetEntitlementGrantDigestNodes {
                entitlement: some(self.entitlement_id.take())?,
                level: some(self.level.take())?,
            },
            "GrantGenerationDigest" => Query::GrantGenerationDigest,
            _ => return self.grant_list(),
        })
    }

    /// Takes the arguments of the lists of grants.
    fn grant_list(&mut self) -> Result<Query> {
        Ok(match self.op.as_str() {
            "ListGrants" => Query::ListGrants(some(self.resource.take())?.into()),
            "ListGrantsForResourceType" => {
                Query::ListGrantsForResourceType(some(self.resource_type_id.take())?)
            }
            "ListGrantsForPrincipal" => Query::ListGrantsForPrincipal {
                principal: some(self.principal.take())?.into(),
                entitlement: self.entitlement_id.take(),
            },
            "ListGrantsForEntitlement" => Query::ListGrantsForEntitlement {
                entitlement: some(self.entitlement_id.take())?,
                bare: self.bare_id.take().unwrap_or(false),
                principal: self.principal.take().map(Into::into),
                principal_resource_types: std::mem::take(&mut self.principal_resource_type_ids),
            },
            "ListGrantsForEntitlements" => {
                Query::ListGrantsForEntitlements(std::mem::take(&mut self.entitlement_ids))
            }
            other => return Err(Error::new(format!("unknown lookup `{other}`"))),
        })
    }

    fn no_argument_left(&self) -> Result<()> {
        let taken = self.sync_type.is_none()
            && self.resource_type_id.is_none()
            && self.parent.is_none()
            && self.resource.is_none()
            && self.principal.is_none()
            && self.entitlement_id.is_none()
            && self.bare_id.is_none()
            && self.principal_resource_type_ids.is_empty()
            && self.ids.is_empty()
            && self.entitlement_ids.is_empty()
            && self.grant_id.is_none()
            && self.level.is_none();
        if taken {
            return Ok(());
        }
        Err(Error::new(format!("argument not understood: {self:?}")))
    }

    fn answer(&mut self, query: &Query) -> Result<Answer> {
        if let Some(count) = self.count {
            return Ok(Answer::Count(count, self.pages.take()));
        }
        let result = std::mem::take(&mut self.result);
        Ok(match query {
            Query::ListSyncs => Answer::Syncs(typed::<Option<_>>(result)?.unwrap_or_default()),
            Query::GetLatestFinishedSync(_)
            | Query::LatestFinishedSyncId(_)
            | Query::LatestFullSync
            | Query::LatestFinishedSyncOfAnyType => {
                let id: Option<String> = typed(result)?;
                Answer::SyncId(id.filter(|id| !id.is_empty()))
            }
            Query::CurrentSyncStep => Answer::Token(typed(result)?),
            Query::ListResourcesOfParent(_) | Query::ListResourcesByIds(_) => {
                let refs: Vec<RawRef> = typed(result)?;
                Answer::Resources(refs.into_iter().map(Into::into).collect())
            }
            Query::GetResourceType(_)
            | Query::GetResource(_)
            | Query::GetEntitlement(_)
            | Query::GetGrant(_) => Answer::SameAsListed(typed(result)?),
            Query::GetEntitlementGrantDigest(_) => {
                let root: RawDigest = typed(result)?;
                Answer::Root(root.found.then(|| Root {
                    width: root.level,
                    node: root.into_node(),
                }))
            }
            Query::GetEntitlementGrantDigestNodes { .. } => {
                let nodes: Vec<RawNode> = typed(result)?;
                Answer::Nodes(nodes.into_iter().map(Into::into).collect())
            }
            Query::GrantGenerationDigest => {
                let root: RawDigest = typed(result)?;
                Answer::Global(root.found.then(|| root.into_node()))
            }
            _ => Answer::Ids(typed(result)?),
        })
    }
}

impl RawDigest {
    fn into_node(self) -> Node {
        Node {
            index: 0,
            count: self.count,
            hash_hex: self.hash_hex,
        }
    }
}

impl From<RawNode> for Node {
    fn from(raw: RawNode) -> Self {
        Node {
            index: raw.index,
            count: raw.count,
            hash_hex: raw.hash_hex,
        }
    }
}

fn some<T>(argument: Option<T>) -> Result<T> {
    argument.ok_or_else(|| Error::new("lookup without its argument"))
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T> {
    let shown = value.to_string();
    serde_json::from_value(value).map_err(|error| {
        let start: String = shown.chars().take(120).collect();
        Error::new(format!("{error} in `{start}`"))
    })
}
