//! The ends of syncs, as those see them who write records meanwhile: a write does not wait for an end, it is refused.

use std::sync::atomic::Ordering;

use shingle::sync::AtomicU64;

use crate::{Error, ErrorKind, Result};

/// Counts the beginnings and the ends of seals: odd while one runs.
#[derive(Debug, Default)]
pub(crate) struct Seals(AtomicU64);

impl Seals {
    /// Takes what `lock` gives, for a write of records. The flag tells whether a seal came between.
    ///
    /// # Errors
    /// `Sealed` while a seal runs; those of `lock`.
    pub(crate) fn lock_for_records<G>(
        &self,
        lock: impl FnOnce() -> Result<G>,
    ) -> Result<(G, bool)> {
        let before = self.0.load(Ordering::SeqCst);
        if before % 2 == 1 {
            return Err(sealed());
        }
        let guard = lock()?;
        Ok((guard, self.0.load(Ordering::SeqCst) != before))
    }

    /// Refuses writes of records until the guard is dropped.
    pub(crate) fn begin(&self) -> Sealing<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Sealing(&self.0)
    }
}

/// While this lives, writes of records are refused.
pub(crate) struct Sealing<'a>(&'a AtomicU64);

impl Drop for Sealing<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The error of a write of records while its sync ends.
pub(crate) fn sealed() -> Error {
    Error::new(
        ErrorKind::Sealed,
        "the sync is ending; its records cannot be written any more",
    )
}
