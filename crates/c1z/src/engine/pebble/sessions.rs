//! Session entries (`c1z3-keyspace` §3.5): prefix and key are one text in the row's key.

use std::sync::Arc;

use super::kv::Kv;
use super::rows;
use crate::Result;
use crate::engine::source::Cursor;
use crate::engine::types::SyncId;
use crate::keyspace::{Key, KeyRange, prefix};
use crate::record::SessionView;

pub(super) fn get(kv: &dyn Kv, sync: &SyncId, key: &str) -> Result<Option<Vec<u8>>> {
    let Some(value) = kv.get(&row_key(sync, key))? else {
        return Ok(None);
    };
    Ok(Some(SessionView::parse(&value)?.value.to_vec()))
}

/// Entries from `from` on that begin with `key_prefix`, by key.
pub(super) fn entries(
    kv: &Arc<dyn Kv>,
    sync: &SyncId,
    key_prefix: &str,
    from: &str,
) -> Cursor<(String, Vec<u8>)> {
    let range = prefix::sessions_of(sync.as_str().as_bytes(), key_prefix.as_bytes());
    let lower = row_key(sync, from).max(range.lower);
    let range = KeyRange {
        lower,
        upper: range.upper,
    };
    rows::over(kv, &[range], None, |key, value| match Key::parse(key)? {
        Key::Session { key, .. } => {
            let key = crate::record::wire::text(&key)?.to_owned();
            Ok(Some((key, SessionView::parse(value)?.value.to_vec())))
        }
        _ => Ok(None),
    })
}

/// The key of an entry's row.
pub(super) fn row_key(sync: &SyncId, key: &str) -> Vec<u8> {
    Key::Session {
        sync_id: sync.as_str().as_bytes().into(),
        key: key.as_bytes().into(),
    }
    .to_vec()
}
