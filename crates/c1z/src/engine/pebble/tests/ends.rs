//! Writers, readers and the end of a sync at the same time (`store-contract` §0.7, §2.6; §8.4 bugs 19, 21).

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use c1z_proto::connector::v2;

use super::{grant, grant_ids, named, resource, resource_type, watched};
use crate::ErrorKind;
use crate::engine::types::{ResourceRef, SyncType};
use crate::engine::{GrantFilter, PageRequest, ResourceFilter, Scope};

/// While a sync ends, writes of records are refused at once, entries of the session store wait, and reads see what was
/// there; afterwards all of it has happened.
#[test]
fn while_a_sync_ends_records_are_refused_and_reads_go_on() {
    let (store, seam) = watched();
    let engine = store.engine();
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&[grant("a")]).unwrap();
    seam.close_gate();
    thread::scope(|scope| {
        let ending = scope.spawn(|| engine.end_sync());
        seam.await_seal();
        let refused = engine.put_grants(&[grant("b")]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Sealed);
        let refused = engine.delete_grant("g").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Sealed);
        let refused = engine
            .put_asset("a", "t", &mut b"x".as_slice())
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Sealed);
        assert_eq!(engine.current_sync(), Some(sync.clone()));
        assert!(!engine.get_sync(&sync).unwrap().is_finished());
        assert_eq!(grant_ids(engine), ["group:g:member:user:a"]);
        let entry = scope.spawn(|| engine.session_set(&sync, "", "k", b"v"));
        seam.open_gate();
        ending.join().unwrap().unwrap();
        entry.join().unwrap().unwrap();
    });
    let run = engine.get_sync(&sync).unwrap();
    assert!(run.is_finished());
    assert_eq!(run.stats.unwrap().grants, 1);
    assert_eq!(
        engine.session_get(&sync, "", "k").unwrap(),
        Some(b"v".to_vec())
    );
    let late = engine.put_grants(&[grant("b")]).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::NoCurrentSync);
}

/// Each of many racing writes is refused, or is in the finished sync: listed, counted, indexed, digested.
#[test]
fn a_write_that_was_accepted_before_the_end_is_part_of_the_sync() {
    const WRITERS: usize = 4;
    for round in 0..8 {
        let (store, _) = watched();
        let engine = store.engine();
        engine.start_new_sync(&SyncType::Full, "").unwrap();
        let accepted: Vec<Vec<String>> = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    scope.spawn(move || {
                        let mut accepted = Vec::new();
                        for n in 0.. {
                            let id = format!("{writer}-{n}");
                            match engine.put_grants(&[named(&id, &id)]) {
                                Ok(()) => accepted.push(id),
                                Err(error) => {
                                    let kind = error.kind();
                                    let ended = [ErrorKind::Sealed, ErrorKind::NoCurrentSync];
                                    assert!(ended.contains(&kind), "{error}");
                                    break;
                                }
                            }
                        }
                        accepted
                    })
                })
                .collect();
            for _ in 0..round * 25 {
                thread::yield_now();
            }
            engine.end_sync().unwrap();
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .collect()
        });
        let mut accepted: Vec<String> = accepted.into_iter().flatten().collect();
        accepted.sort();
        let mut listed = grant_ids(engine);
        listed.sort();
        assert_eq!(listed, accepted);
        let run = engine.latest_finished_sync(None).unwrap().unwrap();
        let count = u64::try_from(run.stats.unwrap().grants).unwrap();
        assert_eq!(count, accepted.len() as u64);
        let digest = engine.grants_digest(&Scope::Default).unwrap().unwrap();
        assert_eq!(digest.count, count);
        for id in &accepted {
            let filter = GrantFilter {
                principal: Some(ResourceRef::new("user", id)),
                ..GrantFilter::default()
            };
            let page = engine.list_grants(&Scope::Default, &filter, &PageRequest::default());
            assert_eq!(page.unwrap().rows.len(), 1, "{id}");
        }
    }
}

/// Readers see whole calls, while one writes and deletes: of the two records of a call both or none.
#[test]
fn readers_see_whole_calls() {
    let (store, _) = watched();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = 0_usize;
                    while !done.load(Ordering::Relaxed) {
                        let filter = ResourceFilter::default();
                        let page = PageRequest::default();
                        let rows = engine.list_resources(&Scope::Default, &filter, &page);
                        let names: Vec<String> = rows
                            .unwrap()
                            .rows
                            .into_iter()
                            .map(|row| row.display_name)
                            .collect();
                        assert!(names.len() == 2 || names.is_empty(), "{names:?}");
                        assert!(names.windows(2).all(|pair| pair[0] == pair[1]), "{names:?}");
                        seen += names.len();
                    }
                    seen
                })
            })
            .collect();
        for n in 0..400 {
            let pair = ["a", "b"].map(|id| v2::Resource {
                display_name: n.to_string(),
                ..resource("t", id)
            });
            engine.put_resources(&pair).unwrap();
            engine.put_resource_types(&[resource_type("t")]).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
