//! Sections into a database: tables get their numbers, then come OPTIONS, MANIFEST and markers
//! (`pebble-ondisk` §6.1).
//!
//! All tables are in the last level, every row has sequence number 0. The manifest marker is written
//! last and everything it leads to is durable before it, so that a crash leaves no database or the
//! whole one. A build that fails removes what it made.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::options::BulkOptions;
use super::scratch::{Scratch, TempFile};
use super::section::{Section, SectionWriter, Settings};
use crate::checksum::FileHash;
use crate::key::SeqNo;
use crate::manifest::marker::{self, Mark};
use crate::manifest::{self, FileName, FileNumber, FormatVersion, Level, TableMeta};
use crate::options_file;
use crate::version::Version;
use crate::vfs::{Fs, MemFs};
use crate::{Error, Result};

const MANIFEST: FileNumber = FileNumber(1);
const OPTIONS: FileNumber = FileNumber(2);
const FIRST_TABLE: u64 = 3;

/// A database that is being written, section by section. Sections may be written on threads of their
/// own.
#[derive(Debug)]
pub struct DatabaseWriter {
    settings: Arc<Settings>,
}

/// A table, its hash and its file.
type Numbered = (TableMeta, u64, TempFile);

/// Name, length and hash of a file.
type Listed = (String, u64, u64);

/// A database that was written.
#[derive(Clone, Debug)]
pub struct BuiltDatabase {
    /// Its directory.
    pub dir: PathBuf,
    /// Its tables, in order of keys; all are in the last level.
    pub tables: Vec<TableMeta>,
    /// Names of all files that belong to it, with their lengths in bytes, sorted bytewise.
    pub files: Vec<(String, u64)>,
    /// XXH64 (seed 0) of what was written to each of them, in the same order.
    pub hashes: Vec<u64>,
    /// Number of rows.
    pub rows: u64,
    /// Bytes of all keys and values.
    pub raw_bytes: u64,
}

impl DatabaseWriter {
    /// Starts a database in `dir`, which is created if it does not exist.
    ///
    /// # Errors
    /// `Invalid` for a directory that holds files of a database, and for options out of range; `Io`
    /// from the file system.
    pub fn create(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>, options: BulkOptions) -> Result<Self> {
        let dir = dir.into();
        options.check()?;
        fs.create_dir_all(&dir)
            .map_err(|e| Error::io("create the directory", &dir, e))?;
        check_vacant(&*fs, &dir)?;
        let settings = Settings::new(Scratch::new(fs, dir), options)?;
        Ok(Self {
            settings: Arc::new(settings),
        })
    }

    /// The directory for temporary files, which is the database's own.
    pub fn scratch(&self) -> &Scratch {
        &self.settings.scratch
    }

    /// What its sections share.
    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Begins a section.
    pub fn section(&self) -> SectionWriter {
        SectionWriter::new(Arc::clone(&self.settings))
    }

    /// Makes the database of `sections`, which may come in any order.
    ///
    /// # Errors
    /// `Invalid` when two sections overlap; failures of the file system. Then nothing is left in the
    /// directory but what could not be removed.
    pub fn finish(self, sections: Vec<Section>) -> Result<BuiltDatabase> {
        let settings = &*self.settings;
        let mut rows = 0;
        let mut finished = Vec::new();
        for section in sections {
            rows += section.rows();
            finished.extend(section.tables);
        }
        let mut numbered: Vec<Numbered> = Vec::new();
        let mut raw_bytes = 0;
        for table in finished {
            raw_bytes += table.raw_len;
            numbered.push((table.meta, table.xxh64, table.file));
        }
        numbered.sort_by(|(a, ..), (b, ..)| a.smallest.cmp(&b.smallest));
        for ((table, _, file), number) in numbered.iter_mut().zip(FIRST_TABLE..) {
            table.number = FileNumber(number);
            let name = FileName::Table(table.number).to_string();
            file.rename(settings.scratch.dir().join(name))?;
        }
        let tables: Vec<_> = numbered.iter().map(|(table, ..)| table.clone()).collect();
        let small = Small::write(settings, &version_of(&tables)?)?;
        let listed = settle(settings, numbered, small)?;
        let (files, hashes) = listed
            .into_iter()
            .map(|(name, len, hash)| ((name, len), hash))
            .unzip();
        Ok(BuiltDatabase {
            dir: settings.scratch.dir().to_owned(),
            tables,
            files,
            hashes,
            rows,
            raw_bytes,
        })
    }
}

/// Refuses a directory that holds files of a database: names would be taken.
pub(crate) fn check_vacant(fs: &dyn Fs, dir: &Path) -> Result<()> {
    let names = fs.list(dir).map_err(|e| Error::io("list", dir, e))?;
    for name in names {
        if !matches!(
            FileName::parse(&name),
            FileName::Temporary(_) | FileName::Other(_) | FileName::Lock
        ) {
            let message = format!("directory holds a database name=`{name}`");
            return Err(Error::invalid(message).in_file(dir));
        }
    }
    Ok(())
}

