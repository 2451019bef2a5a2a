//! How a SQLite database is written.

use std::sync::Arc;

use shingle::live::Durability;
use shingle::vfs::{Clock, OsClock, OsEntropy};

use crate::engine::ids::{Ksuids, SyncIds};
use crate::engine::writer::ASSET_LEN_MAX;
use crate::engine::{CancelFlag, Profile};
use crate::observe::Telemetry;
use crate::v1_tables::Zone;

/// Options of a [`super::SqliteStore`]. The default suits users.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Whose answers to give where the Go engines disagree; default our own.
    pub profile: Profile,
    /// What time it is; default that of the system.
    pub clock: Arc<dyn Clock>,
    /// Ids of new syncs; default random KSUIDs.
    pub ids: Arc<dyn SyncIds>,
    /// Zone whose wall clock the database tells; default that of this host, as in files of the original (D11).
    pub zone: Zone,
    /// Largest asset in bytes; default [`ASSET_LEN_MAX`].
    pub asset_len_max: u64,
    /// Makes calls give up; default never raised.
    pub cancel: CancelFlag,
    /// What a write survives when its call returns; default the end of the process, which is also what
    /// [`Durability::None`] gives here. Checkpoints, ends and deletes of syncs survive power failures, whatever this says.
    pub durability: Durability,
    /// Bytes of pages that the writing connection caches; default 64 MiB. Connections that read take 2 MiB each.
    pub cache_bytes: u64,
    /// What watches the store; default nothing ([`crate::observe`]).
    pub telemetry: Option<Arc<Telemetry>>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            clock: Arc::new(OsClock),
            ids: Arc::new(Ksuids::new(Arc::new(OsEntropy))),
            zone: Zone::local(),
            asset_len_max: ASSET_LEN_MAX,
            cancel: CancelFlag::new(),
            durability: Durability::default(),
            cache_bytes: 64 << 20,
            telemetry: None,
        }
    }
}
