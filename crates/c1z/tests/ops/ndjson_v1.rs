//! v1 files as NDJSON: every row of every sync, its message to the byte and its columns, in order of rows.

use std::collections::BTreeMap;

use c1z::engine::types::SyncId;
use c1z::ops::ndjson::{Counts, Form, Item, Reader, Record, write_v1};
use c1z::ops::{NoObserver, RecordKind};
use c1z::record::timestamp;
use c1z::v1_tables::Zone;
use c1z::{ErrorKind, OpenOptions, Store};
use c1z_proto::storage::v3;
use testkit::golden::sqlite::{Cell, Row};
use testkit::golden::{Case, cases_with};

use super::ndjson::copy;

fn open(case: &Case) -> Store {
    let options = OpenOptions {
        zone: Zone::utc(),
        ..OpenOptions::default()
    };
    c1z::open_with(case.path("v1.c1z"), &options).unwrap()
}

fn write(store: &Store, sync: Option<&SyncId>) -> c1z::Result<(Vec<u8>, Counts, Vec<String>)> {
    let mut text = Vec::new();
    let database = store.sqlite().unwrap();
    let written = write_v1(database, &Zone::utc(), sync, &mut text, &NoObserver)?;
    Ok((text, written.counts, written.warnings))
}

/// What is compared of a record: its columns as text, and its bytes.
type Shown = (Vec<String>, Vec<u8>);
/// By sync and table.
type Tables = BTreeMap<(String, &'static str), Vec<Shown>>;

const TABLES: [(RecordKind, &str); 5] = [
    (RecordKind::ResourceType, "v1_resource_types"),
    (RecordKind::Resource, "v1_resources"),
    (RecordKind::Entitlement, "v1_entitlements"),
    (RecordKind::Grant, "v1_grants"),
    (RecordKind::Asset, "v1_assets"),
];

fn table_of(kind: RecordKind) -> &'static str {
    TABLES.iter().find(|(of, _)| *of == kind).unwrap().1
}

fn moment(field: &timestamp::Field) -> String {
    timestamp::from_field(field).unwrap().to_string()
}

/// The columns that a line tells, in the order in which [`expected`] takes them from the table.
fn shown(record: &Record<'_>) -> Shown {
    let Form::Message { columns } = record.form else {
        let asset: v3::AssetRecord = c1z_proto::decode(record.value).unwrap();
        let at = moment(&asset.discovered_at);
        return (vec![asset.external_id, asset.content_type, at], asset.data);
    };
    let cells = match record.kind {
        RecordKind::ResourceType => {
            let of: v3::ResourceTypeRecord = c1z_proto::decode(columns).unwrap();
            vec![of.external_id, moment(&of.discovered_at)]
        }
        RecordKind::Resource => {
            let of: v3::ResourceRecord = c1z_proto::decode(columns).unwrap();
            let id = format!("{}:{}", of.resource_type_id, of.resource_id);
            let parent = of.parent.as_option().map_or_else(
                || ["-".to_owned(), "-".to_owned()],
                |parent| [parent.resource_type_id.clone(), parent.resource_id.clone()],
            );
            let [parent_type, parent] = parent;
            let at = moment(&of.discovered_at);
            vec![of.resource_type_id, id, parent_type, parent, at]
        }
        RecordKind::Entitlement => {
            let of: v3::EntitlementRecord = c1z_proto::decode(columns).unwrap();
            vec![
                of.resource.resource_type_id.clone(),
                of.resource.resource_id.clone(),
                of.external_id,
                moment(&of.discovered_at),
            ]
        }
        RecordKind::Grant => {
            let of: v3::GrantRecord = c1z_proto::decode(columns).unwrap();
            let expansion = of.expansion.as_option();
            let expansion = expansion.map_or_else(
                || "-".to_owned(),
                |expansion| format!("{:?}", c1z_proto::encode_canonical(expansion)),
            );
            vec![
                of.entitlement.resource_type_id.clone(),
                of.entitlement.resource_id.clone(),
                of.entitlement.entitlement_id.clone(),
                of.principal.resource_type_id.clone(),
                of.principal.resource_id.clone(),
                of.external_id,
                expansion,
                i64::from(of.needs_expansion).to_string(),
                moment(&of.discovered_at),
            ]
        }
        RecordKind::Asset => panic!("an asset as a message"),
    };
    (cells, record.value.to_vec())
}

fn text_of(cell: Option<&Cell>) -> String {
    match cell {
        None | Some(Cell::Null) => "-".to_owned(),
        Some(Cell::Text(text)) => text.clone(),
        Some(Cell::Integer(number)) => number.to_string(),
        Some(Cell::Blob(blob)) => format!("{:?}", blob.bytes),
        Some(Cell::Real(_)) => panic!("a real number"),
    }
}

