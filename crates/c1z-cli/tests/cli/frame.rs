//! What all lists have in common: flags before and after, variables, forms of output, `--limit`,
//! `--fields`.

use std::path::{Path, PathBuf};

use serde_json::json as value;
use shingle::vfs::{Fs, OsFs};

use super::support::{
    build, c1z, cells, csv, golden, json, lines, program, run, stderr, text, v1, v3,
};

#[test]
fn flags_stand_before_or_after_the_command() {
    let before = program()
        .args(["-o", "json", "-f"])
        .arg(v3())
        .arg("syncs")
        .output();
    assert_eq!(text(&before.unwrap()), run(&v3(), &["syncs", "-o", "json"]));
    let middle = program()
        .args([
            "--sync-id",
            "3MUPz0jbF4rNV7Skeq3cZ2hqfqL",
            "resources",
            "-f",
        ])
        .arg(v3())
        .args(["--output-format", "ndjson", "-t", "app"])
        .output();
    let after = run(&v3(), &["resources", "-t", "app", "-o", "ndjson"]);
    assert_eq!(text(&middle.unwrap()), after);
}

#[test]
fn variables_stand_for_flags_and_flags_win() {
    let syncs = run(&v3(), &["syncs", "-o", "json"]);
    let by_variables = program()
        .arg("syncs")
        .env("BATON_FILE", v3())
        .env("BATON_OUTPUT_FORMAT", "json")
        .output();
    assert_eq!(text(&by_variables.unwrap()), syncs);
    let by_flags = program()
        .args(["syncs", "-o", "json", "-f"])
        .arg(v3())
        .env("BATON_FILE", "nosuch.c1z")
        .env("BATON_OUTPUT_FORMAT", "csv")
        .output();
    assert_eq!(text(&by_flags.unwrap()), syncs);
    let unknown = program()
        .arg("syncs")
        .env("BATON_OUTPUT_FORMAT", "yaml")
        .output();
    assert_eq!(unknown.unwrap().status.code(), Some(3));
}

#[test]
fn decoders_are_limited_by_flag_and_variable() {
    let limited = |args: &[&str], variable: Option<(&str, &str)>| {
        let mut command = program();
        command.args(args).arg("-f").arg(v3()).envs(variable);
        let output = command.output().unwrap();
        (output.status.code(), stderr(&output))
    };
    let window = "--decoder-max-memory-mb";
    assert_eq!(limited(&["grants", window, "128"], None).0, Some(0));
    let variable = ("BATON_DECODER_MAX_DECODED_SIZE_MB", "100");
    assert_eq!(limited(&["grants"], Some(variable)).0, Some(0));
    assert_eq!(limited(&["grants", window, "0"], None).0, Some(3));
    // The file decodes to more than one MiB nowhere; a copy that does is refused by both.
    let folder = tempfile::tempdir().unwrap();
    let big = big_file(folder.path());
    for (args, variable) in [
        (
            &["stats", "--decoder-max-decoded-size-mb", "1"][..],
            Some(("BATON_DECODER_MAX_DECODED_SIZE_MB", "100")),
        ),
        (&["stats"], Some(("BATON_DECODER_MAX_DECODED_SIZE_MB", "1"))),
    ] {
        let output = program()
            .args(args)
            .arg("-f")
            .arg(&big)
            .envs(variable)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(8), "{args:?}: {output:?}");
        assert!(stderr(&output).contains("hint: "), "{output:?}");
    }
    assert!(c1z(&big, &["stats"]).status.success());
}

/// A file that decodes to some MiB: one resource with a name that does not compress.
fn big_file(dir: &Path) -> PathBuf {
    let mut state = 1_u64;
    let name: String = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'a' + u8::try_from(state >> 60).unwrap())
    })
    .take(3 << 20)
    .collect();
    let record = value!({"resourceTypeId": "user", "resourceId": "u", "displayName": name});
    build(dir, &[(c1z::ops::RecordKind::Resource, record)])
}

