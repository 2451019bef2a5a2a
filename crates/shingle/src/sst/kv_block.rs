//! Columnar key-value blocks: metaindex from v6, properties from v7 (`pebble-ondisk` §3.9).

use super::column::{BlockFrame, BytesBuilder, ColumnType, Columns};
use crate::{Error, Result};

const COLUMNS: u16 = 2;

/// Decodes the pairs of a block, whose keys ascend.
pub(super) fn decode<'a>(
    structure: &'static str,
    data: &'a [u8],
) -> Result<Vec<(&'a [u8], &'a [u8])>> {
    let mut columns = Columns::open(structure, data, 0, COLUMNS)?;
    let rows = columns.rows();
    let keys = columns.bytes(rows)?;
    let values = columns.bytes(rows)?;
    columns.finish()?;
    let mut pairs: Vec<(&[u8], &[u8])> = Vec::new();
    for row in 0..rows {
        let key = keys.get(data, row);
        if pairs.last().is_some_and(|(last, _)| *last >= key) {
            let found = String::from_utf8_lossy(key);
            return Err(Error::corrupt(structure, 0, "ascending keys", found));
        }
        pairs.push((key, values.get(data, row)));
    }
    Ok(pairs)
}

/// Encodes pairs that are in order of their keys.
pub(super) fn encode<K: AsRef<[u8]>>(pairs: &[(K, Vec<u8>)]) -> Vec<u8> {
    let (mut keys, mut values) = (BytesBuilder::default(), BytesBuilder::default());
    for (key, value) in pairs {
        keys.push(key.as_ref());
        values.push(value);
    }
    let mut out = Vec::new();
    let mut frame = BlockFrame::begin(&mut out, &[], COLUMNS, pairs.len());
    frame.column(&mut out, ColumnType::Bytes);
    keys.put(&mut out);
    frame.column(&mut out, ColumnType::Bytes);
    values.put(&mut out);
    frame.finish(&mut out);
    out
}
