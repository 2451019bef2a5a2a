//! Readers beside a writer: every read sees whole batches, and never an older state than before.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

const KEYS: u8 = 20;
const BATCHES: u64 = 400;

fn options() -> LiveOptions {
    LiveOptions {
        compaction: CompactionPolicy {
            fan_in: 3,
            background: true,
        },
        deriver: None,
        ..small()
    }
}

/// The number that all keys of a snapshot hold.
fn number_of(snapshot: &LiveSnapshot) -> Option<u64> {
    let scan = snapshot
        .scan(Bounds::prefix(b"p"), ScanOptions::default())
        .unwrap();
    let rows = collect(scan);
    let mut numbers = rows
        .values()
        .map(|value| u64::from_le_bytes(*value.first_chunk().unwrap()));
    let first = numbers.next()?;
    assert_eq!(rows.len(), usize::from(KEYS));
    assert!(numbers.all(|number| number == first), "a batch in parts");
    let got = snapshot.get(&[b'p', KEYS - 1]).unwrap().unwrap();
    assert_eq!(got.first_chunk(), Some(&first.to_le_bytes()));
    Some(first)
}

#[test]
fn readers_see_whole_batches_in_order_while_runs_come_and_go() {
    let fs = MemFs::new();
    let database = create(&fs, options());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (mut last, mut reads) = (None, 0_u64);
                while !done.load(Ordering::Relaxed) || reads < 20 {
                    let number = number_of(&database.snapshot());
                    assert!(number >= last, "{number:?} after {last:?}");
                    last = number;
                    reads += 1;
                }
            });
        }
        for n in 0..BATCHES {
            let written = batch(|b| {
                b.delete_range(b"p", b"q")?;
                (0..KEYS).try_for_each(|key| {
                    b.set(&[b'p', key], &[&n.to_le_bytes()[..], &[0; 60]].concat())
                })
            });
            database.commit(written).unwrap();
            if n % 100 == 50 {
                database.compact_range(&Bounds::all()).unwrap();
            }
            if n % 150 == 100 {
                database.seal(Batch::new()).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(number_of(&database.snapshot()), Some(BATCHES - 1));
    assert!(database.metrics().spills > 20);
    assert_eq!(database.close().map_err(|e| e.kind()), Ok(()));
}

#[test]
fn writers_on_many_threads_are_each_accepted_once() {
    let fs = MemFs::new();
    let database = create(&fs, options());
    thread::scope(|scope| {
        for writer in 0..4_u8 {
            let database = &database;
            scope.spawn(move || {
                for n in 0..100_u8 {
                    let key = [b'p', writer, n];
                    database.commit(batch(|b| b.set(&key, &[0; 100]))).unwrap();
                    assert!(database.get(&key).unwrap().is_some());
                }
            });
        }
    });
    assert_eq!(plain_rows(&database).len(), 400);
    database.check_levels().unwrap();
    database.close().unwrap();
    assert_eq!(plain_rows(&create(&fs, options())).len(), 400);
}
