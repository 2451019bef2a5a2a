//! The file a command reads, and the sync it reads in it.

use std::path::Path;

use c1z::engine::page::collect_pages;
use c1z::engine::types::{SyncId, SyncRun, Timestamp};
use c1z::engine::{Fallback, Scope};
use c1z::envelope::{self, PayloadOptions, VAR_DECODED_MAX, VAR_WINDOW_MAX, Variables};
use c1z::ops::SharedObserver;
use c1z::{MemoryBudget, OpenOptions, Store};

use crate::args::{Global, Limits};
use crate::failure::{Failure, warn};
use crate::job;
use crate::telemetry;

/// Opens the file read-only and passes its warnings on.
pub(crate) fn open(global: &Global) -> Result<Store, Failure> {
    open_within(global, &global.file, global.limits.memory)
}

/// Opens a file for a command that does not leave all memory to it.
pub(crate) fn open_within(global: &Global, path: &Path, memory: u64) -> Result<Store, Failure> {
    let store = c1z::open_with(path, &options(global, memory))?;
    for warning in store.warnings() {
        warn(warning);
    }
    Ok(store)
}

/// Opens a file without passing its warnings on.
pub(crate) fn open_quietly(global: &Global, path: &Path) -> Result<Store, c1z::Error> {
    c1z::open_with(path, &options(global, global.limits.memory))
}

fn options(global: &Global, memory: u64) -> OpenOptions {
    OpenOptions {
        fs: job::fs(),
        budget: MemoryBudget::new(memory),
        variables: variables(&global.limits),
        scratch: global.limits.tmp_dir.clone(),
        telemetry: telemetry::current(),
        observer: SharedObserver::new(job::observer()),
        ..OpenOptions::default()
    }
}

/// How the envelope of the file is opened by a command that reads nothing of its syncs.
pub(crate) fn envelope_options(global: &Global) -> envelope::OpenOptions {
    envelope::OpenOptions {
        variables: variables(&global.limits),
        payload: PayloadOptions::new(MemoryBudget::new(global.limits.memory)),
        ..envelope::OpenOptions::default()
    }
}

/// The variables that limit decoding; flags stand for them, so that both mean the same for every
/// format.
pub(crate) fn variables(limits: &Limits) -> Variables {
    Variables::from_lookup(|name| {
        let flag = match name {
            VAR_DECODED_MAX => limits.decoder_max_decoded_size_mb,
            VAR_WINDOW_MAX => limits.decoder_max_memory_mb,
            _ => None,
        };
        flag.map(|mib| mib.to_string())
            .or_else(|| std::env::var(name).ok())
    })
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

/// The sync that the command is about: the named one, else the latest finished of any type, else
/// the newest unfinished. None, with a warning, if the file holds no sync at all.
pub(crate) fn select(global: &Global, store: &Store) -> Result<Option<Selected>, Failure> {
    match (&global.sync_id, global.at) {
        (Some(id), _) => Ok(Some(store.reader().get_sync(&SyncId::new(id)?)?.into())),
        (None, Some(at)) => select_at(store, at).map(Some),
        (None, None) => select_latest(store),
    }
}

/// The sync that ended last of those that had ended at a time.
fn select_at(store: &Store, at: Timestamp) -> Result<Selected, Failure> {
    let runs = collect_pages(|page| store.reader().list_sync_runs(page))?;
    let ended = runs
        .into_iter()
        .filter(|run| run.ended_at.is_some_and(|end| end <= at));
    let newest = ended.max_by(|a, b| (a.ended_at, &a.id).cmp(&(b.ended_at, &b.id)));
    let newest = newest.ok_or_else(|| {
        let message = format!("no sync had ended at that time: at=`{at}`");
        c1z::Error::new(c1z::ErrorKind::NotFound, message)
            .with_hint("`c1z log` lists the syncs and their times")
    })?;
    Ok(newest.into())
}

/// The sync of a file of which none is named.
pub(crate) fn select_latest(store: &Store) -> Result<Option<Selected>, Failure> {
    let reader = store.reader();
    if let Some(run) = reader.latest_finished_sync(None)? {
        return Ok(Some(run.into()));
    }
    let Some(id) = reader.resolve(&Scope::Default, Fallback::List)? else {
        warn(format_args!(
            "`{}` holds no sync; there is nothing to show",
            store.path().display()
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
