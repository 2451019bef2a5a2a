//! An engine with one planted fault, to see that the instruments find it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Mutex;

use c1z::ErrorKind;
use c1z::Result;
use c1z::engine::reader::{
    Asset, AssetInfo, DigestNode, DigestRoot, GrantRow, Metadata, PendingExpansion, Rows,
    SessionEntries, SessionEntry,
};
use c1z::engine::tee::HasEngine;
use c1z::engine::types::{
    EntitlementRef, GrantKey, ResourceRef, SyncId, SyncRun, SyncStats, SyncType, Verification,
};
use c1z::engine::{
    EntitlementFilter, Fallback, GrantFilter, Lifecycle, Page, PageRequest, Reader, ResourceFilter,
    Scope, StorageEngine, Writer,
};
use c1z::ops::build::PackOptions;
use c1z::ops::convert::FileFormat;
use c1z_proto::connector::v2;

use crate::observe::ref_of;
use crate::stores::Store;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A page of grants lacks its last row.
    DropsRow,
    /// A page token leads one row too far.
    SkipsRow,
    /// A resource that was written again is no longer found by its parent.
    ForgetsIndexRow,
    /// A resource is read as it was written first.
    StaleGet,
    /// An asset loses its last byte.
    LosesAssetByte,
    /// An asset's last byte is another.
    ChangesAssetByte,
    /// Keys of the session store are cleared whatever their case.
    ClearsAnyCase,
    /// What is marked on a sync leaves the store clean.
    ForgetsDirty,
    /// A read without a name is about the first sync, whatever its age and state.
    ResolvesFirst,
    /// Lifecycle: a sync unfinished for weeks is resumed without being named.
    ResumesAbandoned,
    /// Lifecycle: a finished sync is resumed.
    ResumesFinished,
    /// Lifecycle: a view is accepted while a sync is current.
    ViewsBesideCurrent,
    /// Lifecycle: a full sync may have a parent.
    AcceptsParent,
    /// Lifecycle: the current sync can be deleted, which does nothing.
    DeletesCurrent,
    /// Lifecycle: an unfinished sync can be marked as verified.
    VerifiesUnfinished,
    /// §1.8: the principal of a grant loses its parent.
    ProjectsParentAway,
    /// §1.8: the description of a resource is lost.
    ProjectsDescriptionAway,
    /// §1.8: an icon's id is lost.
    ProjectsIconAway,
    /// No grant needs expansion.
    NeedsExpansionNever,
    /// An error of another kind.
    WrongKind,
    /// A filter by principal type is taken for one by the entitlement's.
    FiltersByOtherType,
    /// A stream ends early.
    EndsStreamEarly,
    /// A call of several records drops the last one.
    DropsRecordOfBatch,
    /// A call of several records is two.
    PutsInTwo,
    /// A call that failed says that it succeeded.
    SwallowsFailure,
    /// A cleanup keeps one sync more.
    KeepsOneMore,
    /// A view is forgotten by lists without a name.
    ForgetsView,
}

impl Fault {
    /// What shows where file operations fail.
    pub(crate) const OF_FAILURES: [Self; 2] = [Self::PutsInTwo, Self::SwallowsFailure];

    /// What shows where there are many syncs.
    pub(crate) const OF_MANY: [Self; 3] =
        [Self::KeepsOneMore, Self::ForgetsView, Self::ResolvesFirst];

    pub(crate) const ALL: [Self; 23] = [
        Self::DropsRow,
        Self::SkipsRow,
        Self::ForgetsIndexRow,
        Self::StaleGet,
        Self::LosesAssetByte,
        Self::ChangesAssetByte,
        Self::ClearsAnyCase,
        Self::ForgetsDirty,
        Self::ResolvesFirst,
        Self::ResumesAbandoned,
        Self::ResumesFinished,
        Self::ViewsBesideCurrent,
        Self::AcceptsParent,
        Self::DeletesCurrent,
        Self::VerifiesUnfinished,
        Self::ProjectsParentAway,
        Self::ProjectsDescriptionAway,
        Self::ProjectsIconAway,
        Self::NeedsExpansionNever,
        Self::WrongKind,
        Self::FiltersByOtherType,
        Self::EndsStreamEarly,
        Self::DropsRecordOfBatch,
    ];
}

