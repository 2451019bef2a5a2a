//! Opening a file for reading: identify it, make its rows reachable, and answer by the contract.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::db::{Database, ReadOptions};
use shingle::sst::{BlockCache, TableOptions};
use shingle::vfs::{Clock, Fs, OsClock, OsFs};

use crate::archive::{ArchiveOptions, EntryInfo, Folder};
use crate::budget::{MemoryBudget, Reservation};
use crate::engine::contract::Contract;
use crate::engine::pebble::{Kv, PebbleSource, unsealed};
use crate::engine::reader::Metadata;
use crate::engine::source::Source;
use crate::engine::types::SyncId;
use crate::engine::v1::V1Source;
use crate::engine::{Profile, Reader};
use crate::envelope::{self, EnvelopeFile, V1File, V3File};
use crate::observe::{Figures, Health, HealthLimits, Observed, Telemetry, Watch};
use crate::ops::{Observer, Progress, Pulse, SharedObserver, Step};
use crate::sqlite_file;
use crate::unpack;
use crate::v1_tables::Zone;
use crate::{Error, Result};

/// How a file is opened for reading. The default suits users: our own decisions, 256 MiB of memory, limits from the
/// environment variables that the Go implementation reads (`c1z-envelope` §4.2).
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Where files are.
    pub fs: Arc<dyn Fs>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose answers to give where the Go engines disagree.
    pub profile: Profile,
    /// Memory for caches and decoded frames.
    pub budget: MemoryBudget,
    /// Limits on what a file may decode to.
    pub limits: envelope::LimitOptions,
    /// Environment variables that limit decoding.
    pub variables: envelope::Variables,
    /// The zone of the times in v1 files. Default: the zone of this host, as the reference assumes when it needs
    /// instants (D11); a file from a host in another zone needs that one.
    pub zone: Zone,
    /// Folder for the decoded database of a v1 file that does not fit `budget`: one file without a name, gone with the
    /// [`Store`]. Default: none, which means the folder of the v1 file. For a directory that is not sealed: folder for
    /// sorting its indexes; default none, and what exceeds a quarter of `budget` is refused. Nothing else is ever written.
    pub scratch: Option<PathBuf>,
    /// What watches the store; default nothing ([`crate::observe`]).
    pub telemetry: Option<Arc<Telemetry>>,
    /// Watches the opening, of which the decoding of a v1 file may take long, and stops it; afterwards it hears of reads of
    /// the store that take long, and its answers do not count ([`crate::ops::Pulse`]). Default nothing.
    pub observer: SharedObserver,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            fs: Arc::new(OsFs),
            clock: Arc::new(OsClock),
            profile: Profile::default(),
            budget: MemoryBudget::default(),
            limits: envelope::LimitOptions::default(),
            variables: envelope::Variables::from_lookup(|name| std::env::var(name).ok()),
            zone: Zone::local(),
            scratch: None,
            telemetry: None,
            observer: SharedObserver::default(),
        }
    }
}

/// An opened file. Reading only; the file is never written. A v3 file is never unpacked; a v1 file is one stream, so it
/// is decoded when it is opened: into memory, or into the scratch folder, which [`Store::warnings`] then says.
pub struct Store {
    path: PathBuf,
    contract: Arc<Contract>,
    observed: Option<(Observed<Arc<Contract>>, Watch)>,
    figures: FiguresOf,
    inside: Inside,
    warnings: Vec<String>,
    _cache_share: Reservation,
}

/// The rows of a v3 file in today's layout, or of the directory of such a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredRows<'a> {
    /// Who holds them.
    pub(crate) database: &'a Database,
    /// The envelope around it; none for a directory.
    pub(crate) envelope: Option<&'a V3File>,
}

/// What a file holds.
enum Inside {
    /// A Pebble database, in an envelope unless the path is a database directory.
    Pebble {
        envelope: Option<Arc<V3File>>,
        database: Database,
        /// Whether its rows are read as they are: it is sealed, and its layout is today's.
        is_current: bool,
    },
    /// A SQLite database.
    Sqlite(sqlite_file::Database),
    /// A folder of syncs, which is the source itself.
    Folder(Arc<Folder>),
}

/// The most bytes that decoded blocks are kept in; half of the budget, if that is less. Point reads and reads by way of
/// an index come back to the same blocks; scans pass the cache by.
const BLOCK_CACHE_BYTES_MAX: u64 = 128 << 20;

/// The most bytes that pages of a v1 database are kept in; an eighth of the budget, if that is less.
const PAGE_CACHE_BYTES_MAX: u64 = 16 << 20;

/// Tells what a store counted.
type FiguresOf = Arc<dyn Fn() -> Figures + Send + Sync>;

