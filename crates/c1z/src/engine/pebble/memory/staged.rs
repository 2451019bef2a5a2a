//! Changes on top of a snapshot, with the index rows that follow from them.

use std::ops::Bound;
use std::sync::Arc;

use super::MemorySnapshot;
use super::versions::{Changes, Stored};
use crate::Result;
use crate::engine::pebble::kv::Kv as _;
use crate::keyspace::{Deriver, Family, IndexSet, KeyRange};

/// Changes that are not visible yet.
pub(super) struct Staged {
    base: MemorySnapshot,
    changes: Changes,
    deriver: Deriver,
}

impl Staged {
    pub(super) fn new(base: MemorySnapshot) -> Self {
        Self {
            base,
            changes: Changes::new(),
            deriver: Deriver::new(IndexSet::ALL),
        }
    }

    pub(super) fn into_changes(self) -> Changes {
        self.changes
    }

    /// Sets a row; the index rows of the version that it replaces go, its own come.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.drop_derived(key)?;
        self.derive(key, value)?;
        self.set(key, value);
        Ok(())
    }

    /// Deletes a row and its index rows.
    pub(super) fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.drop_derived(key)?;
        self.remove(key);
        Ok(())
    }

    /// Deletes the rows of a range and their index rows.
    pub(super) fn delete_range(&mut self, range: &KeyRange) -> Result<()> {
        let from = (Bound::Included(range.lower.as_slice()), Bound::Unbounded);
        let staged = self.changes.range::<[u8], _>(from);
        let staged = staged
            .map(|(key, _)| key)
            .take_while(|key| range.contains(key));
        let mut keys: Vec<Vec<u8>> = staged.cloned().collect();
        let mut scan = self.base.scan(range)?;
        while let Some((key, _)) = scan.next()? {
            keys.push(key.to_vec());
        }
        keys.iter().try_for_each(|key| self.delete(key))
    }

    /// Deletes the rows of a derived family.
    pub(super) fn clear(&mut self, family: Family) -> Result<()> {
        let mut scan = self.base.scan(&family.range())?;
        while let Some((key, _)) = scan.next()? {
            self.changes.insert(key.to_vec(), None);
        }
        Ok(())
    }

    /// Sets a row that nothing follows from.
    pub(super) fn set(&mut self, key: &[u8], value: &[u8]) {
        self.changes.insert(key.to_vec(), Some(value.into()));
    }

    /// Sets the index rows that follow from a primary row.
    pub(super) fn derive(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let Self {
            changes, deriver, ..
        } = self;
        deriver.derive(key, value, &mut |row| {
            changes.insert(row.to_vec(), Some(Arc::default()));
            Ok(())
        })
    }

    /// Drops the index rows that follow from the row as it is.
    fn drop_derived(&mut self, key: &[u8]) -> Result<()> {
        if !matches!(Family::of(key), Some(Family::Resource | Family::Grant)) {
            return Ok(());
        }
        let Some(old) = self.get(key) else {
            return Ok(());
        };
        let Self {
            changes, deriver, ..
        } = self;
        deriver.derive(key, &old, &mut |row| {
            changes.insert(row.to_vec(), None);
            Ok(())
        })
    }

    fn remove(&mut self, key: &[u8]) {
        // A key that was never there needs no saying that it is gone.
        if self.base.value(key).is_some() {
            self.changes.insert(key.to_vec(), None);
        } else {
            self.changes.remove(key);
        }
    }

    fn get(&self, key: &[u8]) -> Option<Stored> {
        match self.changes.get(key) {
            Some(staged) => staged.clone(),
            None => self.base.value(key),
        }
    }
}
