//! Reads: find the sync, scan its rows, cut a page (`store-contract` §1).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use c1z_proto::connector::v2;

use super::Model;
use super::grants::{entitlement_of, entitlements_of, grant_of, one, resources_of};
use super::key::{self, Key};
use super::resolve::{finished_newest_first, latest_finished};
use super::state::{Granted, Records, Row, State, Stored};
use super::stats;
use super::token::Token;
use crate::engine::reader::{
    Asset, AssetInfo, DigestNode, DigestRoot, GrantRow, Metadata, PendingExpansion, Reader, Rows,
    SessionEntries, SessionEntry,
};
use crate::engine::types::{
    EntitlementRef, GrantKey, ResourceRef, SyncId, SyncRun, SyncStats, SyncType,
};
use crate::engine::{
    EntitlementFilter, Fallback, GrantFilter, Page, PageRequest, ResourceFilter, Scope,
};
use crate::{Error, ErrorKind, Result};

/// A list: its name and its filter, both in words.
struct Listing {
    operation: &'static str,
    filter: String,
    fallback: Fallback,
}

impl Listing {
    fn new(operation: &'static str, filter: impl std::fmt::Debug) -> Self {
        Self {
            operation,
            filter: format!("{filter:?}"),
            fallback: Fallback::List,
        }
    }
}

/// Where a page of a list begins: in which records, after which row.
struct Place<'a> {
    records: &'a Records,
    listing: Listing,
    sync: SyncId,
    after: Option<Token>,
}

impl Place<'_> {
    /// The rows of the page, shown, and the token of the rest.
    fn cut<K: AsRef<[String]>, R, T>(
        &self,
        request: &PageRequest,
        rows: Vec<(K, R)>,
        show: impl Fn(R) -> T,
    ) -> Page<T> {
        cut(
            &self.listing,
            &self.sync,
            self.after.as_ref(),
            request,
            rows,
            show,
        )
    }
}

impl Model {
    /// Finds the place of a page; none: the list is empty, because there is no sync to read.
    fn place<'a>(
        &self,
        state: &'a State,
        scope: &Scope,
        listing: Listing,
        request: &PageRequest,
    ) -> Result<Option<Place<'a>>> {
        let after = match request.token.as_str() {
            "" => None,
            text => Some(made_by(Token::decode(text)?, &listing)?),
        };
        let sync = match &after {
            Some(token) => sync_of(token, scope)?,
            None => match self.resolve_in(state, scope, listing.fallback)? {
                Some(sync) => sync,
                None => return Ok(None),
            },
        };
        Ok(Some(Place {
            records: state.records(&sync)?,
            listing,
            sync,
            after,
        }))
    }

    /// The records that a point read is about.
    fn at<T>(&self, scope: &Scope, read: impl FnOnce(&Records) -> Result<T>) -> Result<T> {
        let state = self.lock();
        let sync = self.point(&state, scope)?;
        read(state.records(&sync)?)
    }

    /// The sync that a statistics call is about.
    fn stats_run<'a>(
        state: &'a State,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<&'a SyncRun> {
        let Some(id) = sync else {
            return latest_finished(state, of)
                .ok_or_else(|| Error::not_found("the store has no finished sync of this type"));
        };
        let run = state.run(id)?;
        match of {
            Some(of) if *of != run.sync_type => Err(Error::invalid(format!(
                "the sync has another type: sync_id=`{id}` type=`{}` expected=`{of}`",
                run.sync_type
            ))),
            _ => Ok(run),
        }
    }
}

/// A token of another list, or of the same list with another filter, is refused (D17).
fn made_by(token: Token, listing: &Listing) -> Result<Token> {
    if token.operation == listing.operation && token.filter == listing.filter {
        return Ok(token);
    }
    Err(Error::new(
        ErrorKind::InvalidPageToken,
        "page token not accepted: another list made it",
    ))
}

