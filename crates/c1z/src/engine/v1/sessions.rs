//! Session entries (`c1z1-sqlite` §6.4): prefix and key are one text, compared byte by byte.

use std::sync::Arc;

use super::File;
use super::access::Query;
use super::rows::{self, typed};
use crate::engine::source::{Cursor, RowCursor};
use crate::engine::types::SyncId;
use crate::sqlite_file::{IndexRows, Lookup, Value};
use crate::{Error, ErrorKind, Result};

pub(super) fn get(file: &Arc<File>, sync: &SyncId, key: &str) -> Result<Option<Vec<u8>>> {
    let query = Query::of_sync(sync.as_str()).and("key", key);
    let of_row = Arc::clone(file);
    rows::find(file.sessions.as_ref(), &query, move |row| {
        let row = typed(&of_row, |file| file.sessions.as_ref())?
            .typed
            .read(row)?;
        Ok(Some(row.value.into_owned()))
    })
}

/// Entries from `from` on that begin with `prefix`, by key.
pub(super) fn entries(
    file: &Arc<File>,
    sync: &SyncId,
    prefix: &str,
    from: &str,
) -> Result<Cursor<(String, Vec<u8>)>> {
    let Some(table) = &file.sessions else {
        return Ok(Box::new(rows::Nothing));
    };
    // The key of the table: without it the reference could not have written an entry.
    let Some(index) = table.index_on(&["sync_id", "key"]) else {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "session entries cannot be listed: their table has no index by sync and key",
        ));
    };
    Ok(Box::new(UnderPrefix {
        file: Arc::clone(file),
        sync: sync.clone(),
        prefix: prefix.to_owned(),
        entries: index.seek_from(&[Value::text(sync.as_str())], &[Value::text(from)])?,
        rows: table.typed.table().lookup(),
        position: Vec::new(),
    }))
}

struct UnderPrefix {
    file: Arc<File>,
    sync: SyncId,
    prefix: String,
    entries: IndexRows,
    rows: Lookup,
    position: Vec<u8>,
}

impl RowCursor<(String, Vec<u8>)> for UnderPrefix {
    fn next(&mut self) -> Result<Option<(String, Vec<u8>)>> {
        let Some(entry) = self.entries.next()? else {
            return Ok(None);
        };
        let number = entry.rowid();
        let begins = match entry.get(1)?.as_bytes() {
            Some(key) => key.starts_with(self.prefix.as_bytes()),
            None => false,
        };
        if !begins {
            return Ok(None);
        }
        let damaged = || {
            let message = format!("an index and its row disagree row=`{number}`");
            Error::new(ErrorKind::DataLoss, message)
        };
        let row = self.rows.row(number)?.ok_or_else(damaged)?;
        let row = typed(&self.file, |file| file.sessions.as_ref())?
            .typed
            .read(row)?;
        if row.sync_id != self.sync.as_str() || entry.get(1)?.as_text() != Some(&*row.key) {
            return Err(damaged());
        }
        self.position = row.key.as_bytes().to_vec();
        Ok(Some((row.key.into_owned(), row.value.into_owned())))
    }

    fn position(&self) -> &[u8] {
        &self.position
    }
}
