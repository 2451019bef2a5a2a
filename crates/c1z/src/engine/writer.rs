//! The writing half of the storage contract: records, assets, session entries.

use c1z_proto::connector::v2;

use super::types::{EntitlementRef, GrantKey, ResourceRef, SyncId};
use crate::Result;

/// Largest asset, in bytes (`store-contract` §6.1, D13).
pub const ASSET_LEN_MAX: u64 = 100 * 1024 * 1024;

/// Byte budget of one answer of the session store, and so the size that a single entry may not exceed (§6.2, D20).
pub const SESSION_BUDGET_BYTES: usize = 4_132_864;

/// Writes of records. Object-safe and blocking.
///
/// A call is one transaction over all its records: any invalid one fails the whole call before anything is visible. A
/// call with no records succeeds before any check. Otherwise a closed store answers `Closed`, a read-only one `ReadOnly`, a
/// store without a current sync `NoCurrentSync`, an ending sync `Sealed`. References are not checked; the same id twice
/// in one call means the last. Each call stamps its records with one instant of the store's clock (§3).
///
/// # Complexity
/// With n records in the call, point reads (R) of what is stored, and G grants stored, beside what an engine reads to keep
/// its indexes true (at most one R per resource or grant):
///
/// | call | cost |
/// |---|---|
/// | puts of resource types, resources, entitlements, grants | O(n log n), no R; one R for each grant with a `GrantExpandable` |
/// | puts if newer, expanded grants | O(n log n), one R per distinct record |
/// | deletes by structure | one R each; an entitlement without its resource costs a lookup by id |
/// | deletes of grants by id | one R per reading of the id; O(G) once per call if some id cannot be read as structure |
/// | assets | O(bytes), at most twice in memory |
/// | session entries | O(n); clearing a prefix is one range delete |
pub trait Writer: Send + Sync {
    /// Writes resource types; `id` is required.
    fn put_resource_types(&self, records: &[v2::ResourceType]) -> Result<()>;

    /// Writes resources; both parts of `id` are required.
    fn put_resources(&self, records: &[v2::Resource]) -> Result<()>;

    /// Writes entitlements; `id` and both parts of the resource's id are required.
    fn put_entitlements(&self, records: &[v2::Entitlement]) -> Result<()>;

    /// Writes grants; the entitlement's id and resource and the principal's id are required. An empty id becomes
    /// `entitlement:type:id` (D24). A `GrantExpandable` annotation is lifted out (§5.1).
    fn put_grants(&self, records: &[v2::Grant]) -> Result<()>;

    /// Writes the results of an expansion: expansion state and time of rows that exist are kept, a `GrantExpandable`
    /// left on the input is dropped (§5.3).
    fn store_expanded_grants(&self, records: &[v2::Grant]) -> Result<()>;

    /// Writes those that are absent or stored with an older time than now (§3.4); one point read per record.
    fn put_resource_types_if_newer(&self, records: &[v2::ResourceType]) -> Result<()>;

    /// As [`Writer::put_resource_types_if_newer`].
    fn put_resources_if_newer(&self, records: &[v2::Resource]) -> Result<()>;

    /// As [`Writer::put_resource_types_if_newer`].
    fn put_entitlements_if_newer(&self, records: &[v2::Entitlement]) -> Result<()>;

    /// As [`Writer::put_resource_types_if_newer`].
    fn put_grants_if_newer(&self, records: &[v2::Grant]) -> Result<()>;

    /// Deletes a grant by external id. Missing is no error; an empty id is `InvalidArgument`; one that names several
    /// is `Ambiguous`. Engines keyed by structure may have to scan: O(G) for ids that are not built from structure. Of several
    /// such ids delete all in one call of [`Writer::delete_grants_by_ids`].
    fn delete_grant(&self, id: &str) -> Result<()>;

    /// Deletes grants by external id, as [`Writer::delete_grant`] does one, and returns how many there were. One id that is
    /// refused fails the whole call. A scan that an id needs serves all ids of the call.
    fn delete_grants_by_ids(&self, ids: &[String]) -> Result<u64>;

    /// Deletes grants by structure and returns how many there were; missing ones are skipped.
    fn delete_grants_by_keys(&self, keys: &[GrantKey]) -> Result<u64>;

    /// Deletes a resource; nothing else goes with it. Returns how many there were.
    fn delete_resource(&self, id: &ResourceRef) -> Result<u64>;

    /// Deletes an entitlement; its grants stay. Returns how many there were.
    fn delete_entitlement(&self, id: &EntitlementRef) -> Result<u64>;

    /// Stores an asset, replacing type and data. An empty id is `InvalidArgument`; no data is a success that stores
    /// nothing; more than [`ASSET_LEN_MAX`] is `ResourceExhausted`; an empty type becomes `unknown` (D13).
    fn put_asset(&self, id: &str, content_type: &str, data: &mut dyn std::io::Read) -> Result<()>;

    // Session store: legal on any sync id, current or not, present or not.

    /// Sets one entry. An entry larger than [`SESSION_BUDGET_BYTES`] is `ResourceExhausted`.
    fn session_set(&self, sync: &SyncId, prefix: &str, key: &str, value: &[u8]) -> Result<()>;

    /// Sets several entries atomically.
    fn session_set_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        entries: &[(String, Vec<u8>)],
    ) -> Result<()>;

    /// Deletes one entry; missing is no error.
    fn session_delete(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<()>;

    /// Deletes all entries under a prefix, or all of the sync for an empty one.
    fn session_clear(&self, sync: &SyncId, prefix: &str) -> Result<()>;
}