/// A store that answers wrong now and then.
pub(crate) struct Faulty<S> {
    inner: S,
    fault: Fault,
    memory: Mutex<Seen>,
}

/// What a fault has to remember.
#[derive(Debug, Default)]
struct Seen {
    first: BTreeMap<ResourceRef, v2::Resource>,
    again: BTreeSet<ResourceRef>,
    marked: bool,
}

impl<S: Store> Faulty<S> {
    pub(crate) fn new(inner: S, fault: Fault) -> Self {
        Self {
            inner,
            fault,
            memory: Mutex::default(),
        }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn engine(&self) -> &dyn StorageEngine {
        self.inner.engine()
    }

    fn scope(&self, scope: &Scope) -> Scope {
        let runs = self.engine().list_sync_runs(&PageRequest::first(1));
        let is_forgotten = self.is(Fault::ForgetsView) && self.engine().viewed_sync().is_some();
        if let (Scope::Default, true) = (scope, is_forgotten)
            && let Ok(Some(latest)) = self.engine().latest_finished_sync(None)
        {
            return Scope::Sync(latest.id);
        }
        match (scope, runs) {
            (Scope::Default, Ok(runs)) if self.is(Fault::ResolvesFirst) => runs
                .rows
                .first()
                .map_or(Scope::Default, |run| Scope::Sync(run.id.clone())),
            _ => scope.clone(),
        }
    }

    fn run_of(&self, id: Option<&SyncId>) -> Option<SyncRun> {
        let runs = self.engine().list_sync_runs(&PageRequest::default()).ok()?;
        let wanted = |run: &SyncRun| id.is_none_or(|id| run.id == *id);
        runs.rows.into_iter().find(wanted)
    }

    /// A page, with its fault.
    fn page<T>(
        &self,
        request: &PageRequest,
        list: impl Fn(&PageRequest) -> Result<Page<T>>,
    ) -> Result<Page<T>> {
        let page = list(request)?;
        if !self.is(Fault::SkipsRow) || page.next_token.is_empty() {
            return Ok(page);
        }
        let mut longer = list(&PageRequest {
            size: request.size + 1,
            token: request.token.clone(),
        })?;
        longer.rows.truncate(page.rows.len());
        Ok(longer)
    }

    fn projected(&self, mut grant: v2::Grant) -> v2::Grant {
        if self.is(Fault::ProjectsParentAway)
            && let Some(principal) = grant.principal.as_option().cloned()
        {
            let orphan = v2::Resource {
                parent_resource_id: None.into(),
                ..principal
            };
            grant.principal = Some(orphan).into();
        }
        grant
    }

    fn projected_resource(&self, mut resource: v2::Resource) -> v2::Resource {
        if self.is(Fault::ProjectsDescriptionAway) {
            resource.description.clear();
        }
        if self.is(Fault::ProjectsIconAway) {
            resource.icon = None.into();
        }
        resource
    }
}

impl<S: Store> HasEngine for Faulty<S> {
    fn engine(&self) -> &dyn StorageEngine {
        self
    }
}

impl<S: Store> Store for Faulty<S> {
    fn reopen(self, read_only: bool) -> Self {
        Self::new(self.inner.reopen(read_only), self.fault)
    }

    fn rebuild(self) -> Self {
        Self::new(self.inner.rebuild(), self.fault)
    }

    fn publish(&self, path: &Path, options: &PackOptions) -> Result<Option<FileFormat>> {
        self.inner.publish(path, options)
    }

    fn isolate(
        &self,
        id: &SyncId,
        path: &Path,
        options: &PackOptions,
    ) -> Result<Option<FileFormat>> {
        self.inner.isolate(id, path, options)
    }

    fn cleanup(&self, keep: usize) -> Result<Vec<SyncId>> {
        self.inner
            .cleanup(keep + usize::from(self.is(Fault::KeepsOneMore)))
    }

    fn fail_in(&self, operation: u64) -> bool {
        self.inner.fail_in(operation)
    }

    fn failed(&self) -> bool {
        self.inner.failed()
    }
}

impl<S: Store> std::fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Faulty({:?})", self.fault)
    }
}

/// Calls that are passed on as they are.
macro_rules! pass {
    ($($name:ident($($argument:ident: $of:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $of),*) -> $answer {
            self.engine().$name($($argument),*)
        })*
    };
}

