//! The blocks of a log, one after the other.

use std::sync::Arc;

use super::chunk::BLOCK_LEN;
use crate::vfs::ReadFile;
use crate::{Error, ErrorKind, Result};

/// A walk over the blocks of a file; holds one block in memory.
#[derive(Debug)]
pub(super) struct Blocks {
    file: Arc<dyn ReadFile>,
    /// Offset of the block in the file.
    start: u64,
    block: Vec<u8>,
    /// Bytes of the block already taken.
    taken: usize,
}

impl Blocks {
    /// Stands before the first block.
    pub(super) fn new(file: Arc<dyn ReadFile>) -> Self {
        Self {
            file,
            start: 0,
            block: Vec::new(),
            taken: 0,
        }
    }

    /// Moves to the next block; whether there is one.
    pub(super) fn load_next(&mut self) -> Result<bool> {
        let start = self.start + self.block.len() as u64;
        let rest = self.file.len().saturating_sub(start);
        let len = usize::try_from(rest).map_or(BLOCK_LEN, |rest| rest.min(BLOCK_LEN));
        self.block.resize(len, 0);
        self.start = start;
        self.taken = 0;
        if len > 0 {
            self.file
                .read_exact_at(start, &mut self.block)
                .map_err(|e| Error::new(ErrorKind::Io, "cannot read").with_source(e))?;
        }
        Ok(len > 0)
    }

    /// The bytes of the block that were not taken.
    pub(super) fn rest(&self) -> &[u8] {
        self.block.get(self.taken..).unwrap_or_default()
    }

    /// Takes `len` bytes of the rest.
    pub(super) fn take(&mut self, len: usize) {
        self.taken = self.block.len().min(self.taken + len);
    }

    /// Takes the rest of the block.
    pub(super) fn take_all(&mut self) {
        self.taken = self.block.len();
    }

    /// Offset in the file of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.start + self.taken as u64
    }

    /// Whether the file ends inside the block, before its full length.
    pub(super) fn is_partial(&self) -> bool {
        self.block.len() < BLOCK_LEN
    }

    /// Bytes from here to where a full block would end.
    pub(super) fn room(&self) -> usize {
        BLOCK_LEN - self.taken
    }
}