#[test]
fn memory_is_a_budget() {
    let output = c1z(&v3(), &["grants", "--memory", "64KiB"]);
    assert!(output.status.success(), "{output:?}");
    for size in ["0", "x", "1TB"] {
        let output = c1z(&v3(), &["grants", "--memory", size]);
        assert_eq!(output.status.code(), Some(3), "{size}");
    }
    let output = program()
        .args(["grants", "-f"])
        .arg(v3())
        .env("C1Z_MEMORY", "nothing")
        .output();
    assert_eq!(output.unwrap().status.code(), Some(3));
}

#[test]
fn a_v1_file_that_does_not_fit_is_decoded_into_the_named_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let little = ["grants", "--memory", "256KiB", "--tmp-dir"];
    let output = c1z(&v1("basic"), &[&little[..], &[dir]].concat());
    assert_eq!(text(&output), run(&v1("basic"), &["grants"]));
    assert!(stderr(&output).contains(dir), "{output:?}");
    let left = OsFs.list(folder.path()).unwrap();
    assert!(left.is_empty(), "{left:?}");
    let nowhere = folder.path().join("none");
    let nowhere = nowhere.to_str().unwrap();
    let output = c1z(&v1("basic"), &[&little[..], &[nowhere]].concat());
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(stderr(&output).contains(nowhere), "{output:?}");
}

const LISTS: [(&str, &str); 8] = [
    ("resource-types", "resourceTypes"),
    ("resources", "resources"),
    ("entitlements", "entitlements"),
    ("grants", "grants"),
    ("principals", "resources"),
    ("syncs", "syncs"),
    ("assets list", "assets"),
    ("sessions list", "sessions"),
];

#[test]
fn every_list_has_every_form_with_the_same_rows() {
    for (command, name) in LISTS {
        let case = match command {
            "sessions list" => "sessions-finished",
            _ => "basic",
        };
        for file in [v1(case), golden(case)] {
            list_has_every_form(&file, command, name);
        }
    }
}

fn list_has_every_form(file: &Path, command: &str, name: &str) {
    let of = |more: &[&'static str]| {
        let words = command.split(' ').chain(more.iter().copied());
        words.collect::<Vec<_>>()
    };
    let document = json(file, &of(&["-o", "json"]));
    let rows = document[name].as_array().unwrap();
    assert!(!rows.is_empty(), "{command}");
    let table = cells(&run(file, &of(&[])));
    assert_eq!(table.len() - 1, rows.len(), "{command}");
    let records = csv(&run(file, &of(&["-o", "csv"])));
    assert_eq!(records.len() - 1, rows.len(), "{command}");
    assert!(
        records.iter().all(|cells| cells.len() == records[0].len()),
        "{command}"
    );
    let lines = lines(file, &of(&["-o", "ndjson"]));
    let (first, last) = (&lines[0], &lines[lines.len() - 1]);
    assert_eq!(first["type"], "begin", "{command}");
    assert_eq!(first["schema"], "c1z.rows/1", "{command}");
    assert_eq!(
        *last,
        value!({"type": "end", "rows": rows.len()}),
        "{command}"
    );
    for (line, row) in lines[1..].iter().zip(rows) {
        let mut line = line.as_object().unwrap().clone();
        assert!(line.remove("type").is_some());
        assert_eq!(&serde_json::Value::from(line), row, "{command}");
    }
    // The columns of CSV are paths that --fields takes.
    let mut by_fields = of(&["-o", "csv", "--fields"]);
    let heads = records[0].join(",");
    by_fields.push(&heads);
    assert_eq!(csv(&run(file, &by_fields)), records, "{command}");
}

#[test]
fn a_limit_cuts_and_says_so() {
    for (limit, rows, says) in [
        ("0", 0, true),
        ("3", 3, true),
        ("16", 16, false),
        ("99", 16, false),
    ] {
        let output = c1z(&v3(), &["grants", "--limit", limit]);
        assert_eq!(cells(&text(&output)).len() - 1, rows, "{limit}");
        assert_eq!(stderr(&output).contains("there are more"), says, "{limit}");
        let lines = lines(&v3(), &["grants", "--limit", limit, "-o", "ndjson"]);
        let last = &lines[lines.len() - 1];
        assert_eq!(last["rows"], rows, "{limit}");
        assert_eq!(last["more"] == true, says, "{limit}");
    }
    let cut = json(&v3(), &["resources", "--limit", "1", "-o", "json"]);
    assert_eq!(cut["resources"].as_array().unwrap().len(), 1);
}

