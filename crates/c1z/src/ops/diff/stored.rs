//! The comparison of two v3 files by stored rows.
//!
//! Both hold a record under the key that is its identity, in order, so the two are walked side by side. Rows of one key with
//! the same bytes are the same record, and so are rows whose bytes differ in fields that no message has: when it was
//! discovered, whether its expansion is pending. What then still differs is decoded, and it is a change if the canonical
//! messages differ (`store-contract` D10), as where every record is decoded. Tables that are the same in both files are
//! not walked ([`super::skips`]).
//!
//! What is the same in both files is not decoded: whether it is a record is for `verify` to find.

use std::cmp::Ordering;

use shingle::db::{Database, Scan, ScanOptions};
use shingle::iter::Bounds;

use super::{Change, Compared, skips};
use crate::ops::RecordKind;
use crate::ops::observe::Meter;
use crate::record::{is_same_but_for_state, message};
use crate::store::StoredRows;
use crate::{Error, Result};

/// The rows of one kind in two files.
pub(super) struct Join<'a> {
    base: &'a Database,
    applied: &'a Database,
    /// What has to be walked, in order.
    gaps: Vec<Bounds>,
}

/// A row that is not, byte for byte, in both files.
enum Row<'r> {
    /// Key and value of one in the base alone.
    Base(&'r [u8], &'r [u8]),
    /// The value of one in the applied file alone.
    Applied(&'r [u8]),
    /// Both values of one.
    Both(&'r [u8], &'r [u8]),
}

impl<'a> Join<'a> {
    pub(super) fn new(
        base: StoredRows<'a>,
        applied: StoredRows<'a>,
        kind: RecordKind,
    ) -> Result<Self> {
        let range = kind.family().range();
        let range = Bounds {
            lower: Some(range.lower),
            upper: range.upper,
        };
        Ok(Self {
            gaps: skips::gaps(base, applied, range)?,
            base: base.database,
            applied: applied.database,
        })
    }

    /// Hands created and modified records to `visit` in order of keys, then deleted ones; of each, if they are wanted.
    pub(super) fn run<R, E>(
        &self,
        wants: impl Fn(Change) -> bool,
        meter: &mut Meter<'_>,
        visit: &mut dyn FnMut(Change, R) -> Result<(), E>,
    ) -> Result<(), E>
    where
        R: Compared,
        E: From<Error>,
    {
        if !wants(Change::Created) && !wants(Change::Modified) {
            return deleted(self, &self.gaps, meter, visit);
        }
        let mut gone = None;
        self.walk(&self.gaps, meter, &mut |row| match row {
            Row::Base(key, _) => {
                note(&mut gone, key);
                Ok(())
            }
            Row::Applied(value) if wants(Change::Created) => {
                visit(Change::Created, R::of_stored(value)?)
            }
            Row::Both(base, applied) if wants(Change::Modified) => match modified(base, applied)? {
                Some(record) => visit(Change::Modified, record),
                None => Ok(()),
            },
            Row::Applied(_) | Row::Both(..) => Ok(()),
        })?;
        match gone {
            Some((first, last)) if wants(Change::Deleted) => {
                let between = Bounds {
                    lower: Some(first),
                    upper: Some(skips::behind(&last)),
                };
                let gaps = self.gaps.iter().map(|gap| both(gap, &between));
                deleted(self, &gaps.collect::<Vec<_>>(), meter, visit)
            }
            _ => Ok(()),
        }
    }

    /// Hands the rows of `gaps` that differ to `take`.
    fn walk<E: From<Error>>(
        &self,
        gaps: &[Bounds],
        meter: &mut Meter<'_>,
        take: &mut dyn FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for gap in gaps {
            let mut base = scan(self.base, gap)?;
            let mut applied = scan(self.applied, gap)?;
            while let Some((order, row)) = differing(&base, &applied) {
                meter.row()?;
                if let Some(row) = row {
                    take(row)?;
                }
                if order.is_le() {
                    step(&mut base)?;
                }
                if order.is_ge() {
                    step(&mut applied)?;
                }
            }
        }
        Ok(())
    }
}

/// How the two rows at which scans stand are ordered, and the lesser one if it differs; none at the end of both.
fn differing<'r>(base: &'r Scan, applied: &'r Scan) -> Option<(Ordering, Option<Row<'r>>)> {
    Some(match (base.row(), applied.row()) {
        (None, None) => return None,
        (Some((key, value)), None) => (Ordering::Less, Some(Row::Base(key, value))),
        (None, Some((_, value))) => (Ordering::Greater, Some(Row::Applied(value))),
        (Some((base_key, base)), Some((key, applied))) => match base_key.cmp(key) {
            Ordering::Less => (Ordering::Less, Some(Row::Base(base_key, base))),
            Ordering::Greater => (Ordering::Greater, Some(Row::Applied(applied))),
            Ordering::Equal if base == applied => (Ordering::Equal, None),
            Ordering::Equal => (Ordering::Equal, Some(Row::Both(base, applied))),
        },
    })
}

/// Hands the records of `gaps` that the applied file does not have to `visit`.
fn deleted<R, E>(
    join: &Join<'_>,
    gaps: &[Bounds],
    meter: &mut Meter<'_>,
    visit: &mut dyn FnMut(Change, R) -> Result<(), E>,
) -> Result<(), E>
where
    R: Compared,
    E: From<Error>,
{
    join.walk(gaps, meter, &mut |row| match row {
        Row::Base(_, value) => visit(Change::Deleted, R::of_stored(value)?),
        Row::Applied(_) | Row::Both(..) => Ok(()),
    })
}

/// The applied version of a record, if it says something else than that of the base.
fn modified<R: Compared>(base: &[u8], applied: &[u8]) -> Result<Option<R>> {
    if is_same_but_for_state(R::STORED.family(), base, applied)? {
        return Ok(None);
    }
    let (base, applied) = (R::of_stored(base)?, R::of_stored(applied)?);
    let is_same = message::encode(&base) == message::encode(&applied);
    Ok((!is_same).then_some(applied))
}

/// Makes the span of keys that ends with `key`, which is behind all others.
fn note(span: &mut Option<(Vec<u8>, Vec<u8>)>, key: &[u8]) {
    match span {
        None => *span = Some((key.to_vec(), key.to_vec())),
        Some((_, last)) => {
            last.clear();
            last.extend_from_slice(key);
        }
    }
}

/// What is in both ranges.
fn both(a: &Bounds, b: &Bounds) -> Bounds {
    let upper = match (a.upper(), b.upper()) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (upper, None) | (None, upper) => upper,
    };
    Bounds {
        lower: a.lower().max(b.lower()).map(<[u8]>::to_vec),
        upper: upper.map(<[u8]>::to_vec),
    }
}

/// A scan that stands at its first row.
fn scan(database: &Database, bounds: &Bounds) -> Result<Scan> {
    let mut scan = database.scan(bounds.clone(), ScanOptions::default());
    step(&mut scan)?;
    Ok(scan)
}

fn step(scan: &mut Scan) -> Result<()> {
    Ok(scan.next().map(drop)?)
}
