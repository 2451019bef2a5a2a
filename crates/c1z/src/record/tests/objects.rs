//! Resource types, resources, entitlements, assets, sessions, and primary keys from values.

use buffa::{EnumValue, MessageField};
use c1z_proto::connector::v2::{
    AssetRef, Entitlement, Resource, ResourceId, ResourceType, Status, entitlement::PurposeValue,
    resource::CreationSource, resource_type::Trait, status::ResourceStatus,
};
use c1z_proto::storage::v3::{AssetRecord, EntitlementRecord, ResourceRef, SessionRecord};

use crate::ErrorKind;
use crate::engine::types::Timestamp;
use crate::keyspace::{EntitlementIdentity, Family, Key, ResourceIdentity};
use crate::record::{
    AssetView, SessionView, asset, discovered_at, entitlement, message, primary_key_into, resource,
    resource_type,
};

const MOMENT: Timestamp = Timestamp {
    seconds: 1_794_349_739,
    nanos: 533_110_443,
};

fn id(resource_type: &str, resource: &str) -> ResourceId {
    ResourceId {
        resource_type: resource_type.to_owned(),
        resource: resource.to_owned(),
        ..Default::default()
    }
}

#[test]
fn traits_are_stored_by_name() {
    let table = [
        (Trait::TRAIT_USER.into(), "USER", Trait::TRAIT_USER),
        (
            Trait::TRAIT_MANAGED_DEVICE.into(),
            "MANAGED_DEVICE",
            Trait::TRAIT_MANAGED_DEVICE,
        ),
        (
            Trait::TRAIT_UNSPECIFIED.into(),
            "UNSPECIFIED",
            Trait::TRAIT_UNSPECIFIED,
        ),
        (EnumValue::from(99), "", Trait::TRAIT_UNSPECIFIED),
    ];
    let source = ResourceType {
        id: "group".to_owned(),
        traits: table.iter().map(|(value, ..)| *value).collect(),
        sourced_externally: true,
        ..Default::default()
    };
    let record = resource_type::to_record(&source, Some(MOMENT));
    let names: Vec<&str> = table.iter().map(|(_, name, _)| *name).collect();
    assert_eq!(record.traits, names);
    let read = resource_type::from_record(record);
    let values: Vec<EnumValue<Trait>> = table.iter().map(|(.., value)| (*value).into()).collect();
    assert_eq!(read.traits, values);
    assert!(read.sourced_externally);
}

#[test]
fn purposes_are_stored_by_name() {
    for (value, name, read) in [
        (
            PurposeValue::PURPOSE_VALUE_ASSIGNMENT.into(),
            "ASSIGNMENT",
            1,
        ),
        (
            PurposeValue::PURPOSE_VALUE_PERMISSION.into(),
            "PERMISSION",
            2,
        ),
        (PurposeValue::PURPOSE_VALUE_OWNERSHIP.into(), "OWNERSHIP", 3),
        (PurposeValue::PURPOSE_VALUE_UNSPECIFIED.into(), "", 0),
        (EnumValue::from(77), "", 0),
    ] {
        let source = Entitlement {
            purpose: value,
            ..Default::default()
        };
        let record = entitlement::to_record(&source, None);
        assert_eq!(record.purpose, name);
        assert_eq!(entitlement::from_record(record).purpose.to_i32(), read);
    }
    let unknown = EntitlementRecord {
        purpose: "LATER".to_owned(),
        ..Default::default()
    };
    assert_eq!(entitlement::from_record(unknown).purpose.to_i32(), 0);
}

