//! The file a command reads, and the sync it reads in it.

use c1z::Store;
use c1z::engine::types::{SyncId, SyncRun};
use c1z::engine::{Fallback, Scope};

use crate::args::Global;
use crate::failure::{Failure, warn};

/// Opens the file read-only and passes its warnings on.
pub(crate) fn open(global: &Global) -> Result<Store, Failure> {
    let store = c1z::open(&global.file)?;
    for warning in store.warnings() {
        warn(warning);
    }
    Ok(store)
}

/// The sync that a command reads.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    /// Its run, as recorded.
    pub(crate) run: SyncRun,
    /// It, as a scope for reads.
    pub(crate) scope: Scope,
}

impl From<SyncRun> for Selected {
    fn from(run: SyncRun) -> Self {
        Self {
            scope: Scope::Sync(run.id.clone()),
            run,
        }
    }
}

/// The sync that the command is about: the named one, else the latest finished of any type, else the newest unfinished.
/// None, with a warning, if the file holds no sync at all.
pub(crate) fn select(global: &Global, store: &Store) -> Result<Option<Selected>, Failure> {
    let reader = store.reader();
    if let Some(id) = &global.sync_id {
        return Ok(Some(reader.get_sync(&SyncId::new(id)?)?.into()));
    }
    if let Some(run) = reader.latest_finished_sync(None)? {
        return Ok(Some(run.into()));
    }
    let Some(id) = reader.resolve(&Scope::Default, Fallback::List)? else {
        warn(format_args!(
            "`{}` holds no sync; there is nothing to show",
            global.file.display()
        ));
        return Ok(None);
    };
    let run = reader.get_sync(&id)?;
    let started = run
        .started_at
        .map_or_else(|| "unknown".to_owned(), |at| at.to_string());
    warn(format_args!(
        "sync `{id}` is not finished (started {started}); it may be incomplete"
    ));
    Ok(Some(run.into()))
}
