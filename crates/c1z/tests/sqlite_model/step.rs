//! The grammar of sequences: what a step is, how it is drawn, and how an engine takes it.

use std::fmt::Debug;
use std::time::Duration;

use c1z::Result;
use c1z::engine::StorageEngine;
use c1z::engine::page::collect_pages;
use c1z::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, SyncType, Verification};
use c1z_proto::connector::v2;
use testkit::chance::Chance;

use crate::records;

/// How records are put.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Put {
    Plain,
    IfNewer,
    Expanded,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Start(SyncType, String),
    StartOrResume(Option<SyncType>, Option<SyncId>),
    Resume(Option<SyncType>, Option<SyncId>),
    SetCurrent(SyncId),
    View(Option<SyncId>),
    Checkpoint(String),
    End,
    ResourceTypes(Put, Vec<v2::ResourceType>),
    Resources(Put, Vec<v2::Resource>),
    Entitlements(Put, Vec<v2::Entitlement>),
    Grants(Put, Vec<v2::Grant>),
    DeleteGrant(String),
    DeleteGrantsById(Vec<String>),
    DeleteGrantsByKey(Vec<GrantKey>),
    DeleteResource(ResourceRef),
    DeleteEntitlement(EntitlementRef),
    Asset(String, String, Vec<u8>),
    SessionSet(SyncId, String, Vec<(String, Vec<u8>)>),
    SessionDelete(SyncId, String, String),
    SessionClear(SyncId, String),
    Link(SyncId, String),
    SupportsDiff(SyncId),
    Verify(SyncId, Verification),
    Unverify(SyncId),
    DeleteSync(SyncId),
    Reopen { read_only: bool },
    Wait(Duration),
    GoBack(Duration),
}

/// What the store holds that steps refer to.
pub(crate) struct Known {
    syncs: Vec<SyncId>,
    writes: bool,
}

impl Known {
    pub(crate) fn of(engine: &dyn StorageEngine) -> Self {
        let runs = collect_pages(|page| engine.list_sync_runs(page)).unwrap_or_default();
        Self {
            syncs: runs.into_iter().map(|run| run.id).collect(),
            writes: engine.current_sync().is_some(),
        }
    }

    fn sync(&self, chance: &mut Chance) -> SyncId {
        let known = if chance.percent(90) {
            self.syncs.first()
        } else {
            None
        };
        known
            .cloned()
            .unwrap_or_else(|| SyncId::from_stored("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w"))
    }
}

fn sync_type(chance: &mut Chance) -> SyncType {
    match chance.below(12) {
        0 => SyncType::Other("fuller".to_owned()),
        1 => SyncType::ResourcesOnly,
        2 => SyncType::Partial,
        3 => SyncType::PartialUpserts,
        _ => SyncType::Full,
    }
}

fn put(chance: &mut Chance) -> Put {
    if chance.percent(30) {
        Put::IfNewer
    } else {
        Put::Plain
    }
}

fn mark(chance: &mut Chance) -> Verification {
    let mut mark = Verification {
        generation: "1".to_owned(),
        coverage: vec!["I1".to_owned()],
        mode: "connector".to_owned(),
    };
    if chance.percent(20) {
        "odd".clone_into(&mut mark.mode);
    }
    mark
}

fn prefix(chance: &mut Chance) -> String {
    (*chance.pick(&["", "a", "A", "a_", "%", "ab"]).unwrap_or(&"")).to_owned()
}

impl Step {
    /// Draws a step. Most write records where a sync is current, and make one current where none is.
    pub(crate) fn draw(chance: &mut Chance, known: &Known) -> Self {
        if !known.writes && chance.percent(50) {
            return match chance.below(4) {
                0 => Step::Resume(None, None),
                1 => Step::SetCurrent(known.sync(chance)),
                2 => Step::StartOrResume(Some(SyncType::Full), None),
                _ => Step::Start(sync_type(chance), String::new()),
            };
        }
        if chance.percent(60) {
            Self::draw_write(chance)
        } else {
            Self::draw_other(chance, known)
        }
    }

    fn draw_write(chance: &mut Chance) -> Self {
        match chance.below(16) {
            0 => Step::ResourceTypes(
                put(chance),
                records::several(chance, records::resource_type),
            ),
            1..=3 => Step::Resources(put(chance), records::several(chance, records::resource)),
            4..=5 => {
                Step::Entitlements(put(chance), records::several(chance, records::entitlement))
            }
            6..=9 => Step::Grants(put(chance), records::several(chance, records::grant)),
            10 => Step::Grants(Put::Expanded, records::several(chance, records::grant)),
            11 => Step::DeleteGrant(records::grant_id(chance)),
            12 => Step::DeleteGrantsById(records::several(chance, records::grant_id)),
            13 => Step::DeleteGrantsByKey(records::several(chance, |chance| GrantKey {
                entitlement: records::entitlement_ref(chance),
                principal: records::resource_ref(chance),
            })),
            14 => Step::DeleteResource(records::resource_ref(chance)),
            _ => Step::DeleteEntitlement(records::entitlement_ref(chance)),
        }
    }

