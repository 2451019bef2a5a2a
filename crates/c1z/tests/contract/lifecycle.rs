//! The life of a sync (`store-contract` §2).

use std::time::Duration;

use c1z::ErrorKind;
use c1z::engine::types::{SyncId, SyncType, Verification};
use c1z::engine::{PageRequest, Scope};

use crate::harness::{Bench, START, on_all, on_many, refused, resource_type};

const WEEK: Duration = Duration::from_hours(7 * 24);

fn complete() -> Verification {
    Verification {
        generation: "g1".to_owned(),
        coverage: vec!["I1".to_owned()],
        mode: "connector".to_owned(),
    }
}

#[test]
fn a_new_sync_is_open_empty_and_current() {
    on_all(|bench| {
        let engine = bench.engine();
        assert!(!engine.is_dirty());
        assert_eq!(engine.current_sync(), None);
        let id = engine.start_new_sync(&SyncType::Full, "").unwrap();
        assert!(engine.is_dirty());
        assert_eq!(engine.current_sync(), Some(id.clone()));
        let run = engine.get_sync(&id).unwrap();
        assert_eq!(run.started_at, Some(START));
        assert_eq!(
            (run.ended_at, run.token.as_str(), run.supports_diff),
            (None, "", false)
        );
        assert_eq!(run.sync_type, SyncType::Full);
    });
}

#[test]
fn starting_again_gives_the_open_sync_of_the_type_and_refuses_another() {
    on_all(|bench| {
        let engine = bench.engine();
        let id = bench.start(&SyncType::Partial);
        assert_eq!(
            engine
                .start_new_sync(&SyncType::Partial, "ignored")
                .unwrap(),
            id
        );
        assert_eq!(engine.get_sync(&id).unwrap().parent_id, "");
        let other = engine.start_new_sync(&SyncType::Full, "");
        assert_eq!(refused(other), ErrorKind::FailedPrecondition);
        assert_eq!(engine.current_sync(), Some(id));
    });
}

#[test]
fn types_and_parents_are_checked_and_a_parent_is_kept_verbatim() {
    on_all(|bench| {
        let engine = bench.engine();
        for unknown in ["", "fuller"] {
            let of = SyncType::Other(unknown.to_owned());
            assert_eq!(
                refused(engine.start_new_sync(&of, "")),
                ErrorKind::InvalidArgument
            );
        }
        for of in [SyncType::Full, SyncType::ResourcesOnly] {
            let start = engine.start_new_sync(&of, "parent");
            assert_eq!(refused(start), ErrorKind::InvalidArgument);
        }
        assert!(!engine.is_dirty());
        let id = engine
            .start_new_sync(&SyncType::PartialUpserts, "no such sync")
            .unwrap();
        assert_eq!(engine.get_sync(&id).unwrap().parent_id, "no such sync");
    });
}

#[test]
fn a_finished_current_sync_does_not_stop_a_new_one() {
    on_many(|bench| {
        let old = bench.finished(&SyncType::Full, "a");
        bench.engine().set_current_sync(&old).unwrap();
        let new = bench.start(&SyncType::Partial);
        assert_ne!(new, old);
        assert_eq!(bench.engine().current_sync(), Some(new));
    });
}

#[test]
fn ids_are_unique_and_rise_with_time() {
    on_many(|bench| {
        let mut ids = Vec::new();
        for _ in 0..50 {
            ids.push(bench.finished(&SyncType::Full, "a"));
        }
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    });
}

