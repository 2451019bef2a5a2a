//! Session entries (`store-contract` §6.2): legal on any sync id, current or not, stored or not.

use shingle::batch::Batch;

use super::super::leftovers::delete_range;
use super::super::live::{Ids, Live};
use super::super::sessions::row_key;
use crate::engine::types::SyncId;
use crate::engine::writer::SESSION_BUDGET_BYTES;
use crate::keyspace::prefix;
use crate::record::SessionView;
use crate::{Error, ErrorKind, Result};

/// What an entry costs beyond its bytes in the answer that lists it.
const COST_EACH: usize = 20;

/// Sets entries, all or none. An entry that no answer could hold is refused (D20).
pub(super) fn set<'e>(
    live: &Live,
    sync: &SyncId,
    prefix: &str,
    entries: impl IntoIterator<Item = (&'e str, &'e [u8])>,
) -> Result<()> {
    let mut entries = entries.into_iter().peekable();
    if entries.peek().is_none() {
        return Ok(());
    }
    live.writable()?;
    let mut rows = std::collections::BTreeMap::new();
    for (key, value) in entries {
        let bytes = prefix.len() + key.len() + value.len() + COST_EACH;
        if bytes > SESSION_BUDGET_BYTES {
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!(
                    "session entry too large: bytes=`{bytes}` bytes_max=`{SESSION_BUDGET_BYTES}`"
                ),
            ));
        }
        rows.insert(format!("{prefix}{key}"), value);
    }
    let mut batch = Batch::new();
    let mut stored = Vec::new();
    for (key, value) in rows {
        let entry = SessionView {
            sync_id: sync.as_str(),
            key: &key,
            value,
        };
        stored.clear();
        entry.encode_into(&mut stored);
        batch.set(&row_key(sync, &key), &stored)?;
    }
    let mut handle = live.lock()?;
    live.write(&mut handle, batch, Ids::Kept)
}

/// Deletes one entry.
pub(super) fn delete(live: &Live, sync: &SyncId, prefix: &str, key: &str) -> Result<()> {
    live.writable()?;
    let mut handle = live.lock()?;
    let key = row_key(sync, &format!("{prefix}{key}"));
    if live.view()?.kv.get(&key)?.is_none() {
        return Ok(());
    }
    let mut batch = Batch::new();
    batch.delete(&key)?;
    live.write(&mut handle, batch, Ids::Kept)
}

/// Deletes all entries whose key begins with `prefix`.
pub(super) fn clear(live: &Live, sync: &SyncId, prefix: &str) -> Result<()> {
    live.writable()?;
    let mut handle = live.lock()?;
    let range = prefix::sessions_of(sync.as_str().as_bytes(), prefix.as_bytes());
    if live.view()?.kv.scan(&range)?.next()?.is_none() {
        return Ok(());
    }
    let mut batch = Batch::new();
    delete_range(&mut batch, &range)?;
    live.write(&mut handle, batch, Ids::Kept)
}
