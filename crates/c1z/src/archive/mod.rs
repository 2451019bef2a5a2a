//! Many syncs: a folder, each sync a database of its own.
//!
//! ```text
//! folder/
//!   000001-2qVy….c1z   packed         sealed, one file
//!   000002-2qVz…/      directory      sealed; a v3 file's database
//!   000003-2qW0…/      directory      being written, or left unfinished
//!   c1z.lock  c1z.intent  c1z.catalog  c1z.sessions/      see `name`
//! ```
//!
//! There is no format of its own: an entry is a v3 file or the database of one, and any of them can be taken out and used by
//! itself. The number before an entry's name is the order in which syncs were started, which retention needs: clocks step
//! back. An [`Archive`] is the engine over all of them, with the whole contract of [`crate::engine`]: any number of
//! unfinished syncs, one current in a handle, reads pinned to one by a view.
//!
//! - **One writer, many readers.** A writer locks the folder. A reader locks nothing and writes nothing; it sees the folder as it
//!   was when it was opened, also a sync that is being written (`overlay`).
//! - **At every moment a sync is there or not.** An entry is made under a hidden name and gets its own by one rename; it
//!   is deleted by losing it. What concerns several entries is decided by one record (`intent`).
//! - **The end of a sync seals its directory.** Packing it is a second step, done when asked for.
//! - **A bounded number of entries is open**, and what entries say of themselves is cached (`catalog`).

mod add;
mod catalog;
mod cleanup;
mod folder;
mod intent;
mod lifecycle;
mod listing;
mod name;
mod opened;
mod options;
mod overlay;
mod pack;
mod state;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use self::add::AddReport;
pub use self::cleanup::{CleanupOptions, CleanupReport};
pub use self::name::Form;
pub use self::options::ArchiveOptions;
pub use crate::sync::retention::{Expired, Expiry, KEEP_DEFAULT};

pub(crate) use self::folder::Folder;

use self::catalog::Catalog;
use crate::Result;
use crate::engine::contract::Contract;
use crate::engine::source::Source as _;
use crate::engine::types::SyncId;
use crate::engine::{Identity, StorageEngine};
use crate::observe::{Figures, Health, HealthLimits, Observed, Watch};

/// A folder of syncs. Dropping it closes it; [`Archive::close`] says what goes wrong then.
///
/// ```
/// # fn main() -> c1z::Result<()> {
/// use c1z::archive::{Archive, ArchiveOptions, CleanupOptions};
/// use c1z::engine::types::SyncType;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("syncs");
/// let archive = Archive::create(&path, ArchiveOptions::default())?;
/// let engine = archive.engine();
/// for _ in 0..3 {
///     engine.start_new_sync(&SyncType::Full, "")?;
///     engine.end_sync()?;
/// }
/// let report = archive.cleanup(&CleanupOptions::default())?;
/// assert_eq!(report.deleted.len(), 1);
/// archive.close()
/// # }
/// ```
pub struct Archive {
    /// Goes first: it ends what the watch holds of the folder.
    observed: Option<(Observed<Arc<Contract<Folder>>>, Watch)>,
    contract: Arc<Contract<Folder>>,
}

/// Where a sync of a folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryInfo {
    /// The entry's number: syncs are numbered as they are started.
    pub number: u64,
    /// Its form.
    pub form: Form,
    /// The directory or file.
    pub path: PathBuf,
}

impl Archive {
    /// What makes a record the same record in such a store. v1 files in the folder know records by external id.
    pub const IDENTITY: Identity = Identity::Structural;

    /// Opens the folder for writing; makes it if it is not there. Does what an interrupted operation left to do.
    ///
    /// # Errors
    /// As [`Archive::open`], but for the absence of the folder.
    pub fn create(path: impl AsRef<Path>, options: ArchiveOptions) -> Result<Self> {
        let folder = Folder::open_for_writing(path.as_ref(), options, true)?;
        Ok(Self::over(folder))
    }

