//! Keys as people read them: `grant group/eng member -> user/alice`. For tools; nothing parses this form.

use std::fmt;

use super::identity::{EntitlementIdentity, GrantIdentity};
use super::key::{Key, NodePosition, ResourceIdentity};
use super::metadata::MetadataKey;

/// Text of a component; control characters and damage are shown escaped.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self.0) {
            Ok(text) => write!(f, "{}", text.escape_debug()),
            Err(_) => write!(f, "{}", self.0.escape_ascii()),
        }
    }
}

impl fmt::Display for ResourceIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Text(&self.resource_type), Text(&self.resource))
    }
}

impl fmt::Display for EntitlementIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = ResourceIdentity::new(&self.resource_type, &self.resource);
        write!(f, "{resource} {:?} {}", self.form, Text(&self.tail))
    }
}

impl fmt::Display for GrantIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let principal = ResourceIdentity::new(&self.principal_type, &self.principal);
        write!(f, "{} -> {principal}", self.entitlement)
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::ResourceType(id) => write!(f, "resource-type {}", Text(id)),
            Key::Resource(id) => write!(f, "resource {id}"),
            Key::Entitlement(id) => write!(f, "entitlement {id}"),
            Key::Grant(id) => write!(f, "grant {id}"),
            Key::Asset(id) => write!(f, "asset {}", Text(id)),
            Key::SyncRun => f.write_str("sync-run"),
            Key::ResourceByParent { parent, child } => {
                write!(f, "by-parent {parent} -> {child}")
            }
            Key::GrantByPrincipal(id) => write!(f, "by-principal {id}"),
            Key::GrantNeedsExpansion(id) => write!(f, "needs-expansion {id}"),
            Key::GrantHash { grant, bucket } => write!(f, "grant-hash {bucket:04x} {grant}"),
            Key::Session { sync_id, key } => {
                write!(f, "session {} {}", Text(sync_id), Text(key))
            }
            Key::DigestNode {
                partition,
                position,
            } => show_node(f, partition, *position),
            Key::Metadata(key) => show_metadata(f, *key),
            Key::Retired(family, rest) => write!(f, "retired {family:?} {}", rest.escape_ascii()),
            Key::Unassigned(key) => write!(f, "unassigned {}", key.escape_ascii()),
        }
    }
}

fn show_node(f: &mut fmt::Formatter<'_>, partition: &[u8], position: NodePosition) -> fmt::Result {
    match EntitlementIdentity::decode(partition) {
        Ok(identity) => write!(f, "digest {identity} {position:?}"),
        Err(_) => write!(f, "digest {position:?}"),
    }
}

fn show_metadata(f: &mut fmt::Formatter<'_>, key: MetadataKey<'_>) -> fmt::Result {
    match key {
        MetadataKey::IndexMigration(name) => write!(f, "metadata index migration {}", Text(name)),
        MetadataKey::Unknown(name) => write!(f, "metadata {}", Text(name)),
        known => write!(f, "metadata {known:?}"),
    }
}
