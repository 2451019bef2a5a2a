//! Folders of syncs as their users meet them: files in, the history, one sync, reads at a time, retention, deletion.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets unexpected data must stop"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use testkit::golden::Case;

fn c1z(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_c1z"));
    for name in [
        "BATON_FILE",
        "BATON_OUTPUT_FORMAT",
        "BATON_KEEP_SYNC_COUNT",
        "BATON_SKIP_CLEANUP",
    ] {
        command.env_remove(name);
    }
    command.current_dir(dir).args(args).env("TZ", "UTC");
    command.output().unwrap()
}

fn text(dir: &Path, args: &[&str]) -> String {
    let output = c1z(dir, args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn lines(dir: &Path, args: &[&str]) -> Vec<Value> {
    let text = text(dir, args);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn code(dir: &Path, args: &[&str]) -> i32 {
    c1z(dir, args).status.code().unwrap()
}

/// A folder `syncs` with the five syncs of a v1 file and the one of a v3 file.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let many = Case::named("multi-sync").path("v1.c1z");
    let one = Case::named("basic").path("v3.indexed_zstd.c1z");
    let (many, one) = (many.to_str().unwrap(), one.to_str().unwrap());
    let added = lines(
        dir.path(),
        &["archive", "add", "syncs", many, one, "-o", "ndjson"],
    );
    assert_eq!(added.len(), 6);
    assert_eq!(added[5]["number"], 6);
    dir
}

#[test]
fn the_log_has_a_line_for_each_sync() {
    let dir = folder();
    let log = lines(dir.path(), &["log", "syncs", "-o", "ndjson"]);
    assert_eq!(log.len(), 8);
    assert_eq!(log[7]["rows"], 6);
    let types: Vec<_> = log[1..7]
        .iter()
        .map(|line| line["syncType"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        ["full", "partial", "full", "resources_only", "full", "full"]
    );
    assert_eq!(log[2]["parentSyncId"], log[1]["id"]);
    assert!(log[1]["grants"].as_i64().unwrap() > 0 && log[1]["durationMs"].is_i64());
    assert!(
        log[5]["endedAt"].is_null(),
        "the last of the v1 file is unfinished"
    );
    let table = text(dir.path(), &["log", "-f", "syncs"]);
    assert!(
        table.contains("Started At") && table.contains("resources_only"),
        "{table}"
    );
    assert_eq!(
        text(dir.path(), &["log", "syncs", "-o", "csv"])
            .lines()
            .count(),
        7
    );
}

#[test]
fn read_commands_take_a_folder() {
    let dir = folder();
    let log = lines(dir.path(), &["log", "syncs", "-o", "ndjson"]);
    let id = |line: usize| log[line]["id"].as_str().unwrap();
    let grants = |args: &[&str]| {
        let args = [&["grants", "-f", "syncs", "-o", "ndjson"], args].concat();
        let rows = lines(dir.path(), &args);
        let of = rows[0]["syncId"].as_str().unwrap().to_owned();
        (of, rows.last().unwrap()["rows"].as_i64().unwrap())
    };
    for line in [1, 3, 6] {
        let recorded = log[line]["grants"].as_i64().unwrap();
        assert_eq!(
            grants(&["--sync-id", id(line)]),
            (id(line).to_owned(), recorded)
        );
    }
    // At the very moment of its end, a sync has ended.
    for line in [1, 3] {
        let at = log[line]["endedAt"].as_str().unwrap();
        assert_eq!(grants(&["--at", at]).0, id(line));
    }
    assert_eq!(
        code(dir.path(), &["grants", "-f", "syncs", "--at", "2001-01-01"]),
        5
    );
    assert_eq!(
        code(dir.path(), &["grants", "-f", "syncs", "--at", "soon"]),
        3
    );
    assert_eq!(
        code(dir.path(), &["stats", "-f", "syncs", "--sync-id", "nope"]),
        5
    );
    for command in [
        "stats",
        "syncs",
        "resources",
        "entitlements",
        "resource-types",
        "principals",
    ] {
        assert_eq!(code(dir.path(), &[command, "-f", "syncs"]), 0, "{command}");
    }
    let before = text(dir.path(), &["show", "syncs", id(3)]);
    assert!(
        before.contains(&format!("compared with {}", id(1))),
        "{before}"
    );
    let shown = lines(dir.path(), &["show", "syncs", id(1), "-o", "json"]);
    assert_eq!(shown[0]["counts"]["grants"], log[1]["grants"]);
    assert!(shown[0]["comparedWith"].is_null());
}

#[test]
fn retention_and_deletion_say_what_they_do() {
    let dir = folder();
    let ids = |args: &[&str]| -> Vec<Value> {
        let rows = lines(dir.path(), args);
        rows[1..rows.len() - 1]
            .iter()
            .map(|row| row["id"].clone())
            .collect()
    };
    let log = ["log", "syncs", "-o", "ndjson"];
    let before = ids(&log);
    let plan = lines(
        dir.path(),
        &["cleanup", "syncs", "--keep", "1", "--dry-run", "-o", "json"],
    );
    assert_eq!(ids(&log), before, "a dry run deletes nothing");
    let done = lines(
        dir.path(),
        &["cleanup", "syncs", "--keep", "1", "-o", "json"],
    );
    assert_eq!(done[0]["deleted"], plan[0]["deleted"]);
    let deleted = done[0]["deleted"].as_array().unwrap();
    assert!(deleted.len() >= 2 && deleted.iter().any(|gone| gone["why"] == "older_full"));
    let after = ids(&log);
    assert_eq!(after.len() + deleted.len(), before.len());
    let last = after[0].as_str().unwrap();
    assert_eq!(
        code(
            dir.path(),
            &["archive", "delete-sync", "syncs", last, "nope"]
        ),
        5
    );
    assert_eq!(ids(&log), after, "a wrong name deletes nothing");
    assert_eq!(
        code(dir.path(), &["archive", "delete-sync", "syncs", last]),
        0
    );
    assert_eq!(ids(&log), after[1..]);
    assert_eq!(code(dir.path(), &["cleanup", "absent"]), 5);
    assert_eq!(
        text(dir.path(), &["archive", "pack", "syncs"]),
        "packed 0 syncs\n"
    );
}
