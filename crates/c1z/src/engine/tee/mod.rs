//! Two engines side by side: each call goes to both, and the answers are compared (`store-contract` §8.1).
//!
//! ```text
//!              +--> primary --+
//! call --> Tee |              | compare --> the primary's answer, or a report
//!              +--> shadow ---+
//! ```
//!
//! Compared are results (values, and errors by kind), pages and streams row by row in any order, and now and then all
//! that can be read of both ([`compare`]). What may differ stands in [`projection`] and nowhere else. A [`Report`] names
//! the call, the first field that differs, and a line to find the place again.
//!
//! Both engines have to agree on time and on the ids of new syncs: see [`pair`], whose constructors make them. A tee over a
//! live store costs both engines' time, a lock around each call, and a comparison of all rows at each interval; memory is
//! that of the engines, of rows that the two list in different order until both have come, and of 4,096 page tokens.

mod answer;
mod compare;
mod journal;
mod lifecycle;
mod listing;
pub mod pair;
pub mod projection;
mod read;
mod report;
mod row;
mod stream;
mod write;

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

pub use compare::{CompareOptions, Comparison, KindCounts, compare};
pub use pair::CallClock;
pub use projection::Allowed;
pub use report::{Difference, Report};

use self::journal::Journal;
use self::report::Call;
#[cfg(feature = "sqlite")]
use super::SqliteStore;
use super::model::Model;
use super::{PebbleStore, StorageEngine};
use crate::budget::MemoryBudget;
use crate::{Error, ErrorKind, Result};

/// Something that holds an engine.
pub trait HasEngine: Send + Sync {
    /// The engine.
    fn engine(&self) -> &dyn StorageEngine;
}

impl HasEngine for PebbleStore {
    fn engine(&self) -> &dyn StorageEngine {
        PebbleStore::engine(self)
    }
}

#[cfg(feature = "sqlite")]
impl HasEngine for SqliteStore {
    fn engine(&self) -> &dyn StorageEngine {
        SqliteStore::engine(self)
    }
}

impl HasEngine for Model {
    fn engine(&self) -> &dyn StorageEngine {
        self
    }
}

impl<A: HasEngine, B: HasEngine> HasEngine for Tee<A, B> {
    fn engine(&self) -> &dyn StorageEngine {
        self
    }
}

/// What a tee does when its engines differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The call fails with `Internal`, which carries the report; later writes are refused as `Poisoned`.
    #[default]
    Fail,
    /// The report is kept and logged as a warning, and the primary's answer is returned.
    Log,
}

/// How a tee works.
#[derive(Clone, Debug)]
pub struct TeeOptions {
    /// What happens when the engines differ; default: the call fails.
    pub mode: Mode,
    /// Writes between comparisons of all that can be read; 0: none; default 64. A comparison reads all rows of both.
    pub state_every: u64,
    /// Whether all is compared when a sync is started, resumed, bound, viewed, ended or deleted; default yes.
    pub state_at_transitions: bool,
    /// What may differ; default nothing but what [`projection`] allows any two engines.
    pub allowed: Allowed,
    /// Where the calls come from, such as a seed; stands in each report's line to replay.
    pub origin: String,
    /// Reports that are kept; later ones are counted. Default 100.
    pub reports_max: usize,
    /// The clock of both engines, which stands still during a call; default none: they have one of their own.
    pub clock: Option<Arc<CallClock>>,
    /// Memory for comparisons of all that can be read.
    pub budget: MemoryBudget,
}

impl Default for TeeOptions {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            state_every: 64,
            state_at_transitions: true,
            allowed: Allowed::default(),
            origin: String::new(),
            reports_max: 100,
            clock: None,
            budget: MemoryBudget::default(),
        }
    }
}

/// Two engines that have to answer alike. See the [module](self).
///
/// ```
/// # fn main() -> c1z::Result<()> {
/// use c1z::engine::tee::{Tee, TeeOptions};
/// use c1z::engine::types::SyncType;
/// use c1z::engine::{Lifecycle, PebbleOptions, Writer};
/// use c1z_proto::connector::v2::ResourceType;
///
/// let tee = Tee::pebble_and_model(PebbleOptions::default(), TeeOptions::default())?;
/// tee.start_new_sync(&SyncType::Full, "")?;
/// tee.put_resource_types(&[ResourceType { id: "user".into(), ..Default::default() }])?;
/// tee.end_sync()?;
/// assert!(tee.reports().is_empty());
/// # Ok(())
/// # }
/// ```
pub struct Tee<A, B> {
    primary: A,
    shadow: B,
    options: TeeOptions,
    journal: Arc<Journal>,
    /// Writes go to both engines in the same order; reads see both between two writes.
    gate: RwLock<()>,
}

