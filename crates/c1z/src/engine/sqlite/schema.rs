//! The schema of a database that is written: made where it is new, completed where an older program made it
//! (`c1z1-sqlite` §3).

use std::collections::BTreeSet;

use c1z_proto::connector::v2;
use rusqlite::{Connection, params};

use super::cells::Cells;
use super::fault::sql;
use crate::Result;
use crate::engine::Profile;
use crate::ops::build::v1::statements;
use crate::record::{annotation, message};

/// Columns that came after their tables, and how they are added.
const ADDED: [(&str, &str, &str); 11] = [
    ("v1_sync_runs", "sync_type", "text not null default 'full'"),
    ("v1_sync_runs", "parent_sync_id", "text not null default ''"),
    ("v1_sync_runs", "linked_sync_id", "text not null default ''"),
    (
        "v1_sync_runs",
        "supports_diff",
        "integer not null default 0",
    ),
    (
        "v1_sync_runs",
        "grants_backfilled",
        "integer not null default 0",
    ),
    ("v1_sync_runs", "stats", "text"),
    (
        "v1_sync_runs",
        "ingest_invariant_generation",
        "text not null default ''",
    ),
    (
        "v1_sync_runs",
        "ingest_invariant_coverage",
        "text not null default ''",
    ),
    (
        "v1_sync_runs",
        "ingest_invariant_mode",
        "text not null default ''",
    ),
    ("v1_grants", "expansion", "blob"),
    ("v1_grants", "needs_expansion", "integer not null default 0"),
];

/// Grants that are looked at in one transaction when an old file is migrated.
const BACKFILL_ROWS: i64 = 1_000;

/// Makes what is missing, by name as the reference does. Tables come before columns, and those before indexes.
pub(super) fn complete(connection: &Connection) -> Result<()> {
    let failed = sql("complete the schema");
    let there = names(connection)?;
    let missing = |statement: &&str| name_of(statement).is_some_and(|name| !there.contains(name));
    let (tables, indexes): (Vec<_>, Vec<_>) = statements()
        .into_iter()
        .filter(missing)
        .partition(|statement| statement.starts_with("CREATE TABLE"));
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(&failed)?;
    for table in tables {
        connection.execute_batch(table).map_err(&failed)?;
    }
    for (table, column, declared) in ADDED {
        if !columns(connection, table)?.contains(column) {
            let statement = format!("ALTER TABLE {table} ADD COLUMN {column} {declared}");
            connection.execute_batch(&statement).map_err(&failed)?;
        }
    }
    for index in indexes {
        connection.execute_batch(index).map_err(&failed)?;
    }
    connection.execute_batch("COMMIT").map_err(&failed)?;
    backfill(connection)
}

/// The name of what a statement makes.
fn name_of(statement: &str) -> Option<&str> {
    let words = statement.split_whitespace();
    words
        .skip_while(|word| !matches!(*word, "TABLE" | "INDEX"))
        .nth(1)
}

fn names(connection: &Connection) -> Result<BTreeSet<String>> {
    texts(connection, "SELECT name FROM sqlite_schema")
}

fn columns(connection: &Connection, table: &str) -> Result<BTreeSet<String>> {
    let query = format!("SELECT name FROM pragma_table_info('{table}')");
    texts(connection, &query)
}

fn texts(connection: &Connection, query: &str) -> Result<BTreeSet<String>> {
    let read = || {
        let mut statement = connection.prepare(query)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<BTreeSet<String>>>()
    };
    read().map_err(sql("read the schema"))
}

/// Moves expansions out of the grants of syncs that were written before there was a column for them.
fn backfill(connection: &Connection) -> Result<()> {
    let failed = sql("migrate grants");
    let syncs = texts(
        connection,
        "SELECT sync_id FROM v1_sync_runs WHERE grants_backfilled = 0",
    )?;
    for sync in syncs {
        let mut last = Some(i64::MIN);
        while let Some(id) = last {
            connection
                .execute_batch("BEGIN IMMEDIATE")
                .map_err(&failed)?;
            last = backfill_some(connection, &sync, id)?;
            connection.execute_batch("COMMIT").map_err(&failed)?;
        }
        connection
            .execute(
                "UPDATE v1_sync_runs SET grants_backfilled = 1 WHERE sync_id = ?",
                [&sync],
            )
            .map_err(&failed)?;
    }
    Ok(())
}

/// Migrates grants behind the row `after`; returns the last row that was looked at, none if there are no more.
fn backfill_some(connection: &Connection, sync: &str, after: i64) -> Result<Option<i64>> {
    let failed = sql("migrate grants");
    let mut statement = connection
        .prepare_cached(
            "SELECT id, data FROM v1_grants WHERE +sync_id = ? AND id > ? \
             AND (expansion IS NULL OR expansion = X'') ORDER BY id LIMIT ?",
        )
        .map_err(&failed)?;
    let mut update = connection
        .prepare_cached(
            "UPDATE v1_grants SET expansion = ?, needs_expansion = 1, data = ? WHERE id = ?",
        )
        .map_err(&failed)?;
    let mut rows = statement
        .query(params![sync, after, BACKFILL_ROWS])
        .map_err(&failed)?;
    let mut found = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next().map_err(&failed)? {
        let id = Cells::new(row, 0).integer(0)?;
        last = Some(id);
        let cells = Cells::new(row, 1).of_row("v1_grants", id);
        if let Some((expansion, data)) =
            lifted(&cells.blob(0)?).map_err(|error| error.in_row("v1_grants", id))?
        {
            found.push((expansion, data, id));
        }
    }
    drop(rows);
    for (expansion, data, id) in found {
        update
            .execute(params![expansion, data, id])
            .map_err(&failed)?;
    }
    Ok(last)
}

/// The expansion inside an encoded grant, and the grant without it.
fn lifted(data: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut grant: v2::Grant = message::decode("grant", data)?;
    let lifted = annotation::lift(&grant.annotations, Profile::GoSqlite);
    let Some(expansion) = lifted.expansion else {
        return Ok(None);
    };
    for at in lifted.removed.into_iter().rev() {
        grant.annotations.remove(at);
    }
    Ok(Some((message::encode(&expansion), message::encode(&grant))))
}
