//! One run of the program: opens what is there, goes on, publishes.

use std::path::PathBuf;
use std::sync::Arc;

use c1z::engine::{PebbleOptions, PebbleStore};
use c1z::envelope::Existing;
use c1z::ops::build::{PackOptions, publish_store};
use shingle::live::{CompactionPolicy, Durability};
use shingle::vfs::Fs;

use super::Script;
use crate::clock::ManualClock;
use crate::{Error, Result};

/// How a store is made small, so that everything happens soon.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Bytes of writes that make a run.
    pub write_buffer_bytes: u64,
    /// Runs that are merged.
    pub fan_in: usize,
    /// Threads that sort and compress; above one, runs are written on a thread of their own too.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 10,
            write_buffer_bytes: 8 << 10,
            fan_in: 3,
            threads: 1,
        }
    }
}

/// A fault that a test plants to see its instrument report it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Whoever resumes leaves out two actions half way to the end: one at least is a batch, and hardly ever one that was
    /// written before.
    ForgottenBatch,
    /// Calls return before what they wrote is in a log.
    NoLog,
}

/// What a run says on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The store is open; the run goes on with this action.
    Opened(usize),
    /// The action begins.
    Begun(usize),
    /// The action is acknowledged.
    Done(usize),
    /// The file is being made.
    Publishing,
    /// The file is there.
    Published,
}

/// Where a sync is written and how.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Where files are.
    pub fs: Arc<dyn Fs>,
    /// Directory of the store.
    pub dir: PathBuf,
    /// The file that is published; one that is there is replaced.
    pub output: PathBuf,
    /// How small.
    pub settings: Settings,
    /// What is wrong on purpose.
    pub planted: Option<Planted>,
}

impl Journey {
    /// Opens the store, making it if there is none.
    pub fn open(&self, script: &Script) -> Result<(PebbleStore, Arc<ManualClock>)> {
        let (options, clock) = script.options()?;
        let no_log = self.planted == Some(Planted::NoLog);
        let options = PebbleOptions {
            memory_bytes_max: self.settings.memory_bytes,
            write_buffer_bytes_max: self.settings.write_buffer_bytes,
            compaction: CompactionPolicy {
                fan_in: self.settings.fan_in,
                background: self.settings.threads > 1,
            },
            threads: self.settings.threads,
            durability: if no_log {
                Durability::None
            } else {
                Durability::PerBatch
            },
            ..options
        };
        let store = PebbleStore::create_in(Arc::clone(&self.fs), &self.dir, options);
        let store = store.map_err(|error| Error::new(format!("open: {error:?}")))?;
        Ok((store, clock))
    }

    /// Goes from where the directory stands to the published file.
    pub fn run(&self, script: &Script, watch: &mut dyn FnMut(Event)) -> Result<()> {
        let (store, clock) = self.open(script)?;
        let (position, mut syncs) = script.position(&store)?;
        watch(Event::Opened(position));
        let is_forgetful = self.planted == Some(Planted::ForgottenBatch) && position > 0;
        let half_way = position.midpoint(script.end().max(position));
        for index in position..script.actions().len() {
            if is_forgetful && (half_way..half_way + 2).contains(&index) && index < script.end() {
                continue;
            }
            watch(Event::Begun(index));
            script.perform(index, &store, &clock, &mut syncs)?;
            watch(Event::Done(index));
        }
        watch(Event::Publishing);
        let mut pack = PackOptions {
            fs: Arc::clone(&self.fs),
            existing: Existing::Replace,
            ..PackOptions::default()
        };
        pack.write.threads = self.settings.threads;
        publish_store(&store, &self.output, &pack)
            .map_err(|error| Error::new(format!("publish: {error:?}")))?;
        watch(Event::Published);
        Ok(())
    }
}