/// `store-contract` §2.4, row by row.
#[test]
fn resuming_follows_its_table() {
    on_many(|bench| {
        let done = bench.finished(&SyncType::Full, "a");
        let open = bench.start(&SyncType::Full);
        bench.engine().checkpoint_sync("halfway").unwrap();
        let engine = bench.engine();
        // With a current sync.
        assert_eq!(
            engine
                .resume_sync(Some(&SyncType::Full), Some(&open))
                .unwrap(),
            open
        );
        assert_eq!(
            refused(engine.resume_sync(None, Some(&done))),
            ErrorKind::FailedPrecondition
        );
        let other_type = engine.resume_sync(Some(&SyncType::Partial), None);
        assert_eq!(refused(other_type), ErrorKind::FailedPrecondition);
        assert_eq!(engine.resume_sync(None, None).unwrap(), open);
        engine.set_current_sync(&done).unwrap();
        assert_eq!(refused(engine.resume_sync(None, None)), ErrorKind::Internal);
        // Without one.
        bench.reopen(false);
        let engine = bench.engine();
        let unknown = SyncId::new("unknown").unwrap();
        assert_eq!(
            refused(engine.resume_sync(None, Some(&unknown))),
            ErrorKind::NotFound
        );
        let other_type = engine.resume_sync(Some(&SyncType::Partial), Some(&open));
        assert_eq!(refused(other_type), ErrorKind::FailedPrecondition);
        assert_eq!(
            refused(engine.resume_sync(None, Some(&done))),
            ErrorKind::FailedPrecondition
        );
        let of_type = engine.resume_sync(Some(&SyncType::Partial), None);
        assert_eq!(refused(of_type), ErrorKind::NotFound);
        assert_eq!(engine.current_sync(), None);
        assert_eq!(engine.resume_sync(None, None).unwrap(), open);
        assert_eq!(engine.current_sync_step().unwrap(), "halfway");
        assert!(!engine.is_dirty());
    });
}

#[test]
fn an_abandoned_sync_is_resumed_only_by_name() {
    on_all(|bench| {
        let id = bench.start(&SyncType::Full);
        bench.clock.advance(WEEK);
        bench.reopen(false);
        assert_eq!(bench.engine().resume_sync(None, None).unwrap(), id);
        bench.clock.advance(Duration::from_nanos(1));
        bench.reopen(false);
        assert_eq!(
            refused(bench.engine().resume_sync(None, None)),
            ErrorKind::NotFound
        );
        assert_eq!(bench.engine().resume_sync(None, Some(&id)).unwrap(), id);
    });
}

#[test]
fn start_or_resume_starts_only_where_nothing_was_named() {
    on_many(|bench| {
        let engine = bench.engine();
        let unknown = SyncId::new("unknown").unwrap();
        // D12.
        let named = engine.start_or_resume_sync(Some(&SyncType::Full), Some(&unknown));
        assert_eq!(refused(named), ErrorKind::NotFound);
        assert_eq!(
            refused(engine.start_or_resume_sync(None, None)),
            ErrorKind::InvalidArgument
        );
        let (id, is_new) = engine
            .start_or_resume_sync(Some(&SyncType::Full), None)
            .unwrap();
        assert!(is_new);
        bench.reopen(false);
        let engine = bench.engine();
        // A sync of another type is left alone.
        let (partial, is_new) = engine
            .start_or_resume_sync(Some(&SyncType::Partial), None)
            .unwrap();
        assert!(is_new && partial != id);
        bench.reopen(false);
        let again = bench
            .engine()
            .start_or_resume_sync(Some(&SyncType::Full), None);
        assert_eq!(again.unwrap(), (id, false));
    });
}

#[test]
fn any_existing_sync_can_be_made_current() {
    on_many(|bench| {
        let done = bench.finished(&SyncType::Full, "a");
        let open = bench.start(&SyncType::Partial);
        bench.clock.advance(WEEK * 2);
        let engine = bench.engine();
        let unknown = SyncId::new("unknown").unwrap();
        assert_eq!(
            refused(engine.set_current_sync(&unknown)),
            ErrorKind::NotFound
        );
        assert_eq!(engine.current_sync(), Some(open.clone()));
        for id in [done, open] {
            engine.set_current_sync(&id).unwrap();
            assert_eq!(engine.current_sync(), Some(id));
        }
    });
}

#[test]
fn a_view_needs_an_existing_sync_and_no_current_one() {
    on_many(|bench| {
        let done = bench.finished(&SyncType::Full, "a");
        let open = bench.start(&SyncType::Full);
        assert_eq!(
            refused(bench.engine().view_sync(Some(&done))),
            ErrorKind::FailedPrecondition
        );
        bench.reopen(false);
        let engine = bench.engine();
        let unknown = SyncId::new("unknown").unwrap();
        // D15: missing is NotFound, unfinished is allowed.
        assert_eq!(
            refused(engine.view_sync(Some(&unknown))),
            ErrorKind::NotFound
        );
        engine.view_sync(Some(&open)).unwrap();
        assert_eq!(engine.viewed_sync(), Some(open));
        engine.view_sync(None).unwrap();
        assert_eq!(engine.viewed_sync(), None);
        engine.view_sync(Some(&done)).unwrap();
        engine.set_current_sync(&done).unwrap();
        assert_eq!(engine.viewed_sync(), Some(done), "the pin stays");
        assert!(!engine.is_dirty());
    });
}

