//! Derived families, from deferred to kept and back.

use super::LiveDatabase;
use super::compact::check_apart;
use super::core::{Inner, WriteSide};
use super::derive::Derivation;
use super::deriver::meet;
use super::metrics::count;
use crate::batch::Batch;
use crate::bulk::Section;
use crate::iter::Bounds;
use crate::memory::MemTable;
use crate::sst::CacheMode;
use crate::{Error, Result};

impl LiveDatabase {
    /// Derives those families that are deferred and meet `bounds`, and keeps them from now on: reads
    /// of them do so by themselves.
    ///
    /// # Errors
    /// Those of the deriver; failures of the file system.
    ///
    /// # Complexity
    /// Writers wait. O(primary rows) and the sorting of what follows from them; every later write of
    /// a primary row reads the row that it overwrites.
    pub fn materialise(&self, bounds: &Bounds) -> Result<()> {
        let inner = self.inner();
        let mut write = inner.write();
        let view = inner.view();
        let families = inner.families().iter().zip(view.deferred.iter());
        let wanted: Vec<bool> = families
            .map(|(family, deferred)| *deferred && meet(&family.bounds, bounds))
            .collect();
        inner.derive_families(&mut write, &wanted)
    }

    /// Drops the rows of all families, whatever wrote them, and derives from the primary rows those
    /// that a new database keeps. The others are deferred. For databases of others, whose families
    /// may not be complete.
    ///
    /// # Errors
    /// Those of the deriver; failures of the file system. A crash in between is finished by the next
    /// opening: the families are deferred then.
    ///
    /// # Complexity
    /// As [`LiveDatabase::materialise`].
    pub fn rederive(&self) -> Result<()> {
        self.inner().rederive(Vec::new())
    }

    /// [`LiveDatabase::join`] for rows that families follow from, such as those of another database:
    /// all families are derived again afterwards ([`LiveDatabase::rederive`]), from the rows that the
    /// database held and these.
    ///
    /// # Errors
    /// As those two.
    ///
    /// # Complexity
    /// As those two.
    pub fn take_over(&self, sections: Vec<Section>) -> Result<()> {
        check_apart(&sections)?;
        let inner = self.inner();
        for table in sections.iter().flat_map(|section| &section.tables) {
            inner.check_place(&table.meta, table.file.path())?;
        }
        inner.rederive(sections)
    }
}

impl Inner {
    /// Adds the rows of `sections`, newer than all others, and derives all families anew.
    pub(super) fn rederive(&self, sections: Vec<Section>) -> Result<()> {
        let kept: Vec<bool> = self.families().iter().map(|family| family.kept).collect();
        let mut write = self.write();
        self.settle()?;
        let mut core = self.core();
        core.deferred = vec![true; kept.len()].into();
        self.publish(&core);
        drop(core);
        if write.is_open_to_all {
            self.close_to_others(&mut write)?;
        } else if !kept.is_empty() {
            self.or_poison(self.mark_live(None))?;
        }
        self.clear_deferred(&mut write)?;
        if !sections.is_empty() {
            self.flush(&mut write)?;
            self.add_newest(&mut write, sections, Vec::new(), None)?;
        }
        self.derive_families(&mut write, &kept)
    }

    /// Derives the families that `wanted` names, which are deferred, and keeps them.
    fn derive_families(&self, write: &mut WriteSide, wanted: &[bool]) -> Result<()> {
        if !wanted.contains(&true) {
            return Ok(());
        }
        let _span = tracing::debug_span!("materialise").entered();
        self.settle()?;
        self.flush(write)?;
        let sections = self.derived_sections(wanted)?;
        count(&self.metrics.folded_bytes, bytes_of(&sections));
        self.add_newest(write, sections, Vec::new(), Some(wanted))
    }

    fn derived_sections(&self, wanted: &[bool]) -> Result<Vec<Section>> {
        let Some(deriver) = self.deriver() else {
            return Ok(Vec::new());
        };
        let view = self.view();
        let mut derivation = Derivation::new(deriver, &self.settings, wanted);
        for source in deriver.sources() {
            let mut rows = view.state.rows(source.clone(), CacheMode::Bypass);
            while rows.next()? {
                derivation.add(rows.key(), rows.value())?;
            }
        }
        derivation.finish()
    }

    /// Deletes the rows of deferred families. A crash between deriving a family and saying so leaves
    /// some, and so do others who wrote the database.
    pub(super) fn clear_deferred(&self, write: &mut WriteSide) -> Result<()> {
        let view = self.view();
        let mut batch = Batch::new();
        let families = self.families().iter().zip(view.deferred.iter());
        for (family, _) in families.filter(|(_, deferred)| **deferred) {
            let bounds = &family.bounds;
            let mut rows = view.state.rows(bounds.clone(), CacheMode::Bypass);
            if rows.next()? {
                let (Some(lower), Some(upper)) = (bounds.lower(), bounds.upper()) else {
                    return Err(Error::invalid("derived family without bounds"));
                };
                batch.delete_range(lower, upper)?;
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        let operations = u64::from(batch.count());
        self.commit_sorted(write, MemTable::from_batch(batch)?, operations, true)?;
        Ok(())
    }
}

fn bytes_of(sections: &[Section]) -> u64 {
    let tables = sections.iter().flat_map(|section| &section.tables);
    tables.map(|table| table.meta.size).sum()
}
