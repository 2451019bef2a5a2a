//! Queries of rows, and cursors that fetch them piece by piece.
//!
//! A statement borrows its connection, so a cursor keeps none: it asks for the next piece behind the last row, by the
//! columns that order the rows, within one snapshot. Conditions on columns that shall not choose the index are written
//! `+column = ?`, which SQLite does not look up.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::cells::Cells;
use super::connection::Snap;
use super::fault::sql;
use crate::engine::source::{After, Cursor, RowCursor};
use crate::{Error, ErrorKind, Result};

/// Rows of the first piece, and of the others.
const PIECE_ROWS: [usize; 2] = [64, 1_024];
/// A piece ends behind the row with which it has so many bytes.
const PIECE_BYTES: usize = 1 << 20;

/// The column that is the number of a row.
pub(super) const ID: &str = "id";

/// A query of one table.
#[derive(Clone, Debug)]
pub(super) struct Select {
    table: &'static str,
    columns: &'static str,
    is_grouped: bool,
    conditions: Vec<String>,
    values: Vec<Value>,
    /// Columns in which the rows of the answer are ordered; no two have all of them alike.
    order: &'static [&'static str],
}

impl Select {
    /// `columns` of all rows of a table, in the order of their numbers.
    pub(super) fn of(table: &'static str, columns: &'static str) -> Self {
        Self {
            table,
            columns,
            is_grouped: false,
            conditions: Vec::new(),
            values: Vec::new(),
            order: &[ID],
        }
    }

    /// In another order.
    pub(super) fn in_order(mut self, order: &'static [&'static str]) -> Self {
        self.order = order;
        self
    }

    /// Of rows that the order does not tell apart, one.
    pub(super) fn grouped(mut self) -> Self {
        self.is_grouped = true;
        self
    }

    /// Rows whose column has this text, found by an index.
    pub(super) fn by(mut self, column: &str, text: &str) -> Self {
        self.conditions.push(format!("{column} = ?"));
        self.values.push(Value::Text(text.to_owned()));
        self
    }

    /// Rows whose column has this text, tested one by one.
    pub(super) fn and(mut self, column: &str, text: &str) -> Self {
        self.conditions.push(format!("+{column} = ?"));
        self.values.push(Value::Text(text.to_owned()));
        self
    }

    /// Rows whose column has this text or one behind it, found by an index.
    pub(super) fn from(mut self, column: &str, text: &str) -> Self {
        self.conditions.push(format!("{column} >= ?"));
        self.values.push(Value::Text(text.to_owned()));
        self
    }

    /// Rows whose column has one of these texts.
    pub(super) fn and_one_of(mut self, column: &str, texts: &[String]) -> Self {
        let marks = vec!["?"; texts.len()].join(", ");
        self.conditions.push(format!("+{column} IN ({marks})"));
        let texts = texts.iter().cloned().map(Value::Text);
        self.values.extend(texts);
        self
    }

    /// Rows for which an expression without parameters holds.
    pub(super) fn where_true(mut self, expression: &str) -> Self {
        self.conditions.push(expression.to_owned());
        self
    }

    /// The statement; `behind`: with a parameter for each column of the order, from which on rows are wanted.
    pub(super) fn statement(&self, behind: bool) -> String {
        let order = self.order.join(", ");
        let mut text = format!("SELECT {order}, {} FROM {}", self.columns, self.table);
        let mut conditions = self.conditions.clone();
        if behind {
            conditions.push(match self.order {
                [one] => format!("{one} > ?"),
                several => {
                    let marks = vec!["?"; several.len()].join(", ");
                    format!("({order}) > ({marks})")
                }
            });
        }
        // Writing to a string does not fail.
        if !conditions.is_empty() {
            let _ = write!(text, " WHERE {}", conditions.join(" AND "));
        }
        if self.is_grouped {
            let _ = write!(text, " GROUP BY {order}");
        }
        let _ = write!(text, " ORDER BY {order} LIMIT ?");
        text
    }
}

/// Where a row is in the order of its query.
type Place = Vec<Value>;

/// The place as bytes: 8 of a number, or the length of a text in 8 and the text.
fn encode(place: &Place) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in place {
        match value {
            Value::Integer(number) => bytes.extend(number.to_be_bytes()),
            Value::Text(text) => {
                bytes.extend((text.len() as u64).to_be_bytes());
                bytes.extend(text.as_bytes());
            }
            _ => {}
        }
    }
    bytes
}

