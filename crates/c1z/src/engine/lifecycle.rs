//! The life of a sync: start, resume, checkpoint, end, and what is marked on it (`store-contract` §2).

use super::types::{SyncId, SyncType, Verification};
use crate::Result;

/// A sync unfinished for longer than this is abandoned: never resumed without being named, never pruned (§0.5).
pub const UNFINISHED_MAX_AGE_SECONDS: i64 = 7 * 24 * 3_600;

/// Sync runs as states of one handle: at most one *current* sync is open for writing, at most one is *viewed*.
///
/// Both bindings belong to the handle and are never stored. When a call returns an error the state is as before it, save
/// that a checkpoint whose barrier failed may have stored its token.
///
/// # Complexity
/// Independent of the number of records, but for two calls: ending a sync passes over all records once and sorts what
/// follows from them, O(G log G) for G grants, in bounded memory; deleting one is a range delete in a v3 file, O(rows) in a v1
/// file. Calls that write wait for the write that is running; all of them wait for the end of a sync.
pub trait Lifecycle: Send + Sync {
    /// Starts a sync and makes it current. With one of the same type current and unfinished, returns that; with one of
    /// another type, `FailedPrecondition`. `parent` is recorded unchecked; a type that allows none refuses one (§2.2).
    fn start_new_sync(&self, sync_type: &SyncType, parent: &str) -> Result<SyncId>;

    /// Resumes the named sync, or the latest unfinished of the type (any type: none), and makes it current (§2.4).
    fn resume_sync(&self, of: Option<&SyncType>, id: Option<&SyncId>) -> Result<SyncId>;

    /// Resumes, or starts a new sync where none can be resumed and none was named; true: it is new (§2.5).
    fn start_or_resume_sync(
        &self,
        of: Option<&SyncType>,
        id: Option<&SyncId>,
    ) -> Result<(SyncId, bool)>;

    /// Makes a sync current whatever its type, age or state; `NotFound` if absent.
    fn set_current_sync(&self, id: &SyncId) -> Result<()>;

    /// The current sync, if any.
    fn current_sync(&self) -> Option<SyncId>;

    /// Pins reads to a sync, finished or not, or unpins them. `NotFound` if absent; `FailedPrecondition` while a sync is
    /// current (D15).
    fn view_sync(&self, id: Option<&SyncId>) -> Result<()>;

    /// The viewed sync, if any.
    fn viewed_sync(&self) -> Option<SyncId>;

    /// The token of the current sync; `NoCurrentSync` without one.
    fn current_sync_step(&self) -> Result<String>;

    /// Replaces the token of the current sync, byte for byte. A barrier: every record write acknowledged before it
    /// survives whatever it survives (§0.8).
    fn checkpoint_sync(&self, token: &str) -> Result<()>;

    /// Finishes the current sync: no more records, indexes complete, statistics recorded, end time set, unbound. After a
    /// failure it is still current and the call can be retried. Ending a finished sync again keeps its end time (§2.6, D9).
    fn end_sync(&self) -> Result<()>;

    /// Says that the sync's expansion columns can be trusted by a pair diff.
    fn mark_supports_diff(&self, id: &SyncId) -> Result<()>;

    /// Links a sync to its partner.
    fn set_sync_link(&self, id: &SyncId, linked: &str) -> Result<()>;

    /// Records which ingest invariants were verified. `InvalidArgument` unless the mark is complete;
    /// `FailedPrecondition` unless the sync is finished. Later changes of records clear it.
    fn mark_verified(&self, id: &SyncId, mark: &Verification) -> Result<()>;

    /// Clears that record.
    fn clear_verified(&self, id: &SyncId) -> Result<()>;

    /// Deletes a sync run and everything of it; missing is no error, the current one is `FailedPrecondition`.
    fn delete_sync_run(&self, id: &SyncId) -> Result<()>;

    /// Whether there are changes that were not saved.
    fn is_dirty(&self) -> bool;
}