#[test]
fn a_checkpoint_keeps_the_token_to_the_byte_and_everything_else() {
    on_all(|bench| {
        let engine = bench.engine();
        assert_eq!(
            refused(engine.checkpoint_sync("t")),
            ErrorKind::NoCurrentSync
        );
        assert_eq!(
            refused(engine.current_sync_step()),
            ErrorKind::NoCurrentSync
        );
        let id = bench.start(&SyncType::Full);
        engine.mark_supports_diff(&id).unwrap();
        for token in [
            "{\"a\":1}",
            "",
            "\0\u{1}\u{10ffff} trailing ",
            &"x".repeat(100_000),
        ] {
            engine.checkpoint_sync(token).unwrap();
            assert_eq!(engine.current_sync_step().unwrap(), token);
            bench.clock.advance(Duration::from_secs(1));
        }
        let run = engine.get_sync(&id).unwrap();
        assert_eq!((run.supports_diff, run.ended_at), (true, None));
        bench.reopen(false);
        assert_eq!(bench.engine().get_sync(&id).unwrap(), run);
    });
}

#[test]
fn ending_finishes_unbinds_and_records_statistics() {
    on_all(|bench| {
        assert_eq!(refused(bench.engine().end_sync()), ErrorKind::NoCurrentSync);
        let id = bench.finished(&SyncType::Full, "a");
        let engine = bench.engine();
        assert_eq!(engine.current_sync(), None);
        let run = engine.get_sync(&id).unwrap();
        assert_eq!(run.ended_at, Some(START.plus_seconds(2)));
        assert_eq!(run.stats.unwrap().resource_types, 1);
        assert_eq!(refused(engine.end_sync()), ErrorKind::NoCurrentSync);
        let late = engine.put_resource_types(&[resource_type("late")]);
        assert_eq!(refused(late), ErrorKind::NoCurrentSync);
    });
}

/// D9, D14.
#[test]
fn a_finished_sync_written_again_keeps_its_end_and_loses_what_was_derived() {
    on_all(|bench| {
        let id = bench.finished(&SyncType::Full, "a");
        let engine = bench.engine();
        engine.mark_verified(&id, &complete()).unwrap();
        let before = engine.get_sync(&id).unwrap();
        engine.set_current_sync(&id).unwrap();
        assert_eq!(
            engine.get_sync(&id).unwrap(),
            before,
            "binding changes nothing"
        );
        engine.put_resource_types(&[resource_type("b")]).unwrap();
        let written = engine.get_sync(&id).unwrap();
        assert_eq!(written.stats, None);
        assert_eq!(written.verification, Verification::default());
        assert_eq!(written.ended_at, before.ended_at);
        bench.clock.advance(Duration::from_mins(1));
        engine.end_sync().unwrap();
        let after = engine.get_sync(&id).unwrap();
        assert_eq!(after.ended_at, before.ended_at);
        assert_eq!(after.stats.unwrap().resource_types, 2);
    });
}

#[test]
fn marks_are_set_on_existing_syncs_only() {
    on_all(|bench| {
        let open = bench.start(&SyncType::Full);
        let engine = bench.engine();
        let unknown = SyncId::new("unknown").unwrap();
        assert_eq!(
            refused(engine.mark_supports_diff(&unknown)),
            ErrorKind::NotFound
        );
        assert_eq!(
            refused(engine.set_sync_link(&unknown, "x")),
            ErrorKind::NotFound
        );
        assert_eq!(
            refused(engine.mark_verified(&unknown, &complete())),
            ErrorKind::NotFound
        );
        assert_eq!(
            refused(engine.clear_verified(&unknown)),
            ErrorKind::NotFound
        );
        engine.mark_supports_diff(&open).unwrap();
        engine.set_sync_link(&open, "partner").unwrap();
        let unfinished = engine.mark_verified(&open, &complete());
        assert_eq!(refused(unfinished), ErrorKind::FailedPrecondition);
        engine.end_sync().unwrap();
        for incomplete in [
            Verification {
                generation: String::new(),
                ..complete()
            },
            Verification {
                coverage: Vec::new(),
                ..complete()
            },
            Verification {
                mode: "guess".to_owned(),
                ..complete()
            },
        ] {
            let mark = engine.mark_verified(&open, &incomplete);
            assert_eq!(refused(mark), ErrorKind::InvalidArgument);
        }
        engine.mark_verified(&open, &complete()).unwrap();
        let run = engine.get_sync(&open).unwrap();
        assert!(run.supports_diff && run.verification == complete());
        assert_eq!(run.linked_id, "partner");
        engine.clear_verified(&open).unwrap();
        assert!(!engine.get_sync(&open).unwrap().verification.is_complete());
    });
}

