//! Faults planted in v1 files whose pages are sound.

use std::path::Path;
use std::sync::Arc;

use c1z::engine::types::{SyncId, SyncRun, SyncType, Timestamp};
use c1z::ops::RecordKind;
use c1z::ops::build::PackOptions;
use c1z::ops::build::v1::{V1Builder, V1Columns, V1Grant, V1Options, V1Row, V1Run};
use c1z::ops::verify::{Class, Report};
use c1z::sqlite_file::writer::{Image, WriteOptions, Writer};
use c1z::sqlite_file::{Affinity, Column, Database, Value};
use shingle::vfs::{Fs, MemFile, MemFs};
use testkit::chance::SeededEntropy;

use crate::support::{check, full};
use crate::v1::wrap_v1;

const SCHEMA: &str = include_str!("../../src/ops/build/v1/schema.sql");
const ROWS: i64 = 5;

/// Rows with their ids.
type Rows = Vec<(i64, Vec<Value<'static>>)>;

/// What is wrong with the entries of one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    Orphan,
    Wrong,
}

/// The values of a row, of the types of its columns.
fn values(columns: &[Column], row: i64, mark: &str) -> Vec<Value<'static>> {
    let value = |(at, column): (usize, &Column)| match column.affinity {
        _ if at == 0 => Value::Null,
        Affinity::Integer => Value::Integer(1),
        Affinity::Blob => Value::Blob(Vec::new().into()),
        Affinity::Numeric => Value::Text(b"2026-01-02 03:04:05".to_vec().into()),
        _ => Value::Text(format!("{}{mark}{row}", column.name).into_bytes().into()),
    };
    columns.iter().enumerate().map(value).collect()
}

/// The bytes of a database with these statements; `rows` are of the table named.
fn build(statements: &[&str], tables: &[(&str, Rows)]) -> Vec<u8> {
    let fs = MemFs::new();
    let body = fs.create(Path::new("pages")).unwrap();
    let mut writer = Writer::new(body, statements, WriteOptions::default()).unwrap();
    for (name, rows) in tables {
        let mut table = writer.table(name).unwrap();
        for (rowid, values) in rows {
            table.push(*rowid, values).unwrap();
        }
        table.finish().unwrap();
    }
    let written = writer.finish().unwrap();
    drop(written.body);
    let image = Image::new(written.first_page, fs.open(Path::new("pages")).unwrap());
    let len = usize::try_from(shingle::vfs::ReadFile::len(&image)).unwrap();
    let mut bytes = vec![0; len];
    shingle::vfs::ReadFile::read_exact_at(&image, 0, &mut bytes).unwrap();
    bytes
}

fn root(database: &Database, name: &str) -> u8 {
    let mut objects = database.schema().objects().iter();
    let found = objects.find(|object| object.name == name).unwrap();
    u8::try_from(found.root_page).unwrap()
}

/// Makes `index` of `table` the tree with the given root.
fn point(bytes: &mut [u8], index: &str, table: &str, from: u8, to: u8) {
    let text = [index.as_bytes(), table.as_bytes(), &[from], b"CREATE"].concat();
    let at = bytes.windows(text.len()).position(|part| part == text);
    let at = at.unwrap_or_else(|| panic!("no schema row of {index}"));
    bytes[at + index.len() + table.len()] = to;
}

/// A database whose index holds the entries of another table, which differs from its own by a fault.
fn planted(table_sql: &str, index_sql: &str, fault: Fault) -> Vec<u8> {
    let table = table_sql.split_whitespace().nth(2).unwrap();
    let index = index_sql.split(" on ").next().unwrap();
    let index = index.split_whitespace().last().unwrap();
    let shadow_table = table_sql.replacen(table, "shadow", 1);
    let shadow_index = index_sql
        .replacen(index, "entries", 1)
        .replacen(table, "shadow", 1);
    let statements = [table_sql, index_sql, &shadow_table, &shadow_index];
    let empty = Database::open(Arc::new(MemFile::new(build(&statements, &[])))).unwrap();
    let columns = empty.table(table).unwrap().unwrap().columns().to_vec();
    let rows = |range: std::ops::RangeInclusive<i64>| -> Rows {
        range.map(|row| (row, values(&columns, row, "-"))).collect()
    };
    let mut shadow = rows(1..=ROWS);
    match fault {
        Fault::Missing => drop(shadow.remove(2)),
        Fault::Orphan => shadow = rows(1..=ROWS + 1),
        Fault::Wrong => shadow[2].1 = values(&columns, 3, "~"),
    }
    let mut bytes = build(&statements, &[(table, rows(1..=ROWS)), ("shadow", shadow)]);
    let database = Database::open(Arc::new(MemFile::new(bytes.clone()))).unwrap();
    let (own, other) = (root(&database, index), root(&database, "entries"));
    point(&mut bytes, index, table, own, other);
    point(&mut bytes, "entries", "shadow", other, own);
    bytes
}

