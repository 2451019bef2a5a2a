//! How a conversion is done.

use std::path::PathBuf;
use std::sync::Arc;

use shingle::vfs::{Clock, Entropy, Fs, OsClock, OsEntropy, OsFs};

use super::format::FileFormat;
use super::loss::EXAMPLES_MAX;
use crate::Result;
use crate::budget::MemoryBudget;
use crate::engine::types::SyncId;
use crate::envelope::{
    Existing, LEVEL_DEFAULT, LimitOptions, PayloadEncoding, Variables, WriteOptions,
};
use crate::ops::build::PackOptions;
use crate::ops::observe::SharedObserver;
use crate::ops::{NoObserver, Observer, Pulse};
use crate::v1_tables::Zone;

/// Which syncs are converted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SyncChoice {
    /// All that the output can hold. If it holds one: the only sync there is; of several the newest
    /// finished full one, else the newest finished one, else the newest.
    #[default]
    All,
    /// The newest finished full sync, which must exist.
    LatestFull,
    /// The one with this id.
    Id(SyncId),
}

/// What goes along with the records of a v1 file into a v3 file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carry {
    /// Everything.
    #[default]
    All,
    /// What the original implementation takes along (`store-contract` §4.7): tokens and session
    /// entries of unfinished syncs, verification of finished ones.
    AsGo,
}

/// How a conversion is done. The output depends on `sync`, `carry`, `zone`, `encoding` and `level`
/// alone.
#[derive(Clone)]
pub struct ConvertOptions {
    /// Where files are.
    pub fs: Arc<dyn Fs>,
    /// Names of temporary files.
    pub entropy: Arc<dyn Entropy>,
    /// Format of the output; default what its name says.
    pub to: Option<FileFormat>,
    /// Which syncs are converted; default all.
    pub sync: SyncChoice,
    /// Whether a chosen sync has to be finished; default no.
    pub finished_only: bool,
    /// What goes along; default everything.
    pub carry: Carry,
    /// Whether syncs and records may disappear; default no.
    pub allow_loss: bool,
    /// Examples of each kind of loss that are kept; default [`EXAMPLES_MAX`].
    pub loss_examples_max: usize,
    /// What happens when the output exists; default it stays, and the conversion is refused.
    pub existing: Existing,
    /// Memory; default 256 MiB.
    pub budget: MemoryBudget,
    /// Threads that sort, compress and write; default the processors of the machine, at most 8.
    pub threads: usize,
    /// Where temporary files go; default beside the output.
    pub temporary: Option<PathBuf>,
    /// Zone whose wall clock v1 files tell; default UTC.
    pub zone: Zone,
    /// Layout of a v3 payload; default frames with an index.
    pub encoding: PayloadEncoding,
    /// Level of compression, 1 (fast) to 22 (small); default [`LEVEL_DEFAULT`].
    pub level: i32,
    /// Limits on what the input may decode to.
    pub limits: LimitOptions,
    /// Environment variables that limit decoding.
    pub variables: Variables,
    /// Watches the conversion.
    pub observer: Arc<dyn Observer>,
    /// Tells when the observer has heard nothing for too long; default that of the system.
    pub clock: Arc<dyn Clock>,
}

impl ConvertOptions {
    /// Does `work` with these options, but on files that tell the observer of every read and write ([`Pulse`]).
    pub(in crate::ops) fn watched<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let observer = SharedObserver::new(Arc::clone(&self.observer));
        let pulse = Pulse::new(observer, Arc::clone(&self.clock));
        pulse.end(work(&Self {
            fs: pulse.fs(Arc::clone(&self.fs)),
            observer: pulse.observer(),
            ..self.clone()
        }))
    }

    /// How the output is packed and published.
    pub(in crate::ops) fn pack_options(&self) -> PackOptions {
        PackOptions {
            fs: Arc::clone(&self.fs),
            entropy: Arc::clone(&self.entropy),
            existing: self.existing,
            temporary: self.temporary.clone(),
            clock: Arc::clone(&self.clock),
            observer: SharedObserver::new(Arc::clone(&self.observer)),
            write: WriteOptions {
                encoding: self.encoding,
                level: self.level,
                threads: self.threads,
                budget: self.budget.clone(),
                ..WriteOptions::default()
            },
        }
    }
}

impl Default for ConvertOptions {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            fs: Arc::new(OsFs),
            entropy: Arc::new(OsEntropy),
            to: None,
            sync: SyncChoice::default(),
            finished_only: false,
            carry: Carry::default(),
            allow_loss: false,
            loss_examples_max: EXAMPLES_MAX,
            existing: Existing::Keep,
            budget: MemoryBudget::default(),
            threads: processors.min(8),
            temporary: None,
            zone: Zone::utc(),
            encoding: PayloadEncoding::IndexedZstd,
            level: LEVEL_DEFAULT,
            limits: LimitOptions::default(),
            variables: Variables::from_lookup(|name| std::env::var(name).ok()),
            observer: Arc::new(NoObserver),
            clock: Arc::new(OsClock),
        }
    }
}

impl std::fmt::Debug for ConvertOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConvertOptions")
            .field("to", &self.to)
            .field("sync", &self.sync)
            .field("carry", &self.carry)
            .field("allow_loss", &self.allow_loss)
            .finish_non_exhaustive()
    }
}
