//! What is left of a record in a v3 file (`store-contract` §1.8, `c1z3-keyspace` §5.3).
//!
//! Messages are built afresh from the fields that survive, so everything else is gone, unknown fields included.

use buffa::{EnumValue, MessageField};
use c1z_proto::connector::v2;

/// Everything survives but trait numbers that have no name.
pub(in crate::engine) fn resource_type(from: &v2::ResourceType) -> v2::ResourceType {
    let known = |number: &EnumValue<v2::resource_type::Trait>| match number.as_known() {
        Some(known) => known.into(),
        None => v2::resource_type::Trait::TRAIT_UNSPECIFIED.into(),
    };
    v2::ResourceType {
        id: from.id.clone(),
        display_name: from.display_name.clone(),
        traits: from.traits.iter().map(known).collect(),
        annotations: from.annotations.clone(),
        description: from.description.clone(),
        sourced_externally: from.sourced_externally,
        ..Default::default()
    }
}

/// A parent needs a resource part, an icon keeps its id only.
pub(in crate::engine) fn resource(from: &v2::Resource) -> v2::Resource {
    let icon = from.icon.as_option().filter(|icon| !icon.id.is_empty());
    let status = from.status.as_option().map(|status| v2::Status {
        status: status.status,
        details: status.details.clone(),
        ..Default::default()
    });
    v2::Resource {
        id: id_of(from),
        parent_resource_id: parent_of(from),
        display_name: from.display_name.clone(),
        annotations: from.annotations.clone(),
        description: from.description.clone(),
        profile: from.profile.clone(),
        icon: field(icon.map(|icon| v2::AssetRef {
            id: icon.id.clone(),
            ..Default::default()
        })),
        status: field(status),
        created_at: from.created_at.clone(),
        ..Default::default()
    }
}

/// The resource and the types it can be granted to become stubs; types without an id vanish.
pub(in crate::engine) fn entitlement(from: &v2::Entitlement) -> v2::Entitlement {
    let purpose = match from.purpose.as_known() {
        Some(known) => known.into(),
        None => v2::entitlement::PurposeValue::PURPOSE_VALUE_UNSPECIFIED.into(),
    };
    let types = from.grantable_to.iter().filter(|of| !of.id.is_empty());
    let stubs = types.map(|of| v2::ResourceType {
        id: of.id.clone(),
        ..Default::default()
    });
    v2::Entitlement {
        resource: MessageField::some(stub(from.resource.as_option())),
        id: from.id.clone(),
        display_name: from.display_name.clone(),
        description: from.description.clone(),
        grantable_to: stubs.collect(),
        annotations: from.annotations.clone(),
        purpose,
        slug: from.slug.clone(),
        ..Default::default()
    }
}

/// Entitlement and principal become stubs; the principal keeps its parent.
pub(in crate::engine) fn grant(from: &v2::Grant) -> v2::Grant {
    let entitlement = from.entitlement.as_option();
    let principal = v2::Resource {
        parent_resource_id: field(
            from.principal
                .as_option()
                .and_then(|of| parent_of(of).into_option()),
        ),
        ..stub(from.principal.as_option())
    };
    v2::Grant {
        entitlement: MessageField::some(v2::Entitlement {
            resource: MessageField::some(stub(entitlement.and_then(|of| of.resource.as_option()))),
            id: entitlement.map(|of| of.id.clone()).unwrap_or_default(),
            ..Default::default()
        }),
        principal: MessageField::some(principal),
        id: from.id.clone(),
        sources: field(from.sources.as_option().and_then(sources)),
        annotations: from.annotations.clone(),
        ..Default::default()
    }
}

/// No entry is no message.
fn sources(from: &v2::GrantSources) -> Option<v2::GrantSources> {
    let kept = |source: &v2::grant_sources::GrantSource| v2::grant_sources::GrantSource {
        is_direct: source.is_direct,
        ..Default::default()
    };
    let sources = from
        .sources
        .iter()
        .map(|(id, source)| (id.clone(), kept(source)));
    (!from.sources.is_empty()).then(|| v2::GrantSources {
        sources: sources.collect(),
        ..Default::default()
    })
}

fn stub(from: Option<&v2::Resource>) -> v2::Resource {
    v2::Resource {
        id: field(from.and_then(|from| id_of(from).into_option())),
        ..Default::default()
    }
}

fn id_of(from: &v2::Resource) -> MessageField<v2::ResourceId, buffa::Inline<v2::ResourceId>> {
    field(from.id.as_option().map(plain_id))
}

fn parent_of(from: &v2::Resource) -> MessageField<v2::ResourceId, buffa::Inline<v2::ResourceId>> {
    let parent = from.parent_resource_id.as_option();
    field(
        parent
            .filter(|parent| !parent.resource.is_empty())
            .map(plain_id),
    )
}

fn plain_id(from: &v2::ResourceId) -> v2::ResourceId {
    v2::ResourceId {
        resource_type: from.resource_type.clone(),
        resource: from.resource.clone(),
        ..Default::default()
    }
}

fn field<T: Default>(value: Option<T>) -> MessageField<T, buffa::Inline<T>> {
    value.map_or_else(MessageField::none, MessageField::some)
}
