//! Cursors over the rows of a table, in the order of an index or of their numbers.
//!
//! A position is the row's number (8 bytes, big-endian), and behind it the columns of the index that
//! no condition fixes, so that a cursor continues there by one seek: a tag, then 8 bytes of a number
//! or length and bytes.

use std::ops::{Bound, Range};
use std::sync::Arc;

use super::File;
use super::access::{Indexed, Plan, Query, key_prefix};
use crate::engine::source::{After, Cursor, RowCursor};
use crate::sqlite_file::{IndexEntry, IndexRows, Lookup, Row, Rows, Table, Value};
use crate::v1_tables::V1Table;
use crate::{Error, ErrorKind, Result};

/// Rows of a table that satisfy a query, each decoded by `decode`, which may still turn it down.
pub(super) fn select<T: V1Table, R>(
    table: Option<&Indexed<T>>,
    query: &Query<'_>,
    after: After<'_>,
    decode: impl FnMut(&Row) -> Result<Option<R>> + Send + 'static,
) -> Result<Cursor<R>> {
    let Some((table, plan)) = table.and_then(|table| Some((table, table.plan(query)?))) else {
        return Ok(Box::new(Nothing));
    };
    let walk = Walk::open(table, &plan, after)?;
    Ok(Box::new(Selected {
        table: T::NAME,
        walk,
        plan,
        position: Vec::new(),
        decode,
    }))
}

/// The only row of a query, or none.
pub(super) fn find<T: V1Table, R>(
    table: Option<&Indexed<T>>,
    query: &Query<'_>,
    decode: impl FnMut(&Row) -> Result<Option<R>> + Send + 'static,
) -> Result<Option<R>> {
    select(table, query, None, decode)?.next()
}

/// A typed table of a file whose rows are being read, so it is there.
pub(super) fn typed<'f, T>(
    file: &'f Arc<File>,
    of: impl Fn(&'f File) -> Option<&'f Indexed<T>>,
) -> Result<&'f Indexed<T>> {
    of(file).ok_or_else(|| Error::new(ErrorKind::Internal, "a row of a table that is not there"))
}

#[derive(Debug)]
enum Walk {
    Scan(Box<Rows>),
    Index(Box<IndexWalk>),
}

/// A walk over an index, and the rows that it names.
#[derive(Debug)]
struct IndexWalk {
    entries: IndexRows,
    rows: Lookup,
    /// Columns of the key that no condition fixes.
    open: Range<usize>,
    /// The row to pass over, if it is the first: the last one of the page before.
    last: Option<i64>,
}

impl Walk {
    fn open<T: V1Table>(table: &Indexed<T>, plan: &Plan, after: After<'_>) -> Result<Self> {
        let rows = table.typed.table();
        let after = after.map(Position::decode).transpose()?;
        let Some((index, fixed)) = &plan.index else {
            return scan(rows, after.as_ref()).map(|rows| Self::Scan(Box::new(rows)));
        };
        let key = key_prefix(index, &plan.equals);
        let key: Vec<Value<'_>> = key
            .iter()
            .map(|equal| Value::Text(equal.value.as_slice().into()))
            .collect();
        let open = *fixed..index.columns().len();
        let last = after.as_ref().map(|position| position.row);
        let from = match after {
            Some(position) if position.rest.len() == open.len() => {
                let mut from = position.rest;
                from.push(Value::Integer(position.row));
                from
            }
            Some(_) => return Err(not_ours()),
            None => Vec::new(),
        };
        Ok(Self::Index(Box::new(IndexWalk {
            entries: index.seek_from(&key, &from)?,
            rows: rows.lookup(),
            open,
            last,
        })))
    }

    /// The next row, whose position goes into `position`.
    fn next(&mut self, position: &mut Vec<u8>) -> Result<Option<&Row>> {
        match self {
            Self::Scan(rows) => {
                let row = rows.next()?;
                if let Some(row) = row {
                    position.clear();
                    position.extend(row.rowid().to_be_bytes());
                }
                Ok(row)
            }
            Self::Index(walk) => walk.next(position),
        }
    }
}

/// A scan of the rows behind a position.
fn scan(table: &Table, after: Option<&Position>) -> Result<Rows> {
    let Some(position) = after else {
        return Ok(table.scan(..));
    };
    if !position.rest.is_empty() {
        return Err(not_ours());
    }
    Ok(table.scan((Bound::Excluded(position.row), Bound::Unbounded)))
}

