//! Syncs made of a seed: records with odd ids, parents, annotations, expansions, sources, assets.
//!
//! Ids come from the alphabet of `store-contract` §8.3, so that prefixes, colons, NUL and letters that look alike meet.
//! Unless asked otherwise ids are in bijection with structure: no two records of a kind share an external id, whatever
//! their structure, so that engines keyed by either see the same records.

use std::collections::BTreeSet;

use buffa::{Message, MessageField};
use c1z::engine::StorageEngine;
use c1z_proto::connector::v2;
use c1z_proto::google::protobuf::{Any, Struct, Timestamp, Value, value};

use crate::chance::Chance;

/// What to make.
#[derive(Clone, Debug)]
pub struct GenerateOptions {
    /// Where everything comes from.
    pub seed: u64,
    /// Most resource types; fewer where ids repeat.
    pub resource_types: usize,
    /// Most resources.
    pub resources: usize,
    /// Most entitlements.
    pub entitlements: usize,
    /// Most grants.
    pub grants: usize,
    /// Most assets.
    pub assets: usize,
    /// Whether external ids may repeat over structures, and structures over external ids.
    pub collisions: bool,
    /// Percent of records that get an id from the odd alphabet instead of a plain one.
    pub odd_ids_percent: usize,
}

impl GenerateOptions {
    /// A small sync: some dozens of each kind.
    pub fn small(seed: u64) -> Self {
        Self {
            seed,
            resource_types: 6,
            resources: 40,
            entitlements: 25,
            grants: 120,
            assets: 5,
            collisions: false,
            odd_ids_percent: 40,
        }
    }
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedAsset {
    /// External id.
    pub id: String,
    /// Media type.
    pub content_type: String,
    /// Bytes; never none.
    pub data: Vec<u8>,
}

/// The records of a sync, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the kinds")]
pub struct Generated {
    pub resource_types: Vec<v2::ResourceType>,
    pub resources: Vec<v2::Resource>,
    pub entitlements: Vec<v2::Entitlement>,
    pub grants: Vec<v2::Grant>,
    pub assets: Vec<GeneratedAsset>,
}

impl Generated {
    /// Writes everything into the current sync, `batch` records a call.
    pub fn write_to(&self, engine: &dyn StorageEngine, batch: usize) -> c1z::Result<()> {
        let batch = batch.max(1);
        for records in self.resource_types.chunks(batch) {
            engine.put_resource_types(records)?;
        }
        for records in self.resources.chunks(batch) {
            engine.put_resources(records)?;
        }
        for asset in &self.assets {
            engine.put_asset(&asset.id, &asset.content_type, &mut asset.data.as_slice())?;
        }
        for records in self.entitlements.chunks(batch) {
            engine.put_entitlements(records)?;
        }
        for records in self.grants.chunks(batch) {
            engine.put_grants(records)?;
        }
        Ok(())
    }
}

/// The odd ids of `store-contract` §8.3, and one of 300 bytes.
pub fn odd_ids() -> Vec<String> {
    let short = [
        "a",
        "ab",
        "a:b",
        "a::b",
        ":",
        "%",
        "_",
        "A",
        "\u{e9}",
        "e\u{301}",
        "\0",
        "\u{1}",
        "\u{10ffff}",
        "~",
        " a",
        "a ",
        "a/b",
        "\"'",
        "\n",
        "\u{1f642}",
    ];
    let mut ids: Vec<String> = short.iter().map(|id| (*id).to_owned()).collect();
    ids.push("long".repeat(75));
    ids
}

/// Makes a sync.
pub fn generate(options: &GenerateOptions) -> Generated {
    let mut maker = Maker {
        chance: Chance::seeded(options.seed),
        options,
        odd: odd_ids(),
        taken: BTreeSet::new(),
        made: Generated::default(),
    };
    for _ in 0..options.resource_types {
        maker.resource_type();
    }
    for _ in 0..options.assets {
        maker.asset();
    }
    for _ in 0..options.resources {
        maker.resource();
    }
    for _ in 0..options.entitlements {
        maker.entitlement();
    }
    for _ in 0..options.grants {
        maker.grant();
    }
    maker.made
}

struct Maker<'a> {
    chance: Chance,
    options: &'a GenerateOptions,
    odd: Vec<String>,
    /// External ids in use, by kind.
    taken: BTreeSet<(&'static str, String)>,
    made: Generated,
}

impl Maker<'_> {
    fn resource_type(&mut self) {
        const PLAIN: [&str; 8] = [
            "user", "user2", "group", "role", "app", "secret", "org", "grants",
        ];
        let id = self.id(&PLAIN);
        if !self.take("resource type", &id, false) {
            return;
        }
        let traits = [
            v2::resource_type::Trait::TRAIT_USER,
            v2::resource_type::Trait::TRAIT_GROUP,
            v2::resource_type::Trait::TRAIT_APP,
        ];
        let traits = self.chance.pick(&traits).map(|of| (*of).into());
        let record = v2::ResourceType {
            id,
            display_name: self.text(),
            traits: traits.into_iter().collect(),
            annotations: self.annotations(),
            description: self.text(),
            sourced_externally: self.chance.percent(20),
            ..Default::default()
        };
        self.made.resource_types.push(record);
    }

