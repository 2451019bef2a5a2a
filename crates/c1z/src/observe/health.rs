//! Whether a store is well, and what it is made of (end of `store-contract` §9).
//!
//! A look at the health is cheap: it reads what a store counts anyway, the list of its syncs and one row of each kind. It says
//! what it did not look at; whether every byte is right says [`crate::ops::verify`].

use std::fmt;
use std::time::Duration;

use super::figures::{Figures, LevelFigures};
use crate::engine::page::PageRequest;
use crate::engine::types::SyncRun;
use crate::engine::{EntitlementFilter, GrantFilter, Reader, ResourceFilter, Scope};
use crate::error::ErrorKind;
use crate::{Error, Result};

/// How a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    /// Nothing stands out.
    Healthy,
    /// It works, and somebody should look at it.
    Degraded,
    /// It does not do what it is for.
    Unhealthy,
}

impl HealthState {
    /// `healthy`, `degraded`, `unhealthy`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// From where on a store is not healthy any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthLimits {
    /// Bytes on disk; default 10 GiB.
    pub size_max: u64,
    /// Slow calls since measuring began; default 100.
    pub slow_max: u64,
    /// Percent of the memory budget in use; default 90.
    pub memory_percent_max: u64,
}

impl Default for HealthLimits {
    fn default() -> Self {
        Self {
            size_max: 10 << 30,
            slow_max: 100,
            memory_percent_max: 90,
        }
    }
}

/// Why a store is not healthy. Prints as one line, which says nothing of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is large.
    Size {
        /// Bytes on disk.
        bytes: u64,
        /// How many there should be at most.
        max: u64,
    },
    /// Many calls were slow.
    SlowOperations {
        /// How many.
        count: u64,
        /// How many there should be at most.
        max: u64,
    },
    /// Its memory is nearly used up.
    Memory {
        /// Bytes in use.
        used: u64,
        /// Bytes there are.
        limit: u64,
    },
    /// Files that nobody needs could not be removed.
    RemovalsFailed(u64),
    /// A user should know something before trusting an answer.
    Warning(String),
    /// It cannot be written to any more: an earlier write failed.
    Poisoned,
    /// A read failed.
    Probe {
        /// What was read.
        what: &'static str,
        /// How it failed.
        kind: ErrorKind,
    },
}

impl Reason {
    /// How bad it is.
    pub const fn state(&self) -> HealthState {
        match self {
            Self::Poisoned | Self::Probe { .. } => HealthState::Unhealthy,
            _ => HealthState::Degraded,
        }
    }

    /// A name for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Size { .. } => "size",
            Self::SlowOperations { .. } => "slow_operations",
            Self::Memory { .. } => "memory",
            Self::RemovalsFailed(_) => "removals_failed",
            Self::Warning(_) => "warning",
            Self::Poisoned => "poisoned",
            Self::Probe { .. } => "probe",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { bytes, max } => {
                write!(f, "{bytes} bytes on disk, more than {max}: split it, or clean up")
            }
            Self::SlowOperations { count, max } => {
                write!(f, "{count} slow calls, more than {max}: see the slow log")
            }
            Self::Memory { used, limit } => {
                write!(f, "{used} of {limit} bytes of memory are in use: raise the budget")
            }
            Self::RemovalsFailed(count) => write!(
                f,
                "{count} files could not be removed: look at the rights; the next opening tries again"
            ),
            Self::Warning(text) => f.write_str(text),
            Self::Poisoned => f.write_str(
                "an earlier write failed and nothing is written any more: look at the disk, then open again",
            ),
            Self::Probe { what, kind } => write!(
                f,
                "reading {what} failed: {}; `c1z verify` tells more",
                kind.as_str()
            ),
        }
    }
}

/// How a store is, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    reasons: Vec<Reason>,
}

/// What a look at the health never looks at.
pub const NOT_LOOKED_AT: &str =
    "checksums, indexes and counts of what was not read (`c1z verify` reads everything)";

impl Health {
    /// The worst of all reasons; healthy without any.
    pub fn state(&self) -> HealthState {
        let states = self.reasons.iter().map(Reason::state);
        states.max().unwrap_or(HealthState::Healthy)
    }

