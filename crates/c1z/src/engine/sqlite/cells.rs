//! Cells of a row that SQLite gives, borrowed from it.

use std::borrow::Cow;
use std::cell::Cell;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::fault::sql;
use crate::{Error, ErrorKind, Result};

/// The columns of a row from some column on. Numbers of columns below are counted from there.
pub(super) struct Cells<'r, 's> {
    row: &'r Row<'s>,
    from: usize,
    /// The table and the number of the row, for messages.
    of: Option<(&'static str, i64)>,
    bytes: Cell<usize>,
}

impl<'r, 's> Cells<'r, 's> {
    pub(super) fn new(row: &'r Row<'s>, from: usize) -> Self {
        Self {
            row,
            from,
            of: None,
            bytes: Cell::new(0),
        }
    }

    /// Says which row it is.
    pub(super) fn of_row(self, table: &'static str, id: i64) -> Self {
        Self {
            of: Some((table, id)),
            ..self
        }
    }

    /// The number of the row, where the query orders by it.
    pub(super) fn id(&self) -> i64 {
        self.of.map_or(0, |(_, id)| id)
    }

    /// Bytes of texts and blobs that were looked at.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    fn value(&self, column: usize) -> Result<ValueRef<'r>> {
        let value = self.row.get_ref(self.from + column);
        let value = value.map_err(sql("read a column"))?;
        if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = value {
            self.bytes.set(self.bytes.get() + bytes.len());
        }
        Ok(value)
    }

    pub(super) fn integer(&self, column: usize) -> Result<i64> {
        match self.value(column)? {
            ValueRef::Integer(number) => Ok(number),
            _ => Err(self.unexpected(column, "a number")),
        }
    }

    /// A number that means yes unless it is 0.
    pub(super) fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.integer(column)? != 0)
    }

    /// Text, and a blob that is text: the column's type does not keep a writer from either.
    pub(super) fn text(&self, column: usize) -> Result<Cow<'r, str>> {
        let found = self.text_or_null(column)?;
        found.ok_or_else(|| self.unexpected(column, "text in UTF-8"))
    }

    pub(super) fn text_or_null(&self, column: usize) -> Result<Option<Cow<'r, str>>> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text.into())),
                Err(_) => Err(self.unexpected(column, "text in UTF-8")),
            },
            _ => Err(self.unexpected(column, "text in UTF-8")),
        }
    }

    /// Bytes. The reference reads a text as its bytes.
    pub(super) fn blob(&self, column: usize) -> Result<Cow<'r, [u8]>> {
        let found = self.blob_or_null(column)?;
        found.ok_or_else(|| self.unexpected(column, "a blob"))
    }

    pub(super) fn blob_or_null(&self, column: usize) -> Result<Option<Cow<'r, [u8]>>> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Some(bytes.into())),
            _ => Err(self.unexpected(column, "a blob")),
        }
    }

    fn unexpected(&self, column: usize, expected: &str) -> Error {
        let name = self.row.as_ref().column_name(self.from + column);
        let message = format!(
            "v1 row: expected {expected} column=`{}`",
            name.unwrap_or("?")
        );
        let error = Error::new(ErrorKind::DataLoss, message);
        match self.of {
            Some((table, id)) => error.in_row(table, id),
            None => error,
        }
    }
}
