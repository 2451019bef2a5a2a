//! Rows in order, to be walked as a whole or in parts, by any number of threads at once.

use std::ops::Range;
use std::sync::Arc;

use super::arena::Arena;
use super::run::Runs;
use crate::Result;
use crate::iter::{Bounds, Merge};

/// What a [`super::Sorter`] sorted. Clones share the rows; runs are removed with the last of them.
#[derive(Clone, Debug)]
pub struct Sorted {
    place: Place,
    newest_only: bool,
}

#[derive(Clone, Debug)]
enum Place {
    Memory(Arc<Arena>),
    Runs(Arc<Runs>),
}

impl Sorted {
    pub(super) fn in_memory(arena: Arena, newest_only: bool) -> Self {
        Self {
            place: Place::Memory(Arc::new(arena)),
            newest_only,
        }
    }

    pub(super) fn in_runs(runs: Runs, newest_only: bool) -> Self {
        Self {
            place: Place::Runs(Arc::new(runs)),
            newest_only,
        }
    }

    /// Whether the rows fitted the memory budget and nothing was written.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.place, Place::Memory(_))
    }

    /// The rows within `bounds`, in order.
    pub fn scan(&self, bounds: Bounds) -> SortedScan {
        let source = match &self.place {
            Place::Memory(arena) => {
                let rows = arena.range(bounds.lower(), bounds.upper());
                Source::Memory(Arc::clone(arena), rows)
            }
            Place::Runs(runs) => Source::Runs {
                merge: runs.merge(bounds),
                started: false,
            },
        };
        SortedScan {
            source,
            newest_only: self.newest_only,
            key: Vec::new(),
            has_key: false,
        }
    }
}

/// A row of a [`SortedScan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortedRow<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Whether no newer row with this key came before it.
    pub is_newest: bool,
}

/// A walk over sorted rows, forwards.
pub struct SortedScan {
    source: Source,
    newest_only: bool,
    /// The key of the last row, if there was one.
    key: Vec<u8>,
    has_key: bool,
}

enum Source {
    Memory(Arc<Arena>, Range<usize>),
    Runs { merge: Merge<Runs>, started: bool },
}

impl SortedScan {
    /// Moves to the next row and lends it; `None` behind the last one.
    ///
    /// # Errors
    /// `Io` and `Corrupt` from reading runs back.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend from itself"
    )]
    pub fn next(&mut self) -> Result<Option<SortedRow<'_>>> {
        loop {
            if !self.advance()? {
                return Ok(None);
            }
            let Some((key, _)) = self.source.row() else {
                return Ok(None);
            };
            let is_newest = !self.has_key || self.key != key;
            if !is_newest && self.newest_only {
                continue;
            }
            if is_newest {
                self.key.clear();
                self.key.extend_from_slice(key);
                self.has_key = true;
            }
            // Taken again: a row cannot be lent from within a loop.
            let row = self.source.row();
            return Ok(row.map(|(key, value)| SortedRow {
                key,
                value,
                is_newest,
            }));
        }
    }

    /// Moves to the next entry; whether there is one.
    fn advance(&mut self) -> Result<bool> {
        match &mut self.source {
            // The row at hand is the one before the range.
            Source::Memory(_, rows) => Ok(rows.next().is_some()),
            Source::Runs { merge, started } => {
                if !*started {
                    merge.seek_first()?;
                    *started = true;
                } else if merge.current().is_some() {
                    merge.step()?;
                }
                Ok(merge.current().is_some())
            }
        }
    }
}

impl Source {
    /// The row at hand.
    fn row(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Source::Memory(arena, rows) => {
                let (key, _, value) = arena.row(rows.start.checked_sub(1)?)?;
                Some((key, value))
            }
            Source::Runs { merge, .. } => Some((merge.current()?.0, merge.value())),
        }
    }
}
