//! Opening a directory for writing: a new one, a sealed one, or what a crash left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::{sync_name, with_next_file};
use super::core::{Core, Inner, WriteSide};
use super::log::Log;
use super::mark::{self, LiveMark};
use super::metrics::Metrics;
use super::worker::Jobs;
use super::{Deriver, LiveOptions};
use crate::batch::Batch;
use crate::bulk::{Scratch, Settings, write_options};
use crate::db::{self, TableCache};
use crate::iter::Bounds;
use crate::key::SeqNo;
use crate::manifest::marker::{self, Mark, Markers};
use crate::manifest::{self, FileName, FileNumber, FormatVersion, TableMeta};
use crate::memory::MemTable;
use crate::options_file::OptionsFile;
use crate::sync::{AtomicU64, Mutex, RwLock};
use crate::version::Version;
use crate::vfs::Fs;
use crate::wal::{self, IngestedTable};
use crate::{Error, ErrorKind, Result};

const STRUCTURE: &str = "database directory";

/// What the files of a directory say before anything is changed.
struct Found {
    version: Version,
    format_version: Option<FormatVersion>,
    live: Option<LiveMark>,
    names: Vec<String>,
}

/// Opens `dir`, which the caller has locked; makes a database if there is none and `create` says so.
pub(super) fn open(
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: LiveOptions,
    create: bool,
) -> Result<Inner> {
    let found = match find(&*fs, &dir)? {
        Some(found) => found,
        None if create => create_database(&*fs, &dir, &options)?,
        None => {
            let missing = Error::new(ErrorKind::NotFound, "no database in directory");
            return Err(missing.in_file(dir));
        }
    };
    check_modes(&found, &options).map_err(|e| e.in_file(&dir))?;
    let deferred = deferred_of(&found, options.deriver.as_deref());
    let inner = begin(fs, dir, options, &found, deferred)?;
    inner.settle_modes(&found)?;
    let names = found.names;
    inner.remove_leftovers(&names, |name| !matches!(name, FileName::Table(_)));
    let joined = inner.replay_logs(&names)?;
    // Logs name tables that the MANIFEST did not.
    inner.remove_leftovers(&names, |name| matches!(name, FileName::Table(_)));
    if joined {
        // A run made of the log spans the sequence numbers of those tables: levels must not tell
        // otherwise. And what follows from their rows stands nowhere.
        inner.compact(&Bounds::all())?;
        inner.rederive(Vec::new())?;
    } else {
        inner.clear_deferred(&mut inner.write())?;
    }
    Ok(inner)
}

fn find(fs: &dyn Fs, dir: &Path) -> Result<Option<Found>> {
    let made = fs.create_dir_all(dir);
    made.map_err(|e| Error::io("create the directory", dir, e))?;
    let names = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    let markers = Markers::find(names.iter().map(String::as_str))?;
    let format_version = markers.format_version()?;
    let Some(number) = markers.manifest()? else {
        // A crash while it was made leaves these at most.
        let is_harmless = |name: &String| {
            !matches!(
                FileName::parse(name),
                FileName::Table(_) | FileName::Log { .. }
            )
        };
        if let Some(name) = names.iter().find(|name| !is_harmless(name)) {
            let found = format_args!("none beside `{name}`");
            return Err(Error::corrupt(STRUCTURE, 0, "a manifest marker", found).in_file(dir));
        }
        return Ok(None);
    };
    let path = dir.join(FileName::Manifest(number).to_string());
    let version = manifest::replay(fs, &path)?.version;
    check_options_file(fs, dir, &names)?;
    Ok(Some(Found {
        version,
        format_version,
        live: LiveMark::read(fs, dir, format_version.is_none())?,
        names,
    }))
}

/// Refuses a database that was made with features which this crate lacks.
fn check_options_file(fs: &dyn Fs, dir: &Path, names: &[String]) -> Result<()> {
    let numbers = names.iter().filter_map(|name| match FileName::parse(name) {
        FileName::Options(number) => Some((number, name)),
        _ => None,
    });
    let Some((_, name)) = numbers.max() else {
        return Ok(());
    };
    let path = dir.join(name);
    OptionsFile::read(fs, &path)
        .and_then(|options| options.check_supported())
        .map_err(|e| e.in_file(path))
}

