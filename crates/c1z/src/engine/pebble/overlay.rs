//! Rows of a database without those of some indexes, and these derived from the records when they are first asked for.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use shingle::bulk::{Sorted, SortedScan, Sorter};
use shingle::iter::Bounds;

use super::kv::{Kv, KvScan, KvValue, bounds_of};
use super::on_disk::deriver::{INDEXES, SOURCES, index_of};
use crate::keyspace::{Deriver, Family, IndexSet, KeyRange};
use crate::{Error, ErrorKind, Result};

/// Where rows are derived.
pub(super) trait Workshop: Send + Sync + fmt::Debug {
    /// A sort of derived rows.
    fn sorter(&self) -> Sorter;

    /// The most bytes of rows that may be derived; none: any.
    fn bytes_max(&self) -> Option<u64>;

    /// Rows of `indexes` were derived, and there are some.
    fn derived(&self, indexes: &[Family]) -> Result<()>;
}

/// Everything visible at one moment. Clones share what was derived.
#[derive(Clone)]
pub(super) struct Overlay {
    rows: Arc<dyn Kv>,
    /// Which of [`INDEXES`] have no rows in `rows`, or none that are true.
    deferred: [bool; 3],
    workshop: Arc<dyn Workshop>,
    derived: Arc<Mutex<Option<Sorted>>>,
}

impl Overlay {
    pub(super) fn new(rows: Arc<dyn Kv>, deferred: [bool; 3], workshop: Arc<dyn Workshop>) -> Self {
        Self {
            rows,
            deferred,
            workshop,
            derived: Arc::default(),
        }
    }

    fn is_deferred(&self, index: usize) -> bool {
        self.deferred.get(index) == Some(&true)
    }

    /// The rows of all deferred indexes. The first call reads the records and sorts what follows from them.
    fn derived(&self) -> Result<Sorted> {
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(derived) = &*derived {
            return Ok(derived.clone());
        }
        let rows = self.derive()?;
        if rows.rows() > 0 {
            let indexes = INDEXES.into_iter().zip(self.deferred);
            let deferred = indexes.filter_map(|(index, deferred)| deferred.then_some(index));
            self.workshop.derived(&deferred.collect::<Vec<_>>())?;
        }
        let sorted = rows.finish()?;
        *derived = Some(sorted.clone());
        Ok(sorted)
    }

    fn derive(&self) -> Result<Sorter> {
        let mut sorter = self.workshop.sorter();
        let mut deriver = Deriver::new(IndexSet::ALL);
        let mut bytes = 0;
        for source in SOURCES {
            let mut rows = self.rows.scan(&source.range())?;
            while let Some((key, value)) = rows.next()? {
                deriver.derive(key, value, &mut |row| {
                    if index_of(row).is_some_and(|index| self.is_deferred(index)) {
                        bytes += row.len() as u64 + ROW_OVERHEAD;
                        sorter.add(row, &[])?;
                    }
                    Ok(())
                })?;
                if self.workshop.bytes_max().is_some_and(|max| bytes > max) {
                    return Err(too_many());
                }
            }
        }
        Ok(sorter)
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

/// What a row costs while it is sorted, besides its bytes.
const ROW_OVERHEAD: u64 = 32;

fn too_many() -> Error {
    Error::new(
        ErrorKind::ResourceExhausted,
        "the indexes of a directory that is not sealed do not fit the memory budget",
    )
    .with_hint("name a scratch folder, raise the memory budget, or let its writer end the sync")
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Overlay").field(&self.rows).finish()
    }
}

impl Kv for Overlay {
    fn get(&self, key: &[u8]) -> Result<Option<KvValue>> {
        if !index_of(key).is_some_and(|index| self.is_deferred(index)) {
            return self.rows.get(key);
        }
        let mut end = key.to_vec();
        end.push(0);
        let mut found = self.derived()?.scan(Bounds::range(key, end));
        Ok(found.next()?.map(|row| KvValue::Owned(row.value.to_vec())))
    }

    fn scan(&self, range: &KeyRange) -> Result<Box<dyn KvScan>> {
        let mut parts = self.parts(range);
        if let [Part::Stored(range)] = parts.as_slice() {
            return self.rows.scan(range);
        }
        parts.reverse();
        Ok(Box::new(PartsScan {
            rows: self.clone(),
            parts,
            open: None,
            key: Vec::new(),
            value: Vec::new(),
        }))
    }

    fn size_on_disk(&self) -> u64 {
        self.rows.size_on_disk()
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
    rows: Overlay,
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
            Some(Part::Stored(range)) => Some(self.rows.rows.scan(&range)?),
            Some(Part::Derived(range)) => {
                let rows = self.rows.derived()?.scan(bounds_of(&range));
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
