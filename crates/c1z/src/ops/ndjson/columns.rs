//! The columns of a v1 row as NDJSON keeps them: a stored record of the same kind, of which nothing
//! else is set ([`super::Form::Message`]).

use c1z_proto::storage::v3;

use crate::engine::types::Timestamp;
use crate::ops::RecordKind;
use crate::ops::build::v1::{V1Columns, V1Grant, V1Row};
use crate::record::{GrantView, message, timestamp, wire};
use crate::{Error, ErrorKind, Result};

/// The encoded columns of a row that is no asset.
///
/// # Errors
/// `DataLoss` for a resource whose id does not begin with its type.
pub(crate) fn encode(row: &V1Row<'_>) -> Result<Vec<u8>> {
    let discovered_at = timestamp::to_field(Some(row.discovered_at));
    let external_id = row.external_id.to_owned();
    Ok(match row.columns {
        V1Columns::ResourceType | V1Columns::Asset { .. } => {
            message::encode(&v3::ResourceTypeRecord {
                external_id,
                discovered_at,
                ..Default::default()
            })
        }
        V1Columns::Resource {
            resource_type,
            parent,
        } => message::encode(&v3::ResourceRecord {
            resource_type_id: resource_type.to_owned(),
            resource_id: resource_id(row.external_id, resource_type)?.to_owned(),
            parent: parent.map(|(of_type, id)| reference(of_type, id)).into(),
            discovered_at,
            ..Default::default()
        }),
        V1Columns::Entitlement {
            resource_type,
            resource,
        } => message::encode(&v3::EntitlementRecord {
            external_id,
            resource: Some(reference(resource_type, resource)).into(),
            discovered_at,
            ..Default::default()
        }),
        V1Columns::Grant(grant) => grant_columns(row, &grant),
    })
}

fn grant_columns(row: &V1Row<'_>, grant: &V1Grant<'_>) -> Vec<u8> {
    let entitlement = v3::EntitlementRef {
        resource_type_id: grant.resource_type.to_owned(),
        resource_id: grant.resource.to_owned(),
        entitlement_id: grant.entitlement.to_owned(),
        ..Default::default()
    };
    let principal = v3::PrincipalRef {
        resource_type_id: grant.principal_type.to_owned(),
        resource_id: grant.principal.to_owned(),
        ..Default::default()
    };
    let mut columns = message::encode(&v3::GrantRecord {
        external_id: row.external_id.to_owned(),
        entitlement: entitlement.into(),
        principal: principal.into(),
        discovered_at: timestamp::to_field(Some(row.discovered_at)),
        ..Default::default()
    });
    // The last two fields, so that the expansion keeps its bytes.
    if let Some(expansion) = grant.expansion {
        wire::put_bytes(&mut columns, 6, expansion);
    }
    if grant.needs_expansion {
        columns.extend_from_slice(&[7 << 3, 1]);
    }
    columns
}

fn reference(of_type: &str, id: &str) -> v3::ResourceRef {
    v3::ResourceRef {
        resource_type_id: of_type.to_owned(),
        resource_id: id.to_owned(),
        ..Default::default()
    }
}

/// What follows `TYPE:` in the id of a resource.
fn resource_id<'a>(external_id: &'a str, of_type: &str) -> Result<&'a str> {
    let id = external_id.strip_prefix(of_type);
    id.and_then(|rest| rest.strip_prefix(':')).ok_or_else(|| {
        let message = format!(
            "id of a resource does not begin with its type id=`{}` type=`{}`",
            external_id.escape_debug(),
            of_type.escape_debug()
        );
        Error::new(ErrorKind::DataLoss, message)
    })
}

/// Gives the row of a message and its columns to `take`.
///
/// # Errors
/// `DataLoss` for columns that are none, or say no time; `InvalidArgument` for an asset, which has no
/// message; what `take` returns.
pub(crate) fn decode(
    kind: RecordKind,
    columns: &[u8],
    sync_id: &str,
    data: &[u8],
    take: &mut dyn FnMut(&V1Row<'_>) -> Result<()>,
) -> Result<()> {
    let mut give = |external_id: &str, at: Option<Timestamp>, columns: V1Columns<'_>| {
        let Some(discovered_at) = at else {
            let message = "columns of a v1 row without the time when it was written";
            return Err(Error::new(ErrorKind::DataLoss, message));
        };
        take(&V1Row {
            rowid: None,
            sync_id,
            external_id,
            discovered_at,
            data,
            columns,
        })
    };
    match kind {
        RecordKind::ResourceType => {
            let record: v3::ResourceTypeRecord = message::decode("columns", columns)?;
            let at = timestamp::from_field(&record.discovered_at);
            give(&record.external_id, at, V1Columns::ResourceType)
        }
        RecordKind::Resource => {
            let record: v3::ResourceRecord = message::decode("columns", columns)?;
            let at = timestamp::from_field(&record.discovered_at);
            let id = [record.resource_type_id.as_str(), &record.resource_id].join(":");
            let parent = record.parent.as_option();
            let columns = V1Columns::Resource {
                resource_type: &record.resource_type_id,
                parent: parent.map(|of| (of.resource_type_id.as_str(), of.resource_id.as_str())),
            };
            give(&id, at, columns)
        }
        RecordKind::Entitlement => {
            let record: v3::EntitlementRecord = message::decode("columns", columns)?;
            let at = timestamp::from_field(&record.discovered_at);
            let columns = V1Columns::Entitlement {
                resource_type: &record.resource.resource_type_id,
                resource: &record.resource.resource_id,
            };
            give(&record.external_id, at, columns)
        }
        RecordKind::Grant => {
            let view = GrantView::parse(columns)?;
            let (of, principal) = (
                view.entitlement.unwrap_or_default(),
                view.principal.unwrap_or_default(),
            );
            let state = view.stored_expansion();
            let columns = V1Columns::Grant(V1Grant {
                resource_type: of.resource_type,
                resource: of.resource,
                entitlement: of.id,
                principal_type: principal.resource_type,
                principal: principal.resource,
                expansion: state.expansion,
                needs_expansion: state.needs_expansion,
            });
            give(view.external_id, view.discovered_at(), columns)
        }
        RecordKind::Asset => Err(Error::invalid("an asset has no message of a connector")),
    }
}
