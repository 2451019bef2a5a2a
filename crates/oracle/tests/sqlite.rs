//! Our SQLite file reader and writer next to SQLite in C.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use c1z::envelope::{EnvelopeFile, Existing, LEVEL_DEFAULT, OpenOptions, write_v1};
use c1z::ops::convert::{ConvertOptions, FileFormat, convert};
use c1z::ops::maintain::{estimate, optimize};
use c1z::sqlite_file::{CheckOptions, Database, Value};
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, params_from_iter};
use shingle::vfs::{Fs, MemFile, OsFs};
use testkit::chance::Chance;
use testkit::golden::{Format, PackedFile, packed_files};

/// Rows of a table by rowid.
type Table = Vec<(i64, Vec<Cell>)>;

fn theirs(connection: &Connection, table: &str) -> Table {
    let mut statement = connection
        .prepare(&format!("select rowid as r, * from {table} order by r"))
        .unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells = (1..columns)
            .map(|i| row.get::<_, Cell>(i).unwrap())
            .collect();
        Ok((row.get(0)?, cells))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn ours(database: &Database, table: &str) -> Table {
    let mut rows = database.table(table).unwrap().unwrap().scan(..);
    let mut found = Table::new();
    while let Some(row) = rows.next().unwrap() {
        let cells = (0..row.columns().len()).map(|i| cell(&row.get(i).unwrap()));
        found.push((row.rowid(), cells.collect()));
    }
    found
}

fn cell(value: &Value<'_>) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Integer(value) => Cell::Integer(*value),
        Value::Real(value) => Cell::Real(*value),
        Value::Text(text) => Cell::Text(String::from_utf8(text.to_vec()).unwrap()),
        Value::Blob(bytes) => Cell::Blob(bytes.to_vec()),
    }
}

fn random_cell(chance: &mut Chance) -> Cell {
    match chance.below(8) {
        0 => Cell::Null,
        1 => Cell::Integer(chance.number().cast_signed() >> chance.below(64)),
        2 => Cell::Real(f64::from(i32::from(chance.bytes(1)[0])) / 7.0),
        3 => Cell::Blob(bytes(chance, 40)),
        4 if chance.percent(10) => Cell::Blob(bytes(chance, 90_000)),
        5 => Cell::Text("ü".repeat(chance.below(300))),
        _ => Cell::Text(format!("text {}", chance.below(50))),
    }
}

fn bytes(chance: &mut Chance, max: usize) -> Vec<u8> {
    let len = chance.below(max);
    chance.bytes(len)
}

/// A database of some history in a file: page size, vacuum mode, inserts, updates, deletes.
fn make(path: &Path, seed: u64) -> Connection {
    let mut chance = Chance::seeded(seed);
    let connection = Connection::open(path).unwrap();
    let page = 512 << chance.below(8);
    let vacuum = chance.below(3);
    let setup = format!(
        "pragma page_size={page}; pragma auto_vacuum={vacuum}; pragma journal_mode=memory; pragma synchronous=off;"
    );
    connection.execute_batch(&setup).unwrap();
    connection
        .execute_batch(
            "create table t (id integer primary key, a text, b blob, c);
             create index t_a on t (a, c);
             create unique index t_u on t (b, id);
             create table u (x, y real, z integer not null default 7);",
        )
        .unwrap();
    for _ in 0..=chance.below(900) {
        let cells: Vec<Cell> = (0..3).map(|_| random_cell(&mut chance)).collect();
        let rowid = chance.number().cast_signed() >> (20 + chance.below(44));
        match chance.below(10) {
            0 => connection.execute("delete from t where id % 7 = ?1", [rowid % 7]),
            1 => connection.execute(
                "update t set b = ?1 where id = (select max(id) from t)",
                [&cells[1]],
            ),
            2 => connection.execute(
                "insert into u (x, y) values (?1, ?2)",
                params_from_iter(&cells[..2]),
            ),
            _ => {
                let values = [Cell::Integer(rowid)].into_iter().chain(cells);
                connection.execute(
                    "insert or replace into t values (?1, ?2, ?3, ?4)",
                    params_from_iter(values),
                )
            }
        }
        .unwrap();
    }
    connection
}

#[test]
fn what_sqlite_writes_we_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = 0;
    for seed in 0..60 {
        let path = folder.path().join(format!("{seed}.db"));
        let connection = make(&path, seed);
        let database = Database::open(OsFs.open(&path).unwrap()).unwrap();
        for table in ["t", "u"] {
            let expected = theirs(&connection, table);
            assert_eq!(
                ours(&database, table),
                expected,
                "seed {seed} table {table}"
            );
            rows += expected.len();
        }
        let report = database.check(CheckOptions::default()).unwrap();
        assert!(report.is_sound(), "seed {seed}: {:?}", report.findings);
    }
    println!("60 databases, {rows} rows");
    assert!(rows > 5_000);
}

fn path_of(file: &PackedFile) -> PathBuf {
    file.case.path(file.file)
}

/// The database in a v1 file, as a file of its own.
fn unpacked(file: &Path, to: &Path) -> Database {
    let EnvelopeFile::V1(packed) =
        EnvelopeFile::open(&OsFs, file, &OpenOptions::default()).unwrap()
    else {
        panic!("not a v1 file");
    };
    let mut image = Vec::new();
    packed.decode_into(&mut image).unwrap();
    let mut out = OsFs.create(to).unwrap();
    out.write_all(&image).unwrap();
    drop(out);
    Database::open(Arc::new(MemFile::new(image))).unwrap()
}