#[test]
fn deleting_a_sync_removes_all_of_it_and_nothing_else() {
    on_many(|bench| {
        let gone = bench.finished(&SyncType::Full, "gone");
        let kept = bench.finished(&SyncType::Full, "kept");
        let current = bench.start(&SyncType::Full);
        let engine = bench.engine();
        engine.session_set(&gone, "", "k", b"v").unwrap();
        engine.session_set(&kept, "", "k", b"v").unwrap();
        assert_eq!(
            refused(engine.delete_sync_run(&current)),
            ErrorKind::FailedPrecondition
        );
        engine.delete_sync_run(&gone).unwrap();
        engine.delete_sync_run(&gone).unwrap();
        assert_eq!(refused(engine.get_sync(&gone)), ErrorKind::NotFound);
        let scope = Scope::Sync(gone.clone());
        assert_eq!(
            refused(engine.get_resource_type(&scope, "gone")),
            ErrorKind::NotFound
        );
        assert_eq!(engine.session_get(&gone, "", "k").unwrap(), None);
        assert_eq!(
            engine.session_get(&kept, "", "k").unwrap(),
            Some(b"v".to_vec())
        );
        engine
            .get_resource_type(&Scope::Sync(kept), "kept")
            .unwrap();
    });
}

#[test]
fn a_deleted_view_reads_nothing_of_others() {
    on_many(|bench| {
        let viewed = bench.finished(&SyncType::Full, "viewed");
        bench.finished(&SyncType::Full, "other");
        let engine = bench.engine();
        engine.view_sync(Some(&viewed)).unwrap();
        engine.delete_sync_run(&viewed).unwrap();
        let read = engine.list_resource_types(&Scope::Default, &PageRequest::default());
        assert_eq!(refused(read), ErrorKind::NotFound);
    });
}

/// Every change marks the store, also one of metadata alone; what changes nothing does not.
#[test]
fn dirty_means_changed() {
    type Change = fn(&Bench, &SyncId);
    let changes: [(&str, Change); 8] = [
        ("link", |bench, id| {
            bench.engine().set_sync_link(id, "x").unwrap();
        }),
        ("supports diff", |bench, id| {
            bench.engine().mark_supports_diff(id).unwrap();
        }),
        ("verify", |bench, id| {
            bench.engine().mark_verified(id, &complete()).unwrap();
        }),
        ("unverify", |bench, id| {
            bench.engine().clear_verified(id).unwrap();
        }),
        ("delete", |bench, id| {
            bench.engine().delete_sync_run(id).unwrap();
        }),
        ("session", |bench, id| {
            bench.engine().session_set(id, "", "k", b"").unwrap();
        }),
        ("put", |bench, id| {
            bench.engine().set_current_sync(id).unwrap();
            bench
                .engine()
                .put_resource_types(&[resource_type("a")])
                .unwrap();
        }),
        ("checkpoint", |bench, id| {
            bench.engine().set_current_sync(id).unwrap();
            bench.engine().checkpoint_sync("t").unwrap();
        }),
    ];
    let harmless: [(&str, Change); 6] = [
        ("view", |bench, id| {
            bench.engine().view_sync(Some(id)).unwrap();
        }),
        ("set current", |bench, id| {
            bench.engine().set_current_sync(id).unwrap();
        }),
        ("delete nothing", |bench, _| {
            bench
                .engine()
                .delete_sync_run(&SyncId::new("no").unwrap())
                .unwrap();
        }),
        ("put nothing", |bench, _| {
            bench.engine().put_grants(&[]).unwrap();
        }),
        ("delete no grant", |bench, id| {
            bench.engine().set_current_sync(id).unwrap();
            bench.engine().delete_grant("no such grant").unwrap();
        }),
        ("clear no session", |bench, id| {
            bench.engine().session_clear(id, "").unwrap();
        }),
    ];
    on_all(|bench| {
        let id = bench.finished(&SyncType::Full, "a");
        for (what, change) in harmless {
            bench.reopen(false);
            change(bench, &id);
            assert!(!bench.engine().is_dirty(), "{what}");
        }
    });
    on_many(|bench| {
        bench.finished(&SyncType::Full, "a");
        bench.reopen(false);
        bench.start(&SyncType::Full);
        assert!(bench.engine().is_dirty(), "start");
    });
    for (what, change) in changes {
        on_all(|bench| {
            let id = bench.finished(&SyncType::Full, "a");
            bench.reopen(false);
            assert!(!bench.engine().is_dirty());
            change(bench, &id);
            assert!(bench.engine().is_dirty(), "{what}");
        });
    }
}

