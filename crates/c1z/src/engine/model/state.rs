//! Everything that a model holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use c1z_proto::connector::v2;

use super::key::Key;
use crate::engine::types::{EntitlementRef, ResourceRef, SyncId, SyncRun, Timestamp, Verification};
use crate::{Error, ErrorKind, Result};

/// The whole store, and the state of its one handle.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Runs by number of creation, from 1.
    pub(super) runs: BTreeMap<u64, SyncRun>,
    /// How many runs were ever created.
    pub(super) created: u64,
    /// Records by sync.
    pub(super) records: BTreeMap<SyncId, Records>,
    /// Session entries by sync, which need not exist, and by key with its prefix.
    pub(super) sessions: BTreeMap<SyncId, BTreeMap<String, Vec<u8>>>,
    /// The sync open for writing.
    pub(super) current: Option<SyncId>,
    /// The sync that reads are pinned to.
    pub(super) view: Option<SyncId>,
    /// Whether anything was changed.
    pub(super) dirty: bool,
    /// The stamp handed out last.
    stamp: Option<Timestamp>,
}

/// The records of one sync.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) resource_types: BTreeMap<Key, Row<v2::ResourceType>>,
    pub(super) resources: BTreeMap<Key, Row<v2::Resource>>,
    pub(super) entitlements: BTreeMap<Key, Row<v2::Entitlement>>,
    pub(super) grants: BTreeMap<Key, Row<Granted>>,
    pub(super) assets: BTreeMap<String, Stored>,
}

/// A record and when it was written.
#[derive(Clone, Debug)]
pub(super) struct Row<T> {
    pub(super) record: T,
    pub(super) discovered_at: Option<Timestamp>,
}

/// A grant without its `GrantExpandable`, and what that said.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) grant: v2::Grant,
    /// What it grants, with its resource.
    pub(super) entitlement: EntitlementRef,
    /// Who holds it.
    pub(super) principal: ResourceRef,
    pub(super) expansion: Option<v2::GrantExpandable>,
    pub(super) needs_expansion: bool,
}

/// An asset.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) content_type: String,
    pub(super) data: Arc<[u8]>,
}

impl State {
    /// Rows of all kinds and syncs.
    pub(super) fn rows(&self) -> usize {
        let records = self.records.values().map(Records::len);
        let sessions = self.sessions.values().map(BTreeMap::len);
        records.chain(sessions).sum()
    }

    /// Forgets what belongs to the handle.
    pub(super) fn forget_handle(&mut self) {
        self.current = None;
        self.view = None;
        self.dirty = false;
        self.stamp = None;
    }

    /// An instant later than any handed out before: `now`, unless the clock stood still or went back.
    pub(super) fn stamp(&mut self, now: Timestamp) -> Timestamp {
        let stamp = match self.stamp {
            Some(last) if last >= now => next_nanosecond(last),
            _ => now,
        };
        self.stamp = Some(stamp);
        stamp
    }

    /// The run with this id.
    pub(super) fn run(&self, id: &SyncId) -> Result<&SyncRun> {
        let mut runs = self.runs.values();
        runs.find(|run| run.id == *id)
            .ok_or_else(|| sync_not_found(id))
    }

    /// The run with this id, to be changed.
    pub(super) fn run_mut(&mut self, id: &SyncId) -> Result<&mut SyncRun> {
        let mut runs = self.runs.values_mut();
        runs.find(|run| run.id == *id)
            .ok_or_else(|| sync_not_found(id))
    }

    /// The records of a sync that exists.
    pub(super) fn records(&self, id: &SyncId) -> Result<&Records> {
        self.records.get(id).ok_or_else(|| sync_not_found(id))
    }

    /// The current sync, or `NoCurrentSync`.
    pub(super) fn current(&self) -> Result<SyncId> {
        self.current.clone().ok_or_else(|| {
            Error::new(ErrorKind::NoCurrentSync, "no sync is open for writing")
                .with_hint("start, resume or set one first")
        })
    }

    /// The records of a sync that exists, to be changed; [`State::changed`] has to follow.
    pub(super) fn records_mut(&mut self, id: &SyncId) -> Result<&mut Records> {
        self.records.get_mut(id).ok_or_else(|| sync_not_found(id))
    }

    /// Records of a sync were changed: the store is dirty, and what was derived from them is dropped (D14).
    pub(super) fn changed(&mut self, id: &SyncId) -> Result<()> {
        let run = self.run_mut(id)?;
        run.stats = None;
        run.verification = Verification::default();
        self.dirty = true;
        Ok(())
    }
}

impl Records {
    fn len(&self) -> usize {
        self.resource_types.len()
            + self.resources.len()
            + self.entitlements.len()
            + self.grants.len()
            + self.assets.len()
    }
}

fn next_nanosecond(at: Timestamp) -> Timestamp {
    match at.nanos {
        0..999_999_999 => Timestamp {
            nanos: at.nanos + 1,
            ..at
        },
        _ => Timestamp {
            seconds: at.seconds.saturating_add(1),
            nanos: 0,
        },
    }
}

fn sync_not_found(id: &SyncId) -> Error {
    Error::not_found(format!("sync not found: sync_id=`{id}`"))
}
