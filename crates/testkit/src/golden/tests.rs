//! Every file of every golden case parses, and nothing in it is unknown.

use std::collections::BTreeMap;

use super::*;
use crate::golden::dump::Row;
use crate::table::Table;

#[test]
fn every_dump_parses_to_its_last_field() {
    let mut table = Table::new();
    let mut dumps = 0;
    for case in cases().unwrap() {
        for which in [
            "v1",
            "v3",
            "from-v1",
            "migrated",
            "compacted.v1",
            "compacted.v3",
        ] {
            if !case.has(&format!("dump.{which}.ndjson.gz")) {
                continue;
            }
            let dump = case.dump(which).unwrap();
            dumps += 1;
            table.set(&case.name, which, &dump.rows.len());
            assert!(
                dump.open_error().is_some() || dump.rows.len() > 14,
                "{}",
                dump.name
            );
        }
    }
    println!("{}", table.render());
    assert_eq!(dumps, 95);
}

#[test]
fn every_list_of_steps_parses() {
    let mut kinds = BTreeMap::new();
    for case in cases_with("ops.ndjson.gz").unwrap() {
        let steps = case.ops().unwrap();
        assert!(
            matches!(steps[0].op, ops::Op::StartSync { .. }),
            "{}",
            case.name
        );
        for step in steps {
            *kinds.entry(step.op.name()).or_insert(0) += 1;
        }
    }
    println!("{kinds:?}");
    assert_eq!(kinds.len(), 21);
    assert_eq!(kinds["start_sync"], 43);
    assert_eq!(kinds["session_set"], 58);
}

#[test]
fn every_list_of_pairs_and_of_table_rows_parses() {
    let mut pairs = 0;
    let mut rows = 0;
    for case in cases().unwrap() {
        for which in ["", "from-v1", "migrated", "compacted.v3"] {
            let dot = if which.is_empty() { "" } else { "." };
            if case.has(&format!("kv{dot}{which}.ndjson.gz")) {
                let found = case.kv(which).unwrap();
                assert!(
                    found.is_sorted_by(|a, b| a.key < b.key),
                    "{} {which}",
                    case.name
                );
                pairs += found.len();
            }
        }
        if case.has("sqlite-rows.ndjson.gz") {
            rows += case.sqlite_rows().unwrap().len();
        }
    }
    assert!(pairs > 10_000, "{pairs}");
    assert!(rows > 4_000, "{rows}");
}

#[test]
fn every_packed_file_has_its_dump() {
    let files = packed_files().unwrap();
    let mut formats = BTreeMap::new();
    for file in &files {
        file.case.dump(file.dump).unwrap();
        if let Some(kv) = file.kv {
            assert!(!file.case.kv(kv).unwrap().is_empty() || file.case.name == "no-syncs");
        }
        *formats.entry(format!("{:?}", file.format)).or_insert(0) += 1;
    }
    assert_eq!(formats["V1"], 32);
    assert_eq!(formats["V3"], 3 * 29 + 13 + 2 + 9);
    assert_eq!(formats["OldV3"], 10);
}

#[test]
fn an_unknown_kind_field_or_call_is_an_error() {
    for line in [
        r#"{"kind":"surprise","sync_id":"x"}"#,
        r#"{"kind":"session","sync_id":"x","key":"k","value_b64":"","more":1}"#,
        r#"{"kind":"lookup","op":"GetMoon","result":true,"error":null}"#,
        r#"{"kind":"lookup","op":"GetGrant","grant_id":"g","level":1,"result":true,"error":null}"#,
    ] {
        let meta =
            r#"{"kind":"meta","engine":"pebble","format":"v3","read_at":"2026-11-23T02:53:51Z"}"#;
        let text = format!("{meta}\n{line}\n");
        let refused = Dump::parse("test", &gzip(text.as_bytes())).unwrap_err();
        assert!(refused.to_string().contains("line 2"), "{refused}");
    }
}

#[test]
fn items_keep_their_order() {
    let dump = Case::named("basic").dump("v3").unwrap();
    let sync = dump.sync_runs().next().unwrap().id.clone();
    let grants: Vec<_> = dump.items(dump::List::Grants, &sync).collect();
    assert_eq!(grants.len(), 16);
    assert!(
        grants
            .iter()
            .enumerate()
            .all(|(i, row)| row.i == i && row.pb.is_some())
    );
    assert!(
        dump.rows
            .iter()
            .any(|line| matches!(line.row, Row::View(_)))
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
