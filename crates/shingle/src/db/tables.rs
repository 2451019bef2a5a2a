//! Open tables, kept between reads, and the files behind them.
//!
//! A [`TableCache`] is the set of files of one version. The caches of successive versions of a live
//! database share what they have in common: a file that left the database is removed from the disk
//! when the last cache that holds it goes, so that whoever reads an older version can still open it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::iter::{Fragments, Opened, Tables};
use crate::key::SeqNo;
use crate::manifest::{FileName, FileNumber, TableMeta};
use crate::sst::{CacheMode, CountersSnapshot, Table, TableCursor, TableOptions};
use crate::vfs::Fs;
use crate::{Error, ErrorKind, Result};

/// The tables of a version, each opened when first needed and closed when others were needed more
/// recently. Two threads that need a closed table open it once.
#[derive(Debug)]
pub(crate) struct TableCache {
    shared: Arc<Shared>,
    /// By number of the file.
    slots: Vec<Arc<Slot>>,
}

/// What the caches of all versions share.
#[derive(Debug)]
struct Shared {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: TableOptions,
    open_max: usize,
    open: AtomicUsize,
    opened: AtomicU64,
    /// Where the search for a table to close goes on.
    hand: Mutex<usize>,
}

#[derive(Debug)]
struct Slot {
    shared: Arc<Shared>,
    number: FileNumber,
    table: RwLock<Option<Arc<OpenTable>>>,
    /// Whether the table was asked for since the hand passed.
    used: AtomicBool,
    /// Whether the file left the database.
    obsolete: AtomicBool,
}

/// An open table and its range tombstones.
#[derive(Debug)]
pub(crate) struct OpenTable {
    pub(crate) table: Arc<Table>,
    pub(crate) tombstones: Arc<Fragments>,
}

impl TableCache {
    /// A cache of the tables in the files `numbers`.
    pub(crate) fn new(
        fs: Arc<dyn Fs>,
        dir: PathBuf,
        options: TableOptions,
        open_max: usize,
        numbers: impl IntoIterator<Item = FileNumber>,
    ) -> Self {
        let shared = Arc::new(Shared {
            fs,
            dir,
            options,
            open_max: open_max.max(1),
            open: AtomicUsize::new(0),
            opened: AtomicU64::new(0),
            hand: Mutex::new(0),
        });
        let mut slots: Vec<_> = numbers
            .into_iter()
            .map(|number| Slot::new(&shared, number))
            .collect();
        slots.sort_by_key(|slot| slot.number);
        Self { shared, slots }
    }

    /// The cache of another version, which needs the files `numbers`, ascending. Files that it no
    /// longer needs are removed when nobody holds them any more. O(files).
    pub(crate) fn successor(&self, numbers: impl IntoIterator<Item = FileNumber>) -> Self {
        let mut held = self.slots.iter().peekable();
        let mut slots = Vec::new();
        for number in numbers {
            while let Some(gone) = held.next_if(|slot| slot.number < number) {
                gone.obsolete.store(true, Ordering::Relaxed);
            }
            let kept = held.next_if(|slot| slot.number == number);
            slots.push(kept.map_or_else(|| Slot::new(&self.shared, number), Arc::clone));
        }
        for gone in held {
            gone.obsolete.store(true, Ordering::Relaxed);
        }
        Self {
            shared: Arc::clone(&self.shared),
            slots,
        }
    }

    /// How many times a table was opened.
    pub(crate) fn opened(&self) -> u64 {
        self.shared.opened.load(Ordering::Relaxed)
    }

    /// Bytes in the cache of blocks.
    pub(crate) fn cache_bytes(&self) -> u64 {
        self.shared.options.cache.stats().bytes
    }

    /// What reading the tables cost.
    pub(crate) fn counters(&self) -> CountersSnapshot {
        self.shared.options.counters.snapshot()
    }

    /// Whether file `number` holds tables of the database.
    pub(crate) fn holds(&self, number: FileNumber) -> bool {
        self.slot(number).is_some()
    }

    fn slot(&self, number: FileNumber) -> Option<&Arc<Slot>> {
        let found = self.slots.binary_search_by_key(&number, |slot| slot.number);
        self.slots.get(found.ok()?)
    }

    /// The table in file `number`. O(log files), and opening it if it is not open.
    pub(crate) fn get(&self, number: FileNumber) -> Result<Arc<OpenTable>> {
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
        let table = Arc::new(self.shared.open(number)?);
        *held = Some(Arc::clone(&table));
        drop(held);
        self.shared.opened.fetch_add(1, Ordering::Relaxed);
        if self.shared.open.fetch_add(1, Ordering::Relaxed) >= self.shared.open_max {
            self.close_some();
        }
        Ok(table)
    }

    /// Closes tables that were not asked for lately until no more than the limit are open. Those in
    /// use live on until their readers are done.
    fn close_some(&self) {
        let shared = &*self.shared;
        let mut hand = shared.hand.lock().unwrap_or_else(PoisonError::into_inner);
        // Twice around: once to forget who was asked for, once to close.
        for _ in 0..2 * self.slots.len() {
            if shared.open.load(Ordering::Relaxed) <= shared.open_max {
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
                shared.open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

impl Shared {
    fn path(&self, number: FileNumber) -> PathBuf {
        self.dir.join(FileName::Table(number).to_string())
    }

    fn open(&self, number: FileNumber) -> Result<OpenTable> {
        let path = self.path(number);
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
}

impl Slot {
    fn new(shared: &Arc<Shared>, number: FileNumber) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(shared),
            number,
            table: RwLock::new(None),
            used: AtomicBool::new(false),
            obsolete: AtomicBool::new(false),
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let held = self.table.get_mut().unwrap_or_else(PoisonError::into_inner);
        if held.take().is_some() {
            self.shared.open.fetch_sub(1, Ordering::Relaxed);
        }
        if self.obsolete.load(Ordering::Relaxed) {
            // What stays is removed when the database is opened the next time.
            let _ = self.shared.fs.remove_file(&self.shared.path(self.number));
        }
    }
}

/// Opens tables for the cursors of one read.
pub(crate) struct TableOpener {
    cache: Arc<TableCache>,
    mode: CacheMode,
}

impl TableOpener {
    pub(crate) fn new(cache: Arc<TableCache>, mode: CacheMode) -> Self {
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
