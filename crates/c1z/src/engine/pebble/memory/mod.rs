//! A live database in memory: a sorted map of versions, so that a snapshot is a number.
//!
//! For syncs that fit in memory, and for tests of everything above the seam. Nothing survives the process. Indexes are
//! kept true with each batch.
//!
//! # Complexity
//! A write is O(log rows) per row, and one read of what it replaces for resources and grants; a snapshot O(log snapshots);
//! a step of a scan O(log rows).

mod staged;
mod versions;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use shingle::batch::{Batch, BatchReader, Op};
use shingle::bulk::{BuiltDatabase, BulkBuilder, BulkOptions, InputOrder};
use shingle::key::Kind;
use shingle::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use shingle::vfs::Fs;

use self::staged::Staged;
use self::versions::{Changes, Stored, Versions};
use super::kv::{Kv, KvScan, KvValue};
use super::live_kv::{LiveKv, SealPass, is_index, without_indexes};
use crate::keyspace::{Family, KeyRange};
use crate::ops::build::sections;
use crate::{Error, ErrorKind, Result};

/// The rows of one database.
pub(super) struct MemoryKv(Arc<RwLock<Versions>>);

impl MemoryKv {
    /// An empty database that holds at most `bytes_max` bytes of keys and values, replaced versions that are still read
    /// included.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self(Arc::new(RwLock::new(Versions::new(bytes_max))))
    }

    /// A database of these rows as they are, index rows included.
    ///
    /// # Errors
    /// `ResourceExhausted` when they do not fit.
    pub(super) fn holding(
        rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
        bytes_max: u64,
    ) -> Result<Self> {
        let mut versions = Versions::new(bytes_max);
        let rows = rows.into_iter();
        versions.commit(rows.map(|(key, value)| (key, Some(value.into()))).collect())?;
        Ok(Self(Arc::new(RwLock::new(versions))))
    }

    fn pin(&self) -> MemorySnapshot {
        let seq = write(&self.0).pin();
        let pin = Pin {
            versions: Arc::clone(&self.0),
            seq,
        };
        MemorySnapshot(Arc::new(pin))
    }

    /// Applies what was staged on `base`, which has to be the newest state.
    fn commit(&self, base: MemorySnapshot, changes: Changes) -> Result<()> {
        let mut versions = write(&self.0);
        if base.0.seq != versions.seq() {
            return Err(Error::new(
                ErrorKind::Internal,
                "two writes at a time in one database",
            ));
        }
        let committed = versions.commit(changes);
        drop(versions);
        drop(base);
        committed
    }
}

impl fmt::Debug for MemoryKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions = read(&self.0);
        write!(f, "MemoryKv({} bytes)", versions.bytes())
    }
}

impl LiveKv for MemoryKv {
    fn snapshot(&self) -> Arc<dyn Kv> {
        Arc::new(self.pin())
    }

    fn write(&self, batch: Batch) -> Result<()> {
        let base = self.pin();
        let mut staged = Staged::new(base.clone());
        apply(&batch, &mut staged)?;
        self.commit(base, staged.into_changes())
    }

    fn barrier(&self) -> Result<()> {
        Ok(())
    }

    fn seal(&self, pass: &mut dyn SealPass) -> Result<()> {
        let base = self.pin();
        let mut staged = Staged::new(base.clone());
        for family in Family::ALL.into_iter().filter(|family| family.is_derived()) {
            staged.clear(family)?;
        }
        for family in Family::ALL.into_iter().filter(|family| family.is_primary()) {
            let mut scan = base.scan(&family.range())?;
            while let Some((key, value)) = scan.next()? {
                staged.derive(key, value)?;
                pass.row(key, value, &mut |key, value| {
                    staged.set(key, value);
                    Ok(())
                })?;
            }
        }
        let last = pass.finish(&mut |key, value| {
            staged.set(key, value);
            Ok(())
        })?;
        apply(&last, &mut staged)?;
        self.commit(base, staged.into_changes())
    }

