//! The reading contract over any [`Source`]: resolution, pages and tokens, batch lookups, the shape of statistics.
//!
//! All engines but the model answer reads through this one implementation, so they cannot disagree about anything but
//! their rows.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use c1z_proto::connector::v2;
use shingle::vfs::Clock;

use super::Profile;
use super::filter::{EntitlementFilter, Fallback, GrantFilter, ResourceFilter, Scope};
use super::page::{Page, PageRequest};
use super::reader::{
    Asset, AssetInfo, DigestNode, DigestRoot, GrantRow, Metadata, PendingExpansion, Reader, Rows,
    SessionEntries, SessionEntry,
};
use super::source::{After, Cursor, Source, SyncSnapshot};
use super::types::{
    EntitlementRef, GrantKey, ResourceRef, SyncId, SyncRun, SyncStats, SyncType, Timestamp,
};
use super::writer::SESSION_BUDGET_BYTES;
use crate::sync::lifecycle;
use crate::sync::resolve::{self, Bindings};
use crate::sync::token::{self, Binding, Operation};
use crate::{Error, ErrorKind, Result};

/// A source that answers by the contract.
#[derive(Debug)]
pub(crate) struct Contract<S: ?Sized = dyn Source> {
    source: Box<S>,
    profile: Profile,
    clock: Arc<dyn Clock>,
    bindings: Mutex<Bindings>,
}

impl<S: Source + ?Sized> Contract<S> {
    pub(crate) fn new(source: Box<S>, profile: Profile, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            profile,
            clock,
            bindings: Mutex::default(),
        }
    }

    /// The rows.
    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// The handle's bindings, to be read or changed by one thread at a time.
    pub(crate) fn bindings(&self) -> MutexGuard<'_, Bindings> {
        self.bindings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pins reads to a sync, or unpins them (`store-contract` §2.2, D15).
    pub(crate) fn view(&self, id: Option<&SyncId>) -> Result<()> {
        let runs = self.source.sync_runs()?;
        lifecycle::view(&runs, &mut self.bindings(), id)
    }

    fn resolve_in(
        &self,
        runs: &[SyncRun],
        scope: &Scope,
        fallback: Fallback,
    ) -> Result<Option<SyncId>> {
        let bindings = self.bindings().clone();
        let now = Timestamp::from_system_time(self.clock.now());
        resolve::resolve(runs, &bindings, scope, fallback, self.profile, now)
    }

    fn snapshot(&self, scope: &Scope, fallback: Fallback) -> Result<Option<Snapshot>> {
        match self.resolve(scope, fallback)? {
            Some(sync) => self.snapshot_of(sync).map(Some),
            None => Ok(None),
        }
    }

    fn snapshot_of(&self, sync: SyncId) -> Result<Snapshot> {
        let rows = self.source.snapshot(&sync)?;
        Ok(Snapshot { sync, rows })
    }

    /// A snapshot for an operation that cannot answer without a sync.
    fn point(&self, scope: &Scope) -> Result<Snapshot> {
        self.snapshot(scope, Fallback::Point)?
            .ok_or_else(|| Error::not_found("the store has no sync to read"))
    }

    /// One page of a list. A token brings its own sync: a sequence of pages sticks to the sync of its first page.
    fn page<T>(
        &self,
        scope: &Scope,
        fallback: Fallback,
        binding: Binding<'_>,
        request: &PageRequest,
        open: impl FnOnce(&dyn SyncSnapshot, After<'_>) -> Result<Cursor<T>>,
    ) -> Result<Page<T>> {
        let position = token::decode(binding, &request.token)?;
        let (snapshot, after) = match position {
            Some(position) => {
                if matches!(scope, Scope::Sync(named) if *named != position.sync) {
                    return Err(Error::new(
                        ErrorKind::InvalidPageToken,
                        "page token not accepted: it belongs to another sync",
                    ));
                }
                resolve::require(&self.source.sync_runs()?, &position.sync)?;
                (self.snapshot_of(position.sync)?, Some(position.last_row))
            }
            None => match self.snapshot(scope, fallback)? {
                Some(snapshot) => (snapshot, None),
                None => return Ok(Page::empty()),
            },
        };
        let cursor = open(snapshot.rows.as_ref(), after.as_deref())?;
        fill_page(cursor, request.rows(), |last_row| {
            token::encode(binding, &snapshot.sync, last_row)
        })
    }

    /// Whether lists of grants show their expansions.
    pub(crate) fn attach(&self) -> bool {
        self.profile != Profile::GoSqlite
    }

    /// The sync that a statistics call is about, with the type check of `store-contract` §7.
    fn stats_sync(&self, sync: Option<&SyncId>, of: Option<&SyncType>) -> Result<SyncRun> {
        let runs = self.source.sync_runs()?;
        let Some(id) = sync else {
            return resolve::latest_finished(&runs, of)
                .cloned()
                .ok_or_else(|| Error::not_found("the store has no finished sync"));
        };
        let run = resolve::require(&runs, id)?;
        match of {
            Some(of) if run.sync_type != *of => Err(Error::invalid(format!(
                "sync has another type: sync_id=`{id}` type=`{}` expected=`{of}`",
                run.sync_type
            ))),
            _ => Ok(run.clone()),
        }
    }
}

