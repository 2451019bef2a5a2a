//! Records as they are made up: messages with what stands beside them.

use c1z::ops::RecordKind;
use c1z_proto::connector::v2;
use testkit::chance::Chance;

use super::changes::change;

/// What a sync holds of something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    ResourceType(v2::ResourceType),
    Resource(v2::Resource),
    Entitlement(v2::Entitlement),
    /// The expansion is beside the message, as both formats store it.
    Grant {
        message: v2::Grant,
        expansion: Option<v2::GrantExpandable>,
        needs_expansion: bool,
    },
    Asset {
        id: String,
        content_type: String,
        data: Vec<u8>,
    },
}

/// Tenths of a second after the moment at which all histories begin; none: not known.
pub(super) type Tenths = Option<u32>;

/// A record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) at: Tenths,
    pub(super) body: Body,
}

impl Record {
    pub(super) fn kind(&self) -> RecordKind {
        match &self.body {
            Body::ResourceType(_) => RecordKind::ResourceType,
            Body::Resource(_) => RecordKind::Resource,
            Body::Entitlement(_) => RecordKind::Entitlement,
            Body::Grant { .. } => RecordKind::Grant,
            Body::Asset { .. } => RecordKind::Asset,
        }
    }

    /// What v1 files know it by.
    pub(super) fn external_id(&self) -> String {
        match &self.body {
            Body::ResourceType(of) => of.id.clone(),
            Body::Resource(of) => pair_of(of).join(":"),
            Body::Entitlement(of) => of.id.clone(),
            Body::Grant { message, .. } => message.id.clone(),
            Body::Asset { id, .. } => id.clone(),
        }
    }

    /// What v3 files know it by.
    pub(super) fn structure(&self) -> Vec<String> {
        let entitlement = |of: &v2::Entitlement| {
            let [of_type, id] = pair_of(&of.resource);
            vec![of_type, id, of.id.clone()]
        };
        match &self.body {
            Body::Resource(of) => pair_of(of).to_vec(),
            Body::Entitlement(of) => entitlement(of),
            Body::Grant { message, .. } => {
                let mut parts = entitlement(&message.entitlement);
                parts.extend(pair_of(&message.principal));
                parts
            }
            Body::ResourceType(_) | Body::Asset { .. } => vec![self.external_id()],
        }
    }
}

/// Type and id of a resource.
pub(super) fn pair_of(resource: &v2::Resource) -> [String; 2] {
    let id = &resource.id;
    [id.resource_type.clone(), id.resource.clone()]
}

/// Few names, so that records meet. Joined by colons, some pairs of them are the same text.
pub(super) const TYPES: [&str; 3] = ["user", "group", "user:x"];
const IDS: [&str; 4] = ["1", "2", "x:1", "\u{fc} \u{1}"];

fn pick_one(chance: &mut Chance, from: &[&str]) -> String {
    chance.pick(from).copied().unwrap_or_default().to_owned()
}

pub(super) fn id(chance: &mut Chance) -> v2::ResourceId {
    v2::ResourceId {
        resource_type: pick_one(chance, &TYPES),
        resource: pick_one(chance, &IDS),
        ..Default::default()
    }
}

fn stub(chance: &mut Chance) -> v2::Resource {
    v2::Resource {
        id: id(chance).into(),
        ..Default::default()
    }
}

fn entitlement_stub(chance: &mut Chance) -> v2::Entitlement {
    v2::Entitlement {
        id: format!("e{}", chance.below(3)),
        resource: stub(chance).into(),
        ..Default::default()
    }
}

/// A grant has an id of its own, or the usual one, which principals of one entitlement id may share.
fn grant_id(chance: &mut Chance, grant: &v2::Grant) -> String {
    if chance.percent(50) {
        return format!("g{}", chance.below(6));
    }
    let [of_type, of] = pair_of(&grant.principal);
    [grant.entitlement.id.as_str(), &of_type, &of].join(":")
}

/// A time among few; one in eight is not known.
pub(super) fn time(chance: &mut Chance) -> Tenths {
    (chance.below(8) > 0).then(|| chance.below(25) as u32)
}

/// Something new, without fields beyond its identity; some fields are changed at once.
pub(super) fn new_record(chance: &mut Chance) -> Record {
    let body = match chance.below(10) {
        0 => Body::ResourceType(v2::ResourceType {
            id: pick_one(chance, &TYPES),
            ..Default::default()
        }),
        1 | 2 => Body::Resource(stub(chance)),
        3 | 4 => Body::Entitlement(entitlement_stub(chance)),
        5 => Body::Asset {
            id: format!("a{}", chance.below(3)),
            content_type: "text/plain".to_owned(),
            data: chance.bytes(3),
        },
        _ => {
            let mut message = v2::Grant {
                entitlement: entitlement_stub(chance).into(),
                principal: stub(chance).into(),
                ..Default::default()
            };
            message.id = grant_id(chance, &message);
            Body::Grant {
                message,
                expansion: None,
                needs_expansion: false,
            }
        }
    };
    let mut record = Record {
        at: time(chance),
        body,
    };
    for _ in 0..chance.below(4) {
        change(&mut record, chance);
    }
    record
}

/// Changes what the record is known by: in one of the two formats it is another one then.
pub(super) fn rename(record: &mut Record, chance: &mut Chance) {
    match &mut record.body {
        Body::Entitlement(of) => {
            of.resource.get_or_insert_default().id = id(chance).into();
        }
        Body::Grant { message, .. } if chance.percent(50) => {
            message.id = grant_id(chance, message);
        }
        Body::Grant { message, .. } => {
            message.principal.get_or_insert_default().id = id(chance).into();
        }
        Body::ResourceType(_) | Body::Resource(_) | Body::Asset { .. } => {}
    }
}
