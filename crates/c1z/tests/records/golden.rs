//! Loads the golden files and finds the cases.
//!
//! A case is one listing of keys and values with the dump and the writes that belong to it. Lines are
//! JSON; messages in them are base64 of their canonical bytes.

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
    dump: PathBuf,
    ops: PathBuf,
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

    /// The answers of Go's reader.
    pub(crate) fn dump(&self) -> Vec<Value> {
        ndjson(&self.dump)
    }

    /// The writes that made the file, if the case has them and they are all of it.
    pub(crate) fn ops(&self) -> Option<Vec<Value>> {
        let own = self.kv.ends_with("kv.ndjson.gz") && self.era() == Era::Current;
        (own && self.ops.exists()).then(|| ndjson(&self.ops))
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
            let dump = if variant.is_empty() { "v3" } else { &variant };
            let dump = folder.join(format!("dump.{dump}.ndjson.gz"));
            assert!(dump.exists(), "no dump beside {}", file.display());
            let case = folder.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{case} {variant}").trim().to_owned();
            cases.push(Case {
                name,
                kv: file,
                dump,
                ops: folder.join("ops.ndjson.gz"),
            });
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

/// The bytes of a JSON string in base64.
pub(crate) fn base64(text: &Value) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = text.as_str().expect("base64 text").trim_end_matches('=');
    let (mut bits, mut held, mut out) = (0u32, 0, Vec::new());
    for c in text.bytes() {
        let digit = ALPHABET.iter().position(|&a| a == c).expect("a digit");
        bits = bits << 6 | u32::try_from(digit).expect("six bits");
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).expect("a byte"));
        }
    }
    out
}