/// A sequence of pages sticks to the sync of its first page.
fn sync_of(token: &Token, scope: &Scope) -> Result<SyncId> {
    let sync = token.sync_id();
    match scope {
        Scope::Sync(named) if *named != sync => Err(Error::new(
            ErrorKind::InvalidPageToken,
            "page token not accepted: it belongs to another sync",
        )),
        _ => Ok(sync),
    }
}

/// The rows after a token, as many as asked for, and the token of the rest.
fn cut<K: AsRef<[String]>, R, T>(
    listing: &Listing,
    sync: &SyncId,
    after: Option<&Token>,
    request: &PageRequest,
    mut rows: Vec<(K, R)>,
    show: impl Fn(R) -> T,
) -> Page<T> {
    rows.retain(|(key, _)| after.is_none_or(|token| key.as_ref() > token.last.as_slice()));
    let more = rows.len() > request.rows();
    rows.truncate(request.rows());
    let mut page = Page::empty();
    if let (true, Some((last, _))) = (more, rows.last()) {
        let token = Token {
            operation: listing.operation.to_owned(),
            sync: sync.as_str().to_owned(),
            filter: listing.filter.clone(),
            last: last.as_ref().to_vec(),
        };
        page.next_token = token.encode();
    }
    page.rows = rows.into_iter().map(|(_, row)| show(row)).collect();
    page
}

fn record<T: Clone>(row: &Row<T>) -> T {
    row.record.clone()
}

/// The rows, copied, as a stream.
fn stream<R, T: Send + 'static>(rows: Vec<(&Key, R)>, show: impl Fn(R) -> T) -> Rows<T> {
    let rows: Vec<T> = rows.into_iter().map(|(_, row)| show(row)).collect();
    Box::new(rows.into_iter().map(Ok))
}

/// Each id once, in the order of first occurrence; what is missing is left out.
fn by_ids<I: Ord, T>(ids: &[I], get: impl Fn(&I) -> Result<Option<T>>) -> Result<Vec<T>> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for id in ids {
        if seen.insert(id) {
            found.extend(get(id)?);
        }
    }
    Ok(found)
}

fn found<T>(kind: &str, id: &dyn std::fmt::Display, row: Option<T>) -> Result<T> {
    row.ok_or_else(|| Error::not_found(format!("{kind} not found: id=`{id}`")))
}

impl Reader for Model {
    fn metadata(&self) -> Metadata {
        Metadata {
            engine: "model",
            format: "",
            payload_encoding: "",
        }
    }

    fn list_sync_runs(&self, page: &PageRequest) -> Result<Page<SyncRun>> {
        let listing = Listing::new("sync runs", "");
        let after = match page.token.as_str() {
            "" => None,
            text => Some(made_by(Token::decode(text)?, &listing)?),
        };
        let state = self.lock();
        // Numbers of equal width sort as text.
        let runs = state.runs.iter();
        let rows = runs.map(|(number, run)| ([format!("{number:020}")], run));
        let no_sync = SyncId::from_stored("");
        let rows = rows.collect();
        Ok(cut(
            &listing,
            &no_sync,
            after.as_ref(),
            page,
            rows,
            SyncRun::clone,
        ))
    }

    fn get_sync(&self, id: &SyncId) -> Result<SyncRun> {
        self.lock().run(id).cloned()
    }

    fn latest_finished_sync(&self, of: Option<&SyncType>) -> Result<Option<SyncRun>> {
        Ok(latest_finished(&self.lock(), of).cloned())
    }

    fn previous_finished_sync(&self, of: Option<&SyncType>) -> Result<Option<SyncId>> {
        let state = self.lock();
        let runs = finished_newest_first(&state, of);
        Ok(runs.get(1).map(|run| run.id.clone()))
    }

    fn resolve(&self, scope: &Scope, fallback: Fallback) -> Result<Option<SyncId>> {
        self.resolve_in(&self.lock(), scope, fallback)
    }

