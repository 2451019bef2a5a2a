//! Counts of a sync's rows (`store-contract` §7). Recorded statistics of v1 files certify nothing:
//! rows may have been deleted since, and rows of types that nobody declared were left out.

use std::collections::BTreeMap;

use super::File;
use super::access::Indexed;
use crate::engine::types::{SyncId, SyncStats};
use crate::v1_tables::V1Table;
use crate::{Error, ErrorKind, Result};

/// Counts all rows; what the token says is taken over.
pub(super) fn count(file: &File, sync: &SyncId, token: &str) -> Result<SyncStats> {
    let mut stats = SyncStats::default();
    // Every declared type is named, with or without resources.
    let types = &mut stats.resources_by_resource_type;
    stats.resource_types = each(file.resource_types.as_ref(), sync, "external_id", |id| {
        types.insert(id.to_owned(), 0);
    })?;
    stats.resources = by_type(file.resources.as_ref(), sync, types)?;
    let types = &mut stats.entitlements_by_resource_type;
    stats.entitlements = by_type(file.entitlements.as_ref(), sync, types)?;
    let types = &mut stats.grants_by_resource_type;
    stats.grants = by_type(file.grants.as_ref(), sync, types)?;
    stats.assets = each(file.assets.as_ref(), sync, "external_id", |_| {})?;
    crate::record::token::lift_into(token, &mut stats);
    Ok(stats)
}

fn by_type<T: V1Table>(
    table: Option<&Indexed<T>>,
    sync: &SyncId,
    counts: &mut BTreeMap<String, i64>,
) -> Result<i64> {
    each(table, sync, "resource_type_id", |kind| {
        match counts.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(counts.insert(kind.to_owned(), 1)),
        }
    })
}

/// Hands a column of every row of the sync to `visit`; returns the number of rows.
fn each<T: V1Table>(
    table: Option<&Indexed<T>>,
    sync: &SyncId,
    column_name: &str,
    mut visit: impl FnMut(&str),
) -> Result<i64> {
    let Some(table) = table else { return Ok(0) };
    let (Some(column), Some(of)) = (table.column(column_name), table.column("sync_id")) else {
        return Ok(0);
    };
    let mut rows = table.typed.table().scan(..);
    let mut count = 0;
    while let Some(row) = rows.next()? {
        if row.get(of)?.as_bytes() == Some(sync.as_str().as_bytes()) {
            let value = row.get(column)?;
            let text = value
                .as_bytes()
                .and_then(|bytes| std::str::from_utf8(bytes).ok());
            let text = text.ok_or_else(|| no_text(column_name).in_row(T::NAME, row.rowid()))?;
            visit(text);
            count += 1;
        }
    }
    Ok(count)
}

fn no_text(column: &str) -> Error {
    let message = format!("a value that is no text column=`{column}`");
    Error::new(ErrorKind::DataLoss, message)
}
