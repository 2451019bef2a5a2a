//! Giving up: a flag that long calls look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, ErrorKind, Result};

/// Tells the calls of a store that their caller gave up. Clones share the flag.
///
/// A write call that sees it answers `Cancelled`, and nothing of the call is visible; the end of a sync that sees it
/// leaves the sync open. The flag stays until it is lowered.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes running and later calls give up.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Lets later calls run again.
    pub fn lower(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// # Errors
    /// `Cancelled` while the flag is raised.
    pub fn check(&self) -> Result<()> {
        // The flag guards no memory.
        if self.0.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Cancelled, "the call was cancelled"));
        }
        Ok(())
    }
}
