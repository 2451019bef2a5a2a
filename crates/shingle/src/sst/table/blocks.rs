//! Fetching and decoding single blocks, through the cache.

use std::cmp::Ordering;
use std::sync::Arc;

use super::index::Described;
use super::readahead::ReadAhead;
use super::{CacheMode, Cached, CachedBlock, Table};
use crate::cache::CacheKey;
use crate::sst::data::DataBlock;
use crate::sst::footer::TableFormat;
use crate::sst::handle::{BlockHandle, TRAILER_LEN};
use crate::sst::index_block::IndexBlock;
use crate::sst::{row_block, wrapper};
use crate::{Error, Result};

const STRUCTURE: &str = "sstable block";

/// Bytes of a stored block from which on it is not read into a walker's buffer first.
const AHEAD_LEN_MAX: u64 = 1 << 20;

impl Table {
    pub(super) fn key(&self, handle: BlockHandle) -> CacheKey {
        CacheKey {
            owner: self.owner,
            offset: handle.offset,
        }
    }

    pub(super) fn cached(&self, handle: BlockHandle) -> Option<CachedBlock> {
        let found = self.options.cache.get(self.key(handle));
        let counters = &self.options.counters;
        if found.is_some() {
            counters.cache_hits(1);
        } else {
            counters.cache_misses(1);
        }
        found.map(|cached| cached.0)
    }

    /// Says of an error which table it is about and where the block lies.
    fn locate(&self, handle: BlockHandle, e: Error) -> Error {
        e.at(handle.offset).in_file(&self.path)
    }

    /// Length of a block with its trailer, checked against the file and the limit.
    pub(super) fn stored_len(&self, handle: BlockHandle) -> Result<usize> {
        handle.end(STRUCTURE, self.blocks_end)?;
        usize::try_from(handle.len)
            .ok()
            .filter(|&len| len <= self.options.block_len_max)
            .and_then(|len| len.checked_add(TRAILER_LEN))
            .ok_or_else(|| wrapper::over_limit(handle.len, self.options.block_len_max))
    }

    /// Reads `buf.len()` bytes at `offset`.
    pub(super) fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let counters = &self.options.counters;
        counters.file_reads(1);
        counters.file_bytes(buf.len() as u64);
        self.file
            .read_exact_at(offset, buf)
            .map_err(|e| Error::io("read a table", &self.path, e))
    }

    /// Reads a block with its trailer.
    pub(in crate::sst) fn read_stored(&self, handle: BlockHandle) -> Result<Vec<u8>> {
        let mut stored = vec![0; self.stored_len(handle)?];
        self.read_at(handle.offset, &mut stored)?;
        Ok(stored)
    }

    /// Verifies and decompresses a stored block.
    pub(in crate::sst) fn open_stored(&self, stored: &[u8]) -> Result<Vec<u8>> {
        let mut block = Vec::new();
        wrapper::open(
            stored,
            self.footer.checksum,
            self.options.block_len_max,
            &mut block,
        )?;
        self.options.counters.decoded_bytes(block.len() as u64);
        Ok(block)
    }

    /// The data block that the index describes; `ahead` serves a scan from larger reads.
    ///
    /// # Errors
    /// `Corrupt` for a damaged block and for one whose keys contradict the index.
    pub(super) fn data_block(
        &self,
        described: &Described<'_>,
        mode: CacheMode,
        ahead: Option<&mut ReadAhead>,
    ) -> Result<Arc<DataBlock>> {
        let handle = described.handle;
        if let Some(CachedBlock::Data(block)) = self.cached(handle) {
            return Ok(block);
        }
        let block = self
            .fetch_data_block(described, ahead)
            .map_err(|e| self.locate(handle, e))?;
        let block = Arc::new(block);
        if mode == CacheMode::Fill {
            let cached = Cached(CachedBlock::Data(Arc::clone(&block)));
            self.options
                .cache
                .insert(self.key(handle), cached, block.weight());
        }
        Ok(block)
    }

    fn fetch_data_block(
        &self,
        described: &Described<'_>,
        ahead: Option<&mut ReadAhead>,
    ) -> Result<DataBlock> {
        let block = match ahead {
            Some(ahead) if described.handle.len <= AHEAD_LEN_MAX => {
                self.open_stored(ahead.block(self, described.handle)?)?
            }
            _ => {
                let mut stored = self.read_stored(described.handle)?;
                match wrapper::payload_as_is(&stored, self.footer.checksum)? {
                    // A large block is not copied.
                    Some(len) => {
                        self.options.counters.decoded_bytes(len as u64);
                        stored.truncate(len);
                        stored
                    }
                    None => self.open_stored(&stored)?,
                }
            }
        };
        self.options.counters.data_blocks(1);
        let block = DataBlock::decode(block, self.footer.format)?;
        check_bounds(&block, described)?;
        Ok(block)
    }

    /// The lower index block at `handle`; `check` judges it before it is cached.
    pub(super) fn cached_index_block(
        &self,
        handle: BlockHandle,
        check: impl FnOnce(&IndexBlock) -> Result<()>,
    ) -> Result<Arc<IndexBlock>> {
        if let Some(CachedBlock::Index(block)) = self.cached(handle) {
            return Ok(block);
        }
        let block = self
            .read_stored(handle)
            .and_then(|stored| self.decode_index(&stored, self.data_end))
            .and_then(|block| check(&block).map(|()| Arc::new(block)))
            .map_err(|e| self.locate(handle, e))?;
        let cached = Cached(CachedBlock::Index(Arc::clone(&block)));
        self.options
            .cache
            .insert(self.key(handle), cached, block.weight());
        Ok(block)
    }

    /// Decodes a stored index block whose blocks lie in the first `limit` bytes.
    pub(super) fn decode_index(&self, stored: &[u8], limit: u64) -> Result<IndexBlock> {
        let block = self.open_stored(stored)?;
        self.options.counters.index_blocks(1);
        decode_index(self.footer.format, &block, limit)
    }
}

/// Decodes an index block of a table in `format`.
pub(super) fn decode_index(format: TableFormat, block: &[u8], limit: u64) -> Result<IndexBlock> {
    if format.is_columnar() {
        IndexBlock::decode(block, limit)
    } else {
        row_block::decode_index(block, limit)
    }
}

/// Checks first and last key against the separators around the block.
fn check_bounds(block: &DataBlock, described: &Described<'_>) -> Result<()> {
    let structure = "sstable data block";
    let Some(last) = block.rows().checked_sub(1) else {
        return Ok(());
    };
    if let Some(floor) = described.floor
        && block.cmp_key(0, floor) == Ordering::Less
    {
        let expected = format_args!("keys from the separator {floor:x?} on");
        return Err(Error::corrupt(
            structure,
            0,
            expected,
            "a smaller first key",
        ));
    }
    let separator = described.separator;
    if block.cmp_key(last, separator) == Ordering::Greater {
        let expected = format_args!("keys up to the separator {separator:x?}");
        return Err(Error::corrupt(structure, 0, expected, "a larger last key"));
    }
    Ok(())
}
