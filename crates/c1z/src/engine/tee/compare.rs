//! Comparing all that can be read of two stores: sync runs, and of each sync every record, asset, session entry and count
//! (`store-contract` §8.1). Streams; no sync is held in memory.
//!
//! Rows of the two sides come in different order, so one side becomes a table of hashes that the other streams past, as in
//! [`crate::ops::diff`]. Rows that differ are read again to say in what.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::answer;
use super::projection::Allowed;
use super::read::assets;
use super::report::Difference;
use super::row::Row;
use super::write::plain;
use crate::budget::MemoryBudget;
use crate::engine::page::{collect_pages, rows_of_pages};
use crate::engine::reader::{Reader, SessionEntry};
use crate::engine::types::{SyncId, SyncRun, SyncType};
use crate::engine::{
    EntitlementFilter, Fallback, GrantFilter, ResourceFilter, Scope, StorageEngine,
};
use crate::ops::diff::{Change, Window};
use crate::ops::observe::{Meter, Step};
use crate::ops::{Observer, RecordKind};
use crate::{Error, Result};

/// How two stores are compared.
#[derive(Clone, Debug)]
pub struct CompareOptions {
    /// What may differ.
    pub allowed: Allowed,
    /// Memory for tables of hashes.
    pub budget: MemoryBudget,
    /// Differences of one kind that are described; all are counted.
    pub examples_max: usize,
    /// The sync to compare; none: all of both.
    pub sync: Option<SyncId>,
}

/// What of one kind was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindCounts {
    /// Rows on the left.
    pub left: u64,
    /// Rows on the right.
    pub right: u64,
    /// Rows that differ, or that one side lacks.
    pub different: u64,
    /// The first of them.
    pub examples: Vec<Difference>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    kinds: BTreeMap<&'static str, KindCounts>,
    order: Vec<&'static str>,
}

impl Comparison {
    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.kinds.values().all(|counts| counts.different == 0)
    }

    /// What was compared, by kind, in the order in which it was.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, &KindCounts)> {
        let counts = |kind: &&'static str| Some((*kind, self.kinds.get(kind)?));
        self.order.iter().filter_map(counts)
    }

    /// The first difference.
    pub(super) fn into_first(mut self) -> Option<Difference> {
        for kind in &self.order {
            let counts = self.kinds.get_mut(kind)?;
            if !counts.examples.is_empty() {
                return Some(counts.examples.swap_remove(0));
            }
        }
        None
    }

    fn kind(&mut self, kind: &'static str) -> &mut KindCounts {
        if !self.kinds.contains_key(kind) {
            self.order.push(kind);
        }
        self.kinds.entry(kind).or_default()
    }

    /// One value on each side.
    fn value(&mut self, kind: &'static str, difference: Option<Difference>, examples_max: usize) {
        let counts = self.kind(kind);
        counts.left += 1;
        counts.right += 1;
        counts.add(difference, examples_max);
    }
}

impl KindCounts {
    fn add(&mut self, difference: Option<Difference>, examples_max: usize) {
        self.different += u64::from(difference.is_some());
        if self.examples.len() < examples_max {
            self.examples.extend(difference);
        }
    }
}

/// Compares all that can be read of two stores.
///
/// # Errors
/// `NotFound` for a sync named in the options that neither holds; `ResourceExhausted` for a budget too small for any
/// table; what reading and the observer return.
///
/// # Complexity
/// Two scans of each side, one more of what differs; more where a table of hashes does not fit: see
/// [`crate::ops::diff::diff`]. Assets are read once on each side, one at a time.
pub fn compare(
    left: &dyn Reader,
    right: &dyn Reader,
    options: &CompareOptions,
    observer: &dyn Observer,
) -> Result<Comparison> {
    let mut job = Job {
        left,
        right,
        options,
        observer,
        found: Comparison::default(),
    };
    let shared = job.syncs()?;
    if options.sync.is_none() {
        job.resolutions();
    }
    for sync in shared {
        job.records(&sync)?;
        job.counts(&sync);
    }
    Ok(job.found)
}

/// What handles say of themselves.
pub(super) fn handles(left: &dyn StorageEngine, right: &dyn StorageEngine) -> Option<Difference> {
    plain("dirty", &left.is_dirty(), &right.is_dirty())
        .or_else(|| plain("current", &left.current_sync(), &right.current_sync()))
        .or_else(|| plain("viewed", &left.viewed_sync(), &right.viewed_sync()))
}

