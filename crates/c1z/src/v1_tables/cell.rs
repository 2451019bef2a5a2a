//! Cells of a row by the names that this version knows, whatever columns the file has.

use std::borrow::Cow;

use crate::sqlite_file::{Row, Value};
use crate::{Error, Result};

/// A column as this version knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name.
    pub name: &'static str,
    /// What rows hold in files that are too old to have it.
    pub absent: Absent,
}

/// The value of a column that a file does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// None: every generation has the column, so a file without it is damaged.
    Required,
    /// Null.
    Null,
    /// A number.
    Integer(i64),
    /// A text.
    Text(&'static str),
}

impl ColumnSpec {
    /// A column of every generation.
    pub(super) const fn required(name: &'static str) -> Self {
        Self {
            name,
            absent: Absent::Required,
        }
    }

    /// A column that came later.
    pub(super) const fn added(name: &'static str, absent: Absent) -> Self {
        Self { name, absent }
    }
}

/// The cells of one row; columns are counted as in the table's list of columns.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    pub(super) columns: &'static [ColumnSpec],
    /// Where each column is in the file's table.
    pub(super) positions: &'a [Option<usize>],
    pub(super) row: &'a Row,
}

impl<'a> Cells<'a> {
    /// The row's number.
    pub(super) fn id(&self) -> i64 {
        self.row.rowid()
    }

    /// A text.
    pub(super) fn text(&self, column: usize) -> Result<Cow<'a, str>> {
        let value = self.value(column)?;
        let found = kind(&value);
        as_text(value).ok_or_else(|| self.unexpected(column, "text in UTF-8", found))
    }

    /// A text, or none.
    pub(super) fn text_or_null(&self, column: usize) -> Result<Option<Cow<'a, str>>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            _ => self.text(column).map(Some),
        }
    }

    /// Bytes. The reference reads a text as its bytes.
    pub(super) fn blob(&self, column: usize) -> Result<Cow<'a, [u8]>> {
        match self.value(column)? {
            Value::Blob(bytes) | Value::Text(bytes) => Ok(bytes),
            other => Err(self.unexpected(column, "a blob", kind(&other))),
        }
    }

    /// Bytes, or none.
    pub(super) fn blob_or_null(&self, column: usize) -> Result<Option<Cow<'a, [u8]>>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            _ => self.blob(column).map(Some),
        }
    }

    /// Length of the bytes in a column; reads none of them.
    pub(super) fn len(&self, column: usize) -> Result<u64> {
        let position = self.positions.get(column).copied().flatten();
        let len = position.and_then(|position| self.row.bytes_len(position));
        len.map(u64::from)
            .ok_or_else(|| self.unexpected(column, "a blob", "something else"))
    }

    /// A number that means yes unless it is 0.
    pub(super) fn flag(&self, column: usize) -> Result<bool> {
        match self.value(column)? {
            Value::Integer(number) => Ok(number != 0),
            other => Err(self.unexpected(column, "a number", kind(&other))),
        }
    }

    fn value(&self, column: usize) -> Result<Value<'a>> {
        match self.positions.get(column).copied().flatten() {
            Some(position) => Ok(self.row.get(position)?),
            None => Ok(match self.columns.get(column).map(|spec| spec.absent) {
                Some(Absent::Integer(number)) => Value::Integer(number),
                Some(Absent::Text(text)) => Value::text(text),
                Some(Absent::Null | Absent::Required) | None => Value::Null,
            }),
        }
    }

    fn unexpected(&self, column: usize, expected: &str, found: &str) -> Error {
        let name = self.columns.get(column).map_or("?", |spec| spec.name);
        Error::data_loss(
            "v1 row",
            self.row.offset(),
            format_args!("{expected} in column {name}"),
            found,
        )
    }
}

/// Text, and blobs that are text: the column's type does not keep a writer from either.
fn as_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(Cow::Borrowed(bytes)) | Value::Blob(Cow::Borrowed(bytes)) => {
            std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
        }
        Value::Text(Cow::Owned(bytes)) | Value::Blob(Cow::Owned(bytes)) => {
            String::from_utf8(bytes).ok().map(Cow::Owned)
        }
        _ => None,
    }
}

fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Integer(_) => "a number",
        Value::Real(_) => "a real number",
        Value::Text(_) => "text that is not UTF-8",
        Value::Blob(_) => "bytes that are not UTF-8",
    }
}