#[test]
fn what_we_write_sqlite_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, mut rows, mut entries) = (0, 0, 0);
    for file in packed_files().unwrap() {
        if file.format != Format::V1 {
            continue;
        }
        let out = folder.path().join("written.c1z");
        let options = ConvertOptions {
            to: Some(FileFormat::V1),
            existing: Existing::Replace,
            allow_loss: true,
            ..ConvertOptions::default()
        };
        convert(path_of(&file), &out, &options).unwrap();
        let image = folder.path().join(format!("{files}.db"));
        let database = unpacked(&out, &image);
        let connection = Connection::open(&image).unwrap();
        let verdict: String = connection
            .query_row("pragma integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(verdict, "ok", "{}", path_of(&file).display());
        for (table, index) in objects(&connection) {
            let expected = theirs(&connection, &table);
            assert_eq!(ours(&database, &table), expected, "{table}");
            rows += expected.len();
            for index in index {
                entries += by_index(&connection, &table, &index, expected.len());
            }
        }
        files += 1;
    }
    println!("{files} files, {rows} rows, {entries} index entries");
    assert!(files > 25 && rows > 3_000);
}

/// Tables, and the indexes of each.
fn objects(connection: &Connection) -> Vec<(String, Vec<String>)> {
    let names = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    names("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")
        .into_iter()
        .map(|table| {
            let of = format!("select name from sqlite_schema where type = 'index' and tbl_name = '{table}' and sql is not null");
            let indexes = names(&of);
            (table, indexes)
        })
        .collect()
}

/// Entries of an index as SQLite walks it; a partial one may have fewer than the table has rows.
fn by_index(connection: &Connection, table: &str, index: &str, rows: usize) -> usize {
    let partial: Option<String> = connection
        .query_row(
            "select sql from sqlite_schema where name = ?1",
            [index],
            |row| row.get(0),
        )
        .unwrap();
    let partial = partial.unwrap();
    let condition = partial
        .to_lowercase()
        .split_once(" where ")
        .map(|(_, c)| c.to_owned());
    let condition = condition.map_or_else(String::new, |c| format!(" where {c}"));
    let count = |hint: &str| -> i64 {
        let sql = format!("select count(*) from {table} {hint}{condition}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let through = count(&format!("indexed by {index}"));
    assert_eq!(through, count("not indexed"), "{index}");
    let through = usize::try_from(through).unwrap();
    assert!(through <= rows);
    through
}

/// A v1 file from which most grants were deleted by SQLite, so that pages are free or half empty.
fn fragmented(folder: &Path, share: u32) -> PathBuf {
    let source = packed_files()
        .unwrap()
        .into_iter()
        .find(|file| file.format == Format::V1 && file.case.name == "fanout")
        .unwrap();
    let image = folder.join(format!("{share}.db"));
    drop(unpacked(&path_of(&source), &image));
    let connection = Connection::open(&image).unwrap();
    // Many more rows than the case has, no two alike, of which a share stays.
    connection
        .execute_batch(
            "create temp table n as with recursive c(i) as (select 1 union all select i + 1 from c where i < 25) select i from c;
             insert into v1_grants (resource_type_id, resource_id, entitlement_id, principal_resource_type_id, principal_resource_id, external_id, expansion, needs_expansion, data, sync_id, discovered_at)
             select resource_type_id, resource_id, entitlement_id, principal_resource_type_id, principal_resource_id, external_id || ':' || i, expansion, needs_expansion, cast(data || x'7a18' || randomblob(24) as blob), sync_id, discovered_at from v1_grants, n;",
        )
        .unwrap();
    connection
        .execute(
            "delete from v1_grants where abs(random()) % 100 >= ?1",
            [i64::from(share)],
        )
        .unwrap();
    drop(connection);
    let path = folder.join(format!("{share}.c1z"));
    let mut packed = Vec::new();
    write_v1(&*OsFs.open(&image).unwrap(), LEVEL_DEFAULT, &mut packed).unwrap();
    let mut out = OsFs.create(&path).unwrap();
    out.write_all(&packed).unwrap();
    path
}

#[test]
fn what_rewriting_gives_back_is_estimated_within_a_fifth() {
    let folder = tempfile::tempdir().unwrap();
    for share in [10, 25, 40, 60] {
        let path = fragmented(folder.path(), share);
        let before = rows_of(&path, folder.path());
        let options = ConvertOptions::default();
        let estimated = estimate(&path, &options).unwrap();
        let done = optimize(&path, &options).unwrap();
        assert!(done.replaced && done.bytes_after <= done.bytes_before);
        let real = done.bytes_before - done.bytes_after;
        println!(
            "{share} % left: {} bytes, {} to be had, {real} got",
            estimated.bytes, estimated.reclaimable
        );
        let off = estimated.reclaimable.abs_diff(real);
        assert!(off * 5 <= real, "{share}: {estimated:?} {real}");
        assert!(rows_of(&path, folder.path()) == before, "{share}");
    }
}

/// Records of a v1 file; what it says of syncs has counts in it, which are made again.
fn rows_of(path: &Path, folder: &Path) -> Vec<Table> {
    let database = unpacked(path, &folder.join("rows.db"));
    [
        "v1_resource_types",
        "v1_resources",
        "v1_entitlements",
        "v1_grants",
        "v1_assets",
    ]
    .map(|table| ours(&database, table))
    .into()
}
