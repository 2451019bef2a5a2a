//! A directory that is written, or was left behind, read by others: by path alone, without changing anything.

use std::sync::Arc;

use c1z::engine::types::{ResourceRef, SyncType};
use c1z::engine::{GrantFilter, PageRequest, PebbleOptions, PebbleStore, Reader, Scope};
use c1z::{ErrorKind, MemoryBudget, OpenOptions};
use c1z_proto::connector::v2;
use shingle::vfs::{Fs, MemFs};

use super::{DIR, files, open_options, options, soon_after};
use testkit::rebuild::Rows;

fn resource(of: &str, id: &str) -> v2::Resource {
    v2::Resource {
        id: Some(v2::ResourceId {
            resource_type: of.to_owned(),
            resource: id.to_owned(),
            ..Default::default()
        })
        .into(),
        ..Default::default()
    }
}

pub(crate) fn grants(from: usize, to: usize) -> Vec<v2::Grant> {
    let entitlement = v2::Entitlement {
        resource: Some(resource("group", "g")).into(),
        id: "group:g:member".to_owned(),
        ..Default::default()
    };
    let grant = |n: usize| v2::Grant {
        entitlement: Some(entitlement.clone()).into(),
        principal: Some(resource("user", &format!("u{n:05}"))).into(),
        ..Default::default()
    };
    (from..to).map(grant).collect()
}

pub(crate) fn store_on(fs: &MemFs) -> PebbleStore {
    let options = options(soon_after(&Rows::new()));
    PebbleStore::create_in(Arc::new(fs.clone()), DIR, options).unwrap()
}

fn count(reader: &dyn Reader, filter: &GrantFilter) -> usize {
    let rows = reader.stream_grants(&Scope::Default, filter).unwrap();
    rows.map(Result::unwrap).count()
}

fn of_user(n: usize) -> GrantFilter {
    GrantFilter {
        principal: Some(ResourceRef::new("user", format!("u{n:05}").as_str())),
        ..GrantFilter::default()
    }
}

#[test]
fn a_directory_is_read_beside_its_writer_and_after_a_crash() {
    let fs = MemFs::new();
    let store = store_on(&fs);
    let engine = store.engine();
    let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let mut options = open_options(&shared);
    options.clock = super::options(soon_after(&Rows::new())).clock;
    for round in 0..6 {
        // Enough for runs, and some of it in the log.
        engine
            .put_grants(&grants(round * 700, round * 700 + 700))
            .unwrap();
        let reader = c1z::open_with(DIR, &options).unwrap();
        assert!(
            reader
                .warnings()
                .iter()
                .any(|text| text.contains("recovery"))
        );
        reader.view(Some(&sync)).unwrap();
        let all = (round + 1) * 700;
        assert_eq!(count(reader.reader(), &GrantFilter::default()), all);
        // By way of an index that no row of the directory belongs to.
        assert_eq!(count(reader.reader(), &of_user(all - 1)), 1);
        assert_eq!(count(reader.reader(), &of_user(all)), 0);
    }
    engine.checkpoint_sync("half").unwrap();
    let crashed = fs.crash_clone();
    let before = files(&crashed, DIR);
    let crashed_fs: Arc<dyn Fs> = Arc::new(crashed.clone());
    let reader = c1z::open_with(
        DIR,
        &OpenOptions {
            fs: crashed_fs,
            ..options.clone()
        },
    )
    .unwrap();
    reader.view(Some(&sync)).unwrap();
    assert_eq!(count(reader.reader(), &of_user(4199)), 1);
    let run = reader.reader().get_sync(&sync).unwrap();
    assert_eq!(run.token, "half");
    assert!(files(&crashed, DIR) == before);

    // A reader of a moment keeps it while the writer seals and removes what it read.
    drop(reader);
    let early = c1z::open_with(DIR, &options).unwrap();
    early.view(Some(&sync)).unwrap();
    engine.put_grants(&grants(4200, 5000)).unwrap();
    engine.end_sync().unwrap();
    assert_eq!(count(early.reader(), &GrantFilter::default()), 4200);
    assert_eq!(count(early.reader(), &of_user(4200)), 0);
    drop(early);
    let sealed = c1z::open_with(DIR, &options).unwrap();
    assert_eq!(sealed.warnings(), [""; 0]);
    assert_eq!(count(sealed.reader(), &of_user(4999)), 1);
}

