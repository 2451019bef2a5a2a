//! A database with holes: the ranges of keys that damaged blocks held are left out of every walk, and
//! what depends on them is not judged.
//!
//! A hole covers its range on all levels: below a damaged block lies what it replaced or deleted, which
//! is not the state of the database.

use shingle::db::{Database, Scan, ScanOptions};
use shingle::iter::Bounds;

use crate::Result;
use crate::keyspace::{Family, KeyRange};

/// Holes beyond this become one.
const HOLES_MAX: usize = 4096;

/// Keys `from..=to`, unbounded where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) from: Option<Vec<u8>>,
    pub(crate) to: Option<Vec<u8>>,
}

impl Hole {
    fn starts_after(&self, key: &[u8]) -> bool {
        self.from.as_deref().is_some_and(|from| from > key)
    }

    fn ends_before(&self, key: &[u8]) -> bool {
        self.to.as_deref().is_some_and(|to| to < key)
    }
}

/// What can be read of a database.
#[derive(Clone, Debug)]
pub(crate) struct Readable {
    database: Database,
    /// Ascending, apart from each other.
    holes: Vec<Hole>,
}

impl Readable {
    /// `database` without `holes`, which come in any order.
    pub(crate) fn new(database: Database, holes: Vec<Hole>) -> Self {
        Self {
            database,
            holes: joined(holes),
        }
    }

    pub(crate) fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// Whether nobody knows what stands under `key`.
    pub(crate) fn is_hole(&self, key: &[u8]) -> bool {
        let after = self.holes.partition_point(|hole| !hole.starts_after(key));
        let hole = after.checked_sub(1).and_then(|at| self.holes.get(at));
        hole.is_some_and(|hole| !hole.ends_before(key))
    }

    /// Whether a hole touches keys of `family`.
    pub(crate) fn has_hole_in(&self, family: Family) -> bool {
        let range = family.range();
        self.holes.iter().any(|hole| {
            let below = hole.to.as_ref().is_some_and(|to| *to < range.lower);
            let upper = range.upper.as_deref();
            let above = upper.is_some_and(|upper| hole.starts_after(upper));
            !below && !above
        })
    }

    /// The value of `key`; none in a hole.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if self.is_hole(key) {
            return Ok(None);
        }
        Ok(self.database.get(key)?.map(|value| value.to_vec()))
    }

    /// The rows of `range` outside of holes.
    pub(crate) fn scan(&self, range: &KeyRange) -> Rows {
        let mut parts = Vec::new();
        let mut lower = Some(range.lower.clone());
        for hole in &self.holes {
            if let Some(from) = &hole.from {
                parts.push(clipped(range, lower.clone(), Some(from.clone())));
            }
            // The least key after `to`.
            lower = hole.to.clone().map(|mut to| {
                to.push(0);
                to
            });
            if lower.is_none() {
                break;
            }
        }
        if lower.is_some() {
            parts.push(clipped(range, lower, None));
        }
        parts.reverse();
        Rows {
            database: self.database.clone(),
            parts: parts.into_iter().flatten().collect(),
            scan: None,
        }
    }
}

/// `lower..upper` within `range`; none when nothing is left.
fn clipped(range: &KeyRange, lower: Option<Vec<u8>>, upper: Option<Vec<u8>>) -> Option<Bounds> {
    let lower = lower.into_iter().chain([range.lower.clone()]).max();
    let upper = upper.into_iter().chain(range.upper.clone()).min();
    let is_empty = matches!((&lower, &upper), (Some(lower), Some(upper)) if lower >= upper);
    (!is_empty).then_some(Bounds { lower, upper })
}

fn joined(mut holes: Vec<Hole>) -> Vec<Hole> {
    holes.sort_by(|a, b| a.from.cmp(&b.from));
    let mut joined: Vec<Hole> = Vec::new();
    for hole in holes {
        match joined.last_mut() {
            Some(last)
                if hole
                    .from
                    .as_deref()
                    .is_none_or(|from| !last.ends_before(from)) =>
            {
                last.to = match (last.to.take(), hole.to) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    _ => None,
                };
            }
            _ => joined.push(hole),
        }
    }
    if joined.len() > HOLES_MAX {
        let from = joined.first().and_then(|hole| hole.from.clone());
        let to = joined.pop().and_then(|hole| hole.to);
        return vec![Hole { from, to }];
    }
    joined
}

/// A walk over rows.
pub(crate) struct Rows {
    database: Database,
    /// What is left, first at the end.
    parts: Vec<Bounds>,
    scan: Option<Scan>,
}

impl Rows {
    /// Moves to the next row; false behind the last one.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        loop {
            if let Some(scan) = &mut self.scan
                && scan.next()?.is_some()
            {
                return Ok(true);
            }
            let Some(bounds) = self.parts.pop() else {
                self.scan = None;
                return Ok(false);
            };
            self.scan = Some(self.database.scan(bounds, ScanOptions::default()));
        }
    }

    /// The row at hand.
    pub(crate) fn row(&self) -> Option<(&[u8], &[u8])> {
        self.scan.as_ref()?.row()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(from: &str, to: &str) -> Hole {
        let bound = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        Hole {
            from: bound(from),
            to: bound(to),
        }
    }

    #[test]
    fn holes_that_touch_are_joined() {
        let holes = joined(vec![
            hole("m", "p"),
            hole("b", "d"),
            hole("c", "f"),
            hole("x", ""),
            hole("z", "zz"),
        ]);
        assert_eq!(holes, [hole("b", "f"), hole("m", "p"), hole("x", "")]);
        assert_eq!(joined(vec![hole("b", "c"), hole("", "")]), [hole("", "")]);
    }

    #[test]
    fn too_many_holes_become_one() {
        let many = (0..=HOLES_MAX).map(|n| hole(&format!("{n:06}a"), &format!("{n:06}b")));
        let holes = joined(many.collect());
        assert_eq!(holes, [hole("000000a", &format!("{HOLES_MAX:06}b"))]);
    }
}