struct Snapshot {
    sync: SyncId,
    rows: Box<dyn SyncSnapshot>,
}

/// Reads up to `rows` rows, and one more to learn whether there is a next page.
fn fill_page<T>(
    mut cursor: Cursor<T>,
    rows: usize,
    next_token: impl FnOnce(&[u8]) -> Result<String>,
) -> Result<Page<T>> {
    let mut page = Page::empty();
    while page.rows.len() < rows {
        match cursor.next()? {
            Some(row) => page.rows.push(row),
            None => return Ok(page),
        }
    }
    let last_row = cursor.position().to_vec();
    if cursor.next()?.is_some() {
        page.next_token = next_token(&last_row)?;
    }
    Ok(page)
}

/// Turns a cursor into an iterator whose last item may be an error.
fn rows<T: 'static>(cursor: Cursor<T>) -> Rows<T> {
    let mut cursor = Some(cursor);
    Box::new(std::iter::from_fn(move || {
        let item = cursor.as_mut()?.next().transpose();
        if !matches!(item, Some(Ok(_))) {
            cursor = None;
        }
        item
    }))
}

/// Each key once, in the order of first occurrence; absent records left out.
fn by_ids<K: Hash + Eq, T>(
    ids: &[K],
    mut get: impl FnMut(&K) -> Result<Option<T>>,
) -> Result<Vec<T>> {
    let mut seen = HashSet::with_capacity(ids.len());
    let mut found = Vec::new();
    for id in ids {
        if seen.insert(id) {
            found.extend(get(id)?);
        }
    }
    Ok(found)
}

fn filter_text(filter: &impl std::fmt::Debug) -> String {
    format!("{filter:?}")
}

pub(crate) fn require_id(kind: &str, id: &str) -> Result<()> {
    if id.is_empty() {
        Err(Error::invalid(format!("{kind} id is empty")))
    } else {
        Ok(())
    }
}

/// A reference with one half empty is a mistake, never a wildcard (D23).
pub(crate) fn require_ref(kind: &str, id: &ResourceRef) -> Result<()> {
    if id.resource_type.is_empty() || id.resource.is_empty() {
        return Err(Error::invalid(format!(
            "{kind} needs a type and an id: type=`{}` id=`{}`",
            id.resource_type, id.resource
        )));
    }
    Ok(())
}

pub(crate) fn require_entitlement(id: &EntitlementRef) -> Result<()> {
    require_id("entitlement", &id.id)?;
    id.resource.as_ref().map_or(Ok(()), |resource| {
        require_ref("entitlement resource", resource)
    })
}

fn check_resource_filter(filter: &ResourceFilter) -> Result<()> {
    let parent = filter.parent.as_ref();
    parent.map_or(Ok(()), |parent| require_ref("parent", parent))
}

fn check_entitlement_filter(filter: &EntitlementFilter) -> Result<()> {
    let resource = filter.resource.as_ref();
    resource.map_or(Ok(()), |resource| require_ref("resource", resource))
}

