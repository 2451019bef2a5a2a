//! Making new tables part of the database, in one record of the MANIFEST.

use super::core::{Core, Inner, WriteSide};
use super::fold::Folded;
use super::metrics::count;
use crate::Result;
use crate::bulk::{Section, TempFile};
use crate::iter::Bounds;
use crate::key::SeqNo;
use crate::manifest::{FileName, FileNumber, Level, TableMeta, VersionEdit};
use crate::version::Version;

impl Inner {
    /// Gives the tables of `sections` their numbers and names, which are durable when this returns.
    /// The files stay from then on; unless the MANIFEST names them, the next opening removes them.
    pub(super) fn name_tables(&self, sections: Vec<Section>) -> Result<Vec<TableMeta>> {
        let mut named: Vec<(TableMeta, TempFile)> = Vec::new();
        for table in sections.into_iter().flat_map(|section| section.tables) {
            let (mut meta, mut file) = (table.meta, table.file);
            meta.number = self.new_file_number();
            file.rename(self.path_of(&FileName::Table(meta.number)))?;
            named.push((meta, file));
        }
        self.sync_dir()?;
        let keep = |(meta, file): (_, TempFile)| {
            file.keep();
            meta
        };
        Ok(named.into_iter().map(keep).collect())
    }

    /// Makes the last level of `range` what a fold left; does not publish.
    pub(super) fn install_folded(
        &self,
        core: &mut Core,
        write: &WriteSide,
        range: &Bounds,
        folded: Folded,
        min_unflushed_log: Option<FileNumber>,
    ) -> Result<()> {
        let removed = replaced_tables(&core.version, range, &folded);
        let added = self.name_tables(folded.sections)?;
        let folded_bytes = added.iter().map(|table| table.size).sum();
        let edit = VersionEdit {
            min_unflushed_log,
            removed_tables: removed,
            added_tables: added.into_iter().map(|table| (Level::L6, table)).collect(),
            ..VersionEdit::default()
        };
        self.apply(core, SeqNo(write.next_seq.0 - 1), edit)?;
        count(&self.metrics.folded_bytes, folded_bytes);
        Ok(())
    }

    /// Puts tables whose rows take the next sequence number above everything, with the changes of
    /// `edit`; does not publish.
    pub(super) fn install_newest(
        &self,
        core: &mut Core,
        write: &mut WriteSide,
        mut tables: Vec<TableMeta>,
        mut edit: VersionEdit,
    ) -> Result<()> {
        let seq = write.next_seq;
        write.next_seq.0 += 1;
        for table in &mut tables {
            table.smallest_seq = seq;
            table.largest_seq = seq;
            for bound in [&mut table.smallest, &mut table.largest] {
                if !bound.trailer.is_exclusive_sentinel() {
                    bound.trailer = bound.trailer.with_seq(seq);
                }
            }
        }
        let added = tables.into_iter().map(|table| (Level::L0, table));
        edit.added_tables.extend(added);
        self.apply(core, seq, edit)
    }

    /// Refuses what needs exclusive access to tables while a write failed.
    pub(super) fn settle(&self) -> Result<()> {
        self.check_usable()?;
        self.wait_idle()
    }
}

/// The tables within `range` that a fold replaces.
fn replaced_tables(version: &Version, range: &Bounds, folded: &Folded) -> Vec<(Level, FileNumber)> {
    let within = version.overlapping(range.lower(), range.upper());
    let replaced = within.filter(|(_, table)| !folded.kept.contains(&table.number));
    replaced
        .map(|(level, table)| (level, table.number))
        .collect()
}

/// `range`, widened until no table sticks out of it.
pub(super) fn closure(version: &Version, range: &Bounds) -> Bounds {
    let mut range = range.clone();
    loop {
        let mut wider = range.clone();
        for (_, table) in version.overlapping(range.lower(), range.upper()) {
            let sticks_out = |upper: &Vec<u8>| table.reaches(upper);
            if wider.upper.as_ref().is_some_and(sticks_out) {
                wider.upper = Some(end_of(table));
            }
            let smallest = &table.smallest.user;
            if wider.lower.as_ref().is_some_and(|lower| smallest < lower) {
                wider.lower = Some(smallest.clone());
            }
        }
        if wider == range {
            return range;
        }
        range = wider;
    }
}

/// The first key behind a table.
pub(super) fn end_of(table: &TableMeta) -> Vec<u8> {
    let mut end = table.largest.user.clone();
    if !table.excludes_largest() {
        end.push(0);
    }
    end
}
