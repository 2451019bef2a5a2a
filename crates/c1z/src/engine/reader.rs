//! The reading half of the storage contract.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Seek};

use c1z_proto::connector::v2;

use super::filter::{EntitlementFilter, Fallback, GrantFilter, ResourceFilter, Scope};
use super::page::{Page, PageRequest};
use super::types::{
    EntitlementRef, GrantKey, ResourceRef, SyncId, SyncRun, SyncStats, SyncType, Timestamp,
};
use crate::Result;

/// What kind of file or folder a store is. Pure memory; asking costs no I/O.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// `pebble`, `sqlite` or `model`.
    pub engine: &'static str,
    /// `v1`, `v3`, or empty for a store that is not a packed file.
    pub format: &'static str,
    /// `tar`, `tar_zstd`, `indexed_zstd`, or empty.
    pub payload_encoding: &'static str,
}

/// A grant as lists return it.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantRow {
    /// The grant. Its `GrantExpandable` annotation is attached, last, iff the store's profile says so (D7).
    pub grant: v2::Grant,
    /// The expansion annotation that was lifted out when the grant was written.
    pub expansion: Option<v2::GrantExpandable>,
    /// Whether the grant still has to be expanded; never true without `expansion`.
    pub needs_expansion: bool,
    /// When the row was written.
    pub discovered_at: Option<Timestamp>,
}

/// A grant whose expansion is pending, identified without its payload.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingExpansion {
    /// External id of the grant.
    pub grant_id: String,
    /// The entitlement it grants.
    pub entitlement: EntitlementRef,
    /// Who holds it.
    pub principal: ResourceRef,
    /// What to expand.
    pub expansion: v2::GrantExpandable,
}

/// Reads an asset's bytes from any place. Independent of later writes to the store.
pub trait AssetRead: Read + Seek + Send {}

impl<T: Read + Seek + Send> AssetRead for T {}

/// A stored asset.
pub struct Asset {
    /// Media type as stored.
    pub content_type: String,
    /// Length of the data in bytes.
    pub len: u64,
    /// The data.
    pub data: Box<dyn AssetRead>,
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asset({}, {} bytes)", self.content_type, self.len)
    }
}

/// What a list of assets tells of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetInfo {
    /// External id.
    pub id: String,
    /// Media type as stored.
    pub content_type: String,
    /// Length of the data in bytes.
    pub len: u64,
}

/// One node of a digest over the grants of an entitlement (`c1z3-keyspace` §8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestNode {
    /// Index of the bucket within its level.
    pub index: u32,
    /// Grants below the node.
    pub count: u64,
    /// XOR of their content hashes, big-endian.
    pub hash: [u8; 8],
}

/// Root of a digest: its node, and the number of bits that split its grants into buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestRoot {
    /// Bits by which leaves are split; 0: the root is the only node.
    pub width: u8,
    /// The root's own count and hash.
    pub node: DigestNode,
}

/// An entry of the session store.
pub type SessionEntry = (String, Vec<u8>);

/// The answer to a request for several session entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionEntries {
    /// Entries found, by key without prefix.
    pub found: BTreeMap<String, Vec<u8>>,
    /// Keys left out because the answer's byte budget was used up, in the order of the request.
    pub unprocessed: Vec<String>,
}

/// Rows as they come, one at a time. An error is the last item. Holds a snapshot, never a lock.
pub type Rows<T> = Box<dyn Iterator<Item = Result<T>> + Send>;

/// Reads of a store. Object-safe and blocking; every call may be made from any thread.
///
/// Each operation resolves the sync it reads by its [`Scope`] and the [`Fallback`] named at it. A sync that is named
/// and absent is `NotFound` on every operation. Lists and pages see one consistent state per call; rows come in a total,
/// stable order of the engine's own. Ids are compared byte by byte.
pub trait Reader: Send + Sync + fmt::Debug {
    /// Engine and format. No I/O.
    fn metadata(&self) -> Metadata;

    // Sync runs.

    /// All sync runs in the order of their creation, with recorded statistics; nothing is recounted.
    fn list_sync_runs(&self, page: &PageRequest) -> Result<Page<SyncRun>>;

    /// One sync run; `NotFound` if absent.
    fn get_sync(&self, id: &SyncId) -> Result<SyncRun>;

    /// The finished sync with the greatest end time (tie: greatest id), of one type or of any.
    fn latest_finished_sync(&self, of: Option<&SyncType>) -> Result<Option<SyncRun>>;

    /// The finished sync before [`Reader::latest_finished_sync`].
    fn previous_finished_sync(&self, of: Option<&SyncType>) -> Result<Option<SyncId>>;

    /// The sync that a read with this scope and fallback is about; none where the fallback is empty.
    fn resolve(&self, scope: &Scope, fallback: Fallback) -> Result<Option<SyncId>>;

    // Lists; fallback `List` unless said otherwise.