    /// Why it is not healthy, the worst first.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// What the figures of a store say.
    pub fn of_figures(figures: &Figures, slow: u64, limits: &HealthLimits) -> Self {
        let mut health = Self::default();
        if figures.size > limits.size_max {
            health.add(Reason::Size {
                bytes: figures.size,
                max: limits.size_max,
            });
        }
        if slow > limits.slow_max {
            health.add(Reason::SlowOperations {
                count: slow,
                max: limits.slow_max,
            });
        }
        let (used, limit) = (figures.memory_used, figures.memory_limit);
        let share = u128::from(limit) * u128::from(limits.memory_percent_max) / 100;
        if u128::from(used) > share {
            health.add(Reason::Memory { used, limit });
        }
        if figures.removals_failed > 0 {
            health.add(Reason::RemovalsFailed(figures.removals_failed));
        }
        health
    }

    /// One more reason.
    pub fn add(&mut self, reason: Reason) {
        self.reasons.push(reason);
        self.reasons
            .sort_by_key(|reason| std::cmp::Reverse(reason.state()));
    }

    /// Warnings of a store are reasons too.
    pub(crate) fn warned(mut self, warnings: &[String]) -> Self {
        for warning in warnings {
            self.add(Reason::Warning(warning.clone()));
        }
        self
    }

    /// Reads the list of syncs, and one row of each kind of the latest finished one, which have to be readable.
    ///
    /// # Complexity
    /// O(syncs) for the list, and the blocks that hold these rows.
    #[must_use]
    pub(crate) fn probed(mut self, reader: &dyn Reader) -> Self {
        if let Err((what, error)) = probe(reader) {
            let kind = error.kind();
            self.add(match kind {
                ErrorKind::Poisoned => Reason::Poisoned,
                kind => Reason::Probe { what, kind },
            });
        }
        self
    }
}

type Probed<T = ()> = std::result::Result<T, (&'static str, Error)>;

fn probe(reader: &dyn Reader) -> Probed {
    let read = |what, read: Result<()>| read.map_err(|error| (what, error));
    let first = PageRequest::first(1);
    let syncs = reader.list_sync_runs(&first).map(drop);
    read("the list of syncs", syncs)?;
    let latest = reader.latest_finished_sync(None);
    let latest: Option<SyncRun> = latest.map_err(|error| ("the latest finished sync", error))?;
    let Some(run) = latest else { return Ok(()) };
    let scope = Scope::Sync(run.id);
    let types = reader.list_resource_types(&scope, &first).map(drop);
    read("resource types", types)?;
    let resources = reader.list_resources(&scope, &ResourceFilter::default(), &first);
    read("resources", resources.map(drop))?;
    let entitlements = reader.list_entitlements(&scope, &EntitlementFilter::default(), &first);
    read("entitlements", entitlements.map(drop))?;
    let grants = reader.list_grants(&scope, &GrantFilter::default(), &first);
    read("grants", grants.map(drop))
}

/// What a store is made of, and what it did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemStatistics {
    /// Time since measuring began; none where nobody measures.
    pub uptime: Option<Duration>,
    /// Bytes on disk.
    pub size: u64,
    /// Bytes of write-ahead logs.
    pub log_size: u64,
    /// Tables and bytes of each level; all 0 for what has no levels.
    pub levels: [LevelFigures; 7],
    /// Merges of runs, and ranges compacted on request.
    pub compactions: u64,
    /// Calls that took longer than the threshold of the slow log; none where nobody measures.
    pub slow_operations: Option<u64>,
}

impl From<&Figures> for SystemStatistics {
    fn from(figures: &Figures) -> Self {
        Self {
            uptime: None,
            size: figures.size,
            log_size: figures.log_size,
            levels: figures.levels,
            compactions: figures.compactions,
            slow_operations: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_its_reason() {
        let limits = HealthLimits::default();
        let well = Figures {
            size: 10 << 30,
            memory_limit: 100,
            memory_used: 90,
            ..Figures::default()
        };
        let health = Health::of_figures(&well, 100, &limits);
        assert_eq!(health.state(), HealthState::Healthy);
        let ill = Figures {
            size: (10 << 30) + 1,
            memory_limit: 100,
            memory_used: 91,
            removals_failed: 1,
            ..Figures::default()
        };
        let health = Health::of_figures(&ill, 101, &limits);
        let names: Vec<_> = health.reasons().iter().map(Reason::as_str).collect();
        assert_eq!(
            names,
            ["size", "slow_operations", "memory", "removals_failed"]
        );
        assert_eq!(health.state(), HealthState::Degraded);
    }

    #[test]
    fn the_worst_reason_decides_and_comes_first() {
        let mut health = Health::default().warned(&["half".to_owned()]);
        health.add(Reason::Poisoned);
        assert_eq!(health.state(), HealthState::Unhealthy);
        assert_eq!(health.reasons().first(), Some(&Reason::Poisoned));
    }
}
