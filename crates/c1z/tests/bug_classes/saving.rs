//! What was accepted is in what is saved, however saving goes.

use std::path::Path;
use std::sync::Arc;

use c1z::engine::ids::Ksuids;
use c1z::engine::types::SyncType;
use c1z::engine::{CancelFlag, GrantFilter, PageRequest, PebbleOptions, PebbleStore, Scope};
use c1z::ops::build::{PackOptions, publish_store};
use c1z::ops::convert::{ConvertOptions, convert};
use c1z::{ErrorKind, OpenOptions, Store};
use c1z_proto::connector::v2;
use shingle::vfs::{FaultFs, FaultPlan, Fs, MemFs};
use testkit::chance::SeededEntropy;

const DIR: &str = "live";

fn options() -> PebbleOptions {
    PebbleOptions {
        ids: Arc::new(Ksuids::new(Arc::new(SeededEntropy::seeded(1)))),
        ..PebbleOptions::default()
    }
}

fn pack(fs: &Arc<dyn Fs>, seed: u64) -> PackOptions {
    PackOptions {
        fs: Arc::clone(fs),
        entropy: Arc::new(SeededEntropy::seeded(seed)),
        ..PackOptions::default()
    }
}

pub(crate) fn grant(user: &str) -> v2::Grant {
    let resource = |of_type: &str, id: &str| v2::Resource {
        id: v2::ResourceId {
            resource_type: of_type.into(),
            resource: id.into(),
            ..Default::default()
        }
        .into(),
        ..Default::default()
    };
    v2::Grant {
        id: format!("grant-of-{user}"),
        entitlement: v2::Entitlement {
            id: "group:g:member".into(),
            resource: resource("group", "g").into(),
            ..Default::default()
        }
        .into(),
        principal: resource("user", user).into(),
        ..Default::default()
    }
}

/// A store on disk with an open sync of so many grants.
fn open_sync(fs: &Arc<dyn Fs>, grants: usize) -> PebbleStore {
    let store = PebbleStore::create_in(Arc::clone(fs), DIR, options()).unwrap();
    store.engine().start_new_sync(&SyncType::Full, "").unwrap();
    let grants: Vec<_> = (0..grants).map(|n| grant(&format!("{n:03}"))).collect();
    store.engine().put_grants(&grants).unwrap();
    store
}

fn opened(fs: &Arc<dyn Fs>, path: &str) -> Store {
    let options = OpenOptions {
        fs: Arc::clone(fs),
        ..OpenOptions::default()
    };
    c1z::open_with(path, &options).unwrap()
}

fn grants_of(store: &Store) -> usize {
    let rows = store
        .reader()
        .stream_grants(&Scope::Default, &GrantFilter::default());
    rows.unwrap().map(Result::unwrap).count()
}

#[test]
fn what_only_the_log_holds_is_saved() {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let store = open_sync(&fs, 30);
    publish_store(&store, Path::new("open.c1z"), &pack(&fs, 2)).unwrap();
    assert_eq!(grants_of(&opened(&fs, "open.c1z")), 30);
    // The store goes without an end; nothing but its log holds the rows.
    drop(store);
    let logs = fs.list(Path::new(DIR)).unwrap();
    let is_log = |name: &String| Path::new(name).extension().is_some_and(|of| of == "log");
    assert!(logs.iter().any(is_log), "{logs:?}");
}

#[test]
fn a_directory_whose_log_is_not_empty_is_refused_until_it_is_sealed() {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    drop(open_sync(&fs, 30));
    let options = ConvertOptions {
        fs: Arc::clone(&fs),
        entropy: Arc::new(SeededEntropy::seeded(3)),
        ..ConvertOptions::default()
    };
    let refused = convert(DIR, "out.c1z", &options).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert!(refused.to_string().contains("seal it"), "{refused}");
    assert!(fs.metadata(Path::new("out.c1z")).is_err());

    let store = PebbleStore::open_in(Arc::clone(&fs), DIR, self::options()).unwrap();
    store.engine().resume_sync(None, None).unwrap();
    store.engine().end_sync().unwrap();
    drop(store);
    convert(DIR, "out.c1z", &options).unwrap();
    assert_eq!(grants_of(&opened(&fs, "out.c1z")), 30);
}

