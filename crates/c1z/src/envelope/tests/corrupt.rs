//! Damaged files: each is an error of the right class or reads as the reference reads it.
//!
//! `testdata/golden/corrupt/errors.ndjson.gz` has the answers of the reference. What it accepts and
//! we do not: a compressed tar payload of zero bytes. What nobody can see at this level: damage
//! inside a plain tar, which has no checksums, and a v1 stream that holds no SQLite file.

use std::io::Read;

use super::*;
use crate::ErrorKind;

/// Class of each file: kind and first words of the error, or `None` where it opens.
const CLASSES: [(&str, Option<(ErrorKind, &str)>); 31] = [
    ("empty.c1z", Some((ErrorKind::NotFound, "file is empty"))),
    (
        "bad-magic.c1z",
        Some((ErrorKind::InvalidArgument, "not a c1z file")),
    ),
    (
        "short-magic.c1z",
        Some((ErrorKind::DataLoss, "truncated c1z magic")),
    ),
    ("v1-header-only.c1z", None),
    (
        "v1-truncated.c1z",
        Some((ErrorKind::DataLoss, "corrupt zstd frame")),
    ),
    (
        "v1-truncated-4.c1z",
        Some((ErrorKind::DataLoss, "corrupt zstd frame")),
    ),
    (
        "v1-flip.c1z",
        Some((ErrorKind::DataLoss, "corrupt zstd frame")),
    ),
    ("v1-not-sqlite.c1z", None),
    (
        "v3-header-only.c1z",
        Some((ErrorKind::DataLoss, "truncated manifest")),
    ),
    (
        "v3-truncated-manifest.c1z",
        Some((ErrorKind::DataLoss, "truncated manifest")),
    ),
    (
        "v3-huge-manifest-length.c1z",
        Some((ErrorKind::ResourceExhausted, "manifest length")),
    ),
    (
        "v3-zero-manifest-length.c1z",
        Some((ErrorKind::DataLoss, "corrupt manifest")),
    ),
    (
        "v3-garbage-manifest.c1z",
        Some((ErrorKind::DataLoss, "corrupt manifest")),
    ),
    (
        "v3-indexed-no-footer.c1z",
        Some((ErrorKind::DataLoss, "truncated index footer")),
    ),
    (
        "v3-indexed-truncated.c1z",
        Some((ErrorKind::DataLoss, "truncated index footer")),
    ),
    (
        "v3-indexed-flip-frame.c1z",
        Some((ErrorKind::DataLoss, "cannot read payload file")),
    ),
    (
        "v3-indexed-flip-index.c1z",
        Some((ErrorKind::DataLoss, "corrupt frame index")),
    ),
    (
        "v3-indexed-flip-manifest.c1z",
        Some((ErrorKind::DataLoss, "corrupt manifest")),
    ),
    (
        "v3-tar_zstd-truncated.c1z",
        Some((ErrorKind::DataLoss, "corrupt zstd frame")),
    ),
    (
        "v3-tar_zstd-flip.c1z",
        Some((ErrorKind::DataLoss, "corrupt zstd frame")),
    ),
    (
        "v3-tar-truncated.c1z",
        Some((ErrorKind::DataLoss, "truncated tar archive")),
    ),
    (
        "v3-no-payload.c1z",
        Some((ErrorKind::DataLoss, "truncated payload")),
    ),
    (
        "v3-unknown-engine.c1z",
        Some((ErrorKind::EngineNotAvailable, "engine not available")),
    ),
    ("v3-engine-pebble.c1z", None),
    ("v3-engine-pebble2.c1z", None),
    ("v3-newer-schema.c1z", None),
    ("v3-older-schema.c1z", None),
    ("v3-no-descriptors.c1z", None),
    (
        "v3-unknown-encoding.c1z",
        Some((ErrorKind::FormatNewer, "payload encoding is not known")),
    ),
    (
        "v3-unspecified-encoding.c1z",
        Some((ErrorKind::DataLoss, "corrupt manifest")),
    ),
    ("v3-unknown-record-type.c1z", None),
];
/// The rest: opens here and in the reference.
const OPEN: [&str; 2] = ["v3-newer-record-schema.c1z", "v3-tar-flip-sst.c1z"];

#[test]
fn every_damaged_file_has_its_class() {
    let answers = answers();
    assert_eq!(answers.len(), CLASSES.len() + OPEN.len());
    let open = OPEN.iter().map(|name| (*name, None));
    for (name, class) in CLASSES.into_iter().chain(open) {
        let bytes = read_all(&OsFs, golden().join("corrupt").join(name));
        let found = read_everything(&bytes, &OpenOptions::default());
        match (class, found) {
            (None, Ok(_)) => {}
            (Some((kind, words)), Err(error)) => {
                assert_eq!(error.kind(), kind, "{name}: {error:?}");
                assert!(error.to_string().starts_with(words), "{name}: {error:?}");
                assert_eq!(
                    error.file(),
                    Some(Path::new("memory.c1z")),
                    "{name}: {error:?}"
                );
                assert!(error.hint().is_some(), "{name}: {error:?}");
            }
            (class, found) => panic!("{name}: expected {class:?}, found {found:?}"),
        }
        let answer = answers.iter().find(|a| a["file"] == name).unwrap();
        let refused = answer.get("open_error").is_some();
        let stricter = ["v3-no-payload.c1z"].contains(&name);
        let above = ["v1-not-sqlite.c1z"].contains(&name);
        assert_eq!(class.is_some(), (refused && !above) || stricter, "{name}");
    }
}

/// The answers of the reference, one object per file.
fn answers() -> Vec<serde_json::Value> {
    let packed = read_all(&OsFs, golden().join("corrupt/errors.ndjson.gz"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