    fn list_resource_types(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<v2::ResourceType>> {
        let state = self.lock();
        let listing = Listing::new("resource types", "");
        let Some(place) = self.place(&state, scope, listing, page)? else {
            return Ok(Page::empty());
        };
        let rows = place.records.resource_types.iter().collect();
        Ok(place.cut(page, rows, record))
    }

    fn list_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Resource>> {
        let state = self.lock();
        let listing = Listing::new("resources", filter);
        let Some(place) = self.place(&state, scope, listing, page)? else {
            return Ok(Page::empty());
        };
        let rows = resources_of(place.records, filter)?;
        Ok(place.cut(page, rows, record))
    }

    fn list_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Entitlement>> {
        let state = self.lock();
        let listing = Listing::new("entitlements", filter);
        let Some(place) = self.place(&state, scope, listing, page)? else {
            return Ok(Page::empty());
        };
        let rows = entitlements_of(place.records, filter)?;
        Ok(place.cut(page, rows, record))
    }

    fn list_grants(
        &self,
        scope: &Scope,
        filter: &GrantFilter,
        page: &PageRequest,
    ) -> Result<Page<GrantRow>> {
        let state = self.lock();
        let listing = Listing::new("grants", filter);
        let Some(place) = self.place(&state, scope, listing, page)? else {
            return Ok(Page::empty());
        };
        let rows = self.grants_of(place.records, filter)?;
        Ok(place.cut(page, rows, |row| self.shown(row)))
    }

    fn list_grants_for_entitlements(
        &self,
        scope: &Scope,
        entitlements: &[EntitlementRef],
        page: &PageRequest,
    ) -> Result<Page<v2::Grant>> {
        for of in entitlements.iter().filter(|of| !of.id.is_empty()) {
            key::require_entitlement("entitlement", of)?;
        }
        let listing = Listing {
            fallback: Fallback::Point,
            ..Listing::new("grants for entitlements", entitlements)
        };
        // A token that was made for others starts over (§5.5).
        let mut page = page.clone();
        if !page.token.is_empty() {
            let token = Token::decode(&page.token)?;
            if token.operation == listing.operation && token.filter != listing.filter {
                page.token.clear();
            }
        }
        let state = self.lock();
        let Some(place) = self.place(&state, scope, listing, &page)? else {
            return Ok(Page::empty());
        };
        let mut rows = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, of) in entitlements.iter().enumerate() {
            if of.id.is_empty() || !seen.insert(of) {
                continue;
            }
            let filter = GrantFilter {
                entitlement: Some(of.clone()),
                ..GrantFilter::default()
            };
            for (key, row) in self.grants_of(place.records, &filter)? {
                let mut position = vec![format!("{index:020}")];
                position.extend(key.iter().cloned());
                rows.push((position, row));
            }
        }
        Ok(place.cut(&page, rows, |row| self.shown(row).grant))
    }

