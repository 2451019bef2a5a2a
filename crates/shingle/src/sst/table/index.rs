//! The index as one sequence of data blocks, whether it has one level or two.

use std::sync::Arc;

use super::Table;
use crate::sst::handle::BlockHandle;
use crate::sst::index_block::IndexBlock;
use crate::{Error, Result};

const STRUCTURE: &str = "sstable index";

/// The index blocks that an open table keeps.
#[derive(Debug)]
pub(super) enum Index {
    Single(Arc<IndexBlock>),
    TwoLevel {
        top: Arc<IndexBlock>,
        /// The lower blocks, unless they are too large to keep.
        pinned: Option<Vec<Arc<IndexBlock>>>,
    },
}

impl Index {
    /// Number of lower index blocks.
    fn parts(&self) -> usize {
        match self {
            Self::Single(_) => 1,
            Self::TwoLevel { top, .. } => top.len(),
        }
    }

    /// First lower index block that can hold `key`; the number of them when there is none.
    fn seek_part(&self, key: &[u8]) -> usize {
        match self {
            Self::Single(block) => usize::from(block.last_separator() < key || block.len() == 0),
            Self::TwoLevel { top, .. } => top.seek(key),
        }
    }

    /// What all keys of part `part` are at least.
    fn part_floor(&self, part: usize) -> Option<&[u8]> {
        match self {
            Self::Single(_) => None,
            Self::TwoLevel { top, .. } => part.checked_sub(1).map(|before| top.separator(before)),
        }
    }
}

/// A place in the sequence of data blocks.
#[derive(Clone, Debug)]
pub(super) struct Place {
    part: usize,
    block: Arc<IndexBlock>,
    row: usize,
}

/// A data block as the index describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Described<'a> {
    pub(super) handle: BlockHandle,
    /// At most the first key.
    pub(super) floor: Option<&'a [u8]>,
    /// At least the last key.
    pub(super) separator: &'a [u8],
}

impl Place {
    /// The data block at this place.
    pub(super) fn describe<'a>(&'a self, table: &'a Table) -> Result<Described<'a>> {
        let handle = self.block.handle(self.row).ok_or_else(|| {
            Error::new(
                crate::ErrorKind::Internal,
                "a place outside the index of a table",
            )
        })?;
        let floor = match self.row.checked_sub(1) {
            Some(before) => Some(self.block.separator(before)),
            None => table.index.part_floor(self.part),
        };
        Ok(Described {
            handle,
            floor,
            separator: self.block.separator(self.row),
        })
    }

    /// Whether both are the same data block.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        (self.part, self.row) == (other.part, other.row)
    }
}

impl Table {
    /// The first data block.
    pub(super) fn first_place(&self) -> Result<Option<Place>> {
        self.first_of(0)
    }

    /// The last data block.
    pub(super) fn last_place(&self) -> Result<Option<Place>> {
        match self.index.parts().checked_sub(1) {
            Some(part) => self.last_of(part),
            None => Ok(None),
        }
    }

    /// The first data block that can hold a key of at least `key`. `near` is a place whose index
    /// block may serve again.
    ///
    /// # Complexity
    /// O(log blocks), and at most one lower index block is loaded.
    pub(super) fn seek_place(&self, key: &[u8], near: Option<&Place>) -> Result<Option<Place>> {
        let part = self.index.seek_part(key);
        if part >= self.index.parts() {
            return Ok(None);
        }
        let block = match near {
            Some(near) if near.part == part => Arc::clone(&near.block),
            _ => self.index_part(part)?,
        };
        let row = block.seek(key);
        if row == block.len() {
            return self.first_of(part + 1);
        }
        Ok(Some(Place { part, block, row }))
    }

    /// The data block after `place`.
    pub(super) fn next_place(&self, place: &Place) -> Result<Option<Place>> {
        if place.row + 1 < place.block.len() {
            let mut next = place.clone();
            next.row += 1;
            return Ok(Some(next));
        }
        self.first_of(place.part + 1)
    }

    /// The data block before `place`.
    pub(super) fn previous_place(&self, place: &Place) -> Result<Option<Place>> {
        if let Some(row) = place.row.checked_sub(1) {
            let mut previous = place.clone();
            previous.row = row;
            return Ok(Some(previous));
        }
        match place.part.checked_sub(1) {
            Some(part) => self.last_of(part),
            None => Ok(None),
        }
    }

    fn first_of(&self, part: usize) -> Result<Option<Place>> {
        if part >= self.index.parts() {
            return Ok(None);
        }
        let block = self.index_part(part)?;
        let row = 0;
        Ok((block.len() > 0).then_some(Place { part, block, row }))
    }

    fn last_of(&self, part: usize) -> Result<Option<Place>> {
        let block = self.index_part(part)?;
        let place = block
            .len()
            .checked_sub(1)
            .map(|row| Place { part, block, row });
        Ok(place)
    }

    /// Lower index block `part`.
    fn index_part(&self, part: usize) -> Result<Arc<IndexBlock>> {
        match &self.index {
            Index::Single(block) => Ok(Arc::clone(block)),
            Index::TwoLevel { top, pinned } => {
                if let Some(block) = pinned.as_ref().and_then(|blocks| blocks.get(part)) {
                    return Ok(Arc::clone(block));
                }
                let handle = top.handle(part).unwrap_or_default();
                self.cached_index_block(handle, |block| check_part(top, part, block))
            }
        }
    }
}

/// Checks that lower index block `part` is what the top block says.
pub(super) fn check_part(top: &IndexBlock, part: usize, block: &IndexBlock) -> Result<()> {
    let corrupt = |expected: &str, found: usize| Error::corrupt(STRUCTURE, 0, expected, found);
    if block.len() == 0 {
        return Err(corrupt("at least one block in a partition", 0));
    }
    if block.last_separator() > top.separator(part) {
        return Err(corrupt("separators up to that of the partition", part));
    }
    if let Some(before) = part.checked_sub(1)
        && block.separator(0) < top.separator(before)
    {
        return Err(corrupt(
            "separators from that of the partition before",
            part,
        ));
    }
    Ok(())
}