    fn checkpoint(&self, fs: &Arc<dyn Fs>, dir: &Path) -> Result<BuiltDatabase> {
        let options = BulkOptions {
            order: InputOrder::Ascending,
            sections: sections(),
            ..BulkOptions::default()
        };
        let mut database = BulkBuilder::new(Arc::clone(fs), dir, options)?;
        let mut rows = self.pin().scan(&KeyRange {
            lower: Vec::new(),
            upper: None,
        })?;
        while let Some((key, value)) = rows.next()? {
            database.add(key, value)?;
        }
        Ok(database.finish()?)
    }
}

fn apply(batch: &Batch, staged: &mut Staged) -> Result<()> {
    let mut ops = BatchReader::new(batch.as_bytes())?;
    while let Some((_, op)) = ops.next_op()? {
        match op {
            Op::Point {
                kind: Kind::Set,
                key,
                value,
            } if !is_derived(key) => staged.put(key, value)?,
            Op::Point {
                kind: Kind::Delete,
                key,
                ..
            } if !is_derived(key) => staged.delete(key)?,
            Op::DeleteRange { start, end } => {
                let range = KeyRange {
                    lower: start.to_vec(),
                    upper: Some(end.to_vec()),
                };
                if without_indexes(range.clone()) != [range.clone()] {
                    return Err(not_of_the_engine(&op));
                }
                staged.delete_range(&range)?;
            }
            other => return Err(not_of_the_engine(&other)),
        }
    }
    Ok(())
}

fn is_derived(key: &[u8]) -> bool {
    Family::of(key).is_some_and(is_index)
}

fn not_of_the_engine(op: &Op<'_>) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("a batch of the engine has no such operation: {op:?}"),
    )
}

/// Everything visible at one moment.
#[derive(Clone)]
struct MemorySnapshot(Arc<Pin>);

/// Keeps the versions that a snapshot sees.
struct Pin {
    versions: Arc<RwLock<Versions>>,
    seq: u64,
}

impl Drop for Pin {
    fn drop(&mut self) {
        write(&self.versions).unpin(self.seq);
    }
}

impl MemorySnapshot {
    fn value(&self, key: &[u8]) -> Option<Stored> {
        read(&self.0.versions).get(key, self.0.seq)
    }

    /// The first row from `lower` on and below `upper`.
    fn first(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Option<(Vec<u8>, Stored)> {
        read(&self.0.versions).first(lower, upper, self.0.seq)
    }
}

impl fmt::Debug for MemorySnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemorySnapshot({})", self.0.seq)
    }
}

impl Kv for MemorySnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<KvValue>> {
        Ok(self.value(key).map(KvValue::Shared))
    }

    fn scan(&self, range: &KeyRange) -> Result<Box<dyn KvScan>> {
        Ok(Box::new(MemoryScan {
            snapshot: self.clone(),
            range: range.clone(),
            row: None,
        }))
    }

    fn size_on_disk(&self) -> u64 {
        0
    }
}

/// A scan that stands on the row that it returned last.
struct MemoryScan {
    snapshot: MemorySnapshot,
    range: KeyRange,
    row: Option<(Vec<u8>, Stored)>,
}

impl KvScan for MemoryScan {
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        let lower = match &self.row {
            Some((key, _)) => Bound::Excluded(key.as_slice()),
            None => Bound::Included(self.range.lower.as_slice()),
        };
        let upper = match &self.range.upper {
            Some(upper) => Bound::Excluded(upper.as_slice()),
            None => Bound::Unbounded,
        };
        match self.snapshot.first(lower, upper) {
            Some(row) => self.row = Some(row),
            // The row stays, so that further calls find the end again.
            None => return Ok(None),
        }
        Ok(self
            .row
            .as_ref()
            .map(|(key, value)| (key.as_slice(), &**value)))
    }
}

fn read(versions: &RwLock<Versions>) -> RwLockReadGuard<'_, Versions> {
    versions.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(versions: &RwLock<Versions>) -> RwLockWriteGuard<'_, Versions> {
    versions.write().unwrap_or_else(PoisonError::into_inner)
}
