//! Counts of a sync's rows (`store-contract` §7).

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::cells::Cells;
use super::fault::sql;
use crate::Result;
use crate::engine::types::{SyncId, SyncStats};

/// Counts all rows; what the token says is taken over. O(rows).
pub(super) fn count(connection: &Connection, sync: &SyncId, token: &str) -> Result<SyncStats> {
    let mut stats = SyncStats::default();
    let grouped = |table: &str, column: &str, into: &mut BTreeMap<String, i64>| {
        by_column(connection, sync, table, column, into)
    };
    // Every declared type is named, with or without resources.
    let mut types = BTreeMap::new();
    stats.resource_types = grouped("v1_resource_types", "external_id", &mut types)?;
    for count in types.values_mut() {
        *count = 0;
    }
    stats.resources = grouped("v1_resources", "resource_type_id", &mut types)?;
    stats.resources_by_resource_type = types;
    let by_type = &mut stats.entitlements_by_resource_type;
    stats.entitlements = grouped("v1_entitlements", "resource_type_id", by_type)?;
    let by_type = &mut stats.grants_by_resource_type;
    stats.grants = grouped("v1_grants", "resource_type_id", by_type)?;
    stats.assets = connection
        .query_row(
            "SELECT count(*) FROM v1_assets WHERE sync_id = ?",
            [sync.as_str()],
            |row| row.get(0),
        )
        .map_err(sql("count rows"))?;
    crate::record::token::lift_into(token, &mut stats);
    Ok(stats)
}

/// Adds the number of rows with each text in a column; returns their sum.
fn by_column(
    connection: &Connection,
    sync: &SyncId,
    table: &str,
    column: &str,
    into: &mut BTreeMap<String, i64>,
) -> Result<i64> {
    let failed = sql("count rows");
    let query =
        format!("SELECT {column}, count(*) FROM {table} WHERE +sync_id = ? GROUP BY {column}");
    let mut statement = connection.prepare_cached(&query).map_err(&failed)?;
    let mut rows = statement.query([sync.as_str()]).map_err(&failed)?;
    let mut sum = 0;
    while let Some(row) = rows.next().map_err(&failed)? {
        let cells = Cells::new(row, 0);
        let count = cells.integer(1)?;
        *into.entry(cells.text(0)?.into_owned()).or_default() += count;
        sum += count;
    }
    Ok(sum)
}
