//! Copies of a live database at one moment, in another directory.

use std::path::Path;
use std::sync::Arc;

use super::core::Inner;
use super::fold::Fold;
use super::mark::LiveMark;
use super::{LiveDatabase, log};
use crate::bulk::{BuiltDatabase, DatabaseWriter, Section, TempFile, check_vacant, write_options};
use crate::iter::Bounds;
use crate::manifest::marker::{self, Mark};
use crate::manifest::{self, FileName, FileNumber, FormatVersion, Level, Replay, VersionEdit};
use crate::version::Version;
use crate::vfs::Fs;
use crate::{Error, Result};

impl LiveDatabase {
    /// Makes `dir`, which must not hold a database, another live database with all that was accepted
    /// so far, by hard links: only this crate opens it while families are derived. Durable when this
    /// returns.
    ///
    /// # Errors
    /// `Invalid` if `dir` holds a database; `Poisoned` after a failed write; failures of the file
    /// system, then what was made is removed as far as possible.
    ///
    /// # Complexity
    /// Writers wait. O(files); without a log, memory is written first.
    pub fn checkpoint_recovery(&self, dir: &Path) -> Result<()> {
        let inner = self.inner();
        let mut write = inner.write();
        inner.settle()?;
        make_dir(inner, dir)?;
        if write.log.is_kept() {
            // The closed log does not change any more; the next batch begins another.
            let closed = write.log.close();
            inner.or_poison(closed)?;
        } else {
            inner.flush(&mut write)?;
        }
        let view = inner.view();
        let mut files: Vec<_> = view
            .state
            .version
            .files()
            .into_keys()
            .map(FileName::Table)
            .collect();
        files.extend(write.log.numbers().iter().map(|number| log::name(*number)));
        let live = (!write.is_open_to_all).then(|| LiveMark {
            deferred: deferred_families(&view.deferred),
            sealing: None,
        });
        let made = inner.link_database(dir, &files, &view.state.version, live);
        if made.is_err() {
            // Without its manifest marker nobody takes it for a database.
            let _left = inner.fs.remove_dir_all(dir);
        }
        made
    }

    /// Makes `dir`, which must not hold a database, a sealed database with all that was accepted so
    /// far and all that follows from it, which the reference implementation opens as its own. Tables
    /// that nothing newer touches are hard links; names and MANIFEST depend on the contents alone.
    ///
    /// # Errors
    /// As a bulk build; nothing is left in `dir` but what could not be removed.
    ///
    /// # Complexity
    /// As a seal; writers go on meanwhile.
    pub fn checkpoint_exchange(&self, dir: &Path) -> Result<BuiltDatabase> {
        let inner = self.inner();
        inner.check_usable()?;
        let view = inner.view();
        let database = DatabaseWriter::create(Arc::clone(&inner.fs), dir, inner.options.bulk())?;
        let fold = Fold {
            state: &view.state,
            settings: database.settings(),
            deriver: inner.deriver(),
            deferred: &view.deferred,
            derives: true,
            range: &Bounds::all(),
            replaced: Vec::new(),
        };
        let mut folded = fold.run()?;
        for table in view.state.version.level(Level::L6) {
            if folded.kept.contains(&table.number) {
                let path = inner.path_of(&FileName::Table(table.number));
                let file = TempFile::link(database.scratch(), &path)?;
                let section = Section::adopt(file, (**table).clone())?;
                let open = view.state.tables.get(table.number)?;
                folded
                    .sections
                    .push(section.counting(open.table.properties()));
            }
        }
        database.finish(folded.sections)
    }
}

/// Places of the deferred families.
pub(super) fn deferred_families(deferred: &[bool]) -> Vec<usize> {
    let families = deferred.iter().enumerate();
    families
        .filter(|(_, deferred)| **deferred)
        .map(|(family, _)| family)
        .collect()
}

fn make_dir(inner: &Inner, dir: &Path) -> Result<()> {
    let made = inner.fs.create_dir_all(dir);
    made.map_err(|e| Error::io("create the directory", dir, e))?;
    check_vacant(&*inner.fs, dir)
}

impl Inner {
    /// Links `files` into `dir` and makes them a database with the tables of `version`.
    fn link_database(
        &self,
        dir: &Path,
        files: &[FileName],
        version: &Version,
        live: Option<LiveMark>,
    ) -> Result<()> {
        let fs = &*self.fs;
        for file in files {
            let (from, to) = (self.path_of(file), dir.join(file.to_string()));
            let linked = fs.hard_link(&from, &to);
            linked.map_err(|e| Error::io("link", &to, e))?;
        }
        let (options, manifest) = (self.new_file_number(), self.new_file_number());
        write_options(fs, dir, options)?;
        let version = with_next_file(version, self.new_file_number())?;
        manifest::Writer::create(fs, dir, manifest, &version)?;
        match live {
            Some(mark) => mark.write(fs, dir)?,
            None => marker::set(fs, dir, &Mark::FormatVersion(FormatVersion::NEWEST))?,
        }
        marker::set(fs, dir, &Mark::Manifest(manifest))?;
        // The directory's own name.
        match dir.parent() {
            Some(parent) => fs
                .sync_dir(parent)
                .map_err(|e| Error::io("sync", parent, e)),
            None => Ok(()),
        }
    }
}

/// Makes the name of `dir` survive a power failure.
pub(super) fn sync_name(fs: &dyn Fs, dir: &Path) -> Result<()> {
    match dir.parent() {
        Some(parent) => fs
            .sync_dir(parent)
            .map_err(|e| Error::io("sync", parent, e)),
        None => Ok(()),
    }
}

/// `version` with another next file number.
pub(super) fn with_next_file(version: &Version, next_file: FileNumber) -> Result<Version> {
    let mut replay = Replay::from_version(version);
    let edit = VersionEdit {
        next_file: Some(next_file),
        ..VersionEdit::default()
    };
    replay.apply(edit, 0)?;
    replay.finish()
}
