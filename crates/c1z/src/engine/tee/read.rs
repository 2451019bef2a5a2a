//! Reads through a tee.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, SeekFrom};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use c1z_proto::connector::v2;

use super::answer::{self, Compare};
use super::listing::{Listing, Unmatched};
use super::report::{Call, Difference};
use super::row::Row;
use super::stream::Both;
use super::{HasEngine, Tee};
use crate::engine::reader::{
    Asset, AssetInfo, DigestNode, DigestRoot, GrantRow, Metadata, PendingExpansion, Reader, Rows,
    SessionEntries, SessionEntry,
};
use crate::engine::types::{
    EntitlementRef, GrantKey, ResourceRef, SyncId, SyncRun, SyncStats, SyncType,
};
use crate::engine::{
    EntitlementFilter, Fallback, GrantFilter, Page, PageRequest, ResourceFilter, Scope,
    StorageEngine,
};
use crate::{Error, ErrorKind, Result};

/// Order that the contract promises, or that of the engine.
const ORDERED: bool = true;
const ANY_ORDER: bool = false;

impl<A: HasEngine, B: HasEngine> Tee<A, B> {
    /// One answer.
    fn read<T>(
        &self,
        call: &Call<'_>,
        compare: Compare<T>,
        ask: impl Fn(&dyn StorageEngine) -> Result<T>,
    ) -> Result<T> {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let operation = self.journal.next_operation();
        let (primary, shadow) = self.engines();
        let (left, right) = (ask(primary), ask(shadow));
        let difference = answer::results(&left, &right, self.options.allowed, compare);
        self.judge(operation, call, difference, left)
    }

    /// A page of a list; see [`super::listing`].
    fn page<T: Row>(
        &self,
        call: &Call<'_>,
        request: &PageRequest,
        is_ordered: bool,
        ask: impl Fn(&dyn StorageEngine, &PageRequest) -> Result<Page<T>>,
    ) -> Result<Page<T>> {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let operation = self.journal.next_operation();
        let generation = self.journal.generation.load(Ordering::Relaxed);
        let (primary, shadow) = self.engines();
        let left = ask(primary, request);
        let known = match request.token.as_str() {
            "" => Some(Listing::at(String::new(), generation)),
            token => self.listings().get(token),
        };
        let mut listing = match known {
            Some(listing) => listing,
            None if left.is_ok() => {
                self.journal.uncompared.fetch_add(1, Ordering::Relaxed);
                return left;
            }
            // Neither may take a token that nobody made.
            None => Listing::at(request.token.clone(), generation),
        };
        let own = PageRequest {
            size: request.size,
            token: listing.token.clone(),
        };
        let right = ask(shadow, &own);
        let allowed = self.options.allowed;
        let difference = match (&left, &right) {
            (Ok(left), Ok(right)) if listing.generation == generation => {
                listing.pages(left, right, is_ordered, allowed)
            }
            _ => answer::results(&left, &right, allowed, |_, _, _| None),
        };
        if let (Ok(left), Ok(right), None) = (&left, &right, &difference) {
            listing.token.clone_from(&right.next_token);
            if !left.next_token.is_empty() && !right.next_token.is_empty() {
                self.listings().put(&left.next_token, listing);
            }
        }
        self.judge(operation, call, difference, left)
    }

    /// Whether one engine finds an entitlement's grants only by way of its row, which is not there, and the other by their
    /// own id; see [`super::projection`].
    fn is_undecided(&self, scope: &Scope, of: &EntitlementRef) -> bool {
        self.options.allowed.projected && of.resource.is_none() && {
            let found = self.engines().0.get_entitlement(scope, of);
            matches!(found, Err(error) if error.kind() == ErrorKind::NotFound)
        }
    }

    /// The primary's answer alone.
    fn primary_alone<T>(&self, ask: impl Fn(&dyn StorageEngine) -> Result<T>) -> Result<T> {
        self.journal.uncompared.fetch_add(1, Ordering::Relaxed);
        ask(self.engines().0)
    }

