//! The engine on SQLite against ground truth: the writes of every golden case are replayed into it, and everything that
//! Go's SQLite engine answered about the file that it made of the same writes is asked of ours; what is saved holds, cell by
//! cell, what Go's file holds. Files of Go, of every generation, are opened for writing and give the same answers.
//!
//! Not compared: cases whose writes go beyond the contract (expansion, retention, diff), and times of single rows, which Go
//! takes per row and keeps when a row is written again (D4).

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets unexpected data must stop, and says what it compared"
)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use c1z::engine::types::SyncId;
use c1z::engine::{Profile, SqliteOptions, SqliteStore};
use c1z::envelope::{EnvelopeFile, Existing, OpenOptions as EnvelopeOptions};
use c1z::ops::build::PackOptions;
use c1z::sqlite_file::{CheckOptions as Checks, Database, Value};
use c1z::v1_tables::Zone;
use c1z::{MemoryBudget, OpenOptions};
use c1z_proto::connector::v2;
use shingle::vfs::{OsFs, ReadFile};
use tempfile::TempDir;
use testkit::check::{CheckOptions, Deviation, Order, contract_deviations};
use testkit::clock::ManualClock;
use testkit::golden::ops::Step;
use testkit::golden::sqlite::{Blob, Cell, Row};
use testkit::golden::{Case, Dump, Format, cases_with, packed_files};
use testkit::ids::ListedIds;
use testkit::replay::{ReplayOptions, replay};
use testkit::table::Table;
use testkit::times::Times;

#[path = "common/writes.rs"]
mod writes;

use common::Comparison;
use writes::{goes_beyond_the_contract, handle, of_writes};

const PROFILE: Profile = Profile::GoSqlite;

/// Cases with writes that can be replayed and a file that Go's SQLite engine made of them.
fn cases() -> Vec<(Case, Vec<Step>, Dump)> {
    let mut found = Vec::new();
    for case in cases_with("ops.ndjson.gz").unwrap() {
        let steps = case.ops().unwrap();
        if case.has("dump.v1.ndjson.gz") && !steps.iter().any(goes_beyond_the_contract) {
            let dump = case.dump("v1").unwrap();
            found.push((case, steps, dump));
        }
    }
    found
}

fn options(dump: &Dump, clock: &Arc<ManualClock>) -> SqliteOptions {
    let ids = dump.sync_runs().map(|run| SyncId::from_stored(&run.id));
    SqliteOptions {
        profile: PROFILE,
        clock: clock.clone(),
        ids: Arc::new(ListedIds::new(ids.collect::<Vec<_>>())),
        zone: Zone::utc(),
        ..SqliteOptions::default()
    }
}

/// A store with what the writes of a case put into it.
fn replayed(folder: &TempDir, steps: &[Step], dump: &Dump) -> (SqliteStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(dump.read_at()));
    let work = folder.path().join("work");
    let store = SqliteStore::create_in(work, options(dump, &clock)).unwrap();
    let times = Times::of_syncs(dump);
    let mut before = times.hook(&clock);
    let options = ReplayOptions {
        before: Some(&mut before),
        handler: Some(&mut |engine, step, _| handle(engine, step)),
    };
    let done = replay(store.engine(), steps, options).unwrap();
    assert_eq!(done.steps, steps.len());
    drop(before);
    clock.set(dump.read_at());
    (store, clock)
}

fn deviations(case: &str) -> Vec<Deviation> {
    let mut deviations = contract_deviations(case, PROFILE);
    deviations.extend(of_writes(case, PROFILE));
    deviations
}

fn pack() -> PackOptions {
    PackOptions {
        existing: Existing::Replace,
        ..PackOptions::default()
    }
}

/// The database of a v1 file, checked page by page.
fn database(path: &Path) -> Database {
    let opened = EnvelopeFile::open(&OsFs, path, &EnvelopeOptions::default()).unwrap();
    let EnvelopeFile::V1(file) = opened else {
        panic!("{} is no v1 file", path.display());
    };
    let decoded = file.decode_to_memory(&MemoryBudget::default()).unwrap();
    let mut journal = [0; 2];
    decoded.read_exact_at(18, &mut journal).unwrap();
    assert_eq!(journal, [1, 1], "a database that needs no log");
    let database = Database::open(Arc::new(decoded)).unwrap();
    let report = database.check(Checks::default()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    database
}

type Cells = BTreeMap<String, Cell>;

fn rows(database: &Database, table: &str) -> Vec<Cells> {
    let table = database.table(table).unwrap().unwrap();
    let mut rows = table.scan(..);
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let columns = row.columns().iter().enumerate();
        let cells = columns.map(|(i, column)| (column.name.clone(), cell(&row.get(i).unwrap())));
        found.push(cells.collect());
    }
    found
}

