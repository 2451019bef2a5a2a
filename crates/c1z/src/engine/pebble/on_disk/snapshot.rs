//! What a store on disk holds at one moment, deferred indexes included.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use shingle::bulk::{Sorted, SortedScan, Sorter};
use shingle::db::ScanOptions;
use shingle::iter::Bounds;
use shingle::live::LiveSnapshot;

use super::Disk;
use super::deriver::{INDEXES, SOURCES, index_of};
use crate::Result;
use crate::engine::pebble::kv::{Kv, KvScan, KvValue, bounds_of};
use crate::keyspace::{Deriver, IndexSet, KeyRange};

/// Everything visible at one moment. Rows of an index that was deferred then are derived when they are first asked for.
/// Clones share them.
#[derive(Clone)]
pub(super) struct DiskSnapshot {
    rows: LiveSnapshot,
    disk: Arc<Disk>,
    /// The rows of deferred indexes, once they were asked for.
    derived: Arc<Mutex<Option<Sorted>>>,
}

impl DiskSnapshot {
    pub(super) fn new(disk: &Arc<Disk>) -> Self {
        Self {
            rows: disk.database.snapshot(),
            disk: Arc::clone(disk),
            derived: Arc::default(),
        }
    }

    fn is_deferred(&self, index: usize) -> bool {
        self.rows.deferred().get(index) == Some(&true)
    }

    /// The rows of all deferred indexes. The first call reads the records and sorts what follows from them. If something
    /// does, it makes the database keep those indexes, so that later snapshots hold their rows; for that it waits for a
    /// write or a seal that is running.
    fn derived(&self) -> Result<Sorted> {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(derived) = &*derived {
            return Ok(derived.clone());
        }
        let rows = self.derive()?;
        if rows.rows() > 0 {
            self.keep_indexes()?;
        }
        let sorted = rows.finish()?;
        *derived = Some(sorted.clone());
        Ok(sorted)
    }

    fn keep_indexes(&self) -> Result<()> {
        for (index, family) in INDEXES.into_iter().enumerate() {
            if self.is_deferred(index) {
                let bounds = bounds_of(&family.range());
                self.disk.database.materialise(&bounds)?;
            }
        }
        Ok(())
    }

    fn derive(&self) -> Result<Sorter> {
        let mut sorter = self.disk.sorter();
        let mut deriver = Deriver::new(IndexSet::ALL);
        for source in SOURCES {
            let mut rows = self.stored(&source.range())?;
            while let Some((key, value)) = rows.next()? {
                deriver.derive(key, value, &mut |row| {
                    if index_of(row).is_some_and(|index| self.is_deferred(index)) {
                        sorter.add(row, &[])?;
                    }
                    Ok(())
                })?;
            }
        }
        Ok(sorter)
    }

    fn stored(&self, range: &KeyRange) -> Result<Box<dyn KvScan>> {
        let rows = self.rows.scan(bounds_of(range), ScanOptions::default())?;
        Ok(Box::new(rows))
    }

    /// The parts of a range, ascending: those with stored rows, and those with rows that are derived.
    fn parts(&self, range: &KeyRange) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = Some(range.clone());
        for (index, family) in INDEXES.into_iter().enumerate() {
            let deferred = family.range();
            let Some(from) = rest.take_if(|rest| self.is_deferred(index) && meet(rest, &deferred))
            else {
                continue;
            };
            if from.lower < deferred.lower {
                parts.push(Part::Stored(KeyRange {
                    lower: from.lower.clone(),
                    upper: Some(deferred.lower.clone()),
                }));
            }
            let end = least(from.upper.as_ref(), deferred.upper.as_ref());
            parts.push(Part::Derived(KeyRange {
                lower: from.lower.max(deferred.lower),
                upper: end.cloned(),
            }));
            rest = match end {
                Some(end) if from.upper.as_ref() != Some(end) => Some(KeyRange {
                    lower: end.clone(),
                    upper: from.upper.clone(),
                }),
                _ => None,
            };
        }
        parts.extend(rest.map(Part::Stored));
        parts
    }
}

impl fmt::Debug for DiskSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DiskSnapshot").field(&self.disk).finish()
    }
}

impl Kv for DiskSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<KvValue>> {
        if !index_of(key).is_some_and(|index| self.is_deferred(index)) {
            return Ok(self.rows.get(key)?.map(KvValue::Stored));
        }
        let mut end = key.to_vec();
        end.push(0);
        let mut found = self.derived()?.scan(Bounds::range(key, end));
        Ok(found.next()?.map(|row| KvValue::Owned(row.value.to_vec())))
    }

    fn scan(&self, range: &KeyRange) -> Result<Box<dyn KvScan>> {
        let mut parts = self.parts(range);
        if let [Part::Stored(range)] = parts.as_slice() {
            return self.stored(range);
        }
        parts.reverse();
        Ok(Box::new(PartsScan {
            snapshot: self.clone(),
            parts,
            open: None,
            key: Vec::new(),
            value: Vec::new(),
        }))
    }

    fn size_on_disk(&self) -> u64 {
        self.disk.database.version().size()
    }
}

/// A part of a range.
enum Part {
    Stored(KeyRange),
    Derived(KeyRange),
}

fn meet(a: &KeyRange, b: &KeyRange) -> bool {
    let below = |upper: Option<&Vec<u8>>, lower| upper.is_some_and(|upper| upper <= lower);
    !below(a.upper.as_ref(), &b.lower) && !below(b.upper.as_ref(), &a.lower)
}

/// The lesser of two ends; none is the greatest.
fn least<'a>(a: Option<&'a Vec<u8>>, b: Option<&'a Vec<u8>>) -> Option<&'a Vec<u8>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

struct DerivedScan(SortedScan);

impl KvScan for DerivedScan {
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        Ok(self.0.next()?.map(|row| (row.key, row.value)))
    }
}

/// The parts of a range one behind the other, each opened when the one before has ended.
struct PartsScan {
    snapshot: DiskSnapshot,
    /// Those that were not opened yet, last one first.
    parts: Vec<Part>,
    open: Option<Box<dyn KvScan>>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl PartsScan {
    /// Opens the next part. False: there is none.
    fn open_next(&mut self) -> Result<bool> {
        self.open = match self.parts.pop() {
            Some(Part::Stored(range)) => Some(self.snapshot.stored(&range)?),
            Some(Part::Derived(range)) => {
                let rows = self.snapshot.derived()?.scan(bounds_of(&range));
                Some(Box::new(DerivedScan(rows)))
            }
            None => None,
        };
        Ok(self.open.is_some())
    }
}

impl KvScan for PartsScan {
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        loop {
            if let Some(scan) = &mut self.open
                && let Some((key, value)) = scan.next()?
            {
                self.key.clear();
                self.key.extend_from_slice(key);
                self.value.clear();
                self.value.extend_from_slice(value);
                return Ok(Some((&self.key, &self.value)));
            }
            if !self.open_next()? {
                return Ok(None);
            }
        }
    }
}
