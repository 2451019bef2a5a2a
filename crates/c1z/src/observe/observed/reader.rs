//! [`Reader`] over a watched engine.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use c1z_proto::connector::v2;

use super::stream::metered;
use super::{Call, Observed, none, one};
use crate::Result;
use crate::engine::reader::{
    Asset, AssetInfo, DigestNode, DigestRoot, GrantRow, Metadata, PendingExpansion, Rows,
    SessionEntries, SessionEntry,
};
use crate::engine::types::SyncType;
use crate::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, SyncRun, SyncStats};
use crate::engine::{
    EntitlementFilter, Fallback, GrantFilter, Page, PageRequest, Reader, ResourceFilter, Scope,
};
use crate::observe::operation::Operation as Op;
use crate::observe::shape::Shape;

impl<P> Observed<P>
where
    P: Deref<Target: Reader> + Send + Sync + fmt::Debug,
{
    /// A page of a list.
    fn page<T>(
        &self,
        call: Call<'_>,
        page: &PageRequest,
        run: impl FnOnce(&P::Target) -> Result<Page<T>>,
    ) -> Result<Page<T>> {
        let call = call.with(call.filter.page(page));
        self.timed(call, run, |page| page.rows.len() as u64)
    }

    /// Records by id.
    fn many<T>(
        &self,
        operation: Op,
        scope: &Scope,
        run: impl FnOnce(&P::Target) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        self.timed(Call::scope(operation, scope), run, |found| {
            found.len() as u64
        })
    }

    /// One record.
    fn point<T>(
        &self,
        operation: Op,
        scope: &Scope,
        run: impl FnOnce(&P::Target) -> Result<T>,
    ) -> Result<T> {
        self.timed(Call::scope(operation, scope), run, one)
    }

    /// Statistics of a sync.
    fn figures<T>(
        &self,
        operation: Op,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
        run: impl FnOnce(&P::Target) -> Result<T>,
    ) -> Result<T> {
        let call = Call::sync(operation, sync).with(Shape::NONE.sync_type(of.is_some()));
        self.timed(call, run, none)
    }
}

