//! Contract: from every golden v1 file the reader returns exactly the schema, the pragmas and the
//! rows that SQLite returned, and every index answers as a filter over a scan does.
//!
//! Mechanics: the databases are unpacked in memory and compared with `sqlite-rows.ndjson.gz`.
//! Out of scope: damaged files (`hostile.rs`), comparison with SQLite itself (`oracle`).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use c1z::sqlite_file::{Database, Index, IndexEntry, Predicate, Row, Table, Value};
use serde_json::{Value as Json, json};
use testkit::golden::sqlite::{Cell, Row as Cells};

use crate::support::{Golden, golden, goldens, open, table_rows};

#[test]
fn schema_and_pragmas_equal_those_of_sqlite() {
    for golden in goldens() {
        let database = open(&golden.database).unwrap();
        let mut objects = database.schema().objects().iter();
        for line in golden.dump() {
            match line {
                Cells::Schema { kind, name, schema } => {
                    let object = objects.next().expect("an object");
                    assert_eq!(object.kind.name(), kind, "{}", golden.name);
                    assert_eq!((&object.name, &object.sql), (&name, &schema));
                }
                Cells::Pragma { pragma, value } => {
                    let found = pragma_of(&database, &pragma);
                    assert_eq!(found, value, "{} {pragma}", golden.name);
                }
                Cells::Record { .. } => {}
            }
        }
        assert!(objects.next().is_none(), "{}", golden.name);
    }
}

fn pragma_of(database: &Database, pragma: &str) -> Json {
    let header = database.header().unwrap();
    match pragma {
        "page_size" => json!(header.page_size),
        "user_version" => json!(header.user_version),
        "application_id" => json!(header.application_id),
        "schema_version" => json!(header.schema_cookie),
        "encoding" => json!("UTF-8"),
        "auto_vacuum" => json!(i32::from(header.largest_root != 0)),
        "journal_mode" => json!(if header.write_ahead_log {
            "wal"
        } else {
            "delete"
        }),
        other => panic!("unknown pragma {other}"),
    }
}

#[test]
fn all_rows_equal_those_of_sqlite() {
    let mut total = 0;
    for golden in goldens() {
        let database = open(&golden.database).unwrap();
        let mut want: BTreeMap<String, Vec<BTreeMap<String, Cell>>> = BTreeMap::new();
        for line in golden.dump() {
            if let Cells::Record { table, row } = line {
                want.entry(table).or_default().push(row);
            }
        }
        for object in database.schema().objects() {
            if object.kind.name() == "table" {
                let want = want.remove(&object.name).unwrap_or_default();
                total += want.len();
                let found = table_rows(&database, &object.name);
                assert_eq!(found.len(), want.len(), "{} {}", golden.name, object.name);
                for (found, want) in found.into_iter().zip(want) {
                    let found: BTreeMap<String, Cell> = found.into_iter().collect();
                    assert_eq!(found, want, "{} {}", golden.name, object.name);
                }
            }
        }
        assert_eq!(want.keys().collect::<Vec<_>>(), [""; 0], "{}", golden.name);
    }
    assert!(total > 3_000, "{total} rows compared");
}

#[test]
fn scans_lookups_and_ranges_agree() {
    for golden in goldens() {
        let database = open(&golden.database).unwrap();
        for table in tables(&database) {
            let rowids = rowids(&table);
            let mut back = table.scan_back(..);
            for rowid in rowids.iter().rev() {
                assert_eq!(back.next().unwrap().map(Row::rowid), Some(*rowid));
            }
            assert!(back.next().unwrap().is_none());
            check_ranges(&table, &rowids);
            check_lookups(&golden, &table, &rowids);
        }
    }
}

