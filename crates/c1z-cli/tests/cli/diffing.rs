//! `diff` of two files: in words, counted, as names, as lines; over formats.

use std::process::Output;

use serde_json::Value;

use super::support::{cells, golden, program, stderr, v1};

fn diff(base: &std::path::Path, applied: &std::path::Path, more: &[&str]) -> Output {
    program()
        .arg("diff")
        .arg(base)
        .arg(applied)
        .args(more)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_file_does_not_differ_from_itself_in_another_format() {
    let cases = [
        "basic",
        "realistic",
        "fanout",
        "unusual-strings",
        "expandable-expanded",
    ];
    for case in cases {
        let forms = [v1(case), golden(case)];
        for (base, applied) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let output = diff(&forms[base], &forms[applied], &["--exit-code"]);
            assert_eq!(
                text(&output),
                "0 created, 0 deleted, 0 modified\n",
                "{case} {base} {applied}"
            );
        }
    }
}

#[test]
fn what_changed_is_the_same_whatever_the_formats() {
    let mut seen = Vec::new();
    for base in [v1("diff-base"), golden("diff-base")] {
        for applied in [v1("diff-applied"), golden("diff-applied")] {
            let lines = text(&diff(&base, &applied, &["--name-only"]));
            let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
            // Embedded details of a grant, which v1 files hold, changed with the resources.
            if base == v1("diff-base") && applied == v1("diff-applied") {
                assert_eq!(
                    lines
                        .iter()
                        .filter(|line| line.starts_with("~ grant"))
                        .count(),
                    8
                );
                continue;
            }
            let total = lines.pop().unwrap();
            assert_eq!(total, "1 created, 3 deleted, 5 modified");
            lines.sort();
            seen.push(lines);
        }
    }
    assert_eq!(seen.len(), 3);
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

#[test]
fn modified_records_show_their_fields() {
    let (base, applied) = (golden("diff-base"), golden("diff-applied"));
    let words = text(&diff(&base, &applied, &["--kind", "resources"]));
    assert!(words.contains("~ resource user:u-078f75\n    displayName: \"Barbara Nguyễn\" -> \"Barbara Nguyễn changed\"\n"), "{words}");
    let lines = text(&diff(&base, &applied, &["-o", "ndjson"]));
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2 + 9);
    for line in &lines[1..10] {
        let modified = line["change"] == "modified";
        assert_eq!(line.get("fields").is_some(), modified, "{line}");
        if modified {
            let field = &line["fields"][0];
            assert_eq!(field["path"], "displayName");
            assert_eq!(
                format!("{} changed", field["old"].as_str().unwrap()),
                field["new"].as_str().unwrap()
            );
        }
    }
    let counted = cells(&text(&diff(&base, &applied, &["--stat"])));
    assert_eq!(counted[2], ["resource", "0", "0", "5"]);
    let document: Value =
        serde_json::from_str(&text(&diff(&base, &applied, &["-o", "json"]))).unwrap();
    assert_eq!(
        document["resources"]["modified"].as_array().unwrap().len(),
        5
    );
    assert_eq!(document["grants"]["created"].as_array().unwrap().len(), 1);
    assert_eq!(document["resourceTypes"], serde_json::json!({}));
}

#[test]
fn scripts_are_told_by_the_exit_code_and_mistakes_by_words() {
    let (base, applied) = (golden("diff-base"), golden("diff-applied"));
    let changed = diff(&base, &applied, &["--exit-code", "--stat"]);
    assert_eq!(changed.status.code(), Some(1));
    let unchanged = diff(
        &base,
        &applied,
        &["--exit-code", "--kind", "resource-types"],
    );
    assert_eq!(unchanged.status.code(), Some(0));
    let absent = diff(
        &base,
        &applied,
        &["--base-sync", "3MUPzRPZYOPwFvwlXORFhkByrjV"],
    );
    assert_eq!(absent.status.code(), Some(5));
    assert!(stderr(&absent).contains("diff-base"), "{absent:?}");
    let one = program().arg("diff").arg(&base).output().unwrap();
    assert_eq!(one.status.code(), Some(3), "{one:?}");
}

#[test]
fn two_syncs_of_one_file_are_named() {
    let file = v1("diff-pair");
    let syncs = super::support::json(&file, &["syncs", "-o", "json"]);
    let ids: Vec<&str> = syncs["syncs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sync| sync["id"].as_str().unwrap())
        .collect();
    let full = |base: &str, applied: &str| {
        let args = [
            "diff",
            "--name-only",
            "--base-sync",
            base,
            "--applied-sync",
            applied,
        ];
        super::support::run(&file, &args)
    };
    let there = full(ids[0], ids[1]);
    let back = full(ids[1], ids[0]);
    let count = |text: &str, sign: char| text.lines().filter(|line| line.starts_with(sign)).count();
    assert!(count(&there, '+') > 0 && count(&there, '-') > 0);
    assert_eq!(count(&there, '+'), count(&back, '-'));
    assert_eq!(count(&there, '-'), count(&back, '+'));
    assert_eq!(count(&there, '~'), count(&back, '~'));
}

#[test]
fn one_document_holds_only_counts_or_names_if_these_are_asked_for() {
    let (base, applied) = (golden("diff-base"), golden("diff-applied"));
    for what in ["--stat", "--name-only"] {
        let document = text(&diff(&base, &applied, &[what, "-o", "json"]));
        let document: Value = serde_json::from_str(&document).unwrap();
        let lines = text(&diff(&base, &applied, &[what, "-o", "ndjson"]));
        let rows: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &Value| line["type"] == "change")
            .map(|mut line: Value| {
                line.as_object_mut().unwrap().remove("type");
                line
            })
            .collect();
        assert!(rows.len() > 3, "{lines}");
        assert_eq!(document, serde_json::json!({"changes": rows}));
    }
}

#[test]
fn a_difference_is_written_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (base, applied) = (v1("expandable-expanded"), v1("expandable-pending"));
    let (added, all) = (path("added.c1z"), path("all.c1z"));
    text(&diff(&applied, &base, &["--additions", &added]));
    text(&diff(
        &applied,
        &base,
        &["--additions", &all, "--with-referenced"],
    ));
    let resources = |file: &str| {
        let lines = super::support::run(file.as_ref(), &["resources", "-o", "ndjson"]);
        lines
            .lines()
            .filter(|line| line.contains(r#""type":"resource""#))
            .count()
    };
    assert_eq!(resources(&added), 0);
    assert!(resources(&all) > 0);
    let exists = diff(&applied, &base, &["--additions", &added]);
    assert_eq!(exists.status.code(), Some(6), "{exists:?}");

    let halves = [path("upserts.c1z"), path("deletions.c1z")];
    let pair = ["--upserts", &halves[0], "--deletions", &halves[1]];
    let written = diff(&base, &base, &pair);
    assert!(written.status.success(), "{written:?}");
    for half in &halves {
        let verified = program().arg("verify").arg(half).output().unwrap();
        assert!(verified.status.success(), "{verified:?}");
    }
    let alone = diff(&base, &applied, &["--upserts", &path("alone.c1z")]);
    assert_eq!(alone.status.code(), Some(3), "{alone:?}");
}
