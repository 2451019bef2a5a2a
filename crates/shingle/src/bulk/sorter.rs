//! An external sort of rows within a memory budget.
//!
//! Rows gather in an arena; when it is full it is sorted and leaves memory as a run, on another
//! thread if there is one, while the next arena fills. At the end the runs are merged; when there are
//! more than memory has room for, some are merged into larger ones first. Rows that fit the budget
//! are never written.
//!
//! What comes out depends on the rows and the order in which they were added, not on the budget or
//! the number of threads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::arena::{ARENA_MAX, Arena};
use super::run::{OPEN_LEN, Run, RunWriter, Runs, write_arena};
use super::scratch::Scratch;
use super::sorted::Sorted;
use crate::iter::Bounds;
use crate::sst::Compression;
use crate::{Error, ErrorKind, Result};

/// What happens to rows with a key that comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplicates {
    /// The row that was added last stays.
    #[default]
    KeepLast,
    /// All stay; the one that was added last comes first.
    KeepAll,
}

/// How rows are sorted.
#[derive(Clone, Copy, Debug)]
pub struct SortOptions {
    /// Memory for rows while they are added, and for open runs while they are merged; default
    /// 64 MiB, at least 64 KiB. A row that is larger is held alone for as long as it takes to write
    /// it. Less memory means more and smaller runs.
    pub memory_bytes: usize,
    /// Whether runs are written on a thread of their own, which halves the arenas; default true.
    pub background: bool,
    /// What happens to rows with a key that comes again.
    pub duplicates: Duplicates,
    /// Compression of runs; default Snappy.
    pub compression: Compression,
}

impl Default for SortOptions {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            background: true,
            duplicates: Duplicates::default(),
            compression: Compression::Snappy,
        }
    }
}

/// Least memory that a sort works with.
const MEMORY_MIN: usize = 64 << 10;
/// Most runs that are merged at once.
const FAN_IN_MAX: usize = 128;
/// Fewest runs that are merged at once.
const FAN_IN_MIN: usize = 4;

/// Gathers rows and sorts them.
#[derive(Debug)]
pub struct Sorter {
    options: SortOptions,
    scratch: Scratch,
    arena: Arena,
    /// Place of arrival of the first row of the arena.
    base: u64,
    rows: u64,
    runs: VecDeque<Run>,
    spill: Option<Spill>,
}

impl Sorter {
    /// A sort without rows; runs go to `scratch`.
    pub fn new(scratch: Scratch, options: SortOptions) -> Self {
        Self {
            options,
            scratch,
            arena: Arena::new(),
            base: 0,
            rows: 0,
            runs: VecDeque::new(),
            spill: None,
        }
    }

