//! Names written by whoever may name an account in the synced system: they must not drive a
//! terminal, break a table or JSON, or run in a spreadsheet.

use c1z::ops::RecordKind;
use serde_json::{Value, json as value};

use super::support::{build, c1z, cells, csv, json, lines, run, stderr};

const NAMES: [&str; 20] = [
    "=1+1",
    "=HYPERLINK(\"http://x\",\"click\")",
    "+49",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "a,b",
    "say \"hi\"",
    "two\nlines\r\nthree",
    "nul\0nul",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31m",
    "del\u{7f}",
    "a\u{202e}txt.exe",
    "line\u{2028}end",
    "a | b",
    " blank ",
];

fn hostile(dir: &std::path::Path) -> std::path::PathBuf {
    let mut records = Vec::new();
    let resource = |kind: &str, id: &str, name: &str| {
        let record = value!({"resourceTypeId": kind, "resourceId": id, "displayName": name});
        (RecordKind::Resource, record)
    };
    for name in NAMES {
        records.push((
            RecordKind::ResourceType,
            value!({"externalId": format!("t{name}"), "displayName": name}),
        ));
        records.push(resource("user", name, name));
        let on = value!({"resourceTypeId": "user", "resourceId": name});
        records.push((
            RecordKind::Entitlement,
            value!({"externalId": name, "resource": on, "displayName": name, "slug": name}),
        ));
        let of = value!({"resourceTypeId": "user", "resourceId": name, "entitlementId": name});
        let principal = value!({"resourceTypeId": "user", "resourceId": "victim"});
        records.push((
            RecordKind::Grant,
            value!({"externalId": name, "entitlement": of, "principal": principal}),
        ));
        records.push((
            RecordKind::Asset,
            value!({"externalId": name, "contentType": name, "data": "eA=="}),
        ));
    }
    records.push(resource("user", "victim", "\u{1b}[31mVictim"));
    build(dir, &records)
}

/// What a terminal would obey, or would show in another place. Line feeds are the program's own.
fn is_obeyed(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

const LISTS: [&[&str]; 6] = [
    &["resource-types"],
    &["resources"],
    &["entitlements"],
    &["grants"],
    &["principals"],
    &["assets", "list"],
];

#[test]
fn tables_and_trees_do_not_drive_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = hostile(folder.path());
    let access: &[&str] = &["access", "-t", "user", "-r", "victim"];
    for args in LISTS.iter().chain([&access]) {
        let text = run(&file, args);
        let bad = text.chars().find(|c| is_obeyed(*c));
        assert!(bad.is_none(), "{args:?}: {bad:?}");
        let by_fields = [args, &["--fields", "resource.displayName"][..]].concat();
        if args.contains(&"resources") {
            assert!(!run(&file, &by_fields).contains(is_obeyed));
        }
    }
    // One row, one line: a name cannot make up a row of its own.
    for args in LISTS {
        let rows = lines(&file, &[args, &["-o", "ndjson"]].concat()).len() - 2;
        let text = run(&file, args);
        assert_eq!(text.trim_end().lines().count(), rows + 1, "{args:?}");
    }
    assert!(run(&file, &["resources"]).contains("\\u{1b}[2J"));
}

#[test]
fn errors_and_warnings_do_not_drive_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = hostile(folder.path());
    for args in [
        &["grants", "--sync-id", "\u{1b}[2J"][..],
        &["access", "-t", "user", "-r", "\u{1b}]0;x\u{7}"],
        &["assets", "get", "\u{9b}31m?"],
        &["grants", "--fields", "\u{1b}[2J"],
    ] {
        let output = c1z(&file, args);
        assert!(!output.status.success(), "{args:?}");
        assert!(
            !stderr(&output).contains(is_obeyed),
            "{args:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn json_keeps_every_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = hostile(folder.path());
    let document = json(&file, &["resources", "-o", "json"]);
    let rows = document["resources"].as_array().unwrap();
    for name in NAMES {
        let found = rows
            .iter()
            .find(|row| row["resource"]["id"]["resource"] == name);
        assert_eq!(found.unwrap()["resource"]["displayName"], name);
    }
    let as_lines = lines(&file, &["resources", "-o", "ndjson"]);
    assert_eq!(as_lines.len(), rows.len() + 2);
    let names = |rows: &[Value]| -> Vec<Value> {
        rows.iter()
            .map(|row| row["resource"]["displayName"].clone())
            .collect()
    };
    assert_eq!(names(&as_lines[1..=rows.len()]), names(rows));
}

#[test]
fn csv_keeps_every_name_and_runs_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = hostile(folder.path());
    for args in LISTS {
        let records = csv(&run(&file, &[args, &["-o", "csv"]].concat()));
        for cell in records.iter().flatten() {
            let starts = ['=', '+', '-', '@', '\t', '\r', '\n', '＝'];
            assert!(!cell.starts_with(starts), "{args:?}: {cell:?}");
        }
    }
    let records = csv(&run(&file, &["resources", "-o", "csv"]));
    assert_eq!(records.len(), 1 + NAMES.len() + 1);
    for name in NAMES {
        let is_name = |cell: &String| cell == name || cell.strip_prefix('\'') == Some(name);
        assert!(records.iter().any(|record| is_name(&record[2])), "{name:?}");
    }
}

#[test]
fn a_bar_in_a_name_stays_in_its_cell_of_csv() {
    let folder = tempfile::tempdir().unwrap();
    let file = hostile(folder.path());
    // A table is for eyes; what has to be taken apart is printed as CSV or JSON.
    let rows = cells(&run(&file, &["resources", "-t", "user"]));
    assert!(rows.iter().any(|row| row.len() > 4));
    let records = csv(&run(&file, &["resources", "-o", "csv"]));
    assert!(
        records
            .iter()
            .all(|record| record.len() == records[0].len())
    );
}
