//! Point reads.

use std::cmp::Ordering;
use std::ops::Deref;
use std::sync::Arc;

use super::{CacheMode, Table};
use crate::Result;
use crate::key::{SeqNo, Trailer};
use crate::sst::data::DataBlock;

/// A value that keeps the block it lies in alive.
#[derive(Clone, Debug)]
pub struct Value(Place);

#[derive(Clone, Debug)]
enum Place {
    Inline { block: Arc<DataBlock>, row: usize },
    Apart(Arc<Vec<u8>>),
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Inline { block, row } => block.value(*row),
            Place::Apart(value) => value,
        }
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Table {
    /// The newest version of `key` with a sequence number of at most `visible`, tombstones included;
    /// `None` when the table has none. Range tombstones are not applied. Sequence numbers are those
    /// stored: a caller that overrides them passes [`SeqNo::MAX`].
    ///
    /// # Complexity
    /// A filter probe, then O(log entries) comparisons and one block, or one more per block that the
    /// key's versions fill.
    pub fn get(
        &self,
        key: &[u8],
        visible: SeqNo,
        mode: CacheMode,
    ) -> Result<Option<(Trailer, Value)>> {
        if !self.may_contain(key) {
            return Ok(None);
        }
        let mut place = self.seek_place(key, None)?;
        let mut first = true;
        while let Some(here) = place {
            let block = self.data_block(&here.describe(self)?, mode, None)?;
            // Later blocks are read only for versions that continue from the block before.
            let start = if first { block.seek_ge(key) } else { 0 };
            first = false;
            for row in start..block.rows() {
                if block.cmp_key(row, key) != Ordering::Equal {
                    return Ok(None);
                }
                let trailer = block.trailer(row);
                if trailer.seq() <= visible {
                    return self.value_at(block, row).map(|v| Some((trailer, v)));
                }
            }
            place = self.next_place(&here)?;
        }
        Ok(None)
    }

    /// Whether the table may hold `key`; false is certain. Tables without a filter may hold all.
    pub fn may_contain(&self, key: &[u8]) -> bool {
        let may = self
            .filter
            .as_ref()
            .is_none_or(|filter| filter.may_contain(key));
        if !may {
            self.options.counters.filter_negatives(1);
        }
        may
    }

    fn value_at(&self, block: Arc<DataBlock>, row: usize) -> Result<Value> {
        if block.is_external(row) {
            let value = self.external_value(block.value(row))?;
            return Ok(Value(Place::Apart(Arc::new(value))));
        }
        Ok(Value(Place::Inline { block, row }))
    }
}