    /// Rows added so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `Io` from writing a run; `Exhausted` for a row of 4 GiB.
    ///
    /// # Complexity
    /// O(key + value); when the arena is full, sorting it: O(bytes of keys + n · log n).
    #[inline]
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let used = self.arena.used() + Arena::cost(key, value);
        if used > self.arena_max() && !self.arena.is_empty() {
            self.leave_memory()?;
        }
        if !self.arena.push(key, value) {
            let len = key.len().saturating_add(value.len());
            let message = format!("row is too long to be sorted len=`{len}`");
            return Err(Error::new(ErrorKind::Exhausted, message));
        }
        self.rows += 1;
        Ok(())
    }

    fn memory(&self) -> usize {
        self.options.memory_bytes.max(MEMORY_MIN)
    }

    fn arena_max(&self) -> usize {
        let arenas = if self.options.background { 2 } else { 1 };
        (self.memory() / arenas).min(ARENA_MAX)
    }

    /// Runs that are merged at once.
    fn fan_in(&self) -> usize {
        (self.memory() / OPEN_LEN).clamp(FAN_IN_MIN, FAN_IN_MAX)
    }

    /// Makes a run of the arena.
    fn leave_memory(&mut self) -> Result<()> {
        let mut full = self.take_arena()?;
        let base = self.base;
        // Offsets in the next arena start behind those of this one.
        self.base += full.used() as u64;
        let (scratch, options) = (self.scratch.clone(), self.options);
        if !self.options.background {
            full.sort();
            let run = write_sorted(&full, base, &scratch, options)?;
            full.clear();
            self.arena = full;
            self.runs.push_back(run);
            return Ok(());
        }
        let thread = Builder::new().name("sort".to_owned()).spawn(move || {
            full.sort();
            let run = write_sorted(&full, base, &scratch, options);
            full.clear();
            (run, full)
        });
        let thread = thread
            .map_err(|e| Error::new(ErrorKind::Io, "cannot start a thread").with_source(e))?;
        self.spill = Some(Spill(Some(thread)));
        Ok(())
    }

    /// The arena; in its place one that is empty, that of the run under way once it is written.
    fn take_arena(&mut self) -> Result<Arena> {
        let next = match self.spill.take() {
            Some(spill) => {
                let (run, emptied) = spill.wait()?;
                self.runs.push_back(run);
                emptied
            }
            None => Arena::new(),
        };
        Ok(std::mem::replace(&mut self.arena, next))
    }

    /// Sorts what was added.
    ///
    /// # Errors
    /// `Io` from writing runs, `Corrupt` from reading them back.
    pub fn finish(mut self) -> Result<Sorted> {
        let newest_only = self.options.duplicates == Duplicates::KeepLast;
        if self.runs.is_empty() && self.spill.is_none() {
            self.arena.sort();
            let arena = std::mem::take(&mut self.arena);
            return Ok(Sorted::in_memory(arena, newest_only));
        }
        if !self.arena.is_empty() {
            self.leave_memory()?;
        }
        // Waits for the last run; both arenas are given back before anything is merged.
        drop(self.take_arena()?);
        self.arena = Arena::new();
        self.merge_to(self.fan_in())?;
        let runs = std::mem::take(&mut self.runs);
        Ok(Sorted::in_runs(Runs::new(runs.into()), newest_only))
    }

    /// Hands what was added to `emit` in order and starts anew; for many small sorts, since memory is
    /// kept from one to the next.
    ///
    /// # Errors
    /// As [`Sorter::finish`], and the first error of `emit`.
    pub fn drain(&mut self, mut emit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        if self.runs.is_empty() && self.spill.is_none() {
            let newest_only = self.options.duplicates == Duplicates::KeepLast;
            self.arena.sort();
            self.rows = 0;
            let drained = self
                .arena
                .each(newest_only, |key, _, value| emit(key, value));
            self.arena.clear();
            return drained;
        }
        let fresh = Self::new(self.scratch.clone(), self.options);
        let mut scan = std::mem::replace(self, fresh).finish()?.scan(Bounds::all());
        while let Some(row) = scan.next()? {
            emit(row.key, row.value)?;
        }
        Ok(())
    }

    /// Merges runs until no more than `most` are left.
    fn merge_to(&mut self, most: usize) -> Result<()> {
        while self.runs.len() > most {
            let count = most.min(self.runs.len() - most + 1);
            let runs = self.runs.drain(..count).collect();
            let merged = self.merge(runs)?;
            self.runs.push_back(merged);
        }
        Ok(())
    }

    fn merge(&self, runs: Vec<Run>) -> Result<Run> {
        let newest_only = self.options.duplicates == Duplicates::KeepLast;
        let mut writer = RunWriter::new(&self.scratch, self.options.compression)?;
        let mut merge = Arc::new(Runs::new(runs)).merge(Bounds::all());
        let mut last: Option<Vec<u8>> = None;
        merge.seek_first()?;
        while let Some((key, trailer)) = merge.current() {
            if !newest_only || last.as_deref() != Some(key) {
                writer.add(key, trailer, merge.value())?;
                let held = last.get_or_insert_default();
                held.clear();
                held.extend_from_slice(key);
            }
            merge.step()?;
        }
        writer.finish()
    }
}

fn write_sorted(arena: &Arena, base: u64, scratch: &Scratch, options: SortOptions) -> Result<Run> {
    let newest_only = options.duplicates == Duplicates::KeepLast;
    write_arena(arena, base, newest_only, scratch, options.compression)
}

/// A run that is being written, and the arena that is empty again once it is.
#[derive(Debug)]
struct Spill(Option<JoinHandle<(Result<Run>, Arena)>>);

impl Spill {
    fn wait(mut self) -> Result<(Run, Arena)> {
        let gone = || Error::new(ErrorKind::Internal, "the sorting thread panicked");
        let thread = self.0.take().ok_or_else(gone)?;
        let (run, arena) = thread.join().map_err(|_| gone())?;
        Ok((run?, arena))
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // Whoever drops a sort wants its files gone, so the thread must have ended.
            drop(thread.join());
        }
    }
}
