//! Typed rows of v1 tables against what SQLite says of every golden v1 file, cell by cell: schemas of all generations.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that meets unexpected data must stop, and says what it counted"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use c1z::MemoryBudget;
use c1z::envelope::{EnvelopeFile, OpenOptions};
use c1z::sqlite_file::Database;
use c1z::v1_tables::{
    Absent, AssetRow, Assets, EntitlementRow, Entitlements, GrantRow, Grants, ResourceRow,
    ResourceTypeRow, ResourceTypes, Resources, SessionRow, Sessions, SyncRunRow, SyncRuns,
    TypedTable, V1Table,
};
use shingle::vfs::OsFs;
use testkit::golden::sqlite::{Blob, Cell, Row};
use testkit::golden::{Case, Format, packed_files};
use testkit::table::Table;

type Cells = Vec<(&'static str, Cell)>;

fn database(case: &Case, file: &str) -> Database {
    let path = case.path(file);
    let opened = EnvelopeFile::open(&OsFs, &path, &OpenOptions::default()).unwrap();
    let EnvelopeFile::V1(file) = opened else {
        panic!("{} is no v1 file", path.display());
    };
    let decoded = file.decode_to_memory(&MemoryBudget::default()).unwrap();
    Database::open(Arc::new(decoded)).unwrap()
}

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

fn text_or_null(value: Option<&str>) -> Cell {
    value.map_or(Cell::Null, text)
}

fn blob(value: &[u8]) -> Cell {
    let bytes = value.to_vec();
    Cell::Blob(Blob { bytes })
}

fn flag(value: bool) -> Cell {
    Cell::Integer(value.into())
}

fn sync_run(row: &SyncRunRow<'_>) -> Cells {
    vec![
        ("id", Cell::Integer(row.id)),
        ("sync_id", text(&row.sync_id)),
        ("started_at", text(&row.started_at)),
        ("ended_at", text_or_null(row.ended_at.as_deref())),
        ("sync_token", text(&row.sync_token)),
        ("sync_type", text(&row.sync_type)),
        ("parent_sync_id", text(&row.parent_sync_id)),
        ("linked_sync_id", text(&row.linked_sync_id)),
        ("supports_diff", flag(row.supports_diff)),
        ("grants_backfilled", flag(row.grants_backfilled)),
        ("stats", text_or_null(row.stats.as_deref())),
        (
            "ingest_invariant_generation",
            text(&row.ingest_invariant_generation),
        ),
        (
            "ingest_invariant_coverage",
            text(&row.ingest_invariant_coverage),
        ),
        ("ingest_invariant_mode", text(&row.ingest_invariant_mode)),
    ]
}

fn resource_type(row: &ResourceTypeRow<'_>) -> Cells {
    vec![
        ("id", Cell::Integer(row.id)),
        ("external_id", text(&row.external_id)),
        ("data", blob(&row.data)),
        ("sync_id", text(&row.sync_id)),
        ("discovered_at", text(&row.discovered_at)),
    ]
}

fn resource(row: &ResourceRow<'_>) -> Cells {
    vec![
        ("id", Cell::Integer(row.id)),
        ("resource_type_id", text(&row.resource_type_id)),
        ("external_id", text(&row.external_id)),
        (
            "parent_resource_type_id",
            text_or_null(row.parent_resource_type_id.as_deref()),
        ),
        (
            "parent_resource_id",
            text_or_null(row.parent_resource_id.as_deref()),
        ),
        ("data", blob(&row.data)),
        ("sync_id", text(&row.sync_id)),
        ("discovered_at", text(&row.discovered_at)),
    ]
}

fn entitlement(row: &EntitlementRow<'_>) -> Cells {
    vec![
        ("id", Cell::Integer(row.id)),
        ("resource_type_id", text(&row.resource_type_id)),
        ("resource_id", text(&row.resource_id)),
        ("external_id", text(&row.external_id)),
        ("data", blob(&row.data)),
        ("sync_id", text(&row.sync_id)),
        ("discovered_at", text(&row.discovered_at)),
    ]
}

fn grant(row: &GrantRow<'_>) -> Cells {
    vec![
        ("id", Cell::Integer(row.id)),
        ("resource_type_id", text(&row.resource_type_id)),
        ("resource_id", text(&row.resource_id)),
        ("entitlement_id", text(&row.entitlement_id)),
        (
            "principal_resource_type_id",
            text(&row.principal_resource_type_id),
        ),
        ("principal_resource_id", text(&row.principal_resource_id)),
        ("external_id", text(&row.external_id)),
        (
            "expansion",
            row.expansion.as_deref().map_or(Cell::Null, blob),
        ),
        ("needs_expansion", flag(row.needs_expansion)),
        ("data", blob(&row.data)),
        ("sync_id", text(&row.sync_id)),
        ("discovered_at", text(&row.discovered_at)),
    ]
}

fn asset(row: &AssetRow<'_>) -> Cells {
    vec![
        ("id", Cell::Integer(row.id)),
        ("external_id", text(&row.external_id)),
        ("content_type", text(&row.content_type)),
        ("data", blob(&row.data)),
        ("sync_id", text(&row.sync_id)),
        ("discovered_at", text(&row.discovered_at)),
    ]
}

fn session(row: &SessionRow<'_>) -> Cells {
    vec![
        ("id", Cell::Integer(row.id)),
        ("sync_id", text(&row.sync_id)),
        ("key", text(&row.key)),
        ("value", blob(&row.value)),
    ]
}

/// The default that a column has in files without it.
fn absent(spec: Absent) -> Cell {
    match spec {
        Absent::Required => panic!("a required column is missing"),
        Absent::Null => Cell::Null,
        Absent::Integer(number) => Cell::Integer(number),
        Absent::Text(text) => Cell::Text(text.to_owned()),
    }
}

/// Compares all rows of one table; returns how many.
fn compare<T: V1Table>(
    label: &str,
    database: &Database,
    expected: &[Row],
    cells: impl Fn(&T::Row<'_>) -> Cells,
) -> usize {
    let of_table = expected.iter().filter_map(|row| match row {
        Row::Record { table, row } if table == T::NAME => Some(row),
        _ => None,
    });
    let of_table: Vec<&BTreeMap<String, Cell>> = of_table.collect();
    let Some(table) = TypedTable::<T>::open(database).unwrap() else {
        assert!(of_table.is_empty(), "{label}: {} is missing", T::NAME);
        return 0;
    };
    let mut rows = table.table().scan(..);
    let mut expected = of_table.into_iter();
    let mut count = 0;
    while let Some(row) = rows.next().unwrap() {
        let cells = cells(&table.read(row).unwrap());
        let wanted = expected.next().expect("a row more than SQLite has");
        assert_eq!(
            cells.len(),
            T::COLUMNS.len() + 1,
            "every column is compared"
        );
        for (name, found) in &cells {
            let Some(wanted) = wanted.get(*name) else {
                let spec = T::COLUMNS.iter().find(|spec| spec.name == *name).unwrap();
                assert_eq!(*found, absent(spec.absent), "{label} {} {name}", T::NAME);
                assert!(!table.has(name), "{label}: {name} is there");
                continue;
            };
            assert_eq!(found, wanted, "{label} {} {name}", T::NAME);
        }
        let unknown = wanted
            .keys()
            .find(|key| cells.iter().all(|(name, _)| name != key));
        assert_eq!(unknown, None, "{label}: a column that nobody reads");
        count += 1;
    }
    assert!(
        expected.next().is_none(),
        "{label}: rows fewer than SQLite has in {}",
        T::NAME
    );
    count
}

#[test]
fn every_cell_is_as_sqlite_reads_it() {
    let mut table = Table::new();
    let (mut files, mut total) = (0, 0);
    for file in packed_files().unwrap() {
        if file.file != "v1.c1z" || file.format != Format::V1 {
            continue;
        }
        let expected = file.case.sqlite_rows().unwrap();
        let database = database(&file.case, file.file);
        let label = &file.case.name;
        let mut of_file = 0;
        for (name, count) in [
            (
                "runs",
                compare::<SyncRuns>(label, &database, &expected, sync_run),
            ),
            (
                "types",
                compare::<ResourceTypes>(label, &database, &expected, resource_type),
            ),
            (
                "resources",
                compare::<Resources>(label, &database, &expected, resource),
            ),
            (
                "entitlements",
                compare::<Entitlements>(label, &database, &expected, entitlement),
            ),
            (
                "grants",
                compare::<Grants>(label, &database, &expected, grant),
            ),
            (
                "assets",
                compare::<Assets>(label, &database, &expected, asset),
            ),
            (
                "sessions",
                compare::<Sessions>(label, &database, &expected, session),
            ),
        ] {
            table.set(label, name, &count);
            of_file += count;
        }
        let records = expected
            .iter()
            .filter(|row| matches!(row, Row::Record { .. }));
        assert_eq!(
            of_file,
            records.count(),
            "{label}: rows of tables that nobody reads"
        );
        total += of_file;
        files += 1;
    }
    println!("{}", table.render());
    println!("{files} files, {total} rows");
    assert!(files > 25 && total > 3_000, "{files} files, {total} rows");
}
