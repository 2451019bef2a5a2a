//! The program's output against what the Go tool printed for the same files: tables equal in content, JSON equal as JSON.
//! Where it differs on purpose, the difference is a row of `COMPAT.md` and a test here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]

use std::path::PathBuf;
use std::process::{Command, Output};

use testkit::golden::{Case, folder, read_file};

fn v3() -> PathBuf {
    Case::named("basic").path("v3.indexed_zstd.c1z")
}

fn c1z(file: &PathBuf, args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_c1z");
    Command::new(program)
        .args(args)
        .arg("-f")
        .arg(file)
        .env("TZ", "UTC")
        .output()
        .unwrap()
}

fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What the Go tool printed: without the command in front and the exit code behind.
fn stored(name: &str) -> String {
    let bytes = read_file(&folder().join("cli").join(name)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (_, text) = text.split_once('\n').unwrap();
    text.rsplit_once("[exit").unwrap().0.to_owned()
}

/// Cells of every table line, without padding; blank lines left out.
fn cells(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

fn same_table(args: &[&str], name: &str) {
    assert_eq!(
        cells(&stdout(c1z(&v3(), args))),
        cells(&stored(name)),
        "{name}"
    );
}

fn same_json(args: &[&str], name: &str) {
    let ours: serde_json::Value = serde_json::from_str(&stdout(c1z(&v3(), args))).unwrap();
    let go: serde_json::Value = serde_json::from_str(&stored(name)).unwrap();
    assert_eq!(ours, go, "{name}");
}

#[test]
fn tables_say_what_the_go_tool_says() {
    for command in [
        "stats",
        "syncs",
        "resource-types",
        "resources",
        "entitlements",
        "grants",
    ] {
        same_table(&[command], &format!("v3.{command}.txt"));
    }
}

#[test]
fn json_is_that_of_the_go_tool() {
    for command in [
        "stats",
        "syncs",
        "resource-types",
        "resources",
        "entitlements",
        "grants",
    ] {
        same_json(&[command, "-o", "json"], &format!("v3.{command}.json.txt"));
    }
}

#[test]
fn flags_stand_before_or_after_the_command() {
    let program = env!("CARGO_BIN_EXE_c1z");
    let before = Command::new(program)
        .args(["-o", "json", "-f"])
        .arg(v3())
        .arg("syncs")
        .output();
    assert_eq!(
        before.unwrap().stdout,
        c1z(&v3(), &["syncs", "-o", "json"]).stdout
    );
}

#[test]
fn lines_are_objects_with_a_type_and_a_count_at_the_end() {
    let text = stdout(c1z(&v3(), &["grants", "-o", "ndjson"]));
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (first, last) = (lines.first().unwrap(), lines.last().unwrap());
    assert_eq!(first["type"], "begin");
    assert_eq!(last["type"], "end");
    assert_eq!(last["rows"], lines.len() - 2);
    assert!(
        lines[1..lines.len() - 1]
            .iter()
            .all(|line| line["type"] == "grant")
    );
}

#[test]
fn filters_narrow_the_list() {
    let ids = |args: &[&str]| cells(&stdout(c1z(&v3(), args))).len() - 1;
    assert_eq!(ids(&["grants"]), 16);
    assert_eq!(ids(&["grants", "-t", "app"]), 2);
    assert_eq!(ids(&["grants", "-t", "group", "-r", "g0"]), 6);
    assert_eq!(ids(&["grants", "-e", "group:g0:owner"]), 5);
    assert_eq!(ids(&["entitlements", "-t", "group"]), 4);
    assert_eq!(ids(&["resources", "-t", "user"]), 8);
}

#[test]
fn an_unfinished_sync_is_shown_with_a_warning() {
    let file = Case::named("unfinished").path("v3.indexed_zstd.c1z");
    let output = c1z(&file, &["resources"]);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("is not finished"),
        "{output:?}"
    );
    assert_eq!(cells(&stdout(output)).len(), 1 + 8);
}

#[test]
fn errors_name_file_and_place_and_exit_with_their_kind() {
    let corrupt = |name: &str| folder().join("corrupt").join(name);
    let cases: [(PathBuf, &[&str], i32, &str); 6] = [
        (
            PathBuf::from("no-such-file.c1z"),
            &["stats"],
            5,
            "no-such-file.c1z",
        ),
        (corrupt("bad-magic.c1z"), &["stats"], 3, "not a c1z file"),
        (
            corrupt("v3-indexed-truncated.c1z"),
            &["stats"],
            15,
            "offset",
        ),
        (v3(), &["grants", "--sync-id", "nope"], 5, "sync not found"),
        (v3(), &["grants", "-o", "yaml"], 3, "possible values"),
        (v3(), &["grants", "-r", "g0"], 3, "--resource-type"),
    ];
    for (file, args, code, says) in cases {
        let output = c1z(&file, args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn inspection_shows_every_layer() {
    for (args, says) in [
        (&["inspect", "envelope"][..], "MANIFEST-000001"),
        (&["inspect", "manifest"], "pebble3"),
        (&["inspect", "lsm"], "format version 24"),
        (&["inspect", "sst", "000006.sst"], "Data"),
        (
            &["inspect", "keys", "--prefix", "0306", "--values"],
            "sync-run",
        ),
    ] {
        let text = stdout(c1z(&v3(), args));
        assert!(text.contains(says), "{args:?}: {text}");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let program = env!("CARGO_BIN_EXE_c1z");
    let line = format!(
        "'{program}' resources -o ndjson -f '{}' | head -c 1",
        v3().display()
    );
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(output.status.success());
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