fn decode(mut bytes: &[u8], order: &[&str]) -> Option<Place> {
    let mut place = Place::new();
    for column in order {
        let (number, behind) = bytes.split_first_chunk()?;
        bytes = behind;
        if *column == ID {
            place.push(Value::Integer(i64::from_be_bytes(*number)));
            continue;
        }
        let len = usize::try_from(u64::from_be_bytes(*number)).ok()?;
        let (text, behind) = bytes.split_at_checked(len)?;
        bytes = behind;
        place.push(Value::Text(String::from_utf8(text.to_vec()).ok()?));
    }
    bytes.is_empty().then_some(place)
}

fn place_of(cells: &Cells<'_, '_>, order: &[&str]) -> Result<Place> {
    let mut place = Place::with_capacity(order.len());
    for (column, name) in order.iter().enumerate() {
        place.push(if *name == ID {
            Value::Integer(cells.integer(column)?)
        } else {
            Value::Text(cells.text(column)?.into_owned())
        });
    }
    Ok(place)
}

/// A cursor over the rows of a query that `decode` makes something of.
pub(super) fn cursor<R: Send + 'static>(
    snap: &Arc<Snap>,
    select: Select,
    after: After<'_>,
    decode_row: impl FnMut(&Cells<'_, '_>) -> Result<Option<R>> + Send + 'static,
) -> Result<Cursor<R>> {
    let fetched_to = match after {
        None => None,
        Some(bytes) => Some(decode(bytes, select.order).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidPageToken,
                "page token not accepted: its position is none of this store",
            )
        })?),
    };
    Ok(Box::new(Pieces {
        snap: Arc::clone(snap),
        select,
        decode_row,
        ready: VecDeque::new(),
        fetched_to,
        is_first: true,
        is_done: false,
        position: Vec::new(),
    }))
}

/// The only row of a query, or none.
pub(super) fn find<R>(
    snap: &Snap,
    select: &Select,
    mut decode_row: impl FnMut(&Cells<'_, '_>) -> Result<Option<R>>,
) -> Result<Option<R>> {
    let mut found = VecDeque::new();
    fetch(snap, select, None, 1, &mut found, &mut decode_row)?;
    Ok(found.pop_front().map(|(_, row)| row))
}

struct Pieces<R, F> {
    snap: Arc<Snap>,
    select: Select,
    decode_row: F,
    ready: VecDeque<(Place, R)>,
    /// The last row that was looked at.
    fetched_to: Option<Place>,
    is_first: bool,
    is_done: bool,
    position: Vec<u8>,
}

/// Fetches up to `rows` rows behind a place; tells the last one that was looked at, none if there are no more.
fn fetch<R>(
    snap: &Snap,
    select: &Select,
    behind: Option<&Place>,
    rows: usize,
    into: &mut VecDeque<(Place, R)>,
    decode_row: &mut impl FnMut(&Cells<'_, '_>) -> Result<Option<R>>,
) -> Result<Option<Place>> {
    snap.with(|connection| {
        let failed = sql("read rows");
        let mut statement = connection
            .prepare_cached(&select.statement(behind.is_some()))
            .map_err(&failed)?;
        let limit = Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX));
        let values = select.values.iter().chain(behind.into_iter().flatten());
        let values = values.chain([&limit]);
        let mut found = statement.query(params_from_iter(values)).map_err(&failed)?;
        let (mut count, mut bytes) = (0, 0);
        let mut last = None;
        while let Some(row) = found.next().map_err(&failed)? {
            let place = place_of(&Cells::new(row, 0), select.order)?;
            let mut cells = Cells::new(row, select.order.len());
            if let Some(Value::Integer(id)) = place.last() {
                cells = cells.of_row(select.table, *id);
            }
            let decoded = decode_row(&cells)?;
            count += 1;
            bytes += cells.bytes();
            last = Some(place.clone());
            into.extend(decoded.map(|row| (place, row)));
            if bytes > PIECE_BYTES {
                return Ok(last);
            }
        }
        Ok(last.filter(|_| count == rows))
    })
}

impl<R, F> RowCursor<R> for Pieces<R, F>
where
    R: Send,
    F: FnMut(&Cells<'_, '_>) -> Result<Option<R>> + Send,
{
    fn next(&mut self) -> Result<Option<R>> {
        while self.ready.is_empty() && !self.is_done {
            let [first, other] = PIECE_ROWS;
            let rows = if self.is_first { first } else { other };
            self.is_first = false;
            let reached = fetch(
                &self.snap,
                &self.select,
                self.fetched_to.as_ref(),
                rows,
                &mut self.ready,
                &mut self.decode_row,
            )?;
            self.is_done = reached.is_none();
            self.fetched_to = reached;
        }
        let Some((place, row)) = self.ready.pop_front() else {
            return Ok(None);
        };
        self.position = encode(&place);
        Ok(Some(row))
    }

    fn position(&self) -> &[u8] {
        &self.position
    }
}
