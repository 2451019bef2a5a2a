//! Golden v1 files: where they are, their databases, and the rows that the Go implementation's own
//! SQLite read from them.
#![expect(
    clippy::disallowed_methods,
    reason = "tests read the repository's files directly"
)]

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use c1z::sqlite_file::writer::{WriteOptions, Writer};
use c1z::sqlite_file::{Database, ObjectKind, Value};
use serde_json::{Value as Json, json};
use shingle::vfs::{ReadFile, WriteFile};

/// A file held in memory.
#[derive(Debug)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl ReadFile for Bytes {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.0.len());
        let mut rest = &self.0[start..];
        rest.read(buf)
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Opens a database held in memory.
pub(crate) fn open(bytes: &[u8]) -> shingle::Result<Database> {
    Database::open(Arc::new(Bytes(bytes.to_vec())))
}

/// A golden database.
pub(crate) struct Golden {
    /// Name of its case.
    pub(crate) name: String,
    /// The database file.
    pub(crate) database: Vec<u8>,
    dir: PathBuf,
}

impl Golden {
    /// The lines of the table-level dump.
    pub(crate) fn dump(&self) -> Vec<Json> {
        let file = fs::File::open(self.dir.join("sqlite-rows.ndjson.gz")).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(file)
            .read_to_string(&mut text)
            .unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden")
}

/// Every golden v1 file that has a table-level dump.
pub(crate) fn goldens() -> Vec<Golden> {
    let mut found = Vec::new();
    for entry in fs::read_dir(golden_dir()).unwrap() {
        let dir = entry.unwrap().path();
        if dir.join("sqlite-rows.ndjson.gz").exists() {
            found.push(golden_in(dir));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(found.len(), 32, "golden v1 files with a dump");
    found
}

/// The golden file of one case.
pub(crate) fn golden(case: &str) -> Golden {
    golden_in(golden_dir().join(case))
}

fn golden_in(dir: PathBuf) -> Golden {
    let file = ["v1.c1z", "compacted.v1.c1z"]
        .map(|name| dir.join(name))
        .into_iter()
        .find(|path| path.exists())
        .expect("a case with a dump has its file");
    Golden {
        name: dir.file_name().unwrap().to_string_lossy().into_owned(),
        database: unpack(&fs::read(file).unwrap()),
        dir,
    }
}

/// The database inside a v1 file.
pub(crate) fn unpack(file: &[u8]) -> Vec<u8> {
    use structured_zstd::decoding::{ContentChecksum, FrameDecoder, StreamingDecoder};
    let stream = file.strip_prefix(b"C1ZF\0").expect("a v1 file");
    let mut decoder = FrameDecoder::new();
    decoder.set_content_checksum(ContentChecksum::Verify);
    let mut decoder = StreamingDecoder::new_with_decoder(stream, decoder);
    let mut bytes = Vec::new();
    decoder.read_to_end(&mut bytes).unwrap();
    bytes
}

/// A value in the notation of the dumps.
pub(crate) fn to_json(value: &Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(value) => json!(value),
        Value::Real(value) => json!(value),
        Value::Text(bytes) => json!(std::str::from_utf8(bytes).expect("text in UTF-8")),
        Value::Blob(bytes) => {
            use std::fmt::Write as _;
            let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            json!({"blob_hex": hex})
        }
    }
}

/// All rows of a table, in the notation of the dumps.
pub(crate) fn table_rows(database: &Database, table: &str) -> Vec<Json> {
    let table = database.table(table).unwrap().expect("the table exists");
    let mut rows = table.scan(..);
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let values = row
            .columns()
            .iter()
            .enumerate()
            .map(|(i, column)| (column.name.clone(), to_json(&row.get(i).unwrap())));
        found.push(Json::Object(values.collect()));
    }
    found
}

/// A file that is written to memory; clones share their bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl WriteFile for Buffer {
    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(data);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a database: `fill` writes its tables.
pub(crate) fn write(
    statements: &[&str],
    options: WriteOptions,
    fill: impl FnOnce(&mut Writer) -> shingle::Result<()>,
) -> shingle::Result<Vec<u8>> {
    let pages = Buffer::default();
    let mut writer = Writer::new(Box::new(pages.clone()), statements, options)?;
    fill(&mut writer)?;
    let written = writer.finish()?;
    let mut bytes = written.first_page.to_vec();
    bytes.extend(pages.take());
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