    fn list_pending_expansion(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<PendingExpansion>> {
        let state = self.lock();
        let listing = Listing::new("pending expansion", "");
        let Some(place) = self.place(&state, scope, listing, page)? else {
            return Err(Error::not_found("the store has no sync to read"));
        };
        let rows = place.records.grants.iter();
        let pending = rows.filter_map(|(key, row)| {
            let expansion = row.record.expansion.as_ref()?;
            row.record
                .needs_expansion
                .then_some((key, (row, expansion)))
        });
        let show = |(row, expansion): (&Row<Granted>, &v2::GrantExpandable)| PendingExpansion {
            grant_id: row.record.grant.id.clone(),
            entitlement: row.record.entitlement.clone(),
            principal: row.record.principal.clone(),
            expansion: expansion.clone(),
        };
        Ok(place.cut(page, pending.collect(), show))
    }

    fn list_assets(&self, scope: &Scope, page: &PageRequest) -> Result<Page<AssetInfo>> {
        let state = self.lock();
        let listing = Listing::new("assets", "");
        let Some(place) = self.place(&state, scope, listing, page)? else {
            return Ok(Page::empty());
        };
        let assets = place.records.assets.iter();
        let rows = assets.map(|(id, asset)| ([id.clone()], (id, asset)));
        let show = |(id, asset): (&String, &Stored)| AssetInfo {
            id: id.clone(),
            content_type: asset.content_type.clone(),
            len: asset.data.len() as u64,
        };
        Ok(place.cut(page, rows.collect(), show))
    }

    fn list_principals_for_entitlement(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
        page: &PageRequest,
    ) -> Result<Page<ResourceRef>> {
        let state = self.lock();
        let listing = Listing::new("principals", entitlement);
        let filter = GrantFilter {
            entitlement: Some(entitlement.clone()),
            ..GrantFilter::default()
        };
        let Some(place) = self.place(&state, scope, listing, page)? else {
            return Ok(Page::empty());
        };
        let grants = self.grants_of(place.records, &filter)?;
        let principals: BTreeSet<&ResourceRef> = grants
            .iter()
            .map(|(_, row)| &row.record.principal)
            .collect();
        let rows = principals.into_iter().map(|of| {
            let key = [of.resource_type.clone(), of.resource.clone()];
            (key, of)
        });
        Ok(place.cut(page, rows.collect(), ResourceRef::clone))
    }

    fn stream_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
    ) -> Result<Rows<v2::Resource>> {
        self.at(scope, |records| {
            Ok(stream(resources_of(records, filter)?, record))
        })
    }

