//! Rows of v1 files as stored records.
//!
//! What a stored record cannot hold of a message is `store-contract` §1.8; it is seen here, record by
//! record, and reported.

use c1z_proto::connector::v2;

use super::loss::{LossKind, LossReport};
use crate::engine::Profile;
use crate::ops::build::v1::{V1Columns, V1Grant, V1Row};
use crate::ops::{RecordKind, StoredRecord};
use crate::record::grant::{
    self, EntitlementRefView, GrantPut, MessageView, PrincipalRefView, PutExpansion,
    StoredExpansion,
};
use crate::record::{AssetView, entitlement, message, primary_key_into, resource, resource_type};
use crate::{ErrorKind, Result};

/// Makes stored records of rows; keeps its buffers.
#[derive(Debug, Default)]
pub(in crate::ops) struct Upgrade {
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Where a record goes.
pub(in crate::ops) type TakeStored<'t> = dyn FnMut(&StoredRecord<'_>) -> Result<()> + 't;

impl Upgrade {
    /// Gives the record of a row to `take`; a row without a complete identity is a loss.
    ///
    /// # Errors
    /// Bytes that are no message; what `take` returns.
    pub(in crate::ops) fn record(
        &mut self,
        row: &V1Row<'_>,
        losses: &mut LossReport,
        take: &mut TakeStored<'_>,
    ) -> Result<()> {
        self.value.clear();
        let at = Some(row.discovered_at);
        match row.columns {
            V1Columns::ResourceType => {
                let told: v2::ResourceType = message::decode("resource type", row.data)?;
                let record = resource_type::to_record(&told, at);
                self.value = message::encode(&record);
                let again = message::encode(&resource_type::from_record(record));
                if again != message::encode(&told) {
                    losses.add(LossKind::Fields, || name(row));
                }
            }
            V1Columns::Resource { .. } => self.resource(row, losses)?,
            V1Columns::Entitlement { .. } => self.entitlement(row, losses)?,
            V1Columns::Grant(columns) => self.grant(row, &columns, losses)?,
            V1Columns::Asset { content_type } => AssetView {
                sync_id: row.sync_id,
                external_id: row.external_id,
                content_type,
                data: row.data,
                discovered_at: at,
            }
            .encode_into(&mut self.value),
        }
        self.take_keyed(row, losses, take)
    }

    fn take_keyed(
        &mut self,
        row: &V1Row<'_>,
        losses: &mut LossReport,
        take: &mut TakeStored<'_>,
    ) -> Result<()> {
        let kind = row.kind();
        self.key.clear();
        match primary_key_into(kind.family(), &self.value, &mut self.key) {
            Ok(()) => take(&StoredRecord {
                kind,
                key: &self.key,
                value: &self.value,
            }),
            Err(error) if error.kind() == ErrorKind::InvalidArgument => {
                losses.add(LossKind::Record, || format!("{}: {error}", name(row)));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn resource(&mut self, row: &V1Row<'_>, losses: &mut LossReport) -> Result<()> {
        let told: v2::Resource = message::decode("resource", row.data)?;
        let record = resource::to_record(&told, Some(row.discovered_at));
        self.value = message::encode(&record);
        let again = resource::from_record(record);
        if again != told {
            let mut plain = told;
            plain.icon.clone_from(&again.icon);
            let kind = if plain == again {
                LossKind::Embedded
            } else {
                LossKind::Fields
            };
            losses.add(kind, || name(row));
        }
        Ok(())
    }

    fn entitlement(&mut self, row: &V1Row<'_>, losses: &mut LossReport) -> Result<()> {
        let told: v2::Entitlement = message::decode("entitlement", row.data)?;
        let record = entitlement::to_record(&told, Some(row.discovered_at));
        self.value = message::encode(&record);
        let again = entitlement::from_record(record);
        if again != told {
            let mut plain = told;
            plain.resource.clone_from(&again.resource);
            plain.grantable_to.clone_from(&again.grantable_to);
            let kind = if plain == again {
                LossKind::Embedded
            } else {
                LossKind::Fields
            };
            losses.add(kind, || name(row));
        }
        Ok(())
    }

    fn grant(
        &mut self,
        row: &V1Row<'_>,
        columns: &V1Grant<'_>,
        losses: &mut LossReport,
    ) -> Result<()> {
        let state = StoredExpansion {
            expansion: columns.expansion,
            needs_expansion: columns.needs_expansion,
        };
        if let Some(mut told) = MessageView::parse(row.data)? {
            told.entitlement.get_or_insert(EntitlementRefView {
                resource_type: columns.resource_type,
                resource: columns.resource,
                id: columns.entitlement,
            });
            told.principal.get_or_insert(PrincipalRefView {
                resource_type: columns.principal_type,
                resource: columns.principal,
                ..PrincipalRefView::default()
            });
            told.encode_into(Some(row.discovered_at), state, &mut self.value)?;
            if told.has_details {
                losses.add(LossKind::Embedded, || name(row));
            }
            return Ok(());
        }
        self.decoded_grant(row, columns, state, losses)
    }

    /// A grant whose bytes are out of the ordinary.
    fn decoded_grant(
        &mut self,
        row: &V1Row<'_>,
        columns: &V1Grant<'_>,
        state: StoredExpansion<'_>,
        losses: &mut LossReport,
    ) -> Result<()> {
        let mut told: v2::Grant = message::decode("grant", row.data)?;
        rehydrate(&mut told, columns);
        let put = GrantPut {
            profile: Profile::GoPebble,
            discovered_at: Some(row.discovered_at),
            expansion: PutExpansion::Keep(state),
        };
        grant::encode_into(&told, &put, &mut self.value)?;
        if has_details(&told) {
            losses.add(LossKind::Embedded, || name(row));
        }
        if !told.__buffa_unknown_fields.is_empty() {
            losses.add(LossKind::Fields, || name(row));
        }
        Ok(())
    }
}

/// Puts back what a slim row leaves to its columns.
fn rehydrate(told: &mut v2::Grant, columns: &V1Grant<'_>) {
    let reference = |of_type: &str, id: &str| resource::stub(of_type.to_owned(), id.to_owned());
    if !told.entitlement.is_set() {
        let entitlement = v2::Entitlement {
            resource: Some(reference(columns.resource_type, columns.resource)).into(),
            id: columns.entitlement.to_owned(),
            ..Default::default()
        };
        told.entitlement = Some(entitlement).into();
    }
    if !told.principal.is_set() {
        let principal = reference(columns.principal_type, columns.principal);
        told.principal = Some(principal).into();
    }
}

/// Whether the embedded entitlement or principal says more than a reference holds.
fn has_details(told: &v2::Grant) -> bool {
    let (of, principal) = (&told.entitlement.resource.id, &told.principal);
    let entitlement = v2::Entitlement {
        id: told.entitlement.id.clone(),
        resource: Some(resource::stub(
            of.resource_type.clone(),
            of.resource.clone(),
        ))
        .into(),
        ..Default::default()
    };
    let mut plain = resource::stub(
        principal.id.resource_type.clone(),
        principal.id.resource.clone(),
    );
    let parent = principal.parent_resource_id.as_option();
    plain.parent_resource_id = parent
        .map(|parent| resource::id(parent.resource_type.clone(), parent.resource.clone()))
        .into();
    *told.entitlement != entitlement || **principal != plain
}

/// What a report calls a row.
fn name(row: &V1Row<'_>) -> String {
    let kind: RecordKind = row.kind();
    format!("{} {}", kind.as_str(), row.external_id.escape_debug())
}
