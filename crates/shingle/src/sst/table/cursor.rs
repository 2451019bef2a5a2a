//! Walking a table.

use std::sync::Arc;

use super::index::Place;
use super::readahead::ReadAhead;
use super::{CacheMode, Table};
use crate::cursor::Cursor;
use crate::key::Trailer;
use crate::sst::data::DataBlock;
use crate::sst::key_buf::KeyBuf;
use crate::{Error, ErrorKind, Result};

/// A [`Cursor`] over the point entries of a table.
///
/// Moving forward reads data blocks in the order of the file, several at a time. A seek near the
/// position uses the index block and data block at hand.
#[derive(Debug)]
pub struct TableCursor {
    table: Arc<Table>,
    mode: CacheMode,
    ahead: ReadAhead,
    /// The data block last loaded and where it stands; kept when the cursor runs off an end.
    loaded: Option<(Place, Arc<DataBlock>)>,
    /// Row of the entry in the loaded block, or nowhere.
    row: Option<usize>,
    key: KeyBuf,
    /// The entry's value when it is stored apart.
    apart: Option<Vec<u8>>,
}

impl Table {
    /// A cursor over the point entries; its blocks stay in the cache if `mode` says so.
    pub fn cursor(self: &Arc<Self>, mode: CacheMode) -> TableCursor {
        TableCursor {
            table: Arc::clone(self),
            mode,
            ahead: ReadAhead::default(),
            loaded: None,
            row: None,
            key: KeyBuf::default(),
            apart: None,
        }
    }
}

impl TableCursor {
    /// The table walked.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Loads the block at `place` unless it is the one at hand.
    fn load(&mut self, place: Place) -> Result<Arc<DataBlock>> {
        if let Some((at, block)) = &self.loaded
            && at.is_at(&place)
        {
            return Ok(Arc::clone(block));
        }
        let block = self.table.data_block(
            &place.describe(&self.table)?,
            self.mode,
            Some(&mut self.ahead),
        )?;
        self.loaded = Some((place, Arc::clone(&block)));
        Ok(block)
    }

    /// Stands at `row` of the loaded `block`.
    fn land(&mut self, block: &DataBlock, row: usize) -> Result<()> {
        block.load_key(row, &mut self.key);
        self.apart = if block.is_external(row) {
            Some(self.table.external_value(block.value(row))?)
        } else {
            None
        };
        self.row = Some(row);
        Ok(())
    }

    /// Stands at the first row of the block at `place`, or nowhere.
    fn land_first(&mut self, mut place: Option<Place>) -> Result<()> {
        while let Some(here) = place {
            let block = self.load(here.clone())?;
            if block.rows() > 0 {
                return self.land(&block, 0);
            }
            place = self.table.next_place(&here)?;
        }
        Ok(())
    }

    /// Stands at the last row of the block at `place`, or nowhere.
    fn land_last(&mut self, mut place: Option<Place>) -> Result<()> {
        while let Some(here) = place {
            let block = self.load(here.clone())?;
            if let Some(row) = block.rows().checked_sub(1) {
                return self.land(&block, row);
            }
            place = self.table.previous_place(&here)?;
        }
        Ok(())
    }

    /// The index place of the loaded block.
    fn place(&self) -> Option<&Place> {
        self.loaded.as_ref().map(|(place, _)| place)
    }
}

/// What moving a cursor that is at no entry becomes.
fn nowhere() -> Error {
    Error::new(ErrorKind::Invalid, "cursor is at no entry")
}

impl Cursor for TableCursor {
    fn seek_first(&mut self) -> Result<()> {
        self.row = None;
        let place = self.table.first_place()?;
        self.land_first(place)
    }

    fn seek_last(&mut self) -> Result<()> {
        self.row = None;
        let place = self.table.last_place()?;
        self.land_last(place)
    }

    fn seek_ge(&mut self, key: &[u8]) -> Result<()> {
        self.row = None;
        let Some(place) = self.table.seek_place(key, self.place())? else {
            return Ok(());
        };
        let block = self.load(place.clone())?;
        let row = block.seek_ge(key);
        if row < block.rows() {
            return self.land(&block, row);
        }
        // The key lies between this block's last key and its separator.
        let next = self.table.next_place(&place)?;
        self.land_first(next)
    }

    fn seek_lt(&mut self, key: &[u8]) -> Result<()> {
        self.row = None;
        let Some(place) = self.table.seek_place(key, self.place())? else {
            return self.seek_last();
        };
        let block = self.load(place.clone())?;
        if let Some(row) = block.seek_ge(key).checked_sub(1) {
            return self.land(&block, row);
        }
        let previous = self.table.previous_place(&place)?;
        self.land_last(previous)
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        let (Some((place, block)), Some(row)) = (&self.loaded, self.row.take()) else {
            return Err(nowhere());
        };
        let row = row + 1;
        if row < block.rows() && !block.is_external(row) {
            block.load_next_key(row, &mut self.key);
            self.apart = None;
            self.row = Some(row);
            return Ok(());
        }
        if row < block.rows() {
            let block = Arc::clone(block);
            return self.land(&block, row);
        }
        let next = self.table.next_place(place)?;
        self.land_first(next)
    }

    fn prev(&mut self) -> Result<()> {
        let (Some((place, block)), Some(row)) = (&self.loaded, self.row.take()) else {
            return Err(nowhere());
        };
        if let Some(row) = row.checked_sub(1) {
            let block = Arc::clone(block);
            return self.land(&block, row);
        }
        let previous = self.table.previous_place(place)?;
        self.land_last(previous)
    }

    #[inline]
    fn is_valid(&self) -> bool {
        self.row.is_some()
    }

    #[inline]
    fn user_key(&self) -> &[u8] {
        self.key.bytes()
    }

    #[inline]
    fn trailer(&self) -> Trailer {
        match (&self.loaded, self.row) {
            (Some((_, block)), Some(row)) => block.trailer(row),
            _ => Trailer(0),
        }
    }

    #[inline]
    fn value(&self) -> &[u8] {
        match (&self.apart, &self.loaded, self.row) {
            (Some(value), ..) => value,
            (None, Some((_, block)), Some(row)) => block.value(row),
            _ => &[],
        }
    }
}
