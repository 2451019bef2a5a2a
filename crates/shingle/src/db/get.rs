//! Point reads.

use std::sync::Arc;

use super::{Inner, Value};
use crate::Result;
use crate::iter::{Verdict, judge};
use crate::key::{SeqNo, Trailer};
use crate::manifest::TableMeta;
use crate::sst::CacheMode;

/// The newest things known of one key.
#[derive(Default)]
struct Newest {
    /// The newest version, and its value.
    version: Option<(Trailer, Value)>,
    /// The newest range tombstone over the key.
    tombstone: SeqNo,
}

impl Newest {
    /// What is older than this cannot change the answer.
    fn seq(&self) -> SeqNo {
        let version = self.version.as_ref().map(|(trailer, _)| trailer.seq());
        version.unwrap_or_default().max(self.tombstone)
    }

    fn add_version(&mut self, trailer: Trailer, value: Value) {
        let held = self.version.as_ref();
        if held.is_none_or(|(held, _)| trailer > *held) {
            self.version = Some((trailer, value));
        }
    }

    fn add_tombstone(&mut self, seq: SeqNo) {
        self.tombstone = self.tombstone.max(seq);
    }
}

impl Inner {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        self.counters.count_get();
        let mut newest = Newest::default();
        self.ask_memtable(key, &mut newest);
        for (_, table) in self.version.containing(key) {
            if table.largest_seq >= newest.seq() {
                self.ask_table(key, table, &mut newest)?;
            }
        }
        let Some((trailer, value)) = newest.version else {
            return Ok(None);
        };
        let verdict = judge(key, trailer)?;
        let visible = matches!(verdict, Verdict::Value) && newest.tombstone <= trailer.seq();
        Ok(visible.then_some(value))
    }

    fn ask_memtable(&self, key: &[u8], newest: &mut Newest) {
        if let Some(fragment) = self.tombstones.covering(key, &mut 0) {
            newest.add_tombstone(fragment.seq);
        }
        if let Some((index, trailer)) = self.memtable.find(key) {
            newest.add_version(trailer, Value::in_memory(&self.memtable, index));
        }
    }

    fn ask_table(&self, key: &[u8], table: &Arc<TableMeta>, newest: &mut Newest) -> Result<()> {
        let open = self.tables.get(table.file())?;
        let synthetic = table.synthetic_seq();
        if let Some(fragment) = open.tombstones.covering(key, &mut 0) {
            newest.add_tombstone(synthetic.unwrap_or(fragment.seq));
        }
        if let Some((stored, value)) = open.table.get(key, SeqNo::MAX, CacheMode::Fill)? {
            let trailer = stored.with_seq(synthetic.unwrap_or(stored.seq()));
            newest.add_version(trailer, Value::in_table(value));
        }
        Ok(())
    }
}
