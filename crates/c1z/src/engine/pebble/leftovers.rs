//! What was derived from the records as they were, and goes with the first change of one (D14; `c1z3-keyspace` §8.8,
//! §14.3): statistics, digests, verification, the expander's graph.

use std::collections::BTreeSet;

use shingle::batch::Batch;

use super::kv::Kv;
use crate::engine::types::{SyncRun, Verification};
use crate::keyspace::{Family, KeyRange, MetadataKey, prefix};
use crate::record::sync_run;
use crate::{Error, ErrorKind, Result};

/// What there is to drop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leftovers(BTreeSet<Leftover>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Leftover {
    /// Whole, half built or damaged.
    Digests,
    Stats,
    Graph,
    Verification,
}

/// What a write call changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Records other than grants.
    Records,
    /// Grants.
    Grants,
    /// Grants, by the expander itself, whose graph knows them.
    ExpandedGrants,
}

impl Leftovers {
    /// Looks for them. Three point reads and two seeks.
    pub(super) fn find(kv: &dyn Kv, run: &SyncRun) -> Result<Self> {
        let has = |key: MetadataKey<'_>| Ok::<_, Error>(kv.get(&key.to_vec())?.is_some());
        let mut found = BTreeSet::new();
        if has(MetadataKey::DigestBuildPending)? {
            found.insert(Leftover::Digests);
        }
        for range in prefix::digests() {
            if kv.scan(&range)?.next()?.is_some() {
                found.insert(Leftover::Digests);
            }
        }
        if has(MetadataKey::Stats)? {
            found.insert(Leftover::Stats);
        }
        if has(MetadataKey::EntitlementGraph)? {
            found.insert(Leftover::Graph);
        }
        if run.verification != Verification::default() {
            found.insert(Leftover::Verification);
        }
        Ok(Self(found))
    }

    /// Those that a change falsifies. The graph of an unfinished sync outlives what the expander writes, and what is no
    /// grant.
    pub(super) fn falsified_by(mut self, change: Change, run: &SyncRun) -> Self {
        if !run.is_finished() && change != Change::Grants {
            self.0.remove(&Leftover::Graph);
        }
        self
    }

    /// Those that are left when some were dropped.
    pub(super) fn without(&self, dropped: &Self) -> Self {
        Self(self.0.difference(&dropped.0).copied().collect())
    }

    /// Appends the deletes, ranges first.
    pub(super) fn drop_into(&self, batch: &mut Batch, kv: &dyn Kv, run: &SyncRun) -> Result<()> {
        for leftover in &self.0 {
            match leftover {
                Leftover::Digests => {
                    for range in prefix::digests() {
                        delete_range(batch, &range)?;
                    }
                    batch.delete(&MetadataKey::DigestBuildPending.to_vec())?;
                }
                Leftover::Stats => batch.delete(&MetadataKey::Stats.to_vec())?,
                Leftover::Graph => batch.delete(&MetadataKey::EntitlementGraph.to_vec())?,
                Leftover::Verification => {
                    let unverified = SyncRun {
                        verification: Verification::default(),
                        ..run.clone()
                    };
                    put_run(batch, kv, &unverified)?;
                }
            }
        }
        Ok(())
    }
}

/// Writes the row of a run, over what it holds if that is the same run.
pub(super) fn put_run(batch: &mut Batch, kv: &dyn Kv, run: &SyncRun) -> Result<()> {
    let key = Family::SyncRun.header();
    let stored = kv.get(key)?;
    let is_same = |stored: &&[u8]| sync_run::decode(stored).is_ok_and(|found| found.id == run.id);
    let value = sync_run::encode_over(run, stored.as_deref().filter(is_same))?;
    Ok(batch.set(key, &value)?)
}

/// Deletes a range; those of the keyspace all have an end.
pub(super) fn delete_range(batch: &mut Batch, range: &KeyRange) -> Result<()> {
    match &range.upper {
        Some(upper) => Ok(batch.delete_range(&range.lower, upper)?),
        None => Err(Error::new(
            ErrorKind::Internal,
            "a range of the keyspace without an end",
        )),
    }
}