impl<S: Store> Reader for Faulty<S> {
    pass! {
        metadata() -> Metadata;
        list_sync_runs(page: &PageRequest) -> Result<Page<SyncRun>>;
        get_sync(id: &SyncId) -> Result<SyncRun>;
        latest_finished_sync(of: Option<&SyncType>) -> Result<Option<SyncRun>>;
        previous_finished_sync(of: Option<&SyncType>) -> Result<Option<SyncId>>;
        list_grants_for_entitlements(scope: &Scope, entitlements: &[EntitlementRef], page: &PageRequest) -> Result<Page<v2::Grant>>;
        list_pending_expansion(scope: &Scope, page: &PageRequest) -> Result<Page<PendingExpansion>>;
        list_assets(scope: &Scope, page: &PageRequest) -> Result<Page<AssetInfo>>;
        list_principals_for_entitlement(scope: &Scope, entitlement: &EntitlementRef, page: &PageRequest) -> Result<Page<ResourceRef>>;
        stream_resources(scope: &Scope, filter: &ResourceFilter) -> Result<Rows<v2::Resource>>;
        get_resource_type(scope: &Scope, id: &str) -> Result<v2::ResourceType>;
        get_entitlement(scope: &Scope, id: &EntitlementRef) -> Result<v2::Entitlement>;
        get_grant_by_key(scope: &Scope, key: &GrantKey) -> Result<v2::Grant>;
        get_resources_by_ids(scope: &Scope, ids: &[ResourceRef]) -> Result<Vec<v2::Resource>>;
        get_entitlements_by_ids(scope: &Scope, ids: &[String]) -> Result<Vec<v2::Entitlement>>;
        get_grants_by_ids(scope: &Scope, ids: &[String]) -> Result<Vec<v2::Grant>>;
        stats(sync: Option<&SyncId>, of: Option<&SyncType>) -> Result<SyncStats>;
        stats_map(sync: Option<&SyncId>, of: Option<&SyncType>) -> Result<BTreeMap<String, i64>>;
        grant_stats(sync: Option<&SyncId>, of: Option<&SyncType>) -> Result<BTreeMap<String, i64>>;
        entitlement_stats(sync: Option<&SyncId>, of: Option<&SyncType>) -> Result<BTreeMap<String, i64>>;
        grant_sources(sync: &SyncId) -> Result<BTreeMap<String, v2::GrantSources>>;
        entitlement_digest(scope: &Scope, entitlement: &EntitlementRef) -> Result<Option<DigestRoot>>;
        entitlement_digest_nodes(scope: &Scope, entitlement: &EntitlementRef, level: u8) -> Result<Option<Vec<DigestNode>>>;
        grants_digest(scope: &Scope) -> Result<Option<DigestNode>>;
        session_get(sync: &SyncId, prefix: &str, key: &str) -> Result<Option<Vec<u8>>>;
        session_get_many(sync: &SyncId, prefix: &str, keys: &[String]) -> Result<SessionEntries>;
        session_get_all(sync: &SyncId, prefix: &str, token: &str) -> Result<Page<SessionEntry>>;
        size_on_disk() -> Result<u64>;
    }

    fn resolve(&self, scope: &Scope, fallback: Fallback) -> Result<Option<SyncId>> {
        self.engine().resolve(&self.scope(scope), fallback)
    }

    fn list_resource_types(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<v2::ResourceType>> {
        self.engine().list_resource_types(&self.scope(scope), page)
    }

    fn list_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Resource>> {
        let mut page = self.engine().list_resources(scope, filter, page)?;
        if self.is(Fault::ForgetsIndexRow) && filter.parent.is_some() {
            let seen = self.memory.lock().unwrap();
            page.rows.retain(|row| !seen.again.contains(&ref_of(row)));
        }
        Ok(page)
    }

    fn list_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Entitlement>> {
        self.page(page, |page| {
            self.engine().list_entitlements(scope, filter, page)
        })
    }

    fn list_grants(
        &self,
        scope: &Scope,
        filter: &GrantFilter,
        page: &PageRequest,
    ) -> Result<Page<GrantRow>> {
        let mut filter = filter.clone();
        if self.is(Fault::FiltersByOtherType) {
            std::mem::swap(
                &mut filter.entitlement_resource_type,
                &mut filter.principal_resource_type,
            );
        }
        let mut page = self.page(page, |page| self.engine().list_grants(scope, &filter, page))?;
        if self.is(Fault::DropsRow) && page.rows.len() > 1 {
            page.rows.pop();
        }
        if self.is(Fault::NeedsExpansionNever) {
            for row in &mut page.rows {
                row.needs_expansion = false;
            }
        }
        Ok(page)
    }

    fn stream_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
    ) -> Result<Rows<v2::Entitlement>> {
        let rows = self.engine().stream_entitlements(scope, filter)?;
        if self.is(Fault::EndsStreamEarly) {
            return Ok(Box::new(rows.take(3)));
        }
        Ok(rows)
    }