/// Whether a finding of the class names the index.
fn tells(report: &Report, class: Class, index: &str) -> bool {
    let group = report.group(class, "sqlite-index");
    group.is_some_and(|group| {
        let mut examples = group.examples.iter();
        examples.any(|finding| finding.detail.starts_with(index))
    })
}

#[test]
fn every_fault_of_every_v1_index_is_found() {
    let statements: Vec<_> = SCHEMA.split_terminator(";\n").collect();
    let (mut table, mut tried) = ("", 0);
    for sql in statements {
        if sql.starts_with("CREATE TABLE") {
            table = sql;
            continue;
        }
        let index = sql
            .split(" on ")
            .next()
            .unwrap()
            .split_whitespace()
            .last()
            .unwrap();
        for (fault, classes) in [
            (Fault::Missing, &[Class::IndexMissing][..]),
            (Fault::Orphan, &[Class::IndexOrphan]),
            (Fault::Wrong, &[Class::IndexMissing, Class::IndexOrphan]),
        ] {
            let report = check(&wrap_v1(planted(table, sql, fault))).unwrap();
            tried += 1;
            for class in classes {
                let is_told = tells(&report, *class, index);
                assert!(is_told, "{fault:?} {class} in {index}: {report:?}");
            }
        }
    }
    println!("{tried} faults in indexes of v1 files, all found");
    assert_eq!(tried, 3 * 16);
}

#[test]
fn references_of_v1_rows_are_counted() {
    let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
    let pack = PackOptions {
        fs: Arc::clone(&fs),
        entropy: Arc::new(SeededEntropy::seeded(1)),
        ..PackOptions::default()
    };
    let at = Timestamp {
        seconds: 1_734_761_992,
        nanos: 0,
    };
    let id = SyncId::new("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w").unwrap();
    let mut run = SyncRun::started(id, SyncType::Full, String::new(), at);
    run.ended_at = Some(at);
    run.parent_id = "2qVyMyUb4B6tF8S1zv0KqZ3xQ1x".to_owned();
    let mut builder = V1Builder::new("in.c1z", &V1Options::default(), &pack).unwrap();
    let row = |external_id, columns| V1Row {
        rowid: None,
        sync_id: run.id.as_str(),
        external_id,
        discovered_at: at,
        data: &[],
        columns,
    };
    let mut put = |kind, columns| {
        let mut table = builder.table(kind).unwrap();
        table.push(&row("x", columns)).unwrap();
        table.finish().unwrap();
    };
    put(RecordKind::ResourceType, V1Columns::ResourceType);
    put(
        RecordKind::Resource,
        V1Columns::Resource {
            resource_type: "user",
            parent: Some(("org", "absent")),
        },
    );
    put(
        RecordKind::Entitlement,
        V1Columns::Entitlement {
            resource_type: "group",
            resource: "absent",
        },
    );
    put(
        RecordKind::Grant,
        V1Columns::Grant(V1Grant {
            resource_type: "group",
            resource: "absent",
            entitlement: "absent",
            principal_type: "user",
            principal: "absent",
            ..V1Grant::default()
        }),
    );
    builder
        .finish(&[V1Run {
            rowid: None,
            run: &run,
        }])
        .unwrap();
    let report = full(&fs, "in.c1z");
    for name in [
        "resource-type",
        "resource-parent",
        "entitlement-resource",
        "grant-entitlement",
        "grant-principal",
        "sync-parent",
    ] {
        let count = report
            .group(Class::Reference, name)
            .map(|group| group.count);
        assert_eq!(count, Some(1), "{name}: {report:?}");
    }
}
