//! The program on a v1 file: what the Go tool printed for it. Tables equal in content, JSON equal as JSON.
#![allow(
    clippy::unwrap_used,
    reason = "a test that meets unexpected data must stop"
)]

use std::process::{Command, Output};

use testkit::golden::{Case, folder, read_file};

const COMMANDS: [&str; 6] = [
    "stats",
    "syncs",
    "resource-types",
    "resources",
    "entitlements",
    "grants",
];

fn c1z(case: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_c1z"))
        .args(args)
        .arg("-f")
        .arg(Case::named(case).path("v1.c1z"))
        .env("TZ", "UTC")
        .output()
        .unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = c1z("basic", args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What the Go tool printed: without the command in front and the exit code behind.
fn stored(name: &str) -> String {
    let bytes = read_file(&folder().join("cli").join(name)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (_, text) = text.split_once('\n').unwrap();
    text.rsplit_once("[exit").unwrap().0.to_owned()
}

fn cells(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

#[test]
fn tables_say_what_the_go_tool_says() {
    for command in COMMANDS {
        let go = stored(&format!("v1.{command}.txt"));
        assert_eq!(cells(&printed(&[command])), cells(&go), "{command}");
    }
}

#[test]
fn json_is_equal_as_json() {
    for command in COMMANDS {
        let ours: serde_json::Value =
            serde_json::from_str(&printed(&[command, "-o", "json"])).unwrap();
        let go = stored(&format!("v1.{command}.json.txt"));
        let go: serde_json::Value = serde_json::from_str(&go).unwrap();
        assert_eq!(ours, go, "{command}");
    }
}

#[test]
fn what_only_v3_files_have_is_refused_with_words() {
    for what in ["envelope", "manifest", "lsm", "keys"] {
        let output = c1z("basic", &["inspect", what]);
        assert!(!output.status.success(), "{what}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("v1"), "{what}: {message}");
    }
}
