//! Typed rows of the record tables of an existing file, as the rows that a new one is written from.

use super::row::{V1Columns, V1Grant, V1Row};
use crate::Result;
use crate::v1_tables::{
    AssetRow, EntitlementRow, GrantRow, ResourceRow, ResourceTypeRow, V1Table, Zone,
};

/// A table of records.
pub(crate) trait RecordTable: for<'r> V1Table<Row<'r>: RecordRow> {}

impl<T: for<'r> V1Table<Row<'r>: RecordRow>> RecordTable for T {}

/// A row of such a table.
pub(crate) trait RecordRow {
    /// The sync it belongs to.
    fn sync_id(&self) -> &str;

    /// The row, its time taken for one of `zone`.
    ///
    /// # Errors
    /// `DataLoss` for a time that is none.
    fn v1_row(&self, zone: &Zone) -> Result<V1Row<'_>>;
}

/// What rows of every kind have in common stands in fields of one name.
macro_rules! record_row {
    ($row:ident, |$of:ident| $columns:expr) => {
        impl RecordRow for $row<'_> {
            fn sync_id(&self) -> &str {
                &self.sync_id
            }

            fn v1_row(&self, zone: &Zone) -> Result<V1Row<'_>> {
                let $of = self;
                Ok(V1Row {
                    rowid: Some(self.id),
                    sync_id: &self.sync_id,
                    external_id: &self.external_id,
                    discovered_at: zone.instant(&self.discovered_at)?,
                    data: &self.data,
                    columns: $columns,
                })
            }
        }
    };
}

record_row!(ResourceTypeRow, |_row| V1Columns::ResourceType);

record_row!(ResourceRow, |row| V1Columns::Resource {
    resource_type: &row.resource_type_id,
    parent: match (&row.parent_resource_type_id, &row.parent_resource_id) {
        (None, None) => None,
        (of_type, id) => Some((
            of_type.as_deref().unwrap_or_default(),
            id.as_deref().unwrap_or_default(),
        )),
    },
});

record_row!(EntitlementRow, |row| V1Columns::Entitlement {
    resource_type: &row.resource_type_id,
    resource: &row.resource_id,
});

record_row!(GrantRow, |row| V1Columns::Grant(V1Grant {
    resource_type: &row.resource_type_id,
    resource: &row.resource_id,
    entitlement: &row.entitlement_id,
    principal_type: &row.principal_resource_type_id,
    principal: &row.principal_resource_id,
    expansion: row.expansion.as_deref(),
    needs_expansion: row.needs_expansion,
}));

record_row!(AssetRow, |row| V1Columns::Asset {
    content_type: &row.content_type,
});
