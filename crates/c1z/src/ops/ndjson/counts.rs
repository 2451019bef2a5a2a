//! How many items of each type a file holds.

use std::fmt::Write;

use super::item::Item;
use crate::ops::RecordKind;

/// How many items of each type a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sync runs.
    pub syncs: u64,
    /// Resource types.
    pub resource_types: u64,
    /// Resources.
    pub resources: u64,
    /// Entitlements.
    pub entitlements: u64,
    /// Grants.
    pub grants: u64,
    /// Assets.
    pub assets: u64,
    /// Session entries.
    pub sessions: u64,
    /// Rows that are no record.
    pub rows: u64,
}

impl Counts {
    /// Every count with the type that its lines have.
    fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("sync", self.syncs),
            (RecordKind::ResourceType.as_str(), self.resource_types),
            (RecordKind::Resource.as_str(), self.resources),
            (RecordKind::Entitlement.as_str(), self.entitlements),
            (RecordKind::Grant.as_str(), self.grants),
            (RecordKind::Asset.as_str(), self.assets),
            ("session", self.sessions),
            ("row", self.rows),
        ]
    }

    /// As the JSON object of the last line.
    pub(super) fn to_json(self) -> String {
        let mut out = String::from("{");
        for (name, count) in self.named() {
            let comma = if out.len() > 1 { "," } else { "" };
            // A string takes whatever is written.
            let _ = write!(out, "{comma}\"{name}\":{count}");
        }
        out + "}"
    }

    pub(super) fn add(&mut self, item: &Item<'_>) {
        *match item {
            Item::Sync(_) => &mut self.syncs,
            Item::Session(_) => &mut self.sessions,
            Item::Row { .. } => &mut self.rows,
            Item::Record(record) => match record.kind {
                RecordKind::ResourceType => &mut self.resource_types,
                RecordKind::Resource => &mut self.resources,
                RecordKind::Entitlement => &mut self.entitlements,
                RecordKind::Grant => &mut self.grants,
                RecordKind::Asset => &mut self.assets,
            },
        } += 1;
    }

    /// Items in all.
    pub fn total(&self) -> u64 {
        self.named().iter().map(|(_, count)| count).sum()
    }
}
