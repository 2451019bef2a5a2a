//! How a file is checked.

use std::path::PathBuf;
use std::sync::Arc;

use shingle::vfs::{Clock, Entropy, Fs, OsClock, OsEntropy, OsFs};

use crate::budget::MemoryBudget;
use crate::envelope::{LimitOptions, Variables};

/// How much of a file is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Head, tail, frame index, manifest, MANIFEST, footers and properties of tables, and what they
    /// say of each other. Reads some blocks a table.
    Quick,
    /// Everything: every byte is read.
    #[default]
    Full,
}

/// How a file is checked.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// How much; default all.
    pub depth: Depth,
    /// Where the file is.
    pub fs: Arc<dyn Fs>,
    /// The seed of hashes.
    pub entropy: Arc<dyn Entropy>,
    /// Where rows of indexes that disagree are sorted when they do not fit the memory; default the
    /// system's folder for temporary files. Nothing is written there otherwise.
    pub scratch: PathBuf,
    /// Memory for caches, decoded frames and sorting; default 96 MiB.
    pub budget: MemoryBudget,
    /// Threads; default the processors of the machine, at most 4.
    pub threads: usize,
    /// Findings of one kind that are kept; all are counted. Default 10.
    pub examples_max: usize,
    /// Limits on what a file may decode to.
    pub limits: LimitOptions,
    /// Environment variables that limit decoding.
    pub variables: Variables,
    /// Tells when the observer has heard nothing for too long; default that of the system.
    pub clock: Arc<dyn Clock>,
}

/// Memory of a check that is not told otherwise, bytes.
const BUDGET_BYTES: u64 = 96 << 20;
/// More threads only wait for each other.
const THREADS_MAX: usize = 4;

impl Default for VerifyOptions {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            depth: Depth::default(),
            fs: Arc::new(OsFs),
            entropy: Arc::new(OsEntropy),
            scratch: std::env::temp_dir(),
            budget: MemoryBudget::new(BUDGET_BYTES),
            threads: processors.min(THREADS_MAX),
            examples_max: 10,
            limits: LimitOptions::default(),
            variables: Variables::from_lookup(|name| std::env::var(name).ok()),
            clock: Arc::new(OsClock),
        }
    }
}