#[test]
fn indexes_that_do_not_fit_are_refused_or_sorted_in_a_scratch_folder() {
    let fs = MemFs::new();
    let store = store_on(&fs);
    let sync = store.engine().start_new_sync(&SyncType::Full, "").unwrap();
    for round in 0..20 {
        let grants = grants(round * 500, round * 500 + 500);
        store.engine().put_grants(&grants).unwrap();
    }
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let tight = OpenOptions {
        budget: MemoryBudget::new(600 << 10),
        ..open_options(&shared)
    };
    let reader = c1z::open_with(DIR, &tight).unwrap();
    reader.view(Some(&sync)).unwrap();
    assert_eq!(count(reader.reader(), &GrantFilter::default()), 10_000);
    let page = reader
        .reader()
        .list_grants(&Scope::Default, &of_user(7), &PageRequest::default());
    let error = page.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("scratch")));
    fs.create_dir_all(std::path::Path::new("scratch")).unwrap();
    let tight = OpenOptions {
        budget: MemoryBudget::new(600 << 10),
        scratch: Some("scratch".into()),
        ..open_options(&shared)
    };
    let before = files(&fs, DIR);
    let reader = c1z::open_with(DIR, &tight).unwrap();
    reader.view(Some(&sync)).unwrap();
    assert_eq!(count(reader.reader(), &of_user(7)), 1);
    drop(reader);
    assert!(files(&fs, DIR) == before);
    assert!(files(&fs, "scratch").is_empty());
}

#[test]
fn a_closed_store_refuses_every_call() {
    let fs = MemFs::new();
    let store = store_on(&fs);
    let memory = PebbleStore::in_memory(PebbleOptions::default()).unwrap();
    for store in [store, memory] {
        let engine = store.engine();
        let sync = engine.start_new_sync(&SyncType::Full, "").unwrap();
        engine.put_grants(&grants(0, 3)).unwrap();
        let filter = GrantFilter::default();
        let mut stream = engine.stream_grants(&Scope::Default, &filter).unwrap();
        assert!(stream.next().is_some());
        store.close().unwrap();
        store.close().unwrap();
        // A stream holds what it reads.
        assert_eq!(stream.map(Result::unwrap).count(), 2);
        let page = PageRequest::default();
        let refusals = [
            engine.put_grants(&grants(0, 1)).err(),
            engine.put_asset("a", "t", &mut &b"x"[..]).err(),
            engine.delete_grant("a").err(),
            engine.start_new_sync(&SyncType::Full, "").err(),
            engine.resume_sync(None, None).err(),
            engine.set_current_sync(&sync).err(),
            engine.view_sync(Some(&sync)).err(),
            engine.checkpoint_sync("t").err(),
            engine.current_sync_step().err(),
            engine.end_sync().err(),
            engine.delete_sync_run(&sync).err(),
            engine.session_set(&sync, "", "k", b"v").err(),
            engine.session_get(&sync, "", "k").err(),
            engine.list_sync_runs(&page).err(),
            engine.get_sync(&sync).err(),
            engine.list_grants(&Scope::Default, &filter, &page).err(),
            engine.stats(Some(&sync), None).err(),
            store.for_each_row(&mut |_, _| Ok(())).err(),
            store.entitlement_graph(&sync).err(),
            store.set_entitlement_graph(&sync, None).err(),
        ];
        for (at, refusal) in refusals.into_iter().enumerate() {
            let error = refusal.unwrap_or_else(|| panic!("call {at} was not refused"));
            assert_eq!(error.kind(), ErrorKind::Closed, "call {at}: {error}");
        }
        assert!(engine.is_dirty());
    }
}