#[test]
fn an_entitlement_keeps_references_and_loses_what_they_embed() {
    let group = Resource {
        id: Some(id("group", "eng")).into(),
        display_name: "Engineering".to_owned(),
        ..Default::default()
    };
    let to = |id: &str| ResourceType {
        id: id.to_owned(),
        display_name: "details".to_owned(),
        ..Default::default()
    };
    let source = Entitlement {
        id: "group:eng:member".to_owned(),
        resource: Some(group).into(),
        grantable_to: vec![to("user"), to(""), to("group")],
        ..Default::default()
    };
    let record = entitlement::to_record(&source, Some(MOMENT));
    assert_eq!(record.grantable_to_resource_type_ids, ["user", "group"]);
    assert_eq!(
        entitlement::identity(&record).unwrap(),
        entitlement::identity_of(&source).unwrap()
    );
    let read = entitlement::from_record(record);
    assert_eq!(read.resource.id, source.resource.id);
    assert_eq!(read.resource.display_name, "");
    assert_eq!(read.grantable_to[1].display_name, "");

    let without = Entitlement {
        id: "x".to_owned(),
        ..Default::default()
    };
    let record = entitlement::to_record(&without, None);
    assert!(record.resource.is_unset());
    assert!(entitlement::from_record(record.clone()).resource.is_unset());
    let error = entitlement::identity(&record).unwrap_err();
    assert_eq!(error.to_string(), "entitlement without resource type");
}

#[test]
fn a_parent_without_a_resource_id_is_dropped() {
    for (parent, kept) in [
        (None, false),
        (Some(id("", "")), false),
        (Some(id("org", "")), false),
        (Some(id("", "o1")), true),
        (Some(id("org", "o1")), true),
    ] {
        let source = Resource {
            id: Some(id("group", "eng")).into(),
            parent_resource_id: parent.clone().into(),
            ..Default::default()
        };
        let record = resource::to_record(&source, None);
        assert_eq!(record.parent.is_set(), kept, "{parent:?}");
        let read = resource::from_record(record);
        assert_eq!(read.parent_resource_id.is_set(), kept);
        if kept {
            assert_eq!(read.parent_resource_id, source.parent_resource_id);
        }
    }
}

#[test]
fn a_resource_keeps_icon_and_status_and_loses_deprecated_fields() {
    let source = Resource {
        id: Some(id("group", "eng")).into(),
        icon: Some(AssetRef {
            id: "icon-1".to_owned(),
            ..Default::default()
        })
        .into(),
        status: Some(Status {
            status: ResourceStatus::RESOURCE_STATUS_DELETED.into(),
            details: "gone".to_owned(),
            ..Default::default()
        })
        .into(),
        baton_resource: true,
        creation_source: CreationSource::CREATION_SOURCE_CONNECTOR_LIST_RESOURCES.into(),
        ..Default::default()
    };
    let record = resource::to_record(&source, None);
    assert_eq!(record.icon_asset_external_id, "icon-1");
    let read = resource::from_record(record);
    assert_eq!((&read.icon, &read.status), (&source.icon, &source.status));
    assert!(!read.baton_resource);
    assert_eq!(read.creation_source.to_i32(), 0);

    let odd = Resource {
        icon: Some(AssetRef::default()).into(),
        status: Some(Status {
            status: EnumValue::from(42),
            ..Default::default()
        })
        .into(),
        ..Default::default()
    };
    let read = resource::from_record(resource::to_record(&odd, None));
    assert!(read.icon.is_unset(), "an icon without an id says nothing");
    assert_eq!(read.status.status.to_i32(), 42, "unknown numbers are kept");
}

