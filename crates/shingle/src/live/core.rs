//! The one mutable place of a live database, and how it changes.
//!
//! Two locks. `write` is held by whoever changes contents: it orders batches and owns the log.
//! `core` guards what readers see and the MANIFEST; it is taken for moments, by writers and by the
//! background thread alike, after `write` if at all. Readers take neither: they clone the published
//! [`View`].

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::metrics::Metrics;
use super::worker::Jobs;
use super::{Deriver, Family, LiveOptions, log::Log};
use crate::bulk::Settings;
use crate::db::{ReadCounters, State, TableCache};
use crate::key::SeqNo;
use crate::manifest::marker::{self, Mark};
use crate::manifest::{self, FileName, FileNumber, Replay, TableMeta, VersionEdit};
use crate::memory::MemTable;
use crate::sync::{AtomicU64, Mutex, MutexGuard, RwLock};
use crate::version::Version;
use crate::vfs::Fs;
use crate::{Error, ErrorKind, Result};

/// A live database without its handle.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) dir: PathBuf,
    pub(super) options: LiveOptions,
    /// How tables of the last level are written.
    pub(super) settings: Arc<Settings>,
    pub(super) view: RwLock<View>,
    pub(super) write: Mutex<WriteSide>,
    pub(super) core: Mutex<Core>,
    pub(super) jobs: Jobs,
    pub(super) next_file: AtomicU64,
    pub(super) counters: Arc<ReadCounters>,
    pub(super) metrics: Arc<Metrics>,
    /// Why nothing is written any more.
    pub(super) failure: Mutex<Option<String>>,
}

/// What a reader sees.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) state: Arc<State>,
    /// Which families are deferred.
    pub(super) deferred: Arc<[bool]>,
}

/// What a writer owns.
#[derive(Debug)]
pub(super) struct WriteSide {
    pub(super) log: Log,
    /// The sequence number of the next operation.
    pub(super) next_seq: SeqNo,
    /// Tables that replayed logs name; they join when what was replayed is flushed.
    pub(super) joined: Vec<TableMeta>,
    /// Whether the directory is one that the reference implementation may open.
    pub(super) is_open_to_all: bool,
}

/// What is published, in parts, and the MANIFEST.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) manifest: manifest::Writer,
    pub(super) version: Arc<Version>,
    pub(super) tables: Arc<TableCache>,
    /// Batches since the last freeze, oldest first.
    pub(super) active: Vec<Segment>,
    /// What the background thread writes, oldest first.
    pub(super) frozen: Vec<Arc<MemTable>>,
    pub(super) deferred: Arc<[bool]>,
}

/// Batches in memory, merged.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// How often it was merged.
    pub(super) tier: u32,
    pub(super) table: Arc<MemTable>,
}

/// Segments of one tier that become one of the next.
const SEGMENTS_MERGED: usize = 8;

impl Core {
    /// What readers shall see.
    pub(super) fn view(&self) -> View {
        let active = self.active.iter().rev().map(|segment| &segment.table);
        let memory = active.chain(self.frozen.iter().rev());
        View {
            state: Arc::new(State {
                memory: memory.cloned().collect(),
                version: Arc::clone(&self.version),
                tables: Arc::clone(&self.tables),
            }),
            deferred: Arc::clone(&self.deferred),
        }
    }

    /// Adds the newest segment, and merges segments while as many of one tier are the newest.
    /// Every operation is merged O(log segments) times.
    pub(super) fn push(&mut self, table: MemTable) {
        let table = Arc::new(table);
        self.active.push(Segment { tier: 0, table });
        while let Some(tier) = self.active.last().map(|segment| segment.tier) {
            let alike = self.active.iter().rev().take_while(|s| s.tier == tier);
            let Some(start) = self.active.len().checked_sub(SEGMENTS_MERGED) else {
                return;
            };
            if alike.count() < SEGMENTS_MERGED {
                return;
            }
            let merged: Vec<_> = self.active.drain(start..).map(|s| s.table).collect();
            let table = Arc::new(MemTable::merge(&merged));
            self.active.push(Segment {
                tier: tier + 1,
                table,
            });
        }
    }

    /// Bytes of all batches that are in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        let frozen = self.frozen.iter().map(|table| table.memory());
        self.active_bytes() + frozen.sum::<usize>()
    }

    /// Bytes of the batches since the last freeze.
    pub(super) fn active_bytes(&self) -> usize {
        self.active.iter().map(|s| s.table.memory()).sum()
    }
}

