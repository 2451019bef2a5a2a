//! Merges and compares v1 files with SQLite in C as fast as we know how, to be measured beside ours: no journal, nothing synced
//! before the end, one statement a table.
//!
//! ```text
//! many_sqlite merge FOLDER OUT BASE NEWER...  databases unpacked into FOLDER, attached one by one, upserted, packed
//! many_sqlite diff FOLDER BASE APPLIED        counts of created, deleted and modified rows, by the bytes of messages
//! ```
#![expect(clippy::print_stdout, reason = "says what it found")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use c1z::envelope::{EnvelopeFile, Existing, LEVEL_DEFAULT, OpenOptions, publish, write_v1};
use c1z::ops::dump;
use rusqlite::Connection;
use shingle::vfs::{Fs, OsEntropy, OsFs};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Tables that a merge and a comparison are about, with the columns besides external id, message, sync and time.
const TABLES: [(&str, &str); 4] = [
    ("v1_resource_types", ""),
    (
        "v1_resources",
        "resource_type_id, parent_resource_type_id, parent_resource_id, ",
    ),
    ("v1_entitlements", "resource_type_id, resource_id, "),
    (
        "v1_grants",
        "resource_type_id, resource_id, entitlement_id, principal_resource_type_id, principal_resource_id, \
         expansion, needs_expansion, ",
    ),
];
const CACHE_KIB: u32 = 128 << 10;

fn main() -> Outcome<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let words: Vec<_> = arguments.iter().map(PathBuf::as_path).collect();
    match words.split_first() {
        Some((what, [folder, out, base, newer @ ..])) if *what == Path::new("merge") => {
            merge(folder, out, base, newer)
        }
        Some((what, [folder, base, applied])) if *what == Path::new("diff") => {
            compare(folder, base, applied)
        }
        _ => Err(
            "usage: many_sqlite merge FOLDER OUT BASE NEWER... | diff FOLDER BASE APPLIED".into(),
        ),
    }
}

/// The database of a v1 file, as a file.
fn unpack(folder: &Path, file: &Path, name: &str) -> Outcome<PathBuf> {
    let path = folder.join(name);
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let file = EnvelopeFile::open(&*fs, file, &OpenOptions::default())?;
    dump(&fs, &OsEntropy, &file, &path)?;
    Ok(path)
}

fn open(path: &Path) -> Outcome<Connection> {
    let connection = Connection::open(path)?;
    for pragma in [
        "journal_mode = OFF",
        "synchronous = OFF",
        "temp_store = MEMORY",
    ] {
        connection.execute_batch(&format!("PRAGMA {pragma}"))?;
    }
    connection.execute_batch(&format!("PRAGMA cache_size = -{CACHE_KIB}"))?;
    Ok(connection)
}

/// The latest finished sync of an attached database.
fn latest(connection: &Connection, schema: &str) -> Outcome<String> {
    let query = format!(
        "SELECT sync_id FROM {schema}.v1_sync_runs WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 1"
    );
    Ok(connection.query_row(&query, [], |row| row.get(0))?)
}

fn merge(folder: &Path, out: &Path, base: &Path, newer: &[&Path]) -> Outcome<()> {
    let path = unpack(folder, base, "base.db")?;
    let connection = open(&path)?;
    let into = latest(&connection, "main")?;
    for file in newer {
        let other = unpack(folder, file, "newer.db")?;
        let attach = "ATTACH ?1 AS newer";
        connection.execute(attach, [other.to_string_lossy()])?;
        let from = latest(&connection, "newer")?;
        connection.execute_batch("BEGIN")?;
        for (table, columns) in TABLES {
            connection.execute(&upsert(table, columns), [&into, &from])?;
        }
        connection.execute_batch("COMMIT; DETACH newer")?;
        OsFs.remove_file(&other)?;
    }
    let count = "SELECT count(*) FROM v1_grants WHERE sync_id = ?1";
    let grants: i64 = connection.query_row(count, [&into], |row| row.get(0))?;
    drop(connection);
    let database = OsFs.open(&path)?;
    publish(&OsFs, &OsEntropy, out, Existing::Replace, |out| {
        write_v1(&*database, LEVEL_DEFAULT, out)
    })?;
    OsFs.remove_file(&path)?;
    println!("{grants} grants");
    Ok(())
}

/// Rows of the newer database over those that are not newer.
fn upsert(table: &str, columns: &str) -> String {
    let names = format!("{columns}data, discovered_at");
    let set = names
        .split(", ")
        .map(|name| format!("{name} = excluded.{name}"));
    let set = set.collect::<Vec<_>>().join(", ");
    format!(
        "INSERT INTO main.{table} (external_id, sync_id, {names}) \
         SELECT external_id, ?1, {names} FROM newer.{table} WHERE sync_id = ?2 \
         ON CONFLICT (external_id, sync_id) DO UPDATE SET {set} \
         WHERE excluded.discovered_at >= {table}.discovered_at"
    )
}

fn compare(folder: &Path, base: &Path, applied: &Path) -> Outcome<()> {
    let path = unpack(folder, base, "base.db")?;
    let other = unpack(folder, applied, "newer.db")?;
    let connection = open(&path)?;
    connection.execute("ATTACH ?1 AS newer", [other.to_string_lossy()])?;
    let (base, applied) = (latest(&connection, "main")?, latest(&connection, "newer")?);
    let mut all = [0_i64; 3];
    for (table, _) in TABLES {
        let missing = |here: &str, there: &str| {
            format!(
                "SELECT count(*) FROM {here}.{table} a WHERE sync_id = ?1 AND NOT EXISTS \
                 (SELECT 1 FROM {there}.{table} b WHERE b.external_id = a.external_id AND b.sync_id = ?2)"
            )
        };
        let differing = format!(
            "SELECT count(*) FROM main.{table} a JOIN newer.{table} b \
             ON b.external_id = a.external_id AND b.sync_id = ?2 WHERE a.sync_id = ?1 AND a.data <> b.data"
        );
        let queries = [
            (missing("newer", "main"), [&applied, &base]),
            (missing("main", "newer"), [&base, &applied]),
            (differing, [&base, &applied]),
        ];
        for (sum, (query, ids)) in all.iter_mut().zip(queries) {
            *sum += connection.query_row(&query, ids, |row| row.get::<_, i64>(0))?;
        }
    }
    drop(connection);
    OsFs.remove_file(&path)?;
    OsFs.remove_file(&other)?;
    let [created, deleted, modified] = all;
    println!("{created} created, {deleted} deleted, {modified} modified");
    Ok(())
}
