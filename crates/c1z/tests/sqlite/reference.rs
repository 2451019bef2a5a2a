//! Contract: databases of shapes that golden files lack are read as SQLite reads them, and what is
//! not read is refused by name.
//!
//! Mechanics: the files of `testdata/sqlite`, made by SQLite; its README says what each is for.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use c1z::sqlite_file::{
    CheckOptions, Database, DefaultValue, ObjectKind, Predicate, ReadOptions, Value, fuzz,
};
use serde_json::Value as Json;
use shingle::ErrorKind;
use shingle::vfs::MemFile;
use testkit::golden::read_file;

use crate::golden::{check_all_indexes, check_index, values};
use crate::support::open;

pub(crate) const NAMES: [&str; 9] = [
    "altered",
    "autovacuum",
    "deleted",
    "large_pages",
    "others",
    "reserved",
    "types",
    "wal",
    "wide",
];

fn unzip(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/sqlite")
        .join(name);
    let packed = read_file(&path).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// The bytes of one of the databases.
pub(crate) fn database(name: &str) -> Vec<u8> {
    unzip(&format!("{name}.db.gz"))
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

/// A value in the notation of `make.py`.
fn from_json(json: &Json) -> Value<'static> {
    match json {
        Json::Null => Value::Null,
        Json::Number(number) => Value::Integer(number.as_i64().unwrap()),
        Json::String(text) => Value::text(text).into_owned(),
        Json::Object(object) => {
            let (key, value) = object.iter().next().unwrap();
            let text = value.as_str().unwrap();
            match key.as_str() {
                "blob_hex" => Value::Blob(from_hex(text).into()),
                "text_hex" => Value::Text(from_hex(text).into()),
                "real" => Value::Real(text.parse().unwrap()),
                other => panic!("notation {other}"),
            }
        }
        other => panic!("notation {other}"),
    }
}

/// The lines of a dump: table, rowid, values.
fn dump(name: &str) -> Vec<(String, i64, Vec<Value<'static>>)> {
    let text = String::from_utf8(unzip(&format!("{name}.rows.ndjson.gz"))).unwrap();
    text.lines()
        .map(|line| {
            let line: Json = serde_json::from_str(line).unwrap();
            let values = line["values"]
                .as_array()
                .unwrap()
                .iter()
                .map(from_json)
                .collect();
            let table = line["table"].as_str().unwrap().to_owned();
            (table, line["rowid"].as_i64().unwrap(), values)
        })
        .collect()
}

/// Compares all rows of the tables that are read; returns the tables that are not.
fn compare_rows(name: &str, database: &Database) -> BTreeSet<String> {
    let mut unread = BTreeSet::new();
    let dump = dump(name);
    for object in database.schema().objects() {
        if object.kind != ObjectKind::Table {
            continue;
        }
        let Ok(table) = database.table(&object.name) else {
            unread.insert(object.name.clone());
            continue;
        };
        let mut rows = table.unwrap().scan(..);
        for (_, rowid, want) in dump.iter().filter(|(table, ..)| *table == object.name) {
            let row = rows.next().unwrap().expect("a row");
            assert_eq!(row.rowid(), *rowid, "{name} {}", object.name);
            let found: Vec<_> = (0..want.len()).map(|i| row.get(i).unwrap()).collect();
            assert_eq!(found, *want, "{name} {} {rowid}", object.name);
            assert!(row.get(want.len()).is_err(), "one column more");
        }
        assert!(rows.next().unwrap().is_none(), "{name} {}", object.name);
    }
    unread
}

#[test]
fn rows_and_indexes_equal_those_of_sqlite() {
    for name in NAMES {
        let database = open(&database(name)).unwrap();
        let unread = compare_rows(name, &database);
        if name != "others" {
            assert!(unread.is_empty(), "{name}: {unread:?}");
            check_all_indexes(name, &database);
        }
    }
}

#[test]
fn one_page_of_cache_is_enough() {
    for name in ["types", "deleted"] {
        let file = Arc::new(MemFile::new(database(name)));
        let database = Database::open_with(file, ReadOptions { cache_bytes: 0 }).unwrap();
        compare_rows(name, &database);
        check_all_indexes(name, &database);
    }
}

#[test]
fn objects_that_are_not_read_are_refused_by_name() {
    let database = open(&database("others")).unwrap();
    assert_eq!(
        compare_rows("others", &database),
        ["computed", "without"].map(str::to_owned).into()
    );
    let refused = [
        "plain_a",
        "plain_desc",
        "plain_expr",
        "without_b",
        "computed_c",
        "sqlite_autoindex_without_1",
    ];
    for index in refused {
        match database.index(index) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                assert!(error.to_string().contains(index), "{error}");
            }
            Ok(None) => assert_eq!(index, "sqlite_autoindex_without_1", "not stored"),
            Ok(Some(_)) => panic!("{index} was read"),
        }
    }
    // Views and triggers are listed.
    let kinds: Vec<&str> = database
        .schema()
        .objects()
        .iter()
        .map(|o| o.kind.name())
        .collect();
    assert!(kinds.contains(&"view") && kinds.contains(&"trigger"));
    assert!(database.table("v").unwrap().is_none());
}

#[test]
fn automatic_indexes_have_the_columns_of_their_keys() {
    let database = open(&database("others")).unwrap();
    let rows = values(&database.table("keys").unwrap().unwrap());
    let indexes: Vec<&str> = database.indexes_of("keys").collect();
    assert_eq!(indexes.len(), 3, "the second key over b makes no index");
    for name in indexes {
        let index = database.index(name).unwrap().unwrap();
        assert!(index.definition().unique);
        assert!(check_index(name, &index, &rows) > 10, "{name}");
    }
}

#[test]
fn partial_indexes_hold_what_their_condition_says() {
    let database = open(&database("others")).unwrap();
    let rows = values(&database.table("plain").unwrap().unwrap());
    for name in ["plain_a_binary", "plain_eq", "plain_nn"] {
        let index = database.index(name).unwrap().unwrap();
        assert!(check_index("others", &index, &rows) > 10, "{name}");
    }
    let other = database.index("plain_part").unwrap().unwrap();
    let predicate = &other.definition().predicate;
    assert!(matches!(predicate, Predicate::Other(text) if text == "n > 1 and b is not null"));
}

#[test]
fn added_columns_have_their_defaults() {
    let database = open(&database("altered")).unwrap();
    let table = database.table("the table").unwrap().unwrap();
    let default = &table.columns()[table.column("K").unwrap()].default;
    assert_eq!(*default, DefaultValue::Value(Value::Integer(-7)));
    assert_eq!(table.column("a b"), Some(1));
    assert_eq!(table.column("a"), None);
}

#[test]
fn everything_reads_in_every_way() {
    for name in NAMES {
        let (seen, result) = fuzz::read(&database(name));
        assert!(seen.rows > 0, "{name}");
        match result {
            Ok(()) => assert_ne!(name, "others"),
            Err(error) => {
                assert_eq!(name, "others", "{error}");
                assert_eq!(error.kind(), ErrorKind::Unsupported);
            }
        }
    }
}

#[test]
fn sound_files_check_as_sound() {
    for name in NAMES {
        let report = open(&database(name))
            .unwrap()
            .check(CheckOptions::default())
            .unwrap();
        assert!(report.is_sound(), "{name}: {:?}", report.findings);
        let want = dump(name).len() as u64;
        if name != "others" {
            assert_eq!(report.rows, want, "{name}");
            assert!(report.opaque.is_empty(), "{name}");
        }
        assert_eq!(report.free_pages > 0, name == "deleted", "{name}");
    }
}