#[test]
fn saving_at_once_from_two_threads_saves_once() {
    for round in 0..20 {
        let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
        let store = open_sync(&fs, 40);
        store.engine().end_sync().unwrap();
        let (store, fs) = (&store, &fs);
        let kinds: Vec<_> = std::thread::scope(|scope| {
            let save = |seed| {
                move || {
                    let saved = publish_store(store, Path::new("out.c1z"), &pack(fs, seed));
                    // Whoever returns finds the file whole.
                    assert_eq!(grants_of(&opened(fs, "out.c1z")), 40);
                    saved.map(drop).map_err(|error| error.kind())
                }
            };
            let threads = [
                scope.spawn(save(10 + round)),
                scope.spawn(save(100 + round)),
            ];
            threads.map(|thread| thread.join().unwrap()).into()
        });
        let saved = kinds.iter().filter(|kind| kind.is_ok()).count();
        assert_eq!(saved, 1, "{kinds:?}");
        assert!(kinds.contains(&Err(ErrorKind::AlreadyExists)), "{kinds:?}");
    }
}

#[test]
fn a_cancelled_end_or_save_loses_nothing() {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let cancel = CancelFlag::new();
    let options = PebbleOptions {
        cancel: cancel.clone(),
        ..options()
    };
    let store = PebbleStore::create_in(Arc::clone(&fs), DIR, options).unwrap();
    let engine = store.engine();
    engine.start_new_sync(&SyncType::Full, "").unwrap();
    engine.put_grants(&[grant("a"), grant("b")]).unwrap();
    cancel.raise();
    assert_eq!(engine.end_sync().unwrap_err().kind(), ErrorKind::Cancelled);
    cancel.lower();
    engine.end_sync().unwrap();
    // A finished sync is saved although the caller gave up: nobody would do it later.
    cancel.raise();
    publish_store(&store, Path::new("out.c1z"), &pack(&fs, 2)).unwrap();
    let saved = opened(&fs, "out.c1z");
    assert_eq!(grants_of(&saved), 2);
    let run = saved.reader().latest_finished_sync(None).unwrap();
    assert!(run.is_some_and(|run| run.is_finished()));
}

#[test]
fn a_store_that_is_dropped_keeps_what_it_accepted() {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let store = open_sync(&fs, 30);
    assert!(store.engine().is_dirty());
    drop(store);
    let store = PebbleStore::open_in(Arc::clone(&fs), DIR, options()).unwrap();
    let page = store.engine().list_grants(
        &Scope::Default,
        &GrantFilter::default(),
        &PageRequest::default(),
    );
    assert_eq!(page.unwrap().rows.len(), 30);
    store.engine().resume_sync(None, None).unwrap();
    store.engine().end_sync().unwrap();
}

#[test]
fn a_save_that_failed_at_any_operation_succeeds_when_repeated() {
    let mut failures = 0;
    for k in 0.. {
        let mem = MemFs::new();
        let healthy: Arc<dyn Fs> = Arc::new(mem.clone());
        let store = PebbleStore::in_memory(options()).unwrap();
        store.engine().start_new_sync(&SyncType::Full, "").unwrap();
        store.engine().put_grants(&[grant("a")]).unwrap();
        store.engine().end_sync().unwrap();
        let plan = FaultPlan::parse(&format!("fail any {k}")).unwrap();
        let counts = Arc::new(FaultFs::new(Arc::new(mem.clone()), plan));
        let faulty: Arc<dyn Fs> = Arc::clone(&counts) as Arc<dyn Fs>;
        let first = publish_store(&store, Path::new("out.c1z"), &pack(&faulty, 5));
        if counts.faults() == 0 {
            first.unwrap();
            break;
        }
        if first.is_err() && mem.metadata(Path::new("out.c1z")).is_err() {
            failures += 1;
            // The same names are drawn again: what the first attempt left is in nobody's way.
            publish_store(&store, Path::new("out.c1z"), &pack(&healthy, 5)).unwrap();
        }
        assert_eq!(grants_of(&opened(&healthy, "out.c1z")), 1, "operation {k}");
    }
    println!("{failures} failed saves repeated");
    assert!(failures > 10, "{failures}");
}
