//! Opening a directory that nobody writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::counters::ReadCounters;
use super::meta::meta_of;
use super::tables::TableCache;
use super::{Inner, ReadOptions, State};
use crate::live;
use crate::manifest::marker::Markers;
use crate::manifest::{self, FileName, FileNumber, FormatVersion, Level};
use crate::options_file::OptionsFile;
use crate::sst::CacheMode;
use crate::version::Version;
use crate::vfs::Fs;
use crate::wal::{self, IngestedTable, Recovered};
use crate::{Error, ErrorKind, Result};

const STRUCTURE: &str = "database directory";

/// How often a directory is read again because its files were replaced meanwhile.
const TRIES: usize = 16;

pub(super) fn open_sealed(fs: Arc<dyn Fs>, dir: PathBuf, options: ReadOptions) -> Result<Inner> {
    let names = list(&*fs, &dir)?;
    let inner = open(fs, dir, &names, options)?;
    if inner.is_unsealed {
        let written = "the database is still written; seal it before it is read";
        return Err(Error::invalid(written).in_file(inner.dir));
    }
    Ok(inner)
}

/// Opens a directory that somebody may be writing: again, while its files are replaced. Files that are
/// removed later stay open.
pub(super) fn open_shared(fs: &Arc<dyn Fs>, dir: &Path, options: &ReadOptions) -> Result<Inner> {
    let mut tries = 0;
    loop {
        let names = list(&**fs, dir)?;
        let opened = open(Arc::clone(fs), dir.to_owned(), &names, options.clone())
            .and_then(|inner| inner.hold_tables().map(|()| inner));
        tries += 1;
        if opened.is_ok() || tries >= TRIES || list(&**fs, dir)? == names {
            return opened;
        }
    }
}

fn list(fs: &dyn Fs, dir: &Path) -> Result<Vec<String>> {
    let mut names = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    names.sort_unstable();
    Ok(names)
}

impl Inner {
    /// Opens the tables of a directory that is still written.
    fn hold_tables(&self) -> Result<()> {
        if self.is_unsealed {
            for number in self.state.version.files().into_keys() {
                self.state.tables.get(number)?;
            }
        }
        Ok(())
    }
}

fn open(fs: Arc<dyn Fs>, dir: PathBuf, names: &[String], options: ReadOptions) -> Result<Inner> {
    let (format_version, manifest) = find_manifest(names).map_err(|e| e.in_file(&dir))?;
    let options_file = read_options(&*fs, &dir, names)?;
    let path = dir.join(FileName::Manifest(manifest).to_string());
    let mut version = replay(&*fs, &path)?;
    let is_unsealed = match format_version {
        Some(_) => false,
        None => live::is_unsealed(&*fs, &dir, version.min_unflushed_log())?,
    };
    check_files(&*fs, &dir, &version)?;
    let recovered = recover_logs(&*fs, &dir, names, &version, &options)?;
    let files = version.files().into_keys();
    let held = if is_unsealed { files.len() } else { 0 };
    let tables_open_max = options.tables_open_max.max(held);
    let ingested = recovered.ingested.iter().map(|table| table.number);
    let tables = TableCache::new(
        Arc::clone(&fs),
        dir.clone(),
        options.table,
        tables_open_max,
        files.chain(ingested),
    );
    join_ingested(&mut version, &tables, &recovered.ingested).map_err(|e| e.in_file(&dir))?;
    Ok(Inner {
        fs,
        dir,
        format_version: format_version.unwrap_or(FormatVersion::NEWEST),
        is_unsealed,
        options_file,
        state: State {
            memory: vec![Arc::new(recovered.memtable)],
            version: Arc::new(version),
            tables: Arc::new(tables),
        },
        logs: recovered.logs,
        ingested: recovered.ingested,
        next_seq: recovered.next_seq,
        counters: Arc::new(ReadCounters::default()),
    })
}

/// The format version, if it is marked, and the current MANIFEST.
fn find_manifest(names: &[String]) -> Result<(Option<FormatVersion>, FileNumber)> {
    let markers = Markers::find(names.iter().map(String::as_str))?;
    let version = markers.format_version()?;
    match markers.manifest()? {
        Some(manifest) => Ok((version, manifest)),
        None => Err(Error::new(ErrorKind::NotFound, "no database in directory")),
    }
}

fn replay(fs: &dyn Fs, path: &Path) -> Result<Version> {
    match manifest::replay(fs, path) {
        Ok(replayed) => Ok(replayed.version),
        Err(e) if e.kind() == ErrorKind::NotFound => {
            Err(Error::corrupt(STRUCTURE, 0, "the marked MANIFEST", "no file").in_file(path))
        }
        Err(e) => Err(e),
    }
}

/// Reads the newest OPTIONS file, if there is one, and refuses what would be misread.
fn read_options(fs: &dyn Fs, dir: &Path, names: &[String]) -> Result<Option<FileNumber>> {
    let numbers = names.iter().filter_map(|name| match FileName::parse(name) {
        FileName::Options(number) => Some((number, name)),
        _ => None,
    });
    let Some((number, name)) = numbers.max() else {
        return Ok(None);
    };
    let path = dir.join(name);
    OptionsFile::read(fs, &path)
        .and_then(|options| options.check_supported())
        .map_err(|e| e.in_file(path))?;
    Ok(Some(number))
}

/// Checks that every file is there in its recorded length.
pub(crate) fn check_files(fs: &dyn Fs, dir: &Path, version: &Version) -> Result<()> {
    for (number, expected) in version.files() {
        let path = dir.join(FileName::Table(number).to_string());
        let found = match fs.metadata(&path) {
            Ok(metadata) if metadata.len == expected && !metadata.is_dir => continue,
            Ok(metadata) => format!("{} bytes", metadata.len),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => "no file".to_owned(),
            Err(e) => return Err(Error::io("look up", &path, e)),
        };
        let expected = format!("a table of {expected} bytes");
        return Err(Error::corrupt(STRUCTURE, 0, expected, found).in_file(path));
    }
    Ok(())
}

fn recover_logs(
    fs: &dyn Fs,
    dir: &Path,
    names: &[String],
    version: &Version,
    options: &ReadOptions,
) -> Result<Recovered> {
    let start = wal::Start {
        min_unflushed_log: version.min_unflushed_log(),
        last_seq: version.last_seq(),
        memory_max: options.log_memory_max,
    };
    wal::recover(fs, dir, names, start)
}

/// Puts the tables that logs name into L0. Their bounds stand nowhere but in themselves.
fn join_ingested(
    version: &mut Version,
    tables: &TableCache,
    ingested: &[IngestedTable],
) -> Result<()> {
    if ingested.is_empty() {
        return Ok(());
    }
    let mut newest = version.level(Level::L0).to_vec();
    let mut known = version.files();
    for &IngestedTable { number, seq } in ingested {
        if known.insert(number, 0).is_some() {
            let expected = "a table that joined once";
            let found = format_args!("{number} again in a log");
            return Err(Error::corrupt(STRUCTURE, 0, expected, found));
        }
        let open = tables.get(number)?;
        let meta = meta_of(&open.table, number, seq, CacheMode::Fill)?;
        newest.extend(meta.map(Arc::new));
    }
    version.set_level(Level::L0, newest)
}
