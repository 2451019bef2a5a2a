//! The check of a v3 file or of a database directory.

use std::path::Path;
use std::sync::Arc;

use shingle::db::{Database, ReadOptions};
use shingle::manifest::Level;
use shingle::sst::{BlockCache, TableOptions};
use shingle::vfs::Fs;

use super::expected::{DERIVED, Scope};
use super::figures::{self, Figures};
use super::files::{self, Files};
use super::finding::{Class, Finding, Place};
use super::fingerprint::{Seed, Selection};
use super::grants::{self, Grants};
use super::indexes::{self, name_of};
use super::jobs::{Job, run_all};
use super::options::{Depth, VerifyOptions};
use super::readable::Readable;
use super::records::{self, Records};
use super::repeated;
use super::report::Report;
use super::sums::Sums;
use super::{Task, is_about_bytes};
use crate::engine::types::SyncStats;
use crate::envelope::V3File;
use crate::keyspace::Family;
use crate::ops::observe::{Observer, SharedMeter, Step};
use crate::{Error, Result};

/// Decoded blocks that are kept, bytes: enough for single rows; walks pass the cache by.
const BLOCK_CACHE_BYTES: usize = 2 << 20;

/// Checks the file whose head was read.
pub(crate) fn check_file(
    file: &V3File,
    options: &VerifyOptions,
    observer: &dyn Observer,
) -> Result<Report> {
    let mut report = Report::new(options.examples_max);
    report.format = "v3";
    let payload = match file.payload() {
        Ok(payload) => payload,
        Err(error) if is_about_bytes(&error) => {
            let place = Place::default();
            report.add(Finding::from_error(Class::Frame, "archive", place, &error));
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    let files = Files {
        fs: Arc::clone(&payload) as Arc<dyn Fs>,
        dir: "".into(),
        payload: Some(payload),
    };
    report.merge(check(&files, Some(file), options, observer)?);
    Ok(report)
}

/// Checks the database in a directory.
pub(crate) fn check_dir(
    dir: &Path,
    options: &VerifyOptions,
    observer: &dyn Observer,
) -> Result<Report> {
    let mut report = Report::new(options.examples_max);
    report.format = "directory";
    let files = Files {
        fs: Arc::clone(&options.fs),
        dir: dir.to_owned(),
        payload: None,
    };
    report.merge(check(&files, None, options, observer)?);
    Ok(report)
}

fn check(
    files: &Files,
    envelope: Option<&V3File>,
    options: &VerifyOptions,
    observer: &dyn Observer,
) -> Result<Report> {
    let mut seed = [0; 8];
    let drawn = options.entropy.fill(&mut seed);
    drawn.map_err(|e| Error::io("draw a seed", &files.dir, e))?;
    let task = |step| -> Result<Task<'_>> {
        Ok(Task {
            options,
            meter: SharedMeter::start(observer, step)?,
            seed: Seed(u64::from_le_bytes(seed)),
        })
    };
    let mut report = Report::new(options.examples_max);
    let database = open(files, &mut report)?;
    let (part, holes) = files::check(files, database.as_ref(), &task(Step::Files)?)?;
    report.merge(part);
    let Some(database) = database else {
        let detail = "the database does not open: records and indexes were not checked";
        let place = Place::default();
        report.add(Finding::new(Class::Unchecked, "database", place, detail));
        return Ok(report);
    };
    if database.unflushed_entries() > 0 {
        let detail = format!(
            "{} entries stand in logs only",
            database.unflushed_entries()
        );
        report.add(Finding::new(
            Class::Unfinished,
            "logs",
            Place::default(),
            detail,
        ));
    }
    let logical = Logical {
        readable: Readable::new(database.clone(), holes),
        database,
        task: &task(Step::Agreement)?,
    };
    let manifest = envelope.map(V3File::manifest);
    let (part, figures) = match figures::read(&logical.readable, manifest, logical.task) {
        Err(error) if is_about_bytes(&error) => {
            report.add(figures::unreadable(&error));
            return Ok(report);
        }
        read => read?,
    };
    report.merge(part);
    logical.holes(&mut report);
    if options.depth == Depth::Full && figures.is_current {
        logical.check(&figures, &task(Step::Compare)?, &mut report)?;
    }
    Ok(report)
}

fn open(files: &Files, report: &mut Report) -> Result<Option<Database>> {
    let options = ReadOptions {
        table: TableOptions {
            cache: Arc::new(BlockCache::new(BLOCK_CACHE_BYTES)),
            ..TableOptions::default()
        },
        ..ReadOptions::default()
    };
    let opened = Database::open_sealed(Arc::clone(&files.fs), &files.dir, options);
    match opened.map_err(Error::from) {
        Ok(database) => Ok(Some(database)),
        Err(error) if is_about_bytes(&error) || error.kind() == crate::ErrorKind::NotFound => {
            let place = Place::default();
            report.add(Finding::from_error(
                Class::Database,
                "database",
                place,
                &error,
            ));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The checks of rows.
struct Logical<'a> {
    readable: Readable,
    database: Database,
    task: &'a Task<'a>,
}

/// What one of the parallel checks returns.
enum Part {
    Grants(Grants),
    Records(Records),
    Indexes(Report, Sums),
    Levels(Report),
}

impl Logical<'_> {
    /// Says where nothing is known.
    fn holes(&self, report: &mut Report) {
        for hole in self.readable.holes() {
            let end = |key: &Option<Vec<u8>>| match key {
                Some(key) => crate::keyspace::identity::hex(key),
                None => "the end".to_owned(),
            };
            let detail = format!(
                "keys {} to {} cannot be read; rows that depend on them are not judged",
                end(&hole.from),
                end(&hole.to)
            );
            let place = Place {
                key: hole.from.clone(),
                ..Place::default()
            };
            report.add(Finding::new(Class::Unchecked, "keys", place, detail));
        }
    }

    fn check(&self, figures: &Figures, compare: &Task<'_>, report: &mut Report) -> Result<()> {
        let (readable, scope, task) = (&self.readable, figures.scope, self.task);
        let mut jobs: Vec<Job<'_, Result<Part>>> = vec![
            Box::new(move || grants::check(readable, scope, task).map(Part::Grants)),
            Box::new(move || {
                let (report, sums) = indexes::sum_up(readable, scope, task)?;
                Ok(Part::Indexes(report, sums))
            }),
            Box::new(move || records::check(readable, task).map(Part::Records)),
        ];
        if self.has_levels() && readable.holes().is_empty() {
            jobs.insert(1, Box::new(move || self.levels().map(Part::Levels)));
        }
        let mut counted = SyncStats::default();
        let (mut implied, mut stored) = (Sums::new(task.seed), None);
        let mut is_whole = true;
        for part in run_all(task.options.threads, jobs) {
            match part {
                Ok(Part::Grants(part)) => {
                    report.merge(part.report);
                    counted.grants = part.stats.grants;
                    counted.grants_by_resource_type = part.stats.grants_by_resource_type;
                    for family in DERIVED.into_iter().skip(1) {
                        implied.take_from(&part.sums, family);
                    }
                }
                Ok(Part::Records(part)) => {
                    report.merge(part.report);
                    counted = SyncStats {
                        grants: counted.grants,
                        grants_by_resource_type: std::mem::take(
                            &mut counted.grants_by_resource_type,
                        ),
                        ..part.stats
                    };
                    implied.take_from(&part.sums, Family::ResourceByParent);
                }
                Ok(Part::Indexes(part, sums)) => {
                    report.merge(part);
                    stored = Some(sums);
                }
                Ok(Part::Levels(part)) => report.merge(part),
                Err(error) if is_about_bytes(&error) => {
                    is_whole = false;
                    report.add(figures::unreadable(&error));
                }
                Err(error) => return Err(error),
            }
        }
        let (true, Some(stored)) = (is_whole, stored) else {
            let detail = "rows could not be walked: indexes and counts were not compared";
            report.add(Finding::new(
                Class::Unchecked,
                "rows",
                Place::default(),
                detail,
            ));
            return Ok(());
        };
        let primaries = Family::ALL.into_iter().filter(|family| family.is_primary());
        if !primaries
            .into_iter()
            .any(|family| readable.has_hole_in(family))
        {
            repeated::check_counts(figures, &counted, report);
        }
        self.compare(scope, &implied, &stored, compare, report)
    }

    fn compare(
        &self,
        scope: Scope,
        implied: &Sums,
        stored: &Sums,
        task: &Task<'_>,
        report: &mut Report,
    ) -> Result<()> {
        for family in DERIVED.into_iter().filter(|family| scope.has(*family)) {
            let differing = if self.readable.holes().is_empty() {
                implied.difference(stored, family)
            } else {
                Some(Selection::all(task.seed))
            };
            let Some(selection) = differing else {
                continue;
            };
            match indexes::compare(&self.readable, scope, family, &selection, task) {
                Ok(part) => report.merge(part),
                Err(error) if is_about_bytes(&error) => {
                    let place = Place::default();
                    let name = name_of(family);
                    report.add(Finding::from_error(Class::Unchecked, name, place, &error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether there is more than one sorted run; a single one was checked table by table.
    fn has_levels(&self) -> bool {
        let version = self.database.version();
        let lower = Level::all()
            .skip(1)
            .filter(|level| !version.level(*level).is_empty());
        let runs = version.level(Level::L0).len() + lower.count();
        runs > 1 || self.database.unflushed_entries() > 0
    }

    fn levels(&self) -> Result<Report> {
        let mut report = self.task.report();
        let checked = self.database.check_levels().map_err(Error::from);
        match checked {
            Ok(_) => Ok(report),
            Err(error) if is_about_bytes(&error) => {
                let place = Place::default();
                report.add(Finding::from_error(Class::Levels, "levels", place, &error));
                Ok(report)
            }
            Err(error) => Err(error),
        }
    }
}