/// What SQLite says of the tables.
fn expected(case: &Case) -> (Tables, usize) {
    let (mut tables, mut sessions) = (Tables::new(), 0);
    for row in case.sqlite_rows().unwrap() {
        let Row::Record { table, row } = row else {
            continue;
        };
        sessions += usize::from(table == "v1_connector_sessions");
        let Some((kind, table)) = TABLES.iter().find(|(_, name)| *name == table) else {
            continue;
        };
        let columns: &[&str] = match kind {
            RecordKind::ResourceType => &["external_id"],
            RecordKind::Resource => &[
                "resource_type_id",
                "external_id",
                "parent_resource_type_id",
                "parent_resource_id",
            ],
            RecordKind::Entitlement => &["resource_type_id", "resource_id", "external_id"],
            RecordKind::Grant => &[
                "resource_type_id",
                "resource_id",
                "entitlement_id",
                "principal_resource_type_id",
                "principal_resource_id",
                "external_id",
                "expansion",
                "needs_expansion",
            ],
            RecordKind::Asset => &["external_id", "content_type"],
        };
        let mut cells: Vec<String> = columns.iter().map(|name| text_of(row.get(*name))).collect();
        if let (RecordKind::Grant, None, Some(last)) =
            (kind, row.get("needs_expansion"), cells.last_mut())
        {
            // The file is older than the column.
            "0".clone_into(last);
        }
        let at = Zone::utc().instant(&text_of(row.get("discovered_at")));
        cells.push(at.unwrap().to_string());
        let data = match row.get("data") {
            Some(Cell::Blob(blob)) => blob.bytes.clone(),
            other => panic!("no data: {other:?}"),
        };
        let sync = text_of(row.get("sync_id"));
        tables.entry((sync, table)).or_default().push((cells, data));
    }
    (tables, sessions)
}

#[test]
fn every_row_of_every_golden_v1_file_is_told() {
    let (mut files, mut rows) = (0, 0);
    for case in cases_with("sqlite-rows.ndjson.gz").unwrap() {
        if !case.has("v1.c1z") {
            continue;
        }
        let store = open(&case);
        let (text, counts, warnings) = write(&store, None).unwrap();
        assert!(copy(&text).unwrap() == text, "{}", case.name);
        let (expected, sessions) = expected(&case);
        let (mut found, mut sync) = (Tables::new(), String::new());
        let mut reader = Reader::new(text.as_slice()).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Sync(head) => {
                    let run = head.decode().unwrap();
                    assert_eq!(
                        store.reader().get_sync(&run.id).unwrap(),
                        run,
                        "{}",
                        case.name
                    );
                    run.id.as_str().clone_into(&mut sync);
                }
                Item::Record(record) => {
                    let of = (sync.clone(), table_of(record.kind));
                    found.entry(of).or_default().push(shown(&record));
                }
                Item::Session(_) => {}
                Item::Row { .. } => panic!("a row in a v1 file"),
            }
        }
        for (of, expected) in &expected {
            assert_eq!(found.get(of), Some(expected), "{} {of:?}", case.name);
        }
        assert_eq!(found.len(), expected.len(), "{}", case.name);
        assert_eq!(counts.sessions, sessions as u64, "{}", case.name);
        assert_eq!(warnings, Vec::<String>::new(), "{}", case.name);
        rows += expected.values().map(Vec::len).sum::<usize>();
        files += 1;
    }
    println!("{files} files, {rows} rows");
    assert!(files > 25, "{files}");
}

#[test]
fn one_sync_of_many_is_written_alone() {
    let store = open(&Case::named("multi-sync"));
    let (_, all, _) = write(&store, None).unwrap();
    assert!(all.syncs > 1);
    let runs = store
        .reader()
        .list_sync_runs(&c1z::engine::PageRequest::default());
    let mut sum = 0;
    for run in runs.unwrap().rows {
        let (text, counts, _) = write(&store, Some(&run.id)).unwrap();
        assert_eq!(counts.syncs, 1);
        let mut reader = Reader::new(text.as_slice()).unwrap();
        let Some(Item::Sync(head)) = reader.next_item().unwrap() else {
            panic!("no sync");
        };
        assert_eq!(head.decode().unwrap(), run);
        sum += counts.total();
    }
    assert_eq!(sum, all.total());
    let absent = SyncId::new("absent").unwrap();
    let error = write(&store, Some(&absent)).expect_err("absent");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
