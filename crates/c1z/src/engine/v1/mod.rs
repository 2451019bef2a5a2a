//! Reading v1 files: many syncs in one SQLite database, records known by external id
//! (`c1z1-sqlite`).
//!
//! [`V1Source`] offers the rows; [`super::contract::Contract`] makes the reading contract of them.
//! The file is never migrated: what a generation lacks is filled in as it is read
//! ([`crate::v1_tables`], [`grants`]). A filter is answered by the index that narrows it most, else by a scan of the table;
//! every row is then tested against the whole filter and against the sync that is read, so a row of
//! another sync is never shown, whatever an index says. Rows come in the order of the index, or of
//! their numbers.

mod access;
pub(in crate::engine) mod grants;
mod principals;
mod rows;
mod sessions;
mod snapshot;
mod stats;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use self::access::Indexed;
use super::reader::Metadata;
use super::source::{Cursor, Source, SyncSnapshot};
use super::types::{SyncId, SyncRun};
use crate::sqlite_file::Database;
use crate::v1_tables::{
    Assets, Entitlements, Grants, ResourceTypes, Resources, Sessions, SyncRuns, TypedTable, Zone,
};
use crate::{Error, Result};

/// The rows of a v1 database.
#[derive(Debug)]
pub(crate) struct V1Source {
    file: Arc<File>,
    runs: Arc<[SyncRun]>,
    /// Syncs whose expansion columns are complete.
    backfilled: HashSet<SyncId>,
    file_len: u64,
}

/// What all snapshots of a file share. A missing table is none.
#[derive(Debug)]
struct File {
    zone: Zone,
    resource_types: Option<Indexed<ResourceTypes>>,
    resources: Option<Indexed<Resources>>,
    entitlements: Option<Indexed<Entitlements>>,
    grants: Option<Indexed<Grants>>,
    assets: Option<Indexed<Assets>>,
    sessions: Option<Indexed<Sessions>>,
}

impl V1Source {
    /// Reads what there is to know before the first answer: the schema, and all sync runs.
    ///
    /// `zone` is the one that the file's times are in, `file_len` the length of the packed file.
    pub(crate) fn open(database: &Database, zone: Zone, file_len: u64) -> Result<Self> {
        let mut runs = Vec::new();
        let mut backfilled = HashSet::new();
        if let Some(table) = TypedTable::<SyncRuns>::open(database)? {
            let mut rows = table.table().scan(..);
            while let Some(row) = rows.next()? {
                let row = table.read(row)?;
                let run = row.to_sync_run(&zone)?;
                if row.grants_backfilled {
                    backfilled.insert(run.id.clone());
                }
                runs.push(run);
            }
        }
        let file = File {
            zone,
            resource_types: Indexed::open(database)?,
            resources: Indexed::open(database)?,
            entitlements: Indexed::open(database)?,
            grants: Indexed::open(database)?,
            assets: Indexed::open(database)?,
            sessions: Indexed::open(database)?,
        };
        Ok(Self {
            file: Arc::new(file),
            runs: runs.into(),
            backfilled,
            file_len,
        })
    }
}

impl Source for V1Source {
    fn metadata(&self) -> Metadata {
        Metadata {
            engine: "sqlite",
            format: "v1",
            payload_encoding: "",
        }
    }

    fn sync_runs(&self) -> Result<Arc<[SyncRun]>> {
        Ok(Arc::clone(&self.runs))
    }

    fn snapshot(&self, sync: &SyncId) -> Result<Box<dyn SyncSnapshot>> {
        if !self.runs.iter().any(|run| run.id == *sync) {
            let message = format!("sync not found: sync_id=`{sync}`");
            return Err(Error::not_found(message));
        }
        // Grants that are not told apart by columns are told apart by their annotations.
        let has_columns = self
            .file
            .grants
            .as_ref()
            .is_some_and(|grants| grants.typed.has("expansion"));
        Ok(Box::new(snapshot::Snapshot {
            file: Arc::clone(&self.file),
            sync: sync.clone(),
            runs: Arc::clone(&self.runs),
            backfilled: has_columns && self.backfilled.contains(sync),
        }))
    }

    fn session_get(&self, sync: &SyncId, key: &str) -> Result<Option<Vec<u8>>> {
        sessions::get(&self.file, sync, key)
    }

    fn session_entries(
        &self,
        sync: &SyncId,
        prefix: &str,
        from: &str,
    ) -> Result<Cursor<(String, Vec<u8>)>> {
        sessions::entries(&self.file, sync, prefix, from)
    }

    fn size_on_disk(&self) -> Result<u64> {
        Ok(self.file_len)
    }
}
