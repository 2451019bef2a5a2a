//! Session entries (`store-contract` §6.2): prefix and key are one text, compared byte by byte.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::connection::Readers;
use super::fault::sql;
use super::live::{Live, Survives};
use super::select::{self, Select};
use crate::engine::source::{Cursor, RowCursor};
use crate::engine::types::SyncId;
use crate::engine::writer::SESSION_BUDGET_BYTES;
use crate::{Error, ErrorKind, Result};

const TABLE: &str = "v1_connector_sessions";

/// What an entry costs beyond its bytes in the answer that lists it.
const COST_EACH: usize = 20;

/// One entry.
pub(super) fn get(readers: &Arc<Readers>, sync: &SyncId, key: &str) -> Result<Option<Vec<u8>>> {
    readers.begin()?.with(|connection| {
        let read = || {
            let mut statement = connection.prepare_cached(
                "SELECT value FROM v1_connector_sessions WHERE sync_id = ? AND key = ?",
            )?;
            let found = statement.query_row([sync.as_str(), key], |row| row.get(0));
            found.optional()
        };
        read().map_err(sql("read a session entry"))
    })
}

/// Entries from `from` on that begin with `prefix`, by key.
pub(super) fn entries(
    readers: &Arc<Readers>,
    sync: &SyncId,
    prefix: &str,
    from: &str,
) -> Result<Cursor<(String, Vec<u8>)>> {
    let snap = Arc::new(readers.begin()?);
    let query = Select::of(TABLE, "key, value")
        .by("sync_id", sync.as_str())
        .from("key", from)
        .in_order(&["key"]);
    let entries = select::cursor(&snap, query, None, |cells| {
        Ok(Some((
            cells.text(0)?.into_owned(),
            cells.blob(1)?.into_owned(),
        )))
    })?;
    Ok(Box::new(Prefixed {
        prefix: prefix.to_owned(),
        entries,
    }))
}

/// Entries up to the first one without the prefix.
struct Prefixed {
    prefix: String,
    entries: Cursor<(String, Vec<u8>)>,
}

impl RowCursor<(String, Vec<u8>)> for Prefixed {
    fn next(&mut self) -> Result<Option<(String, Vec<u8>)>> {
        let entry = self.entries.next()?;
        Ok(entry.filter(|(key, _)| key.starts_with(&self.prefix)))
    }

    fn position(&self) -> &[u8] {
        self.entries.position()
    }
}

/// Sets entries, all or none. An entry that no answer could hold is refused (D20).
pub(super) fn set<'e>(
    live: &Live,
    sync: &SyncId,
    prefix: &str,
    entries: impl Iterator<Item = (&'e str, &'e [u8])> + Clone,
) -> Result<()> {
    if entries.clone().next().is_none() {
        return Ok(());
    }
    live.writable()?;
    for (key, value) in entries.clone() {
        let bytes = prefix.len() + key.len() + value.len() + COST_EACH;
        if bytes > SESSION_BUDGET_BYTES {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!(
                    "session entry too large: bytes=`{bytes}` bytes_max=`{SESSION_BUDGET_BYTES}`"
                ),
            ));
        }
    }
    let writer = live.lock();
    live.transaction(&writer, Survives::AsSet, |connection| {
        let failed = sql("write a session entry");
        let mut statement = connection
            .prepare_cached(
                "INSERT INTO v1_connector_sessions (sync_id, key, value) VALUES (?, ?, ?) \
                 ON CONFLICT (sync_id, key) DO UPDATE SET value = excluded.value",
            )
            .map_err(&failed)?;
        for (key, value) in entries {
            let key = format!("{prefix}{key}");
            statement
                .execute(params![sync.as_str(), key, value])
                .map_err(&failed)?;
        }
        Ok(())
    })?;
    live.changed();
    Ok(())
}

/// Deletes one entry.
pub(super) fn delete(live: &Live, sync: &SyncId, prefix: &str, key: &str) -> Result<()> {
    let key = format!("{prefix}{key}");
    delete_where(live, "sync_id = ? AND key = ?", [sync.as_str(), &key])
}

/// Deletes all entries whose key begins with `prefix`, byte by byte.
pub(super) fn clear(live: &Live, sync: &SyncId, prefix: &str) -> Result<()> {
    // A part of an empty blob is null, not empty.
    let condition = "sync_id = ?1 AND key >= ?2 \
         AND coalesce(substr(CAST(key AS BLOB), 1, length(CAST(?2 AS BLOB))), x'') = CAST(?2 AS BLOB)";
    delete_where(live, condition, [sync.as_str(), prefix])
}

fn delete_where(live: &Live, condition: &str, values: [&str; 2]) -> Result<()> {
    live.writable()?;
    let writer = live.lock();
    let gone = live.transaction(&writer, Survives::AsSet, |connection| {
        let statement = format!("DELETE FROM {TABLE} WHERE {condition}");
        let delete = || connection.prepare_cached(&statement)?.execute(values);
        delete().map_err(sql("delete session entries"))
    })?;
    if gone > 0 {
        live.changed();
    }
    Ok(())
}
