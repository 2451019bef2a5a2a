//! A sync that takes part in a comparison.

use crate::engine::Reader;
use crate::engine::types::SyncId;
use crate::store::{Store, StoredRows};

/// One of the two syncs.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The store that holds it.
    pub reader: &'a dyn Reader,
    /// Which one it is.
    pub sync: &'a SyncId,
    /// Its rows as they are stored, if they can be had.
    pub(super) stored: Option<StoredRows<'a>>,
}

impl<'a> Side<'a> {
    /// A sync of any store. Its records are read through the contract.
    pub fn new(reader: &'a dyn Reader, sync: &'a SyncId) -> Self {
        Self {
            reader,
            sync,
            stored: None,
        }
    }

    /// A sync of a file. Two v3 files are compared by stored rows, which saves decoding what is the same.
    pub fn of_store(store: &'a Store, sync: &'a SyncId) -> Self {
        Self {
            stored: store.stored_rows(),
            ..Self::new(store.reader(), sync)
        }
    }
}
