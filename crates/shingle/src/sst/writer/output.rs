//! The way of blocks into the file: compression, on the caller's thread or on a pool's, then writing
//! in order.

use std::collections::VecDeque;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use super::WriterOptions;
use super::index::IndexWriter;
use super::pool::{CompressionPool, Job, Pending};
use crate::checksum::{FileHash, PartsCrc};
use crate::sst::handle::{BlockHandle, TRAILER_LEN};
use crate::sst::wrapper::{Compression, Sealed, Sealer};
use crate::vfs::WriteFile;
use crate::{Error, ErrorKind, Result};

/// Bytes gathered before the file is written.
const BUFFER_LEN: usize = 256 << 10;

/// Bytes of a value that are copied at a time.
const PIECE_LEN: usize = 64 << 10;

/// Blocks in compression per thread of the pool; bounds memory and keeps the threads busy.
const IN_FLIGHT_PER_THREAD: usize = 4;

/// Writes blocks one after another.
#[derive(Debug)]
pub(super) struct Output {
    file: Box<dyn WriteFile>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes written and gathered.
    offset: u64,
    hash: FileHash,
    compression: Compression,
    verify: bool,
    sealer: Sealer,
    sealed: Vec<u8>,
    pool: Option<Arc<CompressionPool>>,
    in_flight: VecDeque<InFlight>,
    in_flight_len: u64,
    /// Emptied block buffers.
    spare: Vec<Vec<u8>>,
    stats: Vec<Stat>,
}

/// A data block on its way.
#[derive(Debug)]
struct InFlight {
    pending: Pending,
    separator: Vec<u8>,
    props: &'static [u8],
    rows: u64,
    len: u64,
}

/// Stored and raw bytes under one compression setting.
#[derive(Debug)]
struct Stat {
    compression: Compression,
    stored_len: u64,
    raw_len: u64,
}

impl Output {
    pub(super) fn new(file: Box<dyn WriteFile>, path: PathBuf, options: &WriterOptions) -> Self {
        Self {
            file,
            path,
            buffer: Vec::with_capacity(BUFFER_LEN),
            offset: 0,
            hash: FileHash::new(),
            compression: options.compression,
            verify: options.verify,
            sealer: Sealer::default(),
            sealed: Vec::new(),
            pool: options.pool.clone(),
            in_flight: VecDeque::new(),
            in_flight_len: 0,
            spare: Vec::new(),
            stats: Vec::new(),
        }
    }

    /// Bytes of the file so far, blocks in compression excluded.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the file so far, blocks in compression counted in full.
    pub(super) fn estimated_len(&self) -> u64 {
        self.offset + self.in_flight_len
    }

    /// A buffer for the next data block.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes an encoded data block of `rows` rows; it reaches `index` once it is written.
    pub(super) fn submit(
        &mut self,
        block: Vec<u8>,
        separator: Vec<u8>,
        props: &'static [u8],
        rows: u64,
        index: &mut IndexWriter,
    ) -> Result<()> {
        let Some(pool) = self.pool.clone() else {
            let handle = self.put(&block)?;
            index.add(&separator, handle, props, rows);
            self.recycle(block);
            return Ok(());
        };
        let len = block.len() as u64;
        let pending = pool.submit(Job {
            block,
            compression: self.compression,
            verify: self.verify,
        })?;
        self.in_flight_len += len;
        self.in_flight.push_back(InFlight {
            pending,
            separator,
            props,
            rows,
            len,
        });
        while self.in_flight.len() > pool.threads() * IN_FLIGHT_PER_THREAD {
            self.complete_one(index)?;
        }
        Ok(())
    }

    /// Waits for all data blocks.
    pub(super) fn drain(&mut self, index: &mut IndexWriter) -> Result<()> {
        while !self.in_flight.is_empty() {
            self.complete_one(index)?;
        }
        Ok(())
    }

    /// Waits for the oldest data block in compression and writes it.
    fn complete_one(&mut self, index: &mut IndexWriter) -> Result<()> {
        let Some(oldest) = self.in_flight.pop_front() else {
            return Ok(());
        };
        self.in_flight_len -= oldest.len;
        let done = oldest.pending.wait()?;
        let handle = self.write_sealed(&done.stored, done.sealed)?;
        index.add(&oldest.separator, handle, oldest.props, oldest.rows);
        self.recycle(done.block);
        Ok(())
    }

