//! What single commands answer where the Go tool's stored outputs do not reach.

use std::path::Path;

use serde_json::json as value;

use super::support::{c1z, cells, golden, json, lines, run, stderr, text, v1, v3};

#[test]
fn filters_narrow_the_list() {
    for file in [v1("basic"), v3()] {
        filters_narrow_the_lists_of(&file);
    }
}

fn filters_narrow_the_lists_of(file: &Path) {
    let rows = |args: &[&str]| cells(&run(file, args)).len() - 1;
    for (args, expected) in [
        (&["grants"][..], 16),
        (&["grants", "-t", "app"], 2),
        (&["grants", "-t", "group", "-r", "g0"], 6),
        (&["grants", "-e", "group:g0:owner"], 5),
        (&["grants", "--principal-type", "user"], 16),
        (
            &[
                "grants",
                "--principal-type",
                "user",
                "--principal",
                "u-e13981",
            ],
            2,
        ),
        (
            &[
                "grants",
                "-t",
                "group",
                "-r",
                "g0",
                "--principal-type",
                "user",
                "--principal",
                "u-e13981",
            ],
            1,
        ),
        (&["grants", "-e", "nope"], 0),
        (&["entitlements", "-t", "group"], 4),
        (&["resources", "-t", "user"], 8),
        (&["principals"], 8),
        (&["principals", "-e", "group:g0:owner"], 5),
        (&["principals", "-t", "group", "-r", "g0"], 5),
        (&["principals", "-t", "app"], 2),
    ] {
        assert_eq!(rows(args), expected, "{} {args:?}", file.display());
    }
}

#[test]
fn an_unfinished_sync_is_shown_with_a_warning() {
    let output = c1z(&golden("unfinished"), &["resources"]);
    assert!(stderr(&output).contains("is not finished"), "{output:?}");
    assert_eq!(cells(&text(&output)).len(), 1 + 8);
}

#[test]
fn changes_between_two_syncs_are_shown_in_every_form() {
    let file = v1("diff-pair");
    let document = json(&file, &["diff"]);
    assert_eq!(document, json(&file, &["diff", "-o", "json"]));
    let count = |kind: &str, change: &str| document[kind][change].as_array().map_or(0, Vec::len);
    let as_lines = lines(&file, &["diff", "-o", "ndjson"]);
    let mut all = 0;
    for (kind, name) in [
        ("resources", "resource"),
        ("entitlements", "entitlement"),
        ("grants", "grant"),
    ] {
        for change in ["created", "deleted", "modified"] {
            let mut records: Vec<_> = as_lines
                .iter()
                .filter(|line| line["change"] == change)
                .filter_map(|line| line.get(name))
                .collect();
            assert_eq!(records.len(), count(kind, change), "{kind} {change}");
            let mut listed: Vec<_> = document[kind][change]
                .as_array()
                .into_iter()
                .flatten()
                .collect();
            records.sort_by_key(ToString::to_string);
            listed.sort_by_key(ToString::to_string);
            assert_eq!(records, listed, "{kind} {change}");
            all += records.len();
        }
    }
    assert_eq!(all, 17);
    assert_eq!(
        as_lines[as_lines.len() - 1],
        value!({"type": "end", "rows": 17})
    );
    for (args, code) in [(&["diff"][..], 0), (&["diff", "--exit-code"], 1)] {
        let output = c1z(&file, args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        assert!(
            output.stderr.is_empty() && !output.stdout.is_empty(),
            "{args:?}"
        );
    }
    // Little memory changes nothing.
    assert_eq!(document, json(&file, &["diff", "--memory", "2MiB"]));
    // Nothing to compare.
    for (case, code) in [("no-syncs", 5), ("unfinished", 5), ("basic", 9)] {
        let output = c1z(&v1(case), &["diff", "--exit-code"]);
        assert_eq!(output.status.code(), Some(code), "{case}");
    }
}

#[test]
fn a_named_sync_is_the_one_that_is_read() {
    let file = v1("multi-sync");
    let syncs = json(&file, &["syncs", "-o", "json"]);
    let syncs = syncs["syncs"].as_array().unwrap();
    assert_eq!(syncs.len(), 5);
    let mut sizes = Vec::new();
    for sync in syncs {
        let id = sync["id"].as_str().unwrap();
        let of = |command: &'static str| json(&file, &[command, "--sync-id", id, "-o", "json"]);
        let resources = of("resources");
        let rows = resources["resources"].as_array().map_or(0, Vec::len);
        let stats = of("stats");
        assert_eq!(stats["id"], id);
        assert_eq!(
            stats["stats"]["resources"].as_str().unwrap_or("0"),
            rows.to_string()
        );
        assert_eq!(of("syncs")["syncs"], value!([sync]));
        sizes.push(rows);
    }
    sizes.dedup();
    assert!(sizes.len() > 2, "{sizes:?}");
}

#[test]
fn completions_and_manual_describe_every_command() {
    let commands = [
        "stats",
        "syncs",
        "resource-types",
        "resources",
        "entitlements",
        "grants",
        "principals",
        "access",
        "diff",
        "assets",
        "sessions",
        "inspect",
    ];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&v3(), &["completions", shell]);
        for command in commands {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    let page = run(&v3(), &["man"]);
    for command in commands {
        assert!(page.contains(&command.replace('-', "\\-")), "{command}");
        let page = run(&v3(), &["man", command]);
        assert!(
            page.starts_with(".ie") && page.contains(".SH NAME"),
            "{command}"
        );
    }
    assert_eq!(c1z(&v3(), &["man", "nope"]).status.code(), Some(3));
    let reference = include_str!("../../../../docs/cli.md");
    for command in commands {
        assert!(reference.contains(&format!("`{command}")), "{command}");
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
        let text = run(&v3(), args);
        assert!(text.contains(says), "{args:?}: {text}");
    }
}

#[test]
fn what_only_v3_files_have_is_refused_with_words() {
    for what in ["envelope", "manifest", "lsm", "keys"] {
        let output = c1z(&v1("basic"), &["inspect", what]);
        assert_eq!(output.status.code(), Some(3), "{what}: {output:?}");
        assert!(stderr(&output).contains("v1"), "{what}: {output:?}");
    }
}
