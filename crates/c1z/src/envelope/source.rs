//! Positioned reads of one envelope, counted, with the head and the tail of the file kept.
//!
//! Opening reads the head (usually all of the manifest) and the tail (usually footer, index and the
//! small files before them) in one read each; a file that is not longer than both takes one read in
//! all. Whatever lies inside bytes that are kept costs no further read. Small files elsewhere are
//! fetched in clusters of neighbours ([`Source::fetch_within`]), of which the last few are kept.

use std::collections::VecDeque;
use std::io::Read;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use shingle::vfs::ReadFile;

use super::counters::Counters;
use super::fault;
use crate::{Error, ErrorKind, Result};

/// Bytes read at the front: manifests of today take 23 KiB.
pub(super) const HEAD_LEN: u64 = 64 << 10;
/// Bytes read at the end.
pub(super) const TAIL_LEN: u64 = 128 << 10;
/// Clusters kept beside head and tail.
const CLUSTERS_MAX: usize = 4;
/// Step of sequential reads, bytes.
pub(super) const STEP_LEN: u64 = 256 << 10;

/// Bytes of the file that are in memory.
#[derive(Clone, Debug)]
struct Kept {
    offset: u64,
    bytes: Arc<Vec<u8>>,
}

impl Kept {
    fn span(&self, range: &Range<u64>) -> Option<Span> {
        let start = usize::try_from(range.start.checked_sub(self.offset)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(self.offset)?).ok()?;
        (start <= end && end <= self.bytes.len()).then(|| Span {
            bytes: Arc::clone(&self.bytes),
            range: start..end,
        })
    }
}

/// A piece of the file, shared or its own.
#[derive(Clone, Debug)]
pub(super) struct Span {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Deref for Span {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }
}

/// One envelope, open for reading.
#[derive(Debug)]
pub(super) struct Source {
    file: Arc<dyn ReadFile>,
    path: PathBuf,
    len: u64,
    counters: Counters,
    /// Head and tail, then up to [`CLUSTERS_MAX`] clusters, oldest first.
    pinned: Mutex<Vec<Kept>>,
    clusters: Mutex<VecDeque<Kept>>,
}

impl Source {
    /// Wraps an open file; `path` is for errors. Reads nothing.
    pub(super) fn new(file: Arc<dyn ReadFile>, path: &Path) -> Self {
        Self {
            len: file.len(),
            file,
            path: path.to_owned(),
            counters: Counters::default(),
            pinned: Mutex::default(),
            clusters: Mutex::default(),
        }
    }

    /// Length of the file in bytes, as it was when it was opened.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The path that errors name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Names the file in an error.
    pub(super) fn locate(&self, error: Error) -> Error {
        error.in_file(&self.path)
    }

    /// Reads the head and keeps it; all of a file that is not longer than head and tail.
    pub(super) fn keep_head(&self) -> Result<Span> {
        let len = if self.len <= HEAD_LEN + TAIL_LEN {
            self.len
        } else {
            HEAD_LEN
        };
        self.keep(0..len)
    }

    /// Reads the tail and keeps it, unless it is in memory already.
    pub(super) fn keep_tail(&self) -> Result<()> {
        let range = self.len.saturating_sub(TAIL_LEN)..self.len;
        if self.kept(&range).is_none() {
            self.keep(range)?;
        }
        Ok(())
    }

    fn keep(&self, range: Range<u64>) -> Result<Span> {
        let kept = self.load(range.clone())?;
        let span = kept.span(&range);
        lock(&self.pinned).push(kept);
        span.ok_or_else(|| Error::new(ErrorKind::Internal, "a kept range does not hold itself"))
    }

    /// The bytes of `range`, from memory or by one read.
    pub(super) fn fetch(&self, range: Range<u64>) -> Result<Span> {
        self.fetch_within(range.clone(), range)
    }

