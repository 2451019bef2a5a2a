//! `v1_connector_sessions`: one row per entry of a connector's session store (since October 2025).

use std::borrow::Cow;

use super::cell::{Cells, ColumnSpec};
use super::table::V1Table;
use crate::Result;

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct Sessions;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow<'a> {
    /// Number of the row.
    pub id: i64,
    /// The sync that the entry belongs to.
    pub sync_id: Cow<'a, str>,
    /// Prefix and key, one text.
    pub key: Cow<'a, str>,
    /// The value.
    pub value: Cow<'a, [u8]>,
}

impl V1Table for Sessions {
    type Row<'a> = SessionRow<'a>;
    const NAME: &'static str = "v1_connector_sessions";
    const COLUMNS: &'static [ColumnSpec] = &[
        ColumnSpec::required("sync_id"),
        ColumnSpec::required("key"),
        ColumnSpec::required("value"),
    ];

    fn read<'a>(cells: &Cells<'a>) -> Result<SessionRow<'a>> {
        Ok(SessionRow {
            id: cells.id(),
            sync_id: cells.text(0)?,
            key: cells.text(1)?,
            value: cells.blob(2)?,
        })
    }
}
