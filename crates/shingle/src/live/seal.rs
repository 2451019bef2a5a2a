//! Sealing: everything becomes the last level, visible in one step.
//!
//! ```text
//! 1  SHINGLE-LIVE says: a MANIFEST that flushed logs below L is sealed     (with a deriver only)
//! 2  the tables of the new last level get their names, durable
//! 3  one MANIFEST record: new tables in, all others out, logs below L flushed   <- takes effect
//! 4  logs are removed, the format-version marker is set, SHINGLE-LIVE goes
//! ```
//!
//! A crash before 3 leaves the database as it was, one after it is finished by the next opening.

use std::sync::Arc;

use super::core::{Inner, View, WriteSide};
use super::expand;
use super::fold::Fold;
use super::metrics::count;
use super::{LiveDatabase, LiveSnapshot, log, mark};
use crate::batch::Batch;
use crate::bulk::{Section, SectionWriter};
use crate::db::State;
use crate::iter::Bounds;
use crate::manifest::marker::{self, Mark};
use crate::manifest::{FormatVersion, Level};
use crate::memory::MemTable;
use crate::sync::MutexGuard;
use crate::{Error, Result};

/// A seal under way: nobody writes, and nothing is changed before [`Seal::finish`].
#[derive(Debug)]
pub struct Seal<'a> {
    inner: &'a Inner,
    write: MutexGuard<'a, WriteSide>,
    view: View,
    replaced: Vec<(Bounds, Section)>,
}

/// What a seal left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealReport {
    /// Tables of the last level, and bytes of them.
    pub tables: usize,
    /// Bytes of all tables.
    pub bytes: u64,
    /// Tables that stayed as they were.
    pub tables_kept: usize,
}

impl LiveDatabase {
    /// Begins to seal the database. Writers wait until the seal is finished or dropped; readers go
    /// on.
    ///
    /// # Errors
    /// `Poisoned` after a failed write.
    pub fn begin_seal(&self) -> Result<Seal<'_>> {
        let inner = self.inner();
        let write = inner.write();
        inner.settle()?;
        Ok(Seal {
            inner,
            write,
            view: inner.view(),
            replaced: Vec::new(),
        })
    }

    /// Seals the database with the writes of `closing`: [`LiveDatabase::begin_seal`] and
    /// [`Seal::finish`].
    ///
    /// # Errors
    /// As those.
    pub fn seal(&self, closing: Batch) -> Result<SealReport> {
        self.begin_seal()?.finish(closing)
    }
}

