//! The engine on SQLite.

use c1z::engine::{SqliteOptions, SqliteStore};

use crate::measure::Run;
use crate::{Job, Outcome, pack, put};

pub(crate) fn write(job: &Job<'_>, run: &Run) -> Outcome<u64> {
    let options = SqliteOptions {
        durability: job.durability,
        // As much as our own engine has for its buffers.
        cache_bytes: (job.memory_mib << 20) / 2,
        ..SqliteOptions::default()
    };
    let store = SqliteStore::create_in(job.folder.join("db"), options)?;
    put(store.engine(), job, run)?;
    let len = store.save(&job.folder.join("out.c1z"), &pack(job))?;
    run.mark("published");
    Ok(len)
}
