//! `--progress` and `health`.
#![expect(
    clippy::disallowed_methods,
    reason = "a damaged copy is made of a file that the program is given"
)]

use super::support::{c1z, golden, json, program, run, stderr, text, v1, v3};

#[test]
fn plain_progress_ends_with_a_summary_and_standard_output_stays() {
    let file = v3();
    let name = file.to_str().unwrap();
    let quiet = c1z(&file, &["verify", name]);
    assert!(quiet.stderr.is_empty(), "{quiet:?}");
    let plain = c1z(&file, &["verify", name, "--progress", "plain"]);
    assert_eq!(text(&plain), text(&quiet));
    let lines = stderr(&plain);
    let summary = lines.lines().last().unwrap();
    assert!(summary.starts_with("c1z: verify: done: "), "{lines}");
    assert!(summary.contains(" rows, "), "{lines}");
    assert!(summary.contains(" read and written in "), "{lines}");
    for silent in [["--progress", "never"], ["--progress=plain", "--quiet"]] {
        let silent = c1z(&file, &[&["verify", name], &silent[..]].concat());
        assert!(silent.stderr.is_empty(), "{silent:?}");
    }
    let list = c1z(&file, &["grants", "--progress=plain"]);
    let rows = stderr(&list);
    assert!(rows.starts_with("c1z: reading: done: "), "{rows}");
}

#[test]
fn a_failed_command_has_no_summary() {
    let output = c1z(&v3(), &["verify", "nowhere.c1z", "--progress=plain"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(!stderr(&output).contains("done"), "{output:?}");
}

#[test]
fn health_is_a_verdict_with_reasons() {
    for file in [v1("realistic"), v3(), golden("many-ssts")] {
        let said = run(&file, &["health"]);
        assert!(said.contains(": healthy\n"), "{said}");
        assert!(said.contains("not looked at: "), "{said}");
        let document = json(&file, &["health", "-o", "json"]);
        assert_eq!(document["state"], "healthy");
        assert_eq!(document["reasons"].as_array().unwrap().len(), 0);
        let bytes = file.metadata().unwrap().len();
        assert_eq!(document["bytes"].as_u64(), Some(bytes));
    }
}

#[test]
fn a_damaged_file_is_unhealthy_and_a_missing_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.c1z");
    let mut bytes = std::fs::read(v3()).unwrap();
    let len = bytes.len();
    bytes[len / 2..].fill(0);
    std::fs::write(&damaged, bytes).unwrap();
    let output = program().arg("health").arg(&damaged).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(": unhealthy\n"), "{said}");
    let missing = program().args(["health", "nowhere.c1z"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(5), "{missing:?}");
}
