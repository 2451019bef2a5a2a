//! Walking tables that do not overlap as one sequence, opening each when it is reached.
//!
//! Besides points the cursor stands at *stops*. Before a table that is not open yet it stands at
//! the table's first bound, so that a merge opens the table only when all smaller keys are done.
//! Behind the last point of a table with range tombstones it stands at the table's other bound, so
//! that its tombstones stay known while other sources still have keys that they may cover. A merge
//! passes stops over by moving on.

use std::ops::Range;
use std::sync::Arc;

use super::Bounds;
use super::view::{Cover, Tables, View};
use crate::Result;
use crate::key::{SeqNo, Trailer};
use crate::manifest::TableMeta;
use crate::version::{Run, overlapping};

/// Sorts before every entry of its user key; after them when walking backwards.
const FIRST: Trailer = Trailer(u64::MAX);
/// Sorts after every entry of its user key; before them when walking backwards.
const LAST: Trailer = Trailer(0);

/// Where the cursor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nowhere.
    Done,
    /// Before table `at`, which was not looked into.
    Entering,
    /// At a point of table `at`.
    Point,
    /// Behind the points of table `at`, whose tombstones still count.
    Leaving,
}

/// A cursor over a run. It walks one way until the next seek.
pub(crate) struct RunCursor<T: Tables> {
    tables: Arc<T>,
    run: Run,
    /// The tables of the run that may hold keys within the bounds.
    span: Range<usize>,
    bounds: Arc<Bounds>,
    at: usize,
    state: State,
    forward: bool,
    /// The table that was opened last, by its place in the run.
    open: Option<(usize, View<T::Cursor>)>,
}

impl<T: Tables> RunCursor<T> {
    /// A cursor over what `run` holds within `bounds`; `None` if that is certainly nothing. Opens
    /// no table.
    pub(crate) fn new(tables: &Arc<T>, run: &Run, bounds: &Arc<Bounds>) -> Option<Self> {
        let span = overlapping(run, bounds.lower(), bounds.upper());
        if span.is_empty() {
            return None;
        }
        Some(Self {
            tables: Arc::clone(tables),
            run: Arc::clone(run),
            span,
            bounds: Arc::clone(bounds),
            at: 0,
            state: State::Done,
            forward: true,
            open: None,
        })
    }

    /// Whether the cursor stands at a point or a stop.
    pub(super) fn is_valid(&self) -> bool {
        self.state != State::Done
    }

    /// Whether the cursor stands at a point.
    pub(super) fn is_point(&self) -> bool {
        self.state == State::Point
    }

    /// Key and trailer of the point or stop.
    pub(super) fn position(&self) -> (&[u8], Trailer) {
        let stop = match (self.state, self.forward) {
            (State::Point, _) => self.view().map(|view| (view.user_key(), view.trailer())),
            (State::Entering, true) | (State::Leaving, false) => self.table().map(first_stop),
            (State::Leaving, true) | (State::Entering, false) => self.table().map(last_stop),
            (State::Done, _) => None,
        };
        stop.unwrap_or((&[], LAST))
    }

    /// Value of the point.
    pub(super) fn value(&self) -> &[u8] {
        self.view().map_or(&[], View::value)
    }

    /// The table that the cursor stands in or at.
    pub(super) fn table(&self) -> Option<&Arc<TableMeta>> {
        self.run.get(self.at)
    }

    fn view(&self) -> Option<&View<T::Cursor>> {
        self.open.as_ref().map(|(_, view)| view)
    }

    /// Stands before the first table (the last, if backwards).
    pub(super) fn seek_end(&mut self, forward: bool) {
        self.forward = forward;
        self.at = if forward {
            self.span.start
        } else {
            self.span.end - 1
        };
        self.state = State::Entering;
    }

    /// Stands at the first point or stop `>= key`, walking forwards.
    pub(super) fn seek_ge(&mut self, key: &[u8]) -> Result<()> {
        self.forward = true;
        let found = overlapping(&self.run, Some(key), None).start;
        self.at = found.max(self.span.start);
        let Some(table) = self.run.get(self.at).filter(|_| self.at < self.span.end) else {
            self.state = State::Done;
            return Ok(());
        };
        if &table.smallest.user[..] > key {
            self.state = State::Entering;
            return Ok(());
        }
        self.opened()?.seek_ge(key)?;
        self.settle();
        Ok(())
    }

    /// Stands at the last point or stop `< key`, walking backwards.
    pub(super) fn seek_lt(&mut self, key: &[u8]) -> Result<()> {
        self.forward = false;
        let end = overlapping(&self.run, None, Some(key))
            .end
            .min(self.span.end);
        let last = end.checked_sub(1).filter(|&last| last >= self.span.start);
        let Some(table) = last.and_then(|last| self.run.get(last)) else {
            self.state = State::Done;
            return Ok(());
        };
        let reaches = table.reaches(key);
        self.at = end - 1;
        if !reaches {
            self.state = State::Entering;
            return Ok(());
        }
        self.opened()?.seek_lt(key)?;
        self.settle();
        Ok(())
    }

