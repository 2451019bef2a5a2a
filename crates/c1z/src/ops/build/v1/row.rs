//! The rows of the record tables, as the columns of the schema want them (`c1z1-sqlite` §2).

use crate::Result;
use crate::engine::types::Timestamp;
use crate::ops::RecordKind;
use crate::sqlite_file::Value;
use crate::v1_tables::Zone;

/// A record as a v1 file stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct V1Row<'a> {
    /// Its row id; none: the one after the last.
    pub rowid: Option<i64>,
    /// The sync it belongs to.
    pub sync_id: &'a str,
    /// What makes it the same record, within its kind and sync.
    pub external_id: &'a str,
    /// When it was first written.
    pub discovered_at: Timestamp,
    /// The encoded message of `c1.connector.v2`, or the bytes of an asset.
    pub data: &'a [u8],
    /// The columns that only records of its kind have.
    pub columns: V1Columns<'a>,
}

/// The columns of one kind of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum V1Columns<'a> {
    /// A resource type.
    ResourceType,
    /// A resource.
    Resource {
        /// Its type.
        resource_type: &'a str,
        /// Type and id of its parent, if it has one.
        parent: Option<(&'a str, &'a str)>,
    },
    /// An entitlement.
    Entitlement {
        /// Type of its resource.
        resource_type: &'a str,
        /// Id of its resource.
        resource: &'a str,
    },
    /// A grant.
    Grant(V1Grant<'a>),
    /// An asset.
    Asset {
        /// Media type.
        content_type: &'a str,
    },
}

/// The columns of a grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V1Grant<'a> {
    /// Type of the entitlement's resource.
    pub resource_type: &'a str,
    /// Id of the entitlement's resource.
    pub resource: &'a str,
    /// Id of the entitlement.
    pub entitlement: &'a str,
    /// Type of the principal.
    pub principal_type: &'a str,
    /// Id of the principal.
    pub principal: &'a str,
    /// The encoded `GrantExpandable`, if the grant has one.
    pub expansion: Option<&'a [u8]>,
    /// Whether expansion is pending or was done from it.
    pub needs_expansion: bool,
}

impl V1Row<'_> {
    /// What kind of record it is.
    pub fn kind(&self) -> RecordKind {
        match self.columns {
            V1Columns::ResourceType => RecordKind::ResourceType,
            V1Columns::Resource { .. } => RecordKind::Resource,
            V1Columns::Entitlement { .. } => RecordKind::Entitlement,
            V1Columns::Grant(_) => RecordKind::Grant,
            V1Columns::Asset { .. } => RecordKind::Asset,
        }
    }

    /// Calls `take` with the values of all columns, in the order of the schema.
    pub(super) fn with_values<T>(
        &self,
        zone: &Zone,
        take: impl FnOnce(&[Value<'_>]) -> Result<T>,
    ) -> Result<T> {
        let time = zone.text(self.discovered_at)?;
        let id = Value::text(self.external_id);
        let last = [
            Value::blob(self.data),
            Value::text(self.sync_id),
            Value::text(&time),
        ];
        let [data, sync, time] = last;
        match self.columns {
            V1Columns::ResourceType => take(&[Value::Null, id, data, sync, time]),
            V1Columns::Resource {
                resource_type,
                parent,
            } => {
                let (parent_type, parent) = match parent {
                    Some((parent_type, parent)) => (Value::text(parent_type), Value::text(parent)),
                    None => (Value::Null, Value::Null),
                };
                let of_type = Value::text(resource_type);
                take(&[
                    Value::Null,
                    of_type,
                    id,
                    parent_type,
                    parent,
                    data,
                    sync,
                    time,
                ])
            }
            V1Columns::Entitlement {
                resource_type,
                resource,
            } => {
                let (of_type, of) = (Value::text(resource_type), Value::text(resource));
                take(&[Value::Null, of_type, of, id, data, sync, time])
            }
            V1Columns::Grant(grant) => take(&[
                Value::Null,
                Value::text(grant.resource_type),
                Value::text(grant.resource),
                Value::text(grant.entitlement),
                Value::text(grant.principal_type),
                Value::text(grant.principal),
                id,
                grant.expansion.map_or(Value::Null, Value::blob),
                Value::Integer(grant.needs_expansion.into()),
                data,
                sync,
                time,
            ]),
            V1Columns::Asset { content_type } => {
                take(&[Value::Null, id, Value::text(content_type), data, sync, time])
            }
        }
    }
}
