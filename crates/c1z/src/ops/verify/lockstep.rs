//! Whether rows exist, asked in the order of their keys: one walk over a family instead of a look-up
//! per question.

use super::readable::{Readable, Rows};
use crate::Result;
use crate::keyspace::Family;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Present,
    Absent,
    /// The key lies in a hole.
    Unknown,
}

/// A walk over the rows of a family that follows the questions.
pub(crate) struct Lockstep {
    readable: Readable,
    rows: Rows,
    at_row: bool,
    last: Option<(Vec<u8>, Presence)>,
}

impl Lockstep {
    pub(crate) fn new(readable: &Readable, family: Family) -> Result<Self> {
        let mut rows = readable.scan(&family.range());
        let at_row = rows.advance()?;
        Ok(Self {
            readable: readable.clone(),
            rows,
            at_row,
            last: None,
        })
    }

    /// Whether the row of `key` is there, and whether the question is another than the one before.
    pub(crate) fn find(&mut self, key: &[u8]) -> Result<(Presence, bool)> {
        let mut held = Vec::new();
        if let Some((last, presence)) = self.last.take() {
            if last == key {
                self.last = Some((last, presence));
                return Ok((presence, false));
            }
            held = last;
        }
        let presence = if held.as_slice() > key {
            // Malformed rows break the order.
            self.look_up(key)?
        } else {
            self.walk_to(key)?
        };
        held.clear();
        held.extend_from_slice(key);
        self.last = Some((held, presence));
        Ok((presence, true))
    }

    fn walk_to(&mut self, key: &[u8]) -> Result<Presence> {
        while self.at_row {
            let Some((at, _)) = self.rows.row() else {
                break;
            };
            if at >= key {
                if at == key {
                    return Ok(Presence::Present);
                }
                break;
            }
            self.at_row = self.rows.advance()?;
        }
        Ok(self.absent(key))
    }

    fn look_up(&self, key: &[u8]) -> Result<Presence> {
        match self.readable.get(key)? {
            Some(_) => Ok(Presence::Present),
            None => Ok(self.absent(key)),
        }
    }

    fn absent(&self, key: &[u8]) -> Presence {
        if self.readable.is_hole(key) {
            Presence::Unknown
        } else {
            Presence::Absent
        }
    }
}
