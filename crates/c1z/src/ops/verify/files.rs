//! The check of the files that make up a database: every byte of every file against the hashes of the
//! envelope, every block of every table, and what tables hold against what the MANIFEST says of them.
//!
//! What cannot be read becomes holes in the keys, so that the checks that follow can go on around it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use shingle::db::Database;
use shingle::manifest::{FileName, FileNumber, TableMeta};
use shingle::sst::{Contents, Survey, Table, TableOptions, Unreadable};
use shingle::vfs::Fs;

use super::finding::{Class, Finding, Place};
use super::jobs::{Job, run_all};
use super::options::Depth;
use super::readable::Hole;
use super::report::Report;
use super::{Task, is_about_bytes};
use crate::envelope::PayloadFs;
use crate::{Error, Result};

/// The files of a database and how they are reached.
pub(crate) struct Files {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    /// The same, if they lie in an envelope.
    pub(crate) payload: Option<Arc<PayloadFs>>,
}

/// Checks every file; `database` is the one they make up, if it could be opened.
pub(crate) fn check(
    files: &Files,
    database: Option<&Database>,
    task: &Task<'_>,
) -> Result<(Report, Vec<Hole>)> {
    let names = files.fs.list(&files.dir);
    let names = names.map_err(|e| Error::io("list", &files.dir, e))?;
    let options = TableOptions::default();
    let checker = Checker {
        files,
        database,
        task,
        options: &options,
    };
    let checker = &checker;
    let jobs = names
        .iter()
        .map(|name| -> Job<'_, Result<(Report, Vec<Hole>)>> {
            Box::new(move || checker.file(name))
        });
    let mut report = task.report();
    let mut holes = Vec::new();
    for checked in run_all(task.options.threads, jobs.collect()) {
        let (part, lost) = checked?;
        report.merge(part);
        holes.extend(lost);
    }
    Ok((report, holes))
}

struct Checker<'a> {
    files: &'a Files,
    database: Option<&'a Database>,
    task: &'a Task<'a>,
    options: &'a TableOptions,
}

