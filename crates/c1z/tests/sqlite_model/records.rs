//! Records from a small, odd alphabet, so that they meet.

use buffa::{Message, MessageField};
use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;
use testkit::chance::Chance;

const TYPES: [&str; 5] = ["a", "ab", "a:b", "user", "\0"];
const IDS: [&str; 8] = [
    "a",
    "b",
    "a:b",
    ":",
    "\u{e9}",
    "e\u{301}",
    "\u{10ffff}",
    "a\0",
];
const TAILS: [&str; 4] = ["member", "", "a", "b:a"];
const OPAQUE: [&str; 3] = ["admin", "a:b", "a:a:a"];

fn pick(chance: &mut Chance, from: &[&str]) -> String {
    (*chance.pick(from).unwrap_or(&"")).to_owned()
}

/// A resource's name; now and then with a part missing.
pub(crate) fn resource_ref(chance: &mut Chance) -> ResourceRef {
    let mut of = ResourceRef::new(pick(chance, &TYPES), pick(chance, &IDS));
    if chance.percent(1) {
        of.resource.clear();
    }
    of
}

/// The id of an entitlement: built from its resource, or not.
pub(crate) fn entitlement_id(chance: &mut Chance, on: &ResourceRef) -> String {
    if chance.percent(60) {
        format!("{on}:{}", pick(chance, &TAILS))
    } else {
        pick(chance, &OPAQUE)
    }
}

pub(crate) fn entitlement_ref(chance: &mut Chance) -> EntitlementRef {
    let on = resource_ref(chance);
    EntitlementRef {
        id: entitlement_id(chance, &on),
        resource: chance.percent(50).then_some(on),
    }
}

/// A grant's id as a caller may know it: of its parts, or one of its own.
pub(crate) fn grant_id(chance: &mut Chance) -> String {
    if chance.percent(60) {
        let on = resource_ref(chance);
        let of = entitlement_id(chance, &on);
        format!("{of}:{}", resource_ref(chance))
    } else {
        pick(chance, &["", "g1", "g2", "a:b", "a:a:a:a:a"])
    }
}

fn id_of(of: &ResourceRef) -> v2::ResourceId {
    v2::ResourceId {
        resource_type: of.resource_type.clone(),
        resource: of.resource.clone(),
        ..Default::default()
    }
}

pub(crate) fn resource_type(chance: &mut Chance) -> v2::ResourceType {
    let id = if chance.percent(1) {
        String::new()
    } else {
        pick(chance, &TYPES)
    };
    v2::ResourceType {
        id,
        display_name: pick(chance, &IDS),
        ..Default::default()
    }
}

fn bare(of: &ResourceRef) -> v2::Resource {
    v2::Resource {
        id: MessageField::some(id_of(of)),
        ..Default::default()
    }
}

pub(crate) fn resource(chance: &mut Chance) -> v2::Resource {
    let parent = chance.percent(50).then(|| resource_ref(chance));
    v2::Resource {
        parent_resource_id: parent.as_ref().map(id_of).into(),
        display_name: pick(chance, &IDS),
        ..bare(&resource_ref(chance))
    }
}

pub(crate) fn entitlement(chance: &mut Chance) -> v2::Entitlement {
    let on = resource_ref(chance);
    let id = if chance.percent(1) {
        String::new()
    } else {
        entitlement_id(chance, &on)
    };
    v2::Entitlement {
        resource: MessageField::some(bare(&on)),
        id,
        slug: pick(chance, &IDS),
        ..Default::default()
    }
}

fn expandable(chance: &mut Chance) -> Any {
    let ids: &[&str] = match chance.below(4) {
        0 => &[" "],
        1 => &["x", ""],
        2 => &["y"],
        _ => &[],
    };
    let message = v2::GrantExpandable {
        entitlement_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        shallow: chance.percent(30),
        ..Default::default()
    };
    Any {
        type_url: "type.googleapis.com/c1.connector.v2.GrantExpandable".to_owned(),
        value: message.encode_to_vec(),
        ..Default::default()
    }
}

pub(crate) fn grant(chance: &mut Chance) -> v2::Grant {
    let mut annotations = Vec::new();
    while chance.percent(40) {
        annotations.push(expandable(chance));
    }
    let mut grant = v2::Grant {
        entitlement: MessageField::some(entitlement(chance)),
        principal: MessageField::some(resource(chance)),
        id: grant_id(chance),
        annotations,
        ..Default::default()
    };
    if chance.percent(20) {
        let mut sources = v2::GrantSources::default();
        sources.sources.insert(
            pick(chance, &OPAQUE),
            v2::grant_sources::GrantSource {
                is_direct: chance.percent(50),
                ..Default::default()
            },
        );
        grant.sources = MessageField::some(sources);
    }
    grant
}

/// None to some dozens, some of them twice.
pub(crate) fn several<T: Clone>(chance: &mut Chance, make: impl Fn(&mut Chance) -> T) -> Vec<T> {
    let len = if chance.percent(10) {
        chance.below(40)
    } else {
        chance.below(6)
    };
    let mut records: Vec<T> = Vec::new();
    for _ in 0..len {
        let again = chance
            .percent(10)
            .then(|| chance.pick(&records).cloned())
            .flatten();
        records.push(again.unwrap_or_else(|| make(chance)));
    }
    records
}
