//! Helpers of this crate's own tests: the golden files as file systems in memory.

use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::vfs::MemFs;

/// Where the golden files are.
pub(crate) fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden")
}

/// The bytes of a golden file; unpacked if its name ends in `.gz`.
#[expect(clippy::disallowed_methods, reason = "golden files are read in place")]
pub(crate) fn golden(path: &str) -> Vec<u8> {
    let bytes = std::fs::read(golden_dir().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    if path.rsplit('.').next() != Some("gz") {
        return bytes;
    }
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(&bytes[..]);
    decoder.read_to_end(&mut unpacked).unwrap();
    unpacked
}

/// Names of the golden folders in `path` whose names begin with `prefix`, sorted.
#[expect(clippy::disallowed_methods, reason = "golden files are read in place")]
pub(crate) fn golden_cases(path: &str, prefix: &str) -> Vec<String> {
    let entries = std::fs::read_dir(golden_dir().join(path)).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(prefix) && !name.contains('.'))
        .collect();
    names.sort();
    assert!(
        !names.is_empty(),
        "golden files are missing: {path}/{prefix}"
    );
    names
}

/// The files of a golden tar (or `.tar.gz`) in the root of a file system.
pub(crate) fn golden_tar(path: &str) -> MemFs {
    let fs = MemFs::new();
    for (name, content) in untar(&golden(path)) {
        fs.install(name, content).unwrap();
    }
    fs
}

/// Names and contents of the plain files of a tar with short names.
fn untar(mut rest: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    while let Some((header, tail)) = rest.split_at_checked(512) {
        let text = |range: std::ops::Range<usize>| {
            let field = header[range]
                .split(|&b| b == 0 || b == b' ')
                .next()
                .unwrap();
            String::from_utf8(field.to_vec()).unwrap()
        };
        let name = text(0..100);
        if name.is_empty() {
            break;
        }
        let len = usize::from_str_radix(&text(124..136), 8).unwrap();
        assert!(matches!(header[156], b'0' | 0), "only plain files: {name}");
        files.push((name, tail[..len].to_vec()));
        rest = &tail[len.next_multiple_of(512)..];
    }
    files
}

/// One line of a golden list of live keys and values.
pub(crate) type KeyValue = (Vec<u8>, Vec<u8>);

/// The points of a golden list (`kv.ndjson.gz`), in order.
pub(crate) fn golden_points(path: &str) -> Vec<KeyValue> {
    let text = String::from_utf8(golden(path)).unwrap();
    let lines = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| line.get(name).map(|v| unhex(v.as_str().unwrap()));
        Some((field("key_hex")?, field("value_hex").unwrap_or_default()))
    });
    lines.flatten().collect()
}

/// Hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of hexadecimal digits; anything else between them is passed over.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