fn check_grant_filter(filter: &GrantFilter) -> Result<()> {
    if let Some(entitlement) = &filter.entitlement {
        require_entitlement(entitlement)?;
    }
    if let Some(resource) = &filter.entitlement_resource {
        require_ref("entitlement resource", resource)?;
    }
    filter
        .principal
        .as_ref()
        .map_or(Ok(()), |principal| require_ref("principal", principal))
}

fn missing(kind: &str, id: impl std::fmt::Display) -> Error {
    Error::not_found(format!("{kind} not found: id=`{id}`"))
}

impl<S: Source + ?Sized> Reader for Contract<S> {
    fn metadata(&self) -> Metadata {
        self.source.metadata()
    }

    fn list_sync_runs(&self, page: &PageRequest) -> Result<Page<SyncRun>> {
        let binding = Binding {
            operation: Operation::SyncRuns,
            filter: "",
        };
        let runs = self.source.sync_runs()?;
        let start = match token::decode(binding, &page.token)? {
            // Creation order is append-only, so the number of runs already returned is a stable position even
            // when the named run is deleted: later runs only move towards the start.
            Some(position) => runs
                .iter()
                .position(|run| run.id == position.sync)
                .map_or_else(|| row_number(&position.last_row), |index| Ok(index + 1))?,
            None => 0,
        };
        let left = runs.get(start.min(runs.len())..).unwrap_or_default();
        let more = left.len() > page.rows();
        let rows: Vec<SyncRun> = left.iter().take(page.rows()).cloned().collect();
        let next_token = match rows.last() {
            Some(last) if more => {
                let row = ((start + rows.len()) as u64).to_be_bytes();
                token::encode(binding, &last.id, &row)?
            }
            _ => String::new(),
        };
        Ok(Page { rows, next_token })
    }

    fn get_sync(&self, id: &SyncId) -> Result<SyncRun> {
        resolve::require(&self.source.sync_runs()?, id).cloned()
    }

    fn latest_finished_sync(&self, of: Option<&SyncType>) -> Result<Option<SyncRun>> {
        Ok(resolve::latest_finished(&self.source.sync_runs()?, of).cloned())
    }

    fn previous_finished_sync(&self, of: Option<&SyncType>) -> Result<Option<SyncId>> {
        let runs = self.source.sync_runs()?;
        Ok(resolve::previous_finished(&runs, of).map(|run| run.id.clone()))
    }

    fn resolve(&self, scope: &Scope, fallback: Fallback) -> Result<Option<SyncId>> {
        self.resolve_in(&self.source.sync_runs()?, scope, fallback)
    }