fn check_ranges(table: &Table, rowids: &[i64]) {
    let last = rowids.last().copied().unwrap_or_default();
    for from in (-1..last + 3).step_by(usize::try_from(last / 40 + 1).unwrap()) {
        let want = rowids.iter().copied().find(|rowid| *rowid >= from);
        assert_eq!(table.scan(from..).next().unwrap().map(Row::rowid), want);
        let want = rowids.iter().copied().rev().find(|rowid| *rowid < from);
        assert_eq!(
            table.scan_back(..from).next().unwrap().map(Row::rowid),
            want
        );
        let want: Vec<i64> = rowids
            .iter()
            .copied()
            .filter(|id| (from..from + 5).contains(id))
            .collect();
        let mut rows = table.scan(from..from + 5);
        let mut found = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            found.push(row.rowid());
        }
        assert_eq!(found, want);
    }
}

fn check_lookups(golden: &Golden, table: &Table, rowids: &[i64]) {
    let name = &table.definition().name;
    let mut lookup = table.lookup();
    // An order that is neither ascending nor descending.
    let mut order = rowids.to_vec();
    order.sort_by_key(|rowid| rowid.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()));
    for rowid in order {
        let found = lookup.row(rowid).unwrap().map(Row::rowid);
        assert_eq!(found, Some(rowid), "{} {name}", golden.name);
        let row = table.row(rowid).unwrap().expect("the row exists");
        assert_eq!(
            row.get(0).unwrap(),
            Value::Integer(rowid),
            "`id` is the rowid"
        );
    }
    let last = rowids.last().copied().unwrap_or_default();
    for absent in [i64::MIN, -1, 0, last + 1, i64::MAX] {
        assert!(
            lookup.row(absent).unwrap().is_none(),
            "{} {name}",
            golden.name
        );
    }
}

#[test]
fn index_seeks_equal_filtered_scans() {
    let (mut indexes, mut keys) = (0, 0);
    for golden in goldens() {
        let found = check_all_indexes(&golden.name, &open(&golden.database).unwrap());
        indexes += found.0;
        keys += found.1;
    }
    assert!(
        indexes > 400 && keys > 20_000,
        "{indexes} indexes, {keys} keys"
    );
}

/// Compares every index of a database with its table; returns the numbers of indexes and of keys.
pub(crate) fn check_all_indexes(context: &str, database: &Database) -> (usize, usize) {
    let (mut indexes, mut keys) = (0, 0);
    for table in tables(database) {
        let rows = values(&table);
        for name in database.indexes_of(&table.definition().name) {
            let index = database.index(name).unwrap().expect("the index exists");
            keys += check_index(context, &index, &rows);
            indexes += 1;
        }
    }
    (indexes, keys)
}

pub(crate) type Values = Vec<Value<'static>>;

