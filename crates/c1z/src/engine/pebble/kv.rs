//! Sorted keys and values, wherever they come from: a database, or a view re-keyed in memory.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::{Deref, Range};
use std::sync::Arc;

use shingle::db::{Database, Scan, ScanOptions, Value};
use shingle::iter::Bounds;

use crate::Result;
use crate::keyspace::KeyRange;

/// An ordered, immutable set of keys and values.
pub(crate) trait Kv: Send + Sync + fmt::Debug {
    /// The value of one key. O(log rows) and at most one block read per level.
    fn get(&self, key: &[u8]) -> Result<Option<KvValue>>;

    /// The rows of a range in key order.
    fn scan(&self, range: &KeyRange) -> Result<Box<dyn KvScan>>;

    /// Bytes on disk.
    fn size_on_disk(&self) -> u64;
}

/// A value that outlives the read that found it.
#[derive(Clone, Debug)]
pub(crate) enum KvValue {
    /// In a block of a table, which it keeps alive.
    Stored(Value),
    /// Shared with a store in memory.
    Shared(Arc<[u8]>),
    /// A copy.
    Owned(Vec<u8>),
}

impl Deref for KvValue {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Stored(value) => value,
            Self::Shared(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for KvValue {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Reads a part of a value, without copying it first.
pub(super) struct KvReader {
    value: io::Cursor<KvValue>,
    part: Range<u64>,
}

impl KvReader {
    /// A reader of the bytes `part` of a value.
    pub(super) fn new(value: KvValue, part: Range<usize>) -> Self {
        let part = part.start as u64..part.end as u64;
        let mut value = io::Cursor::new(value);
        value.set_position(part.start);
        Self { value, part }
    }
}

impl Read for KvReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.part.end.saturating_sub(self.value.position());
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        match buffer.get_mut(..wanted) {
            Some(buffer) => self.value.read(buffer),
            None => Ok(0),
        }
    }
}

impl Seek for KvReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let len = self.part.end - self.part.start;
        let at = self.value.position() - self.part.start;
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => len.checked_add_signed(by),
            SeekFrom::Current(by) => at.checked_add_signed(by),
        };
        let absolute = position.and_then(|position| self.part.start.checked_add(position));
        let (Some(position), Some(absolute)) = (position, absolute) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "seek before the beginning",
            ));
        };
        self.value.set_position(absolute);
        Ok(position)
    }
}

/// A forward scan. Owns what it reads from.
pub(crate) trait KvScan: Send {
    /// The next row; slices live until the next call.
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>>;
}

/// The rest of a range behind a key that was already returned.
pub(super) fn rest_of(range: &KeyRange, after: Option<&[u8]>) -> KeyRange {
    let lower = match after {
        Some(after) if after >= range.lower.as_slice() => {
            // The smallest key behind `after`.
            let mut lower = after.to_vec();
            lower.push(0);
            lower
        }
        _ => range.lower.clone(),
    };
    KeyRange {
        lower,
        upper: range.upper.clone(),
    }
}

impl Kv for Database {
    fn get(&self, key: &[u8]) -> Result<Option<KvValue>> {
        Ok(self.get(key)?.map(KvValue::Stored))
    }

    fn scan(&self, range: &KeyRange) -> Result<Box<dyn KvScan>> {
        Ok(Box::new(
            self.scan(bounds_of(range), ScanOptions::default()),
        ))
    }

    fn size_on_disk(&self) -> u64 {
        self.level_shapes().iter().map(|level| level.size).sum()
    }
}

impl KvScan for Scan {
    fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        Ok(self.next()?)
    }
}

/// The range as bounds of a database.
pub(super) fn bounds_of(range: &KeyRange) -> Bounds {
    Bounds {
        lower: Some(range.lower.clone()),
        upper: range.upper.clone(),
    }
}
