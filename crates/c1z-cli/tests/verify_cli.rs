//! `c1z verify` and `c1z repair` as a script sees them: exit codes, JSON, and outputs that are never overwritten.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that meets unexpected data must stop; it makes its own files"
)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use testkit::golden::Case;

fn c1z(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_c1z"))
        .args(args)
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn golden() -> String {
    let path = Case::named("realistic").path("v3.indexed_zstd.c1z");
    path.to_str().unwrap().to_owned()
}

/// A copy of the golden file with a byte in its first frame turned over.
fn damaged(folder: &Path) -> String {
    let mut bytes = std::fs::read(golden()).unwrap();
    let manifest = u32::from_be_bytes(bytes[5..9].try_into().unwrap());
    let at = 9 + usize::try_from(manifest).unwrap() + 2000;
    bytes[at] ^= 0x10;
    let path = folder.join("damaged.c1z");
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_clean_file_exits_0_and_says_what_was_checked() {
    for depth in ["--quick", "--full"] {
        let output = c1z(&["verify", depth, &golden(), "-o", "json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let file = &json(&output)["files"][0];
        assert_eq!(file["clean"], true);
        assert_eq!(file["format"], "v3");
        assert_eq!(
            file["checked"]["rows"].as_u64() > Some(0),
            depth == "--full"
        );
    }
    let output = c1z(&["verify", &golden()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("clean (v3)"), "{text}");
}

#[test]
fn damage_exits_1_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = damaged(folder.path());
    let output = c1z(&["verify", &golden(), &path, "-o", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let files = json(&output);
    assert_eq!(files["files"][0]["clean"], true);
    let finding = &files["files"][1]["findings"][0];
    assert_eq!(finding["severity"], "damage");
    assert_eq!(finding["class"], "frame");
    assert!(
        finding["examples"][0]["file"]
            .as_str()
            .unwrap()
            .contains(".sst")
    );
    assert!(finding["advice"].as_str().unwrap().contains("c1z repair"));

    let lines = c1z(&["verify", &path, "-o", "ndjson"]);
    let text = String::from_utf8(lines.stdout).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["type"], &last["clean"]),
        (&Value::from("end"), &Value::from(false))
    );

    let text = String::from_utf8(c1z(&["verify", &path]).stdout).unwrap();
    assert!(
        text.contains("NOT CLEAN") && text.contains("what to do:"),
        "{text}"
    );
}

#[test]
fn a_repair_writes_a_clean_file_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.c1z");
    let out = out.to_str().unwrap();
    let output = c1z(&["repair", &golden(), out, "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = json(&output);
    assert_eq!(report["complete"], true);
    let grants = report["records"].as_array().unwrap().iter();
    let grants = grants.clone().find(|kind| kind["kind"] == "grant").unwrap();
    assert_eq!(grants["saved"], grants["recorded"]);
    assert_eq!(c1z(&["verify", out]).status.code(), Some(0));
    let before = std::fs::read(out).unwrap();
    assert_eq!(c1z(&["repair", &golden(), out]).status.code(), Some(6));
    assert_eq!(std::fs::read(out).unwrap(), before);
    assert_eq!(
        c1z(&["repair", &golden(), &golden()]).status.code(),
        Some(6)
    );
}

#[test]
fn what_is_no_file_of_ours_is_an_error_and_no_verdict() {
    assert_eq!(c1z(&["verify", "no-such-file.c1z"]).status.code(), Some(5));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    std::fs::write(&path, "plain text").unwrap();
    assert_eq!(
        c1z(&["verify", path.to_str().unwrap()]).status.code(),
        Some(3)
    );
}

#[test]
fn every_file_of_a_folder_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(golden(), folder.path().join("a.c1z")).unwrap();
    let v1 = Case::named("basic").path("v1.c1z");
    std::fs::copy(v1, folder.path().join("b.c1z")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no file of ours").unwrap();
    let name = folder.path().to_str().unwrap();
    let output = c1z(&["verify", name, "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let formats: Vec<Value> = json(&output)["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["format"].clone())
        .collect();
    assert_eq!(formats, ["v3", "v1"]);
    damaged(folder.path());
    let output = c1z(&["verify", name]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let empty = tempfile::tempdir().unwrap();
    let output = c1z(&["verify", empty.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
}
