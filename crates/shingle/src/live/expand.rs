//! The derived writes that follow from a batch, for families that are kept.
//!
//! What a batch does to a key is decided by its last operation, so the derived writes are the
//! difference between what followed from the row before the batch and what follows from the row
//! after it. Replaying a log gives the same rows over the same state, hence the same writes.

use std::collections::BTreeMap;

use super::core::Inner;
use super::deriver::check_derived;
use super::metrics::count;
use crate::Result;
use crate::db::State;
use crate::iter::Bounds;
use crate::key::{Kind, SeqNo};
use crate::memory::{Builder, MemTable};
use crate::sst::CacheMode;

/// What follows from one row, by key.
type Derived = BTreeMap<Vec<u8>, Vec<u8>>;

/// The derived writes that follow from `table`, which is newer than everything published; `None` if
/// there are none.
pub(super) fn derived_writes(inner: &Inner, table: &MemTable) -> Result<Option<MemTable>> {
    let view = inner.view();
    let Some(deriver) = inner.deriver().filter(|_| view.deferred.iter().any(|d| !d)) else {
        return Ok(None);
    };
    let mut expansion = Expansion {
        inner,
        state: &view.state,
        deferred: &view.deferred,
        out: Builder::new(usize::MAX),
    };
    let table = table.visible();
    for source in deriver.sources() {
        expansion.add_points(&table, source)?;
        expansion.add_ranges(&table, source)?;
    }
    let derived = expansion.out.finish();
    Ok((!derived.is_empty()).then_some(derived))
}

struct Expansion<'a> {
    inner: &'a Inner,
    state: &'a State,
    deferred: &'a [bool],
    out: Builder,
}

impl Expansion<'_> {
    /// The rows of kept families that follow from a row.
    fn derive(&self, key: &[u8], value: &[u8]) -> Result<Derived> {
        let mut derived = Derived::new();
        let families = self.inner.families();
        if let Some(deriver) = self.inner.deriver() {
            deriver.derive(key, value, &mut |family, key, value| {
                check_derived(families, family, key)?;
                if self.deferred.get(family) == Some(&false) {
                    derived.insert(key.to_vec(), value.to_vec());
                }
                Ok(())
            })?;
        }
        Ok(derived)
    }

    /// For the last operation on each key.
    fn add_points(&mut self, table: &MemTable, source: &Bounds) -> Result<()> {
        let mut reads = 0;
        for point in table.points(source.lower(), source.upper()) {
            reads += 1;
            let old = match self.state.get(point.key)? {
                Some(value) => self.derive(point.key, &value)?,
                None => Derived::new(),
            };
            let new = match point.trailer.kind() {
                Some(Kind::Set) => self.derive(point.key, point.value)?,
                _ => Derived::new(),
            };
            self.add_difference(point.trailer.seq(), &old, &new)?;
        }
        count(&self.inner.metrics.derived_reads, reads);
        Ok(())
    }

    /// For the keys that a range tombstone hides and nothing sets again.
    fn add_ranges(&mut self, table: &MemTable, source: &Bounds) -> Result<()> {
        for fragment in table.fragments().within(source.lower(), source.upper()) {
            let bounds = Bounds::range(fragment.start, fragment.end);
            let mut rows = self.state.rows(bounds, CacheMode::Bypass);
            while rows.next()? {
                if table.find(rows.key()).is_some() {
                    continue;
                }
                let old = self.derive(rows.key(), rows.value())?;
                self.add_difference(fragment.seq, &old, &Derived::new())?;
            }
        }
        Ok(())
    }

    fn add_difference(&mut self, seq: SeqNo, old: &Derived, new: &Derived) -> Result<()> {
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            self.out.add_point(seq, Kind::Delete, key, &[])?;
        }
        for (key, value) in new
            .iter()
            .filter(|(key, value)| old.get(*key) != Some(value))
        {
            self.out.add_point(seq, Kind::Set, key, value)?;
        }
        Ok(())
    }
}
