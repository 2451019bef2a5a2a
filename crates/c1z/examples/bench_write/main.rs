//! Times a whole sync on disk: `bench_write ENGINE [GRANTS [MEMORY_MIB [none|batch|operation]]]` puts that many grants as
//! messages in calls of 1,000, ends the sync, publishes it, and prints a line a step.
//!
//! | engine | what |
//! |---|---|
//! | `pebble` | our engine, a v3 file |
//! | `sqlite` | the same contract on SQLite, a v1 file; feature `sqlite` |
//! | `loader` | rows into SQLite without a contract: no journal, plain indexes built at the end; feature `sqlite` |
//!
//! The making of the messages is in the time of the writing. Peak memory over the budget is an error.
#![expect(clippy::print_stdout, reason = "the figures are the point of the run")]

#[cfg(feature = "sqlite")]
mod loader;
mod made;
mod measure;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use c1z::MemoryBudget;
use c1z::engine::types::SyncType;
use c1z::engine::{PebbleOptions, PebbleStore, StorageEngine};
use c1z::ops::build::{PackOptions, publish_store};
use c1z::record::message;
use shingle::live::Durability;
use shingle::vfs::OsFs;

use measure::Run;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

pub(crate) const CALL: u64 = 1000;

/// What is to be written, and how.
pub(crate) struct Job<'a> {
    pub(crate) grants: u64,
    pub(crate) memory_mib: u64,
    pub(crate) durability: Durability,
    pub(crate) folder: &'a Path,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let engine = arguments.first().map_or("pebble", String::as_str);
    let number = |at: usize, default: u64| {
        let text = arguments.get(at);
        text.map_or(Ok(default), |text| text.parse::<u64>())
    };
    let folder = tempfile::tempdir()?;
    let job = Job {
        grants: number(1, 1_000_000)?,
        memory_mib: number(2, 256)?,
        durability: match arguments.get(3).map(String::as_str) {
            Some("none") => Durability::None,
            Some("operation") => Durability::PerOperation,
            _ => Durability::PerBatch,
        },
        folder: folder.path(),
    };
    println!("{engine}, {} grants, {:?}", job.grants, job.durability);
    let run = Run::start(folder.path());
    let file_len = match engine {
        "pebble" => pebble(&job, &run)?,
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite::write(&job, &run)?,
        #[cfg(feature = "sqlite")]
        "loader" => loader::write(&job, &run)?,
        other => return Err(format!("no such engine in this build engine=`{other}`").into()),
    };
    let taken = run.end();
    let messages = message::encode(&made::grant(0)).len() as u64 * job.grants;
    #[expect(clippy::cast_precision_loss, reason = "a factor for people")]
    let amplification = taken.written as f64 / messages as f64;
    println!(
        "  {:.2} s wall, {:.2} s processor, {} MiB peak memory, {} MiB written ({amplification:.1} times the messages), \
         {} MiB peak disk, {file_len} bytes of file",
        taken.wall,
        taken.cpu,
        taken.peak_mib,
        taken.written >> 20,
        taken.peak_disk >> 20,
    );
    if taken.peak_mib > job.memory_mib {
        let peak = taken.peak_mib;
        return Err(format!("peak memory is over the budget mib=`{peak}`").into());
    }
    Ok(())
}

/// Puts the grants of a job.
pub(crate) fn put(engine: &dyn StorageEngine, job: &Job<'_>, run: &Run) -> Outcome<()> {
    engine.start_new_sync(&SyncType::Full, "")?;
    let mut next = 0;
    while next < job.grants {
        let end = job.grants.min(next + CALL);
        let call: Vec<_> = (next..end).map(made::grant).collect();
        engine.put_grants(&call)?;
        next = end;
    }
    run.mark("written");
    engine.end_sync()?;
    run.mark("sealed");
    Ok(())
}

/// How a file is packed within the memory of a job.
pub(crate) fn pack(job: &Job<'_>) -> PackOptions {
    let mut pack = PackOptions::default();
    pack.write.budget = MemoryBudget::new(job.memory_mib << 20);
    pack
}

/// Our engine.
fn pebble(job: &Job<'_>, run: &Run) -> Outcome<u64> {
    let options = PebbleOptions {
        durability: job.durability,
        // The block cache, the allocator and the messages take the rest.
        memory_bytes_max: (job.memory_mib << 20) / 2,
        ..PebbleOptions::default()
    };
    let store = PebbleStore::create_in(Arc::new(OsFs), job.folder.join("db"), options)?;
    put(store.engine(), job, run)?;
    let file = publish_store(&store, &job.folder.join("out.c1z"), &pack(job))?;
    run.mark("published");
    Ok(file.envelope.file_len)
}