#[test]
fn fields_choose_columns_and_members() {
    let fields = [
        "grants",
        "-e",
        "app:app-000:admin",
        "--fields",
        "principal.id.resource,grant.id",
    ];
    assert_eq!(
        cells(&run(&v3(), &fields)),
        [
            ["principal.id.resource", "grant.id"],
            ["u-4bc01f", "app:app-000:admin:user:u-4bc01f"]
        ]
    );
    let row = value!({
        "grant": {"id": "app:app-000:admin:user:u-4bc01f"},
        "principal": {"id": {"resource": "u-4bc01f"}},
    });
    let as_json: Vec<_> = fields.iter().copied().chain(["-o", "json"]).collect();
    assert_eq!(json(&v3(), &as_json), value!({ "grants": [row] }));
    // Through lists and annotations.
    let mails = [
        "resources",
        "-t",
        "user",
        "--fields",
        "resource.id.resource,resource.annotations.emails.address",
        "-o",
        "csv",
    ];
    let records = csv(&run(&v3(), &mails));
    assert!(records.contains(&vec![
        "u-e13981".to_owned(),
        "user0007@example.com".to_owned()
    ]));
}

#[test]
fn an_unknown_field_is_refused_with_the_valid_ones() {
    for (args, says) in [
        (
            &["grants", "--fields", "nope"][..],
            "valid here: grant, entitlement, resource, resourceType, principal",
        ),
        (&["grants", "--fields", "grant.nope"], "grant.sources"),
        (&["syncs", "--fields", "id,token"], "syncToken"),
        (&["syncs", "--fields", "id.x"], "`id` is a plain value"),
    ] {
        for format in ["console", "json", "ndjson", "csv"] {
            let with_format: Vec<_> = args.iter().copied().chain(["-o", format]).collect();
            let output = c1z(&v3(), &with_format);
            assert_eq!(output.status.code(), Some(3), "{args:?}");
            assert!(
                stderr(&output).contains(says),
                "{args:?}: {}",
                stderr(&output)
            );
            assert!(output.stdout.is_empty(), "{args:?}");
        }
    }
}

#[test]
fn colours_are_asked_for_or_on_a_terminal() {
    assert!(!run(&v3(), &["syncs"]).contains('\u{1b}'));
    let coloured = run(&v3(), &["syncs", "--color", "always"]);
    assert!(coloured.starts_with("\u{1b}[1mID"), "{coloured}");
    assert_eq!(coloured.matches('\u{1b}').count(), 2);
    let failed = c1z(&v3(), &["grants", "--sync-id", "x", "--color", "always"]);
    assert!(stderr(&failed).contains("\u{1b}[1;31merror\u{1b}[0m"));
    assert!(!stderr(&c1z(&v3(), &["grants", "--sync-id", "x"])).contains('\u{1b}'));
}

#[test]
fn a_missing_sync_is_an_empty_list_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.c1z");
    let (build, pack) = Default::default();
    c1z::ops::build::V3Builder::new(&path, &build, &pack, false)
        .unwrap()
        .finish(None)
        .unwrap();
    for (args, shown) in [
        (&["grants", "-o", "json"][..], "{}\n"),
        (
            &["resources", "-o", "csv", "--fields", "resource.id"],
            "resource.id\n",
        ),
        (
            &["principals"],
            "ID | Display Name | Resource Type | Parent Resource\n\n",
        ),
        (&["assets", "list", "-o", "json"], "{}\n"),
    ] {
        let output = c1z(&path, args);
        assert_eq!(text(&output), shown, "{args:?}");
        assert!(stderr(&output).contains("holds no sync"), "{args:?}");
    }
}
