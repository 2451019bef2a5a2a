//! Ids of syncs that a test knows in advance.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use c1z::engine::ids::SyncIds;
use c1z::engine::types::{SyncId, Timestamp};
use c1z::{Error, ErrorKind};

/// Gives the ids of a list, then fails.
#[derive(Debug)]
pub struct ListedIds(Mutex<VecDeque<SyncId>>);

impl ListedIds {
    /// These ids, in this order.
    pub fn new(ids: impl IntoIterator<Item = SyncId>) -> Self {
        Self(Mutex::new(ids.into_iter().collect()))
    }
}

impl SyncIds for ListedIds {
    fn next(&self, _: Timestamp) -> c1z::Result<SyncId> {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.pop_front()
            .ok_or_else(|| Error::new(ErrorKind::Internal, "more syncs than listed ids"))
    }
}
