//! Changes of every field that a record has.

use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::{Any, Struct, Timestamp as Moment, Value, value};
use testkit::chance::Chance;

use super::records::{Body, Record, TYPES, id};

fn text(chance: &mut Chance) -> String {
    match chance.below(4) {
        0 => String::new(),
        _ => format!("text {}", chance.below(50)),
    }
}

fn annotations(chance: &mut Chance) -> Vec<Any> {
    let names = ["c1.connector.v2.GrantImmutable", "unknown.Annotation"];
    let count = chance.below(3);
    let each = names.into_iter().take(count).map(|name| Any {
        type_url: format!("type.googleapis.com/{name}"),
        // Field 1, two bytes of text.
        value: [
            &[0x0a, 2][..],
            format!("{:02}", chance.below(30)).as_bytes(),
        ]
        .concat(),
        ..Default::default()
    });
    each.collect()
}

fn profile(chance: &mut Chance) -> Struct {
    let names = ["first", "last", ""];
    let fields = names.into_iter().take(chance.below(4)).map(|name| {
        let text = Value {
            kind: Some(value::Kind::StringValue(format!("{}", chance.below(5)))),
            ..Default::default()
        };
        (name.to_owned(), text)
    });
    Struct {
        fields: fields.collect(),
        ..Default::default()
    }
}

/// Changes one field, which may have had that value already.
pub(super) fn change(record: &mut Record, chance: &mut Chance) {
    match &mut record.body {
        Body::ResourceType(of) => change_type(of, chance),
        Body::Resource(of) => change_resource(of, chance),
        Body::Entitlement(of) => change_entitlement(of, chance),
        Body::Grant {
            message,
            expansion,
            needs_expansion,
        } => match chance.below(9) {
            0 | 1 => *expansion = expandable(chance),
            2 => *needs_expansion = !*needs_expansion,
            _ => change_grant(message, chance),
        },
        Body::Asset {
            content_type, data, ..
        } => match chance.below(3) {
            0 => *content_type = text(chance),
            _ => {
                *data = {
                    let len = chance.below(5);
                    chance.bytes(len)
                }
            }
        },
    }
}

fn change_type(of: &mut v2::ResourceType, chance: &mut Chance) {
    use v2::resource_type::Trait::{TRAIT_GROUP, TRAIT_USER};
    match chance.below(5) {
        0 => of.display_name = text(chance),
        1 => of.description = text(chance),
        2 => of.annotations = annotations(chance),
        3 => of.sourced_externally = !of.sourced_externally,
        _ => {
            let traits = [TRAIT_USER, TRAIT_GROUP].into_iter().map(Into::into);
            of.traits = traits.take(chance.below(3)).collect();
        }
    }
}

fn change_resource(of: &mut v2::Resource, chance: &mut Chance) {
    match chance.below(12) {
        0 => of.display_name = text(chance),
        1 => of.description = text(chance),
        2 => of.annotations = annotations(chance),
        3 => of.parent_resource_id = chance.percent(70).then(|| parent(chance)).into(),
        4 => of.baton_resource = !of.baton_resource,
        5 => {
            of.external_id = chance
                .percent(60)
                .then(|| v2::ExternalId {
                    id: text(chance),
                    ..Default::default()
                })
                .into();
        }
        6 => of.creation_source = numbered(chance.below(3)),
        7 => of.profile = chance.percent(70).then(|| profile(chance)).into(),
        8 => {
            of.icon = chance
                .percent(60)
                .then(|| v2::AssetRef {
                    id: text(chance),
                    ..Default::default()
                })
                .into();
        }
        9 => {
            of.status = chance
                .percent(70)
                .then(|| v2::Status {
                    status: numbered(chance.below(4)),
                    details: text(chance),
                    ..Default::default()
                })
                .into();
        }
        10 => {
            of.created_at = chance
                .percent(70)
                .then(|| Moment {
                    seconds: chance.below(3) as i64,
                    nanos: chance.below(2) as i32,
                    ..Default::default()
                })
                .into();
        }
        _ => {
            let id = of.id.get_or_insert_default();
            id.baton_resource = !id.baton_resource;
        }
    }
}

/// An enum's value by its number.
fn numbered<E: buffa::Enumeration>(number: usize) -> buffa::EnumValue<E> {
    buffa::EnumValue::from(number as i32)
}

/// One in four has no id, and is none in a v3 file.
fn parent(chance: &mut Chance) -> v2::ResourceId {
    let mut id = id(chance);
    if chance.percent(25) {
        id.resource.clear();
    }
    id
}

fn change_entitlement(of: &mut v2::Entitlement, chance: &mut Chance) {
    match chance.below(7) {
        0 => of.display_name = text(chance),
        1 => of.description = text(chance),
        2 => of.annotations = annotations(chance),
        3 => of.slug = text(chance),
        4 => of.purpose = numbered(chance.below(4)),
        5 => {
            let types = TYPES.into_iter().take(chance.below(3));
            let types = types.map(|id| v2::ResourceType {
                id: id.to_owned(),
                display_name: text(chance),
                ..Default::default()
            });
            of.grantable_to = types.collect();
        }
        _ => of.resource.get_or_insert_default().display_name = text(chance),
    }
}

fn change_grant(of: &mut v2::Grant, chance: &mut Chance) {
    match chance.below(6) {
        0 => of.annotations = annotations(chance),
        1 | 2 => {
            let names = ["e0", "e1", "e2"].into_iter().take(chance.below(4));
            let sources: std::collections::HashMap<_, _> = names
                .map(|name| {
                    let source = v2::grant_sources::GrantSource {
                        is_direct: chance.percent(50),
                        ..Default::default()
                    };
                    (name.to_owned(), source)
                })
                .collect();
            // No sources and a message without any are one to a v3 file.
            of.sources = (!sources.is_empty())
                .then(|| v2::GrantSources {
                    sources: sources.into_iter().collect(),
                    ..Default::default()
                })
                .into();
        }
        3 => of.entitlement.get_or_insert_default().display_name = text(chance),
        4 => {
            let principal = of.principal.get_or_insert_default();
            principal.parent_resource_id = chance.percent(70).then(|| parent(chance)).into();
        }
        _ => of.principal.get_or_insert_default().display_name = text(chance),
    }
}

fn expandable(chance: &mut Chance) -> Option<v2::GrantExpandable> {
    let ids = ["e0", "e1", "e2"].map(str::to_owned);
    chance.percent(75).then(|| v2::GrantExpandable {
        entitlement_ids: ids.into_iter().take(1 + chance.below(3)).collect(),
        shallow: chance.percent(50),
        resource_type_ids: TYPES
            .iter()
            .take(chance.below(3))
            .map(|id| (*id).to_owned())
            .collect(),
        ..Default::default()
    })
}
