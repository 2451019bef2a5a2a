//! `v1_resource_types`: one row per resource type.

use std::borrow::Cow;

use super::cell::{Cells, ColumnSpec};
use super::table::V1Table;
use crate::Result;

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct ResourceTypes;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceTypeRow<'a> {
    /// Number of the row.
    pub id: i64,
    /// Id of the resource type.
    pub external_id: Cow<'a, str>,
    /// An encoded `ResourceType`.
    pub data: Cow<'a, [u8]>,
    /// The sync that the row belongs to.
    pub sync_id: Cow<'a, str>,
    /// When the row was first written: wall-clock time of the writer.
    pub discovered_at: Cow<'a, str>,
}

impl V1Table for ResourceTypes {
    type Row<'a> = ResourceTypeRow<'a>;
    const NAME: &'static str = "v1_resource_types";
    const COLUMNS: &'static [ColumnSpec] = &[
        ColumnSpec::required("external_id"),
        ColumnSpec::required("data"),
        ColumnSpec::required("sync_id"),
        ColumnSpec::required("discovered_at"),
    ];

    fn read<'a>(cells: &Cells<'a>) -> Result<ResourceTypeRow<'a>> {
        Ok(ResourceTypeRow {
            id: cells.id(),
            external_id: cells.text(0)?,
            data: cells.blob(1)?,
            sync_id: cells.text(2)?,
            discovered_at: cells.text(3)?,
        })
    }
}
