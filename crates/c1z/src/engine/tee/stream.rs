//! Streams: both are read together, and compared when they end.

use std::sync::Arc;

use super::answer;
use super::journal::Journal;
use super::listing::Unmatched;
use super::projection::Allowed;
use super::report::{Difference, OwnedCall};
use super::row::Row;
use crate::Result;
use crate::engine::reader::Rows;

/// The primary's rows, while the shadow's are read beside them. A stream that is not read to its end is compared as far as
/// both gave the same number of rows and no further.
pub(super) struct Both<T> {
    pub(super) primary: Rows<T>,
    pub(super) shadow: Rows<T>,
    pub(super) allowed: Allowed,
    pub(super) journal: Arc<Journal>,
    pub(super) operation: u64,
    pub(super) call: OwnedCall,
    pub(super) unmatched: Unmatched,
    pub(super) ended: bool,
}

impl<T: Row> Both<T> {
    /// The primary ended; so must the shadow.
    fn end(&mut self) -> Option<Difference> {
        for row in self.shadow.by_ref() {
            match row {
                Ok(row) => self.unmatched.single(&row, -1, self.allowed),
                Err(error) => {
                    return answer::results(&Ok(()), &Err(error), self.allowed, answer::one);
                }
            }
        }
        self.unmatched.difference()
    }

    /// What differs for the primary's next row.
    fn step(&mut self, row: &Result<T>) -> Option<Difference> {
        match (row, self.shadow.next()) {
            (Ok(left), Some(Ok(right))) => {
                self.unmatched.both(left, &right, self.allowed);
                None
            }
            (Ok(left), None) => {
                self.unmatched.single(left, 1, self.allowed);
                None
            }
            (Err(_), None) => Some(Difference::of("stream", "", "", "an error", "the end")),
            (left, Some(right)) => answer::results(left, &right, self.allowed, answer::one),
        }
    }
}

impl<T: Row> Iterator for Both<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.primary.next();
        let difference = match &row {
            None => self.end(),
            Some(row) => self.step(row),
        };
        self.ended = !matches!(row, Some(Ok(_)));
        let Some(difference) = difference else {
            return row;
        };
        match self.journal.report(self.operation, &self.call, difference) {
            Some(error) => {
                self.ended = true;
                Some(Err(error))
            }
            None => row,
        }
    }
}
