//! Cursors over ranges of rows, directly or by way of an index.

use std::collections::VecDeque;
use std::sync::Arc;

use super::kv::{Kv, KvScan, KvValue, rest_of};
use crate::Result;
use crate::engine::source::{After, Cursor, RowCursor};
use crate::keyspace::KeyRange;

/// Turns one row into what the cursor gives; none: the row does not pass.
pub(super) trait Decode<T>:
    FnMut(&[u8], &[u8]) -> Result<Option<T>> + Send + 'static
{
}

impl<T, F: FnMut(&[u8], &[u8]) -> Result<Option<T>> + Send + 'static> Decode<T> for F {}

/// A scan over consecutive, ascending ranges.
struct RangeScan {
    kv: Arc<dyn Kv>,
    ranges: VecDeque<KeyRange>,
    scan: Option<Box<dyn KvScan>>,
}

impl RangeScan {
    fn new(kv: &Arc<dyn Kv>, ranges: &[KeyRange], after: After<'_>) -> Self {
        let behind = |range: &KeyRange| match (after, &range.upper) {
            (Some(after), Some(upper)) => after >= upper.as_slice(),
            _ => false,
        };
        let ranges = ranges
            .iter()
            .filter(|range| !behind(range))
            .map(|range| rest_of(range, after))
            .collect();
        Self {
            kv: Arc::clone(kv),
            ranges,
            scan: None,
        }
    }

    /// Calls `take` with the next row; false: there is none.
    fn next(&mut self, mut take: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<bool> {
        loop {
            if let Some(scan) = &mut self.scan
                && let Some((key, value)) = scan.next()?
            {
                take(key, value)?;
                return Ok(true);
            }
            match self.ranges.pop_front() {
                Some(range) => self.scan = Some(self.kv.scan(&range)?),
                None => return Ok(false),
            }
        }
    }
}

/// A cursor over ranges; the position is a row's key.
pub(super) fn over<T: 'static>(
    kv: &Arc<dyn Kv>,
    ranges: &[KeyRange],
    after: After<'_>,
    decode: impl Decode<T>,
) -> Cursor<T> {
    let scan = RangeScan::new(kv, ranges, after);
    Box::new(RangeCursor {
        scan,
        decode,
        position: Vec::new(),
    })
}

struct RangeCursor<D> {
    scan: RangeScan,
    decode: D,
    position: Vec<u8>,
}

impl<T, D: Decode<T>> RowCursor<T> for RangeCursor<D> {
    fn next(&mut self) -> Result<Option<T>> {
        let Self {
            scan,
            decode,
            position,
        } = self;
        let mut row = None;
        while row.is_none() {
            let found = scan.next(|key, value| {
                row = decode(key, value)?;
                if row.is_some() {
                    position.clear();
                    position.extend_from_slice(key);
                }
                Ok(())
            })?;
            if !found {
                return Ok(None);
            }
        }
        Ok(row)
    }

    fn position(&self) -> &[u8] {
        &self.position
    }
}

/// Appends the primary key that an index key leads to; false: the index row does not pass.
pub(super) trait Resolve:
    FnMut(&[u8], &mut Vec<u8>) -> Result<bool> + Send + 'static
{
}

impl<F: FnMut(&[u8], &mut Vec<u8>) -> Result<bool> + Send + 'static> Resolve for F {}

/// A cursor over the primaries that index rows lead to, in the order of the index; the position is an index row's key.
///
/// Index rows are read ahead in batches that double up to [`BATCH_MAX`], and the primaries of a batch are read in the
/// order of *their* keys, so that a table is walked forward even where the index jumps. An index row without a primary is
/// an orphan: it is passed over, never returned as a phantom.
pub(super) fn through<T: 'static>(
    kv: &Arc<dyn Kv>,
    ranges: &[KeyRange],
    after: After<'_>,
    resolve: impl Resolve,
    decode: impl Decode<T>,
) -> Cursor<T> {
    Box::new(IndexCursor {
        kv: Arc::clone(kv),
        index: RangeScan::new(kv, ranges, after),
        resolve,
        decode,
        batch: VecDeque::new(),
        batch_len: BATCH_MIN,
        position: Vec::new(),
    })
}

const BATCH_MIN: usize = 16;
const BATCH_MAX: usize = 1_024;

struct IndexCursor<R, D> {
    kv: Arc<dyn Kv>,
    index: RangeScan,
    resolve: R,
    decode: D,
    batch: VecDeque<Entry>,
    batch_len: usize,
    position: Vec<u8>,
}

struct Entry {
    index_key: Vec<u8>,
    primary_key: Vec<u8>,
    value: Option<KvValue>,
}

impl<R: Resolve, D> IndexCursor<R, D> {
    /// Reads the next batch; leaves it empty at the end of the index.
    fn fill(&mut self) -> Result<()> {
        let Self {
            index,
            resolve,
            batch,
            ..
        } = self;
        let mut more = true;
        while more && batch.len() < self.batch_len {
            more = index.next(|index_key, _| {
                let mut primary_key = Vec::new();
                if resolve(index_key, &mut primary_key)? {
                    batch.push_back(Entry {
                        index_key: index_key.to_vec(),
                        primary_key,
                        value: None,
                    });
                }
                Ok(())
            })?;
        }
        self.batch_len = (self.batch_len * 2).min(BATCH_MAX);
        let mut order: Vec<&mut Entry> = batch.iter_mut().collect();
        order.sort_unstable_by(|a, b| a.primary_key.cmp(&b.primary_key));
        for entry in order {
            entry.value = self.kv.get(&entry.primary_key)?;
        }
        Ok(())
    }
}

impl<T, R: Resolve, D: Decode<T>> RowCursor<T> for IndexCursor<R, D> {
    fn next(&mut self) -> Result<Option<T>> {
        loop {
            if self.batch.is_empty() {
                self.fill()?;
            }
            let Some(entry) = self.batch.pop_front() else {
                return Ok(None);
            };
            let Some(value) = entry.value else { continue };
            if let Some(row) = (self.decode)(&entry.primary_key, &value)? {
                self.position = entry.index_key;
                return Ok(Some(row));
            }
        }
    }

    fn position(&self) -> &[u8] {
        &self.position
    }
}