    fn recycle(&mut self, mut block: Vec<u8>) {
        // A block of one huge value must not stay in memory.
        if block.capacity() <= BUFFER_LEN {
            block.clear();
            self.spare.push(block);
        }
    }

    /// Writes a block, compressed if that is worth it.
    pub(super) fn put(&mut self, block: &[u8]) -> Result<BlockHandle> {
        self.put_with(block, self.compression)
    }

    /// Writes a block as it is.
    pub(super) fn put_raw(&mut self, block: &[u8]) -> Result<BlockHandle> {
        self.put_with(block, Compression::None)
    }

    fn put_with(&mut self, block: &[u8], compression: Compression) -> Result<BlockHandle> {
        let mut stored = std::mem::take(&mut self.sealed);
        let written = self
            .sealer
            .seal(block, compression, self.verify, &mut stored)
            .and_then(|sealed| self.write_sealed(&stored, sealed));
        self.sealed = stored;
        written
    }

    /// Writes a block of `head`, `len` bytes of `value` and `tail` as it is, a piece at a time, each of
    /// which `visit` sees. No block is on its way.
    pub(super) fn put_streamed(
        &mut self,
        (head, tail): (&[u8], &[u8]),
        len: u64,
        value: &mut dyn Read,
        visit: &mut dyn FnMut(&[u8]),
    ) -> Result<BlockHandle> {
        let stored_len = (head.len() + tail.len()) as u64 + len;
        let handle = BlockHandle {
            offset: self.offset,
            len: stored_len,
        };
        let mut crc = PartsCrc::default();
        crc.add(head);
        self.write(head)?;
        let mut piece = vec![0; PIECE_LEN];
        let mut left = len;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_LEN);
            let piece = piece.get_mut(..wanted).unwrap_or_default();
            value.read_exact(piece).map_err(cannot_read)?;
            visit(piece);
            crc.add(piece);
            self.write(piece)?;
            left -= wanted as u64;
        }
        let end = [Compression::None.codec() as u8];
        for part in [tail, &end] {
            crc.add(part);
            self.write(part)?;
        }
        self.write(&crc.masked().to_le_bytes())?;
        self.count(Sealed {
            compression: Compression::None,
            raw_len: stored_len,
            stored_len,
        });
        Ok(handle)
    }

    fn write_sealed(&mut self, stored: &[u8], sealed: Sealed) -> Result<BlockHandle> {
        let handle = BlockHandle {
            offset: self.offset,
            len: sealed.stored_len,
        };
        debug_assert_eq!(stored.len() as u64, sealed.stored_len + TRAILER_LEN as u64);
        self.write(stored)?;
        self.count(sealed);
        Ok(handle)
    }

    fn count(&mut self, sealed: Sealed) {
        let known = self
            .stats
            .iter_mut()
            .find(|stat| stat.compression == sealed.compression);
        match known {
            Some(stat) => {
                stat.stored_len += sealed.stored_len;
                stat.raw_len += sealed.raw_len;
            }
            None => self.stats.push(Stat {
                compression: sealed.compression,
                stored_len: sealed.stored_len,
                raw_len: sealed.raw_len,
            }),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.offset += bytes.len() as u64;
        self.hash.update(bytes);
        if self.buffer.len() + bytes.len() > BUFFER_LEN {
            self.flush()?;
        }
        if bytes.len() >= BUFFER_LEN {
            return self
                .file
                .write_all(bytes)
                .map_err(|e| Error::io("write a table", &self.path, e));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|e| Error::io("write a table", &self.path, e))
    }

    /// The property `pebble.compression_stats`: `setting:stored/raw`, in order of first use.
    pub(super) fn stats(&self) -> String {
        let stats: Vec<_> = self
            .stats
            .iter()
            .map(|stat| {
                let setting = stat.compression.setting();
                format!("{setting}:{}/{}", stat.stored_len, stat.raw_len)
            })
            .collect();
        stats.join(",")
    }

    /// Writes the footer and ends the file; returns its length and hash.
    pub(super) fn finish(&mut self, footer: &[u8], sync: bool) -> Result<(u64, u64)> {
        self.write(footer)?;
        self.flush()?;
        if sync {
            self.file
                .sync()
                .map_err(|e| Error::io("sync a table", &self.path, e))?;
        }
        Ok((self.offset, self.hash.digest()))
    }
}

fn cannot_read(error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        "cannot read a value that is written to a table",
    )
    .with_source(error)
}
