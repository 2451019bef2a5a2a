//! Stored records against the messages that Go's reader gives for them, both ways.

use std::collections::BTreeMap;

use c1z::engine::Profile;
use c1z::keyspace::{Family, Key};
use c1z::record::{
    self, Expansion, GrantPut, GrantView, entitlement, grant, message, resource, resource_type,
};
use c1z_proto::connector::v2::{Entitlement, Grant, Resource, ResourceType};
use c1z_proto::storage::v3::{EntitlementRecord, GrantRecord, ResourceRecord, ResourceTypeRecord};
use serde_json::Value;

use crate::golden::{Era, base64, cases};

const KINDS: [(&str, Family); 4] = [
    ("resource_type", Family::ResourceType),
    ("resource", Family::Resource),
    ("entitlement", Family::Entitlement),
    ("grant", Family::Grant),
];

/// The message bytes that a reader gets for a stored value.
fn read(family: Family, value: &[u8]) -> Vec<u8> {
    match family {
        Family::ResourceType => {
            let record: ResourceTypeRecord = message::decode("record", value).unwrap();
            message::encode(&resource_type::from_record(record))
        }
        Family::Resource => {
            let record: ResourceRecord = message::decode("record", value).unwrap();
            message::encode(&resource::from_record(record))
        }
        Family::Entitlement => {
            let record: EntitlementRecord = message::decode("record", value).unwrap();
            message::encode(&entitlement::from_record(record))
        }
        _ => read_grant(value),
    }
}

fn read_grant(value: &[u8]) -> Vec<u8> {
    let record: GrantRecord = message::decode("record", value).unwrap();
    let plain = message::encode(&grant::from_record(record, Expansion::Attach));
    let view = GrantView::parse(value).unwrap();
    let mut transcoded = Vec::new();
    view.write_v2(Expansion::Attach, &mut transcoded).unwrap();
    assert_eq!(transcoded, plain, "the short way differs");
    let built = view.to_message(Expansion::Attach).unwrap();
    assert_eq!(message::encode(&built), plain, "the built message differs");
    plain
}

/// Key and stored bytes for a message, with the time of the value that Go stored under the key.
pub(crate) fn write<'s>(
    family: Family,
    source: &[u8],
    stored: impl Fn(&[u8]) -> Option<&'s Vec<u8>>,
) -> (Vec<u8>, Vec<u8>) {
    let time =
        |key: &[u8]| stored(key).and_then(|value| record::discovered_at(family, value).unwrap());
    let mut key = Vec::new();
    let value = match family {
        Family::ResourceType => {
            let source: ResourceType = message::decode("message", source).unwrap();
            resource_type::key_into(&source.id, &mut key).unwrap();
            message::encode(&resource_type::to_record(&source, time(&key)))
        }
        Family::Resource => {
            let source: Resource = message::decode("message", source).unwrap();
            resource::key_into(&source.id.resource_type, &source.id.resource, &mut key).unwrap();
            message::encode(&resource::to_record(&source, time(&key)))
        }
        Family::Entitlement => {
            let source: Entitlement = message::decode("message", source).unwrap();
            let identity = entitlement::identity_of(&source).unwrap();
            Key::Entitlement(identity).encode_into(&mut key);
            message::encode(&entitlement::to_record(&source, time(&key)))
        }
        _ => {
            let source: Grant = message::decode("message", source).unwrap();
            let identity = grant::identity_of(&source).unwrap();
            Key::Grant(identity).encode_into(&mut key);
            let put = GrantPut {
                profile: Profile::GoPebble,
                discovered_at: time(&key),
                ..GrantPut::default()
            };
            write_grant(&source, &put)
        }
    };
    (key, value)
}

fn write_grant(source: &Grant, put: &GrantPut<'_>) -> Vec<u8> {
    let plain = message::encode(&grant::to_record(source, put).unwrap());
    let mut short = Vec::new();
    grant::encode_into(source, put, &mut short).unwrap();
    assert_eq!(short, plain, "the short way differs");
    plain
}

fn rows_of(dump: &[Value], kind: &str) -> Vec<Vec<u8>> {
    let rows = dump.iter().filter(|line| line["kind"] == kind);
    rows.map(|line| base64(&line["pb"])).collect()
}

#[test]
fn stored_records_and_reader_messages_turn_into_one_another() {
    let mut compared = BTreeMap::new();
    for case in cases() {
        if case.era() != Era::Current {
            continue;
        }
        let (kv, dump) = (case.kv(), case.dump());
        for (kind, family) in KINDS {
            let stored: Vec<_> = kv
                .iter()
                .filter(|(key, _)| Family::of(key) == Some(family))
                .collect();
            let messages = rows_of(&dump, kind);
            assert_eq!(stored.len(), messages.len(), "{} {kind}", case.name);
            for ((key, value), message) in stored.into_iter().zip(messages) {
                assert_eq!(read(family, value), message, "{} {kind}", case.name);
                let (made_key, made) = write(family, &message, |_| Some(value));
                assert_eq!(&made_key, key, "{} {kind}", case.name);
                assert_eq!(&made, value, "{} {kind}", case.name);
                *compared.entry(kind).or_insert(0) += 1;
            }
        }
    }
    println!("records compared with Go, both ways: {compared:?}");
    let expected = [
        ("entitlement", 576),
        ("grant", 3781),
        ("resource", 1204),
        ("resource_type", 244),
    ];
    assert_eq!(compared, BTreeMap::from(expected));
}
