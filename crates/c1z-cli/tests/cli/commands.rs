//! What single commands answer where the Go tool's stored outputs do not reach.

use std::path::Path;

use c1z::ops::RecordKind;
use serde_json::{Value, json as value};

use super::support::{
    build, c1z, cells, csv, golden, json, lines, program, run, stderr, text, v1, v3,
};

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
fn access_is_that_of_the_grants() {
    // By index as by scan, for every principal of several files.
    let files = ["basic", "realistic", "slim-grants", "old-schema-2023"].map(v1);
    let cases = [
        "basic",
        "fanout",
        "realistic",
        "many-ssts",
        "deferred-index-unfinished",
    ];
    for file in files.into_iter().chain(cases.map(golden)) {
        let grants = json(&file, &["grants", "-o", "json"]);
        let principals = json(&file, &["principals", "-o", "json"]);
        let principals = principals["resources"].as_array().unwrap();
        assert!(!principals.is_empty());
        for principal in principals.iter().take(12) {
            let id = &principal["resource"]["id"];
            let of = |name: &str| id[name].as_str().unwrap();
            let args = [
                "access",
                "-t",
                of("resourceType"),
                "-r",
                of("resource"),
                "-o",
                "json",
            ];
            let access = json(&file, &args);
            assert_eq!(access["principal"]["id"], *id);
            let expected = entitlements(
                grants["grants"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(|row| {
                        (row["principal"]["id"] == *id).then_some(&row["entitlement"])
                    }),
            );
            let rows = access["access"].as_array().unwrap();
            let found = rows
                .iter()
                .flat_map(|row| row["entitlements"].as_array().unwrap());
            assert_eq!(entitlements(found), expected, "{} {id}", file.display());
            let as_lines = lines(
                &file,
                &[
                    "access",
                    "-t",
                    of("resourceType"),
                    "-r",
                    of("resource"),
                    "-o",
                    "ndjson",
                ],
            );
            assert_eq!(as_lines.len(), rows.len() + 2);
        }
    }
}

fn entitlements<'a>(rows: impl Iterator<Item = &'a Value>) -> Vec<String> {
    let mut ids: Vec<_> = rows.map(|row| row["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn access_of_any_principal_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let file = build(folder.path(), &holders());
    // A group holds a grant; it need not be a user.
    let text = run(&file, &["access", "-t", "group", "-r", "g"]);
    assert!(text.contains("Effective Access for G (group)"), "{text}");
    assert!(
        text.contains("└─┬MISSING RESOURCE (app:a) (MISSING RESOURCE TYPE (app))"),
        "{text}"
    );
    assert!(text.contains("└──app:a:e"), "{text}");
    // A principal that the file does not hold, but grants name.
    let text = run(&file, &["access", "-t", "user", "-r", "gone"]);
    assert!(
        text.contains("Effective Access for MISSING RESOURCE (user:gone) (user)"),
        "{text}"
    );
    // One that holds nothing.
    let idle = ["access", "-t", "user", "-r", "idle"];
    assert_eq!(run(&file, &idle), "└──Effective Access for Idle (user)\n\n");
    let document = json(&file, &["access", "-t", "user", "-r", "idle", "-o", "json"]);
    assert!(document.get("access").is_none());
    // One that nothing names.
    let output = c1z(&file, &["access", "-t", "user", "-r", "nobody"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(stderr(&output).contains("user:nobody"), "{output:?}");
}

#[test]
fn what_is_missing_is_shown_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = build(folder.path(), &holders());
    let grants = cells(&run(&file, &["grants"]));
    assert_eq!(
        grants[1..],
        [
            [
                "app:a:e:group:g",
                "MISSING RESOURCE TYPE (app)",
                "MISSING RESOURCE (app:a)",
                "MISSING ENTITLEMENT (app:a:e)",
                "G"
            ],
            [
                "app:a:e:user:gone",
                "MISSING RESOURCE TYPE (app)",
                "MISSING RESOURCE (app:a)",
                "MISSING ENTITLEMENT (app:a:e)",
                "MISSING RESOURCE (user:gone)"
            ],
        ]
    );
    let principals = cells(&run(&file, &["principals"]));
    assert_eq!(principals[2][1], "MISSING RESOURCE (user:gone)");
}

/// Grants to a group and to a user that the file does not hold, of an entitlement that it does not
/// hold; an idle user.
fn holders() -> Vec<(RecordKind, Value)> {
    let grant = |kind: &str, id: &str| {
        let entitlement =
            value!({"resourceTypeId": "app", "resourceId": "a", "entitlementId": "app:a:e"});
        let principal = value!({"resourceTypeId": kind, "resourceId": id});
        let grant = value!({"externalId": format!("app:a:e:{kind}:{id}"), "entitlement": entitlement, "principal": principal});
        (RecordKind::Grant, grant)
    };
    let resource = |kind: &str, id: &str, name: &str| {
        let record = value!({"resourceTypeId": kind, "resourceId": id, "displayName": name});
        (RecordKind::Resource, record)
    };
    vec![
        resource("group", "g", "G"),
        resource("user", "idle", "Idle"),
        grant("group", "g"),
        grant("user", "gone"),
    ]
}

#[test]
fn principals_are_those_of_the_grants_each_once() {
    let files = ["basic", "realistic", "slim-grants"].map(v1);
    let cases = ["basic", "realistic", "fanout", "expandable-expanded"];
    for file in files.into_iter().chain(cases.map(golden)) {
        let grants = json(&file, &["grants", "-o", "json"]);
        let mut expected = Vec::new();
        for row in grants["grants"].as_array().unwrap() {
            if !expected.contains(&row["principal"]["id"]) {
                expected.push(row["principal"]["id"].clone());
            }
        }
        let principals = json(&file, &["principals", "-o", "json"]);
        let rows = principals["resources"].as_array().unwrap().iter();
        let found: Vec<_> = rows.map(|row| row["resource"]["id"].clone()).collect();
        assert_eq!(found, expected, "{}", file.display());
    }
}

#[test]
fn holders_of_two_entitlements_are_compared() {
    let compare = |other: &str, format: &str| {
        let file = v3();
        let path = file.to_str().unwrap().to_owned();
        let args = [
            "principals",
            "compare",
            "-e",
            "group:g0:owner",
            "--compare-file",
            &path,
            "--compare-entitlement",
            other,
            "-o",
            format,
        ];
        run(&file, &args)
    };
    assert_eq!(
        compare("group:g0:owner", "console"),
        "The principals of both entitlements appear to match.\n"
    );
    let document: Value = serde_json::from_str(&compare("group:g0:owner", "json")).unwrap();
    assert!(document.get("missing").is_none() && document.get("extra").is_none());
    assert_eq!(document["base"], document["compared"]);
    let document: Value = serde_json::from_str(&compare("group:g1:member", "json")).unwrap();
    let ids = |list: &str| {
        let rows = document[list].as_array().unwrap().iter();
        rows.map(|row| row["resource"]["id"]["resource"].to_string())
            .collect::<Vec<_>>()
    };
    let (base, compared) = (ids("base"), ids("compared"));
    let missing: Vec<_> = base
        .iter()
        .filter(|id| !compared.contains(id))
        .cloned()
        .collect();
    let extra: Vec<_> = compared
        .iter()
        .filter(|id| !base.contains(id))
        .cloned()
        .collect();
    assert!(!missing.is_empty() && !extra.is_empty() && missing.len() < base.len());
    assert_eq!(ids("missing"), missing);
    assert_eq!(ids("extra"), extra);
    let table = compare("group:g1:member", "console");
    assert!(table.starts_with("Missing Principals\nID "), "{table}");
    assert!(table.contains("\n\nExtra Principals\nID "), "{table}");
    assert_eq!(cells(&table).len(), 4 + missing.len() + extra.len());
    let lines = compare("group:g1:member", "ndjson");
    assert_eq!(lines.lines().count(), 2 + missing.len() + extra.len());
}

#[test]
fn a_person_with_two_ids_matches_by_address_or_name() {
    let folder = tempfile::tempdir().unwrap();
    let user = |id: &str, name: &str, mail: &str| {
        let user = value!({"@type": "type.googleapis.com/c1.connector.v2.UserTrait", "emails": [{"address": mail}]});
        let record = value!({"resourceTypeId": "user", "resourceId": id, "displayName": name, "annotations": [user]});
        (RecordKind::Resource, record)
    };
    let grant = |entitlement: &str, id: &str| {
        let of = value!({"resourceTypeId": "app", "resourceId": "a", "entitlementId": entitlement});
        let principal = value!({"resourceTypeId": "user", "resourceId": id});
        let external = format!("{entitlement}:user:{id}");
        (
            RecordKind::Grant,
            value!({"externalId": external, "entitlement": of, "principal": principal}),
        )
    };
    let file = build(
        folder.path(),
        &[
            user("1", "Ann", "ann@x"),
            user("2", "Ann Other", "ann@x"),
            user("3", "Bob", "bob@x"),
            user("4", "Bob", "robert@x"),
            user("5", "Cid", "cid@x"),
            grant("app:a:old", "1"),
            grant("app:a:old", "3"),
            grant("app:a:old", "5"),
            grant("app:a:new", "2"),
            grant("app:a:new", "4"),
        ],
    );
    let path = file.to_str().unwrap();
    let args = [
        "principals",
        "compare",
        "-e",
        "app:a:old",
        "--compare-file",
        path,
        "--compare-entitlement",
        "app:a:new",
        "-o",
        "json",
    ];
    let document = json(&file, &args);
    let missing = document["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0]["resource"]["displayName"], "Cid");
    assert!(document.get("extra").is_none());
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
fn assets_are_listed_and_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let listed = csv(&run(&v3(), &["assets", "list", "-o", "csv"]));
    assert_eq!(
        listed,
        [
            ["id", "contentType", "size"],
            ["icon-app-000", "image/png", "447"]
        ]
    );
    let piped = c1z(&v3(), &["assets", "get", "icon-app-000"]);
    assert_eq!(piped.stdout.len(), 447);
    assert!(piped.stdout.starts_with(b"\x89PNG"));
    let path = folder.path().join("icon.png");
    let path = path.to_str().unwrap();
    let get = ["assets", "get", "icon-app-000", "--out", path];
    assert_eq!(run(&v3(), &get), "");
    assert_eq!(read(path), piped.stdout);
    let again = c1z(&v3(), &get);
    assert_eq!(again.status.code(), Some(6));
    assert!(stderr(&again).contains("--force"), "{again:?}");
    assert_eq!(run(&v3(), &[&get[..], &["--force"]].concat()), "");
    let absent = c1z(&v3(), &["assets", "get", "nope", "--out", path, "--force"]);
    assert_eq!(absent.status.code(), Some(5));
    assert_eq!(read(path), piped.stdout);
}

fn read(path: &str) -> Vec<u8> {
    testkit::golden::read_file(Path::new(path)).unwrap()
}

#[test]
fn sessions_are_listed_and_fetched() {
    for file in [v1("sessions-finished"), golden("sessions-finished")] {
        sessions_of(&file);
    }
}

fn sessions_of(file: &Path) {
    let document = json(file, &["sessions", "list", "-o", "json"]);
    let rows = document["sessions"].as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let key = row["key"].as_str().unwrap();
        if key.contains('\0') {
            continue;
        }
        let output = program()
            .args(["sessions", "get", "-f"])
            .arg(file)
            .args(["--", key])
            .output()
            .unwrap();
        assert!(output.status.success(), "{key}: {output:?}");
        assert_eq!(row["size"], output.stdout.len().to_string(), "{key}");
    }
    let absent = c1z(file, &["sessions", "get", "no such key"]);
    assert_eq!(absent.status.code(), Some(5));
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
