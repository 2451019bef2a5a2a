//! `c1z tee-check` as a script sees it: one sync in many formats is equal, and what differs is named.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that meets unexpected data must stop"
)]

use std::process::{Command, Output};

use serde_json::Value;
use testkit::golden::Case;

fn c1z(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_c1z"))
        .args(args)
        .env("TZ", "UTC")
        .output()
        .unwrap()
}

fn golden(case: &str, file: &str) -> String {
    let path = Case::named(case).path(file);
    path.to_str().unwrap().to_owned()
}

#[test]
fn one_sync_is_equal_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let indexed = golden("realistic", "v3.indexed_zstd.c1z");
    let v1 = path("v1.c1z");
    let made = c1z(&["-f", &indexed, "convert", &indexed, &v1, "--to", "v1"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    for (left, right) in [
        (&indexed, &indexed),
        (&indexed, &v1),
        (&v1, &indexed),
        (&v1, &v1),
    ] {
        let output = c1z(&["tee-check", left, right]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{left} {right}: {text}");
        assert!(text.starts_with("equal\n"), "{text}");
        assert!(text.contains("grants: "), "{text}");
    }
}

#[test]
fn differences_are_counted_by_kind_and_the_first_are_shown() {
    let (base, applied) = (
        golden("diff-base", "v3.indexed_zstd.c1z"),
        golden("diff-applied", "v3.indexed_zstd.c1z"),
    );
    let output = c1z(&["tee-check", &base, &applied, "-o", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["equal"], Value::Bool(false));
    let syncs = &found["kinds"][0];
    assert_eq!(syncs["kind"], "syncs");
    assert!(syncs["different"].as_u64().unwrap() > 0);
    assert_eq!(syncs["examples"][0]["subject"], "sync");
    let lines = c1z(&["tee-check", &base, &applied, "-o", "ndjson"]);
    let text = String::from_utf8(lines.stdout).unwrap();
    assert!(
        text.ends_with("{\"equal\":false,\"type\":\"end\"}\n"),
        "{text}"
    );
}

#[test]
fn what_is_not_there_is_not_found() {
    let file = golden("basic", "v3.indexed_zstd.c1z");
    assert_eq!(
        c1z(&["tee-check", &file, "nowhere.c1z"]).status.code(),
        Some(5)
    );
    let unknown = c1z(&["tee-check", &file, &file, "--sync-id", "unknown"]);
    assert_eq!(unknown.status.code(), Some(5));
}