/// When all that can be read is compared after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Every so many calls.
    Write,
    /// Always, unless it is switched off.
    Transition,
}

impl<A: HasEngine, B: HasEngine> Tee<A, B> {
    /// A tee over two engines that hold the same, such as nothing.
    pub fn new(primary: A, shadow: B, options: TeeOptions) -> Self {
        let journal = Arc::new(Journal::new(&options));
        Self {
            primary,
            shadow,
            options,
            journal,
            gate: RwLock::new(()),
        }
    }

    /// The engines, for closing and opening them.
    pub fn into_parts(self) -> (A, B, TeeOptions) {
        (self.primary, self.shadow, self.options)
    }

    /// The engine whose answers are returned.
    pub fn primary(&self) -> &A {
        &self.primary
    }

    /// The engine that is compared with.
    pub fn shadow(&self) -> &B {
        &self.shadow
    }

    /// What was found to differ, the first first.
    pub fn reports(&self) -> Vec<Report> {
        self.journal.reports()
    }

    /// Calls that were compared.
    pub fn operations(&self) -> u64 {
        self.journal.operations.load(Ordering::Relaxed)
    }

    /// Differences found, including those whose report was not kept.
    pub fn differences(&self) -> u64 {
        self.journal.differences.load(Ordering::Relaxed)
    }

    /// Reads that only the primary answered: pages whose token is not one that this tee gave out lately, and what
    /// [`projection`] leaves undecided.
    pub fn uncompared(&self) -> u64 {
        self.journal.uncompared.load(Ordering::Relaxed)
    }

    /// Compares all that can be read of both now.
    ///
    /// # Errors
    /// `Internal` when they differ, in [`Mode::Fail`]; what reading returns.
    pub fn compare_state(&self) -> Result<()> {
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let call = Call {
            name: "compare_state",
            arguments: &[],
        };
        let operation = self.journal.next_operation();
        let difference = self.state_difference()?;
        self.judge(operation, &call, difference, Ok(()))
    }

    fn engines(&self) -> (&dyn StorageEngine, &dyn StorageEngine) {
        (self.primary.engine(), self.shadow.engine())
    }

    /// The first difference in what can be read of both.
    fn state_difference(&self) -> Result<Option<Difference>> {
        let (primary, shadow) = self.engines();
        if let Some(handle) = compare::handles(primary, shadow) {
            return Ok(Some(handle));
        }
        let options = CompareOptions {
            allowed: self.options.allowed,
            budget: self.options.budget.clone(),
            examples_max: 1,
            sync: None,
        };
        let found = compare(primary, shadow, &options, &crate::ops::NoObserver)?;
        Ok(found.into_first())
    }

    /// Whether all has to be compared after this call.
    fn state_is_due(&self, pace: Pace) -> bool {
        let writes = self.journal.generation.fetch_add(1, Ordering::Relaxed) + 1;
        match pace {
            Pace::Transition => self.options.state_at_transitions,
            Pace::Write => {
                self.options.state_every > 0 && writes.is_multiple_of(self.options.state_every)
            }
        }
    }

    /// Writes are refused once the engines are known to differ.
    fn check_usable(&self) -> Result<()> {
        if self.options.mode == Mode::Fail && self.differences() > 0 {
            return Err(Error::new(
                ErrorKind::Poisoned,
                "the engines of the tee differ; nothing more is written",
            )
            .with_hint("the report of the first difference says how to come there again"));
        }
        Ok(())
    }

    /// The primary's answer, or what follows from a difference.
    fn judge<T>(
        &self,
        operation: u64,
        call: &Call<'_>,
        difference: Option<Difference>,
        answer: Result<T>,
    ) -> Result<T> {
        match difference {
            None => answer,
            Some(difference) => match self.journal.report(operation, &call.owned(), difference) {
                Some(error) => Err(error),
                None => answer,
            },
        }
    }
}

impl<A: HasEngine, B: HasEngine> fmt::Debug for Tee<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (primary, shadow) = self.engines();
        write!(f, "Tee({primary:?}, {shadow:?})")
    }
}