/// Rows of one side.
type Source<'a, R> = Box<dyn Iterator<Item = Result<R>> + 'a>;

struct Job<'a> {
    left: &'a dyn Reader,
    right: &'a dyn Reader,
    options: &'a CompareOptions,
    observer: &'a dyn Observer,
    found: Comparison,
}

impl<'a> Job<'a> {
    /// Compares the runs; returns the syncs that both hold.
    fn syncs(&mut self) -> Result<Vec<SyncId>> {
        let runs = |reader: &dyn Reader| -> Result<BTreeMap<SyncId, SyncRun>> {
            let wanted = |run: &SyncRun| match &self.options.sync {
                Some(sync) => run.id == *sync,
                None => true,
            };
            let runs = collect_pages(|page| reader.list_sync_runs(page))?;
            Ok(runs
                .into_iter()
                .filter(wanted)
                .map(|run| (run.id.clone(), run))
                .collect())
        };
        let (left, right) = (runs(self.left)?, runs(self.right)?);
        if let Some(sync) = &self.options.sync
            && left.is_empty()
            && right.is_empty()
        {
            return Err(Error::not_found(format!(
                "sync not found: sync_id=`{sync}`"
            )));
        }
        let (allowed, examples_max) = (self.options.allowed, self.options.examples_max);
        let counts = self.found.kind("syncs");
        counts.left = left.len() as u64;
        counts.right = right.len() as u64;
        let mut shared = Vec::new();
        for (id, run) in &left {
            let difference = match right.get(id) {
                None => Some(Difference::presence(SyncRun::SUBJECT, id.as_str(), true)),
                Some(twin) => {
                    shared.push(id.clone());
                    answer::one(run, twin, allowed)
                }
            };
            counts.add(difference, examples_max);
        }
        for id in right.keys().filter(|id| !left.contains_key(*id)) {
            let lacks = Difference::presence(SyncRun::SUBJECT, id.as_str(), false);
            counts.add(Some(lacks), examples_max);
        }
        Ok(shared)
    }

    /// Which syncs are the latest, and which a read without a name is about.
    fn resolutions(&mut self) {
        let any = std::iter::once(None);
        for of in any.chain(SyncType::KNOWN.iter().map(Some)) {
            let id = |reader: &dyn Reader| {
                let latest = reader.latest_finished_sync(of)?;
                Ok(latest.map(|run| run.id))
            };
            self.value("resolution", answer::maybe, id);
            self.value("resolution", answer::maybe, |reader| {
                reader.previous_finished_sync(of)
            });
        }
        for fallback in [Fallback::List, Fallback::Point] {
            self.value("resolution", answer::maybe, |reader| {
                reader.resolve(&Scope::Default, fallback)
            });
        }
    }

    fn value<T>(
        &mut self,
        kind: &'static str,
        compare: answer::Compare<T>,
        ask: impl Fn(&dyn Reader) -> Result<T>,
    ) {
        let (left, right) = (ask(self.left), ask(self.right));
        let difference = answer::results(&left, &right, self.options.allowed, compare);
        self.found
            .value(kind, difference, self.options.examples_max);
    }

    fn counts(&mut self, sync: &SyncId) {
        let sync = Some(sync);
        self.value("counts", answer::counts, |reader| reader.stats(sync, None));
        self.value("counts", answer::one, |reader| reader.stats_map(sync, None));
        self.value("counts", answer::one, |reader| {
            reader.grant_stats(sync, None)
        });
        self.value("counts", answer::one, |reader| {
            reader.entitlement_stats(sync, None)
        });
    }

    fn records(&mut self, sync: &SyncId) -> Result<()> {
        let scope = &Scope::Sync(sync.clone());
        self.rows("resource types", RecordKind::ResourceType, |reader| {
            Ok(Box::new(rows_of_pages(move |page| {
                reader.list_resource_types(scope, page)
            })))
        })?;
        self.rows("resources", RecordKind::Resource, |reader| {
            Ok(reader.stream_resources(scope, &ResourceFilter::default())?)
        })?;
        self.rows("entitlements", RecordKind::Entitlement, |reader| {
            Ok(reader.stream_entitlements(scope, &EntitlementFilter::default())?)
        })?;
        self.rows("grants", RecordKind::Grant, |reader| {
            Ok(reader.stream_grants(scope, &GrantFilter::default())?)
        })?;
        self.rows("pending expansions", RecordKind::Grant, |reader| {
            Ok(Box::new(rows_of_pages(move |page| {
                reader.list_pending_expansion(scope, page)
            })))
        })?;
        self.rows("assets", RecordKind::Asset, |reader| {
            Ok(Box::new(rows_of_pages(move |page| {
                reader.list_assets(scope, page)
            })))
        })?;
        self.asset_bytes(scope)?;
        self.rows("session entries", RecordKind::Asset, |reader| {
            Ok(sessions(reader, sync))
        })
    }

