//! Orders of threads that a machine hardly ever shows: `shuttle` runs them one at a time and decides
//! at each lock, counter and wait who goes on. A schedule in which nobody can go on is a failure.
//!
//! `C1Z_SCHEDULES` is the number of schedules of each test, half of them at random, half with few
//! changes of priority; `C1Z_SEED` is where they begin.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, FailurePersistence, Runner, thread};

use super::*;
use crate::sync::canary;

/// Changes of priority of a schedule of the second half.
const CHANGES: usize = 4;
/// A buffer that two batches fill, and one that all of a test do not; bytes.
const BUFFER_SMALL: usize = 4096;
const BUFFER_LARGE: usize = 1 << 16;
const VALUE_LEN: usize = 1100;
/// Stacks of the threads, bytes: tables are written on them.
const STACK_LEN: usize = 1 << 20;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Runs `test` in many schedules; returns how many.
fn explore(test: impl Fn() + Send + Sync + 'static) -> usize {
    let test = Arc::new(test);
    let schedules = usize::try_from(variable("C1Z_SCHEDULES", 600)).unwrap();
    let seed = variable("C1Z_SEED", 1);
    let mut config = Config::new();
    config.stack_size = STACK_LEN;
    config.failure_persistence = FailurePersistence::None;
    let random = RandomScheduler::new_from_seed(seed, schedules / 2);
    let again = Arc::clone(&test);
    let mut run = Runner::new(random, config.clone()).run(move || again());
    let few = PctScheduler::new_from_seed(seed, CHANGES, schedules / 2);
    run += Runner::new(few, config).run(move || test());
    run
}

fn options(background: bool, write_buffer_bytes: usize) -> LiveOptions {
    LiveOptions {
        compaction: CompactionPolicy {
            fan_in: 2,
            background,
        },
        deriver: None,
        write_buffer_bytes,
        ..small()
    }
}

/// Two rows that belong together.
fn pair(writer: u8, n: u8) -> Batch {
    batch(|b| {
        for half in [b'a', b'z'] {
            b.set(&[b'p', half, writer], &[&[n][..], &[0; VALUE_LEN]].concat())?;
        }
        Ok(())
    })
}

/// What a snapshot says of each writer: both rows of a pair, or none.
fn whole_pairs(snapshot: &LiveSnapshot, writers: u8) -> Vec<Option<u8>> {
    let of = |half, writer| {
        let value = snapshot.get(&[b'p', half, writer]).unwrap();
        value.map(|value| value[0])
    };
    let both = |writer| {
        let (a, z) = (of(b'a', writer), of(b'z', writer));
        assert_eq!(a, z, "half of a batch of writer {writer}");
        a
    };
    (0..writers).map(both).collect()
}

/// Two writers, a reader, and whatever `beside` does at the same time.
fn writers_and_a_reader(options: LiveOptions, beside: fn(&LiveDatabase)) {
    const BATCHES: u8 = 4;
    let fs = MemFs::new();
    let database = create(&fs, options);
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let database = database.clone();
            thread::spawn(move || {
                let commits = (0..BATCHES).map(|n| database.commit(pair(writer, n)).unwrap());
                commits.map(|seq| seq.0).collect::<Vec<_>>()
            })
        })
        .collect();
    let reader = {
        let database = database.clone();
        thread::spawn(move || {
            let mut last = vec![None; 2];
            for _ in 0..3 {
                let seen = whole_pairs(&database.snapshot(), 2);
                let newer = seen.iter().zip(&last).all(|(seen, last)| seen >= last);
                assert!(newer, "{seen:?} after {last:?}");
                last = seen;
                thread::yield_now();
            }
        })
    };
    beside(&database);
    let numbers: Vec<_> = writers
        .into_iter()
        .flat_map(|writer| writer.join().unwrap())
        .collect();
    reader.join().unwrap();
    let distinct: BTreeSet<_> = numbers.iter().collect();
    assert_eq!(
        distinct.len(),
        numbers.len(),
        "a sequence number twice: {numbers:?}"
    );
    let last = Some(BATCHES - 1);
    assert_eq!(whole_pairs(&database.snapshot(), 2), [last; 2]);
    database.check_levels().unwrap();
    database.seal(Batch::new()).unwrap();
    database.close().unwrap();
    assert_eq!(sealed_rows(&fs, "db").len(), 4);
}

#[test]
fn writers_race_a_seal() {
    let run = explore(|| {
        writers_and_a_reader(options(false, BUFFER_LARGE), |database| {
            database.seal(Batch::new()).unwrap();
        });
    });
    println!("{run} schedules of two writers, a reader and a seal");
}

#[test]
fn readers_go_on_while_runs_are_written_and_merged() {
    let run = explore(|| writers_and_a_reader(options(true, BUFFER_SMALL), |_| {}));
    println!("{run} schedules of two writers, a reader and the background thread");
}

#[test]
fn a_seal_waits_for_the_background_thread() {
    let run = explore(|| {
        writers_and_a_reader(options(true, BUFFER_SMALL), |database| {
            database.seal(Batch::new()).unwrap();
        });
    });
    println!("{run} schedules of two writers, a reader, the background thread and a seal");
}

#[test]
fn flushes_barriers_and_compactions_stand_in_nobodys_way() {
    let run = explore(|| {
        writers_and_a_reader(options(true, BUFFER_SMALL), |database| {
            database.flush().unwrap();
            database.barrier().unwrap();
            database.compact_range(&Bounds::all()).unwrap();
        });
    });
    println!("{run} schedules of two writers, a reader, flush, barrier and compaction");
}

#[test]
fn an_old_snapshot_stays_as_it_was() {
    let run = explore(|| {
        let fs = MemFs::new();
        let database = create(&fs, options(true, BUFFER_SMALL));
        database.commit(pair(0, 7)).unwrap();
        let old = database.snapshot();
        let writer = {
            let database = database.clone();
            thread::spawn(move || {
                for n in 0..4 {
                    database.commit(pair(0, n)).unwrap();
                }
                database.seal(Batch::new()).unwrap();
            })
        };
        assert_eq!(whole_pairs(&old, 1), [Some(7)]);
        writer.join().unwrap();
        assert_eq!(whole_pairs(&old, 1), [Some(7)]);
        assert_eq!(whole_pairs(&database.snapshot(), 1), [Some(3)]);
    });
    println!("{run} schedules of a writer, a seal and an old snapshot");
}

#[test]
fn a_planted_race_is_found() {
    canary::plant(true);
    let found = catch_unwind(AssertUnwindSafe(|| {
        explore(|| writers_and_a_reader(options(false, BUFFER_LARGE), |_| {}))
    }));
    canary::plant(false);
    let panic = found.expect_err("batches that share sequence numbers were not noticed");
    let words = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    println!("found: {words}");
    let expected = [
        "a sequence number twice",
        "half of a batch",
        "after",
        "left == right",
    ];
    assert!(expected.iter().any(|part| words.contains(part)), "{words}");
}