#[test]
fn a_read_only_store_refuses_every_write_and_answers_every_read() {
    on_all(|bench| {
        let id = bench.finished(&SyncType::Full, "a");
        bench.reopen(true);
        let engine = bench.engine();
        engine.set_current_sync(&id).unwrap();
        let refusals = [
            refused(engine.start_new_sync(&SyncType::Full, "")),
            refused(engine.checkpoint_sync("t")),
            refused(engine.end_sync()),
            refused(engine.mark_supports_diff(&id)),
            refused(engine.set_sync_link(&id, "x")),
            refused(engine.mark_verified(&id, &complete())),
            refused(engine.clear_verified(&id)),
            refused(engine.delete_sync_run(&id)),
            refused(engine.put_resource_types(&[resource_type("b")])),
            refused(engine.put_resource_types_if_newer(&[resource_type("b")])),
            refused(engine.delete_grant("g")),
            refused(engine.delete_resource(&crate::harness::at("t", "r"))),
            refused(engine.put_asset("a", "t", &mut b"x".as_slice())),
            refused(engine.session_set(&id, "", "k", b"")),
            refused(engine.session_delete(&id, "", "k")),
            refused(engine.session_clear(&id, "")),
        ];
        assert!(
            refusals.iter().all(|kind| *kind == ErrorKind::ReadOnly),
            "{refusals:?}"
        );
        // Nothing to write is no write.
        engine.put_resource_types(&[]).unwrap();
        engine.get_resource_type(&Scope::Default, "a").unwrap();
        assert!(!engine.is_dirty());
    });
}

#[test]
fn runs_are_listed_in_the_order_of_creation() {
    on_many(|bench| {
        let mut ids = Vec::new();
        for of in [SyncType::Full, SyncType::Partial, SyncType::ResourcesOnly] {
            ids.push(bench.finished(&of, "a"));
        }
        // Clocks may step back; creation order stands.
        bench.clock.go_back(Duration::from_hours(1));
        bench.reopen(false);
        ids.push(bench.finished(&SyncType::Full, "a"));
        let engine = bench.engine();
        let runs = c1z::engine::page::collect_pages(|page| engine.list_sync_runs(page)).unwrap();
        let listed: Vec<SyncId> = runs.iter().map(|run| run.id.clone()).collect();
        assert_eq!(listed, ids);
        let latest = engine.latest_finished_sync(None).unwrap().unwrap();
        assert_eq!(latest.id, ids[2], "by end time, not by creation");
        let full = engine
            .latest_finished_sync(Some(&SyncType::Full))
            .unwrap()
            .unwrap();
        assert_eq!(full.id, ids[0]);
        let previous = engine
            .previous_finished_sync(Some(&SyncType::Full))
            .unwrap();
        assert_eq!(previous, Some(ids[3].clone()));
        let none = engine
            .latest_finished_sync(Some(&SyncType::PartialDeletions))
            .unwrap();
        assert_eq!(none, None);
        assert_eq!(
            engine
                .previous_finished_sync(Some(&SyncType::Partial))
                .unwrap(),
            None
        );
    });
}
