//! Writers, readers and the end of a sync in orders that `shuttle` chooses (`shingle::sync`).

use std::sync::Arc;

use c1z_proto::connector::v2;
use shingle::vfs::MemFs;
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, FailurePersistence, Runner, thread};

use super::{grant_ids, named, resource};
use crate::ErrorKind;
use crate::engine::types::SyncType;
use crate::engine::{PageRequest, PebbleOptions, PebbleStore, ResourceFilter, Scope};

/// Stacks of the threads, bytes: tables are written on them.
const STACK_LEN: usize = 2 << 20;

fn explore(test: impl Fn() + Send + Sync + 'static) -> usize {
    let variable = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let mut config = Config::new();
    config.stack_size = STACK_LEN;
    config.failure_persistence = FailurePersistence::None;
    let schedules = variable("C1Z_SCHEDULES", 400);
    let seed = variable("C1Z_SEED", 1) as u64;
    Runner::new(RandomScheduler::new_from_seed(seed, schedules), config).run(test)
}

fn in_memory() -> PebbleStore {
    PebbleStore::in_memory(PebbleOptions::default()).unwrap()
}

fn on_disk() -> PebbleStore {
    let options = PebbleOptions {
        memory_bytes_max: 256 << 10,
        ..PebbleOptions::default()
    };
    PebbleStore::create_in(Arc::new(MemFs::new()), "db", options).unwrap()
}

/// Two writers of grants race the end of the sync: what was accepted is in it, and nothing else.
fn writers_race_the_end(store: PebbleStore) {
    let store = Arc::new(store);
    let sync = store.engine().start_new_sync(&SyncType::Full, "").unwrap();
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                let mut accepted = Vec::new();
                for n in 0..3 {
                    let id = format!("{writer}-{n}");
                    match store.engine().put_grants(&[named(&id, &id)]) {
                        Ok(()) => accepted.push(id),
                        Err(error) => {
                            let ended = [ErrorKind::Sealed, ErrorKind::NoCurrentSync];
                            assert!(ended.contains(&error.kind()), "{error}");
                        }
                    }
                }
                accepted
            })
        })
        .collect();
    store.engine().end_sync().unwrap();
    let mut accepted: Vec<_> = writers
        .into_iter()
        .flat_map(|writer| writer.join().unwrap())
        .collect();
    accepted.sort();
    let mut listed = grant_ids(store.engine());
    listed.sort();
    assert_eq!(listed, accepted);
    let run = store.engine().get_sync(&sync).unwrap();
    assert_eq!(
        run.stats.unwrap().grants,
        i64::try_from(accepted.len()).unwrap()
    );
}

/// A reader beside a writer sees both records of a call or none.
fn a_reader_sees_whole_calls(store: PebbleStore) {
    let store = Arc::new(store);
    store.engine().start_new_sync(&SyncType::Full, "").unwrap();
    let writer = {
        let store = Arc::clone(&store);
        thread::spawn(move || {
            for n in 0..3 {
                let pair = ["a", "b"].map(|id| v2::Resource {
                    display_name: n.to_string(),
                    ..resource("t", id)
                });
                store.engine().put_resources(&pair).unwrap();
            }
        })
    };
    for _ in 0..3 {
        let (filter, page) = (ResourceFilter::default(), PageRequest::default());
        let rows = store
            .engine()
            .list_resources(&Scope::Default, &filter, &page);
        let rows = rows.unwrap().rows;
        let names: Vec<_> = rows.into_iter().map(|row| row.display_name).collect();
        assert!(names.len() == 2 || names.is_empty(), "{names:?}");
        assert!(names.windows(2).all(|pair| pair[0] == pair[1]), "{names:?}");
        thread::yield_now();
    }
    writer.join().unwrap();
    store.engine().end_sync().unwrap();
}

#[test]
fn what_is_accepted_is_in_the_finished_sync() {
    let memory = explore(|| writers_race_the_end(in_memory()));
    let disk = explore(|| writers_race_the_end(on_disk()));
    println!("{memory} schedules in memory, {disk} on disk");
}

#[test]
fn calls_are_seen_whole() {
    let memory = explore(|| a_reader_sees_whole_calls(in_memory()));
    let disk = explore(|| a_reader_sees_whole_calls(on_disk()));
    println!("{memory} schedules in memory, {disk} on disk");
}
