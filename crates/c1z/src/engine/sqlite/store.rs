//! A SQLite database behind a handle.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use shingle::vfs::{Fs as _, OsFs};

use super::live::{Live, database_in};
use super::options::SqliteOptions;
use super::save;
use crate::Result;
use crate::engine::contract::Contract;
use crate::engine::{Identity, Reader as _, StorageEngine};
use crate::envelope::LEVEL_DEFAULT;
use crate::observe::{Figures, Health, HealthLimits, Observed, Watch};
use crate::ops::build::PackOptions;
use crate::{Error, OpenOptions};

/// A store of any number of syncs in a SQLite database, whose rows are those of a v1 file.
///
/// Any number of threads may read and write. Reads see whole calls: each page of a list, each stream and each point read
/// is a snapshot, which a write never waits for. See [`crate::engine::Writer`] and [`crate::engine::Lifecycle`] for what
/// writes promise. The delete of a sync is a transaction for every 50,000 rows.
///
/// ```
/// # fn main() -> c1z::Result<()> {
/// use c1z::engine::types::SyncType;
/// use c1z::engine::{SqliteOptions, SqliteStore};
/// use c1z_proto::connector::v2::ResourceType;
///
/// # let folder = tempfile::tempdir().unwrap();
/// let store = SqliteStore::create_in(folder.path().join("work"), SqliteOptions::default())?;
/// let engine = store.engine();
/// let sync = engine.start_new_sync(&SyncType::Full, "")?;
/// engine.put_resource_types(&[ResourceType { id: "user".into(), ..Default::default() }])?;
/// engine.end_sync()?;
/// store.save(&folder.path().join("sync.c1z"), &c1z::ops::build::PackOptions::default())?;
/// assert_eq!(engine.stats(Some(&sync), None)?.resource_types, 1);
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    /// Goes first: it ends what the watch holds of the database.
    observed: Option<(Observed<Arc<Contract<Live>>>, Watch)>,
    contract: Arc<Contract<Live>>,
}

impl SqliteStore {
    /// What makes a record the same record in such a store.
    pub const IDENTITY: Identity = Identity::External;

    /// A store in the folder `dir`: a new one, or the one that is there. A schema of an older generation is completed
    /// (`c1z1-sqlite` §3), which is no change of the store.
    ///
    /// # Errors
    /// `Busy` if it is open; `DataLoss` for a damaged database; `Io`.
    pub fn create_in(dir: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        let dir = dir.as_ref();
        OsFs.create_dir_all(dir)
            .map_err(|e| Error::io("create a folder", dir, e))?;
        Self::open(dir, options, false)
    }

    /// The store in the folder `dir`.
    ///
    /// # Errors
    /// `NotFound` if there is none; those of [`SqliteStore::create_in`].
    pub fn open_in(dir: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        let dir = dir.as_ref();
        let database = database_in(dir);
        OsFs.metadata(&database)
            .map_err(|e| Error::io("find the database", &database, e))?;
        Self::open(dir, options, false)
    }

    /// The syncs of a v1 file, to be read and written in the folder `dir`, which has no database yet. The file itself stays
    /// as it is until it is saved over.
    ///
    /// # Errors
    /// `EngineMismatch` for a v3 file; `AlreadyExists`; those of opening a file and of [`SqliteStore::create_in`].
    pub fn unpack(
        file: impl AsRef<Path>,
        dir: impl AsRef<Path>,
        options: SqliteOptions,
    ) -> Result<Self> {
        let (file, dir) = (file.as_ref(), dir.as_ref());
        OsFs.create_dir_all(dir)
            .map_err(|e| Error::io("create a folder", dir, e))?;
        save::unpack(file, &database_in(dir), &OpenOptions::default())
            .map_err(|error| error.in_file(file))?;
        Self::open(dir, options, false)
    }

    fn open(dir: &Path, options: SqliteOptions, read_only: bool) -> Result<Self> {
        let (profile, clock) = (options.profile, Arc::clone(&options.clock));
        let live = Live::open(dir, options, read_only).map_err(|error| error.in_file(dir))?;
        let telemetry = live.options.telemetry.clone();
        let contract = Arc::new(Contract::new(Box::new(live), profile, clock));
        let observed = telemetry.map(|telemetry| {
            let watched = Arc::clone(&contract);
            let watch = telemetry.watch(move || figures(&watched));
            (Observed::new(Arc::clone(&contract), &telemetry), watch)
        });
        Ok(Self { observed, contract })
    }

    /// The same database behind a new handle: nothing is current or viewed, nothing is unsaved, and the clock is trusted
    /// afresh.
    ///
    /// # Errors
    /// Those of opening.
    pub fn reopen(self, read_only: bool) -> Result<Self> {
        let live = self.contract.source();
        let (dir, options) = (live.dir.clone(), live.options.clone());
        drop(self);
        Self::open(&dir, options, read_only)
    }

    #[cfg(test)]
    pub(super) fn contract(&self) -> &Contract<Live> {
        &self.contract
    }

    /// The engine.
    pub fn engine(&self) -> &dyn StorageEngine {
        match &self.observed {
            Some((observed, _)) => observed,
            None => &*self.contract,
        }
    }

    /// Whether the store is well; see [`crate::engine::PebbleStore::health`].
    pub fn health(&self, limits: &HealthLimits) -> Health {
        Health::of_figures(&figures(&self.contract), 0, limits).probed(&*self.contract)
    }

    /// Publishes all syncs, finished or not, as a v1 file; the store stays as it is, and has nothing unsaved. Returns the
    /// length of the file.
    ///
    /// # Errors
    /// `AlreadyExists`; `InvalidArgument` for an output without file name; `Io`. What stood at the output before still does,
    /// unless the error came after the file was put there.
    ///
    /// # Complexity
    /// O(bytes of the database). Writers wait; reads that began before a change of what is saved cost a copy.
    pub fn save(&self, output: &Path, options: &PackOptions) -> Result<u64> {
        save::save(self.contract.source(), output, LEVEL_DEFAULT, options)
    }
}

/// SQLite counts nothing that is ours to tell; its files have a size.
fn figures(contract: &Contract<Live>) -> Figures {
    Figures {
        size: contract.size_on_disk().unwrap_or_default(),
        ..Figures::default()
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.contract.source().dir.display())
    }
}
