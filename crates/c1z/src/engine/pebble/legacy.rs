//! The layout of early July 2026 (`pebble2`; `c1z3-keyspace` §12): entitlements and grants keyed by external id.
//!
//! The rows are re-keyed into memory as the Go SDK re-keys such a file when it opens it: identity from the value's fields,
//! rows without references dropped with a warning, rows that fold into one identity folded (§5.6), the by-principal and
//! needs-expansion indexes derived again, statistics recounted, no digests. Other families are served as they are.
//!
//! # Complexity
//! Memory is proportional to the file and reserved from the budget; beyond it: `ResourceExhausted`, with the hint to
//! convert the file.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use c1z_proto::storage::v3::{EntitlementRecord, GrantRecord};

use super::kv::{Kv, KvScan, KvValue};
use crate::budget::{MemoryBudget, Reservation};
use crate::engine::types::SyncStats;
use crate::keyspace::derive::{Deriver, IndexSet};
use crate::keyspace::{Family, Key, KeyRange, MetadataKey};
use crate::record::{entitlement, grant, message, stats, sync_run, token};
use crate::{Error, ErrorKind, Result};

/// Bytes that a row costs beyond its key and value: map node and two vectors.
const ROW_OVERHEAD: u64 = 96;
/// Bytes that are reserved from the budget at a time.
const RESERVE_STEP: u64 = 4 << 20;

/// The re-keyed rows of a database.
#[derive(Debug)]
struct Rekeyed {
    rows: Arc<BTreeMap<Vec<u8>, Vec<u8>>>,
    size_on_disk: u64,
    _memory: Vec<Reservation>,
}

/// Reads a database in the older layout and gives its rows in today's.
pub(super) fn rekey(
    kv: &dyn Kv,
    budget: &MemoryBudget,
    warnings: &mut Vec<String>,
) -> Result<Arc<dyn Kv>> {
    let mut builder = Builder::new(budget);
    for family in Family::ALL {
        match family {
            Family::Entitlement => builder.entitlements(kv)?,
            Family::Grant => builder.grants(kv)?,
            Family::GrantByPrincipal | Family::GrantNeedsExpansion => {}
            family if family.is_retired() || is_digest(family) => {}
            Family::Metadata => builder.metadata(kv)?,
            family => builder.copy(kv, family)?,
        }
    }
    builder.recount()?;
    warnings.extend(builder.changes.warnings());
    Ok(Arc::new(Rekeyed {
        rows: Arc::new(builder.rows),
        size_on_disk: kv.size_on_disk(),
        _memory: builder.memory,
    }))
}

fn is_digest(family: Family) -> bool {
    matches!(family, Family::GrantHash | Family::DigestNode)
}

struct Builder<'a> {
    budget: &'a MemoryBudget,
    memory: Vec<Reservation>,
    reserved: u64,
    used: u64,
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    changes: Changes,
}

/// Rows that are not as they were.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Changes {
    /// Grants that became part of another one.
    pub(super) folded: u64,
    /// Rows without the references that make an identity.
    pub(super) dropped: u64,
}

impl<'a> Builder<'a> {
    fn new(budget: &'a MemoryBudget) -> Self {
        Self {
            budget,
            memory: Vec::new(),
            reserved: 0,
            used: 0,
            rows: BTreeMap::new(),
            changes: Changes::default(),
        }
    }

    fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        self.used += (key.len() + value.len()) as u64 + ROW_OVERHEAD;
        while self.used > self.reserved {
            let step = self
                .budget
                .reserve(RESERVE_STEP, "re-keyed rows of an older file");
            self.memory.push(step.map_err(|error| {
                Error::new(
                    ErrorKind::ResourceExhausted,
                    "the file has the key layout of mid-2026 and is too large to be re-keyed in memory",
                )
                .with_source(error)
                .with_hint("convert it once with `c1z convert`, or raise the memory budget")
            })?);
            self.reserved += RESERVE_STEP;
        }
        self.rows.insert(key, value);
        Ok(())
    }

    fn copy(&mut self, kv: &dyn Kv, family: Family) -> Result<()> {
        let mut scan = kv.scan(&family.range())?;
        while let Some((key, value)) = scan.next()? {
            self.insert(key.to_vec(), value.to_vec())?;
        }
        Ok(())
    }

    fn entitlements(&mut self, kv: &dyn Kv) -> Result<()> {
        let mut scan = kv.scan(&Family::Entitlement.range())?;
        while let Some((_, value)) = scan.next()? {
            let record: EntitlementRecord = message::decode("entitlement record", value)?;
            match entitlement::identity(&record) {
                Ok(identity) => self.insert(Key::Entitlement(identity).to_vec(), value.to_vec())?,
                Err(_) => self.changes.dropped += 1,
            }
        }
        Ok(())
    }

    fn grants(&mut self, kv: &dyn Kv) -> Result<()> {
        let mut scan = kv.scan(&Family::Grant.range())?;
        while let Some((_, value)) = scan.next()? {
            let record: GrantRecord = message::decode("grant record", value)?;
            let Ok(identity) = grant::identity(&record) else {
                self.changes.dropped += 1;
                continue;
            };
            let key = Key::Grant(identity).to_vec();
            let value = match self.rows.get(&key) {
                None => value.to_vec(),
                Some(earlier) => {
                    self.changes.folded += 1;
                    let earlier = message::decode("grant record", earlier)?;
                    message::encode(&grant::fold(earlier, record))
                }
            };
            self.insert(key, value)?;
        }
        self.derive()
    }

    /// Derives the index rows of all grants.
    fn derive(&mut self) -> Result<()> {
        let mut deriver = Deriver::new(IndexSet {
            by_parent: false,
            by_principal: true,
            needs_expansion: true,
        });
        let range = Family::Grant.range();
        let upper = range.upper.map_or(Bound::Unbounded, Bound::Excluded);
        let mut index_keys = Vec::new();
        for (key, value) in self.rows.range((Bound::Included(range.lower), upper)) {
            deriver.derive(key, value, &mut |index_key| {
                index_keys.push(index_key.to_vec());
                Ok(())
            })?;
        }
        index_keys
            .into_iter()
            .try_for_each(|key| self.insert(key, Vec::new()))
    }

    /// Everything but what describes rows that were changed: statistics and the grant graph.
    fn metadata(&mut self, kv: &dyn Kv) -> Result<()> {
        let mut scan = kv.scan(&Family::Metadata.range())?;
        while let Some((key, value)) = scan.next()? {
            let stale = is_stale(key)?;
            if !stale {
                self.insert(key.to_vec(), value.to_vec())?;
            }
        }
        Ok(())
    }

    /// Records statistics of the rows as they are now, as a re-keyed file has them.
    fn recount(&mut self) -> Result<()> {
        let Some(value) = self.rows.get(&Key::SyncRun.to_vec()) else {
            return Ok(());
        };
        let run = sync_run::decode(value)?;
        if !run.is_finished() {
            return Ok(());
        }
        let mut counts = SyncStats::default();
        for key in self.rows.keys() {
            stats::count(&mut counts, key)?;
        }
        token::lift_into(&run.token, &mut counts);
        let value = stats::encode(&counts, run.id.as_str())?;
        self.insert(MetadataKey::Stats.to_vec(), value)
    }
}

/// Whether a row of metadata describes rows as they were: statistics, the grant graph, markers of what is incomplete.
pub(super) fn is_stale(key: &[u8]) -> Result<bool> {
    Ok(matches!(
        Key::parse(key)?,
        Key::Metadata(
            MetadataKey::Stats
                | MetadataKey::EntitlementGraph
                | MetadataKey::GrantIndexPending
                | MetadataKey::DigestBuildPending
        )
    ))
}

impl Changes {
    /// What a user should know of them.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        let folded = (self.folded > 0).then(|| {
            format!(
                "{} grants shared an entitlement and a principal and were folded",
                self.folded
            )
        });
        let dropped = (self.dropped > 0).then(|| {
            format!(
                "{} entitlements or grants lack their references and are not shown",
                self.dropped
            )
        });
        folded.into_iter().chain(dropped)
    }
}

impl Kv for Rekeyed {
    fn get(&self, key: &[u8]) -> Result<Option<KvValue>> {
        Ok(self.rows.get(key).cloned().map(KvValue::Owned))
    }

    fn scan(&self, range: &KeyRange) -> Result<Box<dyn KvScan>> {
        Ok(Box::new(RekeyedScan {
            rows: Arc::clone(&self.rows),
            next: Bound::Included(range.lower.clone()),
            upper: range
                .upper
                .clone()
                .map_or(Bound::Unbounded, Bound::Excluded),
            row: None,
        }))
    }

    fn size_on_disk(&self) -> u64 {
        self.size_on_disk
    }
}

struct RekeyedScan {
    rows: Arc<BTreeMap<Vec<u8>, Vec<u8>>>,
    next: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
    row: Option<(Vec<u8>, Vec<u8>)>,
}

impl KvScan for RekeyedScan {
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if let (Bound::Included(low) | Bound::Excluded(low), Bound::Excluded(high)) =
            (&self.next, &self.upper)
            && low >= high
        {
            return Ok(None);
        }
        let found = self
            .rows
            .range((self.next.clone(), self.upper.clone()))
            .next();
        self.row = found.map(|(key, value)| (key.clone(), value.clone()));
        let Some((key, value)) = &self.row else {
            return Ok(None);
        };
        self.next = Bound::Excluded(key.clone());
        Ok(Some((key, value)))
    }
}