/// The version that has `tables` in its last level.
fn version_of(tables: &[TableMeta]) -> Result<Version> {
    let next_file = FileNumber(FIRST_TABLE + tables.len() as u64);
    let mut version = Version::new(FileNumber(0), next_file, SeqNo(0), BTreeMap::new());
    let tables = tables.iter().map(|table| Arc::new(table.clone()));
    version.set_level(Level::L6, tables.collect())?;
    Ok(version)
}

/// OPTIONS, MANIFEST and markers; removed when this goes unless they are kept.
struct Small {
    files: Vec<TempFile>,
    listed: Vec<Listed>,
}

impl Small {
    /// Writes them: durable and in order, or as plain files.
    fn write(settings: &Settings, version: &Version) -> Result<Self> {
        let (fs, dir) = (settings.scratch.fs(), settings.scratch.dir());
        // Made in memory first: then names and lengths are known before anything can fail.
        let made = MemFs::new();
        write_small(&made, Path::new(""), version)?;
        let files = files_of(&made).map_err(|e| Error::io("make", dir, e))?;
        let mut names: Vec<&String> = files.iter().map(|(name, _)| name).collect();
        // Its marker is the first to go: without it there is no database.
        names.sort_by_key(|name| !name.starts_with("marker.manifest"));
        let adopt = |name: &String| TempFile::adopt(&settings.scratch, dir.join(name));
        let small = Self {
            files: names.into_iter().map(adopt).collect(),
            listed: files
                .iter()
                .map(|(name, bytes)| (name.clone(), bytes.len() as u64, FileHash::of(bytes)))
                .collect(),
        };
        if settings.options.sync {
            write_small(fs, dir, version)?;
        } else {
            for (name, bytes) in &files {
                write_file(fs, &dir.join(name), bytes, false)?;
            }
        }
        if settings.options.verify {
            for (name, bytes) in &files {
                verify_file(fs, &dir.join(name), bytes)?;
            }
        }
        Ok(small)
    }
}

/// Names and bytes of all files.
fn files_of(fs: &MemFs) -> io::Result<Vec<(String, Vec<u8>)>> {
    let names = fs.list(Path::new(""))?;
    let read = |name: String| fs.read(&name).map(|bytes| (name, bytes));
    names.into_iter().map(read).collect()
}

fn write_small(fs: &dyn Fs, dir: &Path, version: &Version) -> Result<()> {
    write_options(fs, dir, OPTIONS)?;
    manifest::Writer::create(fs, dir, MANIFEST, version)?;
    marker::set(fs, dir, &Mark::FormatVersion(FormatVersion::NEWEST))?;
    marker::set(fs, dir, &Mark::Manifest(MANIFEST))
}

/// Writes the file that says how a database was made; its name is durable after a sync of `dir`.
pub(crate) fn write_options(fs: &dyn Fs, dir: &Path, number: FileNumber) -> Result<()> {
    let path = dir.join(FileName::Options(number).to_string());
    let text = options_file::render(FormatVersion::NEWEST);
    write_file(fs, &path, text.as_bytes(), true)
}

fn write_file(fs: &dyn Fs, path: &Path, bytes: &[u8], sync: bool) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = fs.create_new(path)?;
        file.write_all(bytes)?;
        if sync { file.sync() } else { Ok(()) }
    };
    write().map_err(|e| Error::io("write", path, e))
}

/// Reads a file back and compares it with what it was made of.
fn verify_file(fs: &dyn Fs, path: &Path, expected: &[u8]) -> Result<()> {
    let mut found = vec![0; expected.len()];
    let read = |found: &mut [u8]| -> io::Result<u64> {
        let file = fs.open(path)?;
        file.read_exact_at(0, found)?;
        Ok(file.len())
    };
    let len = match read(&mut found) {
        // Shorter than what was written.
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => 0,
        read => read.map_err(|e| Error::io("read back", path, e))?,
    };
    if len == expected.len() as u64 && found == expected {
        return Ok(());
    }
    let same = found.iter().zip(expected).take_while(|(a, b)| a == b);
    let at = same.count() as u64;
    let (expected, found) = ("the bytes that were written", "others");
    Err(Error::corrupt("database file", at, expected, found).in_file(path))
}

/// Makes the names durable; from then on the files stay. Returns all of them in order of names.
fn settle(settings: &Settings, tables: Vec<Numbered>, small: Small) -> Result<Vec<Listed>> {
    let (fs, dir) = (settings.scratch.fs(), settings.scratch.dir());
    if settings.options.sync {
        fs.sync_dir(dir).map_err(|e| Error::io("sync", dir, e))?;
    }
    let mut listed = small.listed;
    small.files.into_iter().for_each(TempFile::keep);
    for (table, hash, file) in tables {
        listed.push((FileName::Table(table.number).to_string(), table.size, hash));
        file.keep();
    }
    listed.sort_unstable();
    Ok(listed)
}
