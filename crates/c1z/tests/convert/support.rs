//! Golden files in a file system in memory, conversions of them, and what came out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use c1z::envelope::{EnvelopeFile, Manifest, OpenOptions};
use c1z::ops::convert::{ConvertOptions, ConvertSummary, FileFormat, convert};
use c1z::sqlite_file::{CheckOptions, Database as Sqlite, Value};
use shingle::db::{Database, ReadOptions, ScanOptions};
use shingle::iter::Bounds;
use shingle::vfs::{Fs, MemFile, MemFs};
use testkit::chance::SeededEntropy;
use testkit::golden::sqlite::{Blob, Cell};
use testkit::golden::{Case, Format, PackedFile, packed_files};
pub(crate) use testkit::rebuild::{Rows, difference};

/// Cells of a row by column.
pub(crate) type SqliteRow = BTreeMap<String, Cell>;

/// A file system with one golden file in it, under the name `in`.
pub(crate) fn with_input(case: &Case, file: &str) -> MemFs {
    let mem = MemFs::new();
    mem.install("in", case.bytes(file).unwrap()).unwrap();
    mem
}

/// Options that write `to`, in the file system of the test.
pub(crate) fn options(mem: &MemFs, to: FileFormat) -> ConvertOptions {
    ConvertOptions {
        fs: Arc::new(mem.clone()),
        entropy: Arc::new(SeededEntropy::seeded(1)),
        to: Some(to),
        threads: 2,
        ..ConvertOptions::default()
    }
}

/// Converts with those options, losses allowed.
pub(crate) fn convert_all(
    mem: &MemFs,
    input: &str,
    output: &str,
    to: FileFormat,
) -> ConvertSummary {
    let options = ConvertOptions {
        allow_loss: true,
        ..options(mem, to)
    };
    convert(input, output, &options).unwrap()
}

/// Manifest and rows of a v3 file, its hashes verified.
pub(crate) fn read_v3(fs: &dyn Fs, path: &str) -> (Manifest, Rows) {
    let opened = EnvelopeFile::open(fs, Path::new(path), &OpenOptions::default()).unwrap();
    let EnvelopeFile::V3(file) = opened else {
        panic!("a v1 file");
    };
    let payload = file.payload().unwrap();
    payload.verify().unwrap();
    (file.manifest().clone(), rows_in(payload, ""))
}

/// All rows of a database, its levels checked.
pub(crate) fn rows_in(fs: Arc<dyn Fs>, dir: &str) -> Rows {
    let database = Database::open_sealed(fs, dir, ReadOptions::default()).unwrap();
    database.check_levels().unwrap();
    let mut scan = database.scan(Bounds::all(), ScanOptions::default());
    let mut rows = Rows::new();
    while let Some((key, value)) = scan.next().unwrap() {
        rows.insert(key.to_vec(), value.to_vec());
    }
    rows
}

/// The database of a v1 file, checked page by page.
pub(crate) fn read_v1(fs: &dyn Fs, path: &str) -> Sqlite {
    let opened = EnvelopeFile::open(fs, Path::new(path), &OpenOptions::default()).unwrap();
    let EnvelopeFile::V1(file) = opened else {
        panic!("a v3 file");
    };
    let mut bytes = Vec::new();
    file.decode_into(&mut bytes).unwrap();
    let database = Sqlite::open(Arc::new(MemFile::new(bytes))).unwrap();
    let report = database.check(CheckOptions::default()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert!(report.opaque.is_empty(), "{:?}", report.opaque);
    database
}

/// The rows of a table.
pub(crate) fn table_rows(database: &Sqlite, table: &str) -> Vec<SqliteRow> {
    let table = database.table(table).unwrap().expect("the table exists");
    let mut rows = table.scan(..);
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells = row.columns().iter().enumerate();
        let cells = cells.map(|(i, column)| (column.name.clone(), cell(&row.get(i).unwrap())));
        found.push(cells.collect());
    }
    found
}

fn cell(value: &Value<'_>) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Integer(value) => Cell::Integer(*value),
        Value::Real(value) => Cell::Real(*value),
        Value::Text(_) => Cell::Text(value.as_text().expect("text in UTF-8").to_owned()),
        Value::Blob(bytes) => Cell::Blob(Blob {
            bytes: bytes.to_vec(),
        }),
    }
}

/// One golden file of every set of rows.
pub(crate) fn distinct(format: Format) -> Vec<PackedFile> {
    let mut seen = Vec::new();
    let mut files = packed_files().unwrap();
    files.retain(|file| {
        let key = (file.case.name.clone(), file.dump);
        let is_new = file.format == format && !seen.contains(&key);
        seen.extend(is_new.then_some(key));
        is_new
    });
    files
}
