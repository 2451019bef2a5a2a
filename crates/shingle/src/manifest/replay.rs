//! Folding version edits into a version, with every check that the format allows
//! (`pebble-ondisk` §2.3, §7).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::table::{BLOB_VALUES, Feature};
use super::{FileNumber, Level, TableMeta, VersionEdit};
use crate::key::SeqNo;
use crate::version::Version;
use crate::{Error, Result};

const STRUCTURE: &str = "manifest record";

/// A version under construction.
#[derive(Debug, Default)]
pub struct Replay {
    levels: [BTreeMap<FileNumber, Entry>; Level::COUNT],
    backings: BTreeMap<FileNumber, u64>,
    blob_files: BTreeSet<(u64, FileNumber)>,
    unsupported: BTreeMap<FileNumber, Feature>,
    min_unflushed_log: FileNumber,
    next_file: FileNumber,
    last_seq: SeqNo,
    /// Offset of the last edit applied.
    offset: u64,
}

/// A live table and the offset of the edit that added it.
#[derive(Debug)]
struct Entry {
    meta: Arc<TableMeta>,
    offset: u64,
}

impl Replay {
    /// Starts without tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts from `version`, for the edits that follow it.
    pub fn from_version(version: &Version) -> Self {
        let mut replay = Self {
            backings: version.backings().clone(),
            min_unflushed_log: version.min_unflushed_log(),
            next_file: version.next_file(),
            last_seq: version.last_seq(),
            ..Self::default()
        };
        for (level, tables) in replay.levels.iter_mut().zip(Level::all()) {
            for meta in version.level(tables) {
                let meta = Arc::clone(meta);
                level.insert(meta.number, Entry { meta, offset: 0 });
            }
        }
        replay
    }

    /// Applies the edit whose record begins at `offset` of the MANIFEST.
    ///
    /// # Errors
    /// `Corrupt` if it removes what is absent or adds what is present, `Unsupported` for a foreign
    /// comparer.
    pub fn apply(&mut self, edit: VersionEdit, offset: u64) -> Result<()> {
        self.offset = offset;
        edit.check_comparer()?;
        self.blob_files.extend(&edit.added_blob_files);
        for blob in &edit.removed_blob_files {
            if !self.blob_files.remove(blob) {
                let found = format_args!("{} in {}", blob.0, blob.1);
                return Err(self.corrupt("a live blob file to remove", found));
            }
        }
        for &(level, number) in &edit.removed_tables {
            if self.level_mut(level).remove(&number).is_none() {
                let found = format_args!("{number} not in {level}");
                return Err(self.corrupt("a live table to remove", found));
            }
            self.unsupported.remove(&number);
        }
        for &(number, size) in &edit.added_backings {
            if self.backings.insert(number, size).is_some() {
                return Err(self.corrupt("a new backing file", number));
            }
        }
        self.unsupported.extend(edit.unsupported);
        for (level, meta) in edit.added_tables {
            self.add(level, meta)?;
        }
        for number in &edit.removed_backings {
            if self.backings.remove(number).is_none() {
                return Err(self.corrupt("a live backing file to remove", number));
            }
        }
        set_unless_zero(&mut self.min_unflushed_log, edit.min_unflushed_log);
        set_unless_zero(&mut self.next_file, edit.next_file);
        set_unless_zero(&mut self.last_seq, edit.last_seq);
        Ok(())
    }

    fn add(&mut self, level: Level, meta: TableMeta) -> Result<()> {
        let number = meta.number;
        if let Some(backing) = meta.backing
            && !self.backings.contains_key(&backing)
        {
            let found = format_args!("{number} on {backing}");
            return Err(self.corrupt("a virtual table with a live backing file", found));
        }
        let (meta, offset) = (Arc::new(meta), self.offset);
        let entry = Entry { meta, offset };
        if self.level_mut(level).insert(number, entry).is_some() {
            let found = format_args!("{number} twice in {level}");
            return Err(self.corrupt("a table once in a level", found));
        }
        Ok(())
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a Level is below the length of the array by construction"
    )]
    fn level_mut(&mut self, level: Level) -> &mut BTreeMap<FileNumber, Entry> {
        &mut self.levels[level.index()]
    }

    fn corrupt(&self, expected: &str, found: impl std::fmt::Display) -> Error {
        Error::corrupt(STRUCTURE, self.offset, expected, found)
    }

    /// Ends the replay. O(tables · log tables).
    ///
    /// # Errors
    /// `Unsupported` if a live table needs a feature that this crate lacks; `Corrupt` if tables of
    /// a sorted level overlap, a table is in two levels, a virtual table lost its backing file, or
    /// a table is newer than the last sequence number (Go would hide its keys).
    pub fn finish(self) -> Result<Version> {
        if let Some((number, feature)) = self.unsupported.first_key_value() {
            let feature = format_args!("{feature} table=`{number}`");
            return Err(Error::unsupported(feature));
        }
        if !self.blob_files.is_empty() {
            return Err(Error::unsupported(BLOB_VALUES));
        }
        if self.min_unflushed_log.0 == 0 && self.next_file.0 < 2 {
            return Err(self.corrupt("a log number or a next file number", "neither"));
        }
        let mut numbers = BTreeSet::new();
        for (level, entry) in self.entries() {
            self.check_entry(level, entry, &mut numbers)?;
        }
        let mut version = Version::new(
            self.min_unflushed_log,
            self.next_file,
            self.last_seq,
            self.backings,
        );
        for (level, entries) in Level::all().zip(self.levels) {
            let offset = entries.values().map(|entry| entry.offset).max();
            let tables = entries.into_values().map(|entry| entry.meta).collect();
            version
                .set_level(level, tables)
                .map_err(|e| e.at(offset.unwrap_or_default()))?;
        }
        Ok(version)
    }

    fn entries(&self) -> impl Iterator<Item = (Level, &Entry)> {
        Level::all()
            .zip(&self.levels)
            .flat_map(|(level, entries)| entries.values().map(move |entry| (level, entry)))
    }

    fn check_entry(
        &self,
        level: Level,
        entry: &Entry,
        numbers: &mut BTreeSet<FileNumber>,
    ) -> Result<()> {
        let meta = &entry.meta;
        let number = meta.number;
        let corrupt = |expected: &str, found: std::fmt::Arguments<'_>| {
            Err(Error::corrupt(STRUCTURE, entry.offset, expected, found))
        };
        if !numbers.insert(number) {
            let found = format_args!("{number} again in {level}");
            return corrupt("a table in one level", found);
        }
        if meta
            .backing
            .is_some_and(|b| !self.backings.contains_key(&b))
        {
            let found = format_args!("{number} without it");
            return corrupt("a virtual table with a live backing file", found);
        }
        if meta.largest_seq > self.last_seq {
            let found = format_args!("{} in table {number}", meta.largest_seq.0);
            let expected = format!("sequence numbers up to {}", self.last_seq.0);
            return corrupt(&expected, found);
        }
        Ok(())
    }
}

/// Zero stands for "not said" in edits.
fn set_unless_zero<T: Default + PartialEq>(held: &mut T, said: Option<T>) {
    if let Some(said) = said
        && said != T::default()
    {
        *held = said;
    }
}
