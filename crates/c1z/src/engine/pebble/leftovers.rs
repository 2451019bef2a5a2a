//! What was derived from the records as they were, and goes with the first change of one (D14; `c1z3-keyspace` §8.8,
//! §14.3): statistics, digests, verification, the expander's graph.

use shingle::batch::Batch;

use super::kv::Kv;
use crate::Result;
use crate::engine::types::{SyncRun, Verification};
use crate::keyspace::{Family, MetadataKey, prefix};
use crate::record::sync_run;

/// What there is to drop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Leftovers {
    stats: bool,
    digests: bool,
    verification: bool,
    graph: bool,
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
    /// Looks for them. Two point reads and two seeks.
    pub(super) fn find(kv: &dyn Kv, run: &SyncRun) -> Result<Self> {
        let has = |key: MetadataKey<'_>| Ok::<_, crate::Error>(kv.get(&key.to_vec())?.is_some());
        let mut digests = has(MetadataKey::DigestBuildPending)?;
        for range in prefix::digests() {
            digests = digests || kv.scan(&range)?.next()?.is_some();
        }
        Ok(Self {
            stats: has(MetadataKey::Stats)?,
            digests,
            verification: run.verification != Verification::default(),
            graph: has(MetadataKey::EntitlementGraph)?,
        })
    }

    /// Those that a change falsifies. The graph of an unfinished sync outlives what the expander writes, and what is no
    /// grant.
    pub(super) fn falsified_by(self, change: Change, run: &SyncRun) -> Self {
        Self {
            graph: self.graph && (run.is_finished() || change == Change::Grants),
            ..self
        }
    }

    /// Those that are left when some were dropped.
    pub(super) fn without(self, dropped: Self) -> Self {
        Self {
            graph: self.graph && !dropped.graph,
            ..Self::default()
        }
    }

    /// Appends the deletes, ranges first.
    pub(super) fn drop_into(self, batch: &mut Batch, kv: &dyn Kv, run: &SyncRun) -> Result<()> {
        if self.digests {
            for range in prefix::digests() {
                delete_range(batch, &range)?;
            }
            batch.delete(&MetadataKey::DigestBuildPending.to_vec())?;
        }
        if self.stats {
            batch.delete(&MetadataKey::Stats.to_vec())?;
        }
        if self.graph {
            batch.delete(&MetadataKey::EntitlementGraph.to_vec())?;
        }
        if self.verification {
            let unverified = SyncRun {
                verification: Verification::default(),
                ..run.clone()
            };
            put_run(batch, kv, &unverified)?;
        }
        Ok(())
    }
}

/// Writes the row of a run over what it holds.
pub(super) fn put_run(batch: &mut Batch, kv: &dyn Kv, run: &SyncRun) -> Result<()> {
    let key = Family::SyncRun.header();
    let stored = kv.get(key)?;
    let stored = stored
        .as_deref()
        .filter(|_| run_is_stored(stored.as_deref(), run));
    Ok(batch.set(key, &sync_run::encode_over(run, stored)?)?)
}

/// Whether a stored row is that of the run, and not of one that it replaces.
fn run_is_stored(stored: Option<&[u8]>, run: &SyncRun) -> bool {
    stored.is_some_and(|stored| sync_run::decode(stored).is_ok_and(|found| found.id == run.id))
}

/// Deletes a range; those of the keyspace all have an end.
pub(super) fn delete_range(batch: &mut Batch, range: &crate::keyspace::KeyRange) -> Result<()> {
    match &range.upper {
        Some(upper) => Ok(batch.delete_range(&range.lower, upper)?),
        None => Err(crate::Error::new(
            crate::ErrorKind::Internal,
            "a range of the keyspace without an end",
        )),
    }
}