    fn list_resource_types(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<v2::ResourceType>> {
        let binding = Binding {
            operation: Operation::ResourceTypes,
            filter: "",
        };
        self.page(scope, Fallback::List, binding, page, |rows, after| {
            rows.resource_types(after)
        })
    }

    fn list_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Resource>> {
        check_resource_filter(filter)?;
        let binding = Binding {
            operation: Operation::Resources,
            filter: &filter_text(filter),
        };
        self.page(scope, Fallback::List, binding, page, |rows, after| {
            rows.resources(filter, after)
        })
    }

    fn list_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Entitlement>> {
        check_entitlement_filter(filter)?;
        let binding = Binding {
            operation: Operation::Entitlements,
            filter: &filter_text(filter),
        };
        self.page(scope, Fallback::List, binding, page, |rows, after| {
            rows.entitlements(filter, after)
        })
    }

    fn list_grants(
        &self,
        scope: &Scope,
        filter: &GrantFilter,
        page: &PageRequest,
    ) -> Result<Page<GrantRow>> {
        check_grant_filter(filter)?;
        let binding = Binding {
            operation: Operation::Grants,
            filter: &filter_text(filter),
        };
        self.page(scope, Fallback::List, binding, page, |rows, after| {
            rows.grants(filter, self.attach(), after)
        })
    }

    fn list_grants_for_entitlements(
        &self,
        scope: &Scope,
        entitlements: &[EntitlementRef],
        page: &PageRequest,
    ) -> Result<Page<v2::Grant>> {
        let mut named = entitlements.iter().filter(|of| !of.id.is_empty());
        named.try_for_each(require_entitlement)?;
        let binding = Binding {
            operation: Operation::GrantsForEntitlements,
            filter: &filter_text(&entitlements),
        };
        let position = match token::decode(binding, &page.token) {
            // A token of another list starts over (`store-contract` §5.5); one of another kind is refused.
            Err(_) if token::is_of(Operation::GrantsForEntitlements, &page.token) => None,
            decoded => decoded?,
        };
        let snapshot = match &position {
            Some(position) => {
                resolve::require(&self.source.sync_runs()?, &position.sync)?;
                self.snapshot_of(position.sync.clone())?
            }
            None => self.point(scope)?,
        };
        let cursor = BatchCursor::open(
            snapshot.rows,
            entitlements,
            self.attach(),
            position.as_ref(),
        )?;
        fill_page(Box::new(cursor), page.rows(), |last_row| {
            token::encode(binding, &snapshot.sync, last_row)
        })
    }

    fn list_pending_expansion(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<PendingExpansion>> {
        if page.token.is_empty() && self.resolve(scope, Fallback::List)?.is_none() {
            return Err(Error::not_found("the store has no sync to read"));
        }
        let binding = Binding {
            operation: Operation::PendingExpansion,
            filter: "",
        };
        self.page(scope, Fallback::List, binding, page, |rows, after| {
            rows.pending_expansion(after)
        })
    }

    fn list_assets(&self, scope: &Scope, page: &PageRequest) -> Result<Page<AssetInfo>> {
        let binding = Binding {
            operation: Operation::Assets,
            filter: "",
        };
        self.page(scope, Fallback::List, binding, page, |rows, after| {
            rows.assets(after)
        })
    }

    fn list_principals_for_entitlement(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
        page: &PageRequest,
    ) -> Result<Page<ResourceRef>> {
        require_entitlement(entitlement)?;
        let filter = filter_text(entitlement);
        let binding = Binding {
            operation: Operation::Principals,
            filter: &filter,
        };
        self.page(scope, Fallback::List, binding, page, |rows, after| {
            rows.principals(entitlement, after)
        })
    }

    fn stream_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
    ) -> Result<Rows<v2::Resource>> {
        check_resource_filter(filter)?;
        Ok(rows(self.point(scope)?.rows.resources(filter, None)?))
    }

    fn stream_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
    ) -> Result<Rows<v2::Entitlement>> {
        check_entitlement_filter(filter)?;
        Ok(rows(self.point(scope)?.rows.entitlements(filter, None)?))
    }

    fn stream_grants(&self, scope: &Scope, filter: &GrantFilter) -> Result<Rows<GrantRow>> {
        check_grant_filter(filter)?;
        Ok(rows(self.point(scope)?.rows.grants(
            filter,
            self.attach(),
            None,
        )?))
    }

    fn get_resource_type(&self, scope: &Scope, id: &str) -> Result<v2::ResourceType> {
        require_id("resource type", id)?;
        self.point(scope)?
            .rows
            .resource_type(id)?
            .ok_or_else(|| missing("resource type", id))
    }

    fn get_resource(&self, scope: &Scope, id: &ResourceRef) -> Result<v2::Resource> {
        require_ref("resource", id)?;
        self.point(scope)?
            .rows
            .resource(id)?
            .ok_or_else(|| missing("resource", id))
    }

    fn get_entitlement(&self, scope: &Scope, id: &EntitlementRef) -> Result<v2::Entitlement> {
        require_entitlement(id)?;
        self.point(scope)?
            .rows
            .entitlement(id)?
            .ok_or_else(|| missing("entitlement", &id.id))
    }

    fn get_grant(&self, scope: &Scope, id: &str) -> Result<v2::Grant> {
        require_id("grant", id)?;
        self.point(scope)?
            .rows
            .grant(id, self.attach())?
            .ok_or_else(|| missing("grant", id))
    }

    fn get_grant_by_key(&self, scope: &Scope, key: &GrantKey) -> Result<v2::Grant> {
        require_entitlement(&key.entitlement)?;
        require_ref("principal", &key.principal)?;
        self.point(scope)?
            .rows
            .grant_by_key(key, self.attach())?
            .ok_or_else(|| {
                missing(
                    "grant",
                    format_args!("{}:{}", key.entitlement.id, key.principal),
                )
            })
    }

