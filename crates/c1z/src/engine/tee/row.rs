//! Everything that engines answer with, in the form in which two answers are compared.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use c1z_proto::connector::v2;
use c1z_proto::json::{PrintOptions, Printer, UnknownAny};
use c1z_proto::schema::Described;
use serde_json::Value;

use super::projection::Projected;
use super::report::Facts;
use crate::engine::Identity;
use crate::engine::reader::{
    AssetInfo, DigestNode, DigestRoot, GrantRow, PendingExpansion, SessionEntries, SessionEntry,
};
use crate::engine::types::{ResourceRef, SyncId, SyncRun, SyncStats};
use crate::ops::diff::Compared;

/// A value of an answer.
pub(super) trait Row: Clone + PartialEq + Debug + Send + Sync + 'static {
    /// What it is called in reports.
    const SUBJECT: &'static str;

    /// What makes it the same record on both sides; empty where there is only one.
    fn identity(&self, _: Identity) -> String {
        String::new()
    }

    /// Reduces it to what a v3 file holds.
    fn project(&mut self) {}

    /// Forgets what it recorded of other rows; they are compared themselves.
    fn forget_recorded(&mut self) {}

    /// Its fields, for reports.
    fn facts(&self) -> Facts {
        Facts::from([(String::new(), format!("{self:?}"))])
    }

    /// Bytes that are equal if and only if the rows are.
    fn content(&self) -> Vec<u8> {
        format!("{self:?}").into_bytes()
    }
}

macro_rules! plain {
    ($($of:ty => $subject:literal),* $(,)?) => {
        $(impl Row for $of {
            const SUBJECT: &'static str = $subject;
        })*
    };
}

plain! {
    () => "result",
    bool => "flag",
    u64 => "count",
    String => "text",
    Vec<u8> => "session entry",
    SyncId => "sync id",
    (SyncId, bool) => "sync id and whether it is new",
    SessionEntries => "session entries",
    DigestRoot => "digest",
    DigestNode => "digest node",
    Vec<DigestNode> => "digest nodes",
}

impl Row for ResourceRef {
    const SUBJECT: &'static str = "principal";

    fn identity(&self, _: Identity) -> String {
        self.to_string()
    }
}

impl Row for SessionEntry {
    const SUBJECT: &'static str = "session entry";

    fn identity(&self, _: Identity) -> String {
        self.0.clone()
    }
}

impl Row for AssetInfo {
    const SUBJECT: &'static str = "asset";

    fn identity(&self, _: Identity) -> String {
        self.id.clone()
    }
}

impl Row for BTreeMap<String, i64> {
    const SUBJECT: &'static str = "counts";

    fn facts(&self) -> Facts {
        let counts = self.iter();
        counts
            .map(|(key, count)| (key.clone(), count.to_string()))
            .collect()
    }
}

impl Row for BTreeMap<String, v2::GrantSources> {
    const SUBJECT: &'static str = "sources of grants";

    fn facts(&self) -> Facts {
        let sources = self.iter();
        sources
            .map(|(grant, of)| (grant.clone(), format!("{of:?}")))
            .collect()
    }
}

impl Row for SyncStats {
    const SUBJECT: &'static str = "statistics";

    fn facts(&self) -> Facts {
        let counts = [
            ("resource_types", self.resource_types),
            ("resources", self.resources),
            ("entitlements", self.entitlements),
            ("grants", self.grants),
            ("assets", self.assets),
        ];
        let counts = counts.map(|(field, count)| (field.to_owned(), count.to_string()));
        let mut facts = Facts::from(counts);
        let maps = [
            (
                "resources_by_resource_type",
                &self.resources_by_resource_type,
            ),
            ("grants_by_resource_type", &self.grants_by_resource_type),
            (
                "entitlements_by_resource_type",
                &self.entitlements_by_resource_type,
            ),
            ("step_durations_ms", &self.step_durations_ms),
        ];
        for (field, map) in maps {
            facts.extend(
                map.iter()
                    .map(|(key, n)| (format!("{field}[{key:?}]"), n.to_string())),
            );
        }
        facts.insert(
            "connector_calls".to_owned(),
            format!("{:?}", self.connector_call_stats),
        );
        facts.insert(
            "session_store".to_owned(),
            format!("{:?}", self.session_store_stats),
        );
        facts.insert(
            "ingest_quality".to_owned(),
            format!("{:?}", self.ingest_quality),
        );
        facts.insert("written_at".to_owned(), format!("{:?}", self.written_at));
        facts
    }
}

impl Row for SyncRun {
    const SUBJECT: &'static str = "sync";

    fn identity(&self, _: Identity) -> String {
        self.id.to_string()
    }