    fn stream_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
    ) -> Result<Rows<v2::Entitlement>> {
        self.at(scope, |records| {
            Ok(stream(entitlements_of(records, filter)?, record))
        })
    }

    fn stream_grants(&self, scope: &Scope, filter: &GrantFilter) -> Result<Rows<GrantRow>> {
        self.at(scope, |records| {
            let rows = self.grants_of(records, filter)?;
            Ok(stream(rows, |row| self.shown(row)))
        })
    }

    fn get_resource_type(&self, scope: &Scope, id: &str) -> Result<v2::ResourceType> {
        key::require("resource type", "id", id)?;
        self.at(scope, |records| {
            let mut rows = records.resource_types.values().map(|row| &row.record);
            found("resource type", &id, rows.find(|row| row.id == id).cloned())
        })
    }

    fn get_resource(&self, scope: &Scope, id: &ResourceRef) -> Result<v2::Resource> {
        key::require_ref("resource", id)?;
        self.at(scope, |records| {
            let row = records
                .resources
                .get(&key::of_resource(self.options.identity, id));
            found("resource", id, row.map(|row| row.record.clone()))
        })
    }

    fn get_entitlement(&self, scope: &Scope, id: &EntitlementRef) -> Result<v2::Entitlement> {
        key::require_entitlement("entitlement", id)?;
        self.at(scope, |records| {
            let row = entitlement_of(records, id)?;
            found("entitlement", &id.id, row.map(|(_, row)| row.clone()))
        })
    }

    fn get_grant(&self, scope: &Scope, id: &str) -> Result<v2::Grant> {
        key::require("grant", "id", id)?;
        self.at(scope, |records| {
            let row = grant_of(records, id)?;
            found("grant", &id, row.map(|(_, row)| self.shown(row).grant))
        })
    }

    fn get_grant_by_key(&self, scope: &Scope, key: &GrantKey) -> Result<v2::Grant> {
        key::require_entitlement("entitlement of the grant", &key.entitlement)?;
        key::require_ref("principal of the grant", &key.principal)?;
        let id = format!("{}:{}", key.entitlement.id, key.principal);
        self.at(scope, |records| {
            let rows = self.grants_with_key(records, key)?;
            let row = one("grant", &id, &rows)?;
            found("grant", &id, row.map(|(_, row)| self.shown(row).grant))
        })
    }

    fn get_resources_by_ids(
        &self,
        scope: &Scope,
        ids: &[ResourceRef],
    ) -> Result<Vec<v2::Resource>> {
        self.at(scope, |records| {
            by_ids(ids, |id| {
                let row = records
                    .resources
                    .get(&key::of_resource(self.options.identity, id));
                Ok(row.map(|row| row.record.clone()))
            })
        })
    }

    fn get_entitlements_by_ids(
        &self,
        scope: &Scope,
        ids: &[String],
    ) -> Result<Vec<v2::Entitlement>> {
        self.at(scope, |records| {
            by_ids(ids, |id| {
                let row = entitlement_of(records, &EntitlementRef::bare(id))?;
                Ok(row.map(|(_, row)| row.clone()))
            })
        })
    }

    fn get_grants_by_ids(&self, scope: &Scope, ids: &[String]) -> Result<Vec<v2::Grant>> {
        self.at(scope, |records| {
            by_ids(ids, |id| {
                let row = grant_of(records, id)?;
                Ok(row.map(|(_, row)| self.shown(row).grant))
            })
        })
    }

    fn get_asset(&self, scope: &Scope, id: &str) -> Result<Asset> {
        key::require("asset", "id", id)?;
        self.at(scope, |records| {
            let asset = found("asset", &id, records.assets.get(id))?;
            Ok(Asset {
                content_type: asset.content_type.clone(),
                len: asset.data.len() as u64,
                data: Box::new(Cursor::new(asset.data.clone())),
            })
        })
    }

    fn stats(&self, sync: Option<&SyncId>, of: Option<&SyncType>) -> Result<SyncStats> {
        let state = self.lock();
        let run = Self::stats_run(&state, sync, of)?;
        match &run.stats {
            Some(recorded) => Ok(recorded.clone()),
            None => Ok(stats::count(state.records(&run.id)?, &run.token)),
        }
    }

    fn stats_map(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>> {
        let stats = self.stats(sync, of)?;
        let mut map = stats.resources_by_resource_type;
        // The reserved keys win (D19).
        map.insert("resource_types".to_owned(), stats.resource_types);
        map.insert("resources".to_owned(), stats.resources);
        map.insert("entitlements".to_owned(), stats.entitlements);
        map.insert("grants".to_owned(), stats.grants);
        map.insert("assets".to_owned(), stats.assets);
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
        self.at(&Scope::Sync(sync.clone()), |records| {
            let grants = records.grants.values().map(|row| &row.record.grant);
            let sources = grants.filter_map(|grant| {
                let sources = grant.sources.as_option()?;
                Some((grant.id.clone(), sources.clone()))
            });
            Ok(sources.collect())
        })
    }

    /// Never built.
    fn entitlement_digest(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
    ) -> Result<Option<DigestRoot>> {
        key::require_entitlement("entitlement", entitlement)?;
        self.at(scope, |_| Ok(None))
    }

    /// Never built.
    fn entitlement_digest_nodes(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
        _level: u8,
    ) -> Result<Option<Vec<DigestNode>>> {
        key::require_entitlement("entitlement", entitlement)?;
        self.at(scope, |_| Ok(None))
    }

    /// Never built.
    fn grants_digest(&self, scope: &Scope) -> Result<Option<DigestNode>> {
        self.at(scope, |_| Ok(None))
    }

    fn session_get(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.session_value(sync, prefix, key))
    }

    fn session_get_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        keys: &[String],
    ) -> Result<SessionEntries> {
        Ok(self.session_values(sync, prefix, keys))
    }

    fn session_get_all(
        &self,
        sync: &SyncId,
        prefix: &str,
        token: &str,
    ) -> Result<Page<SessionEntry>> {
        Ok(self.session_page(sync, prefix, token))
    }

    fn size_on_disk(&self) -> Result<u64> {
        Ok(0)
    }
}
