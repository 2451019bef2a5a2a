//! A copy of a store at one moment: the sealed database that a v3 file of it holds.

use std::path::Path;
use std::sync::Arc;

use shingle::vfs::Fs;

use super::live::View;
use super::store::PebbleStore;
use crate::Result;
use crate::digest::{self, Node};
use crate::engine::Profile;
use crate::engine::types::SyncStats;
use crate::keyspace::Family;
use crate::ops::build::BuiltSync;
use crate::record::stats;

impl PebbleStore {
    /// The directory of a store on disk.
    pub(crate) fn dir(&self) -> Option<&Path> {
        self.live().kv.dir()
    }

    /// Writes what the store holds as a sealed database in `dir`, which a store on disk has on its own file system. Writers
    /// wait.
    pub(crate) fn checkpoint(&self, fs: &Arc<dyn Fs>, dir: &Path) -> Result<BuiltSync> {
        let live = self.live();
        let _handle = live.lock()?;
        let view = live.view()?;
        let shared = view.sync()?;
        let run = shared.map(|shared| shared.run.clone());
        let root = match shared {
            Some(shared) if shared.digests_usable => view.kv.get(&digest::global_root_key())?,
            _ => None,
        };
        let counts = match run.as_ref().and_then(|run| run.stats.clone()) {
            Some(recorded) => recorded,
            None => counted(&view, live.options.profile)?,
        };
        Ok(BuiltSync {
            database: live.kv.checkpoint(fs, dir)?,
            run,
            counts,
            digest_root: root.map(|root| Node::decode(&root)).transpose()?,
            merged_rows: 0,
            merged: Vec::new(),
        })
    }
}

fn counted(view: &View, profile: Profile) -> Result<SyncStats> {
    let mut counts = SyncStats::default();
    for family in Family::ALL.into_iter().filter(|family| family.is_primary()) {
        let mut rows = view.kv.scan(&family.range())?;
        while let Some((key, _)) = rows.next()? {
            match profile {
                Profile::GoPebble => stats::count(&mut counts, key)?,
                Profile::Ours | Profile::GoSqlite => stats::count_with_types(&mut counts, key)?,
            }
        }
    }
    Ok(counts)
}
