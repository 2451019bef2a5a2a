//! Lists of live rows, in the form of the golden files.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use testkit::rebuild::Rows;

use crate::Outcome;

/// Writes `kv.ndjson.gz`.
pub(crate) fn save(path: &Path, rows: &Rows) -> Outcome<()> {
    let file = BufWriter::new(File::create(path)?);
    let mut out = GzEncoder::new(file, Compression::fast());
    for (key, value) in rows {
        let (key, value) = (hex(key), hex(value));
        writeln!(out, r#"{{"key_hex":"{key}","value_hex":"{value}"}}"#)?;
    }
    out.finish()?.flush()?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
