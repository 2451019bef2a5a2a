//! `v1_entitlements`: one row per entitlement.

use std::borrow::Cow;

use super::cell::{Cells, ColumnSpec};
use super::table::V1Table;
use crate::Result;

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct Entitlements;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntitlementRow<'a> {
    /// Number of the row.
    pub id: i64,
    /// Type of the resource it is on; empty without a resource.
    pub resource_type_id: Cow<'a, str>,
    /// Id of the resource it is on.
    pub resource_id: Cow<'a, str>,
    /// Id of the entitlement.
    pub external_id: Cow<'a, str>,
    /// An encoded `Entitlement`.
    pub data: Cow<'a, [u8]>,
    /// The sync that the row belongs to.
    pub sync_id: Cow<'a, str>,
    /// When the row was first written: wall-clock time of the writer.
    pub discovered_at: Cow<'a, str>,
}

impl V1Table for Entitlements {
    type Row<'a> = EntitlementRow<'a>;
    const NAME: &'static str = "v1_entitlements";
    const COLUMNS: &'static [ColumnSpec] = &[
        ColumnSpec::required("resource_type_id"),
        ColumnSpec::required("resource_id"),
        ColumnSpec::required("external_id"),
        ColumnSpec::required("data"),
        ColumnSpec::required("sync_id"),
        ColumnSpec::required("discovered_at"),
    ];

    fn read<'a>(cells: &Cells<'a>) -> Result<EntitlementRow<'a>> {
        Ok(EntitlementRow {
            id: cells.id(),
            resource_type_id: cells.text(0)?,
            resource_id: cells.text(1)?,
            external_id: cells.text(2)?,
            data: cells.blob(3)?,
            sync_id: cells.text(4)?,
            discovered_at: cells.text(5)?,
        })
    }
}
