//! Values that are stored apart from their keys, in value blocks (`pebble-ondisk` §3.11). Read only:
//! Pebble puts older versions of a key there while snapshots are open.
//!
//! The row holds a prefix byte, then uvarint length, block number, offset in the block. The value
//! index block lists number, offset and length of each value block in little-endian integers whose
//! widths the metaindex states.

use std::sync::Arc;

use super::{Cached, CachedBlock, Table};
use crate::codec::Input;
use crate::sst::handle::BlockHandle;
use crate::{Error, Result};

const STRUCTURE: &str = "sstable value index";
const HANDLE: &str = "sstable value handle";

/// What the metaindex says about the value blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValueIndex {
    handle: BlockHandle,
    /// Bytes of block number, offset and length in an entry.
    widths: [u8; 3],
}

impl ValueIndex {
    /// The index at `handle`; `rest` is what follows the handle in the metaindex.
    pub(super) fn new(handle: BlockHandle, rest: &[u8]) -> Result<Self> {
        match *rest {
            [a, b, c] if [a, b, c].iter().all(|width| (1..=8).contains(width)) => Ok(Self {
                handle,
                widths: [a, b, c],
            }),
            _ => {
                let found = format_args!("{rest:x?}");
                Err(Error::corrupt(
                    STRUCTURE,
                    0,
                    "three widths from 1 to 8",
                    found,
                ))
            }
        }
    }
}

impl Table {
    /// The value behind what a row of a data block stores.
    ///
    /// # Errors
    /// `Unsupported` for values in blob files; `Corrupt` for a handle that points nowhere.
    pub(super) fn external_value(&self, stored: &[u8]) -> Result<Vec<u8>> {
        self.find_value(stored).map_err(|e| e.in_file(&self.path))
    }

    fn find_value(&self, stored: &[u8]) -> Result<Vec<u8>> {
        let mut input = Input::new(HANDLE, stored);
        let prefix = input.u8()?;
        match prefix >> 6 {
            0b10 => {}
            0b01 => return Err(Error::unsupported("values in blob files")),
            _ => return Err(Error::corrupt(HANDLE, 0, "a value prefix", prefix)),
        }
        let (len, number, at) = (input.uvarint()?, input.uvarint()?, input.uvarint()?);
        input.finish()?;
        let block = self.value_block(number)?;
        usize::try_from(at)
            .ok()
            .zip(usize::try_from(len).ok())
            .and_then(|(at, len)| block.get(at..at.checked_add(len)?))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| {
                let expected = format_args!("a value inside {} bytes", block.len());
                Error::corrupt(HANDLE, 0, expected, format_args!("{at} length {len}"))
            })
    }

    fn value_block(&self, number: u64) -> Result<Arc<Vec<u8>>> {
        let index = self
            .value_index
            .ok_or_else(|| Error::corrupt(STRUCTURE, 0, "a value index", "none"))?;
        let entries = self.raw_block(index.handle)?;
        let handle = entry(&entries, index.widths, number)
            .ok_or_else(|| Error::corrupt(STRUCTURE, 0, "the block of a value", number))?;
        self.raw_block(handle)
    }

    /// Where the value blocks lie.
    pub(super) fn value_blocks(&self) -> Result<Vec<BlockHandle>> {
        let Some(index) = self.value_index else {
            return Ok(Vec::new());
        };
        let entries = self.raw_block(index.handle)?;
        Ok((0..)
            .map_while(|number| entry(&entries, index.widths, number))
            .collect())
    }

    /// A block that is not parsed, from the cache or the file.
    fn raw_block(&self, handle: BlockHandle) -> Result<Arc<Vec<u8>>> {
        if let Some(CachedBlock::Raw(block)) = self.cached(handle) {
            return Ok(block);
        }
        let block = self
            .read_stored(handle)
            .and_then(|stored| self.open_stored(&stored))
            .map_err(|e| e.at(handle.offset))?;
        let block = Arc::new(block);
        let cached = Cached(CachedBlock::Raw(Arc::clone(&block)));
        let weight = block.capacity();
        self.options.cache.insert(self.key(handle), cached, weight);
        Ok(block)
    }
}

/// Entry `number` of a value index block.
fn entry(entries: &[u8], widths: [u8; 3], number: u64) -> Option<BlockHandle> {
    let len: usize = widths.iter().map(|&width| usize::from(width)).sum();
    let start = usize::try_from(number).ok()?.checked_mul(len)?;
    let mut rest = entries.get(start..start.checked_add(len)?)?;
    let mut next = |width: u8| {
        let (head, tail) = rest.split_at_checked(usize::from(width))?;
        rest = tail;
        Some(
            head.iter()
                .rev()
                .fold(0, |n, &byte| n << 8 | u64::from(byte)),
        )
    };
    let [a, b, c] = widths;
    let (found, offset, len) = (next(a)?, next(b)?, next(c)?);
    (found == number).then_some(BlockHandle { offset, len })
}
