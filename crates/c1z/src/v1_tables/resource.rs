//! `v1_resources`: one row per resource.

use std::borrow::Cow;

use super::cell::{Cells, ColumnSpec};
use super::table::V1Table;
use crate::Result;

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct Resources;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRow<'a> {
    /// Number of the row.
    pub id: i64,
    /// Type of the resource.
    pub resource_type_id: Cow<'a, str>,
    /// Type, a colon, and the id of the resource; nothing is escaped.
    pub external_id: Cow<'a, str>,
    /// Type of the parent; none without a parent.
    pub parent_resource_type_id: Option<Cow<'a, str>>,
    /// Id of the parent; none without a parent.
    pub parent_resource_id: Option<Cow<'a, str>>,
    /// An encoded `Resource`.
    pub data: Cow<'a, [u8]>,
    /// The sync that the row belongs to.
    pub sync_id: Cow<'a, str>,
    /// When the row was first written: wall-clock time of the writer.
    pub discovered_at: Cow<'a, str>,
}

impl V1Table for Resources {
    type Row<'a> = ResourceRow<'a>;
    const NAME: &'static str = "v1_resources";
    const COLUMNS: &'static [ColumnSpec] = &[
        ColumnSpec::required("resource_type_id"),
        ColumnSpec::required("external_id"),
        ColumnSpec::required("parent_resource_type_id"),
        ColumnSpec::required("parent_resource_id"),
        ColumnSpec::required("data"),
        ColumnSpec::required("sync_id"),
        ColumnSpec::required("discovered_at"),
    ];

    fn read<'a>(cells: &Cells<'a>) -> Result<ResourceRow<'a>> {
        Ok(ResourceRow {
            id: cells.id(),
            resource_type_id: cells.text(0)?,
            external_id: cells.text(1)?,
            parent_resource_type_id: cells.text_or_null(2)?,
            parent_resource_id: cells.text_or_null(3)?,
            data: cells.blob(4)?,
            sync_id: cells.text(5)?,
            discovered_at: cells.text(6)?,
        })
    }
}
