//! Open tables, kept between reads.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::iter::{Fragments, Opened, Tables};
use crate::key::SeqNo;
use crate::manifest::{FileName, FileNumber, TableMeta};
use crate::sst::{CacheMode, CountersSnapshot, Table, TableCursor, TableOptions};
use crate::vfs::Fs;
use crate::{Error, ErrorKind, Result};

/// The tables of a directory, each opened when first needed and closed when others were needed more
/// recently. Two threads that need a closed table open it once.
#[derive(Debug)]
pub(super) struct TableCache {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: TableOptions,
    /// By number of the file.
    slots: Vec<Slot>,
    open_max: usize,
    open: AtomicUsize,
    opened: AtomicU64,
    /// Where the search for a table to close goes on.
    hand: Mutex<usize>,
}

#[derive(Debug)]
struct Slot {
    number: FileNumber,
    table: RwLock<Option<Arc<OpenTable>>>,
    /// Whether the table was asked for since the hand passed.
    used: AtomicBool,
}

/// An open table and its range tombstones.
#[derive(Debug)]
pub(super) struct OpenTable {
    pub(super) table: Arc<Table>,
    pub(super) tombstones: Arc<Fragments>,
}

impl TableCache {
    /// A cache of the tables in the files `numbers`.
    pub(super) fn new(
        fs: Arc<dyn Fs>,
        dir: PathBuf,
        options: TableOptions,
        open_max: usize,
        numbers: impl IntoIterator<Item = FileNumber>,
    ) -> Self {
        let mut slots: Vec<_> = numbers
            .into_iter()
            .map(|number| Slot {
                number,
                table: RwLock::new(None),
                used: AtomicBool::new(false),
            })
            .collect();
        slots.sort_by_key(|slot| slot.number);
        Self {
            fs,
            dir,
            options,
            slots,
            open_max: open_max.max(1),
            open: AtomicUsize::new(0),
            opened: AtomicU64::new(0),
            hand: Mutex::new(0),
        }
    }

    /// How many times a table was opened.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// What reading the tables cost.
    pub(super) fn counters(&self) -> CountersSnapshot {
        self.options.counters.snapshot()
    }

    /// Whether file `number` holds tables of the database.
    pub(super) fn holds(&self, number: FileNumber) -> bool {
        self.slot(number).is_some()
    }

    fn slot(&self, number: FileNumber) -> Option<&Slot> {
        let found = self.slots.binary_search_by_key(&number, |slot| slot.number);
        self.slots.get(found.ok()?)
    }

    /// The table in file `number`. O(log files), and opening it if it is not open.
    pub(super) fn get(&self, number: FileNumber) -> Result<Arc<OpenTable>> {
        let slot = self
            .slot(number)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "table outside of its version"))?;
        slot.used.store(true, Ordering::Relaxed);
        let held = slot.table.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = &*held {
            return Ok(Arc::clone(table));
        }
        drop(held);
        let mut held = slot.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = &*held {
            return Ok(Arc::clone(table));
        }
        let table = Arc::new(self.open(number)?);
        *held = Some(Arc::clone(&table));
        drop(held);
        self.opened.fetch_add(1, Ordering::Relaxed);
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.open_max {
            self.close_some();
        }
        Ok(table)
    }

    fn open(&self, number: FileNumber) -> Result<OpenTable> {
        let path = self.dir.join(FileName::Table(number).to_string());
        let file = self
            .fs
            .open(&path)
            .map_err(|e| Error::io("open", &path, e))?;
        let table = Table::open(file, path, &self.options)?;
        let tombstones = Fragments::new(table.range_tombstones(), SeqNo::MAX);
        Ok(OpenTable {
            table: Arc::new(table),
            tombstones: Arc::new(tombstones),
        })
    }

    /// Closes tables that were not asked for lately until no more than the limit are open. Those in
    /// use live on until their readers are done.
    fn close_some(&self) {
        let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        // Twice around: once to forget who was asked for, once to close.
        for _ in 0..2 * self.slots.len() {
            if self.open.load(Ordering::Relaxed) <= self.open_max {
                return;
            }
            *hand = (*hand + 1) % self.slots.len();
            let Some(slot) = self.slots.get(*hand) else {
                continue;
            };
            if slot.used.swap(false, Ordering::Relaxed) {
                continue;
            }
            if let Ok(mut held) = slot.table.try_write()
                && held.take().is_some()
            {
                self.open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// Opens tables for the cursors of one read.
pub(super) struct TableOpener {
    cache: Arc<TableCache>,
    mode: CacheMode,
}

impl TableOpener {
    pub(super) fn new(cache: Arc<TableCache>, mode: CacheMode) -> Self {
        Self { cache, mode }
    }
}

impl Tables for TableOpener {
    type Cursor = TableCursor;

    fn open(&self, table: &TableMeta) -> Result<Opened<TableCursor>> {
        let open = self.cache.get(table.file())?;
        Ok(Opened {
            cursor: open.table.cursor(self.mode),
            tombstones: Arc::clone(&open.tombstones),
        })
    }
}
