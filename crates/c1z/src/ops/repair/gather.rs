//! Rows out of the tables of a damaged database, every version that can be read.
//!
//! With the MANIFEST, tables count where and with the sequence numbers it says. Without it every table
//! counts whole: ingested tables hold sequence number 0 then, so that of two versions the one in the
//! table with the greater number is taken, and deleted rows may come back.

use std::path::Path;
use std::sync::Arc;

use shingle::bulk::Sorter;
use shingle::key::{RangeTombstone, Trailer};
use shingle::manifest::marker::Markers;
use shingle::manifest::{self, FileName, FileNumber, TableMeta};
use shingle::sst::{Table, TableOptions, Unreadable, recover};
use shingle::version::Version;
use shingle::vfs::Fs;

use super::report::Loss;
use super::versions;
use crate::envelope::SalvagedFile;
use crate::keyspace::{Family, Key, MetadataKey};
use crate::ops::observe::{Meter, Observer, Step};
use crate::{Error, Result};

/// What was gathered besides the rows, which are in the sorter.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) losses: Vec<Loss>,
    pub(super) warnings: Vec<String>,
    /// Range tombstones in force; only with a MANIFEST.
    pub(super) tombstones: Vec<RangeTombstone>,
    /// Whether sequence numbers are those of the database.
    pub(super) has_manifest: bool,
}

/// Sends the rows of the tables among `files` in `dir` to `rows`. `has_names` tells whether they have
/// the names that they had in the database.
pub(super) fn gather(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    files: &[SalvagedFile],
    has_names: bool,
    rows: &mut Sorter,
    observer: &dyn Observer,
) -> Result<Gathered> {
    let mut gathered = Gathered::default();
    let version = if has_names {
        version(&**fs, dir, files, &mut gathered)
    } else {
        None
    };
    gathered.has_manifest = version.is_some();
    let meter = Meter::start(observer, Step::Salvage, None)?;
    let mut gatherer = Gatherer {
        fs,
        dir,
        options: TableOptions::default(),
        rows,
        meter,
        out: gathered,
    };
    let mut tables: Vec<FileNumber> = files
        .iter()
        .filter_map(|file| match FileName::parse(&file.name) {
            FileName::Table(number) => Some(number),
            _ => None,
        })
        .collect();
    tables.sort_unstable();
    if let Some(version) = &version {
        gatherer.missing(version, &tables);
    }
    for number in tables {
        let shown = version.as_ref().map(|version| shown_by(version, number));
        gatherer.table(number, shown.as_deref())?;
    }
    gatherer.meter.end()?;
    Ok(gatherer.out)
}

/// The live tables, if the MANIFEST is whole and says so. One that is cut tells of an older state.
fn version(fs: &dyn Fs, dir: &Path, files: &[SalvagedFile], out: &mut Gathered) -> Option<Version> {
    let markers = Markers::find(files.iter().map(|file| file.name.as_str()));
    let marked = markers
        .and_then(|markers| markers.manifest())
        .ok()
        .flatten();
    let is_marked = |number| marked.is_none_or(|marked| marked == number);
    let manifests = files
        .iter()
        .filter_map(|file| match FileName::parse(&file.name) {
            FileName::Manifest(number) if is_marked(number) => Some((number, file)),
            _ => None,
        });
    // Without marker the newest is the best guess.
    let (_, file) = manifests.max_by_key(|(number, _)| *number)?;
    if !file.is_whole {
        out.warnings.push("the MANIFEST is damaged".to_owned());
        return None;
    }
    match manifest::replay(fs, &dir.join(&file.name)) {
        Ok(replayed) => Some(replayed.version),
        Err(error) => {
            out.warnings
                .push(format!("the MANIFEST cannot be read: {}", error.chain()));
            None
        }
    }
}

fn shown_by(version: &Version, number: FileNumber) -> Vec<Arc<TableMeta>> {
    let tables = version.tables().map(|(_, meta)| meta);
    tables
        .filter(|meta| meta.file() == number)
        .cloned()
        .collect()
}

struct Gatherer<'a> {
    fs: &'a Arc<dyn Fs>,
    dir: &'a Path,
    options: TableOptions,
    rows: &'a mut Sorter,
    meter: Meter<'a>,
    out: Gathered,
}

