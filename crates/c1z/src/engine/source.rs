//! What a format has to offer so that [`super::contract::Contract`] can keep the reading contract over it.
//!
//! A [`Source`] gives snapshots of single syncs; a snapshot gives cursors that start after a position, and point reads.
//! Resolution, paging, tokens, batch lookups and the shape of statistics are not its business.

use std::fmt;
use std::sync::Arc;

use c1z_proto::connector::v2;

use super::filter::{EntitlementFilter, GrantFilter, ResourceFilter};
use super::reader::{
    Asset, AssetInfo, DigestNode, DigestRoot, GrantRow, Metadata, PendingExpansion,
};
use super::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, SyncRun, SyncStats};
use crate::Result;

/// A cursor over rows in the format's own order. Owns a snapshot.
pub(crate) trait RowCursor<T>: Send {
    /// The next row that passes the filter.
    fn next(&mut self) -> Result<Option<T>>;

    /// An opaque key of the row that `next` returned last: a new cursor opened after it continues there, whether or not
    /// that row still exists.
    fn position(&self) -> &[u8];
}

/// A cursor behind a pointer.
pub(crate) type Cursor<T> = Box<dyn RowCursor<T>>;

/// Where a cursor starts: after the row with this position, or at the beginning.
pub(crate) type After<'a> = Option<&'a [u8]>;

/// A file or database in some format.
pub(crate) trait Source: Send + Sync + fmt::Debug {
    /// Engine and format.
    fn metadata(&self) -> Metadata;

    /// All runs in creation order, with recorded statistics.
    fn sync_runs(&self) -> Result<Arc<[SyncRun]>>;

    /// A snapshot of one sync, which the caller has found among the runs.
    fn snapshot(&self, sync: &SyncId) -> Result<Box<dyn SyncSnapshot>>;

    /// One session entry.
    fn session_get(&self, sync: &SyncId, key: &str) -> Result<Option<Vec<u8>>>;

    /// Session entries with keys from `from` on that begin with `prefix`, in byte order of the whole key.
    fn session_entries(
        &self,
        sync: &SyncId,
        prefix: &str,
        from: &str,
    ) -> Result<Cursor<(String, Vec<u8>)>>;

    /// Bytes on disk.
    fn size_on_disk(&self) -> Result<u64>;
}

impl<S: Source + ?Sized> Source for Arc<S> {
    fn metadata(&self) -> Metadata {
        (**self).metadata()
    }

    fn sync_runs(&self) -> Result<Arc<[SyncRun]>> {
        (**self).sync_runs()
    }

    fn snapshot(&self, sync: &SyncId) -> Result<Box<dyn SyncSnapshot>> {
        (**self).snapshot(sync)
    }

    fn session_get(&self, sync: &SyncId, key: &str) -> Result<Option<Vec<u8>>> {
        (**self).session_get(sync, key)
    }

    fn session_entries(
        &self,
        sync: &SyncId,
        prefix: &str,
        from: &str,
    ) -> Result<Cursor<(String, Vec<u8>)>> {
        (**self).session_entries(sync, prefix, from)
    }

    fn size_on_disk(&self) -> Result<u64> {
        (**self).size_on_disk()
    }
}

/// One sync at one instant. Cheap to make; cursors made from it outlive it.
pub(crate) trait SyncSnapshot: Send {
    fn resource_types(&self, after: After<'_>) -> Result<Cursor<v2::ResourceType>>;

    fn resources(&self, filter: &ResourceFilter, after: After<'_>) -> Result<Cursor<v2::Resource>>;

    fn entitlements(
        &self,
        filter: &EntitlementFilter,
        after: After<'_>,
    ) -> Result<Cursor<v2::Entitlement>>;

    /// Grants that pass the filter. `attach`: put the lifted `GrantExpandable` back, as the last annotation.
    fn grants(
        &self,
        filter: &GrantFilter,
        attach: bool,
        after: After<'_>,
    ) -> Result<Cursor<GrantRow>>;

    fn pending_expansion(&self, after: After<'_>) -> Result<Cursor<PendingExpansion>>;

    fn assets(&self, after: After<'_>) -> Result<Cursor<AssetInfo>>;

    /// Distinct principals of an entitlement in `(type, id)` byte order.
    fn principals(
        &self,
        entitlement: &EntitlementRef,
        after: After<'_>,
    ) -> Result<Cursor<ResourceRef>>;

    fn resource_type(&self, id: &str) -> Result<Option<v2::ResourceType>>;

    fn resource(&self, id: &ResourceRef) -> Result<Option<v2::Resource>>;

    /// `Ambiguous` if a bare id names several.
    fn entitlement(&self, id: &EntitlementRef) -> Result<Option<v2::Entitlement>>;

    /// By external id; `Ambiguous` if it names several.
    fn grant(&self, id: &str, attach: bool) -> Result<Option<v2::Grant>>;

    fn grant_by_key(&self, key: &GrantKey, attach: bool) -> Result<Option<v2::Grant>>;

    fn asset(&self, id: &str) -> Result<Option<Asset>>;

    /// Recorded statistics, if the format certifies that they are those of the rows it holds. Every declared resource type
    /// is named in them. O(resource types).
    fn certified_stats(&self) -> Result<Option<SyncStats>>;

    /// Statistics counted from the rows. O(rows).
    fn count(&self) -> Result<SyncStats>;

    fn entitlement_digest(&self, entitlement: &EntitlementRef) -> Result<Option<DigestRoot>>;

    fn entitlement_digest_nodes(
        &self,
        entitlement: &EntitlementRef,
        level: u8,
    ) -> Result<Option<Vec<DigestNode>>>;

    fn grants_digest(&self) -> Result<Option<DigestNode>>;
}
