//! What a caller may have done to tables: compaction of a range, ingestion.

use std::path::Path;
use std::sync::Arc;

use super::LiveDatabase;
use super::core::Inner;
use super::deriver::meet;
use super::fold::Fold;
use super::install::{closure, end_of};
use super::join::refused;
use super::metrics::count;
use crate::bulk::{Section, TempFile, bounds_of};
use crate::cache::Cache;
use crate::db::meta_of;
use crate::iter::Bounds;
use crate::key::SeqNo;
use crate::manifest::{FileNumber, Level, TableMeta};
use crate::sst::{CacheMode, Table, TableOptions};
use crate::{Error, Result};

impl LiveDatabase {
    /// Folds the rows within `bounds` into the last level: one row a key, no tombstones. What shares
    /// a table with them is folded too. Deferred families stay deferred.
    ///
    /// # Errors
    /// `Poisoned` after a failed write, and failures of the file system.
    ///
    /// # Complexity
    /// Writers wait. O(rows within · log runs); memory is flushed first.
    pub fn compact_range(&self, bounds: &Bounds) -> Result<()> {
        self.inner().compact(bounds)
    }

    /// Whether [`LiveDatabase::compact_range`] would find nothing to do within `bounds`: nothing is in memory, and no run
    /// lies above the last level.
    ///
    /// # Complexity
    /// O(tables).
    pub fn is_compacted(&self, bounds: &Bounds) -> bool {
        let version = self.version();
        let mut tables = version.overlapping(bounds.lower(), bounds.upper());
        self.memory_bytes() == 0 && tables.all(|(level, _)| level == Level::L6)
    }

    /// Adds tables that were written elsewhere in the same file system: their rows are newer than
    /// everything accepted before and become visible together. The files get second names and stay
    /// where they are.
    ///
    /// # Errors
    /// `Invalid` for tables that overlap each other, reach beyond a section, hold derived keys, or
    /// hold rows from which a kept family follows; `Corrupt` for damaged ones; failures of the file
    /// system.
    ///
    /// # Complexity
    /// O(blocks) to check each table; memory is flushed first.
    pub fn ingest(&self, paths: &[&Path]) -> Result<()> {
        let inner = self.inner();
        let mut write = inner.write();
        inner.settle()?;
        let mut sections = Vec::new();
        for path in paths {
            let meta = inner.describe(path, FileNumber(0), SeqNo(0))?;
            let meta = meta.ok_or_else(|| refused("it holds nothing", path))?;
            inner.check_ingested(&meta, path)?;
            let file = TempFile::link(&inner.settings.scratch, path)?;
            sections.push(Section::adopt(file, meta)?);
        }
        check_apart(&sections)?;
        inner.close_to_others(&mut write)?;
        inner.flush(&mut write)?;
        inner.add_newest(&mut write, sections, Vec::new(), None)
    }
}

impl Inner {
    /// See [`LiveDatabase::compact_range`].
    pub(super) fn compact(&self, bounds: &Bounds) -> Result<()> {
        let _span = tracing::debug_span!("compact").entered();
        let mut write = self.write();
        self.settle()?;
        self.flush(&mut write)?;
        let view = self.view();
        let range = closure(&view.state.version, bounds);
        let fold = Fold {
            state: &view.state,
            settings: &self.settings,
            deriver: self.deriver(),
            deferred: &view.deferred,
            derives: false,
            range: &range,
            replaced: Vec::new(),
        };
        let folded = fold.run()?;
        drop(view);
        let mut core = self.core();
        self.install_folded(&mut core, &write, &range, folded, None)?;
        self.publish(&core);
        count(&self.metrics.compactions, 1);
        Ok(())
    }

    /// Refuses a table that cannot join.
    pub(super) fn check_ingested(&self, table: &TableMeta, path: &Path) -> Result<()> {
        self.check_place(table, path)?;
        let range = Bounds::range(&table.smallest.user[..], end_of(table));
        let is_kept = self.view().deferred.iter().any(|deferred| !deferred);
        let sources = self.deriver().map_or(&[][..], |deriver| deriver.sources());
        if is_kept && sources.iter().any(|source| meet(source, &range)) {
            return Err(refused("kept families follow from its rows", path));
        }
        Ok(())
    }

    /// Refuses a table that reaches beyond a section or into a family.
    pub(super) fn check_place(&self, table: &TableMeta, path: &Path) -> Result<()> {
        let range = Bounds::range(&table.smallest.user[..], end_of(table));
        let sections = bounds_of(&self.options.sections);
        if sections
            .iter()
            .filter(|section| meet(section, &range))
            .count()
            > 1
        {
            return Err(refused("it reaches beyond a section", path));
        }
        if self
            .families()
            .iter()
            .any(|family| meet(&family.bounds, &range))
        {
            return Err(refused("it holds derived keys", path));
        }
        Ok(())
    }

    /// What a MANIFEST would say of the table at `path`, which is read whole and checked; none if it
    /// holds nothing.
    pub(super) fn describe(
        &self,
        path: &Path,
        number: FileNumber,
        seq: SeqNo,
    ) -> Result<Option<TableMeta>> {
        let file = self.fs.open(path).map_err(|e| Error::io("open", path, e))?;
        let options = TableOptions {
            cache: Arc::new(Cache::new(0)),
            ..self.options.table.clone()
        };
        let table = Arc::new(Table::open(file, path, &options)?);
        table.verify()?;
        meta_of(&table, number, seq, CacheMode::Bypass)
    }
}

/// Refuses tables that overlap.
pub(super) fn check_apart(sections: &[Section]) -> Result<()> {
    let tables = sections.iter().flat_map(|section| &section.tables);
    let mut tables: Vec<_> = tables.map(|table| &table.meta).collect();
    tables.sort_by(|a, b| a.smallest.cmp(&b.smallest));
    let mut pairs = tables.iter().zip(tables.iter().skip(1));
    if pairs.all(|(a, b)| end_of(a) <= b.smallest.user) {
        return Ok(());
    }
    Err(Error::invalid("tables that shall join overlap"))
}
