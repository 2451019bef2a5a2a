//! Stores that hold one sync, as a v3 file does (`architecture` §2.2; `store-contract` §2.2, *P only*).

use std::time::Duration;

use c1z::ErrorKind;
use c1z::engine::types::{SyncId, SyncType};
use c1z::engine::{PageRequest, Profile, Scope};

use crate::harness::{Bench, on_one_as, refused, resource_type};

fn on_one(test: impl Fn(&mut Bench)) {
    on_one_as(Profile::Ours, test);
}

fn types(bench: &Bench) -> Vec<String> {
    let page = bench
        .engine()
        .list_resource_types(&Scope::Default, &PageRequest::default());
    page.unwrap().rows.into_iter().map(|row| row.id).collect()
}

/// Whatever the state of the sync that is there, another one does not take its place.
#[test]
fn another_sync_is_refused_and_nothing_changes() {
    type Prepare = fn(&mut Bench);
    let states: [(&str, Prepare); 4] = [
        ("finished", |bench| {
            bench.finished(&SyncType::Full, "kept");
        }),
        ("current again", |bench| {
            let id = bench.finished(&SyncType::Full, "kept");
            bench.engine().set_current_sync(&id).unwrap();
        }),
        ("unfinished", |bench| {
            bench.start(&SyncType::Full);
            bench
                .engine()
                .put_resource_types(&[resource_type("kept")])
                .unwrap();
            bench.reopen(false);
        }),
        ("abandoned", |bench| {
            bench.start(&SyncType::Full);
            bench
                .engine()
                .put_resource_types(&[resource_type("kept")])
                .unwrap();
            bench.clock.advance(Duration::from_hours(24 * 30));
            bench.reopen(false);
        }),
    ];
    for (state, prepare) in states {
        on_one(|bench| {
            prepare(bench);
            bench.reopen(false);
            let engine = bench.engine();
            let start = engine.start_new_sync(&SyncType::Partial, "");
            assert_eq!(refused(start), ErrorKind::FailedPrecondition, "{state}");
            let either = engine.start_or_resume_sync(Some(&SyncType::Partial), None);
            assert_eq!(refused(either), ErrorKind::FailedPrecondition, "{state}");
            assert_eq!(engine.current_sync(), None);
            assert!(!engine.is_dirty());
            assert_eq!(types(bench), ["kept"]);
        });
    }
}

#[test]
fn when_the_sync_is_deleted_another_one_may_start() {
    on_one(|bench| {
        let old = bench.finished(&SyncType::Full, "old");
        let engine = bench.engine();
        for prefix in ["", "other"] {
            engine.session_set(&old, prefix, "k", b"v").unwrap();
        }
        engine.delete_sync_run(&old).unwrap();
        assert_eq!(engine.session_get(&old, "", "k").unwrap(), None);
        assert_eq!(engine.session_get(&old, "other", "k").unwrap(), None);
        assert_eq!(refused(engine.get_sync(&old)), ErrorKind::NotFound);
        let new = bench.start(&SyncType::Partial);
        assert_ne!(new, old);
        assert_eq!(types(bench), Vec::<String>::new());
    });
}

/// Go's Pebble engine wipes what there is; it keeps the sync that it is writing.
#[test]
fn the_pebble_profile_replaces_what_is_not_being_written() {
    // The model knows syncs, not how Go's engine replaces one.
    on_one_as(Profile::GoPebble, |bench| {
        if bench.engine().metadata().engine == "model" {
            return;
        }
        let old = bench.finished(&SyncType::Full, "old");
        bench.engine().session_set(&old, "", "k", b"v").unwrap();
        let new = bench.start(&SyncType::Partial);
        let engine = bench.engine();
        assert_ne!(new, old);
        assert_eq!(refused(engine.get_sync(&old)), ErrorKind::NotFound);
        assert_eq!(engine.session_get(&old, "", "k").unwrap(), None);
        assert_eq!(types(bench), Vec::<String>::new());
        let same = engine.start_new_sync(&SyncType::Partial, "").unwrap();
        assert_eq!(same, new);
        let other = engine.start_new_sync(&SyncType::Full, "");
        assert_eq!(refused(other), ErrorKind::FailedPrecondition);
        bench.reopen(false);
        let third = bench.start(&SyncType::Full);
        assert_ne!(third, new);
    });
}

