//! Several tables in memory as one, without what newer writes hide.

use std::sync::Arc;

use super::{Entry, MemTable};

impl MemTable {
    /// Merges `tables`: of each key the newest version stays, unless a newer range tombstone of
    /// `tables` covers it. Point and range tombstones stay, since older data may lie elsewhere.
    ///
    /// # Complexity
    /// O(n · log tables) comparisons, O(n) where the tables follow one another; copies neither keys
    /// nor values.
    pub(crate) fn merge(tables: &[Arc<MemTable>]) -> Self {
        let mut merged = Self::default();
        let mut entries = Vec::with_capacity(tables.iter().map(|table| table.len()).sum());
        for table in tables {
            let base = u32::try_from(merged.chunks.len()).unwrap_or(u32::MAX);
            merged.chunks.extend(table.chunks.iter().cloned());
            entries.extend(table.entries.iter().map(|entry| Entry {
                chunk: base + entry.chunk,
                ..*entry
            }));
            merged.tombstones.extend_from_slice(&table.tombstones);
        }
        // Tables are runs, which this sort finds and merges.
        entries.sort_by(|a, b| merged.compare(a, b));
        let merged = Self::of(merged.chunks, Vec::new(), merged.tombstones);
        merged.keep_visible(entries)
    }

    /// The table without what it hides itself. O(n).
    pub(crate) fn visible(&self) -> Self {
        let table = Self::of(self.chunks.clone(), Vec::new(), self.tombstones.clone());
        table.keep_visible(self.entries.clone())
    }

    /// Takes those of the sorted `entries` that nothing newer hides.
    fn keep_visible(mut self, mut entries: Vec<Entry>) -> Self {
        let mut kept = 0_usize;
        let mut hint = 0;
        for at in 0..entries.len() {
            let Some(&entry) = entries.get(at) else { break };
            let key = self.key(&entry);
            let last = kept.checked_sub(1).and_then(|last| entries.get(last));
            let is_older = last.is_some_and(|last| self.key(last) == key);
            let cover = self.fragments.covering(key, &mut hint);
            let is_covered = cover.is_some_and(|cover| cover.seq > entry.trailer.seq());
            // A version that is older than a covered one is covered too.
            if is_older || is_covered {
                continue;
            }
            if let Some(slot) = entries.get_mut(kept) {
                *slot = entry;
            }
            kept += 1;
        }
        entries.truncate(kept);
        self.entries = entries;
        self
    }
}