impl Inner {
    pub(super) fn write(&self) -> MutexGuard<'_, WriteSide> {
        self.write.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn view(&self) -> View {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.clone()
    }

    /// Shows readers what `core` holds.
    pub(super) fn publish(&self, core: &Core) {
        let view = core.view();
        let mut held = self.view.write().unwrap_or_else(PoisonError::into_inner);
        // The old one goes after the lock does: it may remove files.
        let old = std::mem::replace(&mut *held, view);
        drop(held);
        drop(old);
    }

    pub(super) fn families(&self) -> &[Family] {
        self.deriver().map_or(&[], Deriver::families)
    }

    pub(super) fn deriver(&self) -> Option<&dyn Deriver> {
        self.options.deriver.as_deref()
    }

    /// A number that no file has.
    pub(super) fn new_file_number(&self) -> FileNumber {
        FileNumber(self.next_file.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn path_of(&self, name: &FileName) -> PathBuf {
        self.dir.join(name.to_string())
    }

    pub(super) fn sync_dir(&self) -> Result<()> {
        let synced = self.fs.sync_dir(&self.dir);
        synced.map_err(|e| Error::io("sync", &self.dir, e))
    }

    /// Refuses to write after a failure.
    pub(super) fn check_usable(&self) -> Result<()> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        match &*failure {
            None => Ok(()),
            Some(cause) => Err(Error::new(
                ErrorKind::Poisoned,
                format!("an earlier write failed; reopen the database cause=`{cause}`"),
            )
            .in_file(&self.dir)),
        }
    }

    /// Ends writing if `result` failed: what the disk holds is not known any more.
    pub(super) fn or_poison<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| error.chain());
            drop(failure);
            self.jobs.wake();
        }
        result
    }

    /// Makes `edit` durable and the tables of `core` those that it leaves; does not publish.
    /// Counters that it does not set are filled in. A failure ends writing.
    pub(super) fn apply(
        &self,
        core: &mut Core,
        last_seq: SeqNo,
        mut edit: VersionEdit,
    ) -> Result<()> {
        edit.next_file = Some(FileNumber(self.next_file.load(Ordering::Relaxed)));
        edit.last_seq = Some(last_seq.max(core.version.last_seq()));
        edit.removed_backings = unused_backings(&core.version, &edit);
        let mut replay = Replay::from_version(&core.version);
        replay.apply(edit.clone(), 0)?;
        let version = replay.finish()?;
        let written = self.write_edit(core, &edit, &version);
        self.or_poison(written)?;
        let tables = core.tables.successor(version.files().into_keys());
        core.tables = Arc::new(tables);
        core.version = Arc::new(version);
        Ok(())
    }

    /// Appends an edit to the MANIFEST, or begins a new one with `version`, which it leads to.
    fn write_edit(&self, core: &mut Core, edit: &VersionEdit, version: &Version) -> Result<()> {
        if core.manifest.len() < self.options.manifest_bytes_max {
            core.manifest.append(edit)?;
            return core.manifest.sync();
        }
        let old = core.manifest.number();
        let number = self.new_file_number();
        core.manifest = manifest::Writer::create(&*self.fs, &self.dir, number, version)?;
        marker::set(&*self.fs, &self.dir, &Mark::Manifest(number))?;
        self.remove_obsolete(&self.path_of(&FileName::Manifest(old)));
        Ok(())
    }

    /// Removes a file that nothing needs. What stays is removed at the next opening.
    pub(super) fn remove_obsolete(&self, path: &std::path::Path) {
        if self.fs.remove_file(path).is_err() {
            self.metrics.removals_failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The backing files of `version` that no table shows any more after `edit`.
fn unused_backings(version: &Version, edit: &VersionEdit) -> Vec<FileNumber> {
    let is_removed = |number: FileNumber| edit.removed_tables.iter().any(|(_, n)| *n == number);
    let kept = version
        .tables()
        .filter(|(_, table)| !is_removed(table.number));
    let used: BTreeSet<_> = kept.filter_map(|(_, table)| table.backing).collect();
    let backings = version.backings().keys().copied();
    backings.filter(|backing| !used.contains(backing)).collect()
}