    fn get_resources_by_ids(
        &self,
        scope: &Scope,
        ids: &[ResourceRef],
    ) -> Result<Vec<v2::Resource>> {
        let rows = self.point(scope)?.rows;
        by_ids(ids, |id| rows.resource(id))
    }

    fn get_entitlements_by_ids(
        &self,
        scope: &Scope,
        ids: &[String],
    ) -> Result<Vec<v2::Entitlement>> {
        let rows = self.point(scope)?.rows;
        by_ids(ids, |id| rows.entitlement(&EntitlementRef::bare(id)))
    }

    fn get_grants_by_ids(&self, scope: &Scope, ids: &[String]) -> Result<Vec<v2::Grant>> {
        let rows = self.point(scope)?.rows;
        by_ids(ids, |id| rows.grant(id, self.attach()))
    }

    fn get_asset(&self, scope: &Scope, id: &str) -> Result<Asset> {
        require_id("asset", id)?;
        self.point(scope)?
            .rows
            .asset(id)?
            .ok_or_else(|| missing("asset", id))
    }

    fn stats(&self, sync: Option<&SyncId>, of: Option<&SyncType>) -> Result<SyncStats> {
        let run = self.stats_sync(sync, of)?;
        let snapshot = self.snapshot_of(run.id)?;
        match snapshot.rows.certified_stats()? {
            Some(stats) => Ok(stats),
            None => snapshot.rows.count(),
        }
    }

