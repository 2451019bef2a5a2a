//! The session store (`store-contract` §6.2): bytes by sync and key, within a byte budget per answer.

use super::Model;
use crate::engine::Page;
use crate::engine::reader::{SessionEntries, SessionEntry};
use crate::engine::types::SyncId;
use crate::engine::writer::SESSION_BUDGET_BYTES;
use crate::{Error, ErrorKind, Result};

/// What each key and each value of an answer costs beyond its bytes.
const COST_EACH: usize = 10;

impl Model {
    pub(super) fn session_value(&self, sync: &SyncId, prefix: &str, key: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        let entries = state.sessions.get(sync)?;
        entries.get(&format!("{prefix}{key}")).cloned()
    }

    /// All keys asked for are paid first, then values in the order of the request while they fit.
    pub(super) fn session_values(
        &self,
        sync: &SyncId,
        prefix: &str,
        keys: &[String],
    ) -> SessionEntries {
        let mut answer = SessionEntries::default();
        let mut spent: usize = keys.iter().map(|key| key.len() + COST_EACH).sum();
        for key in keys {
            let Some(value) = self.session_value(sync, prefix, key) else {
                continue;
            };
            let cost = value.len() + COST_EACH;
            if spent + cost <= SESSION_BUDGET_BYTES {
                spent += cost;
                answer.found.insert(key.clone(), value);
            } else {
                answer.unprocessed.push(key.clone());
            }
        }
        answer
    }

    /// Entries in byte order of their keys from `token` on, while they fit; at least one, so that reading advances.
    pub(super) fn session_page(
        &self,
        sync: &SyncId,
        prefix: &str,
        token: &str,
    ) -> Page<SessionEntry> {
        let state = self.lock();
        let mut page = Page::empty();
        let mut spent = 0;
        for (full_key, value) in state.sessions.get(sync).into_iter().flatten() {
            let Some(key) = full_key.strip_prefix(prefix) else {
                continue;
            };
            if key < token {
                continue;
            }
            spent += key.len() + value.len() + 2 * COST_EACH;
            if spent > SESSION_BUDGET_BYTES && !page.rows.is_empty() {
                key.clone_into(&mut page.next_token);
                break;
            }
            page.rows.push((key.to_owned(), value.clone()));
        }
        page
    }

    /// Sets entries, all or none. One that no answer could hold is refused (D20).
    pub(super) fn set_session(
        &self,
        sync: &SyncId,
        prefix: &str,
        entries: &[(String, Vec<u8>)],
    ) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.writable()?;
        for (key, value) in entries {
            let cost = prefix.len() + key.len() + value.len() + 2 * COST_EACH;
            if cost > SESSION_BUDGET_BYTES {
                return Err(Error::new(
                    ErrorKind::ResourceExhausted,
                    format!(
                        "session entry too large: bytes=`{cost}` bytes_max=`{SESSION_BUDGET_BYTES}`"
                    ),
                ));
            }
        }
        let mut state = self.lock();
        let mut after = state.sessions.get(sync).cloned().unwrap_or_default();
        let before = after.len();
        for (key, value) in entries {
            after.insert(format!("{prefix}{key}"), value.clone());
        }
        self.room_for(&state, after.len() - before)?;
        state.sessions.insert(sync.clone(), after);
        state.dirty = true;
        Ok(())
    }

    /// Deletes the entries whose full keys are chosen.
    pub(super) fn delete_session(
        &self,
        sync: &SyncId,
        chosen: impl Fn(&str) -> bool,
    ) -> Result<()> {
        self.writable()?;
        let mut state = self.lock();
        let Some(entries) = state.sessions.get_mut(sync) else {
            return Ok(());
        };
        let before = entries.len();
        entries.retain(|key, _| !chosen(key));
        if entries.len() < before {
            state.dirty = true;
        }
        Ok(())
    }
}