    fn draw_other(chance: &mut Chance, known: &Known) -> Self {
        let sync = known.sync(chance);
        let named = |chance: &mut Chance| chance.percent(50).then(|| known.sync(chance));
        let of = |chance: &mut Chance| chance.percent(60).then(|| sync_type(chance));
        match chance.below(26) {
            0 => Step::Start(sync_type(chance), prefix(chance)),
            1 => Step::StartOrResume(of(chance), named(chance)),
            2 => Step::Resume(of(chance), named(chance)),
            3 => Step::SetCurrent(sync),
            4 => Step::View(named(chance)),
            5 | 6 => Step::Checkpoint(prefix(chance)),
            7..=9 => Step::End,
            10 => Step::Asset(prefix(chance), prefix(chance), prefix(chance).into_bytes()),
            11 | 12 => {
                let entry = |chance: &mut Chance| (prefix(chance), prefix(chance).into_bytes());
                Step::SessionSet(sync, prefix(chance), records::several(chance, entry))
            }
            13 => Step::SessionDelete(sync, prefix(chance), prefix(chance)),
            14 => Step::SessionClear(sync, prefix(chance)),
            15 => Step::Link(sync, prefix(chance)),
            16 => Step::SupportsDiff(sync),
            17 | 18 => Step::Verify(sync, mark(chance)),
            19 => Step::Unverify(sync),
            20 => Step::DeleteSync(sync),
            21 | 22 => Step::Reopen {
                read_only: chance.percent(15),
            },
            23 => Step::Wait(Duration::from_hours(7 * 24)),
            24 => Step::GoBack(Duration::from_hours(1)),
            _ => Step::Wait(Duration::from_secs(1)),
        }
    }

    /// Takes the step, and says what came of it.
    pub(crate) fn call(&self, engine: &dyn StorageEngine) -> String {
        match self {
            Step::Start(of, parent) => outcome(engine.start_new_sync(of, parent)),
            Step::StartOrResume(of, id) => {
                outcome(engine.start_or_resume_sync(of.as_ref(), id.as_ref()))
            }
            Step::Resume(of, id) => outcome(engine.resume_sync(of.as_ref(), id.as_ref())),
            Step::SetCurrent(id) => outcome(engine.set_current_sync(id)),
            Step::View(id) => outcome(engine.view_sync(id.as_ref())),
            Step::Checkpoint(token) => outcome(engine.checkpoint_sync(token)),
            Step::End => outcome(engine.end_sync()),
            Step::ResourceTypes(Put::IfNewer, records) => {
                outcome(engine.put_resource_types_if_newer(records))
            }
            Step::ResourceTypes(_, records) => outcome(engine.put_resource_types(records)),
            Step::Resources(Put::IfNewer, records) => {
                outcome(engine.put_resources_if_newer(records))
            }
            Step::Resources(_, records) => outcome(engine.put_resources(records)),
            Step::Entitlements(Put::IfNewer, records) => {
                outcome(engine.put_entitlements_if_newer(records))
            }
            Step::Entitlements(_, records) => outcome(engine.put_entitlements(records)),
            Step::Grants(Put::Plain, records) => outcome(engine.put_grants(records)),
            Step::Grants(Put::IfNewer, records) => outcome(engine.put_grants_if_newer(records)),
            Step::Grants(Put::Expanded, records) => outcome(engine.store_expanded_grants(records)),
            Step::DeleteGrant(id) => outcome(engine.delete_grant(id)),
            Step::DeleteGrantsById(ids) => outcome(engine.delete_grants_by_ids(ids)),
            Step::DeleteGrantsByKey(keys) => outcome(engine.delete_grants_by_keys(keys)),
            Step::DeleteResource(id) => outcome(engine.delete_resource(id)),
            Step::DeleteEntitlement(id) => outcome(engine.delete_entitlement(id)),
            Step::Asset(id, of, data) => outcome(engine.put_asset(id, of, &mut data.as_slice())),
            Step::SessionSet(sync, prefix, entries) => {
                outcome(engine.session_set_many(sync, prefix, entries))
            }
            Step::SessionDelete(sync, prefix, key) => {
                outcome(engine.session_delete(sync, prefix, key))
            }
            Step::SessionClear(sync, prefix) => outcome(engine.session_clear(sync, prefix)),
            Step::Link(id, linked) => outcome(engine.set_sync_link(id, linked)),
            Step::SupportsDiff(id) => outcome(engine.mark_supports_diff(id)),
            Step::Verify(id, mark) => outcome(engine.mark_verified(id, mark)),
            Step::Unverify(id) => outcome(engine.clear_verified(id)),
            Step::DeleteSync(id) => outcome(engine.delete_sync_run(id)),
            Step::Reopen { .. } | Step::Wait(_) | Step::GoBack(_) => String::new(),
        }
    }
}

/// The value, or the kind of the error.
pub(crate) fn outcome<T: Debug>(result: Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("error {:?}", error.kind()),
    }
}