    fn listings(&self) -> std::sync::MutexGuard<'_, super::listing::Listings> {
        let listings = self.journal.listings.lock();
        listings.unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream of rows.
    fn stream<T: Row>(
        &self,
        call: &Call<'_>,
        ask: impl Fn(&dyn StorageEngine) -> Result<Rows<T>>,
    ) -> Result<Rows<T>> {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let operation = self.journal.next_operation();
        let (primary, shadow) = self.engines();
        let (left, right) = (ask(primary), ask(shadow));
        match (left, right) {
            (Ok(primary), Ok(shadow)) => Ok(Box::new(Both {
                primary,
                shadow,
                allowed: self.options.allowed,
                journal: Arc::clone(&self.journal),
                operation,
                call: call.owned(),
                unmatched: Unmatched::default(),
                ended: false,
            })),
            (left, right) => {
                let allowed = self.options.allowed;
                let difference = answer::results(&left, &right, allowed, |_, _, _| None);
                self.judge(operation, call, difference, left)
            }
        }
    }
}

/// Two assets, by type, length and every byte.
pub(super) fn assets(id: &str, left: &mut Asset, right: &mut Asset) -> Result<Option<Difference>> {
    let fields = [
        (
            "content_type",
            left.content_type.clone(),
            right.content_type.clone(),
        ),
        ("length", left.len.to_string(), right.len.to_string()),
    ];
    for (field, left, right) in fields {
        if left != right {
            return Ok(Some(Difference::of("asset", id, field, &left, &right)));
        }
    }
    let broken = |error| {
        Error::new(ErrorKind::Io, format!("cannot read an asset: id=`{id}`")).with_source(error)
    };
    let (mut at, mut of_left, mut of_right) = (0_u64, [0; 4096], [0; 4096]);
    loop {
        let from_left = fill(&mut left.data, &mut of_left).map_err(broken)?;
        let from_right = fill(&mut right.data, &mut of_right).map_err(broken)?;
        let (in_left, in_right) = (of_left.get(..from_left), of_right.get(..from_right));
        if in_left != in_right {
            let same = of_left
                .iter()
                .zip(&of_right)
                .take_while(|(left, right)| left == right);
            let field = format!("byte {}", at + same.count() as u64);
            return Ok(Some(Difference::of("asset", id, &field, "one", "another")));
        }
        if from_left == 0 {
            break;
        }
        at += from_left as u64;
    }
    left.data.seek(SeekFrom::Start(0)).map_err(broken)?;
    Ok(None)
}

/// Reads until the buffer is full or nothing is left.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Several arguments of one kind.
struct Several<'a, T>(&'a [T]);

impl<T: fmt::Debug> fmt::Debug for Several<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of them: {:?}", self.0.len(), self.0)
    }
}

impl<A: HasEngine, B: HasEngine> Reader for Tee<A, B> {
    /// The primary's; not compared.
    fn metadata(&self) -> Metadata {
        self.engines().0.metadata()
    }

    fn list_sync_runs(&self, page: &PageRequest) -> Result<Page<SyncRun>> {
        let call = Call {
            name: "list_sync_runs",
            arguments: &[page],
        };
        self.page(&call, page, ORDERED, |engine, page| {
            engine.list_sync_runs(page)
        })
    }

    fn get_sync(&self, id: &SyncId) -> Result<SyncRun> {
        let call = Call {
            name: "get_sync",
            arguments: &[id],
        };
        self.read(&call, answer::one, |engine| engine.get_sync(id))
    }

    fn latest_finished_sync(&self, of: Option<&SyncType>) -> Result<Option<SyncRun>> {
        let call = Call {
            name: "latest_finished_sync",
            arguments: &[&of],
        };
        self.read(&call, answer::maybe, |engine| {
            engine.latest_finished_sync(of)
        })
    }

    fn previous_finished_sync(&self, of: Option<&SyncType>) -> Result<Option<SyncId>> {
        let call = Call {
            name: "previous_finished_sync",
            arguments: &[&of],
        };
        self.read(&call, answer::maybe, |engine| {
            engine.previous_finished_sync(of)
        })
    }

