//! `v1_assets`: one row per asset; its data are no message.

use std::borrow::Cow;

use super::cell::{Cells, ColumnSpec};
use super::table::{TypedTable, V1Table};
use crate::Result;
use crate::sqlite_file::Row;

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct Assets;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRow<'a> {
    /// Number of the row.
    pub id: i64,
    /// Id of the asset.
    pub external_id: Cow<'a, str>,
    /// Media type.
    pub content_type: Cow<'a, str>,
    /// The bytes of the asset.
    pub data: Cow<'a, [u8]>,
    /// The sync that the row belongs to.
    pub sync_id: Cow<'a, str>,
    /// When the row was first written: wall-clock time of the writer.
    pub discovered_at: Cow<'a, str>,
}

impl V1Table for Assets {
    type Row<'a> = AssetRow<'a>;
    const NAME: &'static str = "v1_assets";
    const COLUMNS: &'static [ColumnSpec] = &[
        ColumnSpec::required("external_id"),
        ColumnSpec::required("content_type"),
        ColumnSpec::required("data"),
        ColumnSpec::required("sync_id"),
        ColumnSpec::required("discovered_at"),
    ];

    fn read<'a>(cells: &Cells<'a>) -> Result<AssetRow<'a>> {
        Ok(AssetRow {
            id: cells.id(),
            external_id: cells.text(0)?,
            content_type: cells.text(1)?,
            data: cells.blob(2)?,
            sync_id: cells.text(3)?,
            discovered_at: cells.text(4)?,
        })
    }
}

/// A row without its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetHead<'a> {
    /// Id of the asset.
    pub external_id: Cow<'a, str>,
    /// Media type.
    pub content_type: Cow<'a, str>,
    /// Length of the data in bytes.
    pub data_len: u64,
}

impl TypedTable<Assets> {
    /// Reads a row of this table without its data.
    ///
    /// # Errors
    /// As [`V1Table::read`].
    pub fn head<'a>(&'a self, row: &'a Row) -> Result<AssetHead<'a>> {
        let cells = self.cells(row);
        let read = || {
            Ok(AssetHead {
                external_id: cells.text(0)?,
                content_type: cells.text(1)?,
                data_len: cells.len(2)?,
            })
        };
        read().map_err(|error: crate::Error| error.in_row(Assets::NAME, row.rowid()))
    }
}