/// Makes a database without rows; it exists when the manifest marker does.
fn create_database(fs: &dyn Fs, dir: &Path, options: &LiveOptions) -> Result<Found> {
    let names = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    for name in names {
        // Left by an attempt that failed.
        let is_left = matches!(
            FileName::parse(&name),
            FileName::Manifest(_) | FileName::Options(_) | FileName::Marker(_)
        );
        if is_left {
            let path = dir.join(&name);
            fs.remove_file(&path)
                .map_err(|e| Error::io("remove", &path, e))?;
        }
    }
    let live = options.deriver.as_deref().map(|deriver| LiveMark {
        deferred: (0..)
            .zip(deriver.families())
            .filter(|(_, family)| !family.kept)
            .map(|(place, _)| place)
            .collect(),
        sealing: None,
    });
    let format_version = live.is_none().then_some(FormatVersion::NEWEST);
    if let Some(mark) = &live {
        mark.write(fs, dir)?;
    } else {
        mark::remove(fs, dir)?;
        marker::set(fs, dir, &Mark::FormatVersion(FormatVersion::NEWEST))?;
    }
    let (manifest, options_file) = (FileNumber(1), FileNumber(2));
    write_options(fs, dir, options_file)?;
    let version = Version::new(FileNumber(0), FileNumber(3), SeqNo(0), BTreeMap::new());
    manifest::Writer::create(fs, dir, manifest, &version)?;
    marker::set(fs, dir, &Mark::Manifest(manifest))?;
    sync_name(fs, dir)?;
    Ok(Found {
        version,
        format_version,
        live,
        names: fs.list(dir).map_err(|e| Error::io("list", dir, e))?,
    })
}

impl Found {
    /// Whether the last seal took effect but for the marker.
    fn is_sealed(&self) -> bool {
        let flushed = self.version.min_unflushed_log();
        let live = self.live.as_ref();
        self.format_version.is_none() && live.is_some_and(|live| live.is_sealed(flushed))
    }
}

/// Refuses a live directory without its deriver, and one that is neither live nor sealed.
fn check_modes(found: &Found, options: &LiveOptions) -> Result<()> {
    match (found.format_version, &found.live) {
        (Some(_), _) => Ok(()),
        (None, Some(_)) if options.deriver.is_some() => Ok(()),
        (None, Some(_)) => Err(Error::invalid(
            "the database has derived rows; open it with its deriver",
        )),
        (None, None) => {
            let expected = "a format-version marker";
            Err(Error::corrupt(STRUCTURE, 0, expected, "a MANIFEST alone"))
        }
    }
}

/// Which families are deferred. A format-version marker says that all are derived, and so does a
/// seal that took effect.
fn deferred_of(found: &Found, deriver: Option<&dyn Deriver>) -> Arc<[bool]> {
    let families = deriver.map_or(0, |deriver| deriver.families().len());
    let is_live = found.format_version.is_none() && !found.is_sealed();
    let live = found.live.as_ref().filter(|_| is_live);
    let is_deferred = |family| live.is_some_and(|mark| mark.deferred.contains(&family));
    (0..families).map(is_deferred).collect()
}

/// Begins a MANIFEST of its own, since the old one may end in the middle of a record.
fn begin(
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: LiveOptions,
    found: &Found,
    deferred: Arc<[bool]>,
) -> Result<Inner> {
    db::check_files(&*fs, &dir, &found.version)?;
    let used = found.names.iter().filter_map(|name| number_of(name));
    let next_file = used.map(|n| n.0 + 1).max().unwrap_or_default();
    let next_file = next_file.max(found.version.next_file().0);
    let number = FileNumber(next_file);
    let version = with_next_file(&found.version, FileNumber(next_file + 1))?;
    if found
        .format_version
        .is_some_and(|v| v < FormatVersion::NEWEST)
    {
        let newest = Mark::FormatVersion(FormatVersion::NEWEST);
        marker::set(&*fs, &dir, &newest)?;
    }
    let manifest = manifest::Writer::create(&*fs, &dir, number, &version)?;
    marker::set(&*fs, &dir, &Mark::Manifest(number))?;
    let tables = TableCache::new(
        Arc::clone(&fs),
        dir.clone(),
        options.table.clone(),
        options.tables_open_max,
        version.files().into_keys(),
    );
    let scratch = Scratch::new(Arc::clone(&fs), dir.clone());
    let settings = Settings::new(scratch, options.bulk())?;
    let metrics = Arc::new(Metrics::default());
    let write = WriteSide {
        log: Log::new(options.durability, Arc::clone(&metrics)),
        next_seq: SeqNo(version.last_seq().0 + 1).max(SeqNo::FIRST),
        joined: Vec::new(),
        is_open_to_all: false,
    };
    let core = Core {
        manifest,
        version: Arc::new(version),
        tables: Arc::new(tables),
        active: Vec::new(),
        frozen: Vec::new(),
        deferred,
    };
    let inner = Inner {
        view: RwLock::new(core.view()),
        fs,
        dir,
        options,
        settings: Arc::new(settings),
        write: Mutex::new(write),
        core: Mutex::new(core),
        jobs: Jobs::default(),
        next_file: AtomicU64::new(next_file + 1),
        counters: Arc::default(),
        metrics,
        failure: Mutex::new(None),
    };
    Ok(inner)
}

