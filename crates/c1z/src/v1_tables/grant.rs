//! `v1_grants`: one row per grant.

use std::borrow::Cow;

use super::cell::{Absent, Cells, ColumnSpec};
use super::table::V1Table;
use crate::Result;

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct Grants;

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow<'a> {
    /// Number of the row.
    pub id: i64,
    /// Type of the *entitlement's* resource.
    pub resource_type_id: Cow<'a, str>,
    /// Id of the entitlement's resource.
    pub resource_id: Cow<'a, str>,
    /// Id of the entitlement.
    pub entitlement_id: Cow<'a, str>,
    /// Type of who holds it.
    pub principal_resource_type_id: Cow<'a, str>,
    /// Id of who holds it.
    pub principal_resource_id: Cow<'a, str>,
    /// Id of the grant.
    pub external_id: Cow<'a, str>,
    /// An encoded `GrantExpandable`; none: the grant does not spread, or the file is older than the
    /// column.
    pub expansion: Option<Cow<'a, [u8]>>,
    /// Whether it still has to be expanded.
    pub needs_expansion: bool,
    /// An encoded `Grant`, perhaps without its entitlement and principal (`c1z1-sqlite` §5.2).
    pub data: Cow<'a, [u8]>,
    /// The sync that the row belongs to.
    pub sync_id: Cow<'a, str>,
    /// When the row was first written: wall-clock time of the writer.
    pub discovered_at: Cow<'a, str>,
}

impl V1Table for Grants {
    type Row<'a> = GrantRow<'a>;
    const NAME: &'static str = "v1_grants";
    const COLUMNS: &'static [ColumnSpec] = &[
        ColumnSpec::required("resource_type_id"),
        ColumnSpec::required("resource_id"),
        ColumnSpec::required("entitlement_id"),
        ColumnSpec::required("principal_resource_type_id"),
        ColumnSpec::required("principal_resource_id"),
        ColumnSpec::required("external_id"),
        ColumnSpec::added("expansion", Absent::Null),
        ColumnSpec::added("needs_expansion", Absent::Integer(0)),
        ColumnSpec::required("data"),
        ColumnSpec::required("sync_id"),
        ColumnSpec::required("discovered_at"),
    ];

    fn read<'a>(cells: &Cells<'a>) -> Result<GrantRow<'a>> {
        Ok(GrantRow {
            id: cells.id(),
            resource_type_id: cells.text(0)?,
            resource_id: cells.text(1)?,
            entitlement_id: cells.text(2)?,
            principal_resource_type_id: cells.text(3)?,
            principal_resource_id: cells.text(4)?,
            external_id: cells.text(5)?,
            expansion: cells.blob_or_null(6)?,
            needs_expansion: cells.flag(7)?,
            data: cells.blob(8)?,
            sync_id: cells.text(9)?,
            discovered_at: cells.text(10)?,
        })
    }
}