    fn stream_grants(&self, scope: &Scope, filter: &GrantFilter) -> Result<Rows<GrantRow>> {
        let rows = self.engine().stream_grants(scope, filter)?;
        if self.is(Fault::NeedsExpansionNever) {
            return Ok(Box::new(rows.map(|row| {
                row.map(|row| GrantRow {
                    needs_expansion: false,
                    ..row
                })
            })));
        }
        Ok(rows)
    }

    fn get_resource(&self, scope: &Scope, id: &ResourceRef) -> Result<v2::Resource> {
        let found = self.engine().get_resource(scope, id)?;
        let seen = self.memory.lock().unwrap();
        match seen.first.get(id) {
            Some(first) if self.is(Fault::StaleGet) => Ok(first.clone()),
            _ => Ok(found),
        }
    }

    fn get_grant(&self, scope: &Scope, id: &str) -> Result<v2::Grant> {
        let found = self.engine().get_grant(scope, id);
        match found {
            Err(error) if self.is(Fault::WrongKind) && error.kind() == ErrorKind::Ambiguous => {
                Err(c1z::Error::not_found("grant not found"))
            }
            found => found,
        }
    }

    fn get_asset(&self, scope: &Scope, id: &str) -> Result<Asset> {
        let mut asset = self.engine().get_asset(scope, id)?;
        let lost = self.is(Fault::LosesAssetByte);
        if !lost && !self.is(Fault::ChangesAssetByte) {
            return Ok(asset);
        }
        let mut bytes = Vec::new();
        let _ = asset.data.read_to_end(&mut bytes);
        let last = bytes.pop();
        if !lost {
            bytes.extend(last.map(|byte| !byte));
        }
        Ok(Asset {
            content_type: asset.content_type,
            len: asset.len,
            data: Box::new(std::io::Cursor::new(bytes)),
        })
    }
}

impl<S: Store> Writer for Faulty<S> {
    pass! {
        put_resource_types(records: &[v2::ResourceType]) -> Result<()>;
        store_expanded_grants(records: &[v2::Grant]) -> Result<()>;
        put_resource_types_if_newer(records: &[v2::ResourceType]) -> Result<()>;
        put_resources_if_newer(records: &[v2::Resource]) -> Result<()>;
        put_entitlements_if_newer(records: &[v2::Entitlement]) -> Result<()>;
        put_grants_if_newer(records: &[v2::Grant]) -> Result<()>;
        delete_grant(id: &str) -> Result<()>;
        delete_grants_by_ids(ids: &[String]) -> Result<u64>;
        delete_grants_by_keys(keys: &[GrantKey]) -> Result<u64>;
        delete_resource(id: &ResourceRef) -> Result<u64>;
        delete_entitlement(id: &EntitlementRef) -> Result<u64>;
        put_asset(id: &str, content_type: &str, data: &mut dyn Read) -> Result<()>;
        session_set(sync: &SyncId, prefix: &str, key: &str, value: &[u8]) -> Result<()>;
        session_set_many(sync: &SyncId, prefix: &str, entries: &[(String, Vec<u8>)]) -> Result<()>;
        session_delete(sync: &SyncId, prefix: &str, key: &str) -> Result<()>;
    }

    fn put_resources(&self, records: &[v2::Resource]) -> Result<()> {
        let records: Vec<_> = records
            .iter()
            .map(|record| self.projected_resource(record.clone()))
            .collect();
        self.engine().put_resources(&records)?;
        let mut memory = self.memory.lock().unwrap();
        let seen = &mut *memory;
        for record in records {
            let name = ref_of(&record);
            match seen.first.entry(name.clone()) {
                Entry::Occupied(_) => {
                    seen.again.insert(name);
                }
                Entry::Vacant(free) => {
                    let stored = self.engine().get_resource(&Scope::Default, &name);
                    free.insert(stored.unwrap_or(record));
                }
            }
        }
        Ok(())
    }