    fn resolve(&self, scope: &Scope, fallback: Fallback) -> Result<Option<SyncId>> {
        let call = Call {
            name: "resolve",
            arguments: &[scope, &fallback],
        };
        self.read(&call, answer::maybe, |engine| {
            engine.resolve(scope, fallback)
        })
    }

    fn list_resource_types(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<v2::ResourceType>> {
        let call = Call {
            name: "list_resource_types",
            arguments: &[scope, page],
        };
        self.page(&call, page, ANY_ORDER, |engine, page| {
            engine.list_resource_types(scope, page)
        })
    }

    fn list_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Resource>> {
        let call = Call {
            name: "list_resources",
            arguments: &[scope, filter, page],
        };
        self.page(&call, page, ANY_ORDER, |engine, page| {
            engine.list_resources(scope, filter, page)
        })
    }

    fn list_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
        page: &PageRequest,
    ) -> Result<Page<v2::Entitlement>> {
        let call = Call {
            name: "list_entitlements",
            arguments: &[scope, filter, page],
        };
        self.page(&call, page, ANY_ORDER, |engine, page| {
            engine.list_entitlements(scope, filter, page)
        })
    }

    fn list_grants(
        &self,
        scope: &Scope,
        filter: &GrantFilter,
        page: &PageRequest,
    ) -> Result<Page<GrantRow>> {
        if filter
            .entitlement
            .as_ref()
            .is_some_and(|of| self.is_undecided(scope, of))
        {
            return self.primary_alone(|engine| engine.list_grants(scope, filter, page));
        }
        let call = Call {
            name: "list_grants",
            arguments: &[scope, filter, page],
        };
        self.page(&call, page, ANY_ORDER, |engine, page| {
            engine.list_grants(scope, filter, page)
        })
    }

    /// Entitlements come in the order of the request, but grants of one in that of the engine.
    fn list_grants_for_entitlements(
        &self,
        scope: &Scope,
        entitlements: &[EntitlementRef],
        page: &PageRequest,
    ) -> Result<Page<v2::Grant>> {
        if entitlements.iter().any(|of| self.is_undecided(scope, of)) {
            return self.primary_alone(|engine| {
                engine.list_grants_for_entitlements(scope, entitlements, page)
            });
        }
        let several = Several(entitlements);
        let arguments: [&dyn fmt::Debug; 3] = [scope, &several, page];
        let call = Call {
            name: "list_grants_for_entitlements",
            arguments: &arguments,
        };
        self.page(&call, page, ANY_ORDER, |engine, page| {
            engine.list_grants_for_entitlements(scope, entitlements, page)
        })
    }

    fn list_pending_expansion(
        &self,
        scope: &Scope,
        page: &PageRequest,
    ) -> Result<Page<PendingExpansion>> {
        let call = Call {
            name: "list_pending_expansion",
            arguments: &[scope, page],
        };
        self.page(&call, page, ANY_ORDER, |engine, page| {
            engine.list_pending_expansion(scope, page)
        })
    }

    fn list_assets(&self, scope: &Scope, page: &PageRequest) -> Result<Page<AssetInfo>> {
        let call = Call {
            name: "list_assets",
            arguments: &[scope, page],
        };
        self.page(&call, page, ANY_ORDER, |engine, page| {
            engine.list_assets(scope, page)
        })
    }

    fn list_principals_for_entitlement(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
        page: &PageRequest,
    ) -> Result<Page<ResourceRef>> {
        if self.is_undecided(scope, entitlement) {
            return self.primary_alone(|engine| {
                engine.list_principals_for_entitlement(scope, entitlement, page)
            });
        }
        let call = Call {
            name: "list_principals_for_entitlement",
            arguments: &[scope, entitlement, page],
        };
        self.page(&call, page, ORDERED, |engine, page| {
            engine.list_principals_for_entitlement(scope, entitlement, page)
        })
    }

    fn stream_resources(
        &self,
        scope: &Scope,
        filter: &ResourceFilter,
    ) -> Result<Rows<v2::Resource>> {
        let call = Call {
            name: "stream_resources",
            arguments: &[scope, filter],
        };
        self.stream(&call, |engine| engine.stream_resources(scope, filter))
    }

