//! The writer of a log.

use super::chunk::{BLOCK_LEN, Format, LogHeader, Place, put_chunk};
use super::wal::low_half;
use crate::vfs::WriteFile;
use crate::{Error, ErrorKind, Result};

/// Appended bytes are handed to the file in pieces of at least this size, in bytes.
const PIECE_LEN: usize = 1 << 20;

/// Appends records. After a failed write or sync what the file holds is unknown, and every further
/// call fails.
#[derive(Debug)]
pub(crate) struct Writer {
    file: Box<dyn WriteFile>,
    log: LogHeader,
    /// Length of the file with all that was appended.
    len: u64,
    buffer: Vec<u8>,
    failed: bool,
}

impl Writer {
    /// Writes log `number` (0 for a MANIFEST) into an empty file.
    pub(crate) fn new(file: Box<dyn WriteFile>, format: Format, number: u64) -> Self {
        Self {
            file,
            log: LogHeader {
                format,
                log_number: low_half(number),
                synced_offset: 0,
            },
            len: 0,
            buffer: Vec::new(),
            failed: false,
        }
    }

    /// Appends one record; returns the offset of its first chunk. Not durable before
    /// [`Writer::sync`]. O(record).
    pub(crate) fn append(&mut self, record: &[u8]) -> Result<u64> {
        self.check()?;
        self.fill_block_unless_fits(self.log.format.header_len());
        let start = self.len;
        let mut rest = record;
        let mut begins = true;
        loop {
            let room = self.room() - self.log.format.header_len();
            let (payload, tail) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            let ends = tail.is_empty();
            self.put(Place::new(begins, ends), payload);
            if self.buffer.len() >= PIECE_LEN || ends {
                self.flush()?;
            }
            if ends {
                return Ok(start);
            }
            rest = tail;
            begins = false;
            self.fill_block_unless_fits(self.log.format.header_len());
        }
    }

    /// Makes all appended records durable.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.check()?;
        let result = self.file.sync();
        self.log.synced_offset = self.len;
        self.outcome("cannot sync", result)
    }

    /// Ends the log so that a reader knows it is whole, and makes it durable.
    pub(crate) fn close(mut self) -> Result<()> {
        self.check()?;
        if self.log.format != Format::Legacy {
            self.fill_block_unless_fits(Format::Recyclable.header_len());
            // A chunk of the next log, whose checksum nobody looks at.
            self.buffer.extend_from_slice(&[0, 0, 0, 0, 0, 0, 5]);
            let next = self.log.log_number.wrapping_add(1);
            self.buffer.extend_from_slice(&next.to_le_bytes());
            self.flush()?;
        }
        self.sync()
    }

    /// Length of the file in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    fn put(&mut self, place: Place, payload: &[u8]) {
        let before = self.buffer.len();
        put_chunk(&mut self.buffer, self.log, place, payload);
        self.len += (self.buffer.len() - before) as u64;
    }

    /// Bytes left in the block; a full block counts as the next, empty one.
    fn room(&self) -> usize {
        let used = self.len % BLOCK_LEN as u64;
        BLOCK_LEN - usize::try_from(used).unwrap_or_default()
    }

    fn fill_block_unless_fits(&mut self, header_len: usize) {
        let room = self.room();
        if room < header_len {
            self.buffer.resize(self.buffer.len() + room, 0);
            self.len += room as u64;
        }
    }

    fn flush(&mut self) -> Result<()> {
        let result = self.file.write_all(&self.buffer);
        self.buffer.clear();
        self.outcome("cannot write", result)
    }

    fn check(&self) -> Result<()> {
        if self.failed {
            let message = "an earlier write to the log failed";
            return Err(Error::new(ErrorKind::Poisoned, message));
        }
        Ok(())
    }

    fn outcome(&mut self, failure: &str, result: std::io::Result<()>) -> Result<()> {
        result.map_err(|e| {
            self.failed = true;
            Error::new(ErrorKind::Io, failure).with_source(e)
        })
    }
}
