//! Sorted rows that join the database as tables of their own, past the log and the write buffer.
//!
//! For what would fill them: a whole database that is taken over, a value larger than the buffer. The
//! tables are durable when the MANIFEST names them, so no log needs to carry their rows.

use std::sync::Arc;

use super::LiveDatabase;
use super::compact::check_apart;
use super::core::{Inner, WriteSide};
use super::expand;
use crate::batch::Batch;
use crate::bulk::{Section, SectionWriter};
use crate::manifest::{Level, TableMeta, VersionEdit};
use crate::memory::MemTable;
use crate::{Error, Result};

impl LiveDatabase {
    /// Begins tables for [`LiveDatabase::join`], of one section of [`super::LiveOptions::sections`]. Rows
    /// come in ascending order. What is not joined is removed when it is dropped.
    pub fn section(&self) -> SectionWriter {
        SectionWriter::new(Arc::clone(&self.inner().settings))
    }

    /// Makes the writes of `batch` and the rows of `sections`, which are newer, visible in one step,
    /// durable when this returns.
    ///
    /// # Errors
    /// `Invalid` for sections that overlap, reach beyond a section of the database, hold derived keys
    /// or rows from which a kept family follows, and for derived keys in the batch; `Poisoned` after
    /// a failed write; failures of the file system. Nothing is visible then.
    ///
    /// # Complexity
    /// O(tables + batch); memory is flushed first.
    pub fn join(&self, sections: Vec<Section>, batch: Batch) -> Result<()> {
        let inner = self.inner();
        check_apart(&sections)?;
        let operations = u64::from(batch.count());
        let table = MemTable::from_batch(batch)?;
        inner.check_keys(&table)?;
        let mut write = inner.write();
        inner.settle()?;
        for table in sections.iter().flat_map(|section| &section.tables) {
            inner.check_ingested(&table.meta, table.file.path())?;
        }
        inner.close_to_others(&mut write)?;
        inner.flush(&mut write)?;
        let runs = match operations {
            0 => Vec::new(),
            _ => inner.runs_of(&mut write, table, operations)?,
        };
        inner.add_newest(&mut write, sections, runs, None)
    }
}

impl Inner {
    /// Runs of the writes of `table`, whose sequence numbers count from 0, and of what follows from
    /// them. Memory is empty.
    fn runs_of(
        &self,
        write: &mut WriteSide,
        mut table: MemTable,
        operations: u64,
    ) -> Result<Vec<TableMeta>> {
        table.stamp(write.next_seq);
        let derived = expand::derived_writes(self, &table)?;
        write.next_seq.0 += operations;
        let table = match derived {
            Some(derived) => MemTable::merge(&[table.into(), derived.into()]),
            None => table,
        };
        self.write_runs(&table)
    }

    /// Puts the tables of `sections` above `runs`, and those above everything; keeps the families that
    /// `derived` names.
    pub(super) fn add_newest(
        &self,
        write: &mut WriteSide,
        sections: Vec<Section>,
        runs: Vec<TableMeta>,
        derived: Option<&[bool]>,
    ) -> Result<()> {
        let tables = self.name_tables(sections)?;
        let edit = VersionEdit {
            added_tables: runs.into_iter().map(|run| (Level::L0, run)).collect(),
            ..VersionEdit::default()
        };
        let mut core = self.core();
        self.install_newest(&mut core, write, tables, edit)?;
        if let Some(derived) = derived {
            let deferred = core.deferred.iter().zip(derived);
            core.deferred = deferred.map(|(was, now)| *was && !now).collect();
        }
        self.publish(&core);
        drop(core);
        if derived.is_some() {
            // Before any write relies on it.
            self.or_poison(self.mark_live(None))?;
        }
        Ok(())
    }
}

/// An error of a table that shall join.
pub(super) fn refused(reason: &str, path: &std::path::Path) -> Error {
    Error::invalid(format!("table cannot join the database reason=`{reason}`")).in_file(path)
}