/// Watches the calls of a store and what `figures` says, if somebody asked for it.
fn observe(
    options: &OpenOptions,
    contract: &Arc<Contract>,
    figures: &FiguresOf,
) -> Option<(Observed<Arc<Contract>>, Watch)> {
    let telemetry = options.telemetry.as_ref()?;
    let observed = Observed::new(Arc::clone(contract), telemetry);
    let figures = Arc::clone(figures);
    Some((observed, telemetry.watch(move || figures())))
}

/// What lies at a path.
enum Found {
    Pebble(PebbleFile),
    V1(Box<V1File>),
}

/// A Pebble database, in a v3 file or as a directory.
pub(crate) struct PebbleFile {
    pub(crate) database: Database,
    envelope: Option<Arc<V3File>>,
    cache_share: Reservation,
}

impl Found {
    fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        if options.fs.metadata(path).is_ok_and(|found| found.is_dir) {
            let file = PebbleFile::in_dir(path, options)?;
            return Ok(Self::Pebble(file));
        }
        let envelope_options = envelope::OpenOptions {
            limits: options.limits,
            variables: options.variables.clone(),
            payload: envelope::PayloadOptions::new(options.budget.clone()),
        };
        match EnvelopeFile::open(options.fs.as_ref(), path, &envelope_options)? {
            EnvelopeFile::V3(file) => PebbleFile::in_envelope(file, options).map(Self::Pebble),
            EnvelopeFile::V1(file) => Ok(Self::V1(Box::new(file))),
        }
    }
}

impl PebbleFile {
    /// The database at `path`.
    ///
    /// # Errors
    /// As [`open_with`]; `InvalidArgument` for a v1 file.
    pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        match Found::open(path, options)? {
            Found::Pebble(file) => Ok(file),
            Found::V1(_) => Err(Error::invalid(
                "the file is a v1 file, which holds a SQLite database",
            )
            .with_hint("convert it to v3 first")),
        }
    }

    /// Its rows, those of indexes included.
    fn rows(&self, options: &OpenOptions) -> Result<Arc<dyn Kv>> {
        let database = self.database.clone();
        if database.is_unsealed() {
            let scratch = options.scratch.as_deref();
            return unsealed::rows(database, &options.fs, scratch, &options.budget);
        }
        Ok(Arc::new(database))
    }

    fn in_dir(path: &Path, options: &OpenOptions) -> Result<Self> {
        let (cache_share, read_options) = read_options(options)?;
        Ok(Self {
            database: Database::open_shared(&options.fs, path, &read_options)?,
            envelope: None,
            cache_share,
        })
    }

    fn in_envelope(file: Box<V3File>, options: &OpenOptions) -> Result<Self> {
        let payload = file.payload()?;
        let (cache_share, read_options) = read_options(options)?;
        Ok(Self {
            database: Database::open_sealed(payload, "", read_options)?,
            envelope: Some(Arc::from(file)),
            cache_share,
        })
    }
}

/// What a user should know about a directory that is not sealed.
const UNSEALED: &str = "the directory is being written, or its writer stopped: this is what a recovery would find when \
                        it was opened";

fn read_options(options: &OpenOptions) -> Result<(Reservation, ReadOptions)> {
    let cache_bytes = (options.budget.limit() / 2).min(BLOCK_CACHE_BYTES_MAX);
    let share = options
        .budget
        .reserve(cache_bytes, "cache of decoded blocks")?;
    let cache = BlockCache::new(usize::try_from(cache_bytes).unwrap_or(usize::MAX));
    let table = TableOptions {
        cache: Arc::new(cache),
        ..TableOptions::default()
    };
    let read_options = ReadOptions {
        table,
        ..ReadOptions::default()
    };
    Ok((share, read_options))
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.path.display())
    }
}

/// Whether a directory is a database, or has been one.
fn is_database(fs: &dyn Fs, dir: &Path) -> Result<bool> {
    let names = fs.list(dir);
    let names = names.map_err(|e| Error::io("list the folder", dir, e))?;
    Ok(names.iter().any(|name| name.starts_with(MANIFEST_MARKER)))
}

/// What the marker of a database directory begins with.
const MANIFEST_MARKER: &str = "marker.manifest.";

/// Opens a file for reading with the default options.
///
/// ```
/// # fn main() -> c1z::Result<()> {
/// use c1z::engine::{GrantFilter, Reader, Scope};
///
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden/basic/v3.indexed_zstd.c1z");
/// let store = c1z::open(path)?;
/// for row in store.reader().stream_grants(&Scope::Default, &GrantFilter::default())? {
///     println!("{}", row?.grant.id);
/// }
/// # Ok(())
/// # }
/// ```
pub fn open(path: impl AsRef<Path>) -> Result<Store> {
    open_with(path, &OpenOptions::default())
}

