//! Loads the golden files and finds the cases.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures; the product goes through shingle::vfs"
)]

use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;

/// One set of live keys and values.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Folder and variant, for messages.
    pub(crate) name: String,
    kv: PathBuf,
}

/// Layout of the keys of a case, as its folder name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// Several syncs in one keyspace: refused.
    SyncPrefixed,
    /// Keys by external id.
    ExternalId,
    /// Structural keys.
    Current,
}

impl Case {
    pub(crate) fn era(&self) -> Era {
        if self.name.starts_with("legacy-pebble1") {
            Era::SyncPrefixed
        } else if self.name.starts_with("legacy-pebble2") && !self.name.ends_with("migrated") {
            Era::ExternalId
        } else {
            Era::Current
        }
    }

    /// Live keys and values in key order.
    pub(crate) fn kv(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = ndjson(&self.kv);
        let pair = |row: &Value| (hex(&row["key_hex"]), hex(&row["value_hex"]));
        rows.iter().map(pair).collect()
    }
}

/// The folder of the golden files.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden")
}

/// Every case with a listing of keys and values, by name.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for folder in std::fs::read_dir(root()).expect("golden files") {
        let folder = folder.expect("a folder").path();
        if folder.ends_with("pebble") || !folder.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&folder).expect("a case") {
            let file = file.expect("a file").path();
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let Some(variant) = name.strip_prefix("kv.") else {
                continue;
            };
            let variant = variant.strip_suffix("ndjson.gz").expect("a listing");
            let variant = variant.trim_end_matches('.').to_owned();
            let case = folder.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{case} {variant}").trim().to_owned();
            cases.push(Case { name, kv: file });
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(cases.len(), 63, "golden cases with keys and values");
    cases
}

/// The lines of a compressed NDJSON file.
fn ndjson(path: &Path) -> Vec<Value> {
    let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    GzDecoder::new(&file[..])
        .read_to_string(&mut text)
        .expect("gzip");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// The bytes of a JSON string of hexadecimal digits.
pub(crate) fn hex(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("hexadecimal text").as_bytes();
    let digit = |c: u8| char::from(c).to_digit(16).expect("a digit");
    let pairs = text
        .chunks(2)
        .map(|pair| digit(pair[0]) * 16 + digit(pair[1]));
    pairs
        .map(|byte| u8::try_from(byte).expect("a byte"))
        .collect()
}
