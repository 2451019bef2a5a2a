//! Readers beside a writer, and a view on every surface.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use c1z::archive::{Archive, CleanupOptions};
use c1z::engine::page::collect_pages;
use c1z::engine::types::{EntitlementRef, GrantKey, ResourceRef, SyncType};
use c1z::engine::{EntitlementFilter, GrantFilter, PageRequest, Reader, ResourceFilter, Scope};
use c1z::{ErrorKind, Result};
use shingle::vfs::{Fs, MemFs};

use crate::support::{FOLDER, fill, finished, holders, ids, open, options, runs};

fn reader(fs: &MemFs) -> Archive {
    Archive::open_for_reading(FOLDER, options(Arc::new(fs.clone()), 50)).unwrap()
}

/// The names in everything that a surface returns: resource types and users bear that of their sync.
fn surfaces(engine: &dyn Reader) -> Vec<(&'static str, Result<Vec<String>>)> {
    let scope = Scope::Default;
    let of = EntitlementRef::bare("group:g:member");
    let grants = GrantFilter::default();
    let users = ResourceFilter::default();
    let holder = |row: c1z_proto::connector::v2::Grant| row.principal.id.resource.clone();
    let id = |row: c1z_proto::connector::v2::Resource| row.id.resource.clone();
    let stream = |rows: Result<c1z::engine::reader::Rows<c1z::engine::reader::GrantRow>>| {
        rows?.map(|row| Ok(holder(row?.grant))).collect()
    };
    let of_principal = GrantFilter {
        entitlement_resource: Some(ResourceRef::new("group", "g")),
        ..GrantFilter::default()
    };
    let batch = [of.clone()];
    vec![
        (
            "types",
            collect_pages(|page| engine.list_resource_types(&scope, page))
                .map(|rows| rows.into_iter().map(|row| row.id).collect()),
        ),
        (
            "resources",
            collect_pages(|page| engine.list_resources(&scope, &users, page))
                .map(|rows| rows.into_iter().map(id).collect()),
        ),
        (
            "resource stream",
            engine
                .stream_resources(&scope, &users)
                .and_then(|rows| rows.map(|row| Ok(id(row?))).collect()),
        ),
        (
            "grants",
            collect_pages(|page| engine.list_grants(&scope, &grants, page))
                .map(|rows| rows.into_iter().map(|row| holder(row.grant)).collect()),
        ),
        (
            "grant stream",
            stream(engine.stream_grants(&scope, &grants)),
        ),
        (
            "filtered stream",
            stream(engine.stream_grants(&scope, &of_principal)),
        ),
        (
            "batch",
            collect_pages(|page| engine.list_grants_for_entitlements(&scope, &batch, page))
                .map(|rows| rows.into_iter().map(holder).collect()),
        ),
        (
            "principals",
            collect_pages(|page| engine.list_principals_for_entitlement(&scope, &of, page))
                .map(|rows| rows.into_iter().map(|row| row.resource).collect()),
        ),
    ]
}

/// Surfaces that ask for one row.
fn points(engine: &dyn Reader, name: &str) -> Vec<(&'static str, Result<()>)> {
    let scope = Scope::Default;
    let user = format!("{name}-0");
    let grant = format!("group:g:member:user:{user}");
    let user = ResourceRef::new("user", user);
    let key = GrantKey {
        entitlement: EntitlementRef::bare("group:g:member"),
        principal: user.clone(),
    };
    let found = |count: usize| {
        let none = c1z::Error::new(ErrorKind::NotFound, "none");
        (count > 0).then_some(()).ok_or(none)
    };
    let of_user = GrantFilter {
        principal: Some(user.clone()),
        ..GrantFilter::default()
    };
    let page = PageRequest::default();
    vec![
        ("type", engine.get_resource_type(&scope, name).map(drop)),
        ("resource", engine.get_resource(&scope, &user).map(drop)),
        ("grant", engine.get_grant(&scope, &grant).map(drop)),
        (
            "grant by key",
            engine.get_grant_by_key(&scope, &key).map(drop),
        ),
        (
            "resources by ids",
            engine
                .get_resources_by_ids(&scope, &[user])
                .and_then(|rows| found(rows.len())),
        ),
        (
            "grants by ids",
            engine
                .get_grants_by_ids(&scope, &[grant])
                .and_then(|rows| found(rows.len())),
        ),
        (
            "grants to",
            engine
                .list_grants(&scope, &of_user, &page)
                .and_then(|rows| found(rows.rows.len())),
        ),
    ]
}

#[test]
fn a_view_pins_every_surface() {
    let fs = MemFs::new();
    let archive = open(&fs, 1);
    let engine = archive.engine();
    let names = ["one", "two", "three"];
    let mut syncs = Vec::new();
    for name in names {
        syncs.push(finished(engine, &SyncType::Full, name).unwrap());
    }
    archive.pack(&syncs[0]).unwrap();
    let mut asked = 0;
    for (id, name) in syncs.iter().zip(names) {
        engine.view_sync(Some(id)).unwrap();
        for (surface, rows) in surfaces(engine) {
            let rows = rows.unwrap();
            let is_own = |row: &String| row == "g" || row.starts_with(name);
            assert!(
                !rows.is_empty() && rows.iter().all(is_own),
                "{surface}: {rows:?}"
            );
            asked += 1;
        }
        for other in names {
            for (surface, found) in points(engine, other) {
                let kind = found.err().map(|error| error.kind());
                let wanted = (other != name).then_some(ErrorKind::NotFound);
                assert_eq!(kind, wanted, "{surface} of {other} in {name}");
                asked += 1;
            }
        }
        let entitlements = EntitlementFilter::default();
        let page = PageRequest::default();
        let found = engine.list_entitlements(&Scope::Default, &entitlements, &page);
        assert_eq!(found.unwrap().rows.len(), 1);
    }
    println!("{asked} questions under views");
}