/// `store-contract` §2.4, for the one sync.
#[test]
fn resuming_follows_its_table() {
    on_one(|bench| {
        let unknown = SyncId::new("unknown").unwrap();
        let nothing = bench.engine().resume_sync(None, None);
        assert_eq!(refused(nothing), ErrorKind::NotFound);
        let id = bench.start(&SyncType::Full);
        bench.engine().checkpoint_sync("halfway").unwrap();
        bench.reopen(false);
        let engine = bench.engine();
        let missing = engine.resume_sync(None, Some(&unknown));
        assert_eq!(refused(missing), ErrorKind::NotFound);
        let missing = engine.start_or_resume_sync(Some(&SyncType::Full), Some(&unknown));
        assert_eq!(refused(missing), ErrorKind::NotFound, "D12");
        let other_type = engine.resume_sync(Some(&SyncType::Partial), None);
        assert_eq!(refused(other_type), ErrorKind::NotFound);
        let other_type = engine.resume_sync(Some(&SyncType::Partial), Some(&id));
        assert_eq!(refused(other_type), ErrorKind::FailedPrecondition);
        let resumed = engine.start_or_resume_sync(Some(&SyncType::Full), None);
        assert_eq!(resumed.unwrap(), (id.clone(), false));
        assert_eq!(engine.current_sync_step().unwrap(), "halfway");
        let another = engine.resume_sync(None, Some(&unknown));
        assert_eq!(refused(another), ErrorKind::FailedPrecondition);
        assert!(!engine.is_dirty());
        engine.end_sync().unwrap();
        // D21: what is finished is not resumed, but made current.
        let finished = engine.resume_sync(None, Some(&id));
        assert_eq!(refused(finished), ErrorKind::FailedPrecondition);
        assert_eq!(refused(engine.resume_sync(None, None)), ErrorKind::NotFound);
        engine.set_current_sync(&id).unwrap();
        assert_eq!(refused(engine.resume_sync(None, None)), ErrorKind::Internal);
    });
}

#[test]
fn the_sync_can_be_viewed_and_made_current() {
    on_one(|bench| {
        let id = bench.start(&SyncType::Full);
        let unknown = SyncId::new("unknown").unwrap();
        let view = bench.engine().view_sync(Some(&id));
        assert_eq!(refused(view), ErrorKind::FailedPrecondition);
        bench.reopen(false);
        let engine = bench.engine();
        // D15: missing is NotFound, unfinished is allowed.
        let view = engine.view_sync(Some(&unknown));
        assert_eq!(refused(view), ErrorKind::NotFound);
        engine.view_sync(Some(&id)).unwrap();
        assert_eq!(engine.viewed_sync(), Some(id.clone()));
        let missing = engine.set_current_sync(&unknown);
        assert_eq!(refused(missing), ErrorKind::NotFound);
        engine.set_current_sync(&id).unwrap();
        assert_eq!(engine.viewed_sync(), Some(id.clone()), "the pin stays");
        let current = engine.delete_sync_run(&id);
        assert_eq!(refused(current), ErrorKind::FailedPrecondition);
        bench.reopen(false);
        let engine = bench.engine();
        engine.view_sync(Some(&id)).unwrap();
        engine.delete_sync_run(&id).unwrap();
        let read = engine.list_resource_types(&Scope::Default, &PageRequest::default());
        assert_eq!(refused(read), ErrorKind::NotFound);
    });
}

/// Page tokens outlive neither the sync that they belong to, nor fit the one that takes its place.
#[test]
fn tokens_of_a_replaced_sync_are_refused() {
    on_one(|bench| {
        bench.start(&SyncType::Full);
        let engine = bench.engine();
        let records = ["a", "b"].map(resource_type);
        engine.put_resource_types(&records).unwrap();
        let first = engine.list_resource_types(&Scope::Default, &PageRequest::first(1));
        let next = PageRequest::after(1, &first.unwrap()).unwrap();
        engine.end_sync().unwrap();
        let old = engine.latest_finished_sync(None).unwrap().unwrap();
        engine.delete_sync_run(&old.id).unwrap();
        let new = bench.finished(&SyncType::Full, "a");
        let read = bench.engine().list_resource_types(&Scope::Default, &next);
        assert_eq!(refused(read), ErrorKind::NotFound);
        let read = bench.engine().list_resource_types(&Scope::Sync(new), &next);
        assert_eq!(refused(read), ErrorKind::InvalidPageToken);
    });
}
