//! What is built: opens, holds what went in, in the shape that was asked for, the same bytes always.

use super::*;
use crate::manifest::{FileName, Level};
use crate::{ErrorKind, Result};

fn small_tables() -> BulkOptions {
    BulkOptions {
        table_bytes: 8 << 10,
        block_len: 1 << 10,
        sections: vec![vec![0], b"group".to_vec(), b"user".to_vec()],
        sync: false,
        ..BulkOptions::default()
    }
}

fn build(
    fs: &Arc<dyn Fs>,
    rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    options: &BulkOptions,
) -> Result<BuiltDatabase> {
    let mut builder = BulkBuilder::new(Arc::clone(fs), "db", options.clone())?;
    for (key, value) in rows {
        builder.add(&key, &value)?;
    }
    builder.finish()
}

#[test]
fn a_database_holds_what_went_in_and_the_same_bytes_always() {
    let rows = odd_rows(2, 12_000);
    let expected: Rows = rows.iter().cloned().collect();
    let mut first = None;
    for (threads, memory_bytes, sync, verify) in [
        (1, 0, false, false),
        (2, 1 << 20, true, true),
        (8, 64 << 20, false, true),
        (3, 200 << 10, true, false),
    ] {
        let options = BulkOptions {
            memory_bytes,
            threads,
            verify,
            sync,
            ..small_tables()
        };
        let (mem, fs) = mem();
        let built = build(&fs, rows.clone(), &options).unwrap();
        assert!(
            rows_of(Arc::clone(&fs), "db")
                .unwrap()
                .into_iter()
                .eq(expected.clone())
        );
        let files = files(&mem, "db");
        let listed = built.files.iter().map(|(name, len)| (name.clone(), *len));
        assert!(
            listed.eq(files
                .iter()
                .map(|(name, bytes)| (name.clone(), bytes.len() as u64)))
        );
        let hashes = files
            .values()
            .map(|bytes| crate::checksum::FileHash::of(bytes));
        assert!(hashes.eq(built.hashes.iter().copied()));
        assert_eq!(built.rows, expected.len() as u64);
        let raw_bytes = expected
            .iter()
            .map(|(k, v)| k.len() + v.len())
            .sum::<usize>();
        assert_eq!(built.raw_bytes, raw_bytes as u64);
        let first = first.get_or_insert_with(|| files.clone());
        assert!(
            *first == files,
            "threads {threads} memory {memory_bytes} sync {sync}"
        );
    }
    let ascending = BulkOptions {
        order: InputOrder::Ascending,
        ..small_tables()
    };
    let (mem, fs) = mem();
    build(&fs, expected, &ascending).unwrap();
    assert!(first.unwrap() == files(&mem, "db"), "ascending input");
}

#[test]
fn tables_end_at_boundaries_and_have_about_one_length() {
    let (_, fs) = mem();
    let rows: Vec<_> = odd_rows(5, 60_000);
    let options = small_tables();
    let built = build(&fs, rows, &options).unwrap();
    assert!(built.tables.len() > 60);
    for table in &built.tables {
        for boundary in &options.sections {
            let crosses = table.smallest.user < *boundary && table.largest.user >= *boundary;
            assert!(!crosses, "{table:?} crosses {boundary:?}");
        }
        assert!(table.size < 4 * options.table_bytes, "{}", table.size);
    }
    let near = |size: u64| (options.table_bytes / 2..2 * options.table_bytes).contains(&size);
    let fitting = built.tables.iter().filter(|table| near(table.size)).count();
    assert!(
        fitting * 10 >= built.tables.len() * 8,
        "{fitting} of {}",
        built.tables.len()
    );
    let database = Database::open_sealed(fs, "db", ReadOptions::default()).unwrap();
    assert_eq!(
        database.version().level(Level::L6).len(),
        built.tables.len()
    );
    assert_eq!(database.next_seq(), crate::key::SeqNo::FIRST);
}

#[test]
fn a_database_without_rows_opens() {
    for order in [InputOrder::Any, InputOrder::Ascending] {
        let (_, fs) = mem();
        let options = BulkOptions {
            order,
            ..small_tables()
        };
        let built = build(&fs, [], &options).unwrap();
        assert_eq!(
            (built.rows, built.tables.len(), built.files.len()),
            (0, 0, 4)
        );
        assert_eq!(rows_of(fs, "db").unwrap(), []);
    }
}

#[test]
fn rows_out_of_promised_order_are_refused() {
    let options = BulkOptions {
        order: InputOrder::Ascending,
        table_bytes: 1,
        sections: vec![b"m".to_vec()],
        ..small_tables()
    };
    for keys in [["b", "a"], ["a", "a"], ["n", "a"], ["n", "n"], ["n", "m"]] {
        let (_, fs) = mem();
        let rows = keys.map(|key| (key.as_bytes().to_vec(), Vec::new()));
        let error = build(&fs, rows, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{keys:?}");
        assert!(error.to_string().contains("out of order"), "{error}");
        assert_eq!(fs.list(Path::new("db")).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_directory_that_holds_a_database_is_refused() {
    let (_, fs) = mem();
    build(&fs, odd_rows(1, 10), &small_tables()).unwrap();
    let error = BulkBuilder::new(fs, "db", small_tables()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn options_out_of_range_are_refused() {
    let bad = [
        BulkOptions {
            sections: vec![b"b".to_vec(), b"a".to_vec()],
            ..BulkOptions::default()
        },
        BulkOptions {
            table_bytes: 0,
            ..BulkOptions::default()
        },
        BulkOptions {
            duplicates: Duplicates::KeepAll,
            ..BulkOptions::default()
        },
    ];
    for options in bad {
        let error = BulkBuilder::new(mem().1, "db", options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn sections_may_be_finished_in_any_order_but_not_overlap() {
    let (_, fs) = mem();
    let database = DatabaseWriter::create(Arc::clone(&fs), "db", small_tables()).unwrap();
    let section = |keys: [&str; 2]| {
        let mut section = database.section();
        for key in keys {
            section.add(key.as_bytes(), b"v").unwrap();
        }
        section.finish().unwrap()
    };
    let sections = vec![
        section(["x", "y"]),
        section(["a", "b"]),
        section(["c", "d"]),
    ];
    let overlapping = vec![section(["a", "c"]), section(["b", "d"])];
    let built = database.finish(sections).unwrap();
    let numbers: Vec<_> = built.tables.iter().map(|table| table.number.0).collect();
    assert_eq!(numbers, [3, 4, 5]);
    let names = fs.list(Path::new("db")).unwrap();
    let tables = names.iter().map(|name| FileName::parse(name));
    let tables = tables
        .filter(|name| matches!(name, FileName::Table(_)))
        .count();
    assert_eq!(tables, 3);

    let database = DatabaseWriter::create(Arc::clone(&fs), "other", small_tables()).unwrap();
    let error = database.finish(overlapping).unwrap_err();
    assert!(error.to_string().contains("overlap"), "{error}");
    assert_eq!(fs.list(Path::new("other")).unwrap(), Vec::<String>::new());
}
