//! Lookups: one call of the Go reader each, asked again through the contract.

use c1z::engine::reader::{DigestNode, DigestRoot};
use c1z::engine::types::{EntitlementRef, ResourceRef, SyncId, SyncRun, SyncType};
use c1z::engine::{EntitlementFilter, GrantFilter, Profile, ResourceFilter, Scope};
use c1z_proto::connector::v2;

use super::rows::{self, Listed, read_pages};
use super::{Checker, Order, scope};
use crate::golden::dump::List;
use crate::golden::lookup::{Answer, ListedSync, Lookup, Node, Query, Root};

/// What a call of the contract returned, in the form of the dump.
#[derive(Debug)]
enum Found {
    /// An answer to be equal to the dump's.
    Answer(Answer),
    /// Rows of a list.
    Rows(Vec<Listed>, Vec<usize>),
    /// Resources of a list.
    Resources(Vec<ResourceRef>, Vec<usize>),
    /// A record, and the list it stands in.
    Record(List, Listed),
    /// Sync runs.
    Syncs(Vec<SyncRun>),
}

impl Checker<'_> {
    pub(super) fn lookup(&mut self, line: usize, lookup: &Lookup) {
        let check = lookup.query.name();
        let about = format!("{:?} in `{}`", lookup.query, lookup.sync_id);
        self.remember_entitlement(lookup);
        let found = self.ask(line, lookup);
        let expected = lookup.answer.as_ref();
        self.outcome(
            check,
            line,
            &about,
            expected,
            found,
            |this, expected, found| {
                this.answer(check, line, &about, lookup, expected, found);
            },
        );
    }

    /// Lookups of an entitlement begin with `GetEntitlement`; where an id repeats on several resources, the n-th of
    /// them is about the n-th row with that id.
    fn remember_entitlement(&mut self, lookup: &Lookup) {
        let Query::GetEntitlement(id) = &lookup.query else {
            return;
        };
        let key = (lookup.sync_id.clone(), id.clone());
        let seen = self.entitlements_seen.entry(key).or_insert(0);
        let index = *seen;
        *seen += 1;
        let same_id = self
            .entitlements(&lookup.sync_id)
            .into_iter()
            .filter(|row| row.id == *id);
        let found = same_id.map(|row| rows::entitlement_ref(&row)).nth(index);
        self.entitlement = found.and_then(|found| Some((found.id, found.resource?)));
    }

    /// The entitlement that a lookup means. Go's SQLite engine ignores the resource, its Pebble engine uses it.
    fn entitlement_ref(&self, id: &str, bare: bool) -> EntitlementRef {
        let resource = match &self.entitlement {
            Some((of, resource)) if of == id && !bare && self.profile != Profile::GoSqlite => {
                Some(resource.clone())
            }
            _ => None,
        };
        EntitlementRef {
            id: id.to_owned(),
            resource,
        }
    }

    /// The entitlements of a batch lookup: the n-th time that an id stands in it is the n-th row with that id. Go's
    /// SQLite engine ignores the resource, its Pebble engine uses it.
    fn batch(&self, sync_id: &str, ids: &[String]) -> Vec<EntitlementRef> {
        let bare = ids.iter().map(EntitlementRef::bare);
        if self.profile == Profile::GoSqlite {
            return bare.collect();
        }
        let mut rows: Vec<_> = self
            .entitlements(sync_id)
            .iter()
            .map(rows::entitlement_ref)
            .collect();
        bare.map(|bare| match rows.iter().position(|row| row.id == bare.id) {
            Some(first) => rows.remove(first),
            None => bare,
        })
        .collect()
    }

    /// Asks the engine.
    fn ask(&mut self, line: usize, lookup: &Lookup) -> c1z::Result<Found> {
        let scope = scope(&lookup.sync_id);
        match &lookup.query {
            Query::ListSyncs
            | Query::GetLatestFinishedSync(_)
            | Query::LatestFinishedSyncId(_)
            | Query::LatestFullSync
            | Query::LatestFinishedSyncOfAnyType
            | Query::CurrentSyncStep => self.ask_syncs(lookup),
            Query::ListResourcesOfType(id) => {
                let filter = ResourceFilter {
                    resource_type: id.clone(),
                    parent: None,
                };
                self.ask_resources(&scope, &filter)
            }
            Query::ListResourcesOfParent(parent) => {
                let filter = ResourceFilter {
                    resource_type: String::new(),
                    parent: Some(parent.clone()),
                };
                self.ask_resources(&scope, &filter)
            }
            Query::ListEntitlements(resource) => {
                let filter = EntitlementFilter {
                    resource: Some(resource.clone()),
                    ..EntitlementFilter::default()
                };
                let reader = self.reader;
                let (found, counts) =
                    read_pages(0, |page| reader.list_entitlements(&scope, &filter, page))?;
                Ok(Found::Rows(
                    found.iter().map(rows::entitlement).collect(),
                    counts,
                ))
            }
            Query::ListGrants(_)
            | Query::ListGrantsForResourceType(_)
            | Query::ListGrantsForPrincipal { .. }
            | Query::ListGrantsForEntitlement { .. }
            | Query::ListGrantsForEntitlements(_) => self.ask_grants(line, &scope, lookup),
            Query::ListResourcesByIds(_)
            | Query::ListEntitlementsByIds(_)
            | Query::GetResourceType(_)
            | Query::GetResource(_)
            | Query::GetEntitlement(_)
            | Query::GetGrant(_) => self.ask_points(line, &scope, lookup),
            Query::GetEntitlementGrantDigest(id) => {
                let entitlement = self.entitlement_ref(id, false);
                let root = self.reader.entitlement_digest(&scope, &entitlement)?;
                Ok(Found::Answer(Answer::Root(root.as_ref().map(shown_root))))
            }
            Query::GetEntitlementGrantDigestNodes { entitlement, level } => {
                let entitlement = self.entitlement_ref(entitlement, false);
                let nodes = self
                    .reader
                    .entitlement_digest_nodes(&scope, &entitlement, *level)?;
                let nodes = nodes.unwrap_or_default();
                Ok(Found::Answer(Answer::Nodes(
                    nodes.iter().map(shown_node).collect(),
                )))
            }
            Query::GrantGenerationDigest => {
                let node = self.reader.grants_digest(&scope)?;
                Ok(Found::Answer(Answer::Global(node.as_ref().map(shown_node))))
            }
        }
    }

    fn ask_syncs(&self, lookup: &Lookup) -> c1z::Result<Found> {
        let reader = self.reader;
        let latest = |of: Option<SyncType>| -> c1z::Result<Found> {
            let run = reader.latest_finished_sync(of.as_ref())?;
            let id = run.map(|run| run.id.as_str().to_owned());
            Ok(Found::Answer(Answer::SyncId(id)))
        };
        match &lookup.query {
            Query::GetLatestFinishedSync(of) | Query::LatestFinishedSyncId(of) => {
                latest(SyncType::parse_query(of)?)
            }
            Query::LatestFullSync => latest(Some(SyncType::Full)),
            Query::LatestFinishedSyncOfAnyType => latest(None),
            Query::CurrentSyncStep => {
                let run = reader.get_sync(&SyncId::from_stored(&lookup.sync_id))?;
                Ok(Found::Answer(Answer::Token(run.token)))
            }
            _ => {
                let (runs, _) = read_pages(0, |page| reader.list_sync_runs(page))?;
                Ok(Found::Syncs(runs))
            }
        }
    }

    fn ask_resources(&self, scope: &Scope, filter: &ResourceFilter) -> c1z::Result<Found> {
        let reader = self.reader;
        let (found, counts) = read_pages(0, |page| reader.list_resources(scope, filter, page))?;
        Ok(Found::Resources(
            found.iter().map(rows::resource_ref).collect(),
            counts,
        ))
    }

    fn ask_grants(&mut self, line: usize, scope: &Scope, lookup: &Lookup) -> c1z::Result<Found> {
        let reader = self.reader;
        let (grants, counts) = match &lookup.query {
            Query::ListGrantsForEntitlements(ids) => {
                let entitlements = self.batch(&lookup.sync_id, ids);
                let read = |size| {
                    read_pages(size, |page| {
                        reader.list_grants_for_entitlements(scope, &entitlements, page)
                    })
                };
                let (small, _) = read(5)?;
                let (whole, counts) = read(0)?;
                self.compare(
                    "ListGrantsForEntitlements",
                    line,
                    "pages of 5, joined",
                    &whole,
                    &small,
                );
                (whole, counts)
            }
            query => {
                let filter = self.grant_filter(query);
                let (rows, counts) =
                    read_pages(0, |page| reader.list_grants(scope, &filter, page))?;
                (rows.into_iter().map(|row| row.grant).collect(), counts)
            }
        };
        if let Query::ListGrantsForEntitlement {
            entitlement,
            bare: false,
            principal: None,
            principal_resource_types,
        } = &lookup.query
            && principal_resource_types.is_empty()
        {
            let entitlement = self.entitlement_ref(entitlement, false);
            self.principals_agree(line, &lookup.sync_id, &entitlement, &grants);
        }
        Ok(Found::Rows(
            grants.iter().map(rows::grant).collect(),
            counts,
        ))
    }

    /// The filter that a list of grants means. *For resource type* is about the principal in Go's Pebble engine, about
    /// the entitlement's resource in its SQLite engine (D3).
    fn grant_filter(&self, query: &Query) -> GrantFilter {
        let mut filter = GrantFilter::default();
        match query {
            Query::ListGrants(resource) => filter.entitlement_resource = Some(resource.clone()),
            Query::ListGrantsForResourceType(id) if self.profile == Profile::GoPebble => {
                filter.principal_resource_type.clone_from(id);
            }
            Query::ListGrantsForResourceType(id) => filter.entitlement_resource_type.clone_from(id),
            Query::ListGrantsForPrincipal {
                principal,
                entitlement,
            } => {
                filter.principal = Some(principal.clone());
                filter.entitlement = entitlement
                    .as_ref()
                    .map(|id| self.entitlement_ref(id, false));
            }
            Query::ListGrantsForEntitlement {
                entitlement,
                bare,
                principal,
                principal_resource_types,
            } => {
                filter.entitlement = Some(self.entitlement_ref(entitlement, *bare));
                filter.principal.clone_from(principal);
                filter
                    .principal_resource_types
                    .clone_from(principal_resource_types);
            }
            _ => {}
        }
        filter
    }

    fn ask_points(&mut self, line: usize, scope: &Scope, lookup: &Lookup) -> c1z::Result<Found> {
        let reader = self.reader;
        Ok(match &lookup.query {
            Query::ListResourcesByIds(ids) => {
                let found = reader.get_resources_by_ids(scope, ids)?;
                Found::Resources(found.iter().map(rows::resource_ref).collect(), Vec::new())
            }
            Query::ListEntitlementsByIds(ids) => {
                let found = reader.get_entitlements_by_ids(scope, ids)?;
                Found::Rows(found.iter().map(rows::entitlement).collect(), Vec::new())
            }
            Query::GetResourceType(id) => {
                let found = reader.get_resource_type(scope, id)?;
                Found::Record(List::ResourceTypes, rows::resource_type(&found))
            }
            Query::GetResource(id) => {
                let found = reader.get_resource(scope, id)?;
                Found::Record(List::Resources, rows::resource(&found))
            }
            Query::GetEntitlement(id) => {
                let found = reader.get_entitlement(scope, &EntitlementRef::bare(id))?;
                let narrowed = reader.get_entitlement(scope, &rows::entitlement_ref(&found))?;
                self.compare(
                    "GetEntitlement",
                    line,
                    "with its resource",
                    &found,
                    &narrowed,
                );
                Found::Record(List::Entitlements, rows::entitlement(&found))
            }
            Query::GetGrant(id) => {
                let found = reader.get_grant(scope, id)?;
                let by_ids = reader.get_grants_by_ids(scope, std::slice::from_ref(id))?;
                self.compare("GetGrant", line, "by ids", &vec![found.clone()], &by_ids);
                self.grant_by_key(line, lookup, &found);
                Found::Record(List::Grants, rows::grant(&found))
            }
            other => Found::Answer(Answer::Token(format!("not a point read: {other:?}"))),
        })
    }

    /// A grant read by structure is the grant read by id. With identity by external id several grants may share a
    /// structure; then the answer is one of them, or `Ambiguous`.
    fn grant_by_key(&mut self, line: usize, lookup: &Lookup, found: &v2::Grant) {
        const CHECK: &str = "GetGrant";
        let key = rows::grant_key(found);
        let by_key = self.reader.get_grant_by_key(&scope(&lookup.sync_id), &key);
        let is_shared = self.grants_with_key(&lookup.sync_id, &key) > 1;
        match by_key {
            Ok(by_key) if is_shared => {
                self.compare(CHECK, line, "by key", &key, &rows::grant_key(&by_key));
            }
            Err(error) if is_shared => {
                let kind = error.kind();
                self.compare(CHECK, line, "by key", &c1z::ErrorKind::Ambiguous, &kind);
            }
            Ok(by_key) => self.compare(CHECK, line, "by key", found, &by_key),
            Err(error) => self.differ(CHECK, line, "by key", found, &error),
        }
    }

    fn answer(
        &mut self,
        check: &'static str,
        line: usize,
        about: &str,
        lookup: &Lookup,
        expected: &Answer,
        found: Found,
    ) {
        match (expected, found) {
            (Answer::Ids(expected), Found::Rows(found, _)) => {
                let ids: Vec<String> = found.iter().map(|row| row.id.clone()).collect();
                let expected = Self::expected_ids(&lookup.query, expected);
                let in_order = self.lookup_in_order(&lookup.query);
                self.sequence(check, line, about, &expected, &ids, in_order);
                self.rows_as_listed(check, line, lookup, &found);
            }
            (Answer::Ids(expected), Found::Resources(found, _)) => {
                let ids: Vec<String> = found.iter().map(|row| row.resource.clone()).collect();
                let in_order = self.in_order();
                self.sequence(check, line, about, expected, &ids, in_order);
            }
            (Answer::Resources(expected), Found::Resources(found, _)) => {
                let expected = first_occurrences(expected);
                let in_order = self.lookup_in_order(&lookup.query);
                self.sequence(check, line, about, &expected, &found, in_order);
            }
            (Answer::Count(count, pages), found) => {
                let counts = match found {
                    Found::Rows(_, counts) | Found::Resources(_, counts) => counts,
                    other => return self.differ(check, line, about, &count, &other),
                };
                self.compare(check, line, about, count, &counts.iter().sum());
                if let Some(pages) = pages {
                    self.compare(check, line, about, pages, &counts);
                }
            }
            (Answer::SameAsListed(true), Found::Record(list, row)) => {
                let listed = self.is_listed(&lookup.sync_id, list, &row);
                self.compare(check, line, &format!("{about}: as listed"), &true, &listed);
            }
            // Its own row of the dump tells what was returned.
            (Answer::SameAsListed(false), Found::Record(..)) => self.report.count(check),
            (Answer::Syncs(expected), Found::Syncs(found)) => {
                self.listed_syncs(line, expected, &found);
            }
            (expected, Found::Answer(found)) => self.compare(check, line, about, expected, &found),
            (expected, found) => self.differ(check, line, about, expected, &found),
        }
    }

    /// Point lookups by ids: each id once, which Go's Pebble engine repeats.
    fn expected_ids(query: &Query, expected: &[String]) -> Vec<String> {
        match query {
            Query::ListEntitlementsByIds(_) => first_occurrences(expected),
            _ => expected.to_vec(),
        }
    }

    /// Whether the answer comes in Go's order: the order of ids asked for is the contract's, not that of Go's SQLite
    /// engine; grants by the type of their principal come in the order of Go's index.
    fn lookup_in_order(&self, query: &Query) -> bool {
        match query {
            Query::ListEntitlementsByIds(_)
            | Query::ListResourcesByIds(_)
            | Query::ListGrantsForEntitlements(_) => {
                self.in_order() && self.profile == Profile::GoPebble
            }
            Query::ListGrantsForResourceType(_) => self.order == Order::AsGo,
            _ => self.in_order(),
        }
    }

    /// Rows of a filtered list are the rows of the whole list.
    fn rows_as_listed(
        &mut self,
        check: &'static str,
        line: usize,
        lookup: &Lookup,
        found: &[Listed],
    ) {
        let list = match lookup.query {
            Query::ListEntitlements(_) | Query::ListEntitlementsByIds(_) => List::Entitlements,
            _ => List::Grants,
        };
        let stray: Vec<String> = found
            .iter()
            .filter(|row| !self.is_listed(&lookup.sync_id, list, row))
            .map(|row| rows::show(list, &row.bytes))
            .collect();
        self.compare(
            check,
            line,
            "rows as in the whole list",
            &Vec::new(),
            &stray,
        );
    }

    /// Runs as the service lists them. An unfinished sync has no recorded statistics with us; Go's Pebble engine counts.
    fn listed_syncs(&mut self, line: usize, expected: &[ListedSync], found: &[SyncRun]) {
        const CHECK: &str = "ListSyncs";
        self.compare(CHECK, line, "number", &expected.len(), &found.len());
        for (expected, run) in expected.iter().zip(found) {
            let shown = ListedSync {
                id: run.id.as_str().to_owned(),
                sync_type: run.sync_type.as_str().to_owned(),
                started_at: run.started_at,
                ended_at: run.ended_at,
                sync_token: run.token.clone(),
                parent_sync_id: run.parent_id.clone(),
                stats: expected.stats.clone(),
            };
            self.compare(CHECK, line, &expected.id, expected, &shown);
            if expected.stats.is_some() && run.is_finished() {
                let (stats, id) = (expected.stats.as_ref(), expected.id.as_str());
                self.recorded_stats(CHECK, line, id, stats, run.stats.as_ref());
            }
        }
    }
}

fn first_occurrences<T: Clone + Ord>(rows: &[T]) -> Vec<T> {
    let mut seen = std::collections::BTreeSet::new();
    rows.iter()
        .filter(|row| seen.insert((*row).clone()))
        .cloned()
        .collect()
}

fn shown_root(root: &DigestRoot) -> Root {
    Root {
        width: root.width,
        node: shown_node(&root.node),
    }
}

fn shown_node(node: &DigestNode) -> Node {
    Node {
        index: node.index,
        count: node.count,
        hash_hex: crate::golden::to_hex(&node.hash),
    }
}
