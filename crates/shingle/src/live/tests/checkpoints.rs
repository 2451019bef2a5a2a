//! What is written depends on what was accepted, not on how; and databases of the reference
//! implementation are written on.

use super::*;
use crate::bulk::{BulkBuilder, BulkOptions};
use crate::testing::{golden_cases, golden_points, golden_tar};
use crate::{ErrorKind, manifest::Level};

fn fill(database: &LiveDatabase, rows: u64) -> Rows {
    let mut model = Rows::new();
    for n in 0..rows {
        let key = format!("p{:04}", n.wrapping_mul(7919) % 5000).into_bytes();
        let row = value(n.to_le_bytes()[0] % 5, n.to_le_bytes()[0] % 7, n);
        database.commit(batch(|b| b.set(&key, &row))).unwrap();
        model.insert(key, row);
    }
    model
}

fn files(fs: &MemFs, dir: &str) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let bytes = fs.read(Path::new(dir).join(&name)).unwrap();
        (name, bytes)
    };
    names(fs, dir).into_iter().map(read).collect()
}

#[test]
fn an_exchange_checkpoint_has_the_bytes_of_a_bulk_build() {
    let fs = MemFs::new();
    let mut builder = None;
    let options = [
        small(),
        LiveOptions {
            write_buffer_bytes: 1 << 14,
            durability: Durability::None,
            threads: 2,
            compaction: CompactionPolicy::default(),
            ..small()
        },
    ];
    for (at, options) in options.into_iter().enumerate() {
        let dir = format!("live-{at}");
        let database = LiveDatabase::create(Arc::new(fs.clone()), &dir, options.clone()).unwrap();
        let rows = with_derived(&fill(&database, 300));
        let built = builder.get_or_insert_with(|| {
            let bulk = BulkOptions {
                memory_bytes: 1 << 20,
                ..options.bulk()
            };
            let mut builder = BulkBuilder::new(Arc::new(fs.clone()), "bulk", bulk).unwrap();
            for (key, value) in &rows {
                builder.add(key, value).unwrap();
            }
            builder.finish().unwrap();
            files(&fs, "bulk")
        });
        let exchange = format!("exchange-{at}");
        database.checkpoint_exchange(Path::new(&exchange)).unwrap();
        assert!(files(&fs, &exchange) == *built, "the bytes differ");
        // A seal writes the same tables; an exchange of it links them.
        database.seal(Batch::new()).unwrap();
        let linked = format!("linked-{at}");
        database.checkpoint_exchange(Path::new(&linked)).unwrap();
        assert!(files(&fs, &linked) == *built, "the bytes differ");
        let again = database
            .checkpoint_exchange(Path::new(&linked))
            .unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn golden_databases_are_written_on_and_sealed() {
    let mut written = 0;
    let is_sound = |case: &String| !case.starts_with("db-corrupt");
    for case in golden_cases("pebble", "db-").into_iter().filter(is_sound) {
        let fs = golden_tar(&format!("pebble/{case}/db.tar.gz"));
        let options = LiveOptions {
            deriver: None,
            sections: vec![b"k".to_vec()],
            ..small()
        };
        let database = match LiveDatabase::open(Arc::new(fs.clone()), "", options) {
            Ok(database) => database,
            Err(error) => {
                let kind = error.kind();
                assert_ne!(case, "db-wal-flushable-ingest", "{error}");
                let refused = [ErrorKind::Unsupported, ErrorKind::Corrupt];
                assert!(refused.contains(&kind), "{case}: {error}");
                continue;
            }
        };
        let all = || {
            let mut scan = database
                .scan(Bounds::all(), ScanOptions::default())
                .unwrap();
            let mut rows = Rows::new();
            while let Some((key, value)) = scan.next()? {
                rows.insert(key.to_vec(), value.to_vec());
            }
            Ok::<_, Error>(rows)
        };
        let mut expected: Rows = golden_points(&format!("pebble/{case}/kv.ndjson.gz"))
            .into_iter()
            .collect();
        match all() {
            Ok(rows) => assert!(rows == expected, "{case}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{case}: {error}");
                continue;
            }
        }
        let first = expected.keys().next().cloned();
        let edit = batch(|b| {
            b.set(b"written on", b"yes")?;
            first.iter().try_for_each(|key| b.delete(key))
        });
        database.commit(edit).unwrap();
        expected.remove(&first.unwrap_or_default());
        expected.insert(b"written on".to_vec(), b"yes".to_vec());
        database.flush().unwrap();
        assert!(all().unwrap() == expected, "{case}");
        database.seal(Batch::new()).unwrap();
        let version = database.version();
        assert!(
            version
                .tables()
                .all(|(level, table)| level == Level::L6 && !table.is_virtual())
        );
        assert!(version.backings().is_empty(), "{case}");
        assert!(sealed_rows(&fs, "") == expected, "{case}");
        written += 1;
    }
    assert!(written > 10, "{written}");
}

#[test]
fn a_recovery_checkpoint_does_not_change_with_its_origin() {
    let fs = MemFs::new();
    let database = create(&fs, small());
    let rows = fill(&database, 50);
    database.checkpoint_recovery(Path::new("copy")).unwrap();
    let before = files(&fs, "copy");
    fill(&database, 400);
    database.seal(Batch::new()).unwrap();
    assert!(files(&fs, "copy") == before);
    let error = database.checkpoint_recovery(Path::new("copy")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(files(&fs, "copy") == before);
    let copy = LiveDatabase::open(Arc::new(fs.crash_clone()), "copy", small()).unwrap();
    assert_eq!(plain_rows(&copy), rows);
    assert_eq!(copy.deferred(), [true, true, false]);
}
