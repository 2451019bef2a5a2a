//! The rows that a reader sees: of each key the newest visible version, unless it is a tombstone or
//! one covers it.
//!
//! Forwards the newest version of a key comes first: it decides, and the others are passed over.
//! Backwards it comes last: the walk holds the best version so far until the key changes. In both
//! directions a range tombstone over a key is known while any entry of the key is first in the
//! merge (see `run_cursor`), so that is when it is asked for.

use std::cmp::Ordering;

use super::Merge;
use super::view::{Cover, Tables};
use crate::key::{Kind, SeqNo, Trailer};
use crate::{Error, ErrorKind, Result};

/// A position among the visible rows. Between two rows, or at one.
pub(crate) struct Rows<T: Tables> {
    merge: Merge<T>,
    /// Newer entries are not seen.
    visible: SeqNo,
    place: Place,
    /// Key of the row, or of the last entry passed.
    key: Vec<u8>,
    /// Value of the row when walking backwards.
    value: Vec<u8>,
    /// End of the tombstone that is being passed over.
    end: Vec<u8>,
    stats: RowStats,
}

/// What walking cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowStats {
    /// Rows returned.
    pub(crate) rows: u64,
    /// Entries looked at, visible or not.
    pub(crate) entries: u64,
    /// Tombstones used to pass over entries.
    pub(crate) skips: u64,
}

/// Where the rows stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before all rows.
    Start,
    /// Behind all rows.
    End,
    /// Before the first row that is `>= key`.
    Gap,
    /// At a row; the merge stands at its entry.
    Forward,
    /// At a row, which is held; the merge stands behind its key, walking backwards.
    Backward,
    /// An error was returned.
    Failed,
}

/// What an entry means for its key.
pub(crate) enum Verdict {
    /// It has a value.
    Value,
    /// It is gone.
    Tombstone,
}

impl<T: Tables> Rows<T> {
    /// Stands before all rows of `merge` that are visible at `visible`.
    pub(crate) fn new(merge: Merge<T>, visible: SeqNo) -> Self {
        Self {
            merge,
            visible,
            place: Place::Start,
            key: Vec::new(),
            value: Vec::new(),
            end: Vec::new(),
            stats: RowStats::default(),
        }
    }

    /// Key of the row.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Value of the row.
    pub(crate) fn value(&self) -> &[u8] {
        if self.place == Place::Forward {
            self.merge.value()
        } else {
            &self.value
        }
    }

    /// Whether the position is a row.
    pub(crate) fn is_at_row(&self) -> bool {
        matches!(self.place, Place::Forward | Place::Backward)
    }

    pub(crate) fn stats(&self) -> RowStats {
        self.stats
    }

    /// Stands before all rows.
    pub(crate) fn rewind(&mut self) {
        self.place = Place::Start;
    }

    /// Stands behind all rows.
    pub(crate) fn unwind(&mut self) {
        self.place = Place::End;
    }

    /// Stands before the first row that is `>= key`. Costs nothing until the next movement.
    pub(crate) fn seek(&mut self, key: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.place = Place::Gap;
    }

    /// Moves to the next row; whether there is one.
    pub(crate) fn next(&mut self) -> Result<bool> {
        let place = std::mem::replace(&mut self.place, Place::Failed);
        let found = match place {
            Place::Failed => return Err(failed_before()),
            Place::End => false,
            Place::Start => {
                self.merge.seek_first()?;
                self.find_next(false)?
            }
            Place::Gap => {
                self.merge.seek_ge(&self.key)?;
                self.find_next(false)?
            }
            Place::Forward => {
                self.merge.step()?;
                self.find_next(true)?
            }
            Place::Backward => {
                self.merge.seek_ge(&self.key)?;
                self.find_next(true)?
            }
        };
        self.place = if found { Place::Forward } else { Place::End };
        Ok(found)
    }

    /// Moves to the previous row; whether there is one.
    pub(crate) fn prev(&mut self) -> Result<bool> {
        let place = std::mem::replace(&mut self.place, Place::Failed);
        let found = match place {
            Place::Failed => return Err(failed_before()),
            Place::Start => false,
            Place::End => {
                self.merge.seek_last()?;
                self.find_prev(false)?
            }
            Place::Gap | Place::Forward => {
                self.merge.seek_lt(&self.key)?;
                self.find_prev(true)?
            }
            Place::Backward => self.find_prev(true)?,
        };
        self.place = if found { Place::Backward } else { Place::Start };
        Ok(found)
    }

