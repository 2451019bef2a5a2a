//! v1 to v1: the same schema, rows and row ids as in the file of the original implementation, and a
//! database without a fault. Row ids of session entries mean nothing and are new.

use c1z::ops::convert::FileFormat;
use testkit::golden::sqlite::{Cell, Row};
use testkit::golden::{Case, cases_with};

use crate::support::*;

/// The v1 file that a dump of tables is about.
fn input_of(case: &Case) -> &'static str {
    if case.has("v1.c1z") {
        "v1.c1z"
    } else {
        "compacted.v1.c1z"
    }
}

/// Rows with the names of their tables.
type DumpRows = Vec<(String, SqliteRow)>;
/// Statements with the names of what they make.
type Statements = Vec<(String, String)>;

/// What the dump of a case says.
fn expected(case: &Case) -> (DumpRows, Statements) {
    let (mut rows, mut schema) = (Vec::new(), Vec::new());
    for line in case.sqlite_rows().unwrap() {
        match line {
            Row::Record { table, row } => rows.push((table, row)),
            Row::Schema {
                name,
                schema: Some(sql),
                ..
            } => schema.push((name, sql)),
            _ => {}
        }
    }
    (rows, schema)
}

/// Whether a cell may differ: numbers of session entries, columns that came after the file was written, what moved from messages
/// into them, and statistics that Go's compaction leaves empty and we count.
fn is_new(case: &Case, column: &str, wanted: Option<&Cell>, found: &SqliteRow) -> bool {
    if column == "id" && found.contains_key("value") {
        return true;
    }
    let is_expanded = || matches!(found.get("expansion"), Some(Cell::Blob(_)));
    match wanted {
        None => case.name.starts_with("old-schema"),
        Some(Cell::Blob(_)) if case.name.starts_with("old-schema") => {
            column == "data" && is_expanded()
        }
        Some(Cell::Text(text)) => column == "stats" && text == "{}",
        Some(_) => false,
    }
}

#[test]
fn files_of_go_come_back_row_by_row() {
    let cases = cases_with("sqlite-rows.ndjson.gz").unwrap();
    assert_eq!(cases.len(), 32);
    let (mut wrong, mut total) = (Vec::new(), 0);
    for case in cases {
        let mem = with_input(&case, input_of(&case));
        let summary = convert_all(&mem, "in", "out.c1z", FileFormat::V1);
        assert!(
            summary.losses.is_empty() || case.name.starts_with("old-schema"),
            "{}: {}",
            case.name,
            summary.losses
        );
        let found = read_v1(&mem, "out.c1z");
        let (rows, schema) = expected(&case);
        let own: Vec<_> = found.schema().objects().iter().collect();
        for (name, sql) in schema
            .iter()
            .filter(|_| !case.name.starts_with("old-schema"))
        {
            let ours = own.iter().find(|object| object.name == *name);
            assert_eq!(
                ours.and_then(|o| o.sql.as_ref()),
                Some(sql),
                "{} {name}",
                case.name
            );
        }
        for table in own.iter().filter(|object| object.kind.name() == "table") {
            let found = table_rows(&found, &table.name);
            let expected = rows.iter().filter(|(of, _)| *of == table.name);
            let expected: Vec<_> = expected.map(|(_, row)| row.clone()).collect();
            total += found.len();
            if found.len() != expected.len() {
                wrong.push(format!(
                    "{} {}: {} rows for {}",
                    case.name,
                    table.name,
                    found.len(),
                    expected.len()
                ));
            }
            for (expected, found) in expected.iter().zip(&found) {
                for (column, cell) in found {
                    let wanted = expected.get(column);
                    if wanted != Some(cell) && !is_new(&case, column, wanted, found) {
                        wrong.push(format!(
                            "{} {} {column}: {wanted:?} is {cell:?}",
                            case.name, table.name
                        ));
                    }
                }
            }
        }
    }
    println!("{total} rows");
    assert_eq!(wrong, Vec::<String>::new());
}