fn cell(value: &Value<'_>) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Integer(value) => Cell::Integer(*value),
        Value::Real(value) => Cell::Real(*value),
        Value::Text(_) => Cell::Text(value.as_text().unwrap().to_owned()),
        Value::Blob(bytes) => Cell::Blob(Blob {
            bytes: bytes.to_vec(),
        }),
    }
}

/// Cells that differ from those of Go's file, and how many were compared.
fn different(case: &Case, path: &Path, ignored: &[&str]) -> (Vec<String>, usize) {
    let database = database(path);
    let mut expected: BTreeMap<String, Vec<Cells>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in case.sqlite_rows().unwrap() {
        match line {
            Row::Record { table, row } => expected.entry(table).or_default().push(row),
            Row::Schema { name, schema, .. } => {
                let objects = database.schema().objects();
                let ours = objects.iter().find(|object| object.name == name);
                if ours.map(|ours| &ours.sql) != Some(&schema) {
                    wrong.push(format!("{name}: {:?} for {schema:?}", ours.map(|o| &o.sql)));
                }
            }
            Row::Pragma { .. } => {}
        }
    }
    let mut compared = 0;
    for (table, expected) in expected {
        let found = rows(&database, &table);
        if found.len() != expected.len() {
            let counts = (found.len(), expected.len());
            wrong.push(format!("{table}: {} rows for {}", counts.0, counts.1));
        }
        for (expected, found) in expected.iter().zip(&found) {
            for (column, wanted) in expected {
                compared += 1;
                let is_ignored = ignored.contains(&column.as_str());
                if found.get(column) != Some(wanted) && !is_ignored {
                    let found = found.get(column);
                    wrong.push(format!("{table} {column}: {wanted:?} is {found:?}"));
                }
            }
        }
    }
    (wrong, compared)
}

/// Whether a cell is not Go's by decision: columns move with a record that is written again (D2, D16), and grants are kept
/// whole, which an optional writer of Go strips.
fn is_decided(case: &Case, line: &str) -> bool {
    let moved: &[&str] = match case.name.as_str() {
        "identity-collisions" => &[
            "v1_entitlements resource_id:",
            "v1_grants entitlement_id:",
            "v1_grants principal_resource_id:",
            "v1_grants resource_id:",
        ],
        "overwrites-deletes" => &["v1_resources parent_resource_"],
        "slim-grants" => &["v1_grants data:"],
        _ => &[],
    };
    moved.iter().any(|start| line.starts_with(start))
}

/// Every answer, when the store is opened again for reading, and when what it saved is opened by our own reader.
#[test]
fn every_answer_is_that_of_go() {
    let mut comparison = Comparison::default();
    for (case, steps, dump) in cases() {
        let folder = tempfile::tempdir().unwrap();
        let (store, clock) = replayed(&folder, &steps, &dump);
        let path = folder.path().join("saved.c1z");
        store.save(&path, &pack()).unwrap();
        assert!(!store.engine().is_dirty());
        let store = store.reopen(true).unwrap();
        let engine = store.engine();
        let check = CheckOptions {
            order: Order::Any,
            deviations: deviations(&case.name),
        };
        comparison.add_with(&case.name, engine, &dump, PROFILE, &check);
        let options = OpenOptions {
            clock,
            profile: PROFILE,
            zone: Zone::utc(),
            ..OpenOptions::default()
        };
        let saved = c1z::open_with(&path, &options).unwrap();
        let label = format!("{} saved", case.name);
        comparison.add_with(&label, saved.reader(), &dump, PROFILE, &check);
    }
    assert_eq!(comparison.files, 48, "two readers of every case");
    comparison.finish();
}

