//! What a merge merges.

use std::sync::Arc;

use super::view::{Cover, Tables};
use super::{Fragments, RunCursor};
use crate::Result;
use crate::cursor::Cursor;
use crate::key::{SeqNo, Trailer};
use crate::manifest::TableMeta;

/// A sorted source of entries with its range tombstones.
pub(crate) enum Source<T: Tables> {
    /// Something in memory.
    Mem(MemSource),
    /// Tables.
    Run(RunCursor<T>),
}

/// Any cursor, with range tombstones that are all known from the start.
pub(crate) struct MemSource {
    cursor: Box<dyn Cursor>,
    tombstones: Arc<Fragments>,
    hint: usize,
    forward: bool,
}

impl MemSource {
    /// A source of what `cursor` walks, which stays within the bounds of the read by itself.
    pub(crate) fn new(cursor: Box<dyn Cursor>, tombstones: Arc<Fragments>) -> Self {
        Self {
            cursor,
            tombstones,
            hint: 0,
            forward: true,
        }
    }
}

impl<T: Tables> Source<T> {
    pub(super) fn is_valid(&self) -> bool {
        match self {
            Source::Mem(mem) => mem.cursor.is_valid(),
            Source::Run(run) => run.is_valid(),
        }
    }

    /// Whether the position is a point; a stop otherwise.
    pub(super) fn is_point(&self) -> bool {
        match self {
            Source::Mem(mem) => mem.cursor.is_valid(),
            Source::Run(run) => run.is_point(),
        }
    }

    pub(super) fn position(&self) -> (&[u8], Trailer) {
        match self {
            Source::Mem(mem) => (mem.cursor.user_key(), mem.cursor.trailer()),
            Source::Run(run) => run.position(),
        }
    }

    pub(super) fn value(&self) -> &[u8] {
        match self {
            Source::Mem(mem) => mem.cursor.value(),
            Source::Run(run) => run.value(),
        }
    }

    /// The table that the position is in or at; `None` in memory.
    pub(crate) fn table(&self) -> Option<&Arc<TableMeta>> {
        match self {
            Source::Mem(_) => None,
            Source::Run(run) => run.table(),
        }
    }

    pub(super) fn seek_end(&mut self, forward: bool) -> Result<()> {
        match self {
            Source::Mem(mem) => {
                mem.forward = forward;
                if forward {
                    mem.cursor.seek_first()
                } else {
                    mem.cursor.seek_last()
                }
            }
            Source::Run(run) => {
                run.seek_end(forward);
                Ok(())
            }
        }
    }

    pub(super) fn seek_ge(&mut self, key: &[u8]) -> Result<()> {
        match self {
            Source::Mem(mem) => {
                mem.forward = true;
                mem.cursor.seek_ge(key)
            }
            Source::Run(run) => run.seek_ge(key),
        }
    }

    pub(super) fn seek_lt(&mut self, key: &[u8]) -> Result<()> {
        match self {
            Source::Mem(mem) => {
                mem.forward = false;
                mem.cursor.seek_lt(key)
            }
            Source::Run(run) => run.seek_lt(key),
        }
    }

    pub(super) fn step(&mut self) -> Result<()> {
        match self {
            Source::Mem(mem) if mem.forward => mem.cursor.next(),
            Source::Mem(mem) => mem.cursor.prev(),
            Source::Run(run) => run.step(),
        }
    }

    pub(super) fn has_tombstones(&self) -> bool {
        match self {
            Source::Mem(mem) => !mem.tombstones.is_empty(),
            Source::Run(run) => run.has_tombstones(),
        }
    }

    pub(super) fn covering(&mut self, key: &[u8]) -> Option<Cover<'_>> {
        match self {
            Source::Mem(mem) => {
                let fragment = mem.tombstones.covering(key, &mut mem.hint)?;
                Some(Cover {
                    start: &fragment.start,
                    end: &fragment.end,
                    seq: fragment.seq,
                })
            }
            Source::Run(run) => run.covering(key),
        }
    }

    /// See [`RunCursor::skip`]. A source in memory does not know how new its entries are.
    pub(super) fn skip(&mut self, end: &[u8], seq: SeqNo) -> Result<bool> {
        match self {
            Source::Mem(_) => Ok(false),
            Source::Run(run) => run.skip(end, seq),
        }
    }
}