    fn put_entitlements(&self, records: &[v2::Entitlement]) -> Result<()> {
        let kept = match records {
            [kept @ .., _] if self.is(Fault::DropsRecordOfBatch) && !kept.is_empty() => kept,
            all => all,
        };
        self.engine().put_entitlements(kept)
    }

    fn put_grants(&self, records: &[v2::Grant]) -> Result<()> {
        let records: Vec<_> = records
            .iter()
            .map(|record| self.projected(record.clone()))
            .collect();
        if let ([first, rest @ ..], true) = (&*records, self.is(Fault::PutsInTwo)) {
            self.engine().put_grants(std::slice::from_ref(first))?;
            return self.engine().put_grants(rest);
        }
        match self.engine().put_grants(&records) {
            Err(error) if self.is(Fault::SwallowsFailure) && error.kind() == ErrorKind::Io => {
                Ok(())
            }
            answer => answer,
        }
    }

    fn session_clear(&self, sync: &SyncId, prefix: &str) -> Result<()> {
        if self.is(Fault::ClearsAnyCase) {
            let other = match prefix.to_uppercase() {
                upper if upper == prefix => prefix.to_lowercase(),
                upper => upper,
            };
            self.engine().session_clear(sync, &other)?;
        }
        self.engine().session_clear(sync, prefix)
    }
}

impl<S: Store> Lifecycle for Faulty<S> {
    pass! {
        start_or_resume_sync(of: Option<&SyncType>, id: Option<&SyncId>) -> Result<(SyncId, bool)>;
        set_current_sync(id: &SyncId) -> Result<()>;
        current_sync() -> Option<SyncId>;
        viewed_sync() -> Option<SyncId>;
        current_sync_step() -> Result<String>;
        checkpoint_sync(token: &str) -> Result<()>;
        end_sync() -> Result<()>;
        mark_supports_diff(id: &SyncId) -> Result<()>;
        clear_verified(id: &SyncId) -> Result<()>;
    }

    fn start_new_sync(&self, sync_type: &SyncType, parent: &str) -> Result<SyncId> {
        let parent = if self.is(Fault::AcceptsParent) {
            ""
        } else {
            parent
        };
        self.engine().start_new_sync(sync_type, parent)
    }

    fn resume_sync(&self, of: Option<&SyncType>, id: Option<&SyncId>) -> Result<SyncId> {
        let resumed = self.engine().resume_sync(of, id);
        let wrong = match id {
            None => self.is(Fault::ResumesAbandoned),
            Some(_) => self.is(Fault::ResumesFinished),
        };
        match (resumed, self.run_of(id)) {
            (Err(_), Some(run)) if wrong && run.is_finished() == id.is_some() => {
                self.engine().set_current_sync(&run.id)?;
                Ok(run.id)
            }
            (resumed, _) => resumed,
        }
    }

    fn view_sync(&self, id: Option<&SyncId>) -> Result<()> {
        match self.engine().view_sync(id) {
            Err(error)
                if self.is(Fault::ViewsBesideCurrent)
                    && error.kind() == ErrorKind::FailedPrecondition =>
            {
                Ok(())
            }
            answer => answer,
        }
    }

    fn set_sync_link(&self, id: &SyncId, linked: &str) -> Result<()> {
        let was_clean = !self.engine().is_dirty();
        self.engine().set_sync_link(id, linked)?;
        self.memory.lock().unwrap().marked |= was_clean;
        Ok(())
    }

    fn mark_verified(&self, id: &SyncId, mark: &Verification) -> Result<()> {
        match self.engine().mark_verified(id, mark) {
            Err(error)
                if self.is(Fault::VerifiesUnfinished)
                    && error.kind() == ErrorKind::FailedPrecondition =>
            {
                Ok(())
            }
            answer => answer,
        }
    }

    fn delete_sync_run(&self, id: &SyncId) -> Result<()> {
        match self.engine().delete_sync_run(id) {
            Err(_) if self.is(Fault::DeletesCurrent) => Ok(()),
            answer => answer,
        }
    }

    fn is_dirty(&self) -> bool {
        let forgets = self.is(Fault::ForgetsDirty) && self.memory.lock().unwrap().marked;
        self.engine().is_dirty() && !forgets
    }
}
