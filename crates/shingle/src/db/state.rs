//! What a read sees: writes in memory over the tables of a version. Immutable, so that a snapshot is
//! a reference to it.

use std::sync::Arc;

use super::Value;
use super::tables::{TableCache, TableOpener};
use crate::Result;
use crate::iter::{Bounds, MemSource, Merge, Rows, RunCursor, Source, Verdict, judge};
use crate::key::{SeqNo, Trailer};
use crate::manifest::TableMeta;
use crate::memory::MemTable;
use crate::sst::CacheMode;
use crate::version::{Run, Version};

/// Everything that is visible at one moment.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Writes in memory, newest first; each is newer than the ones behind it.
    pub(crate) memory: Vec<Arc<MemTable>>,
    pub(crate) version: Arc<Version>,
    pub(crate) tables: Arc<TableCache>,
}

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

impl State {
    /// The value of `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Value>> {
        let mut newest = Newest::default();
        for memtable in &self.memory {
            ask_memtable(memtable, key, &mut newest);
            if newest.seq() > SeqNo(0) {
                break;
            }
        }
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

    /// All entries within `bounds`.
    pub(crate) fn merge(&self, bounds: &Arc<Bounds>, mode: CacheMode) -> Merge<TableOpener> {
        self.merge_with(self.version.runs(), bounds, mode)
    }

    /// The entries within `bounds` of memory and `runs`.
    pub(crate) fn merge_with<'a>(
        &self,
        runs: impl IntoIterator<Item = &'a Run>,
        bounds: &Arc<Bounds>,
        mode: CacheMode,
    ) -> Merge<TableOpener> {
        let memory = self.memory.iter().filter(|table| !table.is_empty());
        let mut sources: Vec<_> = memory
            .map(|table| {
                let cursor = table.cursor(bounds.lower(), bounds.upper());
                let tombstones = Arc::clone(table.fragments());
                Source::Mem(MemSource::new(Box::new(cursor), tombstones))
            })
            .collect();
        let opener = Arc::new(TableOpener::new(Arc::clone(&self.tables), mode));
        let runs = runs.into_iter();
        let cursors = runs.filter_map(|run| RunCursor::new(&opener, run, bounds));
        sources.extend(cursors.map(Source::Run));
        Merge::new(sources)
    }

    /// The visible rows within `bounds`.
    pub(crate) fn rows(&self, bounds: Bounds, mode: CacheMode) -> Rows<TableOpener> {
        Rows::new(self.merge(&Arc::new(bounds), mode), SeqNo::MAX)
    }
}

fn ask_memtable(memtable: &Arc<MemTable>, key: &[u8], newest: &mut Newest) {
    if let Some(fragment) = memtable.fragments().covering(key, &mut 0) {
        newest.add_tombstone(fragment.seq);
    }
    if let Some((index, trailer)) = memtable.find(key) {
        newest.add_version(trailer, Value::in_memory(memtable, index));
    }
}