    /// The bytes of `range`; when they have to be read, `cluster`, which contains it, is read as a
    /// whole and kept for its neighbours.
    pub(super) fn fetch_within(&self, range: Range<u64>, cluster: Range<u64>) -> Result<Span> {
        if let Some(span) = self.kept(&range) {
            return Ok(span);
        }
        let neighbours = cluster != range;
        let kept = self.load(cluster)?;
        let span = kept.span(&range).ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "a cluster does not hold the range asked for",
            )
        })?;
        if neighbours {
            let mut clusters = lock(&self.clusters);
            if clusters.len() == CLUSTERS_MAX {
                clusters.pop_front();
            }
            clusters.push_back(kept);
        }
        Ok(span)
    }

    /// Whether `range` costs no read.
    pub(super) fn kept(&self, range: &Range<u64>) -> Option<Span> {
        let find = |kept: &Kept| kept.span(range);
        let pinned = lock(&self.pinned).iter().find_map(find);
        pinned.or_else(|| lock(&self.clusters).iter().find_map(find))
    }

    fn load(&self, range: Range<u64>) -> Result<Kept> {
        let len = usize::try_from(range.end.saturating_sub(range.start))
            .map_err(|_| fault::over_bound("read", range.end, usize::MAX as u64))?;
        let mut bytes = vec![0; len];
        self.read_exact_at(range.start, &mut bytes)?;
        Ok(Kept {
            offset: range.start,
            bytes: Arc::new(bytes),
        })
    }

    /// Fills `buf` from `offset` by one read.
    ///
    /// # Errors
    /// `DataLoss` (truncated) when the file has become shorter than it was; `Io`.
    pub(super) fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let read = self
            .file
            .read_at(offset, buf)
            .map_err(|e| fault::from_io("read", &self.path, e))?;
        Counters::add(&self.counters.reads, 1);
        Counters::add(&self.counters.read_bytes, read as u64);
        if read < buf.len() {
            let expected = format!("{} bytes", buf.len());
            let found = format!("{read} bytes: the file has become shorter");
            return Err(self.locate(fault::truncated("envelope", offset, expected, found)));
        }
        Ok(())
    }
}

/// Reads a range from front to back in steps, taking what is kept from memory.
#[derive(Debug)]
pub(super) struct RangeReader {
    source: Arc<Source>,
    /// Where the step ends.
    next: u64,
    end: u64,
    step_len: u64,
    step: Option<Span>,
    taken: usize,
}

impl RangeReader {
    /// A reader of `range` in steps of `step_len` bytes.
    pub(super) fn new(source: Arc<Source>, range: Range<u64>, step_len: u64) -> Self {
        Self {
            source,
            next: range.start,
            end: range.end,
            step_len,
            step: None,
            taken: 0,
        }
    }

    /// File offset of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.next - self.pending().len() as u64
    }

    /// Bytes left.
    pub(super) fn left(&self) -> u64 {
        self.end - self.offset()
    }

    /// Passes over `n` bytes without reading them; at most to the end of the range.
    pub(super) fn skip(&mut self, n: u64) {
        let pending = self.pending().len() as u64;
        if n <= pending {
            self.taken += usize::try_from(n).unwrap_or(usize::MAX);
        } else {
            self.next = self.next.saturating_add(n - pending).min(self.end);
            self.step = None;
            self.taken = 0;
        }
    }

    /// The next `n` bytes without taking them; fewer at the end of the range. `n` must not be longer
    /// than a step.
    pub(super) fn peek(&mut self, n: usize) -> Result<&[u8]> {
        if self.pending().len() < n && self.next < self.end {
            self.next = self.offset();
            self.refill()?;
        }
        let pending = self.pending();
        Ok(pending.get(..n).unwrap_or(pending))
    }

    fn pending(&self) -> &[u8] {
        self.step
            .as_deref()
            .and_then(|step| step.get(self.taken..))
            .unwrap_or_default()
    }

    fn refill(&mut self) -> Result<()> {
        let end = self.end.min(self.next.saturating_add(self.step_len));
        let step = match self.source.kept(&(self.next..self.end)) {
            Some(all) => all,
            None => self.source.fetch(self.next..end)?,
        };
        self.next += step.len() as u64;
        self.step = Some(step);
        self.taken = 0;
        Ok(())
    }
}

impl Read for RangeReader {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.pending().is_empty() && self.next < self.end {
            self.refill().map_err(fault::into_io)?;
        }
        let mut pending = self.pending();
        let n = pending.read(buf)?;
        self.taken += n;
        Ok(n)
    }
}

/// Copies as much of `from` as fits to the front of `to`; returns the number of bytes.
pub(super) fn copy_front(to: &mut [u8], from: &[u8]) -> usize {
    let n = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..n), from.get(..n)) {
        to.copy_from_slice(from);
    }
    n
}

/// Locks `mutex`; what it guards here stays consistent when a holder panics.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