impl<P> Reader for Observed<P>
where
    P: Deref<Target: Reader> + Send + Sync + fmt::Debug,
{
    fn metadata(&self) -> Metadata {
        self.engine.metadata()
    }

    fn list_sync_runs(&self, page: &PageRequest) -> Result<Page<SyncRun>> {
        let call = Call::new(Op::ListSyncRuns);
        self.page(call, page, |engine| engine.list_sync_runs(page))
    }

    fn get_sync(&self, id: &SyncId) -> Result<SyncRun> {
        let call = Call::sync(Op::GetSync, Some(id));
        self.timed(call, |engine| engine.get_sync(id), one)
    }

    fn latest_finished_sync(&self, of: Option<&SyncType>) -> Result<Option<SyncRun>> {
        let run = |engine: &P::Target| engine.latest_finished_sync(of);
        self.figures(Op::LatestFinishedSync, None, of, run)
    }

    fn previous_finished_sync(&self, of: Option<&SyncType>) -> Result<Option<SyncId>> {
        let run = |engine: &P::Target| engine.previous_finished_sync(of);
        self.figures(Op::PreviousFinishedSync, None, of, run)
    }

    fn resolve(&self, scope: &Scope, fallback: Fallback) -> Result<Option<SyncId>> {
        let call = Call::scope(Op::Resolve, scope);
        self.timed(call, |engine| engine.resolve(scope, fallback), none)
    }

    fn list_resource_types(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<v2::ResourceType>> {
        let call = Call::scope(Op::ListResourceTypes, scope);
        self.page(call, page, |engine| engine.list_resource_types(scope, page))
    }

    fn list_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Resource>> {
        let call = Call::scope(Op::ListResources, scope).with(Shape::of_resources(filter));
        let run = |engine: &P::Target| engine.list_resources(scope, filter, page);
        self.page(call, page, run)
    }

    fn list_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Entitlement>> {
        let call = Call::scope(Op::ListEntitlements, scope).with(Shape::of_entitlements(filter));
        let run = |engine: &P::Target| engine.list_entitlements(scope, filter, page);
        self.page(call, page, run)
    }

    fn list_grants(
        &self,
        scope: &Scope,
        filter: &GrantFilter,
        page: &PageRequest,
    ) -> Result<Page<GrantRow>> {
        let call = Call::scope(Op::ListGrants, scope).with(Shape::of_grants(filter));
        let run = |engine: &P::Target| engine.list_grants(scope, filter, page);
        self.page(call, page, run)
    }

    fn list_grants_for_entitlements(
        &self,
        scope: &Scope,
        entitlements: &[EntitlementRef],
        page: &PageRequest,
    ) -> Result<Page<v2::Grant>> {
        let call = Call::scope(Op::ListGrantsForEntitlements, scope);
        let run =
            |engine: &P::Target| engine.list_grants_for_entitlements(scope, entitlements, page);
        self.page(call, page, run)
    }

    fn list_pending_expansion(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<PendingExpansion>> {
        let call = Call::scope(Op::ListPendingExpansion, scope);
        let run = |engine: &P::Target| engine.list_pending_expansion(scope, page);
        self.page(call, page, run)
    }

    fn list_assets(&self, scope: &Scope, page: &PageRequest) -> Result<Page<AssetInfo>> {
        let call = Call::scope(Op::ListAssets, scope);
        self.page(call, page, |engine| engine.list_assets(scope, page))
    }

    fn list_principals_for_entitlement(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
        page: &PageRequest,
    ) -> Result<Page<ResourceRef>> {
        let call = Call::scope(Op::ListPrincipalsForEntitlement, scope);
        let run =
            |engine: &P::Target| engine.list_principals_for_entitlement(scope, entitlement, page);
        self.page(call, page, run)
    }

    fn stream_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
    ) -> Result<Rows<v2::Resource>> {
        let call = Call::scope(Op::StreamResources, scope).with(Shape::of_resources(filter));
        metered(&self.telemetry, call, || {
            self.engine.stream_resources(scope, filter)
        })
    }

    fn stream_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
    ) -> Result<Rows<v2::Entitlement>> {
        let call = Call::scope(Op::StreamEntitlements, scope).with(Shape::of_entitlements(filter));
        metered(&self.telemetry, call, || {
            self.engine.stream_entitlements(scope, filter)
        })
    }

    fn stream_grants(&self, scope: &Scope, filter: &GrantFilter) -> Result<Rows<GrantRow>> {
        let call = Call::scope(Op::StreamGrants, scope).with(Shape::of_grants(filter));
        metered(&self.telemetry, call, || {
            self.engine.stream_grants(scope, filter)
        })
    }

    fn get_resource_type(&self, scope: &Scope, id: &str) -> Result<v2::ResourceType> {
        self.point(Op::GetResourceType, scope, |engine| {
            engine.get_resource_type(scope, id)
        })
    }

    fn get_resource(&self, scope: &Scope, id: &ResourceRef) -> Result<v2::Resource> {
        self.point(Op::GetResource, scope, |engine| {
            engine.get_resource(scope, id)
        })
    }

    fn get_entitlement(&self, scope: &Scope, id: &EntitlementRef) -> Result<v2::Entitlement> {
        self.point(Op::GetEntitlement, scope, |engine| {
            engine.get_entitlement(scope, id)
        })
    }

    fn get_grant(&self, scope: &Scope, id: &str) -> Result<v2::Grant> {
        self.point(Op::GetGrant, scope, |engine| engine.get_grant(scope, id))
    }

    fn get_grant_by_key(&self, scope: &Scope, key: &GrantKey) -> Result<v2::Grant> {
        self.point(Op::GetGrantByKey, scope, |engine| {
            engine.get_grant_by_key(scope, key)
        })
    }

    fn get_resources_by_ids(
        &self,
        scope: &Scope,
        ids: &[ResourceRef],
    ) -> Result<Vec<v2::Resource>> {
        let run = |engine: &P::Target| engine.get_resources_by_ids(scope, ids);
        self.many(Op::GetResourcesByIds, scope, run)
    }

    fn get_entitlements_by_ids(
        &self,
        scope: &Scope,
        ids: &[String],
    ) -> Result<Vec<v2::Entitlement>> {
        let run = |engine: &P::Target| engine.get_entitlements_by_ids(scope, ids);
        self.many(Op::GetEntitlementsByIds, scope, run)
    }

    fn get_grants_by_ids(&self, scope: &Scope, ids: &[String]) -> Result<Vec<v2::Grant>> {
        let run = |engine: &P::Target| engine.get_grants_by_ids(scope, ids);
        self.many(Op::GetGrantsByIds, scope, run)
    }

    fn get_asset(&self, scope: &Scope, id: &str) -> Result<Asset> {
        self.point(Op::GetAsset, scope, |engine| engine.get_asset(scope, id))
    }

    fn stats(&self, sync: Option<&SyncId>, of: Option<&SyncType>) -> Result<SyncStats> {
        self.figures(Op::Stats, sync, of, |engine| engine.stats(sync, of))
    }

    fn stats_map(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>> {
        self.figures(Op::StatsMap, sync, of, |engine| engine.stats_map(sync, of))
    }

    fn grant_stats(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>> {
        self.figures(Op::GrantStats, sync, of, |engine| {
            engine.grant_stats(sync, of)
        })
    }

    fn entitlement_stats(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>> {
        let run = |engine: &P::Target| engine.entitlement_stats(sync, of);
        self.figures(Op::EntitlementStats, sync, of, run)
    }

    fn grant_sources(&self, sync: &SyncId) -> Result<BTreeMap<String, v2::GrantSources>> {
        let call = Call::sync(Op::GrantSources, Some(sync));
        let rows = |found: &BTreeMap<_, _>| found.len() as u64;
        self.timed(call, |engine| engine.grant_sources(sync), rows)
    }

    fn entitlement_digest(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
    ) -> Result<Option<DigestRoot>> {
        let call = Call::scope(Op::EntitlementDigest, scope);
        let run = |engine: &P::Target| engine.entitlement_digest(scope, entitlement);
        self.timed(call, run, none)
    }

    fn entitlement_digest_nodes(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
        level: u8,
    ) -> Result<Option<Vec<DigestNode>>> {
        let call = Call::scope(Op::EntitlementDigestNodes, scope);
        let run = |engine: &P::Target| engine.entitlement_digest_nodes(scope, entitlement, level);
        self.timed(call, run, none)
    }

    fn grants_digest(&self, scope: &Scope) -> Result<Option<DigestNode>> {
        let call = Call::scope(Op::GrantsDigest, scope);
        self.timed(call, |engine| engine.grants_digest(scope), none)
    }

    fn session_get(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let call = Call::sync(Op::SessionGet, Some(sync));
        let run = |engine: &P::Target| engine.session_get(sync, prefix, key);
        self.timed(call, run, |found| u64::from(found.is_some()))
    }

    fn session_get_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        keys: &[String],
    ) -> Result<SessionEntries> {
        let call = Call::sync(Op::SessionGetMany, Some(sync));
        let run = |engine: &P::Target| engine.session_get_many(sync, prefix, keys);
        self.timed(call, run, |entries| entries.found.len() as u64)
    }

    fn session_get_all(
        &self,
        sync: &SyncId,
        prefix: &str,
        token: &str,
    ) -> Result<Page<SessionEntry>> {
        let call = Call::sync(Op::SessionGetAll, Some(sync));
        let run = |engine: &P::Target| engine.session_get_all(sync, prefix, token);
        self.timed(call, run, |page| page.rows.len() as u64)
    }

    fn size_on_disk(&self) -> Result<u64> {
        let call = Call::new(Op::SizeOnDisk);
        self.timed(call, P::Target::size_on_disk, none)
    }
}