/// Opens a file, the directory of a database that a v3 file would hold, or a folder of syncs ([`crate::archive`]), for
/// reading. A directory that a [`crate::engine::PebbleStore`] writes, here or elsewhere, or that a crash left, is shown as a
/// recovery would find it at this moment, which [`Store::warnings`] says; nothing in it is changed.
///
/// # Errors
/// `NotFound` for a missing or empty file, `InvalidArgument` for a file of another kind, `DataLoss` for a damaged one,
/// `FormatNewer`, `FormatOlder` or `Unsupported` for one that this build does not read; each names the file and the place.
///
/// # Complexity
/// A v3 file: at most six positioned reads and the decoding of the frames they hold, whatever the file's size. A v1 file
/// is decoded whole.
pub fn open_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Store> {
    let path = path.as_ref();
    let pulse = Pulse::new(options.observer.clone(), Arc::clone(&options.clock));
    let watched = OpenOptions {
        fs: pulse.fs(Arc::clone(&options.fs)),
        observer: pulse.shared(),
        ..options.clone()
    };
    let opened = pulse.end(Store::open(path, &watched));
    pulse.stops_no_more();
    opened.map_err(|error| error.in_file(path))
}

impl Store {
    fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        if options.fs.metadata(path).is_ok_and(|found| found.is_dir)
            && !is_database(&*options.fs, path)?
            && Folder::is_one(&*options.fs, path)?
        {
            return Self::open_folder(path, options);
        }
        match Found::open(path, options)? {
            Found::Pebble(file) => Self::of_database(path, file, options),
            Found::V1(file) => Self::open_v1(path, &file, options),
        }
    }

    fn of_database(path: &Path, file: PebbleFile, options: &OpenOptions) -> Result<Self> {
        let (format, payload_encoding) = file
            .envelope
            .as_ref()
            .map_or(("", ""), |file| ("v3", file.encoding().as_str()));
        let metadata = Metadata {
            engine: "pebble",
            format,
            payload_encoding,
        };
        let kv = file.rows(options)?;
        let (source, mut warnings) = PebbleSource::open(&kv, metadata, &options.budget)?;
        let is_current = !file.database.is_unsealed() && source.reads(&kv);
        if file.database.is_unsealed() {
            warnings.push(UNSEALED.to_owned());
        }
        let source: Box<dyn Source> = Box::new(source);
        let contract = Contract::new(source, options.profile, Arc::clone(&options.clock));
        let contract = Arc::new(contract);
        let (database, envelope) = (file.database.clone(), file.envelope.clone());
        let budget = options.budget.clone();
        let size = match &envelope {
            Some(envelope) => envelope.file_len(),
            None => contract.source().size_on_disk()?,
        };
        let figures: FiguresOf = Arc::new(move || {
            let mut figures = Figures::default();
            figures.database(&database.counters(), &database.level_shapes());
            if let Some(envelope) = &envelope {
                figures.envelope(&envelope.counters());
            }
            figures.budget(&budget);
            figures.size = size;
            figures
        });
        Ok(Self {
            path: path.to_owned(),
            observed: observe(options, &contract, &figures),
            contract,
            figures,
            inside: Inside::Pebble {
                envelope: file.envelope,
                database: file.database,
                is_current,
            },
            warnings,
            _cache_share: file.cache_share,
        })
    }

    /// Opens a folder of syncs.
    fn open_folder(path: &Path, options: &OpenOptions) -> Result<Self> {
        let archive_options = ArchiveOptions {
            reading: options.clone(),
            ..ArchiveOptions::default()
        };
        let folder = Arc::new(Folder::open_for_reading(path, &archive_options)?);
        let source: Box<dyn Source> = Box::new(Arc::clone(&folder));
        let contract = Contract::new(source, options.profile, Arc::clone(&options.clock));
        let contract = Arc::new(contract);
        let (budget, looked_at) = (options.budget.clone(), Arc::clone(&folder));
        let figures: FiguresOf = Arc::new(move || looked_at.figures(&budget));
        Ok(Self {
            path: path.to_owned(),
            observed: observe(options, &contract, &figures),
            contract,
            figures,
            warnings: folder.warnings().to_vec(),
            inside: Inside::Folder(folder),
            _cache_share: options.budget.reserve(0, "a folder of syncs")?,
        })
    }

    /// Opens the database that a v1 file holds.
    fn open_v1(path: &Path, file: &V1File, options: &OpenOptions) -> Result<Self> {
        let cache_bytes = (options.budget.limit() / 8).min(PAGE_CACHE_BYTES_MAX);
        let cache_share = options
            .budget
            .reserve(cache_bytes, "cache of database pages")?;
        options.observer.advanced(&Progress::of(Step::Unpack))?;
        let unpacked = unpack::unpack(path, file, options)?;
        let mut warnings: Vec<String> = unpacked.warning.into_iter().collect();
        if !options.zone.is_known() {
            warnings.push(
                "the time zone of this host is not known: local times in the file are taken as UTC"
                    .to_owned(),
            );
        }
        let read_options = sqlite_file::ReadOptions {
            cache_bytes: usize::try_from(cache_bytes).unwrap_or(usize::MAX),
        };
        let database = sqlite_file::Database::open_with(unpacked.file, read_options)?;
        let source = V1Source::open(&database, options.zone.clone(), file.file_len())?;
        let source: Box<dyn Source> = Box::new(source);
        let contract = Contract::new(source, options.profile, Arc::clone(&options.clock));
        let contract = Arc::new(contract);
        let (pages, envelope) = (database.clone(), file.counters());
        let (budget, size) = (options.budget.clone(), file.file_len());
        let figures: FiguresOf = Arc::new(move || {
            let mut figures = Figures::default();
            let pages = pages.counters();
            figures.page_lookups = pages.asked;
            figures.page_reads = pages.read;
            // The envelope was decoded when the file was opened, and is not read again.
            figures.envelope(&envelope);
            figures.budget(&budget);
            figures.size = size;
            figures
        });
        Ok(Self {
            path: path.to_owned(),
            observed: observe(options, &contract, &figures),
            contract,
            figures,
            inside: Inside::Sqlite(database),
            warnings,
            _cache_share: cache_share,
        })
    }

    /// The rows, for a source of many syncs.
    pub(crate) fn source(&self) -> &dyn Source {
        self.contract.source()
    }

    /// Reads of the file.
    pub fn reader(&self) -> &dyn Reader {
        match &self.observed {
            Some((observed, _)) => observed,
            None => &*self.contract,
        }
    }

    /// Pins reads that name no sync to this one, or unpins them.
    pub fn view(&self, sync: Option<&SyncId>) -> Result<()> {
        self.contract.view(sync)
    }

    /// What a user should know about the file before trusting an answer.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What the store counted since it was opened, and its state.
    pub fn figures(&self) -> Figures {
        (self.figures)()
    }

    /// Whether the store is well: what it counts, its warnings, and whether its list of syncs and one row of each kind can be
    /// read. [`crate::observe::NOT_LOOKED_AT`] says what is not looked at.
    ///
    /// # Complexity
    /// O(syncs), and the blocks that hold these rows.
    pub fn health(&self, limits: &HealthLimits) -> Health {
        Health::of_figures(&self.figures(), 0, limits)
            .warned(&self.warnings)
            .probed(&*self.contract)
    }

    /// The path that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The envelope of a v3 file, for tools; none for a v1 file and for a database directory.
    pub fn envelope(&self) -> Option<&V3File> {
        match &self.inside {
            Inside::Pebble { envelope, .. } => envelope.as_deref(),
            Inside::Sqlite(_) | Inside::Folder(_) => None,
        }
    }

    /// Where a sync of a folder is; none for a file.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn entry(&self, sync: &SyncId) -> Result<Option<EntryInfo>> {
        match &self.inside {
            Inside::Folder(folder) => folder.entry_info(sync).map(Some),
            Inside::Pebble { .. } | Inside::Sqlite(_) => Ok(None),
        }
    }

    /// The Pebble database inside, for tools; none for a v1 file.
    pub fn database(&self) -> Option<&Database> {
        match &self.inside {
            Inside::Pebble { database, .. } => Some(database),
            Inside::Sqlite(_) | Inside::Folder(_) => None,
        }
    }

    /// The rows of the one sync of a v3 file, if the contract's answers are those rows decoded.
    pub(crate) fn stored_rows(&self) -> Option<StoredRows<'_>> {
        match &self.inside {
            Inside::Pebble {
                envelope,
                database,
                is_current: true,
            } if self.contract.attach() => Some(StoredRows {
                database,
                envelope: envelope.as_deref(),
            }),
            _ => None,
        }
    }

    /// The SQLite database inside, for tools; none but for a v1 file.
    pub fn sqlite(&self) -> Option<&sqlite_file::Database> {
        match &self.inside {
            Inside::Pebble { .. } | Inside::Folder(_) => None,
            Inside::Sqlite(database) => Some(database),
        }
    }
}