impl Gatherer<'_> {
    fn missing(&mut self, version: &Version, present: &[FileNumber]) {
        for (_, meta) in version.tables() {
            if !present.contains(&meta.file()) {
                let detail = format!("table {} is missing", meta.file());
                let (from, to) = (&meta.smallest.user, &meta.largest.user);
                self.out
                    .losses
                    .extend(Loss::of_keys(Some(from), Some(to), detail));
            }
        }
    }

    fn table(&mut self, number: FileNumber, shown: Option<&[Arc<TableMeta>]>) -> Result<()> {
        if shown.is_some_and(<[_]>::is_empty) {
            return Ok(());
        }
        let name = FileName::Table(number).to_string();
        let path = self.dir.join(&name);
        let file = self.fs.open(&path);
        let file = file.map_err(|e| Error::io("open", &path, e))?;
        match Table::open(Arc::clone(&file), &path, &self.options) {
            Ok(table) => {
                let table = Arc::new(table);
                let (rows, meter) = (&mut *self.rows, &mut self.meter);
                let mut stopped = None;
                let survey = table.survey(&mut |key, trailer, value| {
                    let taken =
                        take(rows, number, shown, key, trailer, value).and_then(|()| meter.row());
                    taken.map_err(|error| stop(&mut stopped, error))
                });
                let survey = pass_on(stopped, survey)?;
                for lost in survey.unreadable {
                    self.lose(&name, lost, shown);
                }
                self.tombstones(&table, shown);
            }
            Err(error) if error.kind() == shingle::ErrorKind::Unsupported => {
                return Err(error.into());
            }
            Err(error) => {
                let (rows, meter) = (&mut *self.rows, &mut self.meter);
                let mut stopped = None;
                let found = recover(&*file, &path, &mut |key, trailer, value| {
                    let taken =
                        take(rows, number, shown, key, trailer, value).and_then(|()| meter.row());
                    taken.map_err(|error| stop(&mut stopped, error))
                });
                let found = pass_on(stopped, found)?;
                // Everything from the key after the last one on.
                let next = found.contents.keys.map(|(_, mut last)| {
                    last.push(0);
                    last
                });
                let detail = format!(
                    "`{name}`: the end of the table is lost behind {} blocks, {} bytes: {}",
                    found.blocks,
                    found.len,
                    Error::from(error)
                );
                self.lose_keys(&detail, next.as_deref(), None, shown);
            }
        }
        Ok(())
    }

    fn lose(&mut self, name: &str, lost: Unreadable, shown: Option<&[Arc<TableMeta>]>) {
        let blocks = lost.blocks;
        let detail = format!(
            "`{name}`: {blocks} blocks cannot be read: {}",
            Error::from(lost.error)
        );
        self.lose_keys(&detail, lost.from.as_deref(), lost.to.as_deref(), shown);
    }

    fn lose_keys(
        &mut self,
        detail: &str,
        from: Option<&[u8]>,
        to: Option<&[u8]>,
        shown: Option<&[Arc<TableMeta>]>,
    ) {
        let Some(shown) = shown else {
            self.out.losses.extend(Loss::of_keys(from, to, detail));
            return;
        };
        for meta in shown {
            let (smallest, largest) = (&meta.smallest.user[..], &meta.largest.user[..]);
            let from = from.map_or(smallest, |from| from.max(smallest));
            let to = to.map_or(largest, |to| to.min(largest));
            if from <= to {
                self.out
                    .losses
                    .extend(Loss::of_keys(Some(from), Some(to), detail));
            }
        }
    }

    fn tombstones(&mut self, table: &Table, shown: Option<&[Arc<TableMeta>]>) {
        for stored in table.range_tombstones() {
            for meta in shown.unwrap_or_default() {
                let start = (&stored.start).max(&meta.smallest.user);
                let end = (&stored.end).min(&meta.largest.user);
                if start < end {
                    self.out.tombstones.push(RangeTombstone {
                        start: start.clone(),
                        end: end.clone(),
                        seq: meta.synthetic_seq().unwrap_or(stored.seq),
                    });
                }
            }
        }
    }
}

/// Puts an entry into the sorter if a live table shows it.
fn take(
    rows: &mut Sorter,
    number: FileNumber,
    shown: Option<&[Arc<TableMeta>]>,
    key: &[u8],
    trailer: Trailer,
    value: &[u8],
) -> Result<()> {
    if !is_kept(key) {
        return Ok(());
    }
    let Some(shown) = shown else {
        return add(rows, number, key, trailer, value);
    };
    for meta in shown {
        if key >= &meta.smallest.user[..] && meta.reaches(key) {
            let seq = meta.synthetic_seq().unwrap_or(trailer.seq());
            add(rows, number, key, trailer.with_seq(seq), value)?;
        }
    }
    Ok(())
}

fn add(
    rows: &mut Sorter,
    number: FileNumber,
    key: &[u8],
    trailer: Trailer,
    value: &[u8],
) -> Result<()> {
    Ok(rows.add(key, &versions::encode(trailer, number, value))?)
}

/// Whether a row is written again; others are derived, or mean nothing.
fn is_kept(key: &[u8]) -> bool {
    match Family::of(key) {
        None | Some(Family::SyncRun | Family::Session) => true,
        Some(Family::Metadata) => matches!(
            Key::parse(key),
            Ok(Key::Metadata(
                MetadataKey::Stats
                    | MetadataKey::Unknown(_)
                    | MetadataKey::IndexMigration(_)
                    | MetadataKey::EntitlementGraph
            ))
        ),
        Some(family) => family.is_primary(),
    }
}

fn stop(stopped: &mut Option<Error>, error: Error) -> shingle::Error {
    *stopped = Some(error);
    shingle::Error::invalid("the walk was stopped")
}

/// What stopped a walk, or what the walk says.
fn pass_on<T>(stopped: Option<Error>, walked: shingle::Result<T>) -> Result<T> {
    match stopped {
        Some(error) => Err(error),
        None => Ok(walked?),
    }
}
