//! The pairs that are made here, and what two engines need to agree on: what time it is, and the ids of new syncs.

use std::collections::VecDeque;
#[cfg(feature = "sqlite")]
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use shingle::vfs::Clock;

#[cfg(feature = "sqlite")]
use super::Allowed;
use super::{HasEngine, Tee, TeeOptions};
use crate::Result;
use crate::engine::Profile;
use crate::engine::ids::SyncIds;
use crate::engine::model::{Model, ModelOptions};
use crate::engine::types::{SyncId, Timestamp};
use crate::engine::{PebbleOptions, PebbleStore};
#[cfg(feature = "sqlite")]
use crate::engine::{SqliteOptions, SqliteStore};

/// Rows that the model of the default pair holds at most.
pub const MODEL_ROWS_MAX: usize = 100_000;

impl Tee<PebbleStore, Model> {
    /// The default pair: the Pebble engine in memory, and the model, which answers from maps by scan.
    ///
    /// # Errors
    /// `ResourceExhausted` when not even an empty store fits into the options' memory.
    pub fn pebble_and_model(options: PebbleOptions, tee: TeeOptions) -> Result<Self> {
        Self::with_model(options, tee, PebbleStore::in_memory)
    }

    /// The default pair with a Pebble store that `open` makes of the options it is given, such as an empty one on disk.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn with_model(
        options: PebbleOptions,
        tee: TeeOptions,
        open: impl FnOnce(PebbleOptions) -> Result<PebbleStore>,
    ) -> Result<Self> {
        let profile = options.profile;
        let agreed = Agreed::new(&options.clock, &options.ids);
        let [ids, twin] = agreed.ids;
        let model = ModelOptions {
            identity: PebbleStore::IDENTITY,
            profile,
            clock: agreed.clock.clone(),
            ids: twin,
            rows_max: MODEL_ROWS_MAX,
            one_sync: profile != Profile::GoPebble,
        };
        let pebble = open(PebbleOptions {
            clock: agreed.clock.clone(),
            ids,
            ..options
        })?;
        let tee = TeeOptions {
            clock: Some(agreed.clock),
            ..tee
        };
        Ok(Self::new(pebble, Model::new(model), tee))
    }
}

#[cfg(feature = "sqlite")]
impl Tee<PebbleStore, SqliteStore> {
    /// The two engines that write: Pebble in memory, and SQLite in the folder `dir`, which holds no database yet. They keep
    /// different things, so that [`super::Allowed::V3_AND_V1`] is what may differ, and ids of records have to be in bijection
    /// with structure. Both have the profile, clock and ids of `pebble`.
    ///
    /// ```
    /// # fn main() -> c1z::Result<()> {
    /// use c1z::engine::tee::{Tee, TeeOptions};
    /// use c1z::engine::types::SyncType;
    /// use c1z::engine::{Lifecycle, PebbleOptions, SqliteOptions, Writer};
    /// use c1z_proto::connector::v2::ResourceType;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let (dir, tee) = (folder.path().join("shadow"), TeeOptions::default());
    /// let tee = Tee::pebble_and_sqlite(PebbleOptions::default(), SqliteOptions::default(), dir, tee)?;
    /// tee.start_new_sync(&SyncType::Full, "")?;
    /// tee.put_resource_types(&[ResourceType { id: "user".into(), ..Default::default() }])?;
    /// tee.end_sync()?;
    /// assert!(tee.reports().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`PebbleStore::in_memory`] and [`SqliteStore::create_in`].
    pub fn pebble_and_sqlite(
        pebble: PebbleOptions,
        sqlite: SqliteOptions,
        dir: impl AsRef<Path>,
        tee: TeeOptions,
    ) -> Result<Self> {
        let (clock, ids) = (Arc::clone(&pebble.clock), Arc::clone(&pebble.ids));
        let profile = pebble.profile;
        let tee = TeeOptions {
            allowed: Allowed::V3_AND_V1,
            ..tee
        };
        let primary = |clock: Arc<CallClock>, ids| {
            PebbleStore::in_memory(PebbleOptions {
                clock,
                ids,
                ..pebble
            })
        };
        let shadow = |clock: Arc<CallClock>, ids| {
            let options = SqliteOptions {
                profile,
                clock,
                ids,
                ..sqlite
            };
            SqliteStore::create_in(dir, options)
        };
        Self::agreed(&clock, &ids, tee, primary, shadow)
    }
}

impl<A: HasEngine, B: HasEngine> Tee<A, B> {
    /// A tee over two empty stores that are made with a clock and ids that agree.
    ///
    /// # Errors
    /// Those of the two functions.
    pub fn agreed(
        clock: &Arc<dyn Clock>,
        ids: &Arc<dyn SyncIds>,
        options: TeeOptions,
        primary: impl FnOnce(Arc<CallClock>, Arc<dyn SyncIds>) -> Result<A>,
        shadow: impl FnOnce(Arc<CallClock>, Arc<dyn SyncIds>) -> Result<B>,
    ) -> Result<Self> {
        let agreed = Agreed::new(clock, ids);
        let [of_primary, of_shadow] = agreed.ids;
        let options = TeeOptions {
            clock: Some(agreed.clock.clone()),
            ..options
        };
        let primary = primary(agreed.clock.clone(), of_primary)?;
        let shadow = shadow(agreed.clock, of_shadow)?;
        Ok(Self::new(primary, shadow, options))
    }
}

/// What both engines of a pair are given.
struct Agreed {
    clock: Arc<CallClock>,
    ids: [Arc<dyn SyncIds>; 2],
}

impl Agreed {
    fn new(clock: &Arc<dyn Clock>, ids: &Arc<dyn SyncIds>) -> Self {
        let drawn = Arc::new(Drawn {
            ids: Arc::clone(ids),
            waiting: Mutex::default(),
        });
        Self {
            clock: Arc::new(CallClock::new(Arc::clone(clock))),
            ids: [Twin::boxed(&drawn, 0), Twin::boxed(&drawn, 1)],
        }
    }
}

/// A clock that stands still while a call goes to both engines.
#[derive(Debug)]
pub struct CallClock {
    clock: Arc<dyn Clock>,
    now: Mutex<SystemTime>,
}

impl CallClock {
    /// A clock that moves with another at every tick.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let now = Mutex::new(clock.now());
        Self { clock, now }
    }

    /// Goes to the time that it is.
    pub fn tick(&self) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = self.clock.now();
    }
}

impl Clock for CallClock {
    fn now(&self) -> SystemTime {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

/// One source of ids that two engines draw from.
#[derive(Debug)]
struct Drawn {
    ids: Arc<dyn SyncIds>,
    /// Ids that the one has drawn and the other has not.
    waiting: Mutex<[VecDeque<SyncId>; 2]>,
}

/// One engine's half of it: each id is given to both.
#[derive(Debug)]
struct Twin {
    drawn: Arc<Drawn>,
    number: usize,
}

impl Twin {
    fn boxed(drawn: &Arc<Drawn>, number: usize) -> Arc<dyn SyncIds> {
        Arc::new(Self {
            drawn: Arc::clone(drawn),
            number,
        })
    }
}

impl SyncIds for Twin {
    fn next(&self, at: Timestamp) -> Result<SyncId> {
        let mut waiting = self
            .drawn
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let [first, second] = &mut *waiting;
        let (own, other) = if self.number == 0 {
            (first, second)
        } else {
            (second, first)
        };
        if let Some(id) = own.pop_front() {
            return Ok(id);
        }
        let id = self.drawn.ids.next(at)?;
        other.push_back(id.clone());
        Ok(id)
    }
}
