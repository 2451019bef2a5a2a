//! The merge of sorted files.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use shingle::vfs::ReadFile;
use shingle::{Error, ErrorKind, Result};

use super::super::varint;
use super::sorter::IO_LEN;

/// Reads one file.
#[derive(Debug)]
struct RunReader {
    file: Arc<dyn ReadFile>,
    /// Where the next read starts.
    offset: u64,
    buffer: Vec<u8>,
    at: usize,
    /// The current string.
    string: Vec<u8>,
}

impl RunReader {
    fn new(file: Arc<dyn ReadFile>) -> Self {
        Self {
            file,
            offset: 0,
            buffer: Vec::new(),
            at: 0,
            string: Vec::new(),
        }
    }

    /// Moves to the next string; false at the end.
    fn advance(&mut self) -> Result<bool> {
        self.fill(2 * varint::LEN_MAX)?;
        if self.at == self.buffer.len() {
            return Ok(false);
        }
        let shared = self.number()?;
        let own_len = self.number()?;
        self.fill(own_len)?;
        let own = self
            .buffer
            .get(self.at..)
            .and_then(|rest| rest.get(..own_len))
            .ok_or_else(torn)?;
        self.string.truncate(shared);
        self.string.extend_from_slice(own);
        self.at += own_len;
        Ok(true)
    }

    fn number(&mut self) -> Result<usize> {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let (value, len) = varint::decode(rest).ok_or_else(torn)?;
        self.at += len;
        usize::try_from(value).map_err(|_| torn())
    }

    /// Makes the next `len` bytes available, or all that are left.
    fn fill(&mut self, len: usize) -> Result<()> {
        let left = self.file.len().saturating_sub(self.offset);
        if self.buffer.len() - self.at >= len || left == 0 {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        let have = self.buffer.len();
        let more = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(len.max(IO_LEN));
        self.buffer.resize(have + more, 0);
        let slot = self.buffer.get_mut(have..).unwrap_or_default();
        self.file
            .read_exact_at(self.offset, slot)
            .map_err(|source| {
                Error::new(ErrorKind::Io, "cannot read a sort file").with_source(source)
            })?;
        self.offset += more as u64;
        Ok(())
    }
}

fn torn() -> Error {
    Error::new(ErrorKind::Io, "a sort file changed while it was used")
}

/// Ordered so that the greatest reader has the least string.
impl Ord for RunReader {
    fn cmp(&self, other: &Self) -> Ordering {
        other.string.cmp(&self.string)
    }
}

impl PartialOrd for RunReader {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RunReader {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RunReader {}

/// The strings of several files in ascending order.
#[derive(Debug)]
pub(super) struct Merge {
    heap: BinaryHeap<RunReader>,
    started: bool,
}

impl Merge {
    pub(super) fn open(files: Vec<Arc<dyn ReadFile>>) -> Result<Self> {
        let mut heap = BinaryHeap::with_capacity(files.len());
        for file in files {
            let mut reader = RunReader::new(file);
            if reader.advance()? {
                heap.push(reader);
            }
        }
        Ok(Self {
            heap,
            started: false,
        })
    }

    /// The next string; valid until the next call.
    ///
    /// # Complexity
    /// O(log files).
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>> {
        if self.started
            && let Some(mut reader) = self.heap.peek_mut()
            && !reader.advance()?
        {
            PeekMut::pop(reader);
        }
        self.started = true;
        Ok(self.heap.peek().map(|reader| reader.string.as_slice()))
    }
}
