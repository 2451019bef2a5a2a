//! The set of live tables at one moment: seven levels, the files behind virtual tables, and the
//! counters (`pebble-ondisk` §2.3, §2.4).
//!
//! A version is immutable once built and shared by everything that reads. It knows what the
//! MANIFEST says and opens nothing.

mod run;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::key::SeqNo;
use crate::manifest::{FileNumber, Level, TableMeta};
use crate::{Error, Result};

pub(crate) use run::{Run, overlapping};

/// The live tables. Order within L0: oldest first; within the others: by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    levels: [Run; Level::COUNT],
    /// The tables of L0 as runs.
    overlaid: Vec<Run>,
    backings: BTreeMap<FileNumber, u64>,
    min_unflushed_log: FileNumber,
    next_file: FileNumber,
    last_seq: SeqNo,
}

impl Version {
    /// A version without tables.
    pub fn new(
        min_unflushed_log: FileNumber,
        next_file: FileNumber,
        last_seq: SeqNo,
        backings: BTreeMap<FileNumber, u64>,
    ) -> Self {
        Self {
            levels: Default::default(),
            overlaid: Vec::new(),
            backings,
            min_unflushed_log,
            next_file,
            last_seq,
        }
    }

    /// Fills a level; the order of `tables` does not matter. O(n · log n).
    ///
    /// # Errors
    /// `Corrupt` if tables of a level other than L0 overlap. The offset is 0: the caller knows
    /// where the table was named.
    pub(crate) fn set_level(
        &mut self,
        level: Level,
        mut tables: Vec<Arc<TableMeta>>,
    ) -> Result<()> {
        if level == Level::L0 {
            tables.sort_by_key(|t| (t.largest_seq, t.smallest_seq, t.number));
            self.overlaid = run::partition(&tables);
        } else {
            tables.sort_by(|a, b| a.smallest.cmp(&b.smallest));
            for pair in tables.windows(2) {
                let [before, after] = pair else { continue };
                check_neighbours(level, before, after)?;
            }
        }
        if let Some(slot) = self.levels.get_mut(level.index()) {
            *slot = tables.into();
        }
        Ok(())
    }

    /// The tables of a level.
    pub fn level(&self, level: Level) -> &[Arc<TableMeta>] {
        self.levels
            .get(level.index())
            .map_or(&[], |tables| &tables[..])
    }

    /// All tables with their levels, newest level first; within L0 newest first.
    pub fn tables(&self) -> impl Iterator<Item = (Level, &Arc<TableMeta>)> {
        let newest = self.level(Level::L0).iter().rev();
        let sorted = Level::all()
            .skip(1)
            .flat_map(|level| self.level(level).iter().map(move |table| (level, table)));
        newest.map(|table| (Level::L0, table)).chain(sorted)
    }

    /// The tables that may hold keys in `[lower, upper)`, in the order of [`Version::tables`];
    /// `None` is unbounded. O(tables of L0 + log of the others + found).
    pub fn overlapping<'a>(
        &'a self,
        lower: Option<&'a [u8]>,
        upper: Option<&'a [u8]>,
    ) -> impl Iterator<Item = (Level, &'a Arc<TableMeta>)> {
        let newest = self.level(Level::L0).iter().rev();
        let newest = newest.filter(move |table| table.overlaps(lower, upper));
        let sorted = Level::all().skip(1).flat_map(move |level| {
            let tables = self.level(level);
            let found = overlapping(tables, lower, upper);
            let found = tables.get(found).unwrap_or_default();
            found.iter().map(move |table| (level, table))
        });
        newest.map(|table| (Level::L0, table)).chain(sorted)
    }

    /// The tables whose bounds hold `key`, in the order of [`Version::tables`].
    /// O(tables of L0 + log of the others).
    pub fn containing<'a>(
        &'a self,
        key: &'a [u8],
    ) -> impl Iterator<Item = (Level, &'a Arc<TableMeta>)> {
        let holds = move |t: &TableMeta| &t.smallest.user[..] <= key && t.reaches(key);
        let newest = self.level(Level::L0).iter().rev();
        let newest = newest.filter(move |table| holds(table));
        let sorted = Level::all().skip(1).filter_map(move |level| {
            let tables = self.level(level);
            let first = tables.partition_point(|table| !table.reaches(key));
            let table = tables.get(first).filter(|table| holds(table))?;
            Some((level, table))
        });
        newest.map(|table| (Level::L0, table)).chain(sorted)
    }

    /// Files that virtual tables show parts of, with their lengths in bytes.
    pub fn backings(&self) -> &BTreeMap<FileNumber, u64> {
        &self.backings
    }

    /// The length in bytes that the MANIFEST records for the file of `table`.
    pub fn file_len(&self, table: &TableMeta) -> u64 {
        table
            .backing
            .and_then(|backing| self.backings.get(&backing).copied())
            .unwrap_or(table.size)
    }

    /// Every file that the version needs, with its recorded length, in order of number.
    pub fn files(&self) -> BTreeMap<FileNumber, u64> {
        let tables = self.tables();
        let used = tables.map(|(_, table)| (table.file(), self.file_len(table)));
        let mut files = self.backings.clone();
        files.extend(used);
        files
    }

    /// Logs with smaller numbers hold nothing that the tables do not; 0 if never said.
    pub fn min_unflushed_log(&self) -> FileNumber {
        self.min_unflushed_log
    }

    /// The next number that a new file gets.
    pub fn next_file(&self) -> FileNumber {
        self.next_file
    }

    /// No entry of any table has a larger sequence number.
    pub fn last_seq(&self) -> SeqNo {
        self.last_seq
    }

    /// Sum of the recorded sizes of the tables in bytes; shares of virtual tables are estimates.
    pub fn size(&self) -> u64 {
        self.tables()
            .fold(0, |sum, (_, table)| sum.saturating_add(table.size))
    }

    /// The tables as runs, which may overlap each other but not themselves: those of L0, then one
    /// per level that has tables.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Run> {
        let sorted = self.levels.iter().skip(1).filter(|run| !run.is_empty());
        self.overlaid.iter().chain(sorted)
    }
}

fn check_neighbours(level: Level, before: &TableMeta, after: &TableMeta) -> Result<()> {
    if run::precedes(before, after) {
        return Ok(());
    }
    Err(Error::corrupt(
        "level",
        0,
        format_args!("tables of {level} that do not overlap"),
        format_args!(
            "{} up to {:?} and {} from {:?}",
            before.number, before.largest, after.number, after.smallest
        ),
    ))
}