/// Compares every prefix of every key with a filter over all rows; returns their number.
pub(crate) fn check_index(golden: &str, index: &Index, rows: &[(i64, Values)]) -> usize {
    let def = index.definition();
    let mut entries: Vec<Values> = rows
        .iter()
        .filter(|(_, row)| holds(&def.predicate, row))
        .map(|(rowid, row)| {
            let key = index.columns().iter().map(|&i| row[i].clone());
            key.chain([Value::Integer(*rowid)]).collect()
        })
        .collect();
    entries.sort_by(|a, b| compare(a, b));
    let mut prefixes: Vec<&[Value<'static>]> = entries
        .iter()
        .flat_map(|entry| (1..=entry.len()).map(|len| &entry[..len]))
        .collect();
    prefixes.sort_by(|a, b| compare(a, b));
    prefixes.dedup_by(|a, b| compare(a, b).is_eq());
    prefixes.push(&[]);
    for prefix in &prefixes {
        let start = entries.partition_point(|entry| compare(entry, prefix).is_lt());
        let group = entries[start..]
            .iter()
            .take_while(|entry| compare(&entry[..prefix.len()], prefix).is_eq())
            .collect::<Vec<_>>();
        check_group(
            index,
            prefix,
            &group,
            &format!("{golden} {} {prefix:?}", def.name),
        );
    }
    prefixes.len()
}

fn check_group(index: &Index, prefix: &[Value<'_>], group: &[&Values], context: &str) {
    let mut entries = index.seek(prefix).unwrap();
    for want in group {
        let entry = entries.next().unwrap().expect(context);
        let mut found = (0..index.columns().len())
            .map(|i| entry.get(i).unwrap().into_owned())
            .collect::<Values>();
        found.push(Value::Integer(entry.rowid()));
        // As numbers: an index stores whole reals as integers.
        assert!(
            compare(&found, want).is_eq(),
            "{context}: {found:?} {want:?}"
        );
    }
    assert!(entries.next().unwrap().is_none(), "{context}");

    let mut back = index.seek_back(prefix).unwrap();
    for want in group.iter().rev() {
        let rowid = back.next().unwrap().map(IndexEntry::rowid);
        assert_eq!(rowid, want.last().and_then(Value::as_integer), "{context}");
    }
    assert!(back.next().unwrap().is_none(), "{context}");

    if let Some(middle) = group.get(group.len() / 2) {
        let from = &middle[prefix.len()..];
        let mut rest = index.seek_from(prefix, from).unwrap();
        let found = rest.next().unwrap().map(IndexEntry::rowid);
        assert_eq!(
            found,
            middle.last().and_then(Value::as_integer),
            "{context}"
        );
        if prefix.len() == index.columns().len() {
            let first = group[0].last().and_then(Value::as_integer);
            assert_eq!(index.get(prefix).unwrap(), first, "{context}");
        }
    }
}

/// Compares as many values as the shorter list has, then the lengths.
fn compare(a: &[Value<'_>], b: &[Value<'_>]) -> Ordering {
    let differing = a
        .iter()
        .zip(b)
        .map(|(a, b)| a.compare(b))
        .find(|order| order.is_ne());
    differing.unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn holds(predicate: &Predicate, row: &[Value<'_>]) -> bool {
    match predicate {
        Predicate::All => true,
        Predicate::NotNull(i) => !row[*i].is_null(),
        Predicate::Equals(i, value) => row[*i] == *value,
        Predicate::Other(text) => panic!("condition {text}"),
    }
}

#[test]
fn absent_keys_have_no_entries() {
    for golden in goldens() {
        let database = open(&golden.database).unwrap();
        let index = database
            .index("idx_grants_external_sync_v1")
            .unwrap()
            .unwrap();
        for absent in ["", "\0", "no such grant", "zzzz", "\u{10ffff}"] {
            assert_eq!(index.get(&[absent.into(), "".into()]).unwrap(), None);
            assert!(
                index
                    .seek(&[absent.into()])
                    .unwrap()
                    .next()
                    .unwrap()
                    .is_none()
            );
            assert!(
                index
                    .seek_back(&[absent.into()])
                    .unwrap()
                    .next()
                    .unwrap()
                    .is_none()
            );
        }
        assert!(
            index
                .seek(&[Value::Null])
                .unwrap()
                .next()
                .unwrap()
                .is_none()
        );
    }
}

#[test]
fn keys_of_a_wrong_length_are_refused() {
    let database = open(&golden("basic").database).unwrap();
    let index = database
        .index("IDX_grants_external_sync_v1")
        .unwrap()
        .unwrap();
    let value = Value::text("x");
    assert!(index.get(std::slice::from_ref(&value)).is_err());
    assert!(
        index
            .seek(&[value.clone(), value.clone(), Value::Integer(1), value])
            .is_err()
    );
    assert!(database.index("idx_none").unwrap().is_none());
    assert!(database.table("v2_grants").unwrap().is_none());
}

fn tables(database: &Database) -> Vec<Table> {
    database
        .schema()
        .objects()
        .iter()
        .filter(|object| object.kind.name() == "table")
        .map(|object| database.table(&object.name).unwrap().expect("listed"))
        .collect()
}

fn rowids(table: &Table) -> Vec<i64> {
    let mut rows = table.scan(..);
    let mut rowids = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        rowids.push(row.rowid());
    }
    rowids
}

/// All rows of a table, with their rowids.
pub(crate) fn values(table: &Table) -> Vec<(i64, Values)> {
    let mut rows = table.scan(..);
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let values = (0..table.columns().len()).map(|i| row.get(i).unwrap().into_owned());
        all.push((row.rowid(), values.collect()));
    }
    all
}