    /// The data of assets that both hold.
    fn asset_bytes(&mut self, scope: &Scope) -> Result<()> {
        let (left, right) = (self.left, self.right);
        for info in rows_of_pages(|page| left.list_assets(scope, page)) {
            let id = info?.id;
            let Ok(mut twin) = right.get_asset(scope, &id) else {
                continue;
            };
            let difference = assets(&id, &mut left.get_asset(scope, &id)?, &mut twin)?;
            self.found
                .value("asset data", difference, self.options.examples_max);
        }
        Ok(())
    }

    /// The rows of one kind.
    fn rows<'r, R: Row>(
        &mut self,
        kind: &'static str,
        step: RecordKind,
        open: impl Fn(&'a dyn Reader) -> Result<Source<'r, R>>,
    ) -> Result<()>
    where
        'a: 'r,
    {
        let (allowed, examples_max) = (self.options.allowed, self.options.examples_max);
        let mut meter = Meter::start(self.observer, Step::Records(step), None)?;
        let mut window = Window::new(&self.options.budget)?;
        let counts = self.found.kind(kind);
        let mut is_first = true;
        loop {
            let mut changed: BTreeMap<Hash, R> = BTreeMap::new();
            for row in open(self.left)? {
                meter.row()?;
                let row = allowed.reduce(&row?);
                counts.left += u64::from(is_first);
                window.learn_hashes(key(&row, allowed), first_half(&row.content()));
            }
            for row in open(self.right)? {
                meter.row()?;
                let row = allowed.reduce(&row?);
                counts.right += u64::from(is_first);
                let hash = key(&row, allowed);
                match window.judge_hashes(&hash, first_half(&row.content())) {
                    Some(Change::Modified) => {
                        counts.different += 1;
                        if counts.examples.len() + changed.len() < examples_max {
                            changed.insert(hash, row);
                        }
                    }
                    Some(_) => {
                        let record = row.identity(allowed.identity);
                        let lacks = Difference::presence(R::SUBJECT, &record, false);
                        counts.add(Some(lacks), examples_max);
                    }
                    None => {}
                }
            }
            if window.has_unseen() || !changed.is_empty() {
                for row in open(self.left)? {
                    meter.row()?;
                    let row = allowed.reduce(&row?);
                    let hash = key(&row, allowed);
                    if window.is_unseen_hash(&hash) {
                        let record = row.identity(allowed.identity);
                        let lacks = Difference::presence(R::SUBJECT, &record, true);
                        counts.add(Some(lacks), examples_max);
                    } else if let Some(twin) = changed.remove(&hash) {
                        counts.examples.extend(answer::one(&row, &twin, allowed));
                    }
                }
            }
            is_first = false;
            if !window.advance() {
                return Ok(());
            }
        }
    }
}

/// The first 16 bytes of a SHA-256.
type Hash = [u8; 16];

fn key<R: Row>(row: &R, allowed: Allowed) -> Hash {
    first_half(row.identity(allowed.identity).as_bytes())
}

fn first_half(bytes: &[u8]) -> Hash {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(Sha256::digest(bytes)) {
        *to = from;
    }
    half
}

/// All session entries of a sync, in pages of the store's own size.
fn sessions<'a>(reader: &'a dyn Reader, sync: &SyncId) -> Source<'a, SessionEntry> {
    let sync = sync.clone();
    let mut token = Some(String::new());
    let mut page = Vec::new().into_iter();
    Box::new(std::iter::from_fn(move || {
        loop {
            if let Some(entry) = page.next() {
                return Some(Ok(entry));
            }
            let from = token.take()?;
            match reader.session_get_all(&sync, "", &from) {
                Ok(next) => {
                    page = next.rows.into_iter();
                    token = (!next.next_token.is_empty()).then_some(next.next_token);
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }))
}