impl Checker<'_> {
    fn file(&self, name: &str) -> Result<(Report, Vec<Hole>)> {
        let mut report = self.task.report();
        let mut holes = Vec::new();
        let is_whole = self.task.options.depth == Depth::Quick || self.hashes(name, &mut report)?;
        if let FileName::Table(number) = FileName::parse(name) {
            let mut table = TableCheck {
                checker: self,
                name,
                shown: self.shown_by(number),
                is_whole,
                report: &mut report,
                holes: &mut holes,
            };
            table.run()?;
        }
        Ok((report, holes))
    }

    /// Whether the file decodes to what is recorded of it.
    fn hashes(&self, name: &str, report: &mut Report) -> Result<bool> {
        let Some(payload) = &self.files.payload else {
            return Ok(true);
        };
        match payload.verify_file(name) {
            Ok(verified) => {
                report.checked.files += verified.files;
                report.checked.bytes += verified.bytes;
                Ok(true)
            }
            Err(error) if is_about_bytes(&error) => {
                let place = Place::file(name);
                report.add(Finding::from_error(
                    Class::Frame,
                    "payload file",
                    place,
                    &error,
                ));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The tables of the database that show file `number` or a part of it.
    fn shown_by(&self, number: FileNumber) -> Vec<Arc<TableMeta>> {
        let tables = self
            .database
            .iter()
            .flat_map(|database| database.version().tables());
        tables
            .map(|(_, meta)| meta)
            .filter(|meta| meta.file() == number)
            .cloned()
            .collect()
    }
}

struct TableCheck<'a> {
    checker: &'a Checker<'a>,
    name: &'a str,
    shown: Vec<Arc<TableMeta>>,
    /// Whether the file's hashes match; damage of a file that does not is reported once.
    is_whole: bool,
    report: &'a mut Report,
    holes: &'a mut Vec<Hole>,
}

impl TableCheck<'_> {
    fn run(&mut self) -> Result<()> {
        if self.checker.database.is_some() && self.shown.is_empty() {
            let detail = "no part of the database; readers ignore it";
            let place = Place::file(self.name);
            self.report
                .add(Finding::new(Class::Stranger, "table", place, detail));
        }
        let path = self.checker.files.dir.join(self.name);
        let table = match self.open(&path) {
            Ok(table) => Arc::new(table),
            Err(error) if is_about_bytes(&error) => {
                self.damage("table", None, &error);
                self.hole(None, None);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.report.checked.tables += 1;
        if self.checker.task.options.depth == Depth::Quick {
            return Ok(());
        }
        let meter = &self.checker.task.meter;
        let mut rows = 0;
        let mut stopped = None;
        let walked = table.survey(&mut |_, _, _| match meter.row(&mut rows) {
            Ok(()) => Ok(()),
            Err(error) => {
                stopped = Some(error);
                Err(shingle::Error::invalid("the observer stopped the check"))
            }
        });
        match (stopped, walked) {
            (Some(error), _) => Err(error),
            (None, walked) => {
                meter.end(rows)?;
                self.take(walked?);
                Ok(())
            }
        }
    }

    fn open(&self, path: &Path) -> Result<Table> {
        let file = self.checker.files.fs.open(path);
        let file = file.map_err(|e| Error::from(shingle::Error::io("open", path, e)))?;
        Ok(Table::open(file, path, self.checker.options)?)
    }

    fn take(&mut self, survey: Survey) {
        self.report.checked.blocks += survey.blocks;
        self.report.checked.entries += survey.contents.points + survey.contents.range_deletions;
        if let Some(error) = survey.contradiction {
            let place = Place::file(self.name);
            let error = Error::from(error);
            self.report.add(Finding::from_error(
                Class::TableContents,
                "table",
                place,
                &error,
            ));
        }
        self.bounds(&survey.contents);
        for lost in survey.unreadable {
            self.lose(lost);
        }
    }

    fn lose(&mut self, lost: Unreadable) {
        let subject = if lost.handle.is_some() {
            "block"
        } else {
            "table"
        };
        let error = Error::from(lost.error);
        self.damage(subject, lost.handle.map(|handle| handle.offset), &error);
        self.hole(lost.from.as_deref(), lost.to.as_deref());
    }

    fn damage(&mut self, subject: &'static str, offset: Option<u64>, error: &Error) {
        if !self.is_whole {
            return;
        }
        let place = Place {
            offset,
            ..Place::file(self.name)
        };
        self.report
            .add(Finding::from_error(Class::Table, subject, place, error));
    }

    /// Nothing is known of the keys `from..=to` of this file, where tables show them.
    fn hole(&mut self, from: Option<&[u8]>, to: Option<&[u8]>) {
        for meta in &self.shown {
            let (smallest, largest) = (&meta.smallest.user[..], &meta.largest.user[..]);
            let from = from.map_or(smallest, |from| from.max(smallest));
            let to = to.map_or(largest, |to| to.min(largest));
            if from <= to {
                self.holes.push(Hole {
                    from: Some(from.to_vec()),
                    to: Some(to.to_vec()),
                });
            }
        }
    }

    /// Compares what the file holds with the entry of the table that shows all of it.
    fn bounds(&mut self, contents: &Contents) {
        let Some(meta) = self.shown.iter().find(|meta| !meta.is_virtual()) else {
            return;
        };
        let mut found = Vec::new();
        if let Some((first, last)) = &contents.keys {
            if *first < meta.smallest.user {
                found.push((Some(first), format!("keys from {:?} on", meta.smallest)));
            }
            if !meta.reaches(last) {
                found.push((Some(last), format!("keys up to {:?}", meta.largest)));
            }
        }
        if let (Some((low, high)), None) = (contents.seqs, meta.synthetic_seq())
            && (low < meta.smallest_seq || high > meta.largest_seq)
        {
            let (from, to) = (meta.smallest_seq.0, meta.largest_seq.0);
            let detail = format!(
                "sequence numbers {from} to {to}, found {} to {}",
                low.0, high.0
            );
            found.push((None, detail));
        }
        for (key, expected) in found {
            let place = Place {
                key: key.cloned(),
                ..Place::file(self.name)
            };
            let detail = format!("the MANIFEST says {expected}");
            self.report
                .add(Finding::new(Class::TableBounds, "table", place, detail));
        }
    }
}
