//! Records from a small, odd alphabet, so that they meet.

use buffa::{Message, MessageField};
use c1z::engine::types::{EntitlementRef, GrantKey, ResourceRef};
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::Any;
use testkit::chance::Chance;
use testkit::generate::{GenerateOptions, Generated, generate};

use crate::observe::{key_of, ref_of};

/// Where the records of a sequence come from.
#[derive(Debug)]
pub(crate) struct Records {
    /// Rich records whose external ids are in bijection with structure.
    pool: Generated,
    /// Whether records outside of the pool are drawn, whose ids collide.
    collide: bool,
}

impl Records {
    pub(crate) fn new(seed: u64, collide: bool) -> Self {
        Self {
            pool: generate(&GenerateOptions::small(seed)),
            collide,
        }
    }

    fn drawn<T: Clone>(
        &self,
        chance: &mut Chance,
        pool: &[T],
        make: impl Fn(&mut Chance) -> T,
    ) -> Vec<T> {
        if pool.is_empty() && !self.collide {
            return Vec::new();
        }
        several(chance, |chance| {
            let pooled = if self.collide && chance.percent(70) {
                None
            } else {
                chance.pick(pool).cloned()
            };
            pooled.unwrap_or_else(|| make(chance))
        })
    }

    pub(crate) fn resource_types(&self, chance: &mut Chance) -> Vec<v2::ResourceType> {
        let mut records = self.drawn(chance, &self.pool.resource_types, resource_type);
        for record in &mut records {
            change(chance, &mut record.display_name);
        }
        records
    }

    pub(crate) fn resources(&self, chance: &mut Chance) -> Vec<v2::Resource> {
        let mut records = self.drawn(chance, &self.pool.resources, resource);
        for record in &mut records {
            change(chance, &mut record.display_name);
            if chance.percent(20) {
                record.parent_resource_id = chance
                    .pick(&self.pool.resources)
                    .and_then(|parent| parent.id.as_option().cloned())
                    .into();
            }
        }
        records
    }

    pub(crate) fn entitlements(&self, chance: &mut Chance) -> Vec<v2::Entitlement> {
        let mut records = self.drawn(chance, &self.pool.entitlements, entitlement);
        for record in &mut records {
            change(chance, &mut record.slug);
        }
        records
    }

    pub(crate) fn grants(&self, chance: &mut Chance) -> Vec<v2::Grant> {
        let mut records = self.drawn(chance, &self.pool.grants, grant);
        for record in &mut records {
            if chance.percent(20) {
                record.annotations.push(expandable(chance));
            }
        }
        records
    }

    pub(crate) fn grant_id(&self, chance: &mut Chance) -> String {
        match chance.pick(&self.pool.grants) {
            Some(grant) if !self.collide || chance.percent(50) => grant.id.clone(),
            _ => grant_id(chance),
        }
    }

    pub(crate) fn grant_ids(&self, chance: &mut Chance) -> Vec<String> {
        several(chance, |chance| self.grant_id(chance))
    }

    pub(crate) fn grant_keys(&self, chance: &mut Chance) -> Vec<GrantKey> {
        several(chance, |chance| match chance.pick(&self.pool.grants) {
            Some(grant) if !self.collide || chance.percent(50) => key_of(grant),
            _ => GrantKey {
                entitlement: entitlement_ref(chance),
                principal: resource_ref(chance),
            },
        })
    }

    pub(crate) fn resource_ref(&self, chance: &mut Chance) -> ResourceRef {
        match chance.pick(&self.pool.resources) {
            Some(resource) if !self.collide || chance.percent(50) => ref_of(resource),
            _ => resource_ref(chance),
        }
    }

    pub(crate) fn entitlement_ref(&self, chance: &mut Chance) -> EntitlementRef {
        match chance.pick(&self.pool.entitlements) {
            Some(of) if !self.collide || chance.percent(50) => EntitlementRef {
                id: of.id.clone(),
                resource: chance
                    .percent(50)
                    .then(|| of.resource.as_option().map(ref_of))
                    .flatten(),
            },
            _ => entitlement_ref(chance),
        }
    }
}

/// A record of the pool is written again with another text.
fn change(chance: &mut Chance, text: &mut String) {
    if chance.percent(30) {
        *text = pick(chance, &IDS);
    }
}

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
fn resource_ref(chance: &mut Chance) -> ResourceRef {
    let mut of = ResourceRef::new(pick(chance, &TYPES), pick(chance, &IDS));
    if chance.percent(1) {
        of.resource.clear();
    }
    of
}

/// The id of an entitlement: built from its resource, or not.
fn entitlement_id(chance: &mut Chance, on: &ResourceRef) -> String {
    if chance.percent(60) {
        format!("{on}:{}", pick(chance, &TAILS))
    } else {
        pick(chance, &OPAQUE)
    }
}

fn entitlement_ref(chance: &mut Chance) -> EntitlementRef {
    let on = resource_ref(chance);
    EntitlementRef {
        id: entitlement_id(chance, &on),
        resource: chance.percent(50).then_some(on),
    }
}

/// A grant's id as a caller may know it: of its parts, or one of its own.
fn grant_id(chance: &mut Chance) -> String {
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

fn resource_type(chance: &mut Chance) -> v2::ResourceType {
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

fn resource(chance: &mut Chance) -> v2::Resource {
    let parent = chance.percent(50).then(|| resource_ref(chance));
    v2::Resource {
        parent_resource_id: parent.as_ref().map(id_of).into(),
        display_name: pick(chance, &IDS),
        ..bare(&resource_ref(chance))
    }
}

fn entitlement(chance: &mut Chance) -> v2::Entitlement {
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

fn grant(chance: &mut Chance) -> v2::Grant {
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
fn several<T: Clone>(chance: &mut Chance, make: impl Fn(&mut Chance) -> T) -> Vec<T> {
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
