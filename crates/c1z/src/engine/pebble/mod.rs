//! One sync in one Pebble database, keyed by structure (`c1z3-keyspace`): what v3 files hold.
//!
//! Reading: [`PebbleSource`] offers the rows of a file; [`super::contract::Contract`] makes the reading contract of them.
//! What the stamps and markers of a database allow is decided once, when it is opened: an index that is known to be
//! incomplete is not used, half-built digests count as absent, and both are said in a warning.
//!
//! Writing: [`PebbleStore`] is the engine over a database behind the seam [`live_kv::LiveKv`]. [`live::Live`] is a source like
//! any other, so reads are the same code; `write` makes batches of primary rows, `lifecycle` moves the run from state to
//! state by the rules of [`crate::sync::lifecycle`], `seal` adds digests and statistics when a sync ends, `leftovers` drops
//! them when it is written again.

mod checkpoint;
mod digests;
mod kv;
mod leftovers;
mod legacy;
mod lifecycle;
mod live;
mod live_kv;
mod lookup;
mod memory;
mod on_disk;
mod options;
mod overlay;
mod plan;
mod rekey;
mod rows;
mod seal;
mod sessions;
mod snapshot;
mod store;
pub(crate) mod unsealed;
mod write;

#[cfg(test)]
mod tests;

pub use options::PebbleOptions;
pub use store::{Compacted, EachRow, PebbleStore};

use std::sync::Arc;

pub(crate) use self::kv::Kv;
use self::lookup::OpaqueIds;
use super::reader::Metadata;
use super::source::{Cursor, Source, SyncSnapshot};
use super::types::{SyncId, SyncRun};
use crate::Result;
use crate::budget::MemoryBudget;
use crate::keyspace::{Key, MetadataKey, prefix, stamp};
use crate::record::sync_run;

/// The rows of a v3 database.
#[derive(Debug)]
pub(crate) struct PebbleSource {
    metadata: Metadata,
    kv: Arc<dyn Kv>,
    /// None: the database holds no sync run.
    sync: Option<Arc<Shared>>,
    /// That run, or nothing.
    runs: Arc<[SyncRun]>,
}

/// What all snapshots of the one sync share.
#[derive(Debug)]
struct Shared {
    kv: Arc<dyn Kv>,
    run: SyncRun,
    opaque: Arc<OpaqueIds>,
    /// Whether the index by principal holds every grant.
    index_complete: bool,
    /// Whether digests, where present, are exact.
    digests_usable: bool,
}

impl PebbleSource {
    /// Opens a database for reading; the second value says what a user should know about it.
    ///
    /// A database in the layout of mid-2026 is re-keyed in memory, within `budget`.
    pub(crate) fn open(
        kv: &Arc<dyn Kv>,
        metadata: Metadata,
        budget: &MemoryBudget,
    ) -> Result<(Self, Vec<String>)> {
        let mut warnings = Vec::new();
        let kv = current_rows(kv, budget, &mut warnings)?;
        let sync = Shared::open(&kv, &Arc::default(), &mut warnings)?.map(Arc::new);
        let runs = sync.iter().map(|sync| sync.run.clone()).collect();
        let source = Self {
            metadata,
            kv,
            sync,
            runs,
        };
        Ok((source, warnings))
    }

    /// Whether these are the rows, not what they were re-keyed to.
    pub(crate) fn reads(&self, kv: &Arc<dyn Kv>) -> bool {
        Arc::ptr_eq(&self.kv, kv)
    }
}

/// The rows in today's layout: as they are, or re-keyed in memory within `budget`.
pub(crate) fn current_rows(
    kv: &Arc<dyn Kv>,
    budget: &MemoryBudget,
    warnings: &mut Vec<String>,
) -> Result<Arc<dyn Kv>> {
    let get = |key: MetadataKey<'_>| kv.get(&key.to_vec());
    let version = get(MetadataKey::KeyspaceVersion)?;
    let id_format = get(MetadataKey::GrantIdFormat)?;
    let has_rows = kv.scan(&prefix::wiped_by_new_sync())?.next()?.is_some();
    match stamp::layout(version.as_deref(), id_format.as_deref(), has_rows)? {
        stamp::Layout::Current => Ok(Arc::clone(kv)),
        stamp::Layout::ExternalId => legacy::rekey(kv.as_ref(), budget, warnings),
    }
}

impl Shared {
    fn open(
        kv: &Arc<dyn Kv>,
        opaque: &Arc<OpaqueIds>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Self>> {
        let Some(value) = kv.get(&Key::SyncRun.to_vec())? else {
            return Ok(None);
        };
        let mut run = sync_run::decode(&value)?;
        run.stats = digests::recorded_stats(kv.as_ref(), &run.id)?;
        let marked = |key: MetadataKey<'_>| Ok::<_, crate::Error>(kv.get(&key.to_vec())?.is_some());
        let index_complete = !marked(MetadataKey::GrantIndexPending)?;
        if !index_complete {
            warnings.push(
                "the index of grants by principal is incomplete (the sync was not finished); \
                 reads by principal scan all grants"
                    .to_owned(),
            );
        }
        let digests_usable = !marked(MetadataKey::DigestBuildPending)?;
        if !digests_usable {
            warnings.push("the grant digests are half built and are not used".to_owned());
        }
        Ok(Some(Self {
            kv: Arc::clone(kv),
            run,
            opaque: Arc::clone(opaque),
            index_complete,
            digests_usable,
        }))
    }
}

impl Source for PebbleSource {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn sync_runs(&self) -> Result<Arc<[SyncRun]>> {
        Ok(Arc::clone(&self.runs))
    }

    fn snapshot(&self, sync: &SyncId) -> Result<Box<dyn SyncSnapshot>> {
        match &self.sync {
            Some(shared) if shared.run.id == *sync => {
                Ok(Box::new(snapshot::Snapshot(Arc::clone(shared))))
            }
            _ => Err(crate::Error::not_found(format!(
                "sync not found: sync_id=`{sync}`"
            ))),
        }
    }

    fn session_get(&self, sync: &SyncId, key: &str) -> Result<Option<Vec<u8>>> {
        sessions::get(self.kv.as_ref(), sync, key)
    }

    fn session_entries(
        &self,
        sync: &SyncId,
        prefix: &str,
        from: &str,
    ) -> Result<Cursor<(String, Vec<u8>)>> {
        Ok(sessions::entries(&self.kv, sync, prefix, from))
    }

    fn size_on_disk(&self) -> Result<u64> {
        Ok(self.kv.size_on_disk())
    }
}