    fn stats_map(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>> {
        let stats = self.stats(sync, of)?;
        let mut map = stats.resources_by_resource_type;
        for (key, count) in [
            ("resource_types", stats.resource_types),
            ("resources", stats.resources),
            ("entitlements", stats.entitlements),
            ("grants", stats.grants),
            ("assets", stats.assets),
        ] {
            map.insert(key.to_owned(), count);
        }
        Ok(map)
    }

    fn grant_stats(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>> {
        Ok(self.stats(sync, of)?.grants_by_resource_type)
    }

    fn entitlement_stats(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>> {
        Ok(self.stats(sync, of)?.entitlements_by_resource_type)
    }

    fn grant_sources(&self, sync: &SyncId) -> Result<BTreeMap<String, v2::GrantSources>> {
        let mut cursor = self.point(&Scope::Sync(sync.clone()))?.rows.grants(
            &GrantFilter::default(),
            false,
            None,
        )?;
        let mut sources = BTreeMap::new();
        while let Some(GrantRow { mut grant, .. }) = cursor.next()? {
            if let Some(of_grant) = grant.sources.take() {
                sources.insert(grant.id, of_grant);
            }
        }
        Ok(sources)
    }

    fn entitlement_digest(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
    ) -> Result<Option<DigestRoot>> {
        require_entitlement(entitlement)?;
        self.point(scope)?.rows.entitlement_digest(entitlement)
    }

    fn entitlement_digest_nodes(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
        level: u8,
    ) -> Result<Option<Vec<DigestNode>>> {
        require_entitlement(entitlement)?;
        self.point(scope)?
            .rows
            .entitlement_digest_nodes(entitlement, level)
    }

    fn grants_digest(&self, scope: &Scope) -> Result<Option<DigestNode>> {
        self.point(scope)?.rows.grants_digest()
    }

    fn session_get(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.source.session_get(sync, &format!("{prefix}{key}"))
    }

    fn session_get_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        keys: &[String],
    ) -> Result<SessionEntries> {
        let mut answer = SessionEntries::default();
        let mut used: usize = keys.iter().map(|key| key.len() + 10).sum();
        for key in keys {
            let Some(value) = self.session_get(sync, prefix, key)? else {
                continue;
            };
            let cost = value.len() + 10;
            if used + cost > SESSION_BUDGET_BYTES {
                answer.unprocessed.push(key.clone());
            } else {
                used += cost;
                answer.found.insert(key.clone(), value);
            }
        }
        Ok(answer)
    }

    fn session_get_all(
        &self,
        sync: &SyncId,
        prefix: &str,
        token: &str,
    ) -> Result<Page<SessionEntry>> {
        let from = format!("{prefix}{token}");
        let mut cursor = self.source.session_entries(sync, prefix, &from)?;
        let mut page = Page::empty();
        let mut used = 0;
        while let Some((key, value)) = cursor.next()? {
            let key = key.get(prefix.len()..).unwrap_or_default().to_owned();
            used += key.len() + value.len() + 20;
            if used > SESSION_BUDGET_BYTES && !page.rows.is_empty() {
                page.next_token = key;
                break;
            }
            page.rows.push((key, value));
        }
        Ok(page)
    }

    fn size_on_disk(&self) -> Result<u64> {
        self.source.size_on_disk()
    }
}

fn row_number(bytes: &[u8]) -> Result<usize> {
    <[u8; 8]>::try_from(bytes)
        .ok()
        .and_then(|bytes| usize::try_from(u64::from_be_bytes(bytes)).ok())
        .map(|number| number.saturating_sub(1))
        .ok_or_else(|| Error::new(ErrorKind::InvalidPageToken, "page token not accepted"))
}

/// Grants of several entitlements, one after the other.
///
/// A position is the index of the entitlement (big-endian u32) and the position inside its grants.
struct BatchCursor {
    rows: Box<dyn SyncSnapshot>,
    entitlements: Vec<EntitlementRef>,
    attach: bool,
    index: usize,
    grants: Option<Cursor<GrantRow>>,
    position: Vec<u8>,
}

impl BatchCursor {
    fn open(
        rows: Box<dyn SyncSnapshot>,
        entitlements: &[EntitlementRef],
        attach: bool,
        after: Option<&token::Position>,
    ) -> Result<Self> {
        let mut seen = HashSet::new();
        let entitlements = entitlements
            .iter()
            .filter(|of| !of.id.is_empty() && seen.insert(*of))
            .cloned()
            .collect();
        let mut cursor = Self {
            rows,
            entitlements,
            attach,
            index: 0,
            grants: None,
            position: Vec::new(),
        };
        cursor.check_names()?;
        if let Some(after) = after {
            let (index, inner) = after.last_row.split_first_chunk::<4>().ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidPageToken,
                    "page token not accepted: it is too short",
                )
            })?;
            cursor.index = u32::from_be_bytes(*index) as usize;
            cursor.open_grants(Some(inner))?;
        }
        Ok(cursor)
    }

    /// Refuses ids that name several entitlements on the first page as on any other: which rows fit on a page must not
    /// decide whether a caller learns of it. One lookup for each id.
    fn check_names(&self) -> Result<()> {
        let mut bare = self.entitlements.iter().filter(|of| of.resource.is_none());
        bare.try_for_each(|of| self.grants_of(of, None).map(drop))
    }

    /// Opens the grants of the entitlement at `index`; leaves none behind the last.
    fn open_grants(&mut self, after: After<'_>) -> Result<()> {
        let entitlement = self.entitlements.get(self.index);
        self.grants = entitlement
            .map(|of| self.grants_of(of, after))
            .transpose()?;
        Ok(())
    }

    fn grants_of(&self, of: &EntitlementRef, after: After<'_>) -> Result<Cursor<GrantRow>> {
        let filter = GrantFilter {
            entitlement: Some(of.clone()),
            ..GrantFilter::default()
        };
        self.rows.grants(&filter, self.attach, after)
    }
}

impl super::source::RowCursor<v2::Grant> for BatchCursor {
    fn next(&mut self) -> Result<Option<v2::Grant>> {
        while self.index < self.entitlements.len() {
            if self.grants.is_none() {
                self.open_grants(None)?;
            }
            if let Some(grants) = &mut self.grants
                && let Some(row) = grants.next()?
            {
                let index = u32::try_from(self.index)
                    .map_err(|_| Error::invalid("too many entitlements"))?;
                self.position.clear();
                self.position.extend(index.to_be_bytes());
                self.position.extend(grants.position());
                return Ok(Some(row.grant));
            }
            self.grants = None;
            self.index += 1;
        }
        Ok(None)
    }

    fn position(&self) -> &[u8] {
        &self.position
    }
}