    fn stream_entitlements(
        &self,
        scope: &Scope,
        filter: &EntitlementFilter,
    ) -> Result<Rows<v2::Entitlement>> {
        let call = Call {
            name: "stream_entitlements",
            arguments: &[scope, filter],
        };
        self.stream(&call, |engine| engine.stream_entitlements(scope, filter))
    }

    fn stream_grants(&self, scope: &Scope, filter: &GrantFilter) -> Result<Rows<GrantRow>> {
        if filter
            .entitlement
            .as_ref()
            .is_some_and(|of| self.is_undecided(scope, of))
        {
            return self.primary_alone(|engine| engine.stream_grants(scope, filter));
        }
        let call = Call {
            name: "stream_grants",
            arguments: &[scope, filter],
        };
        self.stream(&call, |engine| engine.stream_grants(scope, filter))
    }

    fn get_resource_type(&self, scope: &Scope, id: &str) -> Result<v2::ResourceType> {
        let call = Call {
            name: "get_resource_type",
            arguments: &[scope, &id],
        };
        self.read(&call, answer::one, |engine| {
            engine.get_resource_type(scope, id)
        })
    }

    fn get_resource(&self, scope: &Scope, id: &ResourceRef) -> Result<v2::Resource> {
        let call = Call {
            name: "get_resource",
            arguments: &[scope, id],
        };
        self.read(&call, answer::one, |engine| engine.get_resource(scope, id))
    }

    fn get_entitlement(&self, scope: &Scope, id: &EntitlementRef) -> Result<v2::Entitlement> {
        let call = Call {
            name: "get_entitlement",
            arguments: &[scope, id],
        };
        self.read(&call, answer::one, |engine| {
            engine.get_entitlement(scope, id)
        })
    }

    fn get_grant(&self, scope: &Scope, id: &str) -> Result<v2::Grant> {
        let call = Call {
            name: "get_grant",
            arguments: &[scope, &id],
        };
        self.read(&call, answer::one, |engine| engine.get_grant(scope, id))
    }

    fn get_grant_by_key(&self, scope: &Scope, key: &GrantKey) -> Result<v2::Grant> {
        let call = Call {
            name: "get_grant_by_key",
            arguments: &[scope, key],
        };
        self.read(&call, answer::one, |engine| {
            engine.get_grant_by_key(scope, key)
        })
    }

    fn get_resources_by_ids(
        &self,
        scope: &Scope,
        ids: &[ResourceRef],
    ) -> Result<Vec<v2::Resource>> {
        let several = Several(ids);
        let arguments: [&dyn fmt::Debug; 2] = [scope, &several];
        let call = Call {
            name: "get_resources_by_ids",
            arguments: &arguments,
        };
        self.read(&call, answer::in_order, |engine| {
            engine.get_resources_by_ids(scope, ids)
        })
    }

    fn get_entitlements_by_ids(
        &self,
        scope: &Scope,
        ids: &[String],
    ) -> Result<Vec<v2::Entitlement>> {
        let several = Several(ids);
        let arguments: [&dyn fmt::Debug; 2] = [scope, &several];
        let call = Call {
            name: "get_entitlements_by_ids",
            arguments: &arguments,
        };
        self.read(&call, answer::in_order, |engine| {
            engine.get_entitlements_by_ids(scope, ids)
        })
    }

    fn get_grants_by_ids(&self, scope: &Scope, ids: &[String]) -> Result<Vec<v2::Grant>> {
        let several = Several(ids);
        let arguments: [&dyn fmt::Debug; 2] = [scope, &several];
        let call = Call {
            name: "get_grants_by_ids",
            arguments: &arguments,
        };
        self.read(&call, answer::in_order, |engine| {
            engine.get_grants_by_ids(scope, ids)
        })
    }

    fn get_asset(&self, scope: &Scope, id: &str) -> Result<Asset> {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let call = Call {
            name: "get_asset",
            arguments: &[scope, &id],
        };
        let operation = self.journal.next_operation();
        let (primary, shadow) = self.engines();
        let (mut left, mut right) = (primary.get_asset(scope, id), shadow.get_asset(scope, id));
        let difference = match (&mut left, &mut right) {
            (Ok(left), Ok(right)) => assets(id, left, right)?,
            _ => answer::results(&left, &right, self.options.allowed, |_, _, _| None),
        };
        self.judge(operation, &call, difference, left)
    }