    fn resource(&mut self) {
        let Some(of) = self.pick(|made| &made.resource_types) else {
            return;
        };
        let id = self.id(&["1", "2", "3", "alice", "alice2", "bob", "x-1"]);
        if !self.take("resource", &format!("{}:{id}", of.id), false) {
            return;
        }
        let parent = if self.chance.percent(40) {
            self.pick(|made| &made.resources)
        } else {
            None
        };
        let icon = if self.chance.percent(20) {
            self.pick(|made| &made.assets)
        } else {
            None
        };
        let record = v2::Resource {
            id: MessageField::some(resource_id(&of.id, &id)),
            parent_resource_id: field(parent.and_then(|parent| parent.id.into_option())),
            display_name: self.text(),
            annotations: self.annotations(),
            description: self.text(),
            profile: field(self.chance.percent(30).then(|| self.profile())),
            icon: field(icon.map(|asset| v2::AssetRef {
                id: asset.id,
                ..Default::default()
            })),
            status: field(self.chance.percent(30).then(|| v2::Status {
                status: v2::status::ResourceStatus::RESOURCE_STATUS_ENABLED.into(),
                details: self.text(),
                ..Default::default()
            })),
            created_at: field(self.chance.percent(30).then(|| Timestamp {
                seconds: 1_700_000_000,
                nanos: 5,
                ..Default::default()
            })),
            ..Default::default()
        };
        self.made.resources.push(record);
    }

    /// An id that begins with the resource's, as connectors build them, or any other.
    fn entitlement(&mut self) {
        let Some(on) = self.pick(|made| &made.resources) else {
            return;
        };
        let id = on.id.as_option().cloned().unwrap_or_default();
        let tail = self.id(&["member", "admin", "owner", ""]);
        let external = if self.chance.percent(70) {
            format!("{}:{}:{tail}", id.resource_type, id.resource)
        } else {
            format!("free-{tail}")
        };
        if !self.take("entitlement", &external, self.options.collisions) {
            return;
        }
        let types = self.made.resource_types.iter().take(2).cloned().collect();
        let purpose = v2::entitlement::PurposeValue::PURPOSE_VALUE_PERMISSION;
        let record = v2::Entitlement {
            resource: MessageField::some(on),
            id: external,
            display_name: self.text(),
            description: self.text(),
            grantable_to: types,
            annotations: self.annotations(),
            purpose: purpose.into(),
            slug: self.text(),
            ..Default::default()
        };
        self.made.entitlements.push(record);
    }

    fn grant(&mut self) {
        let (Some(of), Some(to)) = (
            self.pick(|made| &made.entitlements),
            self.pick(|made| &made.resources),
        ) else {
            return;
        };
        let principal = to.id.as_option().cloned().unwrap_or_default();
        let built = format!(
            "{}:{}:{}",
            of.id, principal.resource_type, principal.resource
        );
        let structure = format!("{:?}{}\0{principal:?}", of.resource, of.id);
        let number = self.made.grants.len();
        let external = match self.chance.below(10) {
            0 => format!("grant-{number}"),
            1 => format!("{}:grant-{number}", of.id),
            _ => built.clone(),
        };
        // One grant per structure, and no id that another grant's structure would build.
        let collisions = self.options.collisions;
        if !self.take("structure", &structure, collisions)
            || !self.take("grant", &external, collisions)
            || (external != built && !self.take("grant", &built, collisions))
        {
            return;
        }
        let id = if external == built && self.chance.percent(30) {
            String::new()
        } else {
            external
        };
        let sources = self.sources(&of.id);
        let mut annotations = self.annotations();
        annotations.extend(self.expandable());
        let record = v2::Grant {
            entitlement: MessageField::some(of),
            principal: MessageField::some(to),
            id,
            sources: field(sources),
            annotations,
            ..Default::default()
        };
        self.made.grants.push(record);
    }