    /// Moves on from a point or stop, in the direction of the last seek.
    pub(super) fn step(&mut self) -> Result<()> {
        let forward = self.forward;
        match self.state {
            State::Done => return Ok(()),
            State::Entering => {
                let view = self.opened()?;
                if forward {
                    view.seek_first()?;
                } else {
                    view.seek_last()?;
                }
            }
            State::Point => {
                if let Some((_, view)) = &mut self.open {
                    if forward {
                        view.next()?;
                    } else {
                        view.prev()?;
                    }
                    if view.is_valid() {
                        return Ok(());
                    }
                }
            }
            State::Leaving => {
                self.enter_next();
                return Ok(());
            }
        }
        self.settle();
        Ok(())
    }

    /// After a movement in the open table: stays at its point, or leaves it.
    fn settle(&mut self) {
        self.state = match self.view() {
            Some(view) if view.is_valid() => State::Point,
            Some(view) if view.has_tombstones() => State::Leaving,
            _ => return self.enter_next(),
        };
    }

    /// Stands before the next table, or nowhere.
    fn enter_next(&mut self) {
        let next = if self.forward {
            Some(self.at + 1)
        } else {
            self.at.checked_sub(1)
        };
        self.state = State::Done;
        if let Some(next) = next.filter(|next| self.span.contains(next)) {
            self.at = next;
            self.state = State::Entering;
        }
    }

    /// The view of table `at`, opened if it is another one.
    fn opened(&mut self) -> Result<&mut View<T::Cursor>> {
        let at = self.at;
        // Nowhere until the movement that follows succeeds.
        self.state = State::Done;
        if self.open.as_ref().is_none_or(|(open, _)| *open != at) {
            self.open = None;
        }
        let view = match self.open.take() {
            Some((_, view)) => view,
            None => self.open_table(at)?,
        };
        Ok(&mut self.open.insert((at, view)).1)
    }

    fn open_table(&self, at: usize) -> Result<View<T::Cursor>> {
        let Some(table) = self.run.get(at) else {
            return Err(crate::Error::new(
                crate::ErrorKind::Internal,
                "run cursor beyond its run",
            ));
        };
        let opened = self.tables.open(table)?;
        Ok(View::new(opened, table, &self.bounds))
    }

    /// Whether range tombstones are known here.
    pub(super) fn has_tombstones(&self) -> bool {
        self.is_inside() && self.view().is_some_and(View::has_tombstones)
    }

    /// Whether the open table is the one that the cursor stands in.
    fn is_inside(&self) -> bool {
        matches!(self.state, State::Point | State::Leaving)
    }

    /// The newest known range tombstone over `key`, which is not behind the cursor.
    pub(super) fn covering(&mut self, key: &[u8]) -> Option<Cover<'_>> {
        if !self.is_inside() {
            return None;
        }
        self.open.as_mut()?.1.covering(key)
    }

    /// Passes over what a tombstone with sequence number `seq` hides from the position up to `end`
    /// (down to `end` and with it, if backwards), as far as the tables say that they hold nothing
    /// newer. False if nothing was passed over. Opens at most one table.
    pub(super) fn skip(&mut self, end: &[u8], seq: SeqNo) -> Result<bool> {
        let mut moved = false;
        while self.is_valid() {
            let Some(table) = self.run.get(self.at) else {
                break;
            };
            if table.largest_seq >= seq {
                break;
            }
            if !self.is_whole_before(table, end) {
                if self.is_past(end) {
                    break;
                }
                let forward = self.forward;
                let view = self.opened()?;
                if forward {
                    view.seek_ge(end)?;
                } else {
                    view.seek_lt(end)?;
                }
                self.settle();
                return Ok(true);
            }
            self.enter_next();
            moved = true;
        }
        Ok(moved)
    }

    /// Whether all of a table is on this side of `end` in the direction of the walk.
    fn is_whole_before(&self, table: &TableMeta, end: &[u8]) -> bool {
        if self.forward {
            !table.reaches(end)
        } else {
            &table.smallest.user[..] >= end
        }
    }

    /// Whether the position is already on the far side of `end`.
    fn is_past(&self, end: &[u8]) -> bool {
        let (key, _) = self.position();
        if self.forward { key >= end } else { key < end }
    }
}

/// The stop before all entries of a table.
fn first_stop(table: &Arc<TableMeta>) -> (&[u8], Trailer) {
    (&table.smallest.user, FIRST)
}

/// The stop behind all entries of a table; before those of the next one, which may have the key
/// that this one excludes.
fn last_stop(table: &Arc<TableMeta>) -> (&[u8], Trailer) {
    let excluded = table.excludes_largest();
    (&table.largest.user, if excluded { FIRST } else { LAST })
}
