//! The life of a folder of syncs and of files made from it: what may be interrupted at any moment.
//!
//! The life is a list of [`Deed`]s that depends on nothing. Each is one thing that happens as a whole or not at all, and can be done again:
//! whoever was interrupted goes on with the deed that was not acknowledged. Ids and times follow from the number of the deed, so
//! what is there after each deed is known beforehand ([`super::Seen`]).

use std::path::PathBuf;
use std::sync::Arc;

use c1z::engine::types::Timestamp;
use c1z::{MemoryBudget, OpenOptions};
use shingle::vfs::Fs;

use super::scribe::Scribe;
use super::{Deed, deeds};
use crate::clock::ManualClock;
use crate::{Error, Result};

pub(super) const BEGIN: Timestamp = Timestamp {
    seconds: 1_800_000_000,
    nanos: 0,
};

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Retention deletes one sync after another.
    OneByOne,
    /// A merged file is copied to its place piece by piece.
    CopiedInPlace,
    /// Calls return before what they wrote is in a log.
    NoLog,
}

/// A folder, and the files that are made beside it.
#[derive(Clone, Debug)]
pub struct Annals {
    /// Where files are.
    pub fs: Arc<dyn Fs>,
    /// Holds the folder `syncs` and the files.
    pub dir: PathBuf,
    /// What is wrong on purpose.
    pub flaw: Option<Flaw>,
}

/// What happens on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The deed begins.
    Begun(usize),
    /// The deed is acknowledged.
    Done(usize),
}

impl Annals {
    /// The folder.
    pub fn folder(&self) -> PathBuf {
        self.dir.join("syncs")
    }

    /// A file beside it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The names of all files that are made, each once.
    pub fn files() -> Vec<&'static str> {
        let mut names: Vec<&'static str> = Vec::new();
        for deed in deeds() {
            match deed {
                Deed::Publish(_, file) | Deed::Merge(_, file) => names.push(file),
                Deed::Pair(_, files) => names.extend(files),
                _ => {}
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How files and syncs are read.
    pub fn reading(&self) -> OpenOptions {
        OpenOptions {
            fs: Arc::clone(&self.fs),
            clock: Arc::new(ManualClock::at(BEGIN)),
            budget: MemoryBudget::new(16 << 20),
            ..OpenOptions::default()
        }
    }

    /// Does deeds from the given one to the last.
    pub fn run(&self, from: usize, watch: &mut dyn FnMut(Turn)) -> Result<()> {
        let deeds = deeds();
        let mut scribe = Scribe::new(self, &deeds);
        for (index, deed) in deeds.iter().enumerate().skip(from) {
            watch(Turn::Begun(index));
            let done = scribe.perform(index, deed);
            done.map_err(|error| Error::new(format!("{deed:?}: {error:?}")))?;
            watch(Turn::Done(index));
        }
        Ok(())
    }
}