    fn forget_recorded(&mut self) {
        self.stats = None;
    }

    fn facts(&self) -> Facts {
        let fields = [
            ("id", self.id.to_string()),
            ("type", self.sync_type.to_string()),
            ("parent", self.parent_id.clone()),
            ("linked", self.linked_id.clone()),
            ("started_at", format!("{:?}", self.started_at)),
            ("ended_at", format!("{:?}", self.ended_at)),
            ("token", self.token.clone()),
            ("supports_diff", self.supports_diff.to_string()),
            ("verification", format!("{:?}", self.verification)),
        ];
        let mut facts = Facts::from(fields.map(|(field, value)| (field.to_owned(), value)));
        match &self.stats {
            None => {
                facts.insert("statistics".to_owned(), "none".to_owned());
            }
            Some(stats) => {
                let stats = stats.facts().into_iter();
                facts.extend(stats.map(|(field, value)| (format!("statistics.{field}"), value)));
            }
        }
        facts
    }
}

macro_rules! message {
    ($($of:ty => $subject:literal),* $(,)?) => {
        $(impl Row for $of {
            const SUBJECT: &'static str = $subject;

            fn identity(&self, identity: Identity) -> String {
                joined(&Compared::identity(self, identity))
            }

            fn project(&mut self) {
                Projected::project(self);
            }

            fn facts(&self) -> Facts {
                facts_of(self)
            }

            fn content(&self) -> Vec<u8> {
                c1z_proto::encode_canonical(self)
            }
        })*
    };
}

message! {
    v2::ResourceType => "resource type",
    v2::Resource => "resource",
    v2::Entitlement => "entitlement",
    v2::Grant => "grant",
}

impl Row for GrantRow {
    const SUBJECT: &'static str = "grant";

    fn identity(&self, identity: Identity) -> String {
        joined(&Compared::identity(&self.grant, identity))
    }

    fn project(&mut self) {
        Projected::project(&mut self.grant);
    }

    fn facts(&self) -> Facts {
        let mut facts = facts_of(&self.grant);
        let expansion = self.expansion.as_ref().map(c1z_proto::encode_canonical);
        let fields = [
            ("(expansion)", format!("{expansion:?}")),
            ("(needs_expansion)", self.needs_expansion.to_string()),
            ("(discovered_at)", format!("{:?}", self.discovered_at)),
        ];
        facts.extend(fields.map(|(field, value)| (field.to_owned(), value)));
        facts
    }

    fn content(&self) -> Vec<u8> {
        let expansion = self.expansion.as_ref().map(c1z_proto::encode_canonical);
        let meta = format!(
            "{expansion:?} {} {:?} ",
            self.needs_expansion, self.discovered_at
        );
        let mut content = meta.into_bytes();
        content.extend(c1z_proto::encode_canonical(&self.grant));
        content
    }
}

impl Row for PendingExpansion {
    const SUBJECT: &'static str = "pending expansion";

    fn identity(&self, _: Identity) -> String {
        format!("{:?} {}", self.entitlement, self.principal)
    }

    fn facts(&self) -> Facts {
        let fields = [
            ("grant_id", self.grant_id.clone()),
            ("entitlement", format!("{:?}", self.entitlement)),
            ("principal", self.principal.to_string()),
            ("expansion", format!("{:?}", self.expansion)),
        ];
        Facts::from(fields.map(|(field, value)| (field.to_owned(), value)))
    }
}

/// The parts of an identity, one text; no two lists of parts are the same text.
fn joined(parts: &[Cow<'_, str>]) -> String {
    match parts {
        [only] => only.to_string(),
        parts => format!("{parts:?}"),
    }
}

/// The fields of a message by path. Unknown fields have no name and are not among them.
fn facts_of<M: Described>(message: &M) -> Facts {
    let options = PrintOptions {
        proto_names: true,
        unknown_any: UnknownAny::Raw,
    };
    let mut json = Vec::new();
    let printed = Printer::new(options).print_message(message, &mut json);
    let mut facts = Facts::new();
    if let (Ok(()), Ok(value)) = (printed, serde_json::from_slice(&json)) {
        flatten("", &value, &mut facts);
    } else {
        // A message without a JSON form, such as one with a date out of range.
        let bytes = c1z_proto::encode_canonical(message);
        facts.insert("(bytes)".to_owned(), crate::hex::whole(&bytes));
    }
    facts
}

fn flatten(path: &str, value: &Value, facts: &mut Facts) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{name}"), member, facts);
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                flatten(&format!("{path}[{at}]"), element, facts);
            }
        }
        value => {
            facts.insert(path.to_owned(), value.to_string());
        }
    }
}