#[test]
fn an_asset_is_written_as_its_message_is() {
    for (data, moment) in [(&b"\x01\x02"[..], Some(MOMENT)), (b"", None)] {
        let view = AssetView {
            sync_id: "2qVyMyUb4B6tF8S1zv0KqZ3xQ1w",
            external_id: "icon-1",
            content_type: "image/png",
            data,
            discovered_at: moment,
        };
        let mut bytes = Vec::new();
        view.encode_into(&mut bytes);
        let record = AssetRecord {
            sync_id: view.sync_id.to_owned(),
            external_id: view.external_id.to_owned(),
            content_type: view.content_type.to_owned(),
            data: data.to_vec(),
            discovered_at: crate::record::timestamp::to_field(moment),
            ..Default::default()
        };
        assert_eq!(bytes, message::encode(&record));
        assert_eq!(AssetView::parse(&bytes).unwrap(), view);
        assert_eq!(discovered_at(Family::Asset, &bytes).unwrap(), moment);
    }
    assert_eq!(
        AssetView::parse(b"\x0a\x05ab").unwrap_err().kind(),
        ErrorKind::DataLoss
    );
    assert_eq!(
        AssetView::parse(b"\x20\x01").unwrap_err().kind(),
        ErrorKind::DataLoss
    );
    let mut key = Vec::new();
    assert_eq!(
        asset::key_into("", &mut key).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
}

#[test]
fn a_session_entry_is_written_as_its_message_is() {
    let view = SessionView {
        sync_id: "sync",
        key: "p/\0k1",
        value: b"",
    };
    let (mut bytes, mut key) = (Vec::new(), Vec::new());
    view.encode_into(&mut bytes);
    view.key_into(&mut key);
    let record = SessionRecord {
        sync_id: "sync".to_owned(),
        key: "p/\0k1".to_owned(),
        ..Default::default()
    };
    assert_eq!(bytes, message::encode(&record));
    assert_eq!(SessionView::parse(&bytes).unwrap(), view);
    let parsed = Key::parse(&key).unwrap();
    assert!(matches!(parsed, Key::Session { key, .. } if &*key == b"p/\0k1"));
}

#[test]
fn primary_keys_follow_from_values() {
    let key_of = |family, value: &[u8]| {
        let mut key = Vec::new();
        primary_key_into(family, value, &mut key).map(|()| key)
    };
    let group = Resource {
        id: Some(id("group", "eng")).into(),
        ..Default::default()
    };
    let value = message::encode(&resource::to_record(&group, None));
    let expected = Key::Resource(ResourceIdentity::new("group", "eng")).to_vec();
    assert_eq!(key_of(Family::Resource, &value).unwrap(), expected);

    let member = Entitlement {
        id: "group:eng:member".to_owned(),
        resource: Some(group).into(),
        ..Default::default()
    };
    let mut value = message::encode(&entitlement::to_record(&member, None));
    let identity = EntitlementIdentity::new("group", "eng", "group:eng:member");
    assert_eq!(
        key_of(Family::Entitlement, &value).unwrap(),
        Key::Entitlement(identity).to_vec()
    );
    // A second reference merges over the first, as in a decoder.
    let other = EntitlementRecord {
        resource: MessageField::some(ResourceRef {
            resource_id: "ops".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    value.extend(message::encode(&other));
    let identity = EntitlementIdentity::new("group", "ops", "group:eng:member");
    assert_eq!(
        key_of(Family::Entitlement, &value).unwrap(),
        Key::Entitlement(identity).to_vec()
    );

    for family in [
        Family::ResourceType,
        Family::Resource,
        Family::Entitlement,
        Family::Grant,
    ] {
        let error = key_of(family, b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{family:?}");
        let error = key_of(family, b"\x12\xff").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss, "{family:?}");
    }
    assert!(key_of(Family::Session, b"").is_err());
}

#[test]
fn the_time_of_a_record_is_found_by_scanning() {
    let source = ResourceType::default();
    let record = resource_type::to_record(&source, Some(MOMENT));
    let bytes = message::encode(&record);
    assert_eq!(
        discovered_at(Family::ResourceType, &bytes).unwrap(),
        Some(MOMENT)
    );
    assert_eq!(discovered_at(Family::Resource, &bytes).unwrap(), None);
    assert_eq!(discovered_at(Family::Metadata, &bytes).unwrap(), None);
    let twice = [bytes, b"\x32\x02\x08\x05".to_vec()].concat();
    let merged = Timestamp {
        seconds: 5,
        ..MOMENT
    };
    assert_eq!(
        discovered_at(Family::ResourceType, &twice).unwrap(),
        Some(merged)
    );
}