#[test]
fn every_saved_cell_is_that_of_go() {
    let mut table = Table::new();
    let mut wrong = String::new();
    let (mut total, mut decided) = (0, 0);
    for (case, steps, dump) in cases() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = replayed(&folder, &steps, &dump);
        let path = folder.path().join("saved.c1z");
        store.save(&path, &pack()).unwrap();
        let (mut different, compared) = different(&case, &path, &["discovered_at"]);
        let all = different.len();
        different.retain(|line| !is_decided(&case, line));
        table.set(&case.name, "cells", &compared);
        table.set(&case.name, "decided", &(all - different.len()));
        total += compared;
        decided += all - different.len();
        for line in different.iter().take(8) {
            let _ = writeln!(wrong, "{}: {line:.400}", case.name);
        }
    }
    println!("{}", table.render());
    println!("{total} cells, {decided} of them otherwise by decision");
    assert!(wrong.is_empty(), "{wrong}");
    assert!(total > 30_000, "{total} cells");
    // 4 and 8 columns that Go leaves behind, 81 grants that its optional writer strips.
    assert_eq!(decided, 93);
}

/// Files of Go, of every generation, are opened for writing: the answers stay, and what is saved again holds the same.
#[test]
fn files_of_go_are_opened_for_writing() {
    let mut comparison = Comparison::default();
    let mut cells = 0;
    for file in packed_files().unwrap() {
        if file.format != Format::V1 {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let dump = file.case.dump(file.dump).unwrap();
        let clock = Arc::new(ManualClock::at(dump.read_at()));
        let work = folder.path().join("work");
        let path = file.case.path(file.file);
        let store = SqliteStore::unpack(path, work, options(&dump, &clock)).unwrap();
        assert!(!store.engine().is_dirty());
        let engine = store.engine();
        let stale = Deviation::new(
            "principals",
            "group:g1:member",
            "u-4ac1f5",
            "columns of a grant that Go wrote again name its first principal",
        );
        let stale = (file.case.name == "identity-collisions").then_some(stale);
        let stale = stale.into_iter().collect();
        comparison.add(&file.label(), engine, &dump, PROFILE, stale);
        if file.file == "v1.c1z" && !file.case.name.starts_with("old-schema") {
            let path = folder.path().join("saved.c1z");
            store.save(&path, &pack()).unwrap();
            let (different, compared) = different(&file.case, &path, &[]);
            assert_eq!(different, [""; 0], "{}", file.label());
            cells += compared;
        }
    }
    println!("{cells} cells");
    assert!(comparison.files > 30, "{} files", comparison.files);
    assert!(cells > 20_000, "{cells} cells");
    comparison.finish();
}

/// Unfinished syncs of Go are resumed, written to and finished; the other syncs of their files stay.
#[test]
fn unfinished_syncs_of_go_are_resumed_and_finished() {
    let mut resumed = Vec::new();
    for file in packed_files().unwrap() {
        if file.format != Format::V1 || file.file != "v1.c1z" {
            continue;
        }
        let dump = file.case.dump(file.dump).unwrap();
        let Some(run) = dump.sync_runs().find(|run| run.ended_at.is_none()) else {
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(dump.read_at()));
        let work = folder.path().join("work");
        let path = file.case.path(file.file);
        let store = SqliteStore::unpack(path, work, options(&dump, &clock)).unwrap();
        let engine = store.engine();
        let id = engine.resume_sync(None, None).unwrap();
        assert_eq!(id.as_str(), run.id);
        let before = engine.stats(Some(&id), None).unwrap();
        let more = v2::ResourceType {
            id: "one more".to_owned(),
            ..Default::default()
        };
        engine.put_resource_types(&[more]).unwrap();
        engine.end_sync().unwrap();
        let saved = folder.path().join("saved.c1z");
        store.save(&saved, &pack()).unwrap();
        let saved = common::open_as(&saved, PROFILE, &dump).unwrap();
        let found = saved.reader().get_sync(&id).unwrap();
        assert!(found.is_finished());
        let after = saved.reader().stats(Some(&id), None).unwrap();
        assert_eq!(after.resource_types, before.resource_types + 1);
        assert_eq!(after.grants, before.grants);
        assert_eq!(found.stats.unwrap().resource_types, after.resource_types);
        resumed.push(file.case.name);
    }
    println!("{resumed:?}");
    assert!(resumed.len() >= 4, "{resumed:?}");
}