    fn asset(&mut self) {
        let id = self.id(&["icon-1", "icon-2", "logo"]);
        if !self.take("asset", &id, false) {
            return;
        }
        let len = 1 + self.chance.below(2_000);
        let asset = GeneratedAsset {
            id,
            content_type: "image/png".to_owned(),
            data: self.chance.bytes(len),
        };
        self.made.assets.push(asset);
    }

    /// An id from the odd alphabet, or a plain one.
    fn id(&mut self, plain: &[&str]) -> String {
        if self.chance.percent(self.options.odd_ids_percent) {
            return self.chance.pick(&self.odd).cloned().unwrap_or_default();
        }
        self.chance
            .pick(plain)
            .map(|id| (*id).to_owned())
            .unwrap_or_default()
    }

    /// Whether the id is free, or may repeat.
    fn take(&mut self, kind: &'static str, id: &str, may_repeat: bool) -> bool {
        self.taken.insert((kind, id.to_owned())) || may_repeat
    }

    fn pick<T: Clone>(&mut self, from: impl Fn(&Generated) -> &Vec<T>) -> Option<T> {
        self.chance.pick(from(&self.made)).cloned()
    }

    fn text(&mut self) -> String {
        match self.chance.below(4) {
            0 => String::new(),
            number => format!("text {number} {}", self.chance.below(1_000)),
        }
    }

    fn profile(&mut self) -> Struct {
        let text = |text: String| Value {
            kind: Some(value::Kind::StringValue(text)),
            ..Default::default()
        };
        Struct {
            fields: ["first", "last", ""]
                .into_iter()
                .map(|key| (key.to_owned(), text(self.text())))
                .collect(),
            ..Default::default()
        }
    }

    /// Known and unknown annotations.
    fn annotations(&mut self) -> Vec<Any> {
        let mut annotations = Vec::new();
        if self.chance.percent(30) {
            let immutable = v2::GrantImmutable {
                source_id: self.text(),
                ..Default::default()
            };
            annotations.push(any("c1.connector.v2.GrantImmutable", &immutable));
        }
        if self.chance.percent(20) {
            annotations.push(Any {
                type_url: "type.example.com/unknown.Annotation".to_owned(),
                value: self.chance.bytes(12),
                ..Default::default()
            });
        }
        annotations
    }

    /// An annotation to expand: real, or one that names nothing.
    fn expandable(&mut self) -> Option<Any> {
        let ids = match self.chance.below(10) {
            0 => vec![" \t".to_owned()],
            1..=3 => {
                let ids = self.made.entitlements.iter().map(|of| of.id.clone());
                ids.take(2).collect()
            }
            _ => return None,
        };
        let expandable = v2::GrantExpandable {
            entitlement_ids: ids,
            shallow: self.chance.percent(50),
            resource_type_ids: self
                .chance
                .percent(30)
                .then(|| "user".to_owned())
                .into_iter()
                .collect(),
            ..Default::default()
        };
        Some(any("c1.connector.v2.GrantExpandable", &expandable))
    }

    fn sources(&mut self, own: &str) -> Option<v2::GrantSources> {
        if !self.chance.percent(25) {
            return None;
        }
        let source = |is_direct| v2::grant_sources::GrantSource {
            is_direct,
            ..Default::default()
        };
        let other = self.pick(|made| &made.entitlements)?;
        Some(v2::GrantSources {
            sources: [(other.id, source(false)), (own.to_owned(), source(true))].into(),
            ..Default::default()
        })
    }
}

fn resource_id(of: &str, id: &str) -> v2::ResourceId {
    v2::ResourceId {
        resource_type: of.to_owned(),
        resource: id.to_owned(),
        ..Default::default()
    }
}

fn any(name: &str, message: &impl Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{name}"),
        value: message.encode_to_vec(),
        ..Default::default()
    }
}

fn field<T: Default>(value: Option<T>) -> MessageField<T, buffa::Inline<T>> {
    value.map_or_else(MessageField::none, MessageField::some)
}

#[cfg(test)]
mod tests;