    /// All resource types.
    fn list_resource_types(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<v2::ResourceType>>;

    /// Resources that pass the filter.
    fn list_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Resource>>;

    /// Entitlements that pass the filter.
    fn list_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Entitlement>>;

    /// Grants that pass the filter, with their expansion state. An entitlement that does not exist gives an empty page;
    /// a bare id that names several is `Ambiguous`.
    fn list_grants(
        &self,
        scope: &Scope,
        filter: &GrantFilter,
        page: &PageRequest,
    ) -> Result<Page<GrantRow>>;

    /// Grants of several entitlements: in the order of the first occurrence of each, then as the list of one gives them.
    /// Unknown and empty ids are skipped; a bare id that names several is `Ambiguous`. A token made for another list of
    /// entitlements starts over. Fallback `Point`.
    fn list_grants_for_entitlements(
        &self,
        scope: &Scope,
        entitlements: &[EntitlementRef],
        page: &PageRequest,
    ) -> Result<Page<v2::Grant>>;

    /// Grants with an expansion annotation and the needs-expansion flag. `NotFound` if no sync resolves.
    fn list_pending_expansion(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<PendingExpansion>>;

    /// Ids, types and sizes of all assets. Copies no asset's data.
    fn list_assets(&self, scope: &Scope, page: &PageRequest) -> Result<Page<AssetInfo>>;

    /// Distinct principals of an entitlement in `(type, id)` byte order; decodes no payload.
    fn list_principals_for_entitlement(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
        page: &PageRequest,
    ) -> Result<Page<ResourceRef>>;

    // Streams; fallback `Point`. A missing sync is `NotFound`.

    /// All resources that pass the filter.
    fn stream_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
    ) -> Result<Rows<v2::Resource>>;

    /// All entitlements that pass the filter.
    fn stream_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
    ) -> Result<Rows<v2::Entitlement>>;

    /// All grants that pass the filter, with their expansion state.
    fn stream_grants(&self, scope: &Scope, filter: &GrantFilter) -> Result<Rows<GrantRow>>;

    // Points; fallback `Point`. An empty id is `InvalidArgument`, an absent record `NotFound`.

    /// One resource type.
    fn get_resource_type(&self, scope: &Scope, id: &str) -> Result<v2::ResourceType>;

    /// One resource.
    fn get_resource(&self, scope: &Scope, id: &ResourceRef) -> Result<v2::Resource>;

    /// One entitlement; `Ambiguous` if a bare id names several.
    fn get_entitlement(&self, scope: &Scope, id: &EntitlementRef) -> Result<v2::Entitlement>;

    /// One grant by its external id; `Ambiguous` if it names several.
    fn get_grant(&self, scope: &Scope, id: &str) -> Result<v2::Grant>;

    /// One grant by structure.
    fn get_grant_by_key(&self, scope: &Scope, key: &GrantKey) -> Result<v2::Grant>;

    /// Resources by id: each once, in the order of first occurrence; missing ones are left out.
    fn get_resources_by_ids(&self, scope: &Scope, ids: &[ResourceRef])
    -> Result<Vec<v2::Resource>>;

    /// Entitlements by id, as [`Reader::get_resources_by_ids`].
    fn get_entitlements_by_ids(
        &self,
        scope: &Scope,
        ids: &[String],
    ) -> Result<Vec<v2::Entitlement>>;

    /// Grants by external id, as [`Reader::get_resources_by_ids`].
    fn get_grants_by_ids(&self, scope: &Scope, ids: &[String]) -> Result<Vec<v2::Grant>>;

    /// One asset. The reader outlives later overwrites and deletions.
    fn get_asset(&self, scope: &Scope, id: &str) -> Result<Asset>;

    // Statistics (`store-contract` §7). Without an id: the latest finished sync of the type. An explicit sync of
    // another type than asked for is `InvalidArgument`.

    /// Counts of a sync: the recorded ones where they are certified, else recounted. O(1) or O(rows).
    fn stats(&self, sync: Option<&SyncId>, of: Option<&SyncType>) -> Result<SyncStats>;

    /// The legacy map: `resource_types`, `resources`, `entitlements`, `grants`, `assets`, and one key per resource type
    /// with its number of resources; the reserved keys win (D19).
    fn stats_map(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>>;

    /// Grants by the resource type of their entitlement's resource.
    fn grant_stats(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>>;

    /// Entitlements by the resource type of their resource.
    fn entitlement_stats(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>>;

    /// The sources of every grant of a sync that has any, by grant id. O(grants); an aid to validation.
    fn grant_sources(&self, sync: &SyncId) -> Result<BTreeMap<String, v2::GrantSources>>;

    // Digests over grants (`c1z3-keyspace` §8): none means *not built*, never *no grants*.

    /// Root of the digest over an entitlement's grants.
    fn entitlement_digest(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
    ) -> Result<Option<DigestRoot>>;

    /// Non-empty nodes of that digest at a level: 0 is the root, 16 the finest; deeper is `InvalidArgument`.
    fn entitlement_digest_nodes(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
        level: u8,
    ) -> Result<Option<Vec<DigestNode>>>;

    /// Digest over all grants of the sync.
    fn grants_digest(&self, scope: &Scope) -> Result<Option<DigestNode>>;

    // Session store (`store-contract` §6.2). The sync is always named; its run need not exist.

    /// One entry.
    fn session_get(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<Option<Vec<u8>>>;

    /// Several entries, within the byte budget of one answer.
    fn session_get_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        keys: &[String],
    ) -> Result<SessionEntries>;

    /// All entries under a prefix in byte order of their keys, within the byte budget of one answer; the prefix is
    /// stripped from the keys returned. The token is the next key, inclusive.
    fn session_get_all(
        &self,
        sync: &SyncId,
        prefix: &str,
        token: &str,
    ) -> Result<Page<SessionEntry>>;

    /// Bytes on disk that the store occupies.
    fn size_on_disk(&self) -> Result<u64>;
}
