//! What a MANIFEST would say of a table that none names yet.

use std::sync::Arc;

use crate::Result;
use crate::cursor::Cursor;
use crate::key::{InternalKey, Kind, SeqNo, Trailer};
use crate::manifest::{FileNumber, TableMeta};
use crate::sst::{CacheMode, Table};

/// The entry of a table whose rows all count as written at `seq`; none if it holds nothing. Reads the
/// first and the last data block.
pub(crate) fn meta_of(
    table: &Arc<Table>,
    number: FileNumber,
    seq: SeqNo,
    cache: CacheMode,
) -> Result<Option<TableMeta>> {
    let point = |key: &[u8]| InternalKey::new(key, Trailer::new(seq, Kind::Set));
    let mut bounds = Vec::new();
    let mut cursor = table.cursor(cache);
    cursor.seek_first()?;
    if cursor.is_valid() {
        bounds.push(point(cursor.user_key()));
        cursor.seek_last()?;
        bounds.push(point(cursor.user_key()));
    }
    for tombstone in table.range_tombstones() {
        let start = Trailer::new(seq, Kind::RangeDelete);
        let end = Trailer::new(SeqNo::MAX, Kind::RangeDelete);
        bounds.push(InternalKey::new(&tombstone.start[..], start));
        bounds.push(InternalKey::new(&tombstone.end[..], end));
    }
    let (Some(smallest), Some(largest)) = (bounds.iter().min(), bounds.iter().max()) else {
        return Ok(None);
    };
    Ok(Some(TableMeta {
        number,
        size: table.file_len(),
        smallest: smallest.clone(),
        largest: largest.clone(),
        smallest_seq: seq,
        largest_seq: seq,
        created_at: 0,
        needs_compaction: false,
        backing: None,
    }))
}
