//! What a v3 file holds of a record (`store-contract` §1.8), field by field.

use c1z_proto::connector::v2;

use super::records::{Body, Record};

/// The record as a v3 file gives it back.
pub(super) fn projected(record: &Record) -> Record {
    let body = match &record.body {
        Body::Resource(of) => Body::Resource(resource(of)),
        Body::Entitlement(of) => Body::Entitlement(entitlement(of)),
        Body::Grant {
            message,
            expansion,
            needs_expansion,
        } => Body::Grant {
            message: grant(message),
            expansion: expansion.clone(),
            needs_expansion: *needs_expansion,
        },
        other => other.clone(),
    };
    Record {
        at: record.at,
        body,
    }
}

fn resource(of: &v2::Resource) -> v2::Resource {
    let icon = of.icon.as_option().filter(|icon| !icon.id.is_empty());
    v2::Resource {
        id: id(&of.id).into(),
        parent_resource_id: parent(of).into(),
        display_name: of.display_name.clone(),
        annotations: of.annotations.clone(),
        description: of.description.clone(),
        profile: of.profile.clone(),
        icon: icon.cloned().into(),
        status: of.status.clone(),
        created_at: of.created_at.clone(),
        ..Default::default()
    }
}

fn id(of: &v2::ResourceId) -> v2::ResourceId {
    v2::ResourceId {
        baton_resource: false,
        ..of.clone()
    }
}

fn parent(of: &v2::Resource) -> Option<v2::ResourceId> {
    let parent = of.parent_resource_id.as_option();
    parent.filter(|parent| !parent.resource.is_empty()).map(id)
}

fn stub(of: &v2::Resource) -> v2::Resource {
    v2::Resource {
        id: id(&of.id).into(),
        ..Default::default()
    }
}

fn entitlement(of: &v2::Entitlement) -> v2::Entitlement {
    let types = of.grantable_to.iter().map(|of| v2::ResourceType {
        id: of.id.clone(),
        ..Default::default()
    });
    v2::Entitlement {
        resource: stub(&of.resource).into(),
        grantable_to: types.collect(),
        ..of.clone()
    }
}

fn grant(of: &v2::Grant) -> v2::Grant {
    v2::Grant {
        entitlement: v2::Entitlement {
            id: of.entitlement.id.clone(),
            resource: stub(&of.entitlement.resource).into(),
            ..Default::default()
        }
        .into(),
        principal: v2::Resource {
            parent_resource_id: parent(&of.principal).into(),
            ..stub(&of.principal)
        }
        .into(),
        ..of.clone()
    }
}