impl Seal<'_> {
    /// What is sealed, without what follows from it.
    pub fn snapshot(&self) -> LiveSnapshot {
        LiveSnapshot::new(self.inner, self.view.clone())
    }

    /// Begins tables for [`Seal::replace`]. Rows come in ascending order.
    pub fn section(&self) -> SectionWriter {
        SectionWriter::new(Arc::clone(&self.inner.settings))
    }

    /// Makes the rows of `section` all that `bounds` holds, whatever the database holds there: for
    /// rows that the caller computes from all others.
    ///
    /// # Errors
    /// `Invalid` for rows outside of `bounds`, and for bounds that meet others or cut a family.
    pub fn replace(&mut self, bounds: Bounds, section: Section) -> Result<()> {
        let meets = |other: &Bounds| super::deriver::meet(other, &bounds);
        if self.replaced.iter().any(|(other, _)| meets(other)) {
            return Err(Error::invalid("ranges to replace meet"));
        }
        let is_cut = |family: &super::Family| meets(&family.bounds) && family.bounds != bounds;
        if self.inner.families().iter().any(is_cut) {
            return Err(Error::invalid("range to replace cuts a derived family"));
        }
        for table in &section.tables {
            let (smallest, largest) = (&table.meta.smallest.user, &table.meta.largest.user);
            if !bounds.contains(smallest) || !bounds.contains(largest) {
                return Err(Error::invalid("row outside of the range to replace"));
            }
        }
        self.replaced.push((bounds, section));
        Ok(())
    }

    /// Finishes: folds everything, with the writes of `closing` as the newest ones, into the last
    /// level. What was deferred is derived and kept from now on.
    ///
    /// # Errors
    /// `Invalid` for derived keys in `closing`; errors of the deriver; failures of the file system.
    /// If the record was not written the database is as before; after that a failure is `Poisoned`
    /// and the next opening finishes the seal.
    ///
    /// # Complexity
    /// O(what is newer than the last level · log runs) and the rewriting of what it touches; with
    /// deferred families O(primary rows), and the sorting of what follows from them.
    pub fn finish(mut self, closing: Batch) -> Result<SealReport> {
        let _span = tracing::debug_span!("seal").entered();
        let inner = self.inner;
        let state = self.state_with(closing)?;
        let fold = Fold {
            state: &state,
            settings: &inner.settings,
            deriver: inner.deriver(),
            deferred: &self.view.deferred,
            derives: true,
            range: &Bounds::all(),
            replaced: std::mem::take(&mut self.replaced),
        };
        let folded = fold.run()?;
        drop(state);
        let tables_kept = folded.kept.len();
        let sealing = inner.new_file_number();
        if inner.deriver().is_some() {
            let marked = inner.close_to_others(&mut self.write);
            marked.and_then(|()| inner.or_poison(inner.mark_live(Some(sealing))))?;
        }
        let mut core = inner.core();
        let installed = inner.install_folded(
            &mut core,
            &self.write,
            &Bounds::all(),
            folded,
            Some(sealing),
        );
        if installed.is_err() {
            drop(core);
            self.give_up()?;
            installed?;
            return Ok(SealReport::default());
        }
        core.active.clear();
        core.deferred = vec![false; core.deferred.len()].into();
        inner.publish(&core);
        drop(core);
        count(&inner.metrics.seals, 1);
        inner.or_poison(self.clean_up())?;
        Ok(self.report(tables_kept))
    }

    /// What is visible with the writes of `closing`.
    fn state_with(&mut self, closing: Batch) -> Result<State> {
        let operations = u64::from(closing.count());
        let mut state = (*self.view.state).clone();
        if operations == 0 {
            return Ok(state);
        }
        let mut table = MemTable::from_batch(closing)?;
        self.inner.check_keys(&table)?;
        table.stamp(self.write.next_seq);
        self.write.next_seq.0 += operations;
        let derived = expand::derived_writes(self.inner, &table)?;
        state.memory.insert(0, Arc::new(table));
        if let Some(derived) = derived {
            state.memory.insert(0, Arc::new(derived));
        }
        Ok(state)
    }

    /// The seal did not take effect: the next one has another number.
    fn give_up(&self) -> Result<()> {
        if self.inner.deriver().is_none() || self.inner.check_usable().is_err() {
            return Ok(());
        }
        self.inner.or_poison(self.inner.mark_live(None))
    }

    fn clean_up(&mut self) -> Result<()> {
        let inner = self.inner;
        for number in self.write.log.discard() {
            inner.remove_obsolete(&inner.path_of(&log::name(number)));
        }
        inner.open_to_all()?;
        self.write.is_open_to_all = true;
        Ok(())
    }

    fn report(&self, tables_kept: usize) -> SealReport {
        let version = Arc::clone(&self.inner.core().version);
        SealReport {
            tables: version.level(Level::L6).len(),
            bytes: version.size(),
            tables_kept,
        }
    }
}

impl Inner {
    /// Marks a sealed directory as one that the reference implementation may open.
    pub(super) fn open_to_all(&self) -> Result<()> {
        if self.deriver().is_none() {
            return Ok(());
        }
        let version = Mark::FormatVersion(FormatVersion::NEWEST);
        marker::set(&*self.fs, &self.dir, &version)?;
        mark::remove(&*self.fs, &self.dir)
    }
}
