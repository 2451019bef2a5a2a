//! Entry points for hostile input. Each takes any bytes, must return, and must not panic; an error
//! of a kind that bytes alone cannot cause is a bug and does panic.

use std::io::Read as _;
use std::sync::Arc;

use shingle::vfs::MemFile;
use shingle::{ErrorKind, Result};

use super::catalog::ObjectKind;
use super::check::{CheckOptions, CheckReport};
use super::database::Database;
use super::ddl::{parse_index, parse_table};
use super::index::IndexRows;
use super::table::{Row, Rows, Table};

/// Bytes of values that [`read`] looks at before it stops: a small file may refer to the same
/// overflow pages from many rows.
const VALUE_BYTES_MAX: usize = 64 << 20;

/// What [`read`] saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Rows, forward and backward.
    pub rows: u64,
    /// Index entries, forward and backward.
    pub entries: u64,
    /// Bytes of texts and blobs.
    pub value_bytes: usize,
}

/// Opens `bytes` as a database and reads all of it in every way the reader offers.
///
/// # Panics
/// If an error is not of a kind that bytes alone can cause.
pub fn read(bytes: &[u8]) -> (Seen, Result<()>) {
    let mut seen = Seen::default();
    let result = read_all(bytes, &mut seen);
    if let Err(error) = &result {
        match error.kind() {
            ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Exhausted => {}
            kind => panic!("error of kind {kind:?}: {}", error.chain()),
        }
    }
    (seen, result)
}

/// Reads every object, also after one of them failed; returns the first error.
fn read_all(bytes: &[u8], seen: &mut Seen) -> Result<()> {
    let database = Database::open(Arc::new(MemFile::new(bytes)))?;
    let mut result = Ok(());
    for object in database.schema().objects() {
        let one = match object.kind {
            ObjectKind::Table => read_table(&database, &object.name, seen),
            ObjectKind::Index => read_index(&database, &object.name, seen),
            ObjectKind::View | ObjectKind::Trigger => Ok(()),
        };
        result = result.and(one);
    }
    result
}

fn read_table(database: &Database, name: &str, seen: &mut Seen) -> Result<()> {
    let Some(table) = database.table(name)? else {
        return Ok(());
    };
    let forward = read_rows(table.scan(..), &table, seen);
    let backward = read_rows(table.scan_back(..), &table, seen);
    forward.and(backward)
}

fn read_rows(mut rows: Rows, table: &Table, seen: &mut Seen) -> Result<()> {
    let mut lookup = table.lookup();
    while let Some(row) = rows.next()? {
        seen.rows += 1;
        read_values(row, seen)?;
        lookup.row(row.rowid())?;
        lookup.row(row.rowid().wrapping_mul(3))?;
        if seen.value_bytes > VALUE_BYTES_MAX {
            break;
        }
    }
    Ok(())
}

fn read_values(row: &Row, seen: &mut Seen) -> Result<()> {
    for i in 0..row.columns().len() {
        let value = row.get(i)?;
        seen.value_bytes += value.as_bytes().map_or(0, <[u8]>::len);
        if let Some(mut stream) = row.stream(i) {
            let mut head = [0; 64];
            // The same pages were read a moment ago.
            assert!(
                stream.read(&mut head).is_ok(),
                "a value that reads does not stream"
            );
        }
    }
    Ok(())
}

fn read_index(database: &Database, name: &str, seen: &mut Seen) -> Result<()> {
    let Some(index) = database.index(name)? else {
        return Ok(());
    };
    let forward = index.seek(&[]).and_then(|rows| read_entries(rows, seen));
    let backward = index
        .seek_back(&[])
        .and_then(|rows| read_entries(rows, seen));
    forward.and(backward)?;
    let Some(entry) = index.seek(&[])?.next()?.cloned() else {
        return Ok(());
    };
    let first = entry.get(0)?;
    index.seek(std::slice::from_ref(&first))?.next()?;
    index.seek_back(&[first])?.next()?;
    Ok(())
}

fn read_entries(mut entries: IndexRows, seen: &mut Seen) -> Result<()> {
    while let Some(entry) = entries.next()? {
        seen.entries += 1;
        let value = entry.get(0)?;
        seen.value_bytes += value.as_bytes().map_or(0, <[u8]>::len);
        if seen.value_bytes > VALUE_BYTES_MAX {
            break;
        }
    }
    Ok(())
}

/// Opens `bytes` as a database and checks all of it. Returns the report if it opens.
///
/// # Panics
/// If the check fails with an error, or does not stop at its limit of findings.
pub fn check(bytes: &[u8]) -> Option<CheckReport> {
    let database = Database::open(Arc::new(MemFile::new(bytes))).ok()?;
    let options = CheckOptions { findings_max: 50 };
    match database.check(options) {
        Ok(report) => {
            assert!(report.findings.len() <= 50, "more findings than allowed");
            Some(report)
        }
        Err(error) => panic!("check failed: {}", error.chain()),
    }
}

/// Parses `bytes` as a `CREATE TABLE` and as a `CREATE INDEX` statement on that table.
pub fn statement(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (first, second) = text.split_once(';').unwrap_or((&text, &text));
    if let Ok(table) = parse_table(first) {
        let _ = parse_index(second, |_| Some(&table));
        let on = format!(
            "create index i on \"{}\" {second}",
            table.name.replace('"', "\"\"")
        );
        let _ = parse_index(&on, |_| Some(&table));
    }
}