impl IndexWalk {
    fn next(&mut self, position: &mut Vec<u8>) -> Result<Option<&Row>> {
        let number = loop {
            let Some(entry) = self.entries.next()? else {
                return Ok(None);
            };
            if self.last.take() != Some(entry.rowid()) {
                encode(entry, self.open.clone(), position)?;
                break entry.rowid();
            }
        };
        match self.rows.row(number)? {
            Some(row) => Ok(Some(row)),
            None => Err(Error::new(
                ErrorKind::DataLoss,
                format!("an index names a row that is not there row=`{number}`"),
            )),
        }
    }
}

/// A cursor over the rows of a query.
struct Selected<F> {
    table: &'static str,
    walk: Walk,
    plan: Plan,
    position: Vec<u8>,
    decode: F,
}

impl<R, F> RowCursor<R> for Selected<F>
where
    F: FnMut(&Row) -> Result<Option<R>> + Send,
{
    fn next(&mut self) -> Result<Option<R>> {
        loop {
            let Some(row) = self.walk.next(&mut self.position)? else {
                return Ok(None);
            };
            let failed = first_failed(row, &self.plan)?;
            if let Some(position) = failed {
                let number = row.rowid();
                if self.plan.promises(position) {
                    return Err(
                        Error::new(ErrorKind::DataLoss, "an index and its row disagree")
                            .in_row(self.table, number),
                    );
                }
                continue;
            }
            if let Some(found) = (self.decode)(row)? {
                return Ok(Some(found));
            }
        }
    }

    fn position(&self) -> &[u8] {
        &self.position
    }
}

/// The column of the first condition that a row does not satisfy.
fn first_failed(row: &Row, plan: &Plan) -> Result<Option<usize>> {
    for equal in &plan.equals {
        if row.get(equal.position)?.as_bytes() != Some(&equal.value) {
            return Ok(Some(equal.position));
        }
    }
    Ok(None)
}

/// A cursor over nothing.
pub(super) struct Nothing;

impl<T> RowCursor<T> for Nothing {
    fn next(&mut self) -> Result<Option<T>> {
        Ok(None)
    }

    fn position(&self) -> &[u8] {
        &[]
    }
}

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const TEXT: u8 = 2;
const BLOB: u8 = 3;

/// Writes the position of an entry: its row, and the columns of `rest`.
fn encode(entry: &IndexEntry, rest: Range<usize>, out: &mut Vec<u8>) -> Result<()> {
    out.clear();
    out.extend(entry.rowid().to_be_bytes());
    for column in rest {
        match entry.get(column)? {
            Value::Integer(number) => {
                out.push(INTEGER);
                out.extend(number.to_be_bytes());
            }
            Value::Text(bytes) => encode_bytes(TEXT, &bytes, out),
            Value::Blob(bytes) => encode_bytes(BLOB, &bytes, out),
            // The columns of the reference's indexes hold no real numbers.
            Value::Null | Value::Real(_) => out.push(NULL),
        }
    }
    Ok(())
}

fn encode_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend((bytes.len() as u64).to_be_bytes());
    out.extend(bytes);
}

/// Where a page ended.
struct Position {
    row: i64,
    rest: Vec<Value<'static>>,
}

impl Position {
    fn decode(bytes: &[u8]) -> Result<Self> {
        Self::try_decode(bytes).ok_or_else(not_ours)
    }

    fn try_decode(bytes: &[u8]) -> Option<Self> {
        let (row, mut bytes) = bytes.split_first_chunk()?;
        let row = i64::from_be_bytes(*row);
        let mut rest = Vec::new();
        while let Some((tag, behind)) = bytes.split_first() {
            if *tag == NULL {
                rest.push(Value::Null);
                bytes = behind;
                continue;
            }
            let (number, behind) = behind.split_first_chunk()?;
            bytes = behind;
            if *tag == INTEGER {
                rest.push(Value::Integer(i64::from_be_bytes(*number)));
                continue;
            }
            let len = usize::try_from(u64::from_be_bytes(*number)).ok()?;
            let (content, behind) = bytes.split_at_checked(len)?;
            bytes = behind;
            rest.push(match *tag {
                TEXT => Value::Text(content.to_vec().into()),
                BLOB => Value::Blob(content.to_vec().into()),
                _ => return None,
            });
        }
        Some(Self { row, rest })
    }
}

fn not_ours() -> Error {
    Error::new(
        ErrorKind::InvalidPageToken,
        "page token not accepted: its position is none of this file",
    )
}
