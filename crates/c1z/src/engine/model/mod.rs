//! The storage contract in its plainest form: sorted maps, one lock, every query a scan.
//!
//! The model exists to be compared with: other engines are right where they answer as it does. So it shares nothing with
//! them but messages, the nouns of the contract and structural identity; lifecycle, resolution, filters, paging, the
//! projection of `store-contract` §1.8 and the lift of `GrantExpandable` are written again here, by scan, in the words of
//! the contract (`store-contract` §1 to §3, §5 to §7). It holds any number of syncs, in memory only, and refuses to grow
//! beyond a stated number of rows.
//!
//! Deliberately absent: digests (*not built* is a legal answer), durability, retention. Looking up a bare id has no cap
//! on candidates, because a scan needs none.

mod expansion;
mod grants;
mod key;
mod lifecycle;
pub(super) mod project;
mod read;
mod resolve;
mod sessions;
mod state;
mod stats;
mod token;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shingle::vfs::Clock;

use self::state::State;
use super::ids::SyncIds;
use super::types::Timestamp;
use super::{Identity, Profile};
use crate::{Error, ErrorKind, Result};

/// How a model behaves.
#[derive(Clone, Debug)]
pub struct ModelOptions {
    /// What makes a record the same record. With [`Identity::Structural`] records are reduced to what a v3 file holds.
    pub identity: Identity,
    /// Whose answers it gives where the two Go engines disagree.
    pub profile: Profile,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Ids of new syncs.
    pub ids: Arc<dyn SyncIds>,
    /// Most rows it holds, of all syncs together: records, assets and session entries.
    pub rows_max: usize,
    /// Whether it holds one sync, as a v3 file does: another is refused until that one is deleted.
    pub one_sync: bool,
}

/// An engine in memory. Calls are atomic and linearizable.
///
/// # Complexity
/// Reads are O(rows of the sync × log rows), writes O(records × log rows).
pub struct Model {
    options: ModelOptions,
    read_only: bool,
    state: Mutex<State>,
}

impl Model {
    /// A store without syncs.
    pub fn new(options: ModelOptions) -> Self {
        Self {
            options,
            read_only: false,
            state: Mutex::default(),
        }
    }

    /// The same rows behind a new handle, as if the store had been saved, closed and opened: nothing is current or
    /// viewed, nothing is unsaved, and the clock is trusted afresh.
    #[must_use]
    pub fn reopen(self, read_only: bool) -> Self {
        let state = self.state.into_inner();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.forget_handle();
        Self {
            options: self.options,
            read_only,
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_system_time(self.options.clock.now())
    }

    /// Fails on a store that was opened for reading.
    fn writable(&self) -> Result<()> {
        if self.read_only {
            return Err(Error::new(
                ErrorKind::ReadOnly,
                "the store was opened read-only",
            ));
        }
        Ok(())
    }

    /// Fails if `more` rows would be too many.
    fn room_for(&self, state: &State, more: usize) -> Result<()> {
        let rows = state.rows() + more;
        if rows > self.options.rows_max {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!(
                    "the model is full: rows=`{rows}` rows_max=`{}`",
                    self.options.rows_max
                ),
            ));
        }
        Ok(())
    }

    /// Whether the lifted `GrantExpandable` is put back into grants that are read (D7).
    fn attaches(&self) -> bool {
        self.options.profile != Profile::GoSqlite
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Model({:?}, {:?}, {} rows)",
            self.options.identity,
            self.options.profile,
            self.lock().rows()
        )
    }
}

#[cfg(test)]
mod tests;
