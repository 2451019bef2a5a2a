//! What added records refer to, and what that refers to, and so on: so that a result holds no dangling reference that
//! the applied sync does not hold.

use shingle::bulk::{Duplicates, SortOptions, Sorted, SortedScan, Sorter};
use shingle::iter::Bounds;

use super::DeltaOptions;
use super::joined::{Joined, Pick, kind_of, sort_options};
use crate::Result;

/// Keys of records that are wanted though they were not added.
pub(super) struct Wanted(Option<Sorted>);

impl Wanted {
    /// No key.
    pub(super) fn nothing() -> Self {
        Self(None)
    }

    /// What the added records refer to. Each round follows references by one step; there are as many as the longest chain
    /// has.
    pub(super) fn of(joined: &Joined, options: &DeltaOptions) -> Result<Self> {
        let mut wanted = Self::nothing();
        let mut known = 0;
        loop {
            let sort = SortOptions {
                duplicates: Duplicates::KeepLast,
                ..sort_options(options)
            };
            let mut next = Sorter::new(joined.scratch(options), sort);
            let mut scan = joined.scan(None);
            let mut held = wanted.scan();
            while let Some(versions) = scan.next()? {
                let Some(applied) = &versions.applied else {
                    continue;
                };
                let is_wanted = held.holds(&versions.key)?;
                if is_wanted {
                    next.add(&versions.key, &[])?;
                } else if joined.picked(Pick::Added, &versions)?.is_none() {
                    continue;
                }
                let kind = kind_of(&versions.key)?;
                joined.form.references(kind, applied, &mut |kind, id| {
                    let key = [&[kind as u8], id].concat();
                    Ok(next.add(&key, &[])?)
                })?;
            }
            let next = next.finish()?;
            let count = count(&next)?;
            wanted = Self(Some(next));
            if count == known {
                return Ok(wanted);
            }
            known = count;
        }
    }

    /// Goes through the keys next to ascending ones.
    pub(super) fn scan(&self) -> WantedScan {
        WantedScan {
            rows: self.0.as_ref().map(|keys| keys.scan(Bounds::all())),
            key: None,
        }
    }
}

fn count(keys: &Sorted) -> Result<u64> {
    let mut scan = keys.scan(Bounds::all());
    let mut count = 0;
    while scan.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// A walk over wanted keys.
pub(super) struct WantedScan {
    rows: Option<SortedScan>,
    key: Option<Vec<u8>>,
}

impl WantedScan {
    /// Whether a key is wanted. Keys are asked in ascending order.
    pub(super) fn holds(&mut self, key: &[u8]) -> Result<bool> {
        let Some(rows) = &mut self.rows else {
            return Ok(false);
        };
        while self.key.as_deref().is_none_or(|at| at < key) {
            let Some(row) = rows.next()? else {
                self.rows = None;
                return Ok(false);
            };
            self.key = Some(row.key.to_vec());
        }
        Ok(self.key.as_deref() == Some(key))
    }
}