    /// Walks to the first visible row from the merge's entry on; `passed`: versions of `self.key`
    /// are done with.
    fn find_next(&mut self, mut passed: bool) -> Result<bool> {
        while let Some((key, trailer)) = self.merge.current() {
            self.stats.entries += 1;
            if passed {
                match key.cmp(&self.key) {
                    Ordering::Greater => {}
                    Ordering::Equal => {
                        self.merge.step()?;
                        continue;
                    }
                    Ordering::Less => return Err(out_of_order(key, &self.key)),
                }
            }
            if trailer.seq() > self.visible {
                self.merge.step()?;
                continue;
            }
            self.key.clear();
            self.key.extend_from_slice(key);
            passed = true;
            let verdict = judge(key, trailer)?;
            if self.merge.has_tombstones() && self.skip_if_covered(trailer.seq())? {
                continue;
            }
            if let Verdict::Value = verdict {
                self.stats.rows += 1;
                return Ok(true);
            }
            self.merge.step()?;
        }
        Ok(false)
    }

    /// Walks to the last visible row from the merge's entry on, backwards, and holds it; `passed`:
    /// all keys to come are smaller than `self.key`.
    fn find_prev(&mut self, mut passed: bool) -> Result<bool> {
        while let Some((key, _)) = self.merge.current() {
            if passed && key >= &self.key[..] {
                return Err(out_of_order(key, &self.key));
            }
            passed = true;
            self.key.clear();
            self.key.extend_from_slice(key);
            if self.find_newest()? {
                self.stats.rows += 1;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Walks over all versions of `self.key`, oldest first; whether the newest is a value, which is
    /// then held.
    fn find_newest(&mut self) -> Result<bool> {
        let mut is_value = false;
        while let Some((key, trailer)) = self.merge.current() {
            if key != &self.key[..] {
                break;
            }
            self.stats.entries += 1;
            if trailer.seq() <= self.visible {
                let verdict = judge(key, trailer)?;
                if self.merge.has_tombstones() && self.skip_if_covered(trailer.seq())? {
                    continue;
                }
                is_value = matches!(verdict, Verdict::Value);
                if is_value {
                    self.value.clear();
                    self.value.extend_from_slice(self.merge.value());
                }
            }
            self.merge.step()?;
        }
        Ok(is_value)
    }

    /// If a tombstone covers the entry with `self.key` and `seq`, passes over it and over what else
    /// of its source the tombstone covers.
    fn skip_if_covered(&mut self, seq: SeqNo) -> Result<bool> {
        let forward = self.merge.is_forward();
        let Some(Cover { start, end, seq }) = self.merge.covering(&self.key, seq) else {
            return Ok(false);
        };
        let limit = if forward { end } else { start };
        self.end.clear();
        self.end.extend_from_slice(limit);
        self.stats.skips += 1;
        self.merge.skip(&self.end, seq)?;
        Ok(true)
    }
}

/// What an entry does to its key.
///
/// # Errors
/// `Unsupported` for a merge operand, `Corrupt` for a kind that no point has.
pub(crate) fn judge(key: &[u8], trailer: Trailer) -> Result<Verdict> {
    match trailer.kind() {
        Some(Kind::Set | Kind::SetWithDelete) => Ok(Verdict::Value),
        Some(Kind::Delete | Kind::SingleDelete | Kind::DeleteSized) => Ok(Verdict::Tombstone),
        Some(Kind::Merge) => Err(Error::unsupported(format_args!(
            "merge operand key=`{}`",
            key.escape_ascii()
        ))),
        _ => Err(Error::corrupt(
            "entry",
            0,
            "a kind that a point has",
            format_args!("{}{trailer:?}", key.escape_ascii()),
        )),
    }
}

fn out_of_order(key: &[u8], limit: &[u8]) -> Error {
    Error::corrupt(
        "sorted entries",
        0,
        "keys in order",
        format_args!("{} next to {}", key.escape_ascii(), limit.escape_ascii()),
    )
}

fn failed_before() -> Error {
    Error::new(ErrorKind::Invalid, "scan failed before; seek first")
}
