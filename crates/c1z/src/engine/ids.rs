//! Where the ids of new syncs come from.

use std::fmt;
use std::sync::Arc;

use shingle::vfs::Entropy;

use crate::engine::types::{SyncId, Timestamp};
use crate::ksuid::Ksuid;
use crate::{Error, ErrorKind, Result};

/// Gives ids to new syncs. An id that the store already holds is asked for again.
pub trait SyncIds: Send + Sync + fmt::Debug {
    /// The id of a sync that starts at `at`.
    fn next(&self, at: Timestamp) -> Result<SyncId>;
}

/// KSUIDs: ordered by time to the second, random within it.
#[derive(Clone, Debug)]
pub struct Ksuids {
    entropy: Arc<dyn Entropy>,
}

impl Ksuids {
    /// KSUIDs with random parts from `entropy`.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy }
    }
}

impl SyncIds for Ksuids {
    fn next(&self, at: Timestamp) -> Result<SyncId> {
        let mut random = [0; 16];
        self.entropy.fill(&mut random).map_err(|error| {
            Error::new(ErrorKind::Io, "no random bytes for a sync id").with_source(error)
        })?;
        let seconds = u64::try_from(at.seconds).unwrap_or(0);
        SyncId::new(Ksuid::new(seconds, random)?.to_string())
    }
}
