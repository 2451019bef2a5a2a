//! Values that outlive the read that found them.

use std::ops::Deref;
use std::sync::Arc;

use crate::memory::MemTable;
use crate::sst;

/// A value, which keeps what it lies in alive: a decoded block, or the writes of a log. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct Value(Place);

#[derive(Clone, Debug)]
enum Place {
    Table(sst::Value),
    Memory(Arc<MemTable>, usize),
}

impl Value {
    pub(super) fn in_table(value: sst::Value) -> Self {
        Self(Place::Table(value))
    }

    /// The value of the point at `index` of `memtable`.
    pub(super) fn in_memory(memtable: &Arc<MemTable>, index: usize) -> Self {
        Self(Place::Memory(Arc::clone(memtable), index))
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Table(value) => value,
            Place::Memory(memtable, index) => memtable.value_at(*index),
        }
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