    fn stats(&self, sync: Option<&SyncId>, of: Option<&SyncType>) -> Result<SyncStats> {
        let call = Call {
            name: "stats",
            arguments: &[&sync, &of],
        };
        self.read(&call, answer::counts, |engine| engine.stats(sync, of))
    }

    fn stats_map(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>> {
        let call = Call {
            name: "stats_map",
            arguments: &[&sync, &of],
        };
        self.read(&call, answer::one, |engine| engine.stats_map(sync, of))
    }

    fn grant_stats(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>> {
        let call = Call {
            name: "grant_stats",
            arguments: &[&sync, &of],
        };
        self.read(&call, answer::one, |engine| engine.grant_stats(sync, of))
    }

    fn entitlement_stats(
        &self,
        sync: Option<&SyncId>,
        of: Option<&SyncType>,
    ) -> Result<BTreeMap<String, i64>> {
        let call = Call {
            name: "entitlement_stats",
            arguments: &[&sync, &of],
        };
        self.read(&call, answer::one, |engine| {
            engine.entitlement_stats(sync, of)
        })
    }

    fn grant_sources(&self, sync: &SyncId) -> Result<BTreeMap<String, v2::GrantSources>> {
        let call = Call {
            name: "grant_sources",
            arguments: &[sync],
        };
        self.read(&call, answer::one, |engine| engine.grant_sources(sync))
    }

    fn entitlement_digest(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
    ) -> Result<Option<DigestRoot>> {
        let call = Call {
            name: "entitlement_digest",
            arguments: &[scope, entitlement],
        };
        self.read(&call, answer::digest, |engine| {
            engine.entitlement_digest(scope, entitlement)
        })
    }

    fn entitlement_digest_nodes(
        &self,
        scope: &Scope,
        entitlement: &EntitlementRef,
        level: u8,
    ) -> Result<Option<Vec<DigestNode>>> {
        let call = Call {
            name: "entitlement_digest_nodes",
            arguments: &[scope, entitlement, &level],
        };
        self.read(&call, answer::digest, |engine| {
            engine.entitlement_digest_nodes(scope, entitlement, level)
        })
    }

    fn grants_digest(&self, scope: &Scope) -> Result<Option<DigestNode>> {
        let call = Call {
            name: "grants_digest",
            arguments: &[scope],
        };
        self.read(&call, answer::digest, |engine| engine.grants_digest(scope))
    }

    fn session_get(&self, sync: &SyncId, prefix: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let call = Call {
            name: "session_get",
            arguments: &[sync, &prefix, &key],
        };
        self.read(&call, answer::maybe, |engine| {
            engine.session_get(sync, prefix, key)
        })
    }

    fn session_get_many(
        &self,
        sync: &SyncId,
        prefix: &str,
        keys: &[String],
    ) -> Result<SessionEntries> {
        let several = Several(keys);
        let arguments: [&dyn fmt::Debug; 3] = [sync, &prefix, &several];
        let call = Call {
            name: "session_get_many",
            arguments: &arguments,
        };
        self.read(&call, answer::one, |engine| {
            engine.session_get_many(sync, prefix, keys)
        })
    }

    /// The token is the next key by contract, so it is compared like the rows.
    fn session_get_all(
        &self,
        sync: &SyncId,
        prefix: &str,
        token: &str,
    ) -> Result<Page<SessionEntry>> {
        let call = Call {
            name: "session_get_all",
            arguments: &[sync, &prefix, &token],
        };
        let compare: Compare<Page<SessionEntry>> = |left, right, allowed| {
            answer::in_order(&left.rows, &right.rows, allowed)
                .or_else(|| answer::one(&left.next_token, &right.next_token, allowed))
        };
        self.read(&call, compare, |engine| {
            engine.session_get_all(sync, prefix, token)
        })
    }

    /// The primary's; not compared.
    fn size_on_disk(&self) -> Result<u64> {
        self.engines().0.size_on_disk()
    }
}