    /// Opens the folder for writing.
    ///
    /// # Errors
    /// `NotFound` if there is no folder; `Busy` if it is open for writing; those of an entry that cannot be read, with its path;
    /// `FailedPrecondition` if two entries hold one sync.
    ///
    /// # Complexity
    /// A look at the files of each entry that the catalog knows, a few reads of each other one.
    pub fn open(path: impl AsRef<Path>, options: ArchiveOptions) -> Result<Self> {
        let folder = Folder::open_for_writing(path.as_ref(), options, false)?;
        Ok(Self::over(folder))
    }

    /// Opens the folder for reading. Writes nothing and waits for nobody.
    ///
    /// # Errors
    /// As [`Archive::open`], but `Busy` only if the folder keeps changing.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "all ways to open take options alike"
    )]
    pub fn open_for_reading(path: impl AsRef<Path>, options: ArchiveOptions) -> Result<Self> {
        let folder = Folder::open_for_reading(path.as_ref(), &options)?;
        Ok(Self::over(folder))
    }

    fn over(folder: Folder) -> Self {
        let reading = &folder.options.reading;
        let (profile, clock) = (reading.profile, Arc::clone(&reading.clock));
        let (telemetry, budget) = (reading.telemetry.clone(), reading.budget.clone());
        let contract = Arc::new(Contract::new(Box::new(folder), profile, clock));
        let observed = telemetry.map(|telemetry| {
            let watched = Arc::clone(&contract);
            let watch = telemetry.watch(move || watched.source().figures(&budget));
            (Observed::new(Arc::clone(&contract), &telemetry), watch)
        });
        Self { observed, contract }
    }

    /// The engine.
    pub fn engine(&self) -> &dyn StorageEngine {
        match &self.observed {
            Some((observed, _)) => observed,
            None => &*self.contract,
        }
    }

    /// Whether the folder is well; see [`crate::Store::health`].
    ///
    /// # Complexity
    /// A look at the files of each entry, and a few reads of the latest finished sync.
    pub fn health(&self, limits: &HealthLimits) -> Health {
        let folder = self.contract.source();
        let mut figures = Figures::default();
        figures.budget(&folder.options.reading.budget);
        figures.size = folder.size_on_disk().unwrap_or_default();
        Health::of_figures(&figures, 0, limits)
            .warned(self.warnings())
            .probed(&*self.contract)
    }

    /// What a user should know about the folder.
    pub fn warnings(&self) -> &[String] {
        self.contract.source().warnings()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.contract.source().path
    }

    /// Where a sync is.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn entry(&self, id: &SyncId) -> Result<EntryInfo> {
        self.contract.source().entry_info(id)
    }

    /// Entries that are open now, beside that of the current sync.
    pub fn open_entries(&self) -> usize {
        self.contract.source().open_len()
    }

    /// Closes the folder: packs what is finished if that was asked for, and writes the catalog.
    ///
    /// # Errors
    /// Those of packing and writing. All syncs are safe, whatever fails.
    pub fn close(self) -> Result<()> {
        let folder = self.contract.source();
        folder.settle()?;
        if folder.is_writable() && folder.options.pack_on_close {
            self.pack_all()?;
        }
        folder.save_catalog()
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        // A cache that cannot be written is none.
        let _ = self.contract.source().save_catalog();
    }
}

impl Folder {
    /// Where a sync is.
    pub(crate) fn entry_info(&self, id: &SyncId) -> Result<EntryInfo> {
        let entry = self.home(id)?;
        Ok(EntryInfo {
            number: entry.stem.number,
            form: entry.form,
            path: entry.path(&self.path),
        })
    }

    /// Writes the catalog if it is not what it could be.
    fn save_catalog(&self) -> Result<()> {
        let is_kept = self.is_writable() && self.options.catalog;
        if !is_kept || !self.catalog_is_stale.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        self.close_all();
        let now = self.options.reading.clock.now();
        Catalog::write(self.fs(), &self.path, &self.state(), now)
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Archive({})", self.path().display())
    }
}
