//! Reading several blocks at once for whoever walks a table.
//!
//! The first block is read alone. Each next block in the same direction that is not in the buffer
//! doubles the amount read, up to the table's limit; a jump starts over. A forward walk never reads a
//! byte twice, which matters when the file is a view that decompresses as it is read.

use super::Table;
use crate::Result;
use crate::sst::handle::BlockHandle;

/// The amount of the first read ahead.
const FIRST_LEN: usize = 32 << 10;

/// A walker's buffer.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    buf: Vec<u8>,
    /// Position of the buffer in the file.
    start: u64,
    /// Amount of the last read.
    len: usize,
    /// First byte and end of the last block asked for.
    last: Option<(u64, u64)>,
}

impl ReadAhead {
    /// The block at `handle` with its trailer.
    pub(super) fn block(&mut self, table: &Table, handle: BlockHandle) -> Result<&[u8]> {
        let len = table.stored_len(handle)?;
        let (first, end) = (handle.offset, handle.offset + len as u64);
        if self.position(first, end).is_none() {
            self.read(table, first, end)?;
        }
        self.last = Some((first, end));
        let at = self.position(first, end).unwrap_or_default();
        Ok(self.buf.get(at..at + len).unwrap_or_default())
    }

    /// Position of bytes `first..end` in the buffer, if it holds them.
    fn position(&self, first: u64, end: u64) -> Option<usize> {
        let at = usize::try_from(first.checked_sub(self.start)?).ok()?;
        let held = self.start + self.buf.len() as u64;
        (end <= held).then_some(at)
    }

    fn read(&mut self, table: &Table, first: u64, end: u64) -> Result<()> {
        let forward = self.last.is_some_and(|(_, last_end)| last_end == first);
        let backward = self.last.is_some_and(|(last_first, _)| last_first == end);
        self.len = if forward || backward {
            (self.len * 2).clamp(FIRST_LEN, table.options.readahead_len_max)
        } else {
            0
        };
        let ahead = self.len as u64;
        let (from, to) = if backward {
            (first.min(end.saturating_sub(ahead)), end)
        } else {
            (first, end.max((first + ahead).min(table.data_end)))
        };
        self.hold(table, from, to)
    }

    /// Holds `from..to`: what is held of it stays, the rest comes from the file.
    fn hold(&mut self, table: &Table, from: u64, to: u64) -> Result<()> {
        let len = |from: u64, to: u64| usize::try_from(to - from).unwrap_or_default();
        let (start, end) = (self.start, self.start + self.buf.len() as u64);
        // Until the read has succeeded the buffer holds nothing.
        let old = std::mem::take(&mut self.buf);
        let mut buf = vec![0; len(from, to)];
        let (kept, missing) = if (start..end).contains(&from) {
            let (kept, missing) = buf.split_at_mut(len(from, end));
            (Some((kept, len(start, from))), (missing, end))
        } else if start < to && to <= end {
            let (missing, kept) = buf.split_at_mut(len(from, start));
            (Some((kept, 0)), (missing, from))
        } else {
            (None, (buf.as_mut_slice(), from))
        };
        if let Some((kept, at)) = kept
            && let Some(held) = old.get(at..at + kept.len())
        {
            kept.copy_from_slice(held);
        }
        let (missing, at) = missing;
        table.read_at(at, missing)?;
        self.start = from;
        self.buf = buf;
        Ok(())
    }
}