/// The number in the name of a file.
fn number_of(name: &str) -> Option<FileNumber> {
    match FileName::parse(name) {
        FileName::Table(number)
        | FileName::Log { number, .. }
        | FileName::Manifest(number)
        | FileName::Options(number) => Some(number),
        _ => None,
    }
}

impl Inner {
    /// Finishes a seal that took effect, and makes one that did not count no more.
    fn settle_modes(&self, found: &Found) -> Result<()> {
        let mut write = self.write();
        write.is_open_to_all = found.format_version.is_some() || found.is_sealed();
        if found.is_sealed() {
            self.open_to_all()
        } else if found.format_version.is_some() {
            mark::remove(&*self.fs, &self.dir)
        } else {
            // Also of a seal that failed: its number will be passed by others.
            self.mark_live(None)
        }
    }

    /// Removes what belongs to no database any more: tables that the MANIFEST does not name, logs
    /// that are flushed, old MANIFESTs, temporary files.
    fn remove_leftovers(&self, names: &[String], of_kind: impl Fn(&FileName) -> bool) {
        let core = self.core();
        let (manifest, flushed) = (core.manifest.number(), core.version.min_unflushed_log());
        let options = names.iter().filter_map(|name| match FileName::parse(name) {
            FileName::Options(number) => Some(number),
            _ => None,
        });
        let options = options.max();
        for name in names {
            let kind = FileName::parse(name);
            let is_left = match kind {
                _ if !of_kind(&kind) => false,
                FileName::Table(number) => !core.tables.holds(number),
                FileName::Log { number, .. } => number < flushed,
                FileName::Manifest(number) => number != manifest,
                FileName::Options(number) => Some(number) != options,
                FileName::Temporary(_) => true,
                _ => false,
            };
            if is_left {
                self.remove_obsolete(&self.dir.join(name));
            }
        }
    }

    /// Accepts again what stands in logs only, and has it written to tables, so that the logs can go.
    /// Whether logs named tables.
    fn replay_logs(&self, names: &[String]) -> Result<bool> {
        let mut write = self.write();
        let flushed = self.core().version.min_unflushed_log();
        let mut next_seq = write.next_seq;
        let mut joined = Vec::new();
        let logs = wal::replay(&*self.fs, &self.dir, names, flushed, |reader| {
            next_seq = next_seq.max(reader.end_seq());
            if let Some(tables) = wal::joined(reader.clone())? {
                joined.extend(tables);
                return Ok(());
            }
            write.next_seq = reader.first_seq();
            let operations = u64::from(reader.count());
            let table = MemTable::from_batch(Batch::copied(reader)?)?;
            self.commit_sorted(&mut write, table, operations, false)?;
            Ok(())
        })?;
        write.next_seq = next_seq;
        write.joined = self.describe_joined(&joined)?;
        if !logs.is_empty() {
            write.log.adopt(logs.iter().map(|log| log.number));
            self.flush(&mut write)?;
        }
        Ok(!joined.is_empty())
    }

    /// What the MANIFEST will say of tables that logs name. A table that it knows already joined before
    /// a crash that kept the logs.
    fn describe_joined(&self, joined: &[IngestedTable]) -> Result<Vec<TableMeta>> {
        let known = self.core().version.files();
        let mut described = Vec::new();
        for table in joined
            .iter()
            .filter(|table| !known.contains_key(&table.number))
        {
            let path = self.path_of(&FileName::Table(table.number));
            described.extend(self.describe(&path, table.number, table.seq)?);
        }
        Ok(described)
    }
}
