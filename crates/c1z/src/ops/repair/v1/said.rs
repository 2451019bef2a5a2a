//! What the message of a row says of the row's columns.

use c1z_proto::connector::v2::{
    Entitlement, Grant, GrantExpandable, Resource, ResourceId, ResourceType,
};

use crate::Result;
use crate::ops::build::v1::{V1Columns, V1Row};
use crate::record::message;

/// Columns as a message says them; none where it says nothing.
#[derive(Debug, Default)]
pub(super) struct Said {
    external_id: Option<String>,
    /// Of the resource itself, or of the one that an entitlement is on.
    resource: Option<(String, String)>,
    parent: Option<(String, String)>,
    entitlement: Option<String>,
    principal: Option<(String, String)>,
}

impl Said {
    /// Decodes the message of a row.
    ///
    /// # Errors
    /// `DataLoss` for bytes that are no message of the row's kind.
    pub(super) fn of(row: &V1Row<'_>) -> Result<Self> {
        match row.columns {
            V1Columns::ResourceType => Ok(Self {
                external_id: text(message::decode::<ResourceType>("resource type", row.data)?.id),
                ..Self::default()
            }),
            V1Columns::Resource { .. } => Self::of_resource(row.data),
            V1Columns::Entitlement { .. } => {
                let said: Entitlement = message::decode("entitlement", row.data)?;
                let on = said.resource.as_option().and_then(|r| r.id.as_option());
                Ok(Self {
                    resource: pair(on),
                    external_id: text(said.id),
                    ..Self::default()
                })
            }
            V1Columns::Grant(grant) => {
                let expansion = grant.expansion.unwrap_or_default();
                message::decode::<GrantExpandable>("expansion", expansion)?;
                Self::of_grant(row.data)
            }
            V1Columns::Asset { .. } => Ok(Self::default()),
        }
    }

    fn of_resource(data: &[u8]) -> Result<Self> {
        let said: Resource = message::decode("resource", data)?;
        let resource = pair(said.id.as_option());
        let external = |(of_type, id): &(String, String)| format!("{of_type}:{id}");
        Ok(Self {
            external_id: resource.as_ref().map(external),
            resource,
            parent: pair(said.parent_resource_id.as_option()),
            ..Self::default()
        })
    }

    /// Grants may leave entitlement and principal to their columns.
    fn of_grant(data: &[u8]) -> Result<Self> {
        let said: Grant = message::decode("grant", data)?;
        let principal = said.principal.as_option().and_then(|r| r.id.as_option());
        let entitlement = said.entitlement.as_option();
        let on = entitlement.and_then(|e| e.resource.as_option()?.id.as_option());
        Ok(Self {
            resource: pair(on),
            entitlement: entitlement.and_then(|e| text(e.id.clone())),
            principal: pair(principal),
            external_id: text(said.id),
            ..Self::default()
        })
    }

    /// The row with the columns that its message says.
    pub(super) fn apply<'a>(&'a self, row: &V1Row<'a>) -> V1Row<'a> {
        let mut row = *row;
        if let Some(id) = &self.external_id {
            row.external_id = id;
        }
        match &mut row.columns {
            V1Columns::Resource {
                resource_type,
                parent,
            } => {
                // A message that names the resource says, too, that there is no parent.
                if let Some((of_type, _)) = &self.resource {
                    *resource_type = of_type;
                    *parent = borrowed(self.parent.as_ref());
                }
            }
            V1Columns::Entitlement {
                resource_type,
                resource,
            } => replace(resource_type, resource, self.resource.as_ref()),
            V1Columns::Grant(grant) => {
                let on = self.resource.as_ref();
                replace(&mut grant.resource_type, &mut grant.resource, on);
                let principal = self.principal.as_ref();
                replace(&mut grant.principal_type, &mut grant.principal, principal);
                if let Some(id) = &self.entitlement {
                    grant.entitlement = id;
                }
            }
            V1Columns::ResourceType | V1Columns::Asset { .. } => {}
        }
        row
    }
}

fn replace<'a>(of_type: &mut &'a str, id: &mut &'a str, said: Option<&'a (String, String)>) {
    if let Some((said_type, said_id)) = said {
        *of_type = said_type;
        *id = said_id;
    }
}

fn borrowed(pair: Option<&(String, String)>) -> Option<(&str, &str)> {
    pair.map(|(of_type, id)| (of_type.as_str(), id.as_str()))
}

fn text(id: String) -> Option<String> {
    (!id.is_empty()).then_some(id)
}

fn pair(id: Option<&ResourceId>) -> Option<(String, String)> {
    id.map(|id| (id.resource_type.clone(), id.resource.clone()))
}
