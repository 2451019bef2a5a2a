//! The grammar of sequences (`store-contract` §8.3): what a step is, how it is drawn, and how an engine takes it.
//!
//! A step names no sync by id but by its place among those that the store holds, so that a sequence of which steps were
//! left out still means something. A step that new operations need is a variant, an arm in [`Step::draw`] or one of the
//! functions it calls, and an arm in [`Step::call`] or in [`crate::bench::Bench::take`].

use std::fmt::Debug;
use std::time::Duration;

use c1z::Result;
use c1z::engine::StorageEngine;
use c1z::engine::page::collect_pages;
use c1z::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncId, SyncType, Verification};
use c1z_proto::connector::v2;
use testkit::chance::Chance;

use crate::files::FileOp;
use crate::records::Records;
use crate::stores::AnyStore;

/// How records are put.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Put {
    Plain,
    IfNewer,
    Expanded,
}

/// A sync that a step is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named {
    /// The one at this place among those that the store holds, which wraps around.
    Held(usize),
    /// One that the store does not hold.
    Unknown,
}

impl Named {
    pub(crate) fn id(self, held: &[SyncId]) -> SyncId {
        let known = match self {
            Named::Held(place) => held.get(place.checked_rem(held.len()).unwrap_or(0)),
            Named::Unknown => None,
        };
        let unknown = || SyncId::from_stored("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w");
        known.cloned().unwrap_or_else(unknown)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Start(SyncType, String),
    StartOrResume(Option<SyncType>, Option<Named>),
    Resume(Option<SyncType>, Option<Named>),
    SetCurrent(Named),
    View(Option<Named>),
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
    SessionSet(Named, String, Vec<(String, Vec<u8>)>),
    SessionDelete(Named, String, String),
    SessionClear(Named, String),
    Link(Named, String),
    SupportsDiff(Named),
    Verify(Named, Verification),
    Unverify(Named),
    DeleteSync(Named),
    /// Deletes what retention does not keep, of which so many full syncs.
    Cleanup(usize),
    /// Keeps a finished sync as a file of its own: a clone of a saved file.
    Keep(Named),
    /// An operation over two of the kept files.
    Files(FileOp, usize, usize),
    /// The n-th file operation of the call fails, counted from 0; the call is made again.
    Failing(u64, Box<Step>),
    /// Closes and opens the store.
    Reopen {
        read_only: bool,
    },
    /// Makes a store of the rows of the store, with indexes that are derived again.
    Rebuild,
    /// Saves the store as a v3 file and as a v1 file, and reads both.
    Save,
    Wait(Duration),
    GoBack(Duration),
    /// Asks all engines everything, with pages of this size.
    Compare(u32),
}

impl Step {
    /// The same step with one record, id or entry less, in every way.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        fn each<T: Clone>(of: &[T], make: impl Fn(Vec<T>) -> Step) -> Vec<Step> {
            let without = |at| {
                let mut rest = of.to_vec();
                rest.remove(at);
                make(rest)
            };
            (0..of.len()).map(without).collect()
        }
        match self {
            Step::ResourceTypes(put, of) => each(of, |of| Step::ResourceTypes(*put, of)),
            Step::Resources(put, of) => each(of, |of| Step::Resources(*put, of)),
            Step::Entitlements(put, of) => each(of, |of| Step::Entitlements(*put, of)),
            Step::Grants(put, of) => each(of, |of| Step::Grants(*put, of)),
            Step::DeleteGrantsById(of) => each(of, Step::DeleteGrantsById),
            Step::DeleteGrantsByKey(of) => each(of, Step::DeleteGrantsByKey),
            Step::SessionSet(sync, prefix, of) => {
                each(of, |of| Step::SessionSet(*sync, prefix.clone(), of))
            }
            Step::Failing(operation, step) => {
                let smaller = step.smaller().into_iter();
                smaller
                    .map(|step| Step::Failing(*operation, Box::new(step)))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The ids of the syncs that a store holds, in the order of their creation.
pub(crate) fn held(engine: &dyn StorageEngine) -> Vec<SyncId> {
    let runs = collect_pages(|page| engine.list_sync_runs(page)).unwrap_or_default();
    runs.into_iter().map(|run| run.id).collect()
}

fn named(chance: &mut Chance) -> Named {
    if chance.percent(90) {
        Named::Held(chance.below(8))
    } else {
        Named::Unknown
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
    /// A call of which a file operation fails. Nothing that starts a sync: one that is started again has another id.
    pub(crate) fn draw_failing(chance: &mut Chance, records: &Records, is_of_many: bool) -> Self {
        let sync = named(chance);
        let step = match chance.below(if is_of_many { 13 } else { 12 }) {
            0..=4 => Self::draw_write(chance, records),
            5 => Step::Checkpoint(prefix(chance)),
            6 | 7 => Step::End,
            8 => Step::Asset(prefix(chance), prefix(chance), prefix(chance).into_bytes()),
            9 => Step::Link(sync, prefix(chance)),
            10 => Step::Verify(sync, mark(chance)),
            11 => Step::DeleteSync(sync),
            _ => Step::Cleanup(1),
        };
        let most = if chance.percent(70) { 4 } else { 40 };
        Step::Failing(chance.below(most) as u64, Box::new(step))
    }

    /// Steps of stores that hold many syncs. `current`: the place of the current sync; `kept`: how many files are kept.
    pub(crate) fn draw_of_many(
        chance: &mut Chance,
        records: &Records,
        current: Option<usize>,
        kept: usize,
    ) -> Vec<Self> {
        match chance.below(20) {
            0 => vec![Step::Cleanup(1 + chance.below(3))],
            1 => vec![Step::View(Some(named(chance)))],
            2 => vec![Step::Keep(named(chance))],
            3..=11 if kept > 1 => vec![Step::Files(
                *chance.pick(&FileOp::ALL).unwrap_or(&FileOp::Diff),
                chance.below(4),
                chance.below(4),
            )],
            _ => Self::draw_keeping(chance, records, current),
        }
    }

    /// A sync is written and kept; or one becomes current, a new one or one that was kept before.
    fn draw_keeping(chance: &mut Chance, records: &Records, current: Option<usize>) -> Vec<Self> {
        let Some(current) = current else {
            return vec![if chance.percent(50) {
                Step::Start(sync_type(chance), String::new())
            } else {
                Step::SetCurrent(named(chance))
            }];
        };
        let current = Named::Held(current);
        let writes = 1 + chance.below(4);
        let mut steps: Vec<Self> = (0..writes)
            .map(|_| Self::draw_write(chance, records))
            .collect();
        if chance.percent(80) {
            steps.push(Step::SupportsDiff(current));
        }
        steps.extend([Step::End, Step::Keep(current)]);
        steps
    }

    /// Draws a step. Most write records where a sync is current, and make one current where none is.
    pub(crate) fn draw(chance: &mut Chance, records: &Records, is_writing: bool) -> Self {
        if !is_writing && chance.percent(50) {
            return match chance.below(4) {
                0 => Step::Resume(None, None),
                1 => Step::SetCurrent(named(chance)),
                2 => Step::StartOrResume(Some(SyncType::Full), None),
                _ => Step::Start(sync_type(chance), String::new()),
            };
        }
        match chance.below(100) {
            0..60 => Self::draw_write(chance, records),
            60..62 => Step::Save,
            62..64 => Step::Rebuild,
            _ => Self::draw_other(chance),
        }
    }

    fn draw_write(chance: &mut Chance, records: &Records) -> Self {
        match chance.below(16) {
            0 => Step::ResourceTypes(put(chance), records.resource_types(chance)),
            1..=3 => Step::Resources(put(chance), records.resources(chance)),
            4..=5 => Step::Entitlements(put(chance), records.entitlements(chance)),
            6..=9 => Step::Grants(put(chance), records.grants(chance)),
            10 => Step::Grants(Put::Expanded, records.grants(chance)),
            11 => Step::DeleteGrant(records.grant_id(chance)),
            12 => Step::DeleteGrantsById(records.grant_ids(chance)),
            13 => Step::DeleteGrantsByKey(records.grant_keys(chance)),
            14 => Step::DeleteResource(records.resource_ref(chance)),
            _ => Step::DeleteEntitlement(records.entitlement_ref(chance)),
        }
    }

    fn draw_other(chance: &mut Chance) -> Self {
        let sync = named(chance);
        let maybe = |chance: &mut Chance| chance.percent(50).then(|| named(chance));
        let of = |chance: &mut Chance| chance.percent(60).then(|| sync_type(chance));
        match chance.below(26) {
            0 => Step::Start(sync_type(chance), prefix(chance)),
            1 => Step::StartOrResume(of(chance), maybe(chance)),
            2 => Step::Resume(of(chance), maybe(chance)),
            3 => Step::SetCurrent(sync),
            4 => Step::View(maybe(chance)),
            5 | 6 => Step::Checkpoint(prefix(chance)),
            7..=9 => Step::End,
            10 => Step::Asset(prefix(chance), prefix(chance), prefix(chance).into_bytes()),
            11 | 12 => {
                let entries = (0..chance.below(6))
                    .map(|_| (prefix(chance), prefix(chance).into_bytes()))
                    .collect();
                Step::SessionSet(sync, prefix(chance), entries)
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

    /// Takes the step with a store, and says what came of it.
    pub(crate) fn answer(&self, store: &dyn AnyStore, held: &[SyncId]) -> String {
        match self {
            Step::Cleanup(keep) => outcome(store.cleanup(*keep)),
            step => step.call(store.engine(), held),
        }
    }

    /// Takes the step, and says what came of it. `held` are the syncs of the store.
    pub(crate) fn call(&self, engine: &dyn StorageEngine, held: &[SyncId]) -> String {
        let id = |named: &Option<Named>| named.map(|named| named.id(held));
        match self {
            Step::Start(of, parent) => outcome(engine.start_new_sync(of, parent)),
            Step::StartOrResume(of, sync) => {
                outcome(engine.start_or_resume_sync(of.as_ref(), id(sync).as_ref()))
            }
            Step::Resume(of, sync) => outcome(engine.resume_sync(of.as_ref(), id(sync).as_ref())),
            Step::SetCurrent(sync) => outcome(engine.set_current_sync(&sync.id(held))),
            Step::View(sync) => outcome(engine.view_sync(id(sync).as_ref())),
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
                outcome(engine.session_set_many(&sync.id(held), prefix, entries))
            }
            Step::SessionDelete(sync, prefix, key) => {
                outcome(engine.session_delete(&sync.id(held), prefix, key))
            }
            Step::SessionClear(sync, prefix) => {
                outcome(engine.session_clear(&sync.id(held), prefix))
            }
            Step::Link(sync, linked) => outcome(engine.set_sync_link(&sync.id(held), linked)),
            Step::SupportsDiff(sync) => outcome(engine.mark_supports_diff(&sync.id(held))),
            Step::Verify(sync, mark) => outcome(engine.mark_verified(&sync.id(held), mark)),
            Step::Unverify(sync) => outcome(engine.clear_verified(&sync.id(held))),
            Step::DeleteSync(sync) => outcome(engine.delete_sync_run(&sync.id(held))),
            Step::Reopen { .. }
            | Step::Rebuild
            | Step::Cleanup(_)
            | Step::Failing(..)
            | Step::Keep(_)
            | Step::Files(..)
            | Step::Save
            | Step::Wait(_)
            | Step::GoBack(_)
            | Step::Compare(_) => String::new(),
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
