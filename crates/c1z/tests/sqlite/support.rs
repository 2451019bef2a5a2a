//! Golden v1 files as databases in memory, and writing databases in memory.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use c1z::sqlite_file::writer::{WriteOptions, Writer};
use c1z::sqlite_file::{Database, ObjectKind, Value};
use shingle::compress::zstd::Decoder;
use shingle::vfs::{Fs, MemFile, MemFs};
use testkit::golden::sqlite::{Blob, Cell, Row};
use testkit::golden::{Case, cases};

/// Opens a database held in memory.
pub(crate) fn open(bytes: &[u8]) -> shingle::Result<Database> {
    Database::open(Arc::new(MemFile::new(bytes)))
}

/// A golden database.
pub(crate) struct Golden {
    /// Name of its case.
    pub(crate) name: String,
    /// The database file.
    pub(crate) database: Vec<u8>,
    case: Case,
}

impl Golden {
    /// What SQLite reads from it.
    pub(crate) fn dump(&self) -> Vec<Row> {
        self.case.sqlite_rows().unwrap()
    }
}

/// Every golden v1 file that has a table-level dump.
pub(crate) fn goldens() -> Vec<Golden> {
    let found: Vec<Golden> = cases()
        .unwrap()
        .into_iter()
        .filter(|case| case.has("sqlite-rows.ndjson.gz"))
        .map(unpacked)
        .collect();
    assert_eq!(found.len(), 32, "golden v1 files with a dump");
    found
}

/// The golden file of one case.
pub(crate) fn golden(case: &str) -> Golden {
    unpacked(Case::named(case))
}

fn unpacked(case: Case) -> Golden {
    let file = ["v1.c1z", "compacted.v1.c1z"]
        .into_iter()
        .find(|file| case.has(file));
    let bytes = case
        .bytes(file.expect("a case with a dump has its file"))
        .unwrap();
    Golden {
        name: case.name.clone(),
        database: unpack(&bytes),
        case,
    }
}

/// The database inside a v1 file.
pub(crate) fn unpack(file: &[u8]) -> Vec<u8> {
    let stream = file.strip_prefix(b"C1ZF\0").expect("a v1 file");
    let mut bytes = Vec::new();
    Decoder::new(stream).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A value in the notation of the dumps.
pub(crate) fn to_cell(value: &Value<'_>) -> Cell {
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

/// All rows of a table: their cells by column.
pub(crate) fn table_rows(database: &Database, table: &str) -> Vec<Vec<(String, Cell)>> {
    let table = database.table(table).unwrap().expect("the table exists");
    let mut rows = table.scan(..);
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells = row.columns().iter().enumerate();
        let cells = cells.map(|(i, column)| (column.name.clone(), to_cell(&row.get(i).unwrap())));
        found.push(cells.collect());
    }
    found
}

/// Writes a database: `fill` writes its tables.
pub(crate) fn write(
    statements: &[&str],
    options: WriteOptions,
    fill: impl FnOnce(&mut Writer) -> shingle::Result<()>,
) -> shingle::Result<Vec<u8>> {
    let (fs, path) = (MemFs::new(), Path::new("body"));
    let mut writer = Writer::new(fs.create(path).unwrap(), statements, options)?;
    fill(&mut writer)?;
    let written = writer.finish()?;
    let mut bytes = written.first_page.to_vec();
    bytes.extend(fs.read(path).unwrap());
    assert_eq!(bytes.len() as u64, written.len_bytes());
    Ok(bytes)
}

/// Writes the rows of all tables of `from`.
pub(crate) fn copy_tables(from: &Database, writer: &mut Writer) -> shingle::Result<()> {
    for object in from.schema().objects() {
        if object.kind == ObjectKind::Table {
            let table = from.table(&object.name)?.expect("listed");
            let mut rows = table.scan(..);
            let mut out = writer.table(&object.name)?;
            while let Some(row) = rows.next()? {
                let values = (0..row.columns().len()).map(|i| row.get(i));
                out.push(row.rowid(), &values.collect::<shingle::Result<Vec<_>>>()?)?;
            }
            out.finish()?;
        }
    }
    Ok(())
}
