//! One database, many threads.

use std::thread;

use super::*;

fn is_shareable<T: Send + Sync + 'static>() {}
fn is_sendable<T: Send + 'static>() {}

#[test]
fn handles_are_shared_and_scans_are_sent_between_threads() {
    is_shareable::<Database>();
    is_shareable::<Snapshot>();
    is_shareable::<Value>();
    is_sendable::<Scan>();
}

#[test]
fn threads_read_the_same_rows_through_two_open_tables() {
    let case = "db-manifest-rotated";
    let options = ReadOptions {
        tables_open_max: 2,
        ..ReadOptions::default()
    };
    let database = Database::open_sealed(Arc::new(golden_db(case)), "", options).unwrap();
    let expected = golden_rows(case);
    thread::scope(|scope| {
        for reader in 0..8_usize {
            let (database, expected) = (database.clone(), &expected);
            scope.spawn(move || {
                for round in 0..5 {
                    if (reader + round) % 2 == 0 {
                        assert_eq!(&rows(&database, Bounds::all()).unwrap(), expected);
                    } else {
                        for (key, value) in expected {
                            let found = database.get(key).unwrap();
                            assert_eq!(found.as_deref(), Some(&value[..]));
                        }
                    }
                }
            });
        }
    });
    let counters = database.counters();
    assert_eq!(counters.scans, 20);
    assert_eq!(counters.rows, 20 * expected.len() as u64);
    assert_eq!(counters.gets, 20 * expected.len() as u64);
}

#[test]
fn a_value_outlives_its_database() {
    let database = open(&golden_db("db-wal-several")).unwrap();
    let rows = golden_rows("db-wal-several");
    let values: Vec<_> = rows
        .iter()
        .map(|(key, _)| database.get(key).unwrap())
        .collect();
    let snapshot = database.snapshot();
    drop(database);
    for ((key, expected), value) in rows.iter().zip(values) {
        assert_eq!(value.as_deref(), Some(&expected[..]));
        assert_eq!(snapshot.get(key).unwrap().as_deref(), Some(&expected[..]));
    }
    let mut scan = snapshot.scan(Bounds::all(), ScanOptions::default());
    drop(snapshot);
    assert_eq!(
        scan.next().unwrap().map(|(key, _)| key),
        Some(&rows[0].0[..])
    );
}