#[test]
fn a_reader_sees_what_was_there_and_changes_nothing() {
    let fs = MemFs::new();
    let archive = open(&fs, 1);
    let engine = archive.engine();
    let done = finished(engine, &SyncType::Full, "done").unwrap();
    let open_sync = engine.start_new_sync(&SyncType::Partial, "").unwrap();
    fill(engine, "open", 5).unwrap();
    engine.session_set(&open_sync, "", "k", b"v").unwrap();
    let names = |fs: &MemFs| {
        let entry = format!("{FOLDER}/000002-{open_sync}");
        let list = |path: &str| fs.list(std::path::Path::new(path)).unwrap();
        (list(FOLDER), list(&entry))
    };
    let before = names(&fs);
    let seen = reader(&fs);
    let reads = seen.engine();
    assert_eq!(ids(reads), [done.clone(), open_sync.clone()]);
    let scope = Scope::Sync(open_sync.clone());
    assert_eq!(holders(reads, &scope).len(), 5);
    // By an index that the writer does not have yet.
    let of_user = GrantFilter {
        principal: Some(ResourceRef::new("user", "open-3")),
        ..GrantFilter::default()
    };
    let found = reads.list_grants(&scope, &of_user, &PageRequest::default());
    assert_eq!(found.unwrap().rows.len(), 1);
    assert_eq!(
        reads.session_get(&open_sync, "", "k").unwrap(),
        Some(b"v".to_vec())
    );
    assert_eq!(names(&fs), before, "a reader writes nothing");
    let refused = reads.start_new_sync(&SyncType::Full, "").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    // What comes later is for later readers.
    fill(engine, "later", 2).unwrap();
    engine.end_sync().unwrap();
    engine.delete_sync_run(&done).unwrap();
    assert_eq!(holders(reads, &scope).len(), 5);
    assert_eq!(ids(reads).len(), 2);
    let later = reader(&fs);
    assert_eq!(ids(later.engine()), [open_sync]);
    assert_eq!(holders(later.engine(), &scope).len(), 7);
    let gone = reads
        .get_resource_type(&Scope::Sync(done), "done")
        .unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

#[test]
fn one_writes_many_read() {
    let fs = MemFs::new();
    let archive = open(&fs, 1);
    let second = Archive::open(FOLDER, options(Arc::new(fs.clone()), 2)).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Busy);
    let stop = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let seen = reader(&fs);
                        for run in runs(seen.engine()) {
                            let of = Scope::Sync(run.id.clone());
                            // What was deleted meanwhile is not found; nothing is ever half there.
                            let rows = seen.engine().stream_grants(&of, &GrantFilter::default());
                            let rows = rows.and_then(Iterator::collect::<Result<Vec<_>>>);
                            match rows {
                                Ok(rows) if run.is_finished() => assert_eq!(rows.len(), 3),
                                Ok(rows) => assert!(rows.is_empty() || rows.len() == 3),
                                Err(error) => assert!(
                                    matches!(error.kind(), ErrorKind::NotFound),
                                    "{error:?}"
                                ),
                            }
                            reads += 1;
                        }
                    }
                    reads
                })
            })
            .collect();
        let written = (0..12).try_for_each(|round| {
            let id = finished(archive.engine(), &SyncType::Full, &format!("r{round}"))?;
            if round % 3 == 0 {
                archive.pack(&id)?;
            }
            archive.cleanup(&CleanupOptions::default()).map(drop)
        });
        stop.store(true, Ordering::Relaxed);
        written.unwrap();
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .sum::<usize>()
    });
    println!("{reads} reads beside a writer");
    assert!(reads > 0);
}

/// Writers of one handle and its end: a write is in the sync or was refused.
#[test]
fn no_write_is_accepted_and_lost_when_a_sync_ends() {
    for round in 0..5 {
        let fs = MemFs::new();
        let archive = open(&fs, round);
        let engine = archive.engine();
        let id = engine.start_new_sync(&SyncType::Full, "").unwrap();
        let started = &AtomicUsize::new(0);
        let accepted: usize = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..3)
                .map(|writer| {
                    scope.spawn(move || {
                        let mut accepted = 0;
                        for number in 0..10_000 {
                            let user = format!("w{writer}-{number}");
                            match engine.put_grants(&[crate::support::grant(&user)]) {
                                Ok(()) => {
                                    accepted += 1;
                                    started.fetch_add(1, Ordering::Relaxed);
                                }
                                Err(error) => {
                                    assert!(
                                        matches!(
                                            error.kind(),
                                            ErrorKind::Sealed | ErrorKind::NoCurrentSync
                                        ),
                                        "{error:?}"
                                    );
                                    break;
                                }
                            }
                        }
                        accepted
                    })
                })
                .collect();
            while started.load(Ordering::Relaxed) < 30 {
                std::thread::yield_now();
            }
            engine.end_sync().unwrap();
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .sum()
        });
        let run = engine.get_sync(&id).unwrap();
        assert_eq!(run.stats.unwrap().grants, i64::try_from(accepted).unwrap());
        assert_eq!(holders(engine, &Scope::Sync(id)).len(), accepted);
    }
}
